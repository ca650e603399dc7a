"""What is seen while tasks are followed: bars on a terminal, lines elsewhere, nothing when quiet."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from modelarts_export.cli.output.console import Screen
from modelarts_export.cli.output.task_view import format_state
from modelarts_export.cli.progress.messages import (
    GIVEN_UP,
    MOST_ALONE,
    UNSUCCESSFUL,
    WaitTimes,
    count_states,
    format_eta,
    format_outcome,
    format_progress,
    group_by_message,
    seconds_left,
    sum_samples,
    task_key,
    task_label,
)
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.polling.poller import Snapshot, TrackedTask

_BEAT = 0.25  # seconds between two looks at the clock


class ProgressDisplay(Protocol):
    """Somebody who looks on while tasks are followed."""

    def show(self, snapshot: Snapshot) -> None:
        """Show what a round of looks found."""

    def beat(self) -> None:
        """Say how far it is, if that is due."""


@contextmanager
def open_display(
    screen: Screen, *, quiet: bool, heartbeat: float, timing: Clock = SYSTEM_CLOCK
) -> Iterator[ProgressDisplay]:
    """Give somebody who shows snapshots on stderr, and at the end leaves the terminal as it was.

    Off a terminal, a line says how far it is when nothing was said for `heartbeat` seconds.
    """
    if quiet:
        yield NoDisplay()
    elif screen.is_live:
        from modelarts_export.cli.progress.bars import BarDisplay  # noqa: PLC0415 - rich is needed here alone

        bars = BarDisplay(screen, timing)
        try:
            yield _Warning(screen, bars)
        finally:
            bars.rest()
    else:
        yield _Warning(screen, LineDisplay(screen, heartbeat, timing))


@contextmanager
def beating(watch: ProgressDisplay) -> Iterator[None]:
    """Let the heartbeat go on while a poll is slow, too."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(_BEAT):
            watch.beat()

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        stopped.set()


class NoDisplay:
    """Shows nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""

    def beat(self) -> None:
        """Say nothing."""


class _Warning:
    """Warns of each status that nobody documented, once, and has the rest shown by another."""

    def __init__(self, screen: Screen, watch: ProgressDisplay) -> None:
        self._screen = screen
        self._watch = watch
        self.beat = watch.beat

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot, and warn first, so that bars begin below the warning."""
        for each in snapshot:
            status = each.task.status
            if each.is_unfinished and status is not None and each.task.state is None:
                line = f"{task_label([each])} has the status '{status}', which is not documented; waiting on"
                self._screen.print_once(line, "warning", about=status)
        self._watch.show(snapshot)


class LineDisplay:
    """Says a line for each change, and one when nothing was said for long."""

    def __init__(self, screen: Screen, heartbeat: float, timing: Clock) -> None:
        """Say it on this screen, at least every `heartbeat` seconds."""
        self._screen = screen
        self._heartbeat = heartbeat
        self._timing = timing
        self._spoke = timing.monotonic()
        self._journal = WaitTimes(timing.monotonic)
        self._snapshot: Snapshot = ()
        self._lock = threading.Lock()

    def show(self, snapshot: Snapshot) -> None:
        """Say what is new since the snapshot before."""
        with self._lock:
            self._show(snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        before = {task_key(each): each for each in self._snapshot}
        pairs = [(before.get(task_key(each)), each) for each in snapshot]
        seen_again = [
            (f"seen again after {self._journal.unseen(each)}", each)
            for old, each in pairs
            if old and old.last_error and not each.last_error
        ]
        self._journal.update(snapshot)
        self._snapshot = snapshot
        lines = [
            *group_by_message([*seen_again, *_newly_unseen(pairs)]),
            *self._changes([each for old, each in pairs if _is_changed(old, each)]),
        ]
        for line in lines:
            self._say(line)
        self._beat_if_due()

    def beat(self) -> None:
        """Say how far it is, if nothing was said for long."""
        with self._lock:
            self._beat_if_due()

    def _changes(self, changed: list[TrackedTask]) -> Iterator[str]:
        many = len(self._snapshot) > MOST_ALONE
        for each in changed:
            if not many or each.task.state in UNSUCCESSFUL:
                yield f"{task_label([each])}: {format_progress(each)}"
        if many and changed:
            yield self._summary()

    def _beat_if_due(self) -> None:
        if self._timing.monotonic() - self._spoke < self._heartbeat:
            return
        waiting = [each for each in self._snapshot if each.is_unfinished]
        if len(waiting) == 1:
            self._say(f"{task_label(waiting)}: {format_progress(waiting[0])}{self._so_far(waiting)}")
        elif waiting:
            self._say(f"{self._summary()}{self._so_far(waiting)}")
        self._spoke = self._timing.monotonic()

    def _summary(self) -> str:
        snapshot = self._snapshot
        words = f"{format_outcome(snapshot)} of {len(snapshot)} export tasks ended"
        return ", ".join(filter(None, (words, count_states(snapshot), sum_samples(snapshot))))

    def _so_far(self, waiting: list[TrackedTask]) -> str:
        unseen = [each for each in waiting if each.last_error]
        of_them = f"{len(unseen)} of them " if len(waiting) > 1 else ""
        time_left = format_eta(seconds_left(self._snapshot, self._timing.monotonic()))
        words = (
            f"{of_them}not seen for {self._journal.unseen(unseen[0])}" if unseen else "",
            f"{self._journal.elapsed()} so far",
            f"about {time_left}" if time_left else "",
        )
        return "".join(f", {word}" for word in words if word)

    def _say(self, line: str) -> None:
        self._screen.print(line)
        self._spoke = self._timing.monotonic()


def _newly_unseen(pairs: list[tuple[TrackedTask | None, TrackedTask]]) -> Iterator[tuple[str, TrackedTask]]:
    for old, each in pairs:
        if each.abandoned and not (old and old.abandoned):
            yield f"{GIVEN_UP}: {each.last_error}", each
        elif each.last_error and not (old and old.last_error):
            yield f"not seen: {each.last_error}", each


def _is_changed(old: TrackedTask | None, each: TrackedTask) -> bool:
    """Tell whether a status is new; one that was never seen is not."""
    return each.task.status is not None and (old is None or format_state(old.task) != format_state(each.task))
