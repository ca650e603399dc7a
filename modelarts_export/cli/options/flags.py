"""The flags of settings: their names, and their values as a layer of settings."""

from collections.abc import Mapping
from typing import Any

from modelarts_export.config.options import SettingsLayer, option_fields


def make_flag_layer(flags: Mapping[str, Any]) -> SettingsLayer:
    """Return the layer of the command line; an empty flag counts as given, and so is an error."""
    return SettingsLayer(values=flags, origin=format_flag, empty=(None, False))


def format_flag(name: str) -> str:
    """Return the flag of an option: max_retries is --max-retries."""
    return "--" + name.replace("_", "-")


def describe_empty_list(subject: str, conditions: Any) -> str:  # noqa: ANN401 - any dataclass of options
    """Return a sentence on an empty list, with the flags that select what is in it; a limit does not."""
    fields = [each for each in option_fields(type(conditions)) if each.name != "limit"]
    given = [format_flag(each.name) for each in fields if getattr(conditions, each.name) != each.default]
    return f"{subject} that match {', '.join(given)}" if given else subject
