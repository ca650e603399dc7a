"""Options, each declared once as a dataclass field, and their values from layers, each with its origin."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from modelarts_export.errors import InvalidInputError, Problem


def option(
    parse: Callable[[str], object],
    help_text: str,
    metavar: str = "",
    *,
    default: object = None,
    **metadata: Any,  # noqa: ANN401 - see the docstring
) -> Any:  # noqa: ANN401 - has the type of the field, as dataclasses.field does
    """Declare an option as a dataclass field.

    `parse` returns the value of a text or raises ValueError. `metadata` may have these:

    short         its name of one letter
    words         the values to complete, or a function that returns them
    separator     what separates the values of a list
    default_text  its default, where the value does not say it
    hint          what to do about an invalid value
    group         the title of a group of options other than that of the dataclass
    submits       true for an option of commands that create something
    of_calls      true for an option of commands that call the API
    of_tasks      true for an option of commands whose results are tasks
    without_ids   the metadata that differ in commands whose results have no IDs
    """
    return field(
        default=default, metadata={"parse": parse, "help": help_text, "metavar": metavar, **metadata}
    )


@dataclass(frozen=True, kw_only=True)
class SettingsLayer:
    """Values from one source: texts, or True for an option without a value.

    `origin` returns where an option's value comes from, such as a variable. A value in `empty` is not given.
    """

    values: Mapping[str, Any]
    origin: Callable[[str], str]
    empty: tuple[object, ...] = (None, "", False)


NO_SETTINGS = SettingsLayer(values={}, origin=str)
"""The layer of a source without settings."""


def option_fields(options: type[Any]) -> list[Field[Any]]:
    """Return the fields of a dataclass that are options."""
    return [each for each in fields(options) if "parse" in each.metadata]


def resolve_options(options: type[Any], *layers: SettingsLayer) -> dict[str, tuple[Any, str]]:
    """Return the value and the origin of each option that was given; the first layer that has one wins.

    Raises InvalidInputError, which names the origins, for all values that cannot be parsed.
    """
    found: dict[str, tuple[Any, str]] = {}
    errors: list[InvalidInputError] = []
    for each in option_fields(options):
        try:
            pair = _find_value(each, layers)
        except InvalidInputError as error:
            errors.append(error)
        else:
            found |= {each.name: pair} if pair else {}
    if len(errors) > 1:
        problems = [Problem(message=str(error)) for error in errors]
        hint = "; ".join(filter(None, (error.hint for error in errors)))
        raise InvalidInputError(f"{len(errors)} options are invalid", hint=hint, problems=problems)
    if errors:
        raise errors[0]
    return found


def resolve_option(options: type[Any], name: str, *layers: SettingsLayer) -> Any:  # noqa: ANN401 - of the option's type
    """Return the value or the default of one option; the values of others are not parsed.

    Raises InvalidInputError, as resolve_options.
    """
    option_field = next(each for each in option_fields(options) if each.name == name)
    found = _find_value(option_field, layers)
    return found[0] if found else option_field.default


def _find_value(option_field: Field[Any], layers: Iterable[SettingsLayer]) -> tuple[Any, str] | None:
    for layer in layers:
        value = layer.values.get(option_field.name)
        if value in layer.empty:
            continue
        origin = layer.origin(option_field.name)
        try:
            return (value if value is True else option_field.metadata["parse"](value)), origin
        except ValueError as error:
            hint = option_field.metadata.get("hint", "")
            raise InvalidInputError(f"{origin}: {error}", hint=hint) from None
    return None
