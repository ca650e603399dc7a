"""What the submissions of one process share: locks, for a path or a busy dataset, and the throttle."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from modelarts_export.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from modelarts_export.api.client import Client


_LOCK = threading.Lock()
_CHECK_INTERVAL = 0.2  # seconds
# Seconds for which the tasks of earlier submissions are kept. No older task can be taken for a new one:
# the clocks of the server and of this machine are within 20 minutes of each other,
# or the Date is not used (reconciliation.py).
_KEPT = 3600.0


@dataclass(kw_only=True)
class _SharedLock:
    """A lock, and how many threads hold it or wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


@dataclass(kw_only=True)
class _ClaimedIds:
    """The tasks of the submissions to one path, when each was known first, and when it was used last."""

    ids: set[str] = field(default_factory=set)
    known_since: dict[str, float] = field(default_factory=dict)
    used: float = 0.0

    def forget_old(self, now: float) -> None:
        """Remove the IDs that have been known for longer than is needed."""
        for task_id in tuple(self.ids):  # a check for duplicates in another thread may add one
            if now - self.known_since.setdefault(task_id, now) > _KEPT:
                self.ids.discard(task_id)
                del self.known_since[task_id]


class SubmissionCoordinator:
    """Shared by all submissions of a process, in any thread."""

    def __init__(self) -> None:
        """Begin without a lock and without a throttle."""
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, ...], _SharedLock] = {}
        self._claimed_ids: dict[tuple[str, str], _ClaimedIds] = {}  # what was used last is last
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
        self,
        dataset_id: str,
        path: str,
        check: Callable[[], None] = lambda: None,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> Iterator[set[str]]:
        """Serialize exports of one dataset to one path: reconciliation could mix up their tasks.

        Yields the IDs of the tasks of earlier submissions, none of which can be the next one's; the caller
        adds its own. They are forgotten after an hour, when a task is too old to be taken for a new one.
        `check` is called again and again while another submission is waited for, and may raise.
        """
        key = dataset_id, path
        with self._hold(check, "path", *key):
            claimed = self._claimed_ids.get(key) or _ClaimedIds()
            claimed.forget_old(clock.monotonic())
            try:
                yield claimed.ids
            finally:
                self._keep(key, claimed, clock.monotonic())

    def _keep(self, key: tuple[str, str], claimed: _ClaimedIds, now: float) -> None:
        """Keep the tasks of a path, and drop the paths that have not been used for long."""
        with self._lock:
            claimed.used = now
            self._claimed_ids.pop(key, None)
            self._claimed_ids[key] = claimed
            while now - self._claimed_ids[oldest := next(iter(self._claimed_ids))].used > _KEPT:
                del self._claimed_ids[oldest]

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
            shared = self._locks.setdefault(key, _SharedLock())
            shared.users += 1
        try:
            while not shared.lock.acquire(timeout=_CHECK_INTERVAL):
                check()
            try:
                yield
            finally:
                shared.lock.release()
        finally:
            with self._lock:
                shared.users -= 1
                if not shared.users:
                    del self._locks[key]


# A coordinator lives as long as a client of its project; its owners cannot forget to share it.
_OF_PROJECTS: WeakValueDictionary[tuple[str, str], SubmissionCoordinator] = WeakValueDictionary()
_OF_CLIENTS: WeakKeyDictionary["Client", SubmissionCoordinator] = WeakKeyDictionary()
