"""The display of progress as bars on a terminal, with as many columns as fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from modelarts_export.api.task import TaskState
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.task_view import format_state, get_style
from modelarts_export.cli.progress.messages import (
    GIVEN_UP,
    MAX_SINGLE_TASKS,
    WaitTimes,
    count_states,
    explain_outage,
    format_counts,
    format_eta,
    format_percent,
    group_by_message,
    measure_share,
    seconds_left,
    sum_samples,
)
from modelarts_export.clock import Clock
from modelarts_export.polling.poller import Snapshot, TrackedTask

if TYPE_CHECKING:
    from modelarts_export.batch.runner import BatchCounts

_Row = Mapping[str, Text | ProgressBar]
_COLUMNS = ("name", "status", "bar", "percent", "samples", "elapsed", "left")
_DROPPED = ("elapsed", "samples", "left", "bar")  # in this order, where a terminal is narrow
# Minimum cells of a column, so that the columns do not move while a text grows.
_LEAST = {"status": 9, "percent": 5, "samples": 5, "elapsed": 7, "left": 12}
# Columns that have their place before they have a text, so that the bar keeps its length.
_RESERVED = ("percent", "samples", "left")
_MOST = {"name": 40, "status": 20}  # cells; what a server says can be of any length
_SHORTEST_BAR, _LONGEST_BAR = 6, 40
_SHORTEST_NAME = 8
_RIGHT = ("percent", "elapsed")
# Styles of bars; the bar of an unfinished task is never shown as finished, even at 100 %.
_BAR_STYLES: dict[TaskState | None, str] = {
    TaskState.FAILED: "red",
    TaskState.STOPPED: "red",
    TaskState.SUCCESSED: "bar.finished",
}
_UNFINISHED = "bar.complete"
_ECHO = 4  # cells of two ^C
_MOST_NOTES, _LONGEST_NOTE = 3, 3  # notes, and lines of one
_WHOLE = 100.0


class BarDisplay:
    """Draws a bar for each task, or one for all when there are many, and notes on errors."""

    def __init__(
        self, console: Console, clock: Clock, get_counts: Callable[[], "BatchCounts"] | None = None
    ) -> None:
        """With `get_counts`, draw one bar for a batch, at first of its submission."""
        self._console = console
        self._get_counts = get_counts
        self._times = WaitTimes(clock.monotonic)
        self._snapshot: Snapshot = ()
        self._share = 0.0  # of the summary, in per cent
        self._stopped = False
        console.hold_calls()
        if get_counts:
            console.start_live(self)

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot until the next one."""
        is_first = not self._snapshot and not self._get_counts
        self._times.update(snapshot)
        self._snapshot = snapshot
        self._share = max(self._share, measure_share(snapshot))  # a total that gets known is no way back
        self._console.print_held_calls()
        if is_first:
            self._console.start_live(self)

    def tick(self) -> None:
        """Do nothing: rich redraws the bars in its own thread."""

    def stop(self) -> None:
        """Stop redrawing, and leave the bars on the terminal."""
        self._stopped = True
        self._console.release_calls()
        self._console.stop_live()

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Draw the snapshot at the present width of the terminal.

        A few cells are left free at the end of each line: the terminal shows ^C there, and a line that wraps
        because of it would be left behind by the next drawing.
        """
        width = max(console.width - _ECHO, 1)
        yield Constrain(Group(*self._draw(options.update_width(width))), width)

    def _draw(self, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._get_counts and not self._snapshot:
            yield from self._draw_submission(self._get_counts(), options)
            return
        snapshot = self._snapshot
        is_summary = self._get_counts is not None or len(snapshot) > MAX_SINGLE_TASKS
        rows = (
            [self._make_summary_row(snapshot)] if is_summary else [self._make_row(each) for each in snapshot]
        )
        yield _make_table(rows, options)
        if is_summary:
            yield Text(self._format_states(snapshot), "dim")
        for note in self._format_notes(snapshot)[:_MOST_NOTES]:
            text = Text(self._console.format_for_stderr(note), "yellow")
            text.truncate(_LONGEST_NOTE * options.max_width - options.max_width // 2)
            yield text

    def _draw_submission(self, counts: "BatchCounts", options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw how far the submission of a batch is."""
        done = counts.submitted + counts.failed
        share, seconds = done / max(counts.total, 1) * _WHOLE, self._times.elapsed_seconds()
        row: _Row = {
            "name": Text(_count(counts.total, "export"), "bold"),
            "status": Text(),
            "bar": self._make_bar(share, _UNFINISHED),
            "percent": Text(f"{int(share)} %"),
            "samples": Text(),
            "elapsed": Text(self._times.elapsed(), "dim"),
            "left": Text(format_eta(seconds / done * (counts.total - done) if done else None), "cyan"),
        }
        yield _make_table([row], options)
        yield Text(format_counts(counts), "dim")

    def _make_row(self, each: TrackedTask) -> _Row:
        estimator, style = each.estimator, _BAR_STYLES.get(each.task.state, _UNFINISHED)
        status = Text(self._console.format_for_stderr(format_state(each.task)), get_style(each.task))
        seconds = estimator.eta_seconds(self._times.now()) if each.is_unfinished else None
        return {
            "name": Text(self._console.format_for_stderr(each.task.task_id), "bold"),
            "status": Text(GIVEN_UP, "red") if each.abandoned else status,
            "bar": self._make_bar(estimator.percent, style, pulses=each.is_unfinished),
            "percent": Text(format_percent(estimator)),
            "samples": Text(_format_fraction(estimator.finished, estimator.total)),
            "elapsed": Text(self._times.elapsed(each), "dim"),
            "left": Text(format_eta(seconds).ljust(_LEAST["left"] if estimator.total else 0), "cyan"),
        }

    def _make_summary_row(self, snapshot: Snapshot) -> _Row:
        states = {each.task.state for each in snapshot}
        style = _UNFINISHED
        if not any(each.is_unfinished for each in snapshot):
            style = _BAR_STYLES[TaskState.SUCCESSED if states == {TaskState.SUCCESSED} else TaskState.FAILED]
        return {
            "name": Text(_count(len(snapshot), "export task"), "bold"),
            "status": Text(),
            "bar": self._make_bar(self._share, style),
            "percent": Text(f"{int(self._share)} %"),
            "samples": Text(_format_fraction(*sum_samples(snapshot))),
            "elapsed": Text(self._times.elapsed(), "dim"),
            "left": Text(format_eta(seconds_left(snapshot, self._times.now())), "cyan"),
        }

    def _format_states(self, snapshot: Snapshot) -> str:
        """Return how many tasks are in each state, and of a batch how many exports have no task."""
        failed = self._get_counts().failed if self._get_counts else 0
        return ", ".join(filter(None, [count_states(snapshot), f"{failed:,} not created" if failed else ""]))

    def _make_bar(self, share: float | None, style: str, *, pulses: bool = False) -> ProgressBar:
        """Return a bar, which pulses while the share is unknown."""
        return ProgressBar(
            total=None if share is None and pulses and not self._stopped else _WHOLE,
            completed=share or 0.0,
            complete_style=style,
            finished_style=style,
            animation_time=self._times.now(),
        )

    def _format_notes(self, snapshot: Snapshot) -> list[str]:
        """Return why tasks are not seen, and, before the error at the end says it, why they were given up."""
        goes_on = any(each.is_unfinished for each in snapshot)
        lost = ((f"{GIVEN_UP}: {each.last_error}", each) for each in snapshot if each.abandoned and goes_on)
        unseen = (
            (f"not seen for {self._times.outage(each)}: {explain_outage(each)}", each)
            for each in snapshot
            if each.last_error and not each.abandoned
        )
        return group_by_message([*lost, *unseen])


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _format_fraction(done: int | None, total: int | None) -> str:
    """Return samples done of all, padded to its final width, so that the columns do not move."""
    if total is None:
        return "" if done is None else f"{done:,}"
    finished = "?" if done is None else f"{min(done, total):,}"
    return f"{finished}/{total:,}".rjust(2 * len(f"{total:,}") + 1)


def _make_table(rows: Sequence[_Row], options: ConsoleOptions) -> Table:
    widths = _fit_columns(rows, options.max_width)
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


def _fit_columns(rows: Sequence[_Row], width: int) -> dict[str, int]:
    """Return the columns that fit, in order, with the width of each in cells."""
    widths = {column: _measure_column(column, [row[column] for row in rows]) for column in _COLUMNS}
    widths = {column: cells for column, cells in widths.items() if cells}
    empty = [column for column in _RESERVED if not any(str(row[column]).strip() for row in rows)]
    for column in (*empty, *_DROPPED):
        if _total_width(widths) > width:
            widths.pop(column, None)
    spare = width - _total_width(widths)
    if "bar" in widths:
        widths["bar"] = min(widths["bar"] + spare, _LONGEST_BAR)
    else:
        widths["name"] = max(widths["name"] + min(spare, 0), _SHORTEST_NAME)
    return widths


def _measure_column(column: str, cells: Sequence[Text | ProgressBar]) -> int:
    if column == "bar":
        return _SHORTEST_BAR
    longest = max(cell_len(str(cell)) for cell in cells)
    width = max(longest, _LEAST.get(column, 0)) if longest or column in _RESERVED else 0
    return min(width, _MOST.get(column, width))


def _total_width(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(widths) - 1
