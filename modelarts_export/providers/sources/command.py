"""Credentials that a command of the user prints as JSON, in the form of AWS's credential_process."""

import json
import os
import re
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import IO

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.clock import format_duration
from modelarts_export.documents.private_file import is_working_directory
from modelarts_export.errors import AccessError
from modelarts_export.providers.sources.expiring_key import make_expiring_key
from modelarts_export.providers.sources.provider import ChosenProvider
from modelarts_export.quoting import quote
from modelarts_export.sanitize import truncate

_HINT = "run it by hand, or use another source of credentials"
_TIMEOUT = 30.0  # seconds
_LIMIT = 64 * 2**10  # bytes of the output
_CHUNK = 2**16  # bytes
_INTERVAL = 0.05  # seconds between two checks whether the command has ended
_NAMES = {
    "access_key": "AccessKeyId",
    "secret_key": "SecretAccessKey",
    "security_token": "SessionToken",
    "expires_at": "Expiration",
}
_VERSION = 1
OUTPUT: Mapping[str, str] = {
    "Version": f"the number {_VERSION}",
    _NAMES["access_key"]: "access key",
    _NAMES["secret_key"]: "secret key",
    _NAMES["security_token"]: "security token; of a temporary key alone",
    _NAMES["expires_at"]: "when the key expires, such as 2026-01-31T12:00:00Z; may be missing",
}
"""The fields of the JSON object that a command prints, and what each holds."""
# What stays of the error output, in which any longer or odder word may be a secret.
_PLAIN_WORD = re.compile(r"[A-Za-z]{1,12}[.,:;!?]?")
_REDACTED = "***"
_NAMES_A_SECRET = re.compile(r"(secret|token|password|key)\b.?", re.IGNORECASE)


@dataclass(kw_only=True)
class _Output:
    """What a command has written, and whether that was too much."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)


class CommandProvider(ChosenProvider):
    """A command, run without a shell."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        *,
        timeout: float = _TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`arguments` begin with the program; `timeout` is in seconds, and `now` returns epoch seconds."""
        self._arguments = arguments
        self._environ = environ
        self._timeout = timeout
        self._now = now

    @property
    def name(self) -> str:
        """The name of the command; its arguments are not shown."""
        return f"command {Path(self._arguments[0]).name}"

    def load(self) -> AccessKey:
        """Run the command and return the key that it prints, with its end.

        Raises AccessError if it cannot be run, fails, takes too long, or prints anything else, also a key
        that has expired.
        """
        output = self._run(self._find_program())
        try:
            found = json.loads(output)
        except (ValueError, RecursionError):
            raise self._make_error("printed no JSON") from None
        if not isinstance(found, dict) or found.get("Version") != _VERSION:
            raise self._make_error(f'printed no JSON object with "Version": {_VERSION}')
        key = make_expiring_key(found, _NAMES, f"the output of {self.name}")
        self._check_expiration(key)
        return key

    def _find_program(self) -> str:
        """Return the path of the program; a working directory may be a stranger's, and is not searched."""
        program = self._arguments[0]
        if Path(program).is_absolute():
            return program
        if os.sep in program:
            raise self._make_error(
                f"is {quote(program)}, which is neither an absolute path nor a name to search on PATH",
                f"write its absolute path, such as /usr/local/bin/{Path(program).name}, or"
                f" {Path(program).name} where it is in a directory of PATH",
            )
        directories = self._environ.get("PATH", os.defpath).split(os.pathsep)
        searched = [
            each for each in directories if Path(each).is_absolute() and not is_working_directory(Path(each))
        ]
        found = which(program, path=os.pathsep.join(searched))
        if found is None:
            raise self._make_error("was not found on PATH")
        return found

    def _run(self, program: str) -> bytes:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command that the user's own file names
                [program, *self._arguments[1:]],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._make_error(f"cannot be run: {reason}") from None
        with process:
            try:
                output = self._read(process)
            finally:
                process.kill()
        if process.returncode:
            raise self._make_error(f"failed with exit code {process.returncode}{_quote(output.stderr)}")
        return bytes(output.stdout)

    def _read(self, process: subprocess.Popen[bytes]) -> _Output:
        """Return what the command writes until it ends. Raises AccessError after the timeout or the limit."""
        output, end = _Output(), time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            selector.register(_open(process.stdout), selectors.EVENT_READ, output.stdout)
            selector.register(_open(process.stderr), selectors.EVENT_READ, output.stderr)
            while selector.get_map():
                has_ended = process.poll() is not None
                ready = selector.select(_INTERVAL)
                if has_ended and not ready:
                    break  # another process has inherited the pipes
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    key.data.extend(chunk)
                    if not chunk:
                        selector.unregister(key.fileobj)
                if len(output.stdout) + len(output.stderr) > _LIMIT:
                    raise self._make_error(f"printed more than {_LIMIT // 2**10} KiB")
                if time.monotonic() > end:
                    raise self._make_error(f"timed out after {self._timeout:g}s")
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise self._make_error(f"timed out after {self._timeout:g}s") from None
        return output

    def _check_expiration(self, key: AccessKey) -> None:
        """Raise AccessError for a key that has expired: a refusal of the API would not say so."""
        now = self._now()
        if key.expires_at is not None and key.expires_at <= now:
            age = format_duration(now - key.expires_at)
            raise self._make_error(
                f"printed a key that has expired: its {_NAMES['expires_at']} was {age} ago",
                "get new credentials for the command, and check the clock of this machine",
            )

    def _make_error(self, reason: str, hint: str = _HINT) -> AccessError:
        return AccessError(f"the credential {self.name} {reason}", hint=hint)


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise TypeError("the stream is no pipe")
    return stream


def _quote(stderr: bytearray) -> str:
    """Return the error output with each word redacted that may be a secret; nothing without any."""
    words, after_name = list[str](), False
    for word in stderr.decode(errors="replace").split():
        is_plain = _PLAIN_WORD.fullmatch(word) and not after_name
        words.append(word if is_plain else _REDACTED)
        after_name = bool(_NAMES_A_SECRET.fullmatch(word))
    meaning = f" ({_REDACTED} stands for a word that may be a secret)" if _REDACTED in words else ""
    return f": {truncate(' '.join(words))}{meaning}" if words else ""
