"""Long submissions to a sandbox in simulated time."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.clock import Clock
from modelarts_export.config.settings import Settings
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.server import Sandbox
from modelarts_export.submission.submission import Submission
from modelarts_export.transport.session import Transport
from tests.conftest import make_faults


@dataclass(kw_only=True)
class Simulation:
    """A clock that only `sleep` advances, for a sandbox and its client."""

    now: float = 1_700_000_000.0
    started: float = 1_700_000_000.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += seconds
        self.sleeps.append(seconds)

    @contextmanager
    def open_submission(self, *faults: str, reconcile_timeout: float) -> Iterator[tuple[Sandbox, Submission]]:
        """Yield a sandbox with faults, and a submission to it; the timeout is in seconds."""
        parsed = make_faults(*faults)
        with Sandbox(clock=lambda: self.now, faults=parsed) as sandbox:
            settings = Settings(reconcile_timeout=reconcile_timeout, max_retries=0, queue_timeout=0.0)
            transport = Transport(sandbox.url, TokenAuth(Token(token=sandbox.token)), settings)
            clock = Clock(
                monotonic=lambda: self.now,
                time=lambda: self.now,
                sleep=self.sleep,
                random=random.Random(1),  # noqa: S311 - no secret
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
        """The seconds that have passed."""
        return self.now - self.started


def list_task_ids(sandbox: Sandbox) -> list[str]:
    """Return the IDs of all tasks, the oldest first."""
    return [task.task_id for task in reversed(sandbox.gateway.cloud.list_tasks(sandbox.dataset_id))]


def test_pauses_between_polls_grow_to_15_seconds() -> None:
    """From 1 s, each is twice as long, up to 15 s; a second is left for the last poll."""
    simulation = Simulation()
    with simulation.open_submission("504:accepted=no", reconcile_timeout=60.0) as (_, submission):
        with pytest.raises(UnknownOutcomeError):
            submission.run()
        assert submission.outcome_unknown
    assert simulation.sleeps == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 14.0]


def test_task_that_is_listed_late_is_recovered() -> None:
    """Also at the end of the reconcile timeout."""
    simulation = Simulation()
    with simulation.open_submission("504", "lag:for=50s", reconcile_timeout=60.0) as (sandbox, submission):
        assert [submission.run().task_id] == list_task_ids(sandbox)
        assert not submission.outcome_unknown
    assert 50 <= simulation.passed <= 60


def test_task_of_the_first_of_two_lost_posts_is_recovered() -> None:
    """Candidates are all tasks since the first POST with an unknown outcome."""
    simulation = Simulation()
    with simulation.open_submission("drop:count=2", "lag:for=30s", reconcile_timeout=20.0) as (
        sandbox,
        submission,
    ):
        found = submission.run().task_id
        assert (found, len(list_task_ids(sandbox))) == (list_task_ids(sandbox)[0], 2)
    assert simulation.passed >= 30


def test_task_from_before_the_post_is_not_recovered() -> None:
    """The tolerance of five seconds is relative to the POST, not to the poll."""
    simulation = Simulation()
    with simulation.open_submission("504:accepted=no", reconcile_timeout=60.0) as (sandbox, submission):
        body = {"path": "/b/d/", "export_type": 3, "export_params": {}}
        sandbox.gateway.cloud.add_task(sandbox.dataset_id, body, age=6.5)
        with pytest.raises(UnknownOutcomeError):
            submission.run()
