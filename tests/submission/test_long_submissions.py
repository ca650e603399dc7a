"""Submissions that go on for long, against a sandbox whose clock a test moves."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.clock import Clock
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.server import Sandbox
from modelarts_export.submission.submission import Submission
from modelarts_export.transport.session import Transport


@dataclass(kw_only=True)
class World:
    """A sandbox and a submission by one clock, which only a sleep moves."""

    now: float = 1_700_000_000.0
    started: float = 1_700_000_000.0
    naps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds
        self.naps.append(seconds)

    @contextmanager
    def submission(self, *faults: str, patience: float) -> Iterator[tuple[Sandbox, Submission]]:
        """Give a sandbox with faults, and a submission to it that looks for so many seconds."""
        told = Faults([parse_fault(words, parse_duration) for words in faults])
        with Sandbox(clock=lambda: self.now, faults=told) as sandbox:
            settings = Settings(reconcile_timeout=patience, max_retries=0, queue_timeout=0.0)
            transport = Transport(sandbox.url, TokenAuth(Token(token=sandbox.token)), settings)
            clock = Clock(
                monotonic=lambda: self.now,
                time=lambda: self.now,
                sleep=self.sleep,
                random=random.Random(1),  # noqa: S311 - dice, no secrets
            )
            client = Client(transport, sandbox.project_id)
            request = ToObs(path="/b/d/")
            yield (
                sandbox,
                Submission(client, sandbox.dataset_id, request, clock=clock),
            )
            transport.close()

    @property
    def passed(self) -> float:
        """How many seconds have passed."""
        return self.now - self.started


def ids(sandbox: Sandbox) -> list[str]:
    """Return the IDs of the tasks that are there, the oldest first."""
    return [task.task_id for task in reversed(sandbox.gateway.cloud.list_tasks(sandbox.dataset_id))]


def test_looks_become_rarer() -> None:
    """1 s, twice as long each time up to 15 s, and the last with a second left for it."""
    world = World()
    with world.submission("504:accepted=no", patience=60.0) as (_, submission):
        with pytest.raises(UnknownOutcomeError):
            submission.run()
        assert submission.outcome_unknown
    assert world.naps == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 14.0]


def test_a_task_that_is_listed_late() -> None:
    """However late: there is no upper bound to when ours may have been created."""
    world = World()
    with world.submission("504", "lag:for=50s", patience=60.0) as (sandbox, submission):
        assert [submission.run().task_id] == ids(sandbox)
        assert not submission.outcome_unknown
    assert 50 <= world.passed <= 60


def test_the_first_of_two_lost_sends_is_looked_for() -> None:
    """What may be ours begins with the first send of which nobody knows the end, not with the second."""
    world = World()
    with world.submission("drop:count=2", "lag:for=30s", patience=20.0) as (sandbox, submission):
        found = submission.run().task_id
        assert (found, len(ids(sandbox))) == (ids(sandbox)[0], 2)
    assert world.passed >= 30


def test_a_task_of_before_is_not_ours() -> None:
    """Once the clocks have moved on, the five seconds of slack are those of the send, not of the look."""
    world = World()
    with world.submission("504:accepted=no", patience=60.0) as (sandbox, submission):
        asked = {"path": "/b/d/", "export_type": 3, "export_params": {}}
        sandbox.gateway.cloud.add_task(sandbox.dataset_id, asked, age=6.5)
        with pytest.raises(UnknownOutcomeError):
            submission.run()
