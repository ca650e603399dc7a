"""What the submissions of one process share: locks for a path and a busy dataset, and the throttle."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from modelarts_export.clock import Clock

_LOCK = threading.Lock()


class SubmissionCoordinator:
    """Shared by all submissions of a process, in any thread."""

    def __init__(self) -> None:
        """Begin without a lock and without a throttle."""
        self._lock = threading.Lock()
        self._locks: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._claimed_ids: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self._throttled_until = 0.0

    @classmethod
    def shared_by(cls, client: object) -> "SubmissionCoordinator":
        """Return the coordinator of all submissions by one client, which threads may share."""
        with _LOCK:
            return _OF_CLIENTS.setdefault(client, cls())

    @contextmanager
    def one_at_a_time(self, dataset_id: str, path: str) -> Iterator[set[str]]:
        """Serialize exports of one dataset to one path: reconciliation could mix up their tasks.

        Yields the IDs of the tasks of earlier submissions, none of which can be the next one's; the caller
        adds its own.
        """
        with self._get_lock("path", dataset_id, path):
            with self._lock:
                claimed_ids = self._claimed_ids[dataset_id, path]
            yield claimed_ids

    @contextmanager
    def busy_slot(self, dataset_id: str) -> Iterator[None]:
        """Let one submission at a time try a busy dataset again; the others wait for the slot."""
        with self._get_lock("busy", dataset_id):
            yield

    def throttle(self, seconds: float, clock: Clock) -> None:
        """Hold all requests back for some seconds: the API counts those of all submissions together."""
        with self._lock:
            self._throttled_until = max(self._throttled_until, clock.monotonic() + seconds)

    def wait_until_open(self, clock: Clock) -> None:
        """Sleep until requests may be sent."""
        while (left := self._throttled_until - clock.monotonic()) > 0:
            clock.sleep(left)

    def _get_lock(self, *key: str) -> threading.Lock:
        with self._lock:
            return self._locks[key]


# With the client as the key, threads that share a client cannot forget to share the coordinator.
_OF_CLIENTS: WeakKeyDictionary[object, SubmissionCoordinator] = WeakKeyDictionary()
