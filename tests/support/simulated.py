"""Waits in simulated time, over real HTTP on loopback."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.clock import Clock
from modelarts_export.config.settings import Settings
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.poller import Snapshot, poll
from modelarts_export.transport.session import Transport
from tests.support.raw_server import RawServer, make_reply, serve

START = 1_606_103_424.0
PROJECT = "0123"


class FixedRandom(random.Random):
    """A random number generator that always returns the same number, from 0 to 1."""

    def __init__(self, face: float) -> None:
        """Return `face` each time."""
        super().__init__()
        self._face = face

    def random(self) -> float:
        """Return the number."""
        return self._face


@dataclass(kw_only=True)
class SimulatedTime:
    """A clock that only `sleep` advances; `sleeps` are in seconds."""

    now: float = START
    sleeps: list[float] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: FixedRandom(0.5))
    meanwhile: Callable[[float], object] = lambda _seconds: None

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    @property
    def passed(self) -> float:
        """The seconds that have passed."""
        return self.now - START

    def sleep(self, seconds: float) -> None:
        """Advance the clock, and call `meanwhile` with the seconds since the start."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.sleeps.append(seconds)
        self.now += seconds
        self.meanwhile(self.passed)

    def iter_wait(
        self,
        client: Client,
        tasks: Sequence[ExportTask],
        **settings: Any,  # noqa: ANN401 - as PollOptions has them
    ) -> Iterator[tuple[float, Snapshot]]:
        """Yield each snapshot of a wait with the seconds that had passed then."""
        clock = Clock(monotonic=self.monotonic, time=self.monotonic, sleep=self.sleep, random=self.rng)
        for snapshot in poll(client, tasks, PollOptions(**settings), clock=clock):
            yield self.passed, snapshot


def make_client(
    url: str,
    *,
    project: str = PROJECT,
    token: str = PROJECT,
    clock: Callable[[], float] = time.monotonic,
    read_timeout: float = 90.0,
) -> Client:
    """Return a client with a token, so that no signature depends on the time; times are in seconds."""
    settings = Settings(read_timeout=read_timeout)
    return Client(Transport(url, TokenAuth(Token(token=token)), settings, clock=clock), project)


def make_task(task_id: str = "t1", dataset_id: str = "abc", **answer: object) -> ExportTask:
    """Return a task with this answer of the API, or with none."""
    return ExportTask(task_id=task_id, dataset_id=dataset_id, project_id=PROJECT, raw=answer)


def make_accepted_task(task_id: str = "t1") -> ExportTask:
    """Return a task that was created and not polled yet."""
    answer = {"task_id": task_id, "path": "/b/out/"}
    return ExportTask(task_id=task_id, dataset_id="abc", project_id=PROJECT, raw=answer)


def make_show_body(status: object = "RUNNING", **answer: object) -> bytes:
    """Return the body of a show call."""
    return json.dumps({"task_id": "t1", "status": status, **answer}).encode()


def make_list_reply(entries: Sequence[object], total: object = None) -> bytes:
    """Return the reply of a list call, without a total when it is None."""
    fields = {} if total is None else {"total_count": total}
    return make_reply("200 OK", json.dumps({**fields, "export_tasks": entries}).encode())


def make_error_reply(status: str, code: str, *headers: str) -> bytes:
    """Return the reply of an error with this code."""
    return make_reply(
        status, json.dumps({"error_code": code, "error_msg": "as it is put"}).encode(), *headers
    )


@contextmanager
def serve_answers(answer: Callable[[str], bytes]) -> Iterator[RawServer]:
    """Serve the raw reply that `answer` returns for the target, each on a connection of its own."""

    def handle(server: RawServer, peer: socket) -> None:
        if request := server.read(peer):
            raw = answer(request.split(b" ")[1].decode())
            peer.sendall(raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    with serve(handle) as server:
        yield server


def get_targets(server: RawServer) -> list[str]:
    """Return the targets of the requests, in their order."""
    return [request.split(b" ")[1].decode() for request in server.requests]
