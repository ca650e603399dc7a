"""What the submissions of one process share: locks, for a path or a busy dataset, and the throttle."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from modelarts_export.clock import Clock

if TYPE_CHECKING:
    from modelarts_export.api.client import Client


_LOCK = threading.Lock()
_CHECK_INTERVAL = 0.2  # seconds


class SubmissionCoordinator:
    """Shared by all submissions of a process, in any thread."""

    def __init__(self) -> None:
        """Begin without a lock and without a throttle."""
        self._lock = threading.Lock()
        self._locks: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._claimed_ids: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self._throttled_until = 0.0

    @classmethod
    def shared_by(cls, client: "Client") -> "SubmissionCoordinator":
        """Return the coordinator of all submissions to the project of a client, by any client of it."""
        with _LOCK:
            project = (client.base_url, client.project_id)
            coordinator = _OF_CLIENTS[client] = _OF_PROJECTS.setdefault(project, cls())
            return coordinator

    @contextmanager
    def one_at_a_time(
        self, dataset_id: str, path: str, check: Callable[[], None] = lambda: None
    ) -> Iterator[set[str]]:
        """Serialize exports of one dataset to one path: reconciliation could mix up their tasks.

        Yields the IDs of the tasks of earlier submissions, none of which can be the next one's; the caller
        adds its own. `check` is called again and again while another submission is waited for, and may raise.
        """
        with self._hold(check, "path", dataset_id, path):
            with self._lock:
                claimed_ids = self._claimed_ids[dataset_id, path]
            yield claimed_ids

    @contextmanager
    def busy_slot(self, dataset_id: str, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Let one submission at a time try a busy dataset again; the others wait for the slot, as above."""
        with self._hold(check, "busy", dataset_id):
            yield

    @contextmanager
    def authenticate(
        self, is_authenticated: Callable[[], bool], check: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """Let one submission at a time make calls until a reply shows that the credentials are accepted.

        The gateway locks a key after five refused calls, which is fewer than can be sent at the same time.
        """
        with ExitStack() as stack:
            if not is_authenticated():
                stack.enter_context(self._hold(check, "credentials"))
            if is_authenticated():
                stack.close()
            yield

    def throttle(self, seconds: float, clock: Clock) -> None:
        """Hold all requests back for some seconds: the API counts those of all submissions together."""
        with self._lock:
            self._throttled_until = max(self._throttled_until, clock.monotonic() + seconds)

    def wait_until_open(self, clock: Clock) -> None:
        """Sleep until requests may be sent."""
        while (left := self._throttled_until - clock.monotonic()) > 0:
            clock.sleep(left)

    @contextmanager
    def _hold(self, check: Callable[[], None], *key: str) -> Iterator[None]:
        with self._lock:
            lock = self._locks[key]
        while not lock.acquire(timeout=_CHECK_INTERVAL):
            check()
        try:
            yield
        finally:
            lock.release()


# A coordinator lives as long as a client of its project; its owners cannot forget to share it.
_OF_PROJECTS: WeakValueDictionary[tuple[str, str], SubmissionCoordinator] = WeakValueDictionary()
_OF_CLIENTS: WeakKeyDictionary["Client", SubmissionCoordinator] = WeakKeyDictionary()
