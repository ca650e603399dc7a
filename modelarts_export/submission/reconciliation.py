"""Finding the task of a request in the server's list of tasks: the API has no idempotency key."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from modelarts_export.api.task import ExportTask
from modelarts_export.clock import Clock
from modelarts_export.errors import ModelArtsExportError, TemporaryError
from modelarts_export.submission.matching import is_compatible
from modelarts_export.transport.error_codes import ErrorKind, classify

if TYPE_CHECKING:
    from modelarts_export.api.client import Client, TaskPage
    from modelarts_export.request.models import ExportRequest

SLACK = 5.0
"""Seconds: a Date is cut to whole ones, and the clock of the gateway is not the clock of the service."""
_MAX_CLOCK_SKEW = 20 * 60.0  # seconds; with keys the gateway itself refuses a clock that is 15 min off
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 1.0, 2.0, 15.0
_LONGEST_POLL = 30.0  # seconds; a list that stalls must leave time for another poll
_SHORTEST_TIMEOUT = 5.0  # seconds, where the timeout is zero
_LAST_POLL = 1.0  # seconds that are kept for the last poll, at least
_MAX_CANDIDATES = 100  # kept of those that one list shows, the nearest to the send


@dataclass(frozen=True, kw_only=True)
class Instant:
    """A point in time by both clocks of this machine: a monotonic clock may stand still, the other be set."""

    monotonic: float
    time: float

    @classmethod
    def now(cls, clock: Clock) -> "Instant":
        """Return the current instant."""
        return cls(monotonic=clock.monotonic(), time=clock.time())

    def elapsed(self, clock: Clock) -> float:
        """Return the seconds since then, by the clock that says more."""
        return max(clock.monotonic() - self.monotonic, clock.time() - self.time)


def usable_date(date: float | None, clock: Clock) -> float | None:
    """Return a server's Date, in epoch seconds, that was just read; None if it is 20 min off our clock.

    One of the two clocks is wrong then, and the age of a task cannot be told.
    """
    return date if date is not None and abs(date - clock.time()) <= _MAX_CLOCK_SKEW else None


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The tasks of one poll that may be ours, the one created nearest the send first.

    `distances` has how far from the send each was created, in seconds. The poll is `inconclusive` when one of
    them is older than the send if the server set its Date at the beginning of the poll, and is not if at the
    end. `older` has the IDs of those that are certainly older than the send, and `since` the time, in epoch
    seconds, at or after which ours was created. `error` is why the list could not be read as a whole.
    """

    tasks: tuple[ExportTask, ...] = ()
    distances: Mapping[str, float] = field(default_factory=dict)
    inconclusive: bool = False
    older: frozenset[str] = frozenset()
    since: float | None = None
    error: ModelArtsExportError | None = None


@dataclass(frozen=True, kw_only=True)
class Reconciler:
    """Finds the task of one request in the list of its dataset's tasks.

    `ids_before_send` has the IDs that were listed before the request was sent, if the list was read then, and
    `claimed_ids` those of tasks that this process has already, of this request or an earlier one.
    """

    client: "Client"
    dataset_id: str
    request: "ExportRequest" = field(repr=False)
    clock: Clock
    ids_before_send: frozenset[str] | None = None
    claimed_ids: AbstractSet[str] = frozenset()

    @cached_property
    def body(self) -> Mapping[str, Any]:
        """The body of the request; most submissions never compare it with a task."""
        return self.request.to_dict()

    def poll(self, sent: Instant, *, timeout: float) -> Candidates:
        """Read the list once; `sent` is the instant just before the send, `timeout` in seconds.

        An error of ours is not raised but returned, with what was read before it.
        """
        reading = _ListReading(self, sent)
        try:
            for page in self.client.iter_task_pages(self.dataset_id, timeout=timeout, past_total=True):
                reading.add(page)
        except ModelArtsExportError as error:
            return reading.make_candidates(error)
        return reading.make_candidates(None)

    def fetch_first(self, task_ids: Iterable[str], *, timeout: float) -> ExportTask | None:
        """Return the first of these tasks that exists and is compatible with the request; else None."""
        for task_id in task_ids:
            try:
                task = self.client.show(self.dataset_id, task_id, timeout=timeout)
            except ModelArtsExportError:
                continue  # the list may show it all the same
            if list(self.iter_compatible([task])):
                return task
        return None

    def find_duplicates(
        self, task: ExportTask, sent: Instant, *, before: float, timeout: float
    ) -> tuple[ExportTask, ...]:
        """Return the tasks beside this one that the same request may have created, first sent at `sent`.

        Their age is judged by the service's own clock if it lists this task, which was accepted `before`
        seconds after the first send. `timeout` is in seconds. Raises what Client.iter_task_pages raises, and
        TemporaryError when the age of a task cannot be told.
        """
        created, others, reading = None, list[ExportTask](), _ListReading(self, sent)
        for page in self.client.iter_task_pages(self.dataset_id, timeout=timeout, past_total=True):
            reading.add(page)
            others = [*others, *self.iter_compatible(page.tasks)][:_MAX_CANDIDATES]
            created = next((each.created for each in page.tasks if each.task_id == task.task_id), created)
        if created is None:
            candidates = reading.make_candidates(None)
            if candidates.error:
                raise candidates.error
            return candidates.tasks
        since = created - before - SLACK
        return tuple(each for each in others if (each.created or since) >= since)

    def iter_compatible(self, tasks: Iterable[ExportTask]) -> Iterable[ExportTask]:
        """Yield the tasks that the request may have created: compatible, new and not claimed."""
        known = (self.ids_before_send or frozenset()) | self.claimed_ids
        return (task for task in tasks if task.task_id not in known and is_compatible(self.body, task))


class _ListReading:
    """One poll of the list, page by page; it keeps only the tasks that may be ours."""

    def __init__(self, reconciler: Reconciler, sent: Instant) -> None:
        self._reconciler, self._sent, self._clock = reconciler, sent, reconciler.clock
        self._before = sent.elapsed(reconciler.clock)
        self._found: dict[str, tuple[float, ExportTask]] = {}
        self._older: set[str] = set()
        self._is_inconclusive = False
        self._since: float | None = None
        self._undated: str | None = None
        self._why_undatable = ""

    def add(self, page: "TaskPage") -> None:
        """Classify the tasks of a page that was just read."""
        after, date = self._sent.elapsed(self._clock), usable_date(page.date, self._clock)
        if date is None and self._reconciler.ids_before_send is None:
            self._why_undatable = _explain_unusable_date(page.date)
        # the server may have set its Date at any time of the call
        span = None if date is None else sorted((date - after - SLACK, date - self._before - SLACK))
        self._since = span[0] if span else self._since
        for task in self._reconciler.iter_compatible(page.tasks):
            self._classify(task, span)
        if len(self._found) > _MAX_CANDIDATES:
            nearest = nsmallest(_MAX_CANDIDATES, self._found.items(), key=lambda item: item[1][0])
            self._found = dict(nearest)
        self._before = self._sent.elapsed(self._clock)

    def _classify(self, task: ExportTask, span: list[float] | None) -> None:
        if span is None or task.created is None:
            if self._reconciler.ids_before_send is None:
                self._undated = self._undated or task.task_id
            else:
                self._found[task.task_id] = 0.0, task
        elif task.created >= span[0]:
            self._found[task.task_id] = abs(task.created - (sum(span) / 2 + SLACK)), task
            self._is_inconclusive = self._is_inconclusive or task.created < span[1]
        elif len(self._older) < _MAX_CANDIDATES:
            self._older.add(task.task_id)

    def make_candidates(self, error: ModelArtsExportError | None) -> Candidates:
        """Return what was read; `error` is why that is not the whole list."""
        if self._undated and not self._why_undatable:
            self._why_undatable = f"export task {self._undated} fits, but when it was created is not known"
        if self._why_undatable and not self._found:
            error = error or TemporaryError(self._why_undatable)
        nearest_first = sorted(self._found.values(), key=lambda pair: pair[0])
        return Candidates(
            tasks=tuple(task for _, task in nearest_first),
            distances={task.task_id: distance for distance, task in nearest_first},
            inconclusive=self._is_inconclusive,
            older=frozenset(self._older),
            since=self._since,
            error=error,
        )


def _explain_unusable_date(date: float | None) -> str:
    if date is None:
        return "the server sends no Date, so that new tasks cannot be told from old ones"
    return (
        "the server's clock is more than 20 minutes off ours, so that new tasks cannot be told from old ones"
    )


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The result of some polls: tasks, the nearest to the send first; `since` as in Candidates.

    `error` is why the last poll failed, when no task was found.
    """

    tasks: tuple[ExportTask, ...] = ()
    since: float | None = None
    error: ModelArtsExportError | None = None


def reconcile(
    reconciler: Reconciler,
    sent: Instant,
    *,
    timeout: float,
    task_ids: Iterable[str] = (),
    until_known: bool = False,
) -> Reconciliation:
    """Poll the list until it shows a task of ours, for `timeout` seconds in all, and at least once.

    `task_ids` are IDs that a broken reply named: the first that exists and is compatible is ours. With
    `until_known` the first poll that shows the whole list is the last. A slow poll leaves it open which tasks
    are older than the send: those that no later poll has shown to be older may be ours.
    """
    clock, schedule = reconciler.clock, _ReconciliationSchedule(timeout, reconciler.clock)
    undecided: dict[str, tuple[float, ExportTask]] = {}
    since: float | None = None
    while True:
        ends = schedule.begin_poll()
        timeout_of_show = min((ends - clock.monotonic()) / 4, _SHORTEST_TIMEOUT)
        if named := reconciler.fetch_first(task_ids, timeout=timeout_of_show):
            return Reconciliation(tasks=(named,), since=since)
        candidates = reconciler.poll(sent, timeout=max(ends - clock.monotonic(), _LAST_POLL / 2))
        since = since if candidates.since is None else candidates.since
        if candidates.tasks and not candidates.inconclusive:
            return Reconciliation(tasks=candidates.tasks, since=since)
        undecided = {name: each for name, each in undecided.items() if name not in candidates.older}
        undecided |= {each.task_id: (candidates.distances[each.task_id], each) for each in candidates.tasks}
        error = candidates.error
        pause = schedule.find_pause(error)
        is_known = until_known and not (error or candidates.inconclusive)
        if pause is None or is_known or (error and _rejects_credentials(error)):
            break
        clock.sleep(pause)
    nearest_first = sorted(undecided.values(), key=lambda pair: pair[0])
    tasks = tuple(task for _, task in nearest_first)
    return Reconciliation(tasks=tasks, since=since, error=None if tasks else error)


class _ReconciliationSchedule:
    """The polls of a reconciliation, with growing pauses between them, and the last one near its end."""

    def __init__(self, timeout: float, clock: Clock) -> None:
        self._has_one_poll, self._clock = not timeout, clock
        self._deadline = clock.monotonic() + (timeout or _SHORTEST_TIMEOUT)
        self._pause, self._begun = _FIRST_PAUSE, 0.0
        self._duration = 0.0  # of the last poll that succeeded

    def begin_poll(self) -> float:
        """Return until when a poll may take that begins now."""
        self._begun = self._clock.monotonic()
        left = self._deadline - self._begun
        return self._begun + min(_LONGEST_POLL, max(left, _LAST_POLL))  # one more, after a suspension too

    def find_pause(self, error: ModelArtsExportError | None) -> float | None:
        """Return the seconds until the next poll; None when there is no time for one.

        `error` is that of the poll that has just ended. A pause is cut so that time for a last poll is left.
        """
        now = self._clock.monotonic()
        self._duration = self._duration if error else now - self._begun
        asked = (error.retry_after if error else None) or 0.0
        left = self._deadline - now
        longest = max(left - max(_LAST_POLL, 2 * self._duration), _FIRST_PAUSE)
        pause = min(max(self._pause, asked), longest)
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE)
        has_time = left - pause >= max(_LAST_POLL / 2, self._duration)
        return pause if has_time and not self._has_one_poll else None


def _rejects_credentials(error: ModelArtsExportError) -> bool:
    """Tell whether the gateway refuses the key: it locks one that is used again and again."""
    return classify(error.http_status or 0, error.error_code).kind is ErrorKind.CREDENTIALS
