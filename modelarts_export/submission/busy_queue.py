"""The retries of a submission, with the queue of a busy dataset and the throttle of all submissions."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from modelarts_export.clock import Clock
from modelarts_export.config.settings import Settings
from modelarts_export.errors import BusyError, TemporaryError, ThrottledError
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.transport.retry import Retries, RetryPolicy, announce, when_to_come_back

_FIRST_IN_QUEUE, _LONGEST_IN_QUEUE = 5.0, 60.0  # seconds, doubled each time


@dataclass(kw_only=True)
class Patience:
    """The retries of one submission; a busy dataset is waited for in a queue, which costs none of them.

    `tell` gets a line before each pause. `place` is to be closed when the submission has come to its end:
    others wait behind it in the queue of the dataset.
    """

    dataset_id: str
    settings: Settings
    traffic: SubmissionCoordinator
    timing: Clock
    tell: Callable[[str], None]
    place: ExitStack = field(default_factory=ExitStack)
    _retries: Retries = field(init=False)
    _joined: float | None = None
    _pause: float = _FIRST_IN_QUEUE

    def __post_init__(self) -> None:
        """Take the retry limits from the settings."""
        policy = RetryPolicy(
            timeout=self.settings.retry_timeout, max_retries=self.settings.max_retries, timing=self.timing
        )
        self._retries = policy.start()

    def bear(self, error: TemporaryError) -> None:
        """Sleep before the next send. Raises the error when there is to be none."""
        if isinstance(error, BusyError):
            begun = self.timing.monotonic()
            self._stand_in_queue(error)
            self._retries.extend(self.timing.monotonic() - begun)
        else:
            pause = self._retries.pause_or_raise(error)
            if isinstance(error, ThrottledError):
                self.traffic.throttle(pause, self.timing)
            self._stay_away(error, pause)

    def extend(self, seconds: float) -> None:
        """Do not count a time in which the list was polled."""
        self._retries.extend(seconds)

    def _stand_in_queue(self, error: BusyError) -> None:
        if self._joined is None:
            self._joined = self.timing.monotonic()
            self.place.enter_context(self.traffic.busy_slot(self.dataset_id))
        left = self._joined + self.settings.queue_timeout - self.timing.monotonic()
        asked = error.retry_after or 0.0
        if left <= 0:
            raise error
        if asked > left:
            raise when_to_come_back(error, self.timing)
        pause, self._pause = max(self._pause, asked), min(self._pause * 2, _LONGEST_IN_QUEUE)
        self._stay_away(error, min(pause, left))

    def _stay_away(self, error: TemporaryError, seconds: float) -> None:
        self.tell(announce(error, seconds))
        self.timing.sleep(seconds)
