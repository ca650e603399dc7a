"""Follow export tasks: a generator of snapshots that prints nothing and sleeps with the given clock.

A poll that fails with a transient error starts an outage, and only an outage that lasts for too long ends the
wait for its tasks; any other error ends it at once. The last snapshot has every task as it was last seen.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.errors import ModelArtsExportError, NotFoundError, TemporaryError
from modelarts_export.polling.estimator import ProgressEstimator
from modelarts_export.polling.fetch import TaskFetcher
from modelarts_export.polling.options import PollOptions

if TYPE_CHECKING:
    from modelarts_export.api.client import Client

FIRST_PAUSE, _GROWTH, LONGEST_PAUSE = 0.5, 1.5, 30.0  # seconds, a factor, seconds
_JITTER = 0.1
_SHARE = 0.1  # of the estimated time left: no poll is needed before
_NEW_FOR = 60.0  # seconds for which the server may not find a task that was accepted or seen before
_UNSEEN_FOR = 5.0  # and a task of which only the ID was given: it may have been created just now
_LAST_POLL = 10.0  # seconds that a poll at the deadline may take beyond it
_NO_TIME = "there was no time to ask for it"


@dataclass(frozen=True, kw_only=True)
class TrackedTask:
    """A task as it was last seen, its progress, and the error of the last poll of it, if that failed.

    `estimator` is updated by each poll. `abandoned`: it is not polled any more, because of `last_error`.
    """

    task: ExportTask
    estimator: ProgressEstimator = field(default_factory=ProgressEstimator)
    last_error: ModelArtsExportError | None = None
    abandoned: bool = False

    @property
    def may_be_listed(self) -> bool:
        """Whether nothing says that there is no such task: it was seen, or no poll was refused yet."""
        return bool(self.task.raw) or self.last_error is None or isinstance(self.last_error, TemporaryError)

    @property
    def is_unfinished(self) -> bool:
        """Whether it is going to be polled again."""
        return not (self.task.is_finished or self.abandoned)


Snapshot = tuple[TrackedTask, ...]


def poll(
    client: "Client", tasks: Sequence[ExportTask], options: PollOptions, *, clock: Clock = SYSTEM_CLOCK
) -> Iterator[Snapshot]:
    """Yield a snapshot of the tasks, in their order, after each round of polls, until all are finished.

    The wait ends at its timeout, too, after a last round; and a task is abandoned when its errors have lasted
    for the longest outage, or when an error is not transient.
    """
    deadline = clock.monotonic() + (math.inf if options.timeout is None else options.timeout)
    schedule = PollSchedule(options.poll_interval, clock.random)
    datasets = _make_pollers(client, tasks, options, clock)
    while True:
        begun = clock.monotonic()
        ends = begun + client.read_timeout
        if options.timeout:  # one of 0 is a single round, which has the time of a call
            ends = min(ends, max(deadline, begun + _LAST_POLL))
        _poll_round(datasets.values(), ends, thoroughly=bool(options.timeout) and begun >= deadline)
        is_over = clock.monotonic() >= deadline
        if is_over:
            for dataset in datasets.values():
                dataset.mark_unread()
        snapshot = tuple(datasets[task.dataset_id].followed[task.task_id] for task in tasks)
        yield snapshot
        unfinished = [each for each in snapshot if each.is_unfinished]
        if is_over or not unfinished:
            return
        now = clock.monotonic()
        outage_left = min(dataset.seconds_until_abandoned(now) for dataset in datasets.values())
        pause = min(schedule.next_pause(unfinished, now), deadline - now, outage_left)
        clock.sleep(max(pause, 0.0))


def _make_pollers(
    client: "Client", tasks: Sequence[ExportTask], options: PollOptions, clock: Clock
) -> dict[str, "_DatasetPoller"]:
    """Return a poller for the tasks of each dataset."""
    groups: dict[str, list[ExportTask]] = {}
    for task in tasks:
        groups.setdefault(task.dataset_id, []).append(task)
    return {
        dataset_id: _DatasetPoller(
            TaskFetcher(client, dataset_id),
            group,
            max_outage=options.max_outage,
            monotonic=clock.monotonic,
        )
        for dataset_id, group in groups.items()
    }


def _poll_round(datasets: Iterable["_DatasetPoller"], ends: float, *, thoroughly: bool) -> None:
    """Poll one dataset after the other until `ends`, first those that earlier rounds did not reach."""
    in_turn = sorted(datasets, key=lambda dataset: dataset.turn)
    for index, dataset in enumerate(in_turn):
        dataset.poll(ends, thoroughly=thoroughly, is_first=index == 0)


class _DatasetPoller:
    """The followed tasks of one dataset, when each was read, and since when polls of each fail."""

    def __init__(
        self,
        fetcher: TaskFetcher,
        tasks: Sequence[ExportTask],
        *,
        max_outage: float,
        monotonic: Callable[[], float],
    ) -> None:
        self.followed = {task.task_id: TrackedTask(task=task) for task in tasks}
        self._given = {task.task_id: task for task in tasks}
        self._fetcher = fetcher
        self._max_outage = max_outage
        self._monotonic = monotonic
        self._read_at = dict.fromkeys(self.followed, -math.inf)
        self._polled_at = -math.inf
        self._unread: list[str] = []  # tasks that the last round did not reach
        self._failing_since: dict[tuple[str, bool], float] = {}  # by task, and whether it is not found

    @property
    def turn(self) -> tuple[bool, float]:
        """Its place in the next round: first a dataset with unread tasks, and the one polled longest ago."""
        return not self._unread, self._polled_at

    def _unfinished(self) -> list[str]:
        return [task_id for task_id, each in self.followed.items() if each.is_unfinished]

    def poll(self, ends: float, *, thoroughly: bool, is_first: bool) -> None:
        """Poll the unfinished tasks, those first that were read longest ago, until `ends`.

        A task that was not read by then stays as it is: no error of the server keeps it from being read. The
        dataset that is the first of a round has all of its time, so that even an error by timeout counts.
        """
        begun = self._monotonic()
        unread = dict.fromkeys(sorted(self._unfinished(), key=self._read_at.__getitem__))
        self._unread = list(unread)
        if not unread or begun >= ends:
            return
        self._polled_at = begun
        try:
            for task_id, fetched in self._fetcher.fetch(
                self._unread, timeout=ends - begun, thoroughly=thoroughly
            ):
                del unread[task_id]
                self._read_at[task_id] = self._monotonic()
                if isinstance(fetched, ExportTask):
                    self._update(task_id, fetched)
                else:
                    self._record_error([task_id], fetched, begun)
        except ModelArtsExportError as error:
            if is_first or self._monotonic() < ends or not isinstance(error, TemporaryError):
                self._record_error(unread, error, begun)
                unread = {}
        self._unread = list(unread)

    def mark_unread(self) -> None:
        """Record for each task that the last round did not reach why its state is not known."""
        for task_id in self._unread:
            each = self.followed[task_id]
            self.followed[task_id] = replace(each, last_error=TemporaryError(_NO_TIME))

    def seconds_until_abandoned(self, now: float) -> float:
        """Return for how many seconds from now the errors of each task may go on."""
        left = (
            self._remaining(each, now)
            for each in self.followed.values()
            if each.last_error and each.is_unfinished
        )
        return max(min(left, default=math.inf), 0.0)

    def _remaining(self, each: TrackedTask, now: float) -> float:
        return self._failing_since[_failure_key(each)] + self._get_tolerance(each) - now

    def _get_tolerance(self, each: TrackedTask) -> float:
        """Return for how many seconds the last error of a task may go on at all."""
        if isinstance(each.last_error, TemporaryError):
            return self._max_outage
        if isinstance(each.last_error, NotFoundError):  # replicas of the server may lag behind
            return _NEW_FOR if each.task.raw else min(_UNSEEN_FOR, self._max_outage)
        return 0.0

    def _update(self, task_id: str, fetched: ExportTask) -> None:
        before = self.followed[task_id]
        before.estimator.update(fetched, self._monotonic())
        task = self._given[task_id].updated_with(fetched)
        self.followed[task_id] = replace(before, task=task, last_error=None)
        for is_not_found in (True, False):
            self._failing_since.pop((task_id, is_not_found), None)

    def _record_error(self, task_ids: Iterable[str], error: ModelArtsExportError, begun: float) -> None:
        for task_id in task_ids:
            each = replace(self.followed[task_id], last_error=error)
            self._failing_since.setdefault(_failure_key(each), begun)
            self.followed[task_id] = replace(each, abandoned=self._remaining(each, self._monotonic()) <= 0)


def _failure_key(each: TrackedTask) -> tuple[str, bool]:
    """Return the key of an error's start: an outage does not count as time for which a task is not found."""
    return each.task.task_id, isinstance(each.last_error, NotFoundError)


class PollSchedule:
    """The pauses between the rounds of a wait."""

    def __init__(self, fixed: float | None, random: Random) -> None:
        self._fixed = fixed
        self._next = FIRST_PAUSE
        self._random = random

    def next_pause(self, unfinished: Sequence[TrackedTask], now: float) -> float:
        """Return seconds: the given interval or growing ones, and never less than a Retry-After."""
        left = [each.estimator.eta_seconds(now) for each in unfinished]
        known = [seconds for seconds in left if seconds is not None]
        soonest = min(known) if len(known) == len(left) else 0.0  # a task without an estimate may end now
        pause = self._fixed or max(self._next, min(_SHARE * soonest, LONGEST_PAUSE))
        self._next = min(self._next * _GROWTH, LONGEST_PAUSE)
        asked = (each.last_error.retry_after or 0.0 for each in unfinished if each.last_error)
        return max(pause * self._random.uniform(1 - _JITTER, 1 + _JITTER), *asked, 0.0)
