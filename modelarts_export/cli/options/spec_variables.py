"""The variables of a spec: those of --var, and how to pass one that is not defined."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from modelarts_export.errors import InvalidInputError
from modelarts_export.quoting import shorten
from modelarts_export.spec.interpolation import (
    VARIABLE_NAME,
    VARIABLE_PREFIX,
    Interpolator,
    UndefinedVariableError,
)


def make_interpolator(
    assignments: Iterable[str],
    environ: Mapping[str, str],
    *,
    now: datetime,
    contains_secret: Callable[[str], bool],
) -> Callable[[str], str]:
    """Return a function that replaces each `${…}` in a string of a spec.

    `assignments` are the values of --var. Raises InvalidInputError for an invalid one. The function raises
    ValueError, as Interpolator.interpolate, with what to write for an undefined variable.
    """
    try:
        values = parse_assignments(assignments, environ)
    except ValueError as error:
        raise InvalidInputError(f"--var: {error}") from None
    interpolator = Interpolator(values, environ, now=now, contains_secret=contains_secret)

    def interpolate(text: str) -> str:
        try:
            return interpolator.interpolate(text)
        except UndefinedVariableError as error:
            name = shorten(error.name)
            if error.name in environ:
                raise ValueError(f"{error}; pass it with --var {name}") from None
            advice = f"set {VARIABLE_PREFIX}{name}, or write ${{{name}:-default}}"
            raise ValueError(f"{error}; give --var {name}=VALUE, {advice}") from None

    return interpolate


def parse_assignments(texts: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values of `NAME=VALUE` texts by name; the last one wins.

    `NAME` alone takes the value from the environment, and stays undefined when there is none. Raises
    ValueError for any other text.
    """
    values = dict[str, str]()
    for text in texts:
        name, equals, value = text.partition("=")
        if not VARIABLE_NAME.fullmatch(name):
            raise ValueError(f"{shorten(name)!r} is not NAME=VALUE or NAME")
        if equals:
            values[name] = value
        elif name in environ:
            values[name] = environ[name]
    return values
