"""The program's own environment variables as a layer of settings, and the home directory."""

import os
from collections.abc import Mapping
from pathlib import Path

from modelarts_export.config.options import SettingsLayer

PREFIX = "MODELARTS_EXPORT_"
HOME = "USERPROFILE" if os.name == "nt" else "HOME"
"""The variable of the home directory."""


def make_environment_layer(environ: Mapping[str, str]) -> SettingsLayer:
    """Return the layer of the variables that begin with MODELARTS_EXPORT_."""
    values = {
        name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)
    }
    return SettingsLayer(values=values, origin=format_variable)


def format_variable(name: str) -> str:
    """Return the variable of an option: region is MODELARTS_EXPORT_REGION."""
    return PREFIX + name.upper()


SOURCE, METADATA = format_variable("credentials"), "metadata"
"""The variable and its value that ask for the metadata service, which is never called otherwise."""


def find_home(environ: Mapping[str, str]) -> Path | None:
    """Return the home directory; None without one, or for a relative path, which may lead to a stranger's."""
    home = Path(environ.get(HOME, ""))
    return home if home.is_absolute() else None
