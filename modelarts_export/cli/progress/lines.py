"""The display of progress as lines: one for each change, and a heartbeat."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.task_view import format_state
from modelarts_export.cli.progress.messages import (
    GIVEN_UP,
    MAX_SINGLE_TASKS,
    UNSUCCESSFUL,
    NameTask,
    WaitTimes,
    count_states,
    explain_outage,
    format_counts,
    format_eta,
    format_progress,
    format_samples,
    group_by_message,
    name_by_id,
    seconds_left,
    sum_samples,
    task_key,
    task_label,
)
from modelarts_export.clock import Clock
from modelarts_export.polling.poller import Snapshot, TrackedTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelarts_export.batch.runner import BatchCounts


class LineDisplay:
    """Prints a line for each change, and a heartbeat when nothing was printed for `heartbeat` seconds."""

    def __init__(
        self,
        console: Console,
        heartbeat: float,
        clock: Clock,
        *,
        get_counts: "Callable[[], BatchCounts] | None" = None,
        name_task: NameTask = name_by_id,
    ) -> None:
        """Name tasks by `name_task`; `get_counts` returns how far the submission of a batch is."""
        self._console = console
        self._get_counts = get_counts
        self._name_task = name_task
        self._heartbeat = heartbeat
        self._clock = clock
        self._printed_at = clock.monotonic()
        self._times = WaitTimes(clock.monotonic)
        self._snapshot: Snapshot = ()
        self._lock = threading.Lock()

    def show(self, snapshot: Snapshot) -> None:
        """Print what changed since the snapshot before."""
        with self._lock:
            self._show(snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        before = {task_key(each): each for each in self._snapshot}
        pairs = [(before.get(task_key(each)), each) for each in snapshot]
        recovered = [
            (f"seen again after {self._times.outage(each)}", each)
            for old, each in pairs
            if old and old.last_error and not each.last_error
        ]
        self._times.update(snapshot)
        self._snapshot = snapshot
        lines = [
            *group_by_message([*recovered, *_list_new_errors(pairs)], self._name_task),
            *self._list_changes([each for old, each in pairs if _is_changed(old, each)]),
        ]
        for line in lines:
            self._print(line)
        self._print_heartbeat_if_due()

    def tick(self) -> None:
        """Print a heartbeat if one is due."""
        with self._lock:
            self._print_heartbeat_if_due()

    def _list_changes(self, changed: list[TrackedTask]) -> Iterator[str]:
        """Yield a line for each change, save for a failure at the end of the wait, whose error follows."""
        many = len(self._snapshot) > MAX_SINGLE_TASKS
        goes_on = any(each.is_unfinished for each in self._snapshot)
        for each in changed:
            if goes_on if each.task.state in UNSUCCESSFUL else not many:
                yield f"{task_label([each], self._name_task)}: {format_progress(each)}"
        if many and changed:
            yield self._summarize()

    def _print_heartbeat_if_due(self) -> None:
        if self._clock.monotonic() - self._printed_at < self._heartbeat:
            return
        waiting = [each for each in self._snapshot if each.is_unfinished]
        if len(waiting) == 1:
            label = task_label(waiting, self._name_task)
            self._print(f"{label}: {format_progress(waiting[0])}{self._format_wait(waiting)}")
        elif waiting:
            self._print(f"{self._summarize()}{self._format_wait(waiting)}")
        elif self._get_counts and not self._snapshot:
            self._print(format_counts(self._get_counts()))
        self._printed_at = self._clock.monotonic()

    def _summarize(self) -> str:
        snapshot = self._snapshot
        samples = format_samples(*sum_samples(snapshot))
        counts = ", ".join(filter(None, (count_states(snapshot), samples)))
        return f"{len(snapshot):,} export tasks: {counts}"

    def _format_wait(self, waiting: list[TrackedTask]) -> str:
        unseen = [each for each in waiting if each.last_error]
        of_them = f"{len(unseen)} of them " if len(waiting) > 1 else ""
        time_left = format_eta(seconds_left(self._snapshot, self._clock.monotonic()))
        parts = (
            f"{of_them}not seen for {self._times.outage(unseen[0])}" if unseen else "",
            f"{self._times.elapsed()} so far",
            f"about {time_left}" if time_left else "",
        )
        return "".join(f", {part}" for part in parts if part)

    def _print(self, line: str) -> None:
        self._console.print(line)
        self._printed_at = self._clock.monotonic()


def _list_new_errors(
    pairs: list[tuple[TrackedTask | None, TrackedTask]],
) -> Iterator[tuple[str, TrackedTask]]:
    """Yield what the error at the end of the wait, which may follow at once, does not say."""
    goes_on = any(each.is_unfinished for _, each in pairs)
    for old, each in pairs:
        if each.abandoned and not (old and old.abandoned):
            yield from ((GIVEN_UP, each),) if goes_on else ()
        elif each.last_error and not (old and old.last_error):
            yield f"not seen: {explain_outage(each)}", each


def _is_changed(old: TrackedTask | None, each: TrackedTask) -> bool:
    """Return whether the status changed; an unknown one did not."""
    return each.task.status is not None and (old is None or format_state(old.task) != format_state(each.task))
