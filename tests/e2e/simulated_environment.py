"""A simulation without sockets: one sandbox, three clocks, and chosen faults for each call.

Time passes only during calls and sleeps, or when a clock is set.
"""

import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.cancellation import CancelToken
from modelarts_export.clock import Clock
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import CanceledError, ModelArtsExportError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.authentication import Credentials
from modelarts_export.sandbox.cloud.datasets import DATASET_ID
from modelarts_export.sandbox.faults.catalog import Delivery, refuses_connection
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
    SubmissionEvent,
    SubmissionSkipped,
    TaskAccepted,
    TaskRecovered,
    TaskReused,
)
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.submission.submission import Submission
from modelarts_export.transport.session import Transport

REQUEST = ToObs(path="/bucket/out/")
_MAX_DATE_OFFSET = 1200.0  # seconds; a Date header with a larger offset is unusable
_MAX_MATCHING_AGE = 60.0  # seconds; an older task does not count as a new one
_PROJECT = "0123"
_TOKEN = "any"
_IAM = Iam([], Tokens())


@dataclass(frozen=True, kw_only=True)
class CallSetup:
    """The faults of one call, in the form of the option --fault, and the events just before it.

    `duration` is in seconds, half of it before the server. `foreign` is the path of a task that another
    client creates. `suspended` is how long this machine slept, and `set_by` how far its wall clock was set
    forward; `cancel` cancels the submission.
    """

    faults: tuple[str, ...] = ()
    duration: float = 0.2
    foreign: str = ""
    suspended: float = 0.0
    set_by: float = 0.0
    cancel: bool = False


NO_FAULTS = CallSetup()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call with its times, faults and result.

    `created` is the task that it created; `listed_ids` is None without a complete list. `dated` is
    whether its Date header was near the time of this machine.
    """

    method: str
    setup: CallSetup
    started: float
    ended: float
    created: str | None
    listed_ids: frozenset[str] | None
    dated: bool


class SimulatedEnvironment(HTTPAdapter):
    """The environment of a submission, and the handler of its events."""

    def __init__(self, posts: Sequence[CallSetup] = (), polls: Sequence[CallSetup] = ()) -> None:
        """Set the faults of the first POSTs and polls; later ones have none."""
        super().__init__()
        self.mono, self.wall, self.server = 1000.0, 1.8e9, 1.8e9 + 0.7  # three clocks that differ
        self._remaining = {"POST": list(posts), "GET": list(polls)}
        self.calls: list[Call] = []
        self.sleeps: list[tuple[float, float]] = []  # start and length
        self.reported_ids: list[str] = []
        self.warnings: list[str] = []
        self.resends: list[str] = []
        self.foreign_ids: list[str] = []
        self._has_matching_task = False
        self.submission: Submission | None = None
        self._coordinator = SubmissionCoordinator()
        self._cancel = CancelToken()
        self._gateway = Gateway(
            credentials=Credentials(access_key="", secret_key="", token=_TOKEN, project_id=_PROJECT),
            iam=_IAM,
            clock=lambda: self.server,
            rng=random.Random(0),  # noqa: S311 - IDs, not secrets
            task_duration=3600,
        )

    def submit(
        self, settings: Settings, *, reuse: ReusePolicy | None = None
    ) -> ExportTask | ModelArtsExportError | None:
        """Return the task of a submission of REQUEST, or its error; None when it was canceled."""
        token = TokenAuth(Token(token=_TOKEN))
        transport = Transport("https://simulated", token, settings, clock=lambda: self.mono)
        transport.mount(self)
        clock = Clock(
            monotonic=lambda: self.mono,
            time=lambda: self.wall,
            sleep=self.sleep,
            random=random.Random(0),  # noqa: S311 - no secret
        )
        client = Client(transport, _PROJECT)
        self.submission = Submission(
            client,
            DATASET_ID,
            REQUEST,
            reuse=reuse,
            on_event=self.handle,
            coordinator=self._coordinator,
            cancel=self._cancel,
            clock=clock,
        )
        try:
            return self.submission.run()
        except CanceledError:
            return None
        except ModelArtsExportError as error:
            return error

    def add_foreign_task(self, path: str, *, age: float = 0.0) -> str:
        """Add a task that another client created `age` seconds ago, and return its ID."""
        body = {**REQUEST.to_dict(), "path": path}
        task_id = self._gateway.cloud.add_task(DATASET_ID, body, age=age).task_id
        self.foreign_ids.append(task_id)
        self._has_matching_task = self._has_matching_task or (
            path == REQUEST.path and age < _MAX_MATCHING_AGE
        )
        return task_id

    @property
    def has_matching_task(self) -> bool:
        """Whether a recent task of another client matches the request, also by a wrong clock."""
        return self._has_matching_task or self.wall > self.server

    def pass_time(self, seconds: float) -> None:
        """Advance all clocks."""
        self.mono, self.wall, self.server = (each + seconds for each in (self.mono, self.wall, self.server))

    def sleep(self, seconds: float) -> None:
        """Advance all clocks and record the sleep."""
        self.sleeps.append((self.mono, seconds))
        self.pass_time(seconds)

    def send(self, request: requests.PreparedRequest, *_: Any, **named: Any) -> requests.Response:  # noqa: ANN401 - as HTTPAdapter has it
        """Execute a call with the next faults, within its timeout."""
        left = self._remaining[str(request.method)]
        setup = left.pop(0) if left else NO_FAULTS
        self._apply_events(setup)
        began, before = self.mono, self.tasks
        self.pass_time(setup.duration / 2)
        reply = self._reply(request, setup)
        duration = setup.duration + (reply.delay if reply else 0.0)
        longest: float = named["timeout"].read_timeout
        is_late = duration > longest
        self.pass_time(min(duration, longest) - setup.duration / 2)
        is_list = request.method == "GET" and reply is not None and not is_late
        call = Call(
            method=str(request.method),
            setup=setup,
            started=began,
            ended=self.mono,
            created=next(iter(self.tasks - before), None),
            listed_ids=_parse_listed_ids(reply) if is_list and reply else None,
            dated=bool(reply and "Date" in reply.headers) and abs(self.server - self.wall) < _MAX_DATE_OFFSET,
        )
        self.calls.append(call)
        if is_late:
            raise requests.ReadTimeout from TimeoutError("timed out")
        return self._deliver(request, reply)

    def _apply_events(self, setup: CallSetup) -> None:
        if setup.foreign:
            self.add_foreign_task(setup.foreign)
        self.wall += setup.suspended + setup.set_by
        self.server += setup.suspended
        if setup.cancel and self.submission:
            self._cancel.cancel()

    @property
    def tasks(self) -> frozenset[str]:
        """The IDs of all tasks."""
        return frozenset(task.task_id for task in self._gateway.cloud.list_tasks(DATASET_ID))

    def _reply(self, request: requests.PreparedRequest, setup: CallSetup) -> HttpReply | None:
        """Return the sandbox's reply; None when the connection is refused."""
        active_faults = {
            fault.aspect: fault for fault in (parse_fault(words, parse_duration) for words in setup.faults)
        }
        if refuses_connection(active_faults):
            return None
        body: Any = request.body
        url = urlsplit(str(request.url))
        sent = Request(
            method=str(request.method),
            target=f"{url.path}?{url.query}",
            headers={name: str(value) for name, value in request.headers.items()},
            body=body.read() if body else b"",
        )
        return self._gateway.answer(sent, active_faults)

    def _deliver(self, request: requests.PreparedRequest, reply: HttpReply | None) -> requests.Response:
        """Return a reply as requests does, or raise what it raises."""
        if reply is not None and reply.delivery is Delivery.DROPPED and reply.delay:
            raise requests.ReadTimeout from TimeoutError("timed out")
        if reply is None or reply.delivery is Delivery.DROPPED:
            raise requests.ConnectionError from ConnectionResetError("reset by the server")
        body = reply.body[: reply.cut_at] if reply.delivery is Delivery.CUT else reply.body
        raw = HTTPResponse(
            io.BytesIO(body), headers=reply.headers, status=reply.status, preload_content=False
        )
        return self.build_response(request, raw)

    def handle(self, event: SubmissionEvent) -> None:
        """Record the ID or the warning of an event."""
        match event:
            case TaskAccepted() | TaskRecovered() | TaskReused() | SubmissionSkipped():
                self.reported_ids.append(event.task.task_id)
                if isinstance(event, TaskRecovered) and len(event.task_ids) > 1:
                    self.warnings.append(", ".join(event.task_ids))
            case DuplicatePossible(task=task):
                self.resends.append(task.task_id)
            case DuplicateFound(duplicate=duplicate):
                self.warnings.append(duplicate.task_id)
            case ReuseWarning(message=message):
                self.warnings.append(message)
            case DuplicateCheckFailed(error=error):
                self.warnings.append(str(error))


def _parse_listed_ids(reply: HttpReply) -> frozenset[str] | None:
    """Return the IDs of a complete list reply."""
    if reply.status != 200 or reply.delivery is not Delivery.DELIVERED:
        return None
    return frozenset(task["task_id"] for task in json.loads(reply.body)["export_tasks"])
