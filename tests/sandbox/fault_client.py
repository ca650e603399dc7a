"""A sandbox with a manual clock and chosen faults, called over plain HTTP."""

import http.client
import json
import random
from dataclasses import dataclass, field
from typing import Any

from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalog import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox

START = 1_606_103_424.0
BODY = b'{"path": "/test-obs/out/"}'


@dataclass(kw_only=True)
class FaultClient:
    """A sandbox with the clock `now`, in epoch seconds, and its exchanges."""

    now: float = START
    exchanges: list[tuple[Request, HttpReply]] = field(default_factory=list)
    sandbox: Sandbox = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox without starting it."""
        rng = random.Random(7)  # noqa: S311 - IDs, not secrets
        self.sandbox = Sandbox(
            task_duration=100.0,
            clock=lambda: self.now,
            rng=rng,
            observe=lambda request, reply: self.exchanges.append((request, reply)),
        )

    def set_faults(self, *words: str) -> None:
        """Replace the faults of the sandbox."""
        self.sandbox.gateway.faults = Faults(parse_fault(each, parse_duration) for each in words)

    @property
    def tasks(self) -> str:
        """The path of the first dataset's export tasks."""
        return f"/v2/{self.sandbox.project_id}/datasets/{self.sandbox.dataset_id}/export-tasks"

    @property
    def created(self) -> int:
        """Number of tasks, hidden ones included."""
        return len(self.sandbox.gateway.cloud.list_tasks(self.sandbox.dataset_id))

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that is made with the first request."""
        return http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)

    def send(
        self, method: str, target: str = "", body: bytes | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request with the token, by a connection of its own, and return reply and body."""
        connection = self.connect()
        try:
            headers = {"X-Auth-Token": self.sandbox.token}
            connection.request(method, target or self.tasks, body=body, headers=headers)
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()

    def create_task(self) -> tuple[http.client.HTTPResponse, bytes]:
        """Create a task."""
        return self.send("POST", body=BODY)

    def get(self, target: str = "") -> dict[str, Any]:
        """Return the parsed reply of a GET."""
        return dict(json.loads(self.send("GET", target)[1]))
