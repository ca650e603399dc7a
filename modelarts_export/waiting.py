"""Wait politely: a generator of snapshots of tasks, which never prints, and sleeps as it is told to.

A look that fails is an outage, and ends the wait for those tasks only when it has lasted for too long; a look
that is refused ends it at once. Whatever ends it, the last snapshot has every task as it was last seen.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modelarts_export.config import count, duration, positive_duration, setting
from modelarts_export.errors import ModelArtsExportError, NotFoundError, TemporaryError
from modelarts_export.pace import Pace
from modelarts_export.rounds import DatasetLook, Refusal
from modelarts_export.task import ExportTask
from modelarts_export.timing import TIMING, Timing

if TYPE_CHECKING:
    from modelarts_export.client import Client

_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.5, 1.5, 30.0  # seconds, a factor, seconds
_JITTER = 0.1
_SHARE = 0.1  # of the time that is left by the rate of samples: no look is needed before
_NEW_FOR = 60.0  # seconds in which a task that was just created may still be unknown
_LAST_LOOK = 10.0  # seconds that a look at the deadline may take beyond it


def _timeout(text: str) -> float | None:
    return None if text.strip().lower() == "none" else duration(text)


@dataclass(frozen=True, kw_only=True)
class WaitSettings:
    """How a wait goes. Times are in seconds; `timeout` is None for ever, and 0 for one look."""

    timeout: float | None = setting(
        _timeout,
        "How long to wait: 2h unless given, none for ever, 0 for one look",
        "DURATION",
        default=7200.0,
    )
    poll_interval: float | None = setting(
        positive_duration, "Time between looks; 0.5s growing to 30s otherwise", "DURATION"
    )
    max_outage: float = setting(
        duration, "How long looks may fail in a row: 15m unless given", "DURATION", default=900.0
    )
    heartbeat: float = setting(
        positive_duration, "Off a terminal, time between lines: 60s unless given", "DURATION", default=60.0
    )
    require_samples: int = setting(
        count, "End with 7 when fewer samples were exported, or nobody knows", "N", default=0
    )


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A task as it was last seen, how far it is, and what keeps it from being seen now.

    `pace` goes on to change with each look. `lost` tells that it is not looked at any more, for the trouble.
    """

    task: ExportTask
    pace: Pace = field(default_factory=Pace)
    trouble: ModelArtsExportError | None = None
    lost: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether it is to be looked at again."""
        return not (self.task.ended or self.lost)


Snapshot = tuple[Followed, ...]


def follow(
    client: "Client", tasks: Sequence[ExportTask], settings: WaitSettings, *, timing: Timing = TIMING
) -> Iterator[Snapshot]:
    """Yield a snapshot of the tasks, in their order, after each round of looks, until all have ended.

    The wait is over, too, when the timeout is, after a last look then; and a task is not looked at any more
    when its trouble has lasted for the maximal outage, or is none that passes.
    """
    deadline = timing.clock() + (math.inf if settings.timeout is None else settings.timeout)
    pauses = _Pauses(settings.poll_interval, timing.chance)
    datasets = {
        name: _Dataset(
            DatasetLook(client, name),
            [task for task in tasks if task.dataset_id == name],
            max_outage=settings.max_outage,
            clock=timing.clock,
        )
        for name in dict.fromkeys(task.dataset_id for task in tasks)
    }
    while True:
        for dataset in datasets.values():
            dataset.look(deadline)
        snapshot = tuple(datasets[task.dataset_id].followed[task.task_id] for task in tasks)
        yield snapshot
        now = timing.clock()
        unfinished = [each for each in snapshot if each.unfinished]
        if not unfinished or now >= deadline:
            return
        patience = min(dataset.patience(now) for dataset in datasets.values())
        timing.sleep(min(pauses.after(unfinished, now), deadline - now, patience))


class _Dataset:
    """The tasks of one dataset that are followed, and since when looks at them fail."""

    def __init__(
        self,
        look: DatasetLook,
        tasks: Sequence[ExportTask],
        *,
        max_outage: float,
        clock: Callable[[], float],
    ) -> None:
        self.followed = {task.task_id: Followed(task=task) for task in tasks}
        self._given = {task.task_id: task for task in tasks}
        self._look = look
        self._max_outage = max_outage
        self._clock = clock
        self._began = clock()
        self._failing_since: float | None = None

    def look(self, deadline: float) -> None:
        """Look at the tasks that are unfinished."""
        begun = self._clock()
        unseen = [task_id for task_id, each in self.followed.items() if each.unfinished]
        if not unseen:
            return
        timeout = None if math.isinf(deadline) else max(deadline - begun, _LAST_LOOK)
        try:
            for task_id, seen in self._look.at(tuple(unseen), timeout=timeout):
                unseen.remove(task_id)
                self._note(task_id, seen)
        except ModelArtsExportError as error:
            self._fail(unseen, error, begun)
        else:
            self._failing_since = None

    def patience(self, now: float) -> float:
        """Return how long the trouble may last from now on, in seconds."""
        end = math.inf if self._failing_since is None else self._failing_since + self._max_outage
        return max(end - now, 0.0)

    def _note(self, task_id: str, seen: ExportTask | Refusal) -> None:
        before, now = self.followed[task_id], self._clock()
        if isinstance(seen, Refusal):
            passes = isinstance(seen, NotFoundError) and self._may_be_unknown(task_id, now)
            self.followed[task_id] = replace(before, trouble=seen, lost=not passes)
        else:
            before.pace.note(seen, now)
            task = self._given[task_id].seen_as(seen)
            self.followed[task_id] = replace(before, task=task, trouble=None)

    def _may_be_unknown(self, task_id: str, now: float) -> bool:
        """Tell whether a task was created so recently that not every server may have heard of it."""
        given = self._given[task_id]
        was_just_accepted = given.status is None and bool(given.answer)
        return was_just_accepted and now < self._began + _NEW_FOR

    def _fail(self, unseen: Sequence[str], error: ModelArtsExportError, begun: float) -> None:
        self._failing_since = begun if self._failing_since is None else self._failing_since
        passes = isinstance(error, TemporaryError) and self.patience(self._clock()) > 0
        for task_id in unseen:
            self.followed[task_id] = replace(self.followed[task_id], trouble=error, lost=not passes)
        if not passes:
            self._failing_since = None


class _Pauses:
    """How long to stay away after each round."""

    def __init__(self, fixed: float | None, chance: random.Random) -> None:
        self._fixed = fixed
        self._next = _FIRST_PAUSE
        self._chance = chance

    def after(self, unfinished: Sequence[Followed], now: float) -> float:
        """Return seconds: what was asked for, or growing ones, and never less than the server wants."""
        pause = self._fixed or max(self._next, min(_SHARE * _soonest(unfinished, now), _LONGEST_PAUSE))
        self._next = min(self._next * _GROWTH, _LONGEST_PAUSE)
        asked = (each.trouble.retry_after or 0.0 for each in unfinished if each.trouble)
        return max(pause * self._chance.uniform(1 - _JITTER, 1 + _JITTER), *asked, 0.0)


def _soonest(unfinished: Sequence[Followed], now: float) -> float:
    """Return when the first of the tasks will be done by its rate; no time at all when one cannot tell."""
    left = [each.pace.seconds_left(now) for each in unfinished]
    known = [seconds for seconds in left if seconds is not None]
    return min(known) if len(known) == len(left) else 0.0
