"""Text of the files that the user named; `-` is stdin."""

import io
import os
import select
import stat
import sys
import time
from pathlib import Path

from modelarts_export.errors import InvalidInputError

STDIN = "-"
MAX_BYTES = 16 * 2**20  # bytes; a request body may have 12 MB
MAX_VALUES = 1_000_000  # with those that aliases repeat: a page of aliases can repeat billions of values
MAX_CHARACTERS = 64 * 2**20  # with those of aliases and variables
_CHUNK = 2**20  # bytes for each read


def read_text(name: str, timeout: float | None) -> str:
    """Read a regular file, a pipe or stdin as UTF-8.

    `timeout` is in seconds; None means no limit. Raises InvalidInputError, which names the file.
    """
    if not name:
        raise InvalidInputError("the name of a file is empty")
    try:
        content = _read_bytes(name, timeout)
        if len(content) <= MAX_BYTES:
            return content.decode("utf-8-sig")
        reason = f"larger than {MAX_BYTES // 2**20} MiB"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start + 1}; save it as UTF-8"
    except TimeoutError:
        reason = f"timed out after {timeout:g}s"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError:  # a NUL in the name
        reason = "is not a valid file name"
    raise InvalidInputError(f"{format_name(name)}: {reason}")


def _read_bytes(name: str, timeout: float | None) -> bytes:
    if name == STDIN:
        return _read_stdin(timeout)
    # nonblocking: otherwise opening a pipe waits until another process opens it for writing
    descriptor = os.open(to_path(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise OSError("is a directory")
        if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
            raise OSError("neither a regular file nor a pipe")
        return _read_descriptor(descriptor, timeout)
    finally:
        os.close(descriptor)


def _read_stdin(timeout: float | None) -> bytes:
    stdin = getattr(sys, "stdin", None)  # None when the process was started with it closed
    if stdin is None:
        raise OSError("stdin is closed")
    try:
        descriptor = stdin.fileno()
    except io.UnsupportedOperation:  # a test replaced it with a buffer in memory
        content: bytes = stdin.buffer.read(MAX_BYTES + 1)
        return content
    return _read_descriptor(descriptor, timeout)


def _read_descriptor(descriptor: int, timeout: float | None) -> bytes:
    """Return at most one byte more than the limit. Raises TimeoutError."""
    end = None if timeout is None else time.monotonic() + timeout
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    chunks, size = list[bytes](), 0
    while size <= MAX_BYTES:
        if not poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError
        try:
            chunk = os.read(descriptor, min(_CHUNK, MAX_BYTES + 1 - size))
        except BlockingIOError:  # another reader of the pipe took the data first
            continue
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
        if end is not None and time.monotonic() > end:
            raise TimeoutError
    return b"".join(chunks)


def to_path(name: str) -> Path:
    """Return the path of a name, under LANG=C too."""
    return Path(os.fsdecode(name.encode(errors="surrogateescape")))


def format_name(name: str) -> str:
    """Return the name of a file as messages show it."""
    return "<stdin>" if name == STDIN else name
