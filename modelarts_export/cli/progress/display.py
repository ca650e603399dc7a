"""The display of progress while tasks are polled: bars on a terminal, lines elsewhere, nothing with quiet."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from modelarts_export.cli.output.console import Console
from modelarts_export.cli.progress.messages import NameTask, name_by_id, task_label
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.polling.poller import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelarts_export.batch.runner import BatchCounts

    GetCounts = Callable[[], BatchCounts]

_TICK = 0.25  # seconds


class ProgressDisplay(Protocol):
    """Shows the snapshots of a wait."""

    def show(self, snapshot: Snapshot) -> None:
        """Show what a round of polls found."""

    def tick(self) -> None:
        """Show what changed by the time alone, such as a heartbeat that is due."""


class NoDisplay:
    """The display with quiet."""

    def show(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""


@contextmanager
def open_display(  # noqa: PLR0913 - where and how tasks are shown
    console: Console,
    *,
    quiet: bool,
    heartbeat: float,
    clock: Clock = SYSTEM_CLOCK,
    get_counts: "GetCounts | None" = None,
    name_task: NameTask = name_by_id,
) -> Iterator[ProgressDisplay]:
    """Open a display on stderr, and leave the terminal as it was at the end.

    Off a terminal it prints a heartbeat when nothing was printed for `heartbeat` seconds. For a batch,
    `get_counts` returns how far its submission is, which is shown until there is a snapshot.
    """
    if quiet:
        yield NoDisplay()
    elif console.is_live:
        from modelarts_export.cli.progress.bars import BarDisplay  # noqa: PLC0415 - only bars need rich

        bars = BarDisplay(console, clock, get_counts)
        try:
            yield _StatusWarnings(console, bars)
        finally:
            bars.stop()
    else:
        from modelarts_export.cli.progress.lines import LineDisplay  # noqa: PLC0415 - see BarDisplay

        lines = LineDisplay(console, heartbeat, clock, get_counts=get_counts, name_task=name_task)
        yield _StatusWarnings(console, lines)


@contextmanager
def tick_in_background(display: ProgressDisplay) -> Iterator[None]:
    """Call `tick` from a thread, so that a slow poll delays no heartbeat."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(_TICK):
            display.tick()

    threading.Thread(target=run, daemon=True).start()
    try:
        yield
    finally:
        stopped.set()


class _StatusWarnings:
    """Warns once of each undocumented status, and passes snapshots on to another display."""

    def __init__(self, console: Console, display: ProgressDisplay) -> None:
        self._console = console
        self._display = display
        self.tick = display.tick

    def show(self, snapshot: Snapshot) -> None:
        """Warn, then show the snapshot, so that bars begin below the warnings."""
        for each in snapshot:
            status = each.task.status
            if each.is_unfinished and status is not None and each.task.state is None:
                line = f"{task_label([each])} has the status '{status}', which is not documented; waiting on"
                self._console.print_once(line, "warning", about=status)
        self._display.show(snapshot)
