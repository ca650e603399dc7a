"""The limits of retries and of the queue of a busy dataset, in simulated time."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
class SimulatedTime:
    """Clocks that only `sleep` advances, the sleeps, and the pauses that were announced."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)
    announced: list[tuple[str, float]] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Advance the clocks."""
        self.now += seconds
        self.sleeps.append(seconds)

    def make_policy(self, *, timeout: float = 120.0, max_retries: int | None = None) -> RetryPolicy:
        """Return a retry policy with these clocks."""
        return RetryPolicy(
            timeout=timeout, max_retries=max_retries, clock=self.clock, on_retry=self.report_retry
        )

    def make_queue(self, *, timeout: float) -> BusyQueue:
        """Return the queue of a dataset with these clocks."""
        return BusyQueue(
            dataset_id="d",
            timeout=timeout,
            coordinator=SubmissionCoordinator(),
            clock=self.clock,
            on_retry=self.report_retry,
        )

    def report_retry(self, error: TemporaryError, pause: float, timeout: float | None) -> None:
        """Record an announced pause and timeout."""
        self.announced.append((str(error), pause))
        self.timeouts.append(timeout)

    @property
    def clock(self) -> Clock:
        """The clocks, with repeatable random numbers."""
        return Clock(
            monotonic=lambda: self.now,
            time=lambda: self.now,
            sleep=self.sleep,
            random=random.Random(7),  # noqa: S311 - no secret
        )


def make_error(kind: type[TemporaryError], retry_after: float | None = None) -> TemporaryError:
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
    time = SimulatedTime()
    policy = time.make_policy(timeout=3600.0, max_retries=retries)
    assert count_waits(policy.start().wait_or_raise, make_error(TemporaryError)) == retries
    assert all(0 <= pause <= min(2**number, 30) for number, pause in enumerate(time.sleeps))
    assert len(set(time.sleeps)) == retries


def test_retry_after_is_the_shortest_pause() -> None:
    time = SimulatedTime()
    time.make_policy().start().wait_or_raise(make_error(TemporaryError, 42.0))
    assert time.sleeps == [42.0]
    assert time.announced == [("outage", 42.0)]


@pytest.mark.parametrize("kind", [TemporaryError, ThrottledError])
def test_retry_after_beyond_the_budget_ends_the_retries(kind: type[TemporaryError]) -> None:
    """The hint says when to run the command again."""
    time = SimulatedTime()
    assert count_waits(time.make_policy().start().wait_or_raise, make_error(kind, 121.0)) == 0
    assert time.sleeps == []
    retries = time.make_policy().start()
    retries.wait_or_raise(make_error(kind, 100.0))
    with pytest.raises(kind) as caught:
        retries.wait_or_raise(make_error(kind, 100.0))
    assert caught.value.hint.startswith("run it again after 1970-01-01")


class _Attempts:
    """A call that fails a number of times, and records its times."""

    def __init__(self, time: SimulatedTime, failures: int, failure: TemporaryError | None = None) -> None:
        self.times: list[float] = []
        self._world, self._failures = time, failures
        self._failure = failure or make_error(TemporaryError)

    def __call__(self) -> str:
        self.times.append(self._world.now)
        if len(self.times) > self._failures:
            return "reply"
        raise self._failure


def test_last_pause_is_cut_to_the_budget() -> None:
    """The last attempt is made when the time is over; the number of attempts is not limited."""
    time = SimulatedTime()
    attempts = _Attempts(time, 999)
    with pytest.raises(TemporaryError, match="outage"):
        time.make_policy().call(attempts)
    assert attempts.times[-1] == attempts.times[0] + 120.0
    assert len(attempts.times) > 5
    assert len(time.sleeps) == len(attempts.times) - 1


def test_outage_of_three_seconds_is_retried() -> None:
    """Each pause is announced."""
    time = SimulatedTime()
    attempts = _Attempts(time, 3)
    assert time.make_policy().call(attempts) == "reply"
    assert [reason for reason, _ in time.announced] == ["outage"] * 3


def test_each_call_has_the_whole_budget() -> None:
    """One policy serves many calls, such as the pages of a list."""
    time = SimulatedTime()
    policy = time.make_policy(timeout=10.0)
    for _ in range(3):
        assert policy.call(_Attempts(time, 1, make_error(TemporaryError, 9.0))) == "reply"


def test_retry_timeout_of_zero_makes_one_attempt() -> None:
    time = SimulatedTime()
    attempts = _Attempts(time, 1)
    with pytest.raises(TemporaryError):
        time.make_policy(timeout=0.0).call(attempts)
    assert (len(attempts.times), time.sleeps) == (1, [])


@pytest.mark.parametrize("kind", [BusyError, CertificateError])
def test_busy_dataset_and_bad_certificate_are_not_retried(kind: type[TemporaryError]) -> None:
    """A busy dataset has a queue, and a certificate does not change."""
    time = SimulatedTime()
    attempts = _Attempts(time, 1, make_error(kind))
    with pytest.raises(kind):
        time.make_policy().call(attempts)
    assert len(attempts.times) == 1


def test_throttling_window_is_read_from_the_message() -> None:
    """The 429 of the gateway has no Retry-After."""
    words = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute"
    content = f'{{"error_code": "APIGW.0308", "error_msg": "{words}"}}'.encode()
    found: ModelArtsExportError = error_from_response(
        Response(url="http://127.0.0.1/", status=429, headers={}, content=content, changing=True)
    )
    assert isinstance(found, ThrottledError)
    assert SimulatedTime().make_policy().start().pause_or_raise(found) == 60.0


def test_queue_is_tried_every_minute_until_its_timeout() -> None:
    """The first pause is 5 s, and each is twice as long as the one before, up to a minute."""
    time = SimulatedTime()
    with (queue := time.make_queue(timeout=300.0)).slot:
        count_waits(queue.wait_or_raise, make_error(BusyError))
    assert time.sleeps == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 45.0]
    assert sum(time.sleeps) == 300.0


def test_queue_timeout_of_zero_fails_at_once() -> None:
    time = SimulatedTime()
    with (queue := time.make_queue(timeout=0.0)).slot:
        assert count_waits(queue.wait_or_raise, make_error(BusyError)) == 0
    assert time.sleeps == []


def test_time_that_a_submission_was_held_back_counts_as_time_in_the_queue() -> None:
    """The wait is told of, unless it is over already; the last try comes at its end."""
    entered: list[str] = []
    time = SimulatedTime()
    for held_back, expected in ((0.0, 60.0), (50.0, 10.0), (60.0, 0.0), (3600.0, 0.0)):
        queue = replace(
            time.make_queue(timeout=60.0),
            begin=time.now - held_back,
            on_enter=lambda error: entered.append(str(error)),
        )
        begin = time.now
        count_waits(queue.wait_or_raise, make_error(BusyError))
        assert time.now - begin == expected
    assert entered == ["outage", "outage"]


def test_timeout_is_announced_once() -> None:
    time = SimulatedTime()
    count_waits(
        time.make_policy(timeout=60.0, max_retries=3).start().wait_or_raise, make_error(TemporaryError)
    )
    assert time.timeouts == [60.0, None, None]
    time = SimulatedTime()
    queue = time.make_queue(timeout=12.0)
    with queue.slot:
        count_waits(queue.wait_or_raise, make_error(BusyError))
    assert time.timeouts == [12.0, None]
