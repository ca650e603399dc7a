"""A pseudo-terminal for a program, and the lines of text that it shows in the end."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.cells import cell_len

from modelarts_export.cli.output.console import Console
from modelarts_export.sanitize import Redactor
from tests.cli.progress.snapshots import SECRET, print_message, show_scenario

ROOT = Path(__file__).parent.parent.parent
_PIECE = re.compile(r"\x1b\[(\??\d*)([A-Za-z])|\x1b\[[\d;]*m|([\r\n])|([^\x1b\r\n]+)|(.)", re.DOTALL)
_STYLE = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, kw_only=True)
class TerminalOutput:
    """The output of a program on a terminal, its exit code, and its stdout off the terminal."""

    written: str
    columns: int
    out: str
    code: int = 0

    @property
    def lines(self) -> list[str]:
        """The visible lines in the end, without color."""
        return render_lines(_STYLE.sub("", self.written), self.columns)

    @property
    def has_cursor(self) -> bool:
        """Whether the cursor is visible in the end."""
        return self.written.rfind("\x1b[?25l") <= self.written.rfind("\x1b[?25h")


def show_on_terminal(
    scenario: str,
    *,
    columns: int = 88,
    encoding: str = "utf-8",
    pause: float = 0.0,
    on_snapshot: Callable[[Console], None] = print_message,
    **variables: str,
) -> TerminalOutput:
    """Display a sequence of snapshots on a terminal."""
    terminal, program_side = pty.openpty()
    pieces: list[bytes] = []
    reader = threading.Thread(target=lambda: pieces.append(read_terminal(terminal)))
    reader.start()
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**_make_variables(columns), **variables}.items():
            patch.setenv(name, value)
        with os.fdopen(program_side, "w", encoding=encoding, errors="backslashreplace") as err:
            console = Console(out, err, environ=os.environ, redactor=Redactor([SECRET]))
            show_scenario(scenario, console, pause=pause, on_snapshot=on_snapshot)
    reader.join()
    os.close(terminal)
    return TerminalOutput(written=b"".join(pieces).decode(), columns=columns, out=out.getvalue())


def show_in_process_on_terminal(scenario: str, *, is_closed: bool = False) -> TerminalOutput:
    """Display snapshots in a process of its own; `is_closed` closes its terminal before the start."""
    command = [sys.executable, "-m", "tests.cli.progress.snapshots", scenario]
    terminal, program_side = pty.openpty()
    environ = {**os.environ, **_make_variables(84)}
    with subprocess.Popen(
        command, env=environ, stdin=program_side, stdout=subprocess.PIPE, stderr=program_side, cwd=ROOT
    ) as process:
        os.close(program_side)
        written = b"" if is_closed else read_terminal(terminal)
        os.close(terminal)
        out, _ = process.communicate(timeout=20)
    return TerminalOutput(written=written.decode(), columns=84, code=process.returncode, out=out.decode())


def _make_variables(columns: int) -> dict[str, str]:
    return {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "30"}


def read_terminal(terminal: int) -> bytes:
    """Return what is written to the other end of a terminal until that is closed."""
    return b"".join(iter(lambda: _read(terminal), b""))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux raises it when the other end is closed
        return b""


def render_lines(written: str, columns: int) -> list[str]:
    """Return the lines of a terminal with this number of columns, down to that of the cursor.

    Only the control sequences that rich writes are supported.
    """
    lines, row, column = [""], 0, 0
    for match in _PIECE.finditer(written):
        argument, command, feed, text, unknown = match.groups()
        assert not unknown, f"unsupported control sequence {unknown!r}"
        if feed == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif feed == "\r":
            column = 0
        elif command == "A":
            row -= int(argument or 1)
        elif command == "K":
            lines[row] = ""
        elif command:
            assert f"{argument}{command}" in ("?25l", "?25h"), match[0]
        for letter in text or "":
            if column + cell_len(letter) > columns:
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            assert column == cell_len(lines[row]), "text was overwritten"
            lines[row] += letter
            column += cell_len(letter)
    assert not any(lines[row + 1 :]), "there is text below the cursor"
    return [line.rstrip() for line in lines[: row + 1]]
