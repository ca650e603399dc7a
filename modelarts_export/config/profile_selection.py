"""The profile that is in force, from the config.yaml of the user."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelarts_export.config.environment import HOME, find_home
from modelarts_export.config.profiles import TOP_KEYS, ProfileSelection
from modelarts_export.errors import ConfigFileError, InvalidInputError
from modelarts_export.quoting import quote

DEFAULT_FILE = "~/.config/modelarts-export/config.yaml"
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH


def find_config_path(environ: Mapping[str, str]) -> Path | None:
    """Return where the file of the user is or would be; None without a home directory."""
    directory = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not directory.is_absolute():  # as the XDG specification says
        home = find_home(environ)
        if home is None:
            return None
        directory = home / ".config"
    return directory / "modelarts-export" / "config.yaml"


def select_profile(environ: Mapping[str, str], name: str | None) -> ProfileSelection:
    """Return the profile of this name, or without a name the default one of the file.

    Raises InvalidInputError for a file that is invalid or that others can change, and for an unknown name.
    """
    path = find_config_path(environ)
    if path is None or not _exists(path):
        if name:
            reason = f"{path} does not exist" if path else f"{HOME} is not set to a directory"
            hint = f"create the file, with the keys {' and '.join(TOP_KEYS)}"
            raise ConfigFileError(f"no profile {quote(name)}: {reason}", hint=hint)
        return ProfileSelection()
    from modelarts_export.config.config_file import load_config  # noqa: PLC0415 - it loads yaml

    warnings = tuple(_check_mode(path))
    config = load_config(path)
    if name:
        return ProfileSelection(named=config.get_profile(name), file=str(path), warnings=warnings)
    default = config.get_profile(config.default) if config.default else None
    return ProfileSelection(default=default, file=str(path), warnings=warnings)


def list_profile_names() -> list[str]:
    """Return the names of the profiles of this process; none for a file that is missing or invalid."""
    from modelarts_export.config.config_file import load_config  # noqa: PLC0415 - as above

    path = find_config_path(os.environ)
    try:
        return list(load_config(path).profiles) if path else []
    except InvalidInputError:
        return []


def _exists(path: Path) -> bool:
    """Return whether a file exists; one in a home directory that is closed to this user does not."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises PermissionError


def _check_mode(path: Path) -> Iterator[str]:
    """Yield a warning for a file that others can read."""
    if path.stat().st_mode & _OTHERS_READ:
        yield f"{path}: others can read this file; run chmod 600 {path}"
