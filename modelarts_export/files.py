"""Files that the user named, `-` being stdin."""

import os
import sys
from pathlib import Path

from modelarts_export.errors import InvalidInputError

STDIN = "-"
LARGEST = 16 * 2**20  # bytes; a request body may have 12 MB


def read_text(name: str) -> str:
    """Return what a file holds, as UTF-8. Raises InvalidInputError that names the file."""
    try:
        content = _content(name)
        if len(content) <= LARGEST:
            return content.decode("utf-8-sig")
        reason = f"larger than {LARGEST // 2**20} MiB"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start + 1}; save it as UTF-8"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError:  # a NUL in the name
        reason = "no file can have this name"
    raise InvalidInputError(f"{shown(name)}: {reason}")


def _content(name: str) -> bytes:
    if name != STDIN:
        path = Path(os.fsdecode(name.encode(errors="surrogateescape")))  # under LANG=C too
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    stdin = getattr(sys, "stdin", None)  # None when the process was started with it closed
    if stdin is None:
        raise OSError("stdin is closed")
    content: bytes = stdin.buffer.read(LARGEST + 1)
    return content


def shown(name: str) -> str:
    """Return the name of a file for people."""
    return "<stdin>" if name == STDIN else name
