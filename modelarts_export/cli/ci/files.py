"""The files of reports: checked before anything is sent, and written whole."""

import os
import secrets
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelarts_export.cli.ci.result import Clean, RunResult

Format = Callable[[RunResult, Clean], tuple[str, Sequence[str]]]
"""Returns the text of a file, and the names of values that were left empty because they are too long."""
_MODE = 0o644  # without what the umask removes: a collector of another user may read reports


@dataclass(frozen=True, kw_only=True)
class ReportFile:
    """A file of the report. `origin` is the option or variable that names it."""

    origin: str
    name: str
    format: Format
    is_appended: bool = False

    def replaces(self, other: "ReportFile") -> bool:
        """Return whether one of two reports would replace the other."""
        is_same = _resolve(self.name) == _resolve(other.name)
        return is_same and not (self.is_appended and other.is_appended)


def check_file(name: str) -> None:
    """Check that a file can be written. Raises OSError or ValueError, without changing anything."""
    path = _resolve(name)
    with suppress(FileNotFoundError):
        # not that of `path`: /dev/stdout leads to a pipe, which has none
        if not stat.S_ISREG(os.stat(name).st_mode):  # noqa: PTH116 - a device would be replaced, a pipe blocks
            raise ValueError("it is not a regular file")
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"there is no directory {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ValueError("it cannot be written")


def find_input(name: str, inputs: Sequence[str]) -> str | None:
    """Return which of the files and directories that are read has this file; of a directory, its specs."""
    from modelarts_export.spec.discovery import SUFFIXES  # noqa: PLC0415 - for a command that reads specs

    path = _resolve(name)
    for each in inputs:
        folder = _resolve(each)
        is_spec = path.suffix.lower() in SUFFIXES and path.is_relative_to(folder) and folder.is_dir()
        if path == folder or is_spec:
            return each
    return None


def append_text(name: str, text: str) -> None:
    """Append text to a file. Raises OSError."""
    with _resolve(name).open("ab", buffering=0) as file:
        _write_all(file.fileno(), text)


def replace_text(name: str, text: str) -> None:
    """Write a file as a whole: a reader sees the old text or the new one. Raises OSError."""
    path = _resolve(name)
    temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
    try:
        try:
            _write_all(descriptor, text)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _resolve(name: str) -> Path:
    """Return the path that a name leads to: a link is kept, and its target is written."""
    return Path(os.path.realpath(name))


def _write_all(descriptor: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(descriptor, data) :]
