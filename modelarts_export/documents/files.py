"""Files that the user named, `-` being stdin."""

import io
import os
import select
import stat
import sys
import time
from pathlib import Path

from modelarts_export.errors import InvalidInputError

STDIN = "-"
LARGEST = 16 * 2**20  # bytes; a request body may have 12 MB
_PIECE = 2**20  # bytes that are read at a time


def read_text(name: str, timeout: float | None) -> str:
    """Return what a regular file, a pipe or stdin holds, as UTF-8.

    Raises InvalidInputError that names the file, also when not all of it came within `timeout` seconds
    (None: no limit).
    """
    try:
        content = _read_bytes(name, timeout)
        if len(content) <= LARGEST:
            return content.decode("utf-8-sig")
        reason = f"larger than {LARGEST // 2**20} MiB"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start + 1}; save it as UTF-8"
    except TimeoutError:
        reason = f"not read to its end after {timeout:g}s"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError:  # a NUL in the name
        reason = "no file can have this name"
    raise InvalidInputError(f"{display_name(name)}: {reason}")


def _read_bytes(name: str, timeout: float | None) -> bytes:
    if name == STDIN:
        return _content_of_stdin(timeout)
    path = Path(os.fsdecode(name.encode(errors="surrogateescape")))  # under LANG=C too
    # without waiting, as the opening of a pipe waits for whoever writes to it
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise OSError("is a directory")
        if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
            raise OSError("neither a regular file nor a pipe")
        return _read(descriptor, timeout)
    finally:
        os.close(descriptor)


def _content_of_stdin(timeout: float | None) -> bytes:
    stdin = getattr(sys, "stdin", None)  # None when the process was started with it closed
    if stdin is None:
        raise OSError("stdin is closed")
    try:
        descriptor = stdin.fileno()
    except io.UnsupportedOperation:  # it was replaced by text in memory
        content: bytes = stdin.buffer.read(LARGEST + 1)
        return content
    return _read(descriptor, timeout)


def _read(descriptor: int, timeout: float | None) -> bytes:
    """Return the content up to the limit and one byte more. Raises TimeoutError."""
    end = None if timeout is None else time.monotonic() + timeout
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    pieces, size = list[bytes](), 0
    while size <= LARGEST:
        if not poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError
        try:
            piece = os.read(descriptor, min(_PIECE, LARGEST + 1 - size))
        except BlockingIOError:  # another reader of the pipe was quicker
            continue
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if end is not None and time.monotonic() > end:
            raise TimeoutError
    return b"".join(pieces)


def display_name(name: str) -> str:
    """Return the name of a file for people."""
    return "<stdin>" if name == STDIN else name
