"""Made-up worlds in which a request is submitted: one true time, and clocks that have their own."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.request_auth import make_auth
from modelarts_export.clock import Clock
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.request.models import ExportRequest, ToObs
from modelarts_export.sandbox.authentication import Credentials
from modelarts_export.sandbox.cloud.datasets import DATASET_ID
from modelarts_export.sandbox.cloud.tasks import SandboxTask as Made
from modelarts_export.sandbox.faults.catalogue import ActiveFaults, Fault, Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.gateway import Gateway
from modelarts_export.sandbox.iam import Identity
from modelarts_export.sandbox.messages import HttpReply, Request
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
from modelarts_export.submission.reuse import ReusePolicy
from modelarts_export.submission.submission import Submission
from modelarts_export.transport.session import Transport
from tests.support.in_process import InProcess

START = 1_606_103_424.75
"""When everything begins, in epoch seconds: late in a second, of which a Date knows nothing."""
WAY = 0.05
"""How long a request is on its way, and a reply as well, in seconds."""
EXPORT = ToObs(path="/test-obs/out/")
"""What is submitted unless something else is."""
_SETTINGS = Settings()
_URL = "http://127.0.0.1:9"  # nobody listens there, nor is asked to
_PROJECT = "5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c"
_KEYS = AccessKey(access_key="AKEXAMPLE0000000TEST", secret_key="SKexample0123456789abcdefghijklmnopqrstuv")
_TOKEN = Token(token="a-token-that-never-ends")
_IAM = Identity(
    user_name="user", password="any", domain_name="domain", project_id=_PROJECT, project_name="project"
)
_CREDENTIALS = Credentials(
    access_key=_KEYS.access_key, secret_key=_KEYS.secret_key, token=_TOKEN.token, project_id=_PROJECT
)


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """What the clocks of a world make of the true time.

    The clock on the wall of the client is `ahead`, in seconds. While the first POST is on its way, the client
    is `suspended` for so long, which its other clock does not notice, and then its clock on the wall is `set`
    forward. `faults` are about the clocks of the server, in the words of the sandbox. With `keys` requests
    are signed, and with the time; otherwise they have a token.
    """

    ahead: float = 0.0
    suspended: float = 0.0
    set: float = 0.0
    faults: tuple[str, ...] = ()
    keys: bool = True


@dataclass(kw_only=True)
class Heard:
    """The events of a submission, with tasks by their IDs; calling it handles an event."""

    accepted_ids: list[str] = field(default_factory=list)
    found_ids: list[str] = field(default_factory=list)
    reused_ids: list[str] = field(default_factory=list)
    skipped_ids: list[str] = field(default_factory=list)
    resends: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __call__(self, event: SubmissionEvent) -> None:
        """Keep what the event says."""
        match event:
            case TaskAccepted(task=task):
                self.accepted_ids.append(task.task_id)
            case TaskRecovered(task=task, task_ids=task_ids):
                self.found_ids.append(task.task_id)
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


Layer = Callable[[Request, Callable[[], HttpReply]], HttpReply]
"""Something in front of the service: given a request, and the way to the reply, it returns some reply."""


def _nothing(_request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
    return answer()


@dataclass(kw_only=True)
class World:
    """A sandbox with faults and clocks, and a client of it; `now` is the true time, in epoch seconds.

    `posts` and `looks` have the times at which they were sent, and `pauses` how long each pause was.
    """

    clocks: Clocks = Clocks()
    faults: tuple[str, ...] = ()
    in_front: Layer = _nothing
    dataset_id: str = DATASET_ID
    now: float = START
    heard: Heard = field(default_factory=Heard)
    posts: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    planted: list[Made] = field(default_factory=list)
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
            faults=Faults(_fault(words) for words in (*self.faults, *self.clocks.faults)),
        )

    def clock(self) -> float:
        """Return the seconds that this machine has been awake."""
        return self.now - START - self._missed

    def wall(self) -> float:
        """Return what this machine takes for the time."""
        return self.now + self.clocks.ahead + self._set

    def let_pass(self, seconds: float) -> None:
        """Let time pass, for everybody."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass while nothing is done."""
        self.pauses.append(seconds)
        self.now += seconds

    def suspend(self, seconds: float) -> None:
        """Let time pass of which one clock of this machine knows nothing."""
        self._missed += seconds
        self.now += seconds

    def plant(self, *, age: float, request: ExportRequest = EXPORT) -> Made:
        """Add a task that is so many seconds old and none of ours."""
        task = self.gateway.cloud.add_task(self.dataset_id, request.to_dict(), age=age)
        self.planted.append(task)
        return task

    @property
    def ours(self) -> list[Made]:
        """The tasks that our requests have made, in their order."""
        planted = {task.task_id for task in self.planted}
        made = reversed(self.gateway.cloud.list_tasks(self.dataset_id))
        return [task for task in made if task.task_id not in planted]

    def next_faults(self, method: str, target: str) -> ActiveFaults:
        """Count a request, and tell what it is going to meet."""
        (self.posts if method == "POST" else self.looks).append(self.now)
        return self.gateway.next_faults(method, target)

    def answer(self, request: Request, active_faults: ActiveFaults) -> HttpReply:
        """Return what the service says, after the way there and the way back."""
        self.let_pass(WAY)
        reply = self.in_front(request, lambda: self.gateway.answer(request, active_faults))
        self.let_pass(WAY)
        if request.method == "POST" and not self._set and not self._missed:
            self.suspend(self.clocks.suspended)
            self._set = self.clocks.set
        return reply


@dataclass(frozen=True, kw_only=True)
class End:
    """How a submission ended: with a task, or with an error."""

    task: ExportTask | None = None
    error: ModelArtsExportError | None = None

    @property
    def code(self) -> int:
        """The exit code."""
        return self.error.exit_code if self.error else 0


def submit(
    world: World,
    request: ExportRequest = EXPORT,
    *,
    reuse: ReusePolicy | None = None,
    settings: Settings = _SETTINGS,
) -> End:
    """Submit a request in a world, and return how it ended; what happened is known to the world."""
    submission = make_submission(world, request, reuse=reuse, settings=settings)
    try:
        return End(task=submission.run())
    except ModelArtsExportError as error:
        return End(error=error)


def make_submission(  # noqa: PLR0913 - as a submission has them
    world: World,
    request: ExportRequest = EXPORT,
    *,
    reuse: ReusePolicy | None = None,
    settings: Settings = _SETTINGS,
    coordinator: SubmissionCoordinator | None = None,
    client: Client | None = None,
    clock: Clock | None = None,
) -> Submission:
    """Return a submission to a world."""
    return Submission(
        client or make_client(world, settings),
        world.dataset_id,
        request,
        reuse=reuse,
        on_event=world.heard,
        coordinator=coordinator,
        clock=clock or make_clock(world),
    )


def make_client(world: World, settings: Settings = _SETTINGS) -> Client:
    """Return a client of a world."""
    auth = make_auth(_KEYS if world.clocks.keys else _TOKEN, _PROJECT, now=partial(_date, world))
    transport = Transport(_URL, auth, settings, clock=world.clock)
    transport.mount(InProcess(world))
    return Client(transport, _PROJECT)


def make_clock(world: World) -> Clock:
    """Return the clock of this machine."""
    return Clock(monotonic=world.clock, time=world.wall, sleep=world.sleep, random=random.Random(7))  # noqa: S311 - no secret


def _date(world: World) -> datetime:
    return datetime.fromtimestamp(world.wall(), UTC)


def _fault(words: str) -> Fault:
    return parse_fault(words, parse_duration)
