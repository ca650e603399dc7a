"""Checks of the arguments that Python code gives, before anything is sent."""

import math
from dataclasses import Field
from os import PathLike
from typing import Any, get_args

from modelarts_export.errors import InvalidInputError


def check_type(
    name: str,
    value: object,
    expected: Any,  # noqa: ANN401 - a class or a union
    *,
    optional: bool = False,
    example: str = "",
) -> None:
    """Raise InvalidInputError, which names the argument and an example, for a value of another type.

    With `optional`, None is accepted too.
    """
    if not isinstance(value, expected) and not (optional and value is None):
        names = " or ".join(each.__name__ for each in get_args(expected) or [expected])
        such_as = f", such as {example}," if example else ","
        raise InvalidInputError(f"{name}: must be {names}{such_as} not {type(value).__name__}")


def check_seconds(name: str, value: object, *, optional: bool = False) -> None:
    """Raise InvalidInputError, which names the argument, for what is no number of seconds."""
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidInputError(f"{name}: must be a number of seconds, not {value!r}")


def check_setting(setting: Field[Any], value: object) -> None:
    """Raise InvalidInputError for a value that is neither text nor, for a setting that is none, a number."""
    is_text = str in (setting.type, *get_args(setting.type))
    expected = str | PathLike if is_text else str | int | float
    if value is not None and not isinstance(value, expected):
        kinds = "text" if is_text else "text or a number"
        raise InvalidInputError(f"{setting.name}: must be {kinds}, not {type(value).__name__}")
