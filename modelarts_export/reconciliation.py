"""Finding one's own task in the server's list, which is the only ledger: the API has no idempotency key."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelarts_export.errors import ModelArtsExportError, TemporaryError
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
class Look:
    """The tasks that may be ours, the one created nearest the sending first.

    It is `open` when one of them is older than the sending, if the server told its time at the beginning of
    the look, and is not, if at the end.
    """

    tasks: tuple[ExportTask, ...] = ()
    open: bool = False


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

    def look(self, sent: Moment) -> Look:
        """Return the tasks that may have come of a request; `sent` is the moment just before it.

        Raises what Client.task_pages raises, and TemporaryError when nobody can tell whether a task is older.
        """
        found: dict[str, tuple[float, ExportTask]] = {}
        undated: list[str] = []
        is_open = False
        before = sent.ago(self.timing)
        for page in self.client.task_pages(self.dataset_id, timeout=_LOOK):
            after = sent.ago(self.timing)
            # nobody knows when in the course of the look the server told its time
            span = None if page.date is None else sorted((page.date - after, page.date - before))
            for task in self._strangers(page):
                earliest, latest = span or (0.0, 0.0)
                created = task.created if span else None
                if created is None and self.known is None:
                    undated.append(task.task_id)
                elif created is None:
                    found[task.task_id] = 0.0, task
                elif created >= earliest - _SLACK:
                    found[task.task_id] = abs(created - (earliest + latest) / 2), task
                    is_open = is_open or created < latest - _SLACK
            before = sent.ago(self.timing)
        if undated and not found:
            raise TemporaryError(f"export task {undated[0]} fits, but nobody says when it was created")
        nearest_first = sorted(found.values(), key=lambda pair: pair[0])
        return Look(tasks=tuple(task for _, task in nearest_first), open=is_open)

    def twins(self, task: ExportTask, sent: Moment) -> tuple[ExportTask, ...]:
        """Return the tasks beside this one that may have come of the same request, first sent after `sent`.

        They are told by the service's own clock, if it shows this task. Raises what `look` raises.
        """
        listed = [
            each for page in self.client.task_pages(self.dataset_id, timeout=_LOOK) for each in page.tasks
        ]
        created = next((each.created for each in listed if each.task_id == task.task_id), None)
        if created is None:
            return self.look(sent).tasks
        since = created - sent.ago(self.timing) - _SLACK
        return tuple(each for each in self._fitting(listed) if (each.created or since) >= since)

    def _strangers(self, page: "TaskPage") -> Iterable[ExportTask]:
        if page.date is None and self.known is None:
            raise TemporaryError("the server does not tell the time, so that new tasks look like old ones")
        return self._fitting(page.tasks)

    def _fitting(self, tasks: Iterable[ExportTask]) -> Iterable[ExportTask]:
        """Yield what fits the request, was not there before and is nobody's yet."""
        known = (self.known or frozenset()) | self.taken
        return (task for task in tasks if task.task_id not in known and may_be(self.body, task))


def search(ledger: Ledger, sent: Moment, *, patience: float) -> tuple[ExportTask, ...]:
    """Look until there is a task of ours, for so many seconds, and return what there is then.

    A look that takes long leaves it open which tasks are older; what is open to the last may be ours.

    Raises the error of the last look, when it failed, and at once the error of a look that is refused.
    """
    ends, pause = ledger.timing.clock() + patience, _FIRST_PAUSE
    open_to_the_last: tuple[ExportTask, ...] = ()
    while True:
        try:
            seen, trouble = ledger.look(sent), None
            open_to_the_last = seen.tasks
        except ModelArtsExportError as error:
            seen, trouble = Look(), error
        left = ends - ledger.timing.clock()
        asked = (trouble.retry_after if trouble else None) or 0.0
        if seen.tasks and not seen.open:
            return seen.tasks
        if left <= 0 or not (trouble is None or isinstance(trouble, TemporaryError)):
            if trouble and not open_to_the_last:
                raise trouble
            return open_to_the_last
        ledger.timing.sleep(min(max(pause, asked), left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
