"""Finding one's own task in the server's list, which is the only ledger: the API has no idempotency key."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelarts_export.errors import TemporaryError
from modelarts_export.matching import may_be
from modelarts_export.task import ExportTask
from modelarts_export.timing import Timing

if TYPE_CHECKING:
    from modelarts_export.client import Client, TaskPage

_SLACK = 5.0  # seconds: a Date is cut to whole ones, and the gateway's clock is not that of the service
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 1.0, 2.0, 15.0
_LOOK = 30.0  # seconds that each call of a look may take


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A point in time by both clocks of this machine: one may stand still, the other may be set."""

    clock: float
    wall: float

    @classmethod
    def now(cls, timing: Timing) -> "Moment":
        """Return this moment."""
        return cls(clock=timing.clock(), wall=timing.wall())

    def ago(self, timing: Timing) -> float:
        """Return how long it is ago, in seconds, by the clock that says more."""
        return max(timing.clock() - self.clock, timing.wall() - self.wall)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The list of a dataset's tasks, in which the task of one request may be.

    `known` has the IDs of the tasks that were there before the request was sent, where anybody looked, and
    `taken` those of tasks that this process knows already, for this request or an earlier one.
    """

    client: "Client"
    dataset_id: str
    body: Mapping[str, Any] = field(repr=False)
    timing: Timing
    known: frozenset[str] | None = None
    taken: AbstractSet[str] = frozenset()

    def look(self, sent: Moment) -> tuple[ExportTask, ...]:
        """Return the tasks that may have come of a request, the one created nearest its sending first.

        `sent` is the moment just before. Raises what Client.task_pages raises, and TemporaryError when nobody
        can tell whether a task is older than the request.
        """
        found: dict[str, float] = {}
        tasks: dict[str, ExportTask] = {}
        asked = Moment.now(self.timing)
        for page in self.client.task_pages(self.dataset_id, timeout=_LOOK):
            if asked.ago(self.timing) > _LOOK:  # this machine was suspended, and the Date is of before
                raise TemporaryError("the look took so long that new tasks look like old ones")
            sent_at = None if page.date is None else page.date - sent.ago(self.timing)
            for task in self._strangers(page):
                distance = self._distance(task, sent_at)
                if distance is not None:
                    found[task.task_id], tasks[task.task_id] = distance, task
            asked = Moment.now(self.timing)
        return tuple(sorted(tasks.values(), key=lambda task: found[task.task_id]))

    def _strangers(self, page: "TaskPage") -> Iterable[ExportTask]:
        """Yield what fits the request, was not there before and is nobody's yet."""
        known = (self.known or frozenset()) | self.taken
        if page.date is None and self.known is None:
            raise TemporaryError("the server does not tell the time, so that new tasks look like old ones")
        return (task for task in page.tasks if task.task_id not in known and may_be(self.body, task))

    def _distance(self, task: ExportTask, sent_at: float | None) -> float | None:
        """Return how far its creation is from the sending, in seconds; None for a task that is older."""
        if sent_at is None or task.created is None:
            if self.known is None:
                raise TemporaryError(f"export task {task.task_id} fits, but nobody says when it was created")
            return 0.0
        return abs(task.created - sent_at) if task.created >= sent_at - _SLACK else None


def search(ledger: Ledger, sent: Moment, *, patience: float) -> tuple[ExportTask, ...]:
    """Look until there is a task that may be ours, for so many seconds, and return what there is then.

    Raises the error of the last look, when it failed, and at once the error of a look that is refused.
    """
    ends, pause = ledger.timing.clock() + patience, _FIRST_PAUSE
    while True:
        found, trouble = _one_look(ledger, sent)
        left = ends - ledger.timing.clock()
        if found or left <= 0:
            if trouble:
                raise trouble
            return found
        asked = (trouble.retry_after if trouble else None) or 0.0
        ledger.timing.sleep(min(max(pause, asked), left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _one_look(ledger: Ledger, sent: Moment) -> tuple[tuple[ExportTask, ...], TemporaryError | None]:
    try:
        return ledger.look(sent), None
    except TemporaryError as error:
        return (), error
