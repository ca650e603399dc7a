"""The bars that a terminal shows while tasks are followed, as many columns as fit."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from modelarts_export.api.task import TaskState
from modelarts_export.cli.output.console import Screen
from modelarts_export.cli.output.task_view import format_state, get_style
from modelarts_export.cli.progress.messages import (
    GIVEN_UP,
    MOST_ALONE,
    WaitTimes,
    count_states,
    format_eta,
    format_outcome,
    format_percent,
    group_by_message,
    seconds_left,
    sum_samples,
)
from modelarts_export.clock import Clock
from modelarts_export.polling.poller import Snapshot, TrackedTask

_Row = Mapping[str, Text | ProgressBar]
_COLUMNS = ("name", "status", "bar", "percent", "samples", "elapsed", "left")
_DROPPED = ("elapsed", "samples", "left", "bar")  # the first goes first, where a terminal is narrow
# Cells that a column has from the beginning, so that it stands still while its text grows.
_LEAST = {"status": 9, "percent": 5, "elapsed": 7, "left": 12}
_MOST = {"name": 40, "status": 20}  # cells; what a server says can be of any length
_SHORTEST_BAR, _LONGEST_BAR = 6, 40
_SHORTEST_NAME = 8
_RIGHT = ("percent", "elapsed")
# Of a bar: one that is full but has not ended does not look as if it had.
_BAR_STYLES: dict[TaskState | None, str] = {
    TaskState.FAILED: "red",
    TaskState.STOPPED: "red",
    TaskState.SUCCESSED: "bar.finished",
}
_UNFINISHED = "bar.complete"
_MOST_NOTES, _LONGEST_NOTE = 3, 3  # notes, and lines of one
_WHOLE = 100.0


class BarDisplay:
    """A bar for each task, or one for all when there are many, and notes on what is wrong."""

    def __init__(self, screen: Screen, timing: Clock) -> None:
        """Draw on this screen once there is something to show."""
        self._screen = screen
        self._journal = WaitTimes(timing.monotonic)
        self._snapshot: Snapshot = ()
        self._rests = False

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot from now on."""
        begins = not self._snapshot
        self._journal.update(snapshot)
        self._snapshot = snapshot
        if begins:
            self._screen.start_live(self)

    def beat(self) -> None:
        """Do nothing: rich draws the bars anew as time goes by."""

    def rest(self) -> None:
        """Leave the bars as they are."""
        self._rests = True
        self._screen.stop_live()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what there is to see now, as wide as the terminal is now."""
        snapshot, summed_up = self._snapshot, len(self._snapshot) > MOST_ALONE
        rows = [self._sum(snapshot)] if summed_up else [self._row(each) for each in snapshot]
        yield _table(rows, options)
        if summed_up:
            yield Text(count_states(snapshot), "dim")
        for note in self._notes(snapshot)[:_MOST_NOTES]:
            text = Text(self._screen.shown(note), "yellow")
            text.truncate(_LONGEST_NOTE * options.max_width - options.max_width // 2)
            yield text

    def _row(self, each: TrackedTask) -> _Row:
        pace, style = each.estimator, _BAR_STYLES.get(each.task.state, _UNFINISHED)
        status = Text(self._screen.shown(format_state(each.task)), get_style(each.task))
        seconds = pace.eta_seconds(self._journal.now()) if each.is_unfinished else None
        return {
            "name": Text(self._screen.shown(each.task.task_id), "bold"),
            "status": Text(GIVEN_UP, "red") if each.abandoned else status,
            "bar": self._bar(pace.percent, style, moves=each.is_unfinished),
            "percent": Text(format_percent(pace)),
            "samples": Text(_fraction(pace.finished, pace.total)),
            "elapsed": Text(self._journal.elapsed(each), "dim"),
            "left": Text(format_eta(seconds).ljust(_LEAST["left"] if pace.total else 0), "cyan"),
        }

    def _sum(self, snapshot: Snapshot) -> _Row:
        share = format_outcome(snapshot) / len(snapshot) * _WHOLE
        return {
            "name": Text("export tasks", "bold"),
            "status": Text(f"{format_outcome(snapshot)} of {len(snapshot)} ended"),
            "bar": self._bar(share, _BAR_STYLES[TaskState.SUCCESSED] if share == _WHOLE else _UNFINISHED),
            "percent": Text(f"{int(share)} %"),
            "samples": Text(sum_samples(snapshot)),
            "elapsed": Text(self._journal.elapsed(), "dim"),
            "left": Text(format_eta(seconds_left(snapshot, self._journal.now())), "cyan"),
        }

    def _bar(self, share: float | None, style: str, *, moves: bool = False) -> ProgressBar:
        """Return a bar, which moves while nothing is known."""
        return ProgressBar(
            total=None if share is None and moves and not self._rests else _WHOLE,
            completed=share or 0.0,
            complete_style=style,
            finished_style=style,
            animation_time=self._journal.now(),
        )

    def _notes(self, snapshot: Snapshot) -> list[str]:
        lost = ((f"{GIVEN_UP}: {each.last_error}", each) for each in snapshot if each.abandoned)
        unseen = (
            (f"not seen for {self._journal.unseen(each)}: {each.last_error}", each)
            for each in snapshot
            if each.last_error and not each.abandoned
        )
        return group_by_message([*lost, *unseen])


def _fraction(done: int | None, total: int | None) -> str:
    """Return samples of samples, as wide as it can become: no column is to come or go while it grows."""
    if total is None:
        return "" if done is None else f"{done:,}"
    finished = "?" if done is None else f"{min(done, total):,}"
    return f"{finished}/{total:,}".rjust(2 * len(f"{total:,}") + 1)


def _table(rows: Sequence[_Row], options: ConsoleOptions) -> Table:
    widths = _widths(rows, options.max_width)
    table = Table.grid()
    for number, column in enumerate(widths):
        if number:
            table.add_column(width=1)  # a gap; releases of rich differ in how they pad the last column
        table.add_column(
            width=widths[column],
            no_wrap=True,
            overflow="crop" if options.ascii_only else "ellipsis",
            justify="right" if column in _RIGHT else "left",
        )
    for row in rows:
        table.add_row(*[cell for column in widths for cell in ("", row[column])][1:])
    return table


def _widths(rows: Sequence[_Row], width: int) -> dict[str, int]:
    """Return the columns that fit, in their order, and how wide each is, in cells."""
    widths = {column: _natural_width(column, [row[column] for row in rows]) for column in _COLUMNS}
    widths = {column: cells for column, cells in widths.items() if cells}
    for column in _DROPPED:
        if _sum_of(widths) > width:
            widths.pop(column, None)
    spare = width - _sum_of(widths)
    if "bar" in widths:
        widths["bar"] = min(widths["bar"] + spare, _LONGEST_BAR)
    else:
        widths["name"] = max(widths["name"] + min(spare, 0), _SHORTEST_NAME)
    return widths


def _natural_width(column: str, cells: Sequence[Text | ProgressBar]) -> int:
    if column == "bar":
        return _SHORTEST_BAR
    longest = max(cell_len(str(cell)) for cell in cells)
    width = max(longest, _LEAST.get(column, 0)) if longest else 0
    return min(width, _MOST.get(column, width))


def _sum_of(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(widths) - 1
