"""The errors that a user meets. Each class owns its exit code, its meaning and what to do next.

ModelArtsExportError          1   a bug of ours, unless it is one of these
├── InvalidInputError         2   the command line or a spec is wrong; nothing was sent
│   └── PathUsedError             another task uses the path of the request
├── NotFoundError             3   no such dataset, version, task, bucket or path
├── AccessError               4   credentials missing or refused, or no permission
├── TemporaryError            5   trouble that passes; nothing was accepted
│   ├── BusyError                 the dataset has no room for another task now
│   ├── CertificateError          the server's certificate could not be verified
│   └── ThrottledError            there were too many requests in a short time
├── RefusedError              6   the API refuses the request
├── FailedTaskError           7   the export task ended FAILED or STOPPED, or with too few samples
│   └── StoppedTaskError          it was stopped before its end
├── NotFinishedError            8   accepted, but what became of it cannot be told
├── MixedOutcomesError        9   several tasks, and they ended differently
├── UnknownOutcomeError      10   sent; whether it was accepted cannot be told
├── OutputError               5   the result cannot be written: stdout is full or closed
├── CanceledError           130   Ctrl-C has ended the command
├── ClosedOutputError       141   whoever read our output has left
└── TerminatedError         143   SIGTERM has ended the command
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from modelarts_export.quoting import shorten

Location = tuple[str | int, ...]
MISSING = "is required"
MAX_PROBLEMS = 100  # that are worded; a wrong list of samples has one for each, and the rest is counted


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with what the user wrote, and where.

    `location` is the way to the field in the request body, such as ("export_params", "samples", 3);
    with `at_key` it is the key there that is wrong, not the value. `place` names it for the user: a flag, or
    a file with line and column (both 1-based) where known, and then `excerpt` is that line, or the part of it
    around the character with the index `caret`. One without a message stands for `count` that are not named.
    """

    message: str
    location: Location = ()
    at_key: bool = False
    place: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    excerpt: str = ""
    caret: int = 0
    count: int = 1

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.place}: {self.message}" if self.place else self.message


def format_location(location: Location) -> str:
    """Return a location as people write it: export_params.samples[3]."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" for step in location)
    return "".join(steps).removeprefix(".")


class ModelArtsExportError(Exception):
    """Whatever ends a command; what happened, and in `hint` what to do next."""

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "a bug in this program"
    action: ClassVar[str] = "report it"
    problems: tuple[Problem, ...] = ()
    retry_after: float | None = None
    """How long the server asked us to stay away, in seconds."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        error_code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep what the API said beside what we say."""
        super().__init__(message)
        self.hint = hint
        self.error_code = error_code
        self.http_status = http_status
        self.request_id = request_id


class InvalidInputError(ModelArtsExportError):
    """The command line, a variable or a spec is wrong; nothing was sent."""

    exit_code = 2
    meaning = "command line or spec wrong; nothing was sent"
    action = "fix it"

    def __init__(
        self, message: str, *, hint: str = "", problems: Sequence[Problem] = (), omitted: int = 0
    ) -> None:
        """Keep the problems, so that all can be shown at once, and how many more there are."""
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)
        self.omitted = omitted


class PathUsedError(InvalidInputError):
    """Another task writes to the path of the request, above it or below it, and that was to be refused."""


class MissingSettingError(InvalidInputError):
    """A setting that a call needs is not known; `setting` is its name."""

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


def make_invalid_input_error(problems: Sequence[Problem]) -> InvalidInputError:
    """Return the error for some problems, file by file, in the order in which they stand there."""
    named = [problem for problem in problems if problem.message]
    files = {problem.file: i for i, problem in reversed(list(enumerate(named)))}
    ordered = sorted(named, key=lambda p: (files[p.file], p.line or 0, p.column or 0))[:MAX_PROBLEMS]
    total = sum(problem.count for problem in problems)
    message = str(ordered[0]) if total == 1 else f"{total} problems; nothing was sent"
    return InvalidInputError(message, problems=ordered, omitted=total - len(ordered))


def truncate_problems(problems: Iterable[Problem], most: int = MAX_PROBLEMS) -> list[Problem]:
    """Return the first problems, and one for all others."""
    rest = iter(problems)
    named = list(islice(rest, max(most, 0)))
    count = sum(problem.count for problem in rest)
    return [*named, *([Problem(message="", count=count)] if count else [])]


class NotFoundError(ModelArtsExportError):
    """The dataset, version, task, bucket or path does not exist."""

    exit_code = 3
    meaning = "dataset, version, task, bucket or path not found"
    action = "fix it"


class AccessError(ModelArtsExportError):
    """Credentials are missing or refused, or they lack a permission."""

    exit_code = 4
    meaning = "credentials missing or refused, or no permission"
    action = "fix it"


class TemporaryError(ModelArtsExportError):
    """The network or the API is in trouble for now, and nothing was accepted."""

    exit_code = 5
    meaning = "temporary trouble outlasted the patience, and nothing was accepted"
    action = "run again"


class BusyError(TemporaryError):
    """The dataset has no room for another task now."""


class CertificateError(TemporaryError):
    """The server's certificate could not be verified, so that nothing was sent; a retry would not help."""


class ThrottledError(TemporaryError):
    """There were too many requests in a short time."""


class RefusedError(ModelArtsExportError):
    """The API refuses the request as it is."""

    exit_code = 6
    meaning = "the API refused the request"
    action = "fix it"


class FailedTaskError(ModelArtsExportError):
    """The export task ended, and not with what was asked for."""

    exit_code = 7
    meaning = "the export task ended FAILED or STOPPED, or with too few samples"
    action = "inspect the task, resubmit"


class StoppedTaskError(FailedTaskError):
    """The export task was stopped before its end."""


class NotFinishedError(ModelArtsExportError):
    """The task was accepted, but what became of it cannot be told."""

    exit_code = 8
    meaning = "accepted, but its end was not seen"
    action = "wait again, do not submit again"


class MixedOutcomesError(ModelArtsExportError):
    """Several tasks ended in different ways."""

    exit_code = 9
    meaning = "several tasks, different ends"
    action = "look at the report"


class UnknownOutcomeError(ModelArtsExportError):
    """The request left, and whether it was accepted cannot be told.

    `given_up` tells that the server is done with it, as after a reset: a task that is not listed soon will
    never be. `task_ids` are the IDs that a broken reply named, `path` is where the export writes, and `since`
    is the time, in epoch seconds, at or after which its task was created.
    """

    exit_code = 10
    meaning = "sent, but whether it was accepted could not be found out"
    action = "list, then decide"

    def __init__(  # noqa: PLR0913 - each is a fact of its own
        self,
        message: str,
        *,
        given_up: bool = False,
        task_ids: Sequence[str] = (),
        path: str | None = None,
        since: float | None = None,
        hint: str = "",
        error_code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep what is known of the request, beside what the API said."""
        super().__init__(
            message, hint=hint, error_code=error_code, http_status=http_status, request_id=request_id
        )
        self.server_gave_up = given_up
        self.task_ids = tuple(task_ids)
        self.path = path
        self.since = since


class OutputError(ModelArtsExportError):
    """The result cannot be written, because stdout is full or closed."""

    exit_code = 5


class CanceledError(ModelArtsExportError):
    """SIGINT has ended the command, or a CancelToken a call."""

    exit_code = 130
    meaning = "Ctrl-C; tasks go on, and the command to resume was printed"
    action = "wait"


class TerminatedError(ModelArtsExportError):
    """SIGTERM has ended the command."""

    exit_code = 143
    meaning = "SIGTERM; tasks go on, and the command to resume was printed"
    action = "wait"


class ClosedOutputError(ModelArtsExportError):
    """Whoever read our output has left, as `| head` does."""

    exit_code = 141
    meaning = "nobody reads the output any more, as with | head"
    action = "nothing"
