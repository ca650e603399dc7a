"""The limits of retries and of the queue of a busy dataset, by clocks that a test moves."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelarts_export.clock import Clock
from modelarts_export.errors import (
    BusyError,
    CertificateError,
    ModelArtsExportError,
    TemporaryError,
    ThrottledError,
)
from modelarts_export.submission.busy_queue import BusyQueue
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.transport.response import Response, error_from_response
from modelarts_export.transport.retry import RetryPolicy


@dataclass(kw_only=True)
class World:
    """Clocks that only a sleep moves, what was slept, and what was announced before."""

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)
    announced: list[tuple[str, float]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds
        self.naps.append(seconds)

    def policy(self, *, timeout: float = 120.0, max_retries: int | None = None) -> RetryPolicy:
        """Return a retry policy with these clocks."""
        return RetryPolicy(
            timeout=timeout, max_retries=max_retries, clock=self.clock, on_retry=self.report_retry
        )

    def queue(self, *, timeout: float) -> BusyQueue:
        """Return the queue of a dataset with these clocks."""
        return BusyQueue(
            dataset_id="d",
            timeout=timeout,
            coordinator=SubmissionCoordinator(),
            clock=self.clock,
            on_retry=self.report_retry,
        )

    def report_retry(self, error: TemporaryError, pause: float) -> None:
        """Keep the pause, which is announced before it begins."""
        self.announced.append((str(error), pause))

    @property
    def clock(self) -> Clock:
        """The clocks, with random numbers that are always the same."""
        return Clock(
            monotonic=lambda: self.now,
            time=lambda: self.now,
            sleep=self.sleep,
            random=random.Random(7),  # noqa: S311 - no secret
        )


def error(kind: type[TemporaryError], retry_after: float | None = None) -> TemporaryError:
    """Return an error with a Retry-After, in seconds."""
    found = kind("outage")
    found.retry_after = retry_after
    return found


def count_waits(wait_or_raise: Callable[[Any], None], failure: TemporaryError) -> int:
    """Return how often an error is waited for before it is raised."""
    count = 0
    with suppress(type(failure)):
        while count < 99:
            wait_or_raise(failure)
            count += 1
    return count


@pytest.mark.parametrize("retries", [0, 1, 4, 12])
def test_pauses_are_random_and_double_up_to_half_a_minute(retries: int) -> None:
    world = World()
    policy = world.policy(timeout=3600.0, max_retries=retries)
    assert count_waits(policy.start().wait_or_raise, error(TemporaryError)) == retries
    assert all(0 <= nap <= min(2**turn, 30) for turn, nap in enumerate(world.naps))
    assert len(set(world.naps)) == retries


def test_retry_after_is_the_shortest_pause() -> None:
    world = World()
    world.policy().start().wait_or_raise(error(TemporaryError, 42.0))
    assert world.naps == [42.0]
    assert world.announced == [("outage", 42.0)]


@pytest.mark.parametrize("kind", [TemporaryError, ThrottledError])
def test_retry_after_beyond_the_budget_ends_the_retries(kind: type[TemporaryError]) -> None:
    """The hint says when to run the command again."""
    world = World()
    assert count_waits(world.policy().start().wait_or_raise, error(kind, 121.0)) == 0
    assert world.naps == []
    failure = error(kind, 100.0)
    assert count_waits(world.policy().start().wait_or_raise, failure) == 1
    assert failure.hint.startswith("run it again after 1970-01-01")


class _Attempts:
    """A call that fails so often, at the times that are noted."""

    def __init__(self, world: World, failures: int, failure: TemporaryError | None = None) -> None:
        self.times: list[float] = []
        self._world, self._failures = world, failures
        self._failure = failure or error(TemporaryError)

    def __call__(self) -> str:
        self.times.append(self._world.now)
        if len(self.times) > self._failures:
            return "reply"
        raise self._failure


def test_last_pause_is_cut_to_the_budget() -> None:
    """One last try is made when the time is over, and no other; nothing but the time limits their number."""
    world = World()
    attempts = _Attempts(world, 999)
    with pytest.raises(TemporaryError, match="outage"):
        world.policy().call(attempts)
    assert attempts.times[-1] == attempts.times[0] + 120.0
    assert len(attempts.times) > 5
    assert len(world.naps) == len(attempts.times) - 1


def test_outage_of_three_seconds_is_retried() -> None:
    """It ends nothing: the call is made again, and each pause is announced."""
    world = World()
    attempts = _Attempts(world, 3)
    assert world.policy().call(attempts) == "reply"
    assert [reason for reason, _ in world.announced] == ["outage"] * 3


def test_each_call_has_the_whole_budget() -> None:
    """One policy serves many calls, such as the pages of a list."""
    world = World()
    policy = world.policy(timeout=10.0)
    for _ in range(3):
        assert policy.call(_Attempts(world, 1, error(TemporaryError, 9.0))) == "reply"


def test_retry_timeout_of_zero_makes_one_attempt() -> None:
    """`--retry-timeout 0` makes one try."""
    world = World()
    attempts = _Attempts(world, 1)
    with pytest.raises(TemporaryError):
        world.policy(timeout=0.0).call(attempts)
    assert (len(attempts.times), world.naps) == (1, [])


@pytest.mark.parametrize("kind", [BusyError, CertificateError])
def test_busy_dataset_and_bad_certificate_are_not_retried(kind: type[TemporaryError]) -> None:
    """A dataset that is busy has a queue, and a certificate stays as it is."""
    world = World()
    attempts = _Attempts(world, 1, error(kind))
    with pytest.raises(kind):
        world.policy().call(attempts)
    assert len(attempts.times) == 1


def test_throttling_window_is_read_from_the_message() -> None:
    """Its 429 counts anew after a minute, and says so in its message alone."""
    words = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute"
    content = f'{{"error_code": "APIGW.0308", "error_msg": "{words}"}}'.encode()
    found: ModelArtsExportError = error_from_response(
        Response(url="http://127.0.0.1/", status=429, headers={}, content=content, changing=True)
    )
    assert isinstance(found, ThrottledError)
    assert World().policy().start().pause_or_raise(found) == 60.0


def test_queue_is_tried_every_minute_until_its_timeout() -> None:
    """The first pause has 5 s, and each is twice as long as the one before, up to a minute."""
    world = World()
    with (queue := world.queue(timeout=300.0)).slot:
        count_waits(queue.wait_or_raise, error(BusyError))
    assert world.naps == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 45.0]
    assert sum(world.naps) == 300.0


def test_queue_timeout_of_zero_fails_at_once() -> None:
    world = World()
    with (queue := world.queue(timeout=0.0)).slot:
        assert count_waits(queue.wait_or_raise, error(BusyError)) == 0
    assert world.naps == []
