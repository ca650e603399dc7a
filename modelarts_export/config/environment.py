"""The layers of the program's own variables and of flags, and how each names an option."""

from collections.abc import Mapping
from typing import Any

from modelarts_export.config.options import SettingsLayer

PREFIX = "MODELARTS_EXPORT_"


def make_environment_layer(environ: Mapping[str, str]) -> SettingsLayer:
    """Return the layer of the program's own variables."""
    values = {
        name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)
    }
    return SettingsLayer(values=values, origin=format_variable)


def make_flag_layer(flags: Mapping[str, Any]) -> SettingsLayer:
    """Return the layer of the command line."""
    return SettingsLayer(values=flags, origin=format_flag, empty=(None, False))


def format_variable(name: str) -> str:
    """Return the variable of an option."""
    return PREFIX + name.upper()


def format_flag(name: str) -> str:
    """Return the flag of an option."""
    return "--" + name.replace("_", "-")
