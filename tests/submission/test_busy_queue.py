"""How long and how often a call is retried, by clocks that a test moves."""

import random
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from modelarts_export.clock import Clock
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    BusyError,
    CertificateError,
    ModelArtsExportError,
    TemporaryError,
    ThrottledError,
)
from modelarts_export.submission.busy_queue import Patience
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.transport.response import Response, error_from_response
from modelarts_export.transport.retry import RetryPolicy


@dataclass(kw_only=True)
class World:
    """Clocks that only a sleep moves, and what was slept and told."""

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    traffic: SubmissionCoordinator = field(default_factory=SubmissionCoordinator)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds
        self.naps.append(seconds)

    def policy(self, *, timeout: float = 120.0, max_retries: int | None = None) -> RetryPolicy:
        """Return how a call is retried in this world."""
        return RetryPolicy(
            timeout=timeout, max_retries=max_retries, timing=self.timing, tell=self.told.append
        )

    @property
    def timing(self) -> Clock:
        """These clocks, and dice that are known."""
        return Clock(
            monotonic=lambda: self.now,
            time=lambda: self.now,
            sleep=self.sleep,
            random=random.Random(7),  # noqa: S311 - dice, no secrets
        )

    def patience(self, *, max_retries: int | None = None, queue_timeout: float = 1800.0) -> Patience:
        """Return the retries of a submission in this world."""
        settings = Settings(max_retries=max_retries, queue_timeout=queue_timeout)
        return Patience(
            dataset_id="d", settings=settings, traffic=self.traffic, timing=self.timing, tell=self.told.append
        )


def error(kind: type[TemporaryError], retry_after: float | None = None) -> TemporaryError:
    """Return trouble after which the server wants us to stay away."""
    found = kind("trouble")
    found.retry_after = retry_after
    return found


def borne(patience: Patience, trouble: TemporaryError) -> int:
    """Return how often it is put up with."""
    count = 0
    with suppress(type(trouble)):
        while count < 99:
            patience.bear(trouble)
            count += 1
    return count


@pytest.mark.parametrize("retries", [0, 1, 4, 12])
def test_retries_are_counted(retries: int) -> None:
    """As many as were asked for, each after a pause by chance that may double, up to half a minute."""
    world = World()
    settings = Settings(max_retries=retries, retry_timeout=3600.0)
    patience = replace(world.patience(), settings=settings)
    assert borne(patience, error(TemporaryError)) == retries
    assert all(0 <= nap <= min(2**turn, 30) for turn, nap in enumerate(world.naps))
    assert len(set(world.naps)) == retries


def test_retry_after_is_the_least() -> None:
    """A server that names a time gets it."""
    world = World()
    world.patience().bear(error(TemporaryError, 42.0))
    assert world.naps == [42.0]
    assert world.told == ["trouble; trying again in 42 s"]


@pytest.mark.parametrize("kind", [TemporaryError, ThrottledError])
def test_retry_after_beyond_the_time_left(kind: type[TemporaryError]) -> None:
    """It ends the retries at once, and says when to come back."""
    world = World()
    assert borne(world.patience(), error(kind, 121.0)) == 0
    assert world.naps == []
    trouble = error(kind, 100.0)
    assert borne(world.patience(), trouble) == 1
    assert trouble.hint.startswith("run it again after 1970-01-01")


class _Attempts:
    """A call that fails so often, at the times that are noted."""

    def __init__(self, world: World, failures: int, trouble: TemporaryError | None = None) -> None:
        self.times: list[float] = []
        self._world, self._failures = world, failures
        self._trouble = trouble or error(TemporaryError)

    def __call__(self) -> str:
        self.times.append(self._world.now)
        if len(self.times) > self._failures:
            return "reply"
        raise self._trouble


def test_the_last_pause_is_cut_to_the_time_left() -> None:
    """One last try is made when the time is over, and no other; nothing but the time limits their number."""
    world = World()
    attempts = _Attempts(world, 999)
    with pytest.raises(TemporaryError, match="trouble"):
        world.policy().call(attempts)
    assert attempts.times[-1] == attempts.times[0] + 120.0
    assert len(attempts.times) > 5
    assert len(world.naps) == len(attempts.times) - 1


def test_an_outage_of_three_seconds() -> None:
    """It ends nothing: the call is made again, and each pause is announced."""
    world = World()
    attempts = _Attempts(world, 3)
    assert world.policy().call(attempts) == "reply"
    assert [line.split(";")[0] for line in world.told] == ["trouble"] * 3


def test_each_call_has_the_whole_time() -> None:
    """One policy serves many calls, such as the pages of a list."""
    world = World()
    policy = world.policy(timeout=10.0)
    for _ in range(3):
        assert policy.call(_Attempts(world, 1, error(TemporaryError, 9.0))) == "reply"


def test_no_time_is_no_retry() -> None:
    """`--retry-timeout 0` makes one try."""
    world = World()
    attempts = _Attempts(world, 1)
    with pytest.raises(TemporaryError):
        world.policy(timeout=0.0).call(attempts)
    assert (len(attempts.times), world.naps) == (1, [])


@pytest.mark.parametrize("kind", [BusyError, CertificateError])
def test_what_a_retry_does_not_help(kind: type[TemporaryError]) -> None:
    """A dataset that is busy has a queue, and a certificate stays as it is."""
    world = World()
    attempts = _Attempts(world, 1, error(kind))
    with pytest.raises(kind):
        world.policy().call(attempts)
    assert len(attempts.times) == 1


def test_the_gateways_own_words() -> None:
    """Its 429 counts anew after a minute, and says so in its message alone."""
    words = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute"
    content = f'{{"error_code": "APIGW.0308", "error_msg": "{words}"}}'.encode()
    found: ModelArtsExportError = error_from_response(
        Response(url="http://127.0.0.1/", status=429, headers={}, content=content, changing=True)
    )
    assert isinstance(found, ThrottledError)
    world = World()
    world.patience().bear(found)
    assert world.naps == [60.0]


def test_throttling_holds_for_all() -> None:
    """The gateway counts the requests of all submissions together: each waits until it counts anew."""
    world = World()
    world.patience().bear(error(ThrottledError, 60.0))
    world.now -= 25.0
    world.traffic.wait_until_open(world.timing)
    assert world.naps == [60.0, 25.0]


def test_other_trouble_is_ones_own() -> None:
    """A lost connection of one submission is none of another."""
    world = World()
    world.patience().bear(error(TemporaryError, 60.0))
    world.now -= 60.0
    world.traffic.wait_until_open(world.timing)
    assert world.naps == [60.0]


def test_a_queue() -> None:
    """It is asked after 5 s, twice as long each time, then every minute, until its time is over."""
    world = World()
    with (patience := world.patience(queue_timeout=300.0)).place:
        borne(patience, error(BusyError))
    assert world.naps == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 45.0]
    assert sum(world.naps) == 300.0


def test_a_queue_of_no_time() -> None:
    """With 0 a busy dataset fails at once."""
    world = World()
    with (patience := world.patience(queue_timeout=0.0)).place:
        assert borne(patience, error(BusyError)) == 0
    assert world.naps == []


def test_a_queue_does_not_use_up_retries() -> None:
    """A dataset that is busy is no outage."""
    world = World()
    with (patience := world.patience(max_retries=2)).place:
        patience.bear(error(TemporaryError))
        for _ in range(9):
            patience.bear(error(BusyError))
        assert borne(patience, error(TemporaryError)) == 1
