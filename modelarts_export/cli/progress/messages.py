"""Progress, durations and counts of export tasks as text."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.cli.output.task_view import ACCEPTED, UNKNOWN, format_state
from modelarts_export.clock import format_duration
from modelarts_export.errors import NotFoundError
from modelarts_export.polling.estimator import ProgressEstimator
from modelarts_export.polling.poller import Snapshot, TrackedTask

if TYPE_CHECKING:
    from modelarts_export.batch.runner import BatchCounts

UNSUCCESSFUL = (TaskState.FAILED, TaskState.STOPPED)
MAX_SINGLE_TASKS = 12  # that are shown one by one; more are summarized
_WHOLE = 100.0  # per cent
_YEAR = 365 * 86_400.0  # seconds; a longer estimate is meaningless
GIVEN_UP = "given up"  # the status of a task that is not polled any more


def format_percent(estimator: ProgressEstimator) -> str:
    """Return the progress, rounded down: an unfinished task is never at 100 %."""
    return "" if estimator.percent is None else f"{int(estimator.percent)} %"


def format_samples(done: int | None, total: int | None) -> str:
    """Return the samples done of all, as far as known; never more than all."""
    if total is None:
        return "" if done is None else f"{done:,} samples"
    return f"{'?' if done is None else f'{min(done, total):,}'} of {total:,} samples"


def format_eta(seconds: float | None) -> str:
    """Return the time left; nothing when it is unknown or below a second."""
    return "" if seconds is None or not 1 <= seconds <= _YEAR else f"{format_duration(seconds)} left"


def format_progress(each: TrackedTask) -> str:
    """Return status, progress and samples of a task; the error at the end has the reason of a failure."""
    done = format_samples(each.estimator.finished, each.estimator.total)
    share = "" if each.task.state is TaskState.SUCCESSED else format_percent(each.estimator)
    return ", ".join(filter(None, (format_state(each.task), share))) + (f" ({done})" if done else "")


NameTask = Callable[[ExportTask], str]
"""Returns the name of a task in a line."""


def name_by_id(task: ExportTask) -> str:
    """Return the name of a task that needs no other than its ID."""
    return f"export task {task.task_id}"


def task_label(tasks: Sequence[TrackedTask], name_task: NameTask = name_by_id) -> str:
    """Return the name of one task, or the number of several."""
    return name_task(tasks[0].task) if len(tasks) == 1 else f"{len(tasks)} export tasks"


def group_by_message(
    messages: Iterable[tuple[str, TrackedTask]], name_task: NameTask = name_by_id
) -> list[str]:
    """Return a line for each message, with the tasks that share it."""
    groups: dict[str, list[TrackedTask]] = {}
    for message, each in messages:
        groups.setdefault(message, []).append(each)
    return [f"{task_label(tasks, name_task)}: {message}" for message, tasks in groups.items()]


def format_counts(counts: "BatchCounts") -> str:
    """Return how far the submission of a batch is: `40 of 100 submitted, 1 failed`."""
    parts = (
        f"{counts.submitted:,} of {counts.total:,} submitted",
        f"{counts.failed:,} failed" if counts.failed else "",
        f"{counts.queued:,} waiting for a busy dataset" if counts.queued else "",
    )
    return ", ".join(filter(None, parts))


def explain_outage(each: TrackedTask) -> str:
    """Return why a task is not seen; for one that is not found, the error at the end has the words."""
    return "not found yet" if isinstance(each.last_error, NotFoundError) else str(each.last_error)


def count_states(snapshot: Snapshot) -> str:
    """Return the number of tasks in each state."""
    found = Counter(_state_label(each) for each in snapshot)
    order = (
        TaskState.SUCCESSED.label,
        "failed",
        "stopped",
        GIVEN_UP,
        "running",
        "stopping",
        "queued",
        ACCEPTED,
        UNKNOWN,
    )
    return ", ".join(f"{found[word]:,} {word}" for word in order if found[word])


def sum_samples(snapshot: Snapshot) -> tuple[int | None, int | None]:
    """Return the samples done of all tasks whose total is known, and these totals together."""
    known = [each.estimator for each in snapshot if each.estimator.total is not None]
    if not known:
        return None, None
    done = sum(min(each.finished or 0, each.total or 0) for each in known)
    return done, sum(each.total or 0 for each in known)


def measure_share(snapshot: Snapshot) -> float:
    """Return how much of a wait is done, in per cent, by samples; a task that is not polled any more is done.

    A task with an unknown number of samples counts as much as the mean of the others.
    """
    totals = [each.estimator.total for each in snapshot if each.estimator.total]
    mean = sum(totals) / len(totals) if totals else 1.0
    weights = [each.estimator.total or mean for each in snapshot]
    shares = [(each.estimator.percent or 0.0) if each.is_unfinished else _WHOLE for each in snapshot]
    return sum(weight * share for weight, share in zip(weights, shares, strict=True)) / sum(weights)


def seconds_left(snapshot: Snapshot, now: float) -> float | None:
    """Return the seconds until the last task is done; None unless known for each."""
    each_left = [each.estimator.eta_seconds(now) for each in snapshot if each.is_unfinished]
    known = [seconds for seconds in each_left if seconds is not None]
    return max(known) if known and len(known) == len(each_left) else None


def _state_label(each: TrackedTask) -> str:
    if each.abandoned:
        return GIVEN_UP
    return UNKNOWN if each.task.status and not each.task.state else format_state(each.task)


class WaitTimes:
    """The start of a wait, the start of each task's outage, and the end of its wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start now; `clock` returns the seconds of a monotonic clock."""
        self.now = clock
        self._start = clock()
        self._outages: dict[tuple[str, str], float] = {}
        self._ends: dict[tuple[str, str], float] = {}

    def update(self, snapshot: Snapshot) -> None:
        """Record a snapshot of this instant."""
        for each in snapshot:
            if each.last_error:
                self._outages.setdefault(task_key(each), self.now())
            else:
                self._outages.pop(task_key(each), None)
            if not each.is_unfinished:
                self._ends.setdefault(task_key(each), self.now())

    def elapsed(self, each: TrackedTask | None = None) -> str:
        """Return the duration of the wait, or of the wait for a finished task."""
        end = self._ends.get(task_key(each)) if each else None
        return format_duration((self.now() if end is None else end) - self._start)

    def elapsed_seconds(self) -> float:
        """Return the duration of the wait, in seconds."""
        return self.now() - self._start

    def outage(self, each: TrackedTask) -> str:
        """Return the duration of a task's outage."""
        return format_duration(self.now() - self._outages.get(task_key(each), self.now()))


def task_key(each: TrackedTask) -> tuple[str, str]:
    """Return dataset and task ID, which identify a task."""
    return each.task.dataset_id, each.task.task_id
