"""The flags of settings: their names, and their values as a layer of settings."""

from collections.abc import Mapping
from typing import Any

from modelarts_export.config.options import SettingsLayer


def make_flag_layer(flags: Mapping[str, Any]) -> SettingsLayer:
    """Return the layer of the command line; an empty flag counts as given, and so is an error."""
    return SettingsLayer(values=flags, origin=format_flag, empty=(None, False))


def format_flag(name: str) -> str:
    """Return the flag of an option: max_retries is --max-retries."""
    return "--" + name.replace("_", "-")
