"""Options: each declared once as a dataclass field, and resolved from layers of values with their origin."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from modelarts_export.errors import InvalidInputError


def option(
    parse: Callable[[str], object],
    help_text: str,
    metavar: str = "",
    *,
    default: object = None,
    **metadata: Any,  # noqa: ANN401 - kept as it is
) -> Any:  # noqa: ANN401 - has the type of the field, as dataclasses.field does
    """Declare an option: the parser of its text, its help and its metavar.

    Known metadata: `short`, a one-letter flag; `words`, which a shell completes; `submits`, true for options
    of commands that create something.
    """
    return field(
        default=default, metadata={"parse": parse, "help": help_text, "metavar": metavar, **metadata}
    )


@dataclass(frozen=True, kw_only=True)
class SettingsLayer:
    """Values from one place: text, or True for a flag without a value; `origin` names each.

    A value in `empty` counts as not given: an empty variable is unset, an empty flag is not.
    """

    values: Mapping[str, Any]
    origin: Callable[[str], str]
    empty: tuple[object, ...] = (None, "", False)


def option_fields(group: type[Any]) -> list[Field[Any]]:
    """Return the options of a dataclass as its fields."""
    return [each for each in fields(group) if "parse" in each.metadata]


def resolve_options(group: type[Any], *layers: SettingsLayer) -> dict[str, tuple[Any, str]]:
    """Return value and origin of each option that was given; the first layer that has one wins.

    Raises InvalidInputError for a value that cannot be parsed, naming its origin.
    """
    found = {each.name: _find_value(each, layers) for each in option_fields(group)}
    return {name: pair for name, pair in found.items() if pair}


def resolve_option(group: type[Any], name: str, *layers: SettingsLayer) -> Any:  # noqa: ANN401 - of the option's type
    """Return one option's value or default, even if others are invalid. Raises as resolve_options."""
    declared = next(each for each in option_fields(group) if each.name == name)
    found = _find_value(declared, layers)
    return found[0] if found else declared.default


def _find_value(declared: Field[Any], layers: Iterable[SettingsLayer]) -> tuple[Any, str] | None:
    for layer in layers:
        value = layer.values.get(declared.name)
        if value in layer.empty:
            continue
        origin = layer.origin(declared.name)
        try:
            return (value if value is True else declared.metadata["parse"](value)), origin
        except ValueError as error:
            raise InvalidInputError(f"{origin}: {error}") from None
    return None
