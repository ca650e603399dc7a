"""How long a submission puts up with trouble that passes, and how long it stays away each time."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from modelarts_export.config import Settings
from modelarts_export.errors import BusyError, TemporaryError, ThrottledError
from modelarts_export.timing import Timing
from modelarts_export.traffic import Traffic

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0  # seconds, doubled each time; of which a part is chosen by chance
_RETRY_BUDGET = 300.0  # seconds in all; a server that wants us to stay away for longer ends it
_FIRST_IN_QUEUE, _LONGEST_IN_QUEUE = 5.0, 60.0  # seconds, doubled each time


@dataclass(kw_only=True)
class Patience:
    """The patience of one submission, of which each trouble takes something.

    `tell` hears what is waited for. `place` is to be closed when the submission has come to its end: others
    stand behind it in the queue of the dataset.
    """

    dataset_id: str
    settings: Settings
    traffic: Traffic
    timing: Timing
    tell: Callable[[str], None]
    place: ExitStack = field(default_factory=ExitStack)
    _retries: int = 0
    _waited: float = 0.0
    _joined: float | None = None
    _pause: float = _FIRST_IN_QUEUE

    def bear(self, error: TemporaryError) -> None:
        """Stay away for a while before the next try. Raises the error when there is to be none."""
        if isinstance(error, BusyError):
            self._stand_in_queue(error)
        else:
            self._retry(error)

    def _retry(self, error: TemporaryError) -> None:
        asked = error.retry_after or 0.0
        if self._waited + asked > _RETRY_BUDGET:
            raise self._later(error, asked)
        if self._retries >= self.settings.max_retries:
            raise self._later(error, asked) if asked else error
        longest = min(_FIRST_RETRY * 2**self._retries, _LONGEST_RETRY)
        pause = max(self.timing.chance.uniform(0, longest), asked)
        self._retries += 1
        self._waited += pause
        if isinstance(error, ThrottledError):
            self.traffic.close_for(pause, self.timing)
        self._stay_away(error, pause)

    def _stand_in_queue(self, error: BusyError) -> None:
        if self._joined is None:
            self._joined = self.timing.clock()
            self.place.enter_context(self.traffic.queue(self.dataset_id))
        left = self._joined + self.settings.queue_timeout - self.timing.clock()
        asked = error.retry_after or 0.0
        if left <= 0:
            raise error
        if asked > left:
            raise self._later(error, asked)
        pause, self._pause = max(self._pause, asked), min(self._pause * 2, _LONGEST_IN_QUEUE)
        self._stay_away(error, min(pause, left))

    def _stay_away(self, error: TemporaryError, seconds: float) -> None:
        self.tell(f"{error}; trying again in {ceil(seconds)} s")
        self.timing.sleep(seconds)

    def _later(self, error: TemporaryError, asked: float) -> TemporaryError:
        """Return the error of a server that wants us to stay away for too long, with when to come back."""
        when = datetime.fromtimestamp(self.timing.wall() + asked).astimezone()
        error.hint = f"run it again after {when:%Y-%m-%d %H:%M:%S}"
        return error
