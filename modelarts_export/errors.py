"""The errors of the program. Each class has its exit code, its meaning and the action to take.

ModelArtsExportError          1   a bug, unless it is one of these
├── InvalidInputError         2   the command line or a spec is invalid; nothing was sent
│   ├── ConfigFileError           config.yaml is missing or invalid
│   ├── MissingSettingError       a required setting is missing
│   └── PathUsedError             another task uses the path of the request
├── NotFoundError             3   no such dataset, version, task, bucket or path
│   └── DatasetNameError          no dataset has a name, or several do
├── AccessError               4   credentials missing or rejected, or no permission
│   ├── MissingCredentialsError   credentials and other input are missing
│   └── UnusableSourceError       the file of credentials that was chosen cannot be used
├── TemporaryError            5   a transient error outlasted the retries; nothing was accepted
│   ├── BusyError                 the dataset accepts no further task for now
│   ├── CertificateError          the server's certificate could not be verified
│   └── ThrottledError            too many requests in a short time
├── RefusedError              6   the API refused the request
├── FailedTaskError           7   the export task ended FAILED or STOPPED, or with too few samples
│   ├── StoppedTaskError          the export task was stopped
│   └── TooFewSamplesError        the export task succeeded with fewer samples than are required
├── NotFinishedError          8   accepted, but its end is unknown
├── MixedOutcomesError        9   several tasks with different outcomes
├── UnknownOutcomeError      10   sent, but whether it was accepted is unknown
├── OutputError               5   the result cannot be written: stdout is full or closed
├── CanceledError           130   interrupted by SIGINT
├── ClosedOutputError       141   the reader of stdout closed it
└── TerminatedError         143   interrupted by SIGTERM
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Self, TypedDict, Unpack

from modelarts_export.quoting import shorten

Location = tuple[str | int, ...]
MISSING = "is required"
MAX_PROBLEMS = 100  # that are described; the others are counted, as an invalid list can have a million


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem of the user's input, and its position.

    `location` is the path of the field in the request body, such as ("export_params", "samples", 3); with
    `at_key`, its key is wrong, not its value. `place` is the position in the input: a flag, or a file with
    line and column, which begin at 1. `excerpt` is that line, or a part of it, and `caret` the index of the
    position in it. `has_unsearched` tells that directories in the `file`, a directory, were not searched.
    A problem without a message represents `count` problems that are not described.
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
    has_unsearched: bool = False
    count: int = 1

    def __str__(self) -> str:
        """Return the place and the message as one line."""
        return add_subject(self.place, self.message) if self.place else self.message


def add_subject(subject: str, message: str) -> str:
    """Return `--path: must be text`, or the sentence `--path is required`."""
    return f"{subject} {message}" if message == MISSING else f"{subject}: {message}"


def format_location(location: Location) -> str:
    """Return a location in the form export_params.samples[3]."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" for step in location)
    return "".join(steps).removeprefix(".")


def format_source(error_code: str | None, http_status: int | None, request_id: str | None) -> str:
    """Return which response an error is from, as in `ModelArts.43, HTTP 400, request r1`."""
    status = None if http_status is None else f"HTTP {http_status}"
    code = None if error_code == str(http_status) else error_code  # IAM repeats the status as its code
    return ", ".join(filter(None, [code, status, request_id and f"request {request_id}"]))


class ErrorFacts(TypedDict, total=False):
    """The facts that every error may have beside its message; those of the API are from its response."""

    hint: str
    """What to do next."""
    problems: Sequence[Problem]
    error_code: str | None
    http_status: int | None
    request_id: str | None
    retry_after: float | None
    """Seconds after which the server allows a retry."""
    tasks: Sequence[Any]
    """The export tasks of a wait that this error has ended, as they were seen last."""
    problems_say_all: bool
    """Whether the message only counts the problems."""


class ModelArtsExportError(Exception):
    """The base of all errors of the program; `ErrorFacts` describes its attributes.

    No attribute changes after construction: whoever knows more makes a copy by `copy_with`.
    """

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "a bug in this program"
    action: ClassVar[str] = "report it"

    def __init__(self, message: str, **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(message)
        self.hint = facts.get("hint", "")
        self.problems = tuple(facts.get("problems", ()))
        self.error_code = facts.get("error_code")
        self.http_status = facts.get("http_status")
        self.request_id = facts.get("request_id")
        self.retry_after = facts.get("retry_after")
        self.tasks = tuple(facts.get("tasks", ()))
        self.problems_say_all = facts.get("problems_say_all", False)

    @property
    def bare_message(self) -> str:
        """The message without what is also in `error_code`, `http_status` and `request_id`."""
        source = format_source(self.error_code, self.http_status, self.request_id)
        return str(self).replace(f" ({source})", "") if source else str(self)

    def copy_with(self, *, hint: str | None = None, tasks: Sequence[Any] | None = None) -> Self:
        """Return a copy of the error, its facts and its cause, with another hint or with tasks."""
        copied = type(self).__new__(type(self), *self.args)
        changed = {"hint": hint, "tasks": None if tasks is None else tuple(tasks)}
        vars(copied).update(
            vars(self), **{name: value for name, value in changed.items() if value is not None}
        )
        copied.__cause__ = self.__cause__
        return copied


class InvalidInputError(ModelArtsExportError):
    """The command line, a variable or a spec is invalid; nothing was sent.

    `problems` are all that were found, without `omitted` ones beyond the limit. Those that the message does
    not have are notes, which a traceback shows.
    """

    exit_code = 2
    meaning = "command line or spec wrong; nothing was sent"
    action = "fix it"

    def __init__(self, message: str, *, omitted: int = 0, **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(message, **facts)
        self.omitted = omitted
        for problem in self.problems:
            if str(problem) != message:
                self.add_note(str(problem))
        if omitted:
            self.add_note(f"and {omitted:,} more")


class ConfigFileError(InvalidInputError):
    """The config.yaml of the user is missing, or cannot be read, or is invalid."""


class PathUsedError(InvalidInputError):
    """Another task writes to the path of the request, or to one above or below it."""


class MissingSettingError(InvalidInputError):
    """A required setting is missing; `setting` is its name."""

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


def make_invalid_input_error(problems: Sequence[Problem]) -> InvalidInputError:
    """Return the error for some problems, ordered by file, line and column."""
    described = [problem for problem in problems if problem.message]
    files = {problem.file: i for i, problem in reversed(list(enumerate(described)))}
    ordered = sorted(described, key=lambda p: (files[p.file], p.line or 0, p.column or 0))[:MAX_PROBLEMS]
    total = sum(problem.count for problem in problems)
    message = str(ordered[0]) if total == 1 else f"{total:,} problems"
    return InvalidInputError(message, problems=ordered, omitted=total - len(ordered))


def truncate_problems(problems: Iterable[Problem], limit: int = MAX_PROBLEMS) -> list[Problem]:
    """Return the first problems, and one that represents the others."""
    others = iter(problems)
    first = list(islice(others, max(limit, 0)))
    count = sum(problem.count for problem in others)
    return [*first, *([Problem(message="", count=count)] if count else [])]


class NotFoundError(ModelArtsExportError):
    """The dataset, version, task, bucket or path does not exist."""

    exit_code = 3
    meaning = "dataset, version, task, bucket or path not found"
    action = "fix it"


class DatasetNameError(NotFoundError):
    """No dataset has the name, or several do: `candidates`, each a Dataset.

    The message has similar names, or the IDs and ages of the candidates.
    """

    def __init__(self, message: str, *, candidates: Sequence[Any] = (), **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(message, **facts)
        self.candidates = tuple(candidates)


class AccessError(ModelArtsExportError):
    """Credentials are missing or rejected, or they lack a permission."""

    exit_code = 4
    meaning = "credentials missing or rejected, or no permission"
    action = "fix it"


class UnusableSourceError(AccessError):
    """The file of credentials that was chosen cannot be used; what settings it has is unknown, too."""


class MissingCredentialsError(AccessError):
    """Credentials and other input are missing or invalid; nothing was sent. `problems` are all of them."""

    def __init__(self, message: str, *, omitted: int = 0, **facts: Unpack[ErrorFacts]) -> None:
        super().__init__(message, **facts)
        self.omitted = omitted


class TemporaryError(ModelArtsExportError):
    """A transient error of the network or the API outlasted the retries; nothing was accepted."""

    exit_code = 5
    meaning = "a transient error outlasted the retries; nothing was accepted"
    action = "run again"


class BusyError(TemporaryError):
    """The dataset accepts no further task for now."""


class CertificateError(TemporaryError):
    """The server's certificate could not be verified; nothing was sent, and a retry would not help."""


class ThrottledError(TemporaryError):
    """The API received too many requests in a short time."""


class RefusedError(ModelArtsExportError):
    """The API refused the request."""

    exit_code = 6
    meaning = "the API refused the request"
    action = "fix it"


class FailedTaskError(ModelArtsExportError):
    """The export task ended FAILED or STOPPED, or with too few samples."""

    exit_code = 7
    meaning = "the export task ended FAILED or STOPPED, or with too few samples"
    action = "inspect the task, resubmit"


class StoppedTaskError(FailedTaskError):
    """The export task was stopped."""


class TooFewSamplesError(FailedTaskError):
    """The export task succeeded with fewer samples than are required."""


class NotFinishedError(ModelArtsExportError):
    """The task was accepted, but its end is unknown."""

    exit_code = 8
    meaning = "accepted, but its end is unknown"
    action = "wait again, do not submit again"


class MixedOutcomesError(ModelArtsExportError):
    """Several tasks had different outcomes."""

    exit_code = 9
    meaning = "several tasks with different outcomes"
    action = "read the report"


class UnknownOutcomeError(ModelArtsExportError):
    """The request was sent, and whether it was accepted is unknown.

    `server_gave_up` tells that the server has ended the request, as after a reset, and creates no task later.
    `task_ids` are the IDs in a truncated reply, `path` is that of the export, and `since` is the earliest
    creation time of its task, in seconds since the epoch.
    """

    exit_code = 10
    meaning = "sent, but whether it was accepted is unknown"
    action = "list, then decide"

    def __init__(
        self,
        message: str,
        *,
        server_gave_up: bool = False,
        task_ids: Sequence[str] = (),
        path: str | None = None,
        since: float | None = None,
        **facts: Unpack[ErrorFacts],
    ) -> None:
        super().__init__(message, **facts)
        self.server_gave_up = server_gave_up
        self.task_ids = tuple(task_ids)
        self.path = path
        self.since = since


class OutputError(ModelArtsExportError):
    """The result cannot be written, because stdout is full or closed."""

    exit_code = 5


class CanceledError(ModelArtsExportError):
    """SIGINT ended the command, or a CancelToken canceled a call.

    A canceled submission whose request was sent may have created a task: `path` is where it exports to,
    `since` the time, in epoch seconds, at or after which it was created, and `task_ids` are the IDs that
    broken replies named.
    """

    exit_code = 130
    meaning = "Ctrl-C; tasks continue, and the command to resume was printed"
    action = "wait"

    def __init__(
        self,
        message: str,
        *,
        task_ids: Sequence[str] = (),
        path: str | None = None,
        since: float | None = None,
        **facts: Unpack[ErrorFacts],
    ) -> None:
        super().__init__(message, **facts)
        self.task_ids = tuple(task_ids)
        self.path = path
        self.since = since


class TerminatedError(ModelArtsExportError):
    """SIGTERM ended the command."""

    exit_code = 143
    meaning = "SIGTERM; tasks continue, and the command to resume was printed"
    action = "wait"


class ClosedOutputError(ModelArtsExportError):
    """The reader of stdout closed it, as `head` does."""

    exit_code = 141
    meaning = "the reader of the output closed it, as with | head"
    action = "nothing"
