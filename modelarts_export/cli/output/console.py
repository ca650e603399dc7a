"""The two streams of the process: what is written passes here, is freed of secrets and made harmless."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from modelarts_export.errors import ClosedOutputError, OutputError
from modelarts_export.sanitize import Redactor, escape_controls, to_json

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console as RichConsole
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

# A row of a table: what it is, the value, and a style of rich for the value.
Row = tuple[str, str, str]
# What stands in a table: text, or text and a style of rich, or nothing.
Cell = str | tuple[str, str] | None
_STYLES = {"error": "bold red", "warning": "bold yellow", "hint": "bold cyan"}
_UNBOUNDED = 1_000_000  # columns: off a terminal nothing is cut or wrapped, whatever COLUMNS says
_DRAWN = 2  # times a second: a second is seen to pass, and drawing costs next to nothing


class Console:
    """Writes results to one stream and talk to the other; rich is loaded when something has a style."""

    def __init__(
        self, stdout: TextIO, stderr: TextIO, *, environ: Mapping[str, str], redactor: Redactor
    ) -> None:
        """Write to these streams; `environ` has NO_COLOR and its like."""
        self._stdout = stdout
        self._stderr = stderr
        self._environ = environ
        self._redactor = redactor
        self._live: Live | None = None
        self._said: set[str] = set()
        self._out_lock, self._err_lock = threading.RLock(), threading.RLock()
        self._has_result = False

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal that can draw over what it shows; no variable makes it one."""
        return self._stderr.isatty() and self._environ.get("TERM") != "dumb"

    def redact(self, data: Any) -> Any:  # noqa: ANN401 - JSON of any shape goes through
        """Return a copy of JSON-like data that can be written."""
        return self._redactor.redact_data(data)

    def contains_secret(self, text: str) -> bool:
        """Tell whether the text holds a secret."""
        return self._redactor.contains_secret(text)

    def add_secret(self, secret: str) -> None:
        """Know one more secret, which is written nowhere from now on."""
        self._redactor.add_secret(secret)

    def keep(self, *identifiers: str) -> None:
        """Write these IDs as they are, also where a secret is a part of one."""
        self._redactor.keep(*identifiers)

    def load_tables(self) -> None:
        """Load all that a table is written with."""
        self._rendered(self._stdout, "", soft_wrap=False)
        self._box()

    def can_encode(self, text: str) -> bool:
        """Tell whether the encoding of stdout has every character of the text."""
        try:
            text.encode(self._stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def write(self, text: str) -> None:
        """Write to stdout what was encoded with care: JSON, YAML or IDs.

        Raises ClosedOutputError when nobody reads it any more, OutputError when it is full or closed.
        """
        with self._out_lock:
            self._has_result = True
            try:
                self._stdout.write(text)
                self._stdout.flush()
            except BrokenPipeError:
                _forget_the_rest(self._stdout)
                raise ClosedOutputError("nobody reads the output") from None
            except OSError as error:
                _forget_the_rest(self._stdout)
                why = error.strerror or "stdout is closed"
                raise OutputError(f"the result cannot be written: {why}") from None

    def take_stdout(self) -> bool:
        """Write to stdout from this thread alone from now on; return whether nothing was written before."""
        self._out_lock.acquire()
        return not self._has_result

    def take_stderr(self) -> None:
        """Write to stderr from this thread alone from now on, below what was drawn there."""
        self.stop_live()  # first: what is being drawn wants the lock as well
        self._err_lock.acquire()

    def write_line(self, line: str) -> None:
        """Write a line of text to stdout."""
        self.write(self._clean(line) + "\n")

    def write_request(self, url: str, body: Mapping[str, Any]) -> None:
        """Write the URL of a POST and the bytes of its body to stdout."""
        self.write_line(f"POST {url}")
        self.write(f"\n{to_json(self.redact(body))}\n")

    def write_rows(self, rows: Sequence[Row]) -> None:
        """Write a table of names and values to stdout: in a box on a terminal, aligned text elsewhere."""
        from modelarts_export.cli.output.tables import lay_out_facts  # noqa: PLC0415 - see _make_rich_console

        facts = {name: self._cell((value, style)) for name, value, style in rows}
        self.write(self._rendered(self._stdout, lay_out_facts(facts, self._box()), soft_wrap=False))

    def write_table(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Write a row for each mapping, with its keys as heading; a key without any value is left out."""
        from modelarts_export.cli.output.tables import lay_out_rows  # noqa: PLC0415 - see _make_rich_console

        names = [name for name in rows[0] if any(_text_and_style(row[name])[0] for row in rows)]
        cells = [{name.removesuffix("_id").upper(): self._cell(row[name]) for name in names} for row in rows]
        table = lay_out_rows(cells, self._box(), self._make_rich_console(self._stdout, StringIO()).width)
        self.write(_unpadded(self._rendered(self._stdout, table, soft_wrap=False)))

    def print(self, line: str, kind: str = "") -> None:
        """Write a line to stderr; `kind` is error, warning, hint or nothing.

        Never raises: a task may just have been accepted, and a closed stderr must not hide its result.
        """
        text = self._clean(line)
        if kind and not self._has_colour(self._stderr):
            text = f"{kind}: {text}"  # without rich: the last words import nothing
        elif kind or self._has_colour(self._stderr):
            text = self._rendered(self._stderr, _labelled(kind, text), soft_wrap=True).rstrip("\n")
        self.print_raw(text)

    def print_once(self, line: str, kind: str, *, about: str) -> None:
        """Write a line to stderr unless there was one about this before. Never raises."""
        if about not in self._said:
            self._said.add(about)
            self.print(line, kind)

    def print_excerpt(self, line: str, caret: int, gutter: str) -> None:
        """Write a line of a file, and below it a caret under one of its characters. Never raises."""
        from rich.cells import cell_len  # noqa: PLC0415 - see _make_rich_console

        self.print(gutter + line)
        self.print(" " * (len(gutter) + cell_len(self._clean(line[:caret]))) + "^")

    def print_raw(self, line: str) -> None:
        """Write a line to stderr that was encoded with care, such as JSON. Never raises."""
        if live := self._live:
            from rich.segment import Segment, Segments  # noqa: PLC0415 - see _make_rich_console

            live.console.print(Segments([Segment(line + "\n")]), crop=False)
        else:
            self._tell(line + "\n")

    def shown(self, text: str) -> str:
        """Return text as a picture may have it: harmless, and in characters that stderr can encode."""
        encoding = self._stderr.encoding or "utf-8"
        return self._clean(text).encode(encoding, "backslashreplace").decode(encoding)

    def start_live(self, picture: "RenderableType") -> None:
        """Keep a picture below all that is said on stderr, drawn anew as time goes by, until `rest`.

        Never raises for a stderr that is closed or full.
        """
        from rich.live import Live  # noqa: PLC0415 - see _make_rich_console

        voice = LiveStream(self._stderr.encoding or "utf-8", self._tell)
        console = self._make_rich_console(self._stderr, cast("IO[str]", voice), live=True)
        self._live = Live(
            picture, console=console, refresh_per_second=_DRAWN, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start(refresh=True)

    def stop_live(self) -> None:
        """Leave the picture, if there is one, as it is, and give the cursor back."""
        if live := self._live:
            live.stop()
            self._live = None

    def _tell(self, text: str) -> None:
        with self._err_lock:
            try:
                self._stderr.write(text)
                self._stderr.flush()
            except OSError:
                _forget_the_rest(self._stderr)

    def _cell(self, cell: Cell) -> "Text":
        from rich.text import Text  # noqa: PLC0415 - see _make_rich_console

        text, style = _text_and_style(cell)
        return Text.assemble((self._clean(text), style))  # not the blanks beside it

    def _clean(self, text: str) -> str:
        """Secrets first: made visible, a secret with a control character would not be found again."""
        return escape_controls(self._redactor.redact(text))

    def _rendered(self, stream: TextIO, thing: "RenderableType", *, soft_wrap: bool) -> str:
        page = StringIO()  # never the stream itself: rich would write to it, and find it closed or full
        self._make_rich_console(stream, page).print(thing, soft_wrap=soft_wrap)
        return page.getvalue()

    def _make_rich_console(self, stream: TextIO, page: IO[str], *, live: bool = False) -> "RichConsole":
        from rich.console import Console as RichConsole  # noqa: PLC0415 - a quiet or a dry run needs no rich

        colour = self._has_colour(stream)
        return RichConsole(
            file=page,
            force_terminal=colour or live,
            force_interactive=live or None,
            color_system="auto" if colour else None,
            width=None if stream.isatty() else _UNBOUNDED,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def _box(self) -> "Box | None":
        """Return the lines of a box on a terminal, of the kind that its encoding has; none elsewhere."""
        from rich import box  # noqa: PLC0415 - see _make_rich_console

        if not self._stdout.isatty():
            return None
        return box.ROUNDED if self.can_encode("\u256d\u2502") else box.ASCII

    def _has_colour(self, stream: TextIO) -> bool:
        if self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return stream.isatty() and self._environ.get("TERM") != "dumb"


class LiveStream:
    """The stream that rich draws on: the stderr of a console, which is never closed or full."""

    def __init__(self, encoding: str, tell: Callable[[str], None]) -> None:
        self.encoding = encoding  # by which rich chooses the characters of bars
        self.write = tell

    def flush(self) -> None:
        """Do nothing: all was written."""


def _text_and_style(cell: Cell) -> tuple[str, str]:
    return cell if isinstance(cell, tuple) else (cell or "", "")


def _labelled(kind: str, text: str) -> "RenderableType":
    from rich.text import Text  # noqa: PLC0415 - see Console._make_rich_console

    return Text.assemble((f"{kind}:", _STYLES[kind]), " ", text) if kind else Text(text)


def _unpadded(text: str) -> str:
    """Drop the blanks that fill the last column."""
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def _forget_the_rest(stream: TextIO) -> None:
    """Point the stream nowhere, or Python complains about what is left in it when it exits."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
