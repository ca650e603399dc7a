"""Files of other programs that hold secrets: read whole, bounded, and refused if others can change them."""

import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 2**20
"""The most bytes of a file; real ones have a few thousand."""


class UnusableFileError(Exception):
    """A file that cannot be used, with the reason and a hint; `is_missing` if there is none.

    `names_file` says that the reason has the path of the file. The reason never shows a part of the file.
    """

    def __init__(
        self, reason: str, *, hint: str = "", is_missing: bool = False, names_file: bool = False
    ) -> None:
        super().__init__(reason)
        self.names_file = names_file
        self.hint = hint
        self.is_missing = is_missing


def read_private_text(path: Path) -> str:
    """Return the text of a regular file, or of the one that a link leads to.

    Raises UnusableFileError for any other file, one that is missing, too large or not UTF-8, and one that
    others can change.
    """
    try:
        # nonblocking: otherwise opening a pipe waits until another process opens it for writing
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            _check_kind_and_mode(path, os.fstat(descriptor))
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise UnusableFileError("no such file", is_missing=True) from None
    except OSError as error:
        raise UnusableFileError((error.strerror or str(error)).lower()) from None
    except ValueError:  # a NUL in the name
        raise UnusableFileError("not a valid file name") from None
    if len(content) > MAX_BYTES:
        raise UnusableFileError(f"larger than {MAX_BYTES // 2**20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableFileError(
            f"not UTF-8 at byte {error.start + 1}", hint=f"save {path} as UTF-8"
        ) from None


def is_working_directory(directory: Path) -> bool:
    """Return whether this is the working directory, by whatever name; it may be a stranger's."""
    try:
        return directory.samefile(Path())
    except (OSError, ValueError):  # one of them does not exist
        return False


def can_others_read(path: Path) -> bool:
    """Return whether others than the user can read a file; False for one that is missing."""
    try:
        status = path.stat()
    except OSError:
        return False
    return bool((_is_shared(status) and status.st_mode & stat.S_IRGRP) or status.st_mode & stat.S_IROTH)


def parse_json(text: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return the value of a JSON text. Raises UnusableFileError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnusableFileError(f"not valid JSON at line {error.lineno}") from None
    except RecursionError:
        raise UnusableFileError("nested too deep") from None
    except ValueError:
        raise UnusableFileError("a number in it is too long") from None


def _check_kind_and_mode(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnusableFileError("is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise UnusableFileError("not a regular file")
    if (_is_shared(status) and status.st_mode & stat.S_IWGRP) or status.st_mode & stat.S_IWOTH:
        raise UnusableFileError("others can change this file", hint=f"run chmod go-w {path}")


def _is_shared(status: os.stat_result) -> bool:
    """Return whether the group has others: one with the number of the user is the user's own."""
    return status.st_gid != status.st_uid
