"""A check: what was found out about one thing, and which check decides the exit code."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from modelarts_export.errors import (
    AccessError,
    ConfigFileError,
    InvalidInputError,
    ModelArtsExportError,
    NotFoundError,
)

Result = TypeVar("Result")
Checks = Generator["Check", None, Result]
"""Yields checks, and returns what later checks need: None if they must be skipped."""


class CheckStatus(Enum):
    """What a check has found out."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNTESTED = "untested"
    """It cannot be found out without creating a task."""
    SKIPPED = "skipped"
    """It depends on a check that failed, or on what was not given."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check; with ERROR, `error` says why. `hint` says what to do next."""

    name: str
    status: CheckStatus
    message: str
    hint: str = ""
    error: ModelArtsExportError | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of its error; 0 without one."""
        return self.error.exit_code if self.error else 0


# The codes of what only the user can repair come first: the cause of the others may be there.
_ORDER = (
    ModelArtsExportError.exit_code,
    AccessError.exit_code,
    InvalidInputError.exit_code,
    NotFoundError.exit_code,
)


def find_worst(checks: Iterable[Check]) -> Check | None:
    """Return the check that decides the exit code: 1, 4, 2, 3, then 6 and the others, 5 last."""
    failed = [each for each in checks if each.status is CheckStatus.ERROR]
    return min(failed, key=lambda check: _rank(check.exit_code), default=None)


def _rank(code: int) -> tuple[int, int]:
    return (_ORDER.index(code), 0) if code in _ORDER else (len(_ORDER), -code)


def succeed(name: str, message: str) -> Check:
    """Return a check without a problem."""
    return Check(name=name, status=CheckStatus.OK, message=message)


def warn(name: str, message: str, hint: str = "") -> Check:
    """Return a check with a warning."""
    return Check(name=name, status=CheckStatus.WARNING, message=message, hint=hint)


def fail(name: str, error: ModelArtsExportError) -> Check:
    """Return a check that failed with this error."""
    return Check(name=name, status=CheckStatus.ERROR, message=str(error), hint=error.hint, error=error)


def fail_each(name: str, error: InvalidInputError) -> Iterator[Check]:
    """Yield a check for each problem of an error, and one for those that it does not describe.

    The path of config.yaml is told once, and then its name.
    """
    kind = ConfigFileError if isinstance(error, ConfigFileError) else InvalidInputError
    known: str | None = None
    for problem in error.problems:
        message = str(problem)
        if problem.file and problem.file == known and kind is ConfigFileError:
            message = message.replace(problem.file, Path(problem.file).name, 1)
        known = problem.file
        yield fail(name, kind(message, problems=[problem], hint=error.hint))
    if error.omitted or not error.problems:
        message = f"and {error.omitted:,} more problems" if error.omitted else str(error)
        yield fail(name, kind(message, hint=error.hint))


def skip(name: str, reason: str) -> Check:
    """Return a check that was not made; `reason` continues `skipped, because ...`."""
    return Check(name=name, status=CheckStatus.SKIPPED, message=f"skipped, because {reason}")


def leave_untested(name: str, message: str) -> Check:
    """Return a check that cannot be made."""
    return Check(name=name, status=CheckStatus.UNTESTED, message=message)
