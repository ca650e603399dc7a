"""Wait politely: a generator of snapshots of tasks, which never prints, and sleeps as it is told to.

A look that fails is an outage, and ends the wait for those tasks only when it has lasted for too long; a look
that is refused ends it at once. Whatever ends it, the last snapshot has every task as it was last seen.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.config.settings import option, parse_duration, parse_int, parse_positive_duration
from modelarts_export.errors import ModelArtsExportError, NotFoundError, TemporaryError
from modelarts_export.polling.estimator import ProgressEstimator
from modelarts_export.polling.fetch import TaskFetcher

if TYPE_CHECKING:
    from modelarts_export.api.client import Client

_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.5, 1.5, 30.0  # seconds, a factor, seconds
_JITTER = 0.1
_SHARE = 0.1  # of the time that is left by the rate of samples: no look is needed before
_NEW_FOR = 60.0  # seconds for which a task may be unknown that was accepted or seen
_STRANGE_FOR = 5.0  # and one of which nothing but its ID is known: it may have been created just now
_LAST_POLL = 10.0  # seconds that a poll at the deadline may take beyond it


def _parse_timeout(text: str) -> float | None:
    return None if text.strip().lower() == "none" else parse_duration(text)


@dataclass(frozen=True, kw_only=True)
class PollOptions:
    """How a wait goes. Times are in seconds; `timeout` is None for ever, and 0 for one look."""

    timeout: float | None = option(
        _parse_timeout,
        "How long to wait: 2h unless given, none for ever, 0 for one look",
        "DURATION",
        default=7200.0,
    )
    poll_interval: float | None = option(
        parse_positive_duration, "Time between looks; 0.5s growing to 30s otherwise", "DURATION"
    )
    max_outage: float = option(
        parse_duration, "How long looks may fail in a row: 15m unless given", "DURATION", default=900.0
    )
    heartbeat: float = option(
        parse_positive_duration,
        "Off a terminal, time between lines: 60s unless given",
        "DURATION",
        default=60.0,
    )
    require_samples: int = option(
        parse_int, "End with 7 when fewer samples were exported, or nobody knows", "N", default=0
    )


@dataclass(frozen=True, kw_only=True)
class TrackedTask:
    """A task as it was last seen, how far it is, and what keeps it from being seen now.

    `pace` goes on to change with each look. `lost` tells that it is not looked at any more, for the trouble.
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
        """Whether it is to be looked at again."""
        return not (self.task.is_finished or self.abandoned)


Snapshot = tuple[TrackedTask, ...]


def poll(
    client: "Client", tasks: Sequence[ExportTask], settings: PollOptions, *, timing: Clock = SYSTEM_CLOCK
) -> Iterator[Snapshot]:
    """Yield a snapshot of the tasks, in their order, after each round of polls, until all have ended.

    The wait also ends with the timeout, after a last poll. A task is not polled any more when its polls have
    failed for `max_outage`, or were refused. A round takes no longer than one reply may: what it did not read
    is unknown, and is read first in the next one.
    """
    deadline = timing.monotonic() + (math.inf if settings.timeout is None else settings.timeout)
    pauses = PollSchedule(settings.poll_interval, timing.random)
    datasets = {
        name: _DatasetPoller(
            TaskFetcher(client, name),
            [task for task in tasks if task.dataset_id == name],
            max_outage=settings.max_outage,
            clock=timing.monotonic,
        )
        for name in dict.fromkeys(task.dataset_id for task in tasks)
    }
    while True:
        begun = timing.monotonic()
        left = max(deadline - begun, _LAST_POLL) if settings.timeout else math.inf
        ends = begun + min(left, client.read_timeout)
        for dataset in sorted(datasets.values(), key=lambda each: each.oldest_read):
            dataset.poll(ends, thoroughly=bool(settings.timeout) and begun >= deadline)
        snapshot = tuple(datasets[task.dataset_id].followed[task.task_id] for task in tasks)
        yield snapshot
        now = timing.monotonic()
        unfinished = [each for each in snapshot if each.is_unfinished]
        if not unfinished or now >= deadline:
            return
        patience = min(dataset.seconds_until_abandoned(now) for dataset in datasets.values())
        timing.sleep(min(pauses.next_pause(unfinished, now), deadline - now, patience))


class _DatasetPoller:
    """The tasks of one dataset that are followed, and since when looks at each of them fail."""

    def __init__(
        self,
        look: TaskFetcher,
        tasks: Sequence[ExportTask],
        *,
        max_outage: float,
        clock: Callable[[], float],
    ) -> None:
        self.followed = {task.task_id: TrackedTask(task=task) for task in tasks}
        self._given = {task.task_id: task for task in tasks}
        self._look = look
        self._max_outage = max_outage
        self._clock = clock
        self._failing_since: dict[tuple[str, bool], float] = {}  # by task, and whether it is unknown
        self._last_read = dict.fromkeys(self.followed, -math.inf)

    @property
    def oldest_read(self) -> float:
        """When the unfinished task was read that was not read for the longest time, in seconds."""
        unfinished = [self._last_read[name] for name, each in self.followed.items() if each.is_unfinished]
        return min(unfinished, default=math.inf)

    def poll(self, ends: float, *, thoroughly: bool) -> None:
        """Read the unfinished tasks until this second; what is not read by then is unknown."""
        begun = self._clock()
        unfinished = [task_id for task_id, each in self.followed.items() if each.is_unfinished]
        unseen = dict.fromkeys(sorted(unfinished, key=self._last_read.__getitem__))
        if not unseen:
            return
        try:
            if ends <= begun:
                raise TemporaryError("there was no time to ask for it")
            for task_id, seen in self._look.fetch(tuple(unseen), timeout=ends - begun, thoroughly=thoroughly):
                del unseen[task_id]
                if isinstance(seen, ExportTask):
                    self._last_read[task_id] = begun
                    self._update(task_id, seen)
                else:
                    self._record_error([task_id], seen, begun)
        except ModelArtsExportError as error:
            self._record_error(unseen, error, begun)

    def seconds_until_abandoned(self, now: float) -> float:
        """Return for how long the trouble of each task may last from now on, in seconds."""
        left = (
            self._remaining(each, now)
            for each in self.followed.values()
            if each.last_error and each.is_unfinished
        )
        return max(min(left, default=math.inf), 0.0)

    def _remaining(self, each: TrackedTask, now: float) -> float:
        return self._failing_since[_failure_key(each)] + self._get_tolerance(each) - now

    def _get_tolerance(self, each: TrackedTask) -> float:
        """Return how long the trouble of a task may last at all, in seconds."""
        if isinstance(each.last_error, TemporaryError):
            return self._max_outage
        if isinstance(each.last_error, NotFoundError):  # not every server may have heard of it yet
            return _NEW_FOR if each.task.raw else min(_STRANGE_FOR, self._max_outage)
        return 0.0

    def _update(self, task_id: str, seen: ExportTask) -> None:
        before = self.followed[task_id]
        before.estimator.update(seen, self._clock())
        task = self._given[task_id].updated_with(seen)
        self.followed[task_id] = replace(before, task=task, last_error=None)
        for kind in (True, False):
            self._failing_since.pop((task_id, kind), None)

    def _record_error(self, task_ids: Iterable[str], error: ModelArtsExportError, begun: float) -> None:
        for task_id in task_ids:
            each = replace(self.followed[task_id], last_error=error)
            self._failing_since.setdefault(_failure_key(each), begun)
            self.followed[task_id] = replace(each, abandoned=self._remaining(each, self._clock()) <= 0)


def _failure_key(each: TrackedTask) -> tuple[str, bool]:
    """Return what the time of a trouble is kept under: an outage does not make a task unknown."""
    return each.task.task_id, isinstance(each.last_error, NotFoundError)


class PollSchedule:
    """How long to stay away after each round."""

    def __init__(self, fixed: float | None, chance: random.Random) -> None:
        self._fixed = fixed
        self._next = _FIRST_PAUSE
        self._chance = chance

    def next_pause(self, unfinished: Sequence[TrackedTask], now: float) -> float:
        """Return seconds: what was asked for, or growing ones, and never less than the server wants."""
        pause = self._fixed or max(self._next, min(_SHARE * _shortest_eta(unfinished, now), _LONGEST_PAUSE))
        self._next = min(self._next * _GROWTH, _LONGEST_PAUSE)
        asked = (each.last_error.retry_after or 0.0 for each in unfinished if each.last_error)
        return max(pause * self._chance.uniform(1 - _JITTER, 1 + _JITTER), *asked, 0.0)


def _shortest_eta(unfinished: Sequence[TrackedTask], now: float) -> float:
    """Return when the first of the tasks will be done by its rate; no time at all when one cannot tell."""
    left = [each.estimator.eta_seconds(now) for each in unfinished]
    known = [seconds for seconds in left if seconds is not None]
    return min(known) if len(known) == len(left) else 0.0
