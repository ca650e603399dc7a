"""What the submissions of one process have to agree on: who goes first, and when nobody may go."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from modelarts_export.clock import Clock


class SubmissionCoordinator:
    """Shared by all submissions of a process, from whatever thread."""

    def __init__(self) -> None:
        """Let everybody pass."""
        self._lock = threading.Lock()
        self._turns: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._taken: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self._closed_until = 0.0

    @contextmanager
    def one_at_a_time(self, dataset_id: str, path: str) -> Iterator[set[str]]:
        """Let exports of one dataset to one path run one after another: each could be taken for the other.

        Yields the IDs of the tasks that came of those before, none of which can be that of the next; whoever
        has the turn adds to them.
        """
        with self._get_lock("path", dataset_id, path):
            with self._lock:
                taken = self._taken[dataset_id, path]
            yield taken

    @contextmanager
    def busy_slot(self, dataset_id: str) -> Iterator[None]:
        """Let one submission at a time ask a busy dataset whether it has room; the others stand behind it."""
        with self._get_lock("queue", dataset_id):
            yield

    def throttle(self, seconds: float, timing: Clock) -> None:
        """Let nobody pass for so long: the API counts the requests of all of them together."""
        with self._lock:
            self._closed_until = max(self._closed_until, timing.monotonic() + seconds)

    def wait_until_open(self, timing: Clock) -> None:
        """Wait until requests may be sent."""
        while (left := self._closed_until - timing.monotonic()) > 0:
            timing.sleep(left)

    def _get_lock(self, *of: str) -> threading.Lock:
        with self._lock:
            return self._turns[of]
