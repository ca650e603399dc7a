"""How far export tasks are, in words; what snapshots say together that no single one does."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from modelarts_export.api.task import TaskState
from modelarts_export.cli.output.task_view import UNKNOWN, format_failure, format_state
from modelarts_export.polling.estimator import ProgressEstimator
from modelarts_export.polling.poller import Snapshot, TrackedTask

UNSUCCESSFUL = (TaskState.FAILED, TaskState.STOPPED)
MOST_ALONE = 12  # tasks that are shown one by one; more are summed up
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_YEAR = 365 * 86_400.0  # seconds; an estimate beyond it tells nothing
GIVEN_UP = "given up"  # in place of the status of a task that is not looked at any more


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit and the next one, rounded down: 45s, 2m 5s, 1h 3m."""
    rest, counts = int(max(seconds, 0.0)), []
    for letter, size in _UNITS:
        count, rest = divmod(rest, size)
        counts.append((count, letter))
    first = next((index for index, (count, _) in enumerate(counts) if count), len(counts) - 1)
    return " ".join(f"{count}{letter}" for count, letter in counts[first : first + 2] if count) or "0s"


def format_percent(pace: ProgressEstimator) -> str:
    """Return the progress, rounded down: what is not done is not 100 %."""
    return "" if pace.percent is None else f"{int(pace.percent)} %"


def format_samples(done: int | None, total: int | None) -> str:
    """Return how many samples are done of how many, as far as that is known; never more than all."""
    if total is None:
        return "" if done is None else f"{done:,} samples"
    return f"{'?' if done is None else f'{min(done, total):,}'} of {total:,} samples"


def format_eta(seconds: float | None) -> str:
    """Return how long it will take yet; nothing when one cannot tell, or when it should be done."""
    return "" if seconds is None or not 1 <= seconds <= _YEAR else f"{format_duration(seconds)} left"


def format_progress(each: TrackedTask) -> str:
    """Return status, progress and counts of a task, and why it failed."""
    done, failure = format_samples(each.estimator.finished, each.estimator.total), format_failure(each.task)
    share = "" if each.task.state is TaskState.SUCCESSED else format_percent(each.estimator)
    words = ", ".join(filter(None, (format_state(each.task), share))) + (f" ({done})" if done else "")
    return f"{words}: {failure}" if failure and each.task.state in UNSUCCESSFUL else words


def task_label(those: Sequence[TrackedTask]) -> str:
    """Return what to call one or several tasks."""
    return f"export task {those[0].task.task_id}" if len(those) == 1 else f"{len(those)} export tasks"


def group_by_message(told: Iterable[tuple[str, TrackedTask]]) -> list[str]:
    """Return a line for each thing that is told, once for all the tasks that it is told of."""
    groups: dict[str, list[TrackedTask]] = {}
    for words, each in told:
        groups.setdefault(words, []).append(each)
    return [f"{task_label(those)}: {words}" for words, those in groups.items()]


def format_outcome(snapshot: Snapshot) -> int:
    """Return how many tasks have ended."""
    return sum(each.task.is_finished for each in snapshot)


def count_states(snapshot: Snapshot) -> str:
    """Return how many tasks are in which state; those that succeeded go without saying."""
    found = Counter(_kind(each) for each in snapshot)
    order = ("failed", "stopped", GIVEN_UP, "running", "stopping", "queued", UNKNOWN)
    return ", ".join(f"{found[word]} {word}" for word in order if found[word])


def sum_samples(snapshot: Snapshot) -> str:
    """Return the samples of all tasks that told how many they have."""
    known = [each.estimator for each in snapshot if each.estimator.total is not None]
    done = sum(min(pace.finished or 0, pace.total or 0) for pace in known)
    return format_samples(done, sum(pace.total or 0 for pace in known)) if known else ""


def seconds_left(snapshot: Snapshot, now: float) -> float | None:
    """Return when the last task will be done; None when that cannot be told of each."""
    each_left = [each.estimator.eta_seconds(now) for each in snapshot if each.is_unfinished]
    known = [seconds for seconds in each_left if seconds is not None]
    return max(known) if known and len(known) == len(each_left) else None


def _kind(each: TrackedTask) -> str:
    if each.abandoned:
        return GIVEN_UP
    return each.task.state.label if each.task.state else UNKNOWN


class WaitTimes:
    """Since when the tasks are followed, since when each is not seen, and when its wait was over."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin now; `clock` tells seconds of a clock that never goes back."""
        self.now = clock
        self._began = clock()
        self._unseen: dict[tuple[str, str], float] = {}
        self._over: dict[tuple[str, str], float] = {}

    def update(self, snapshot: Snapshot) -> None:
        """Take in a snapshot that was taken just now."""
        for each in snapshot:
            if each.last_error:
                self._unseen.setdefault(task_key(each), self.now())
            else:
                self._unseen.pop(task_key(each), None)
            if not each.is_unfinished:
                self._over.setdefault(task_key(each), self.now())

    def elapsed(self, each: TrackedTask | None = None) -> str:
        """Return how long the wait is going on, or went on for a task."""
        over = self._over.get(task_key(each)) if each else None
        return format_duration((self.now() if over is None else over) - self._began)

    def unseen(self, each: TrackedTask) -> str:
        """Return how long a task has not been seen."""
        return format_duration(self.now() - self._unseen.get(task_key(each), self.now()))


def task_key(each: TrackedTask) -> tuple[str, str]:
    """Return what tells a task from all others."""
    return each.task.dataset_id, each.task.task_id
