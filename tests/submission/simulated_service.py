"""A simulated service for submissions, with a true time and with clocks that differ from it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.request_auth import make_auth
from modelarts_export.auth.secret import reveal
from modelarts_export.clock import Clock
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.request.models import ExportRequest, ToObs
from modelarts_export.sandbox.authentication import Credentials
from modelarts_export.sandbox.cloud.datasets import DATASET_ID
from modelarts_export.sandbox.cloud.tasks import SandboxTask
from modelarts_export.sandbox.faults.catalog import ActiveFaults, Fault, Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.gateway import Gateway
from modelarts_export.sandbox.iam import Iam
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.tokens import Tokens
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.events import (
    DuplicateCheckFailed,
    DuplicateFound,
    DuplicatePossible,
    ReuseWarning,
    StatusCheckFailed,
    SubmissionEvent,
    SubmissionSkipped,
    TaskAccepted,
    TaskRecovered,
    TaskReused,
)
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.submission.submission import Submission
from modelarts_export.transport.session import Transport
from tests.support.in_process import SimulatedAdapter

START = 1_606_103_424.75
"""The true time at the start, in epoch seconds: late in a second, which a Date header cannot show."""
LATENCY = 0.05
"""The latency of a request and of a reply, in seconds."""
EXPORT = ToObs(path="/test-obs/out/")
"""The default request."""
LOST, LOST_NOT_ACCEPTED = "drop:count=1", "drop:count=1,accepted=no"
LATE, NEVER = "lag:for=75s", "lag:for=30m"  # longer than the reconcile timeout, and than twice that
_SETTINGS = Settings()
_URL = "http://127.0.0.1:9"  # no connection is made
_PROJECT = "5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c"
_KEYS = AccessKey(access_key="AKEXAMPLE0000000TEST", secret_key="SKexample0123456789abcdefghijklmnopqrstuv")
_TOKEN = Token(token="a-token-that-never-ends")
_IAM = Iam([], Tokens())
_CREDENTIALS = Credentials(
    access_key=_KEYS.access_key,
    secret_key=reveal(_KEYS.secret_key),
    token=reveal(_TOKEN.token),
    project_id=_PROJECT,
)


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """The offsets of the clocks from the true time, in seconds.

    The wall clock of the client is `ahead`. During the first POST, the client is `suspended`, which its
    monotonic clock does not show, and then its wall clock is `set` forward. `faults` are faults of the
    sandbox that affect the clocks of the server. With `keys`, requests are signed and so have a time;
    otherwise they have a token.
    """

    ahead: float = 0.0
    suspended: float = 0.0
    set: float = 0.0
    faults: tuple[str, ...] = ()
    keys: bool = True


@dataclass(kw_only=True)
class EventLog:
    """The events of a submission, with the IDs of their tasks; calling it records an event."""

    accepted_ids: list[str] = field(default_factory=list)
    recovered_ids: list[str] = field(default_factory=list)
    reused_ids: list[str] = field(default_factory=list)
    skipped_ids: list[str] = field(default_factory=list)
    resends: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __call__(self, event: SubmissionEvent) -> None:
        """Record the event."""
        match event:
            case TaskAccepted(task=task):
                self.accepted_ids.append(task.task_id)
            case TaskRecovered(task=task, task_ids=task_ids):
                self.recovered_ids.append(task.task_id)
                if len(task_ids) > 1:
                    self.warnings.append(f"one of {', '.join(task_ids)}")
            case TaskReused(task=task):
                self.reused_ids.append(task.task_id)
            case SubmissionSkipped(task=task):
                self.skipped_ids.append(task.task_id)
            case DuplicatePossible(task=task, error=error):
                self.resends.append((task.task_id, str(error)))
            case DuplicateFound(task=task, duplicate=duplicate):
                self.warnings.append(f"{duplicate.task_id} is a duplicate of {task.task_id}")
            case ReuseWarning(message=message):
                self.warnings.append(message)
            case DuplicateCheckFailed(error=failure) | StatusCheckFailed(error=failure):
                self.warnings.append(str(failure))


Interceptor = Callable[[Request, Callable[[], HttpReply]], HttpReply]
"""A function that returns the reply to a request; its second argument calls the service."""


def _pass_through(_request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
    return answer()


@dataclass(kw_only=True)
class SimulatedService:
    """A sandbox with faults and clocks; `now` is the true time, in epoch seconds.

    `posts` and `polls` have the times at which they were sent, and `pauses` the length of each pause.
    """

    clocks: Clocks = Clocks()
    faults: tuple[str, ...] = ()
    intercept: Interceptor = _pass_through
    dataset_id: str = DATASET_ID
    now: float = START
    events: EventLog = field(default_factory=EventLog)
    posts: list[float] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    foreign_tasks: list[SandboxTask] = field(default_factory=list)
    coordinator: SubmissionCoordinator = field(default_factory=SubmissionCoordinator)
    gateway: Gateway = field(init=False)
    _missed: float = 0.0
    _set: float = 0.0

    def __post_init__(self) -> None:
        """Make the sandbox."""
        self.gateway = Gateway(
            credentials=_CREDENTIALS,
            iam=_IAM,
            clock=lambda: self.now,
            rng=random.Random(7),  # noqa: S311 - IDs, not secrets
            faults=Faults(_parse_fault(words) for words in (*self.faults, *self.clocks.faults)),
        )

    def monotonic(self) -> float:
        """Return the monotonic clock of the client, which stops while it is suspended."""
        return self.now - START - self._missed

    def wall_time(self) -> float:
        """Return the wall clock of the client, in epoch seconds."""
        return self.now + self.clocks.ahead + self._set

    def pass_time(self, seconds: float) -> None:
        """Advance all clocks."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Advance all clocks, and record the pause."""
        self.pauses.append(seconds)
        self.now += seconds

    def suspend(self, seconds: float) -> None:
        """Advance all clocks but the monotonic clock of the client."""
        self._missed += seconds
        self.now += seconds

    def add_foreign_task(self, *, age: float, request: ExportRequest = EXPORT) -> SandboxTask:
        """Add a task of another client that was created `age` seconds ago."""
        task = self.gateway.cloud.add_task(self.dataset_id, request.to_dict(), age=age)
        self.foreign_tasks.append(task)
        return task

    @property
    def our_tasks(self) -> list[SandboxTask]:
        """The tasks that were created by the requests of the client, in order."""
        foreign_ids = {task.task_id for task in self.foreign_tasks}
        tasks = reversed(self.gateway.cloud.list_tasks(self.dataset_id))
        return [task for task in tasks if task.task_id not in foreign_ids]

    def next_faults(self, method: str, target: str) -> ActiveFaults:
        """Record a request, and return its faults."""
        (self.posts if method == "POST" else self.polls).append(self.now)
        return self.gateway.next_faults(method, target)

    def answer(self, request: Request, active_faults: ActiveFaults) -> HttpReply:
        """Return the reply of the service; the latency passes before and after it."""
        self.pass_time(LATENCY)
        reply = self.intercept(request, lambda: self.gateway.answer(request, active_faults))
        self.pass_time(LATENCY)
        if request.method == "POST" and not self._set and not self._missed:
            self.suspend(self.clocks.suspended)
            self._set = self.clocks.set
        return reply


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a submission: a task or an error."""

    task: ExportTask | None = None
    error: ModelArtsExportError | None = None

    @property
    def exit_code(self) -> int:
        """The exit code."""
        return self.error.exit_code if self.error else 0


def submit(
    service: SimulatedService,
    request: ExportRequest = EXPORT,
    *,
    reuse: ReusePolicy | None = None,
    settings: Settings = _SETTINGS,
) -> Result:
    """Submit a request to the service, which records the events, and return the result."""
    submission = make_submission(service, request, reuse=reuse, settings=settings)
    try:
        return Result(task=submission.run())
    except ModelArtsExportError as error:
        return Result(error=error)


def make_submission(  # noqa: PLR0913 - the parameters of Submission
    service: SimulatedService,
    request: ExportRequest = EXPORT,
    *,
    reuse: ReusePolicy | None = None,
    settings: Settings = _SETTINGS,
    coordinator: SubmissionCoordinator | None = None,
    client: Client | None = None,
    clock: Clock | None = None,
) -> Submission:
    """Return a submission to the service."""
    return Submission(
        client or make_client(service, settings),
        service.dataset_id,
        request,
        reuse=reuse,
        on_event=service.events,
        coordinator=coordinator or service.coordinator,
        clock=clock or make_clock(service),
    )


def make_client(service: SimulatedService, settings: Settings = _SETTINGS) -> Client:
    """Return a client of the service."""
    auth = make_auth(_KEYS if service.clocks.keys else _TOKEN, _PROJECT, now=partial(_wall_datetime, service))
    transport = Transport(_URL, auth, settings, clock=service.monotonic)
    transport.mount(SimulatedAdapter(service))
    return Client(transport, _PROJECT)


def make_clock(service: SimulatedService) -> Clock:
    """Return the clocks of the client."""
    return Clock(
        monotonic=service.monotonic,
        time=service.wall_time,
        sleep=service.sleep,
        random=random.Random(7),  # noqa: S311 - no secret
    )


def _wall_datetime(service: SimulatedService) -> datetime:
    return datetime.fromtimestamp(service.wall_time(), UTC)


def _parse_fault(words: str) -> Fault:
    return parse_fault(words, parse_duration)


def get_our_ids(service: SimulatedService) -> list[str]:
    """Return the IDs of our tasks, in order."""
    return [task.task_id for task in service.our_tasks]
