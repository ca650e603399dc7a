"""Finding one's own task in the server's list, the only record: the API has no idempotency key."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from modelarts_export.api.task import ExportTask
from modelarts_export.clock import Clock
from modelarts_export.errors import ModelArtsExportError, TemporaryError
from modelarts_export.submission.matching import is_compatible
from modelarts_export.transport.error_codes import ErrorKind, classify

if TYPE_CHECKING:
    from modelarts_export.api.client import Client, TaskPage

SLACK = 5.0
"""Seconds: a Date is cut to whole ones, and the gateway's clock is not that of the service."""
_FARTHEST = 20 * 60.0  # seconds; with keys the gateway itself refuses a clock that is off by more than 15 min
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 1.0, 2.0, 15.0
_LONGEST_POLL = 30.0  # seconds; a list that stalls must leave time for another poll
_LEAST = 5.0  # seconds that one poll has, and the check for a duplicate, when no time is given for them
_LAST_POLL = 1.0  # seconds that are kept for the last poll, at least
_MOST_CANDIDATES = 100  # kept of those that one list shows, the nearest to the send


@dataclass(frozen=True, kw_only=True)
class Instant:
    """A point in time by both clocks of this machine: one may stand still, the other may be set."""

    clock: float
    wall: float

    @classmethod
    def now(cls, timing: Clock) -> "Instant":
        """Return this moment."""
        return cls(clock=timing.monotonic(), wall=timing.time())

    def elapsed(self, timing: Clock) -> float:
        """Return how long it is ago, in seconds, by the clock that says more."""
        return max(timing.monotonic() - self.clock, timing.time() - self.wall)


def usable_date(date: float | None, timing: Clock) -> float | None:
    """Return a server's Date, in epoch seconds, that was just read; None for one that is far from our clock.

    One of the two clocks is wrong then, and nobody can tell how old a task is.
    """
    return date if date is not None and abs(date - timing.time()) <= _FARTHEST else None


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What one poll of the list shows: the tasks that may be ours, the one created nearest the send first.

    `distances` has how far from the send each was created, in seconds. The poll is `open` when one of them is
    older than the send if the server told its time at the beginning of the poll, and is not if at the end.
    `older` has the IDs of those that are older than the send for certain, and `since` the time, in epoch
    seconds, at or after which ours was created. `trouble` is why the list is not known as a whole.
    """

    tasks: tuple[ExportTask, ...] = ()
    distances: Mapping[str, float] = field(default_factory=dict)
    inconclusive: bool = False
    older: frozenset[str] = frozenset()
    since: float | None = None
    trouble: ModelArtsExportError | None = None


@dataclass(frozen=True, kw_only=True)
class Reconciler:
    """The list of a dataset's tasks, in which the task of one request may be.

    `known` has the IDs of the tasks that were there before the request was sent, where the list was read
    then, and `taken` those of tasks that this process knows already, for this request or an earlier one.
    """

    client: "Client"
    dataset_id: str
    body: Mapping[str, Any] = field(repr=False)
    timing: Clock
    ids_before_send: frozenset[str] | None = None
    claimed_ids: AbstractSet[str] = frozenset()

    def poll(self, sent: Instant, *, timeout: float) -> Candidates:
        """Return what the list shows of a request; `sent` is the moment just before it, `timeout` in seconds.

        Raises nothing of ours: whatever goes wrong is the look's trouble, and what was read before counts.
        """
        reading = _Reading(self, sent)
        try:
            for page in self.client.iter_task_pages(self.dataset_id, timeout=timeout, past_total=True):
                reading.add(page)
        except ModelArtsExportError as error:
            return reading.result(error)
        return reading.result(None)

    def show(self, task_ids: Iterable[str], *, timeout: float) -> ExportTask | None:
        """Return the first of these tasks that is there and fits the request; None also when that fails."""
        for task_id in task_ids:
            try:
                task = self.client.show(self.dataset_id, task_id, timeout=timeout)
            except ModelArtsExportError:
                continue  # the list may show it all the same
            if list(self.fitting([task])):
                return task
        return None

    def find_duplicates(
        self, task: ExportTask, sent: Instant, *, before: float, timeout: float
    ) -> tuple[ExportTask, ...]:
        """Return the tasks beside this one that may have come of the same request, first sent at `sent`.

        They are told by the service's own clock, if it shows this task, which was accepted `before` seconds
        after the first send. `timeout` is in seconds. Raises what Client.iter_task_pages raises, and
        TemporaryError when nobody can tell whether a task is older.
        """
        created, others, reading = None, list[ExportTask](), _Reading(self, sent)
        for page in self.client.iter_task_pages(self.dataset_id, timeout=timeout, past_total=True):
            reading.add(page)
            others = [*others, *self.fitting(page.tasks)][:_MOST_CANDIDATES]
            created = next((each.created for each in page.tasks if each.task_id == task.task_id), created)
        if created is None:
            look = reading.result(None)
            if look.trouble:
                raise look.trouble
            return look.tasks
        since = created - before - SLACK
        return tuple(each for each in others if (each.created or since) >= since)

    def fitting(self, tasks: Iterable[ExportTask]) -> Iterable[ExportTask]:
        """Yield what fits the request, was not there before and is nobody's yet."""
        known = (self.ids_before_send or frozenset()) | self.claimed_ids
        return (task for task in tasks if task.task_id not in known and is_compatible(self.body, task))


class _Reading:
    """One poll of the list while it goes on, page by page; it keeps no more of it than may be ours."""

    def __init__(self, ledger: Reconciler, sent: Instant) -> None:
        self._ledger, self._sent, self._timing = ledger, sent, ledger.timing
        self._before = sent.elapsed(ledger.timing)
        self._found: dict[str, tuple[float, ExportTask]] = {}
        self._older: set[str] = set()
        self._is_open = False
        self._since: float | None = None
        self._undated: str | None = None
        self._no_time = ""

    def add(self, page: "TaskPage") -> None:
        """Take the tasks of a page that was just read."""
        after, date = self._sent.elapsed(self._timing), usable_date(page.date, self._timing)
        if date is None and self._ledger.ids_before_send is None:
            self._no_time = _no_time(page.date)
        # nobody knows when in the course of the call the server told its time
        span = None if date is None else sorted((date - after - SLACK, date - self._before - SLACK))
        self._since = span[0] if span else self._since
        for task in self._ledger.fitting(page.tasks):
            self._judge(task, span)
        if len(self._found) > _MOST_CANDIDATES:
            nearest = nsmallest(_MOST_CANDIDATES, self._found.items(), key=lambda item: item[1][0])
            self._found = dict(nearest)
        self._before = self._sent.elapsed(self._timing)

    def _judge(self, task: ExportTask, span: list[float] | None) -> None:
        if span is None or task.created is None:
            if self._ledger.ids_before_send is None:
                self._undated = self._undated or task.task_id
            else:
                self._found[task.task_id] = 0.0, task
        elif task.created >= span[0]:
            self._found[task.task_id] = abs(task.created - (sum(span) / 2 + SLACK)), task
            self._is_open = self._is_open or task.created < span[1]
        elif len(self._older) < _MOST_CANDIDATES:
            self._older.add(task.task_id)

    def result(self, trouble: ModelArtsExportError | None) -> Candidates:
        """Return what was read, and why that is not all."""
        if self._undated and not self._no_time:
            self._no_time = f"export task {self._undated} fits, but when it was created is not known"
        if self._no_time and not self._found:
            trouble = trouble or TemporaryError(self._no_time)
        nearest_first = sorted(self._found.values(), key=lambda pair: pair[0])
        return Candidates(
            tasks=tuple(task for _, task in nearest_first),
            distances={task.task_id: distance for distance, task in nearest_first},
            inconclusive=self._is_open,
            older=frozenset(self._older),
            since=self._since,
            trouble=trouble,
        )


def _no_time(date: float | None) -> str:
    if date is None:
        return "the server does not tell the time, so that new tasks cannot be told from old ones"
    return (
        "the server's clock is more than 20 minutes off ours, so that new tasks cannot be told from old ones"
    )


@dataclass(frozen=True, kw_only=True)
class Search:
    """What the polls have found: tasks, the nearest to the send first; `since` as a Look has it.

    `trouble` is why the last poll failed, when no task was found.
    """

    tasks: tuple[ExportTask, ...] = ()
    since: float | None = None
    trouble: ModelArtsExportError | None = None


def reconcile(
    ledger: Reconciler,
    sent: Instant,
    *,
    patience: float,
    task_ids: Iterable[str] = (),
    until_known: bool = False,
) -> Search:
    """Poll the list until it shows a task of ours, for `patience` seconds in all, and at least once.

    `task_ids` are IDs that a broken reply named: whichever of them is there and fits is ours. With
    `until_known` the first poll that shows the whole list is the last. A poll that takes long leaves it open
    which tasks are older; what is open to the last, and no later poll has shown to be older, may be ours.
    """
    timing = ledger.timing
    ends, pause, expected = timing.monotonic() + (patience or _LEAST), _FIRST_PAUSE, 0.0
    open_tasks: dict[str, tuple[float, ExportTask]] = {}
    since: float | None = None
    while True:
        began = timing.monotonic()
        timeout = min(_LONGEST_POLL, max(ends - began, _LAST_POLL))  # a machine that slept polls once more
        named = ledger.show(task_ids, timeout=min(timeout / 4, _LEAST))
        if named:
            return Search(tasks=(named,), since=since)
        seen = ledger.poll(sent, timeout=max(timeout - (timing.monotonic() - began), _LAST_POLL / 2))
        since = since if seen.since is None else seen.since
        if seen.tasks and not seen.inconclusive:
            return Search(tasks=seen.tasks, since=since)
        open_tasks = {name: each for name, each in open_tasks.items() if name not in seen.older}
        open_tasks |= {each.task_id: (seen.distances[each.task_id], each) for each in seen.tasks}
        expected = expected if seen.trouble else timing.monotonic() - began
        left = ends - timing.monotonic()
        asked = (seen.trouble.retry_after if seen.trouble else None) or 0.0
        wait = min(max(pause, asked), max(left - max(_LAST_POLL, 2 * expected), _FIRST_PAUSE))
        is_known = until_known and not (seen.trouble or seen.inconclusive)
        is_over = not patience or is_known or left - wait < max(_LAST_POLL / 2, expected)
        if is_over or (seen.trouble and _rejects_credentials(seen.trouble)):
            break
        timing.sleep(wait)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    nearest_first = sorted(open_tasks.values(), key=lambda pair: pair[0])
    tasks = tuple(task for _, task in nearest_first)
    return Search(tasks=tasks, since=since, trouble=None if tasks else seen.trouble)


def _rejects_credentials(error: ModelArtsExportError) -> bool:
    """Tell whether the gateway refuses the key, which it locks when it is used again and again."""
    return classify(error.http_status or 0, error.error_code).kind is ErrorKind.CREDENTIALS
