"""The queue of a busy dataset, in which a submission waits until the dataset takes another task."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from modelarts_export.clock import Clock
from modelarts_export.errors import BusyError
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.transport.retry import OnRetry, add_retry_time

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds, doubled each time


@dataclass(kw_only=True)
class BusyQueue:
    """The place of one submission in the queue of its dataset, for `timeout` seconds.

    They begin with the first error, or with `begin`, a time of the monotonic clock, for a submission that was
    held back before it. The first submission that meets the error holds the slot until `slot` is closed, and
    the others wait for it. `on_enter` receives the first error before any wait, and `on_retry` what that
    of RetryPolicy receives; `check` may raise while it waits for the slot.
    """

    dataset_id: str
    timeout: float
    coordinator: SubmissionCoordinator
    clock: Clock
    on_retry: OnRetry
    on_enter: Callable[[BusyError], None] = lambda _error: None
    check: Callable[[], None] = lambda: None
    begin: float | None = None
    slot: ExitStack = field(default_factory=ExitStack)
    _deadline: float | None = None
    _pause: float = FIRST_PAUSE

    def wait_or_raise(self, error: BusyError) -> None:
        """Sleep before the next send. Raises the error when the timeout has passed."""
        announced = self.timeout if self._deadline is None else None
        if self._deadline is None:
            begin = self.clock.monotonic() if self.begin is None else self.begin
            self._deadline = begin + self.timeout
            if self._deadline > self.clock.monotonic():
                self.on_enter(error)
            self.slot.enter_context(self.coordinator.busy_slot(self.dataset_id, self.check))
        left = self._deadline - self.clock.monotonic()
        asked = error.retry_after or 0.0
        if left <= 0:
            raise error
        if asked > left:
            raise add_retry_time(error, self.clock)
        pause = min(max(self._pause, asked), left)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.on_retry(error, pause, announced)
        self.clock.sleep(pause)
