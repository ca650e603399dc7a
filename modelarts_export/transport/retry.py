"""The retry policy for transient errors: backoff, time budget and Retry-After."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeVar

from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.config.settings import Settings
from modelarts_export.errors import BusyError, CertificateError, TemporaryError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds, doubled each time; the pause is a random part of it

OnRetry = Callable[[TemporaryError, float, float | None], None]
Result = TypeVar("Result")


def _report_nothing(_error: TemporaryError, _pause: float, _timeout: float | None) -> None: ...


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """For how long, in seconds, and how often a call is retried; `max_retries` of None is no limit.

    `on_retry` receives the error, the pause, and for how long the call is retried, both in seconds, before
    each sleep; the last is None after the first time.
    """

    timeout: float
    max_retries: int | None
    clock: Clock = SYSTEM_CLOCK
    on_retry: OnRetry = _report_nothing

    @classmethod
    def from_settings(
        cls, settings: Settings, *, clock: Clock = SYSTEM_CLOCK, on_retry: OnRetry = _report_nothing
    ) -> Self:
        """Return the policy that the settings of a connection ask for."""
        return cls(
            timeout=settings.retry_timeout,
            max_retries=settings.max_retries,
            clock=clock,
            on_retry=on_retry,
        )

    def start(self) -> "Retries":
        """Return the state of one call's retries."""
        return Retries(self)

    def call(self, attempt: Callable[[], Result]) -> Result:
        """Return the result of an attempt. Raises the last TemporaryError, and any other error at once."""
        retries = self.start()
        while True:
            try:
                return attempt()
            except TemporaryError as error:
                retries.wait_or_raise(error)


ONE_TRY = RetryPolicy(timeout=0.0, max_retries=0)


class Retries:
    """The retries of one call; the time budget starts at its first error."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._made = 0
        self._ends: float | None = None

    @property
    def announced_timeout(self) -> float | None:
        """For how long the call is retried, in seconds; None after the first retry."""
        return self._policy.timeout if self._made == 1 else None

    def wait_or_raise(self, error: TemporaryError) -> None:
        """Sleep before the next attempt. Raises the error when the limit is reached."""
        pause = self.pause_or_raise(error)
        self._policy.on_retry(error, pause, self.announced_timeout)
        self._policy.clock.sleep(pause)

    def pause_or_raise(self, error: TemporaryError) -> float:
        """Return the pause before the next attempt in seconds. Raises the error at the limit.

        A pause is cut to the remaining time, and then one last attempt is made; a Retry-After is not cut.
        """
        if isinstance(error, BusyError | CertificateError):
            raise error  # a busy dataset has its own queue, and waiting does not repair a certificate
        asked, left = error.retry_after or 0.0, self._left()
        limit = self._policy.max_retries
        if left <= 0 or asked > left or (limit is not None and self._made >= limit):
            raise add_retry_time(error, self._policy.clock)
        longest = min(FIRST_PAUSE * 2.0 ** min(self._made, 16), LONGEST_PAUSE)
        self._made += 1
        return min(max(self._policy.clock.random.uniform(0, longest), asked), left)

    def extend(self, seconds: float) -> None:
        """Add seconds to the budget that were spent on another wait."""
        if self._ends is not None:
            self._ends += seconds

    def _left(self) -> float:
        now = self._policy.clock.monotonic()
        if self._ends is None:
            self._ends = now + self._policy.timeout
        return self._ends - now


def add_retry_time(error: TemporaryError, clock: Clock) -> TemporaryError:
    """Return the error, with the server's Retry-After as a time in its hint."""
    if error.retry_after:
        when = datetime.fromtimestamp(clock.time() + error.retry_after).astimezone()
        return error.copy_with(hint=f"run it again after {when:%Y-%m-%d %H:%M:%S}")
    return error
