"""Stdout and stderr: every text is redacted and escaped here, and the live display is kept below messages."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from modelarts_export.cli.output.tables import (
    Line,
    Paragraphs,
    Styled,
    lay_out_facts,
    lay_out_paragraphs,
    lay_out_rows,
    measure_cells,
    shorten_middle,
)
from modelarts_export.errors import ClosedOutputError, OutputError
from modelarts_export.sanitize import Redactor, escape_controls, to_json

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType
    from rich.live import Live

# A fact: its name, its value, and a style of rich for the value.
Fact = tuple[str, str, str]
# A cell of a table: text, or text and a style of rich, or nothing.
Cell = str | Styled | None
# A mark, a name, and paragraphs, each of cells in one line.
Row = tuple[Cell, str, Sequence[Sequence[Cell]]]
_STYLES = {"error": "bold red", "warning": "bold yellow", "hint": "bold cyan"}
_UNBOUNDED = 1_000_000  # columns off a terminal, where nothing is cut or wrapped; COLUMNS does not apply
_REFRESH_RATE = 2  # per second


class Console:
    """Writes results to stdout and messages to stderr; rich is imported when a text has a style."""

    def __init__(
        self, stdout: TextIO, stderr: TextIO, *, environ: Mapping[str, str], redactor: Redactor
    ) -> None:
        """Write to these streams; `environ` has NO_COLOR, FORCE_COLOR and TERM."""
        self._stdout = stdout
        self._stderr = stderr
        self._environ = environ
        self._redactor = redactor
        self._live: Live | None = None
        self._printed_once: set[str] = set()
        self._held_calls: list[str] | None = None
        self._out_lock, self._err_lock = threading.RLock(), threading.RLock()
        self._has_result = False

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal with cursor control; FORCE_COLOR does not change it."""
        return self._stderr.isatty() and self._environ.get("TERM") != "dumb"

    def redact(self, data: Any) -> Any:  # noqa: ANN401 - JSON of any shape goes through
        """Return a redacted copy of JSON-like data."""
        return self._redactor.redact_data(data)

    def contains_secret(self, text: str) -> bool:
        """Return whether the text contains a known secret."""
        return self._redactor.contains_secret(text)

    def add_secret(self, secret: str) -> None:
        """Redact this secret too from now on."""
        self._redactor.add_secret(secret)

    def keep(self, *identifiers: str) -> None:
        """Never redact these IDs, even if one contains a secret."""
        self._redactor.keep(*identifiers)

    def load_tables(self, *, with_rows: bool) -> None:
        """Import all modules that the facts of one task need, or a table with rows."""
        if with_rows or self._has_color(self._stdout):
            self._render(self._stdout, [(("", ""),)])

    def can_encode(self, text: str) -> bool:
        """Return whether stdout can encode every character of the text."""
        try:
            text.encode(self._stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def write(self, text: str) -> None:
        """Write text to stdout that is redacted and escaped already: JSON, YAML or IDs.

        Raises ClosedOutputError when the reader has closed stdout, OutputError when it is full or closed.
        """
        with self._out_lock:
            self._has_result = True
            try:
                self._stdout.write(text)
                self._stdout.flush()
            except BrokenPipeError:
                _discard_buffer(self._stdout)
                raise ClosedOutputError("the reader has closed stdout") from None
            except OSError as error:
                _discard_buffer(self._stdout)
                reason = error.strerror or "stdout is closed"
                raise OutputError(f"the result cannot be written: {reason}") from None

    def take_stdout(self) -> bool:
        """Reserve stdout for this thread; return whether no result was written before."""
        self._out_lock.acquire()
        return not self._has_result

    def take_stderr(self) -> None:
        """Stop the live display and reserve stderr for this thread."""
        self.stop_live()  # first: the thread that draws needs the lock too
        self._err_lock.acquire()

    def write_json(self, value: object) -> None:
        """Write redacted JSON to stdout, in UTF-8 where stdout has that, otherwise in ASCII."""
        self.write(to_json(self.redact(value), indent=2, ascii_only=not _has_utf8(self._stdout)) + "\n")

    def write_line(self, line: str) -> None:
        """Write a line of text to stdout."""
        self.write(self.clean(line) + "\n")

    def write_request(self, url: str, body: Mapping[str, Any]) -> None:
        """Write the URL of a POST and its body to stdout: the bytes that are sent, indented on a terminal."""
        self.write_line(f"POST {url}")
        self.write("\n")
        if self._stdout.isatty():
            self.write_json(body)
        else:
            self.write(to_json(self.redact(body)) + "\n")

    def write_facts(self, facts: Sequence[Fact]) -> None:
        """Write names and values to stdout, one pair per line."""
        names = self._make_cells([name for name, _, _ in facts])
        values = self._make_cells([(value, style) for _, value, style in facts])
        lines = lay_out_facts([(name, value) for (name, _), value in zip(names, values, strict=True)])
        self.write(self._render(self._stdout, lines))

    def write_table(
        self, rows: Sequence[Mapping[str, Cell]], *, whole: bool = False, uncut: str = ""
    ) -> None:
        """Write a row for each mapping under its keys; a column without any value is omitted.

        On a terminal rows are as wide as it is, unless they must be `whole`; the column with the title
        `uncut` is not shortened. Without rows nothing is written.
        """
        if not rows:
            return
        names = [name for name in rows[0] if any(_text_and_style(row[name])[0] for row in rows)]
        titles = [name.removesuffix("_id").upper() for name in names]
        columns = [self._make_cells([row[name] for row in rows]) for name in names]
        cells = [dict(zip(titles, row, strict=True)) for row in zip(*columns, strict=True)]
        ellipsis = "\u2026" if self.can_encode("\u2026") else "..."
        lines = lay_out_rows(cells, self._measure_stdout(), ellipsis, whole=whole, uncut=uncut)
        self.write(self._render(self._stdout, lines))

    def write_paragraphs(self, rows: Sequence[Row]) -> None:
        """Write a mark, a name and paragraphs for each row to stdout, as wide as the terminal is."""
        cells: list[Paragraphs] = []
        for mark, name, paragraphs in rows:
            shown_mark, shown_name = self._make_cells([mark, (name, "bold")])
            cells.append((shown_mark, shown_name, [self._make_cells(each) for each in paragraphs]))
        self.write(self._render(self._stdout, lay_out_paragraphs(cells, self._measure_stdout())))

    def _measure_stdout(self) -> int:
        """Return how many columns a line may have."""
        if not self._stdout.isatty():
            return _UNBOUNDED
        return self._make_rich_console(self._stdout, StringIO()).width

    def print(self, line: str, kind: str = "", *, prefix: str = "", style: str = "bold") -> None:
        """Write a line to stderr; `kind` is error, warning, hint or nothing.

        With color, the `prefix` of the line has this style of rich. Never raises: a task can have been
        accepted, and a closed stderr must not hide its result.
        """
        text = self.clean(line)
        if kind and not self._has_color(self._stderr):
            text = f"{kind}: {text}"  # without rich: nothing is imported after a signal
        elif kind or self._has_color(self._stderr):
            styled = (self.clean(prefix), style)
            text = self._render(self._stderr, [_add_label(kind, text, *styled)]).rstrip("\n")
        self.print_raw(text)

    def print_once(self, line: str, kind: str, *, about: str) -> None:
        """Write a line to stderr unless one with the same `about` was written. Never raises."""
        if about not in self._printed_once:
            self._printed_once.add(about)
            self.print(line, kind)

    def print_call(self, line: str) -> None:
        """Write a line about an HTTP call to stderr, or keep it for `print_held_calls`. Never raises."""
        if self._held_calls is None:
            self.print(line)
        else:
            self._held_calls.append(line)

    def hold_calls(self) -> None:
        """Keep the lines about HTTP calls until `release_calls`, so that bars are not lost among them."""
        self._held_calls = []

    def print_held_calls(self) -> None:
        """Write one line, not longer than the terminal is wide, for the calls that are kept."""
        if calls := self._held_calls:
            line = calls[-1] if len(calls) == 1 else f"{len(calls):,} calls, the last one: {calls[-1]}"
            width = self._make_rich_console(self._stderr, StringIO()).width
            self.print(shorten_middle(self.format_for_stderr(line), width, "..."))
            calls.clear()

    def release_calls(self) -> None:
        """Write what is kept, and keep nothing any more."""
        self.print_held_calls()
        self._held_calls = None

    def print_excerpt(self, line: str, caret: int, gutter: str) -> None:
        """Write a line of a file, and below it a caret under one of its characters. Never raises."""
        self.print(gutter + line)
        marker = " " * (len(gutter) + measure_cells(self.clean(line[:caret]))) + "^"
        self.print(marker, prefix=marker, style="bold red")

    def print_raw(self, line: str) -> None:
        """Write a line to stderr that is redacted and escaped already, such as JSON. Never raises."""
        if live := self._live:
            from rich.segment import Segment, Segments  # noqa: PLC0415 - see _make_rich_console

            live.console.print(Segments([Segment(line + "\n")]), crop=False)
        else:
            self._write_to_stderr(line + "\n")

    def print_json(self, value: object) -> None:
        """Write redacted JSON as a line to stderr. Never raises."""
        self.print_raw(to_json(self.redact(value), ascii_only=not _has_utf8(self._stderr)))

    def format_for_stderr(self, text: str) -> str:
        """Return text for a live display: redacted, escaped, and in characters that stderr can encode."""
        return _escape_unencodable(self.clean(text), self._stderr)

    def start_live(self, display: "RenderableType") -> None:
        """Keep a live display below the messages on stderr until `stop_live`; rich redraws it twice a second.

        Never raises for a stderr that is closed or full.
        """
        from rich.live import Live  # noqa: PLC0415 - see _make_rich_console

        stream = LiveStream(self._stderr.encoding or "utf-8", self._write_to_stderr)
        console = self._make_rich_console(self._stderr, cast("IO[str]", stream), live=True)
        self._live = Live(
            display,
            console=console,
            refresh_per_second=_REFRESH_RATE,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def stop_live(self) -> None:
        """Stop the live display, leave it on the terminal, and show the cursor again."""
        if live := self._live:
            live.stop()
            self._live = None

    def _write_to_stderr(self, text: str) -> None:
        with self._err_lock:
            try:
                self._stderr.write(text)
                self._stderr.flush()
            except OSError:
                _discard_buffer(self._stderr)

    def _make_cells(self, cells: Sequence[Cell]) -> list[Styled]:
        """Return the cells redacted, escaped, and in characters that stdout can encode."""
        texts, styles = zip(*map(_text_and_style, cells), strict=True)
        shown = (_escape_unencodable(escape_controls(text), self._stdout) for text in self.redact(texts))
        return list(zip(shown, styles, strict=True))

    def clean(self, text: str) -> str:
        """Return text redacted, and then escaped: a secret with a control character is found, too."""
        return escape_controls(self._redactor.redact(text))

    def _render(self, stream: TextIO, lines: Sequence[Line]) -> str:
        """Return lines with their colors; a terminal wraps them, so that they are copied whole."""
        if not self._has_color(stream):
            return "".join("".join(text for text, _ in line) + "\n" for line in lines)
        from rich.text import Text  # noqa: PLC0415 - see _make_rich_console

        page = StringIO()  # not the stream itself, which can be closed or full
        console = self._make_rich_console(stream, page)
        for line in lines:
            console.print(Text.assemble(*line), soft_wrap=True)
        return page.getvalue()

    def _make_rich_console(self, stream: TextIO, page: IO[str], *, live: bool = False) -> "RichConsole":
        from rich.console import Console as RichConsole  # noqa: PLC0415 - a quiet or a dry run needs no rich

        color = self._has_color(stream)
        return RichConsole(
            file=page,
            force_terminal=color or live,
            force_interactive=live or None,
            color_system="auto" if color else None,
            width=None if stream.isatty() else _UNBOUNDED,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def _has_color(self, stream: TextIO) -> bool:
        if self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return stream.isatty() and self._environ.get("TERM") != "dumb"


class LiveStream:
    """The stream for rich's live display, whose writes never raise."""

    def __init__(self, encoding: str, write: Callable[[str], None]) -> None:
        self.encoding = encoding  # rich chooses the characters of bars by it
        self.write = write

    def flush(self) -> None:
        """Do nothing: every write is flushed."""


def _text_and_style(cell: Cell) -> Styled:
    return cell if isinstance(cell, tuple) else (cell or "", "")


def _add_label(kind: str, text: str, prefix: str, style: str) -> Line:
    """Return the text after its label; the prefix has the style if the text begins with it."""
    label = ((f"{kind}:", _STYLES[kind]), (" ", "")) if kind else ()
    styled = prefix if text.startswith(prefix) else ""
    return (*label, (styled, style), (text.removeprefix(styled), ""))


def _has_utf8(stream: TextIO) -> bool:
    """Return whether a stream is written in UTF-8, the only encoding of JSON that every program reads."""
    return (stream.encoding or "utf-8").lower().replace("-", "").replace("_", "") == "utf8"


def _escape_unencodable(text: str, stream: TextIO) -> str:
    """Escape what a stream cannot encode before it does, so that the width of the text is known."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _discard_buffer(stream: TextIO) -> None:
    """Redirect the stream to the null device, so that Python does not report its buffer at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        return
