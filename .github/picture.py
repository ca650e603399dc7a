"""Draw the README's picture: a real submission in a real terminal, against the sandbox.

    python .github/picture.py [FILE]

The program runs on a pseudo-terminal; rich reads what it wrote and draws it as SVG.
"""

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
COLUMNS = 84
COMMAND = ["modelarts-export", "to-obs", "-f", "sample-configs/to-obs.yaml"]
PROMPT = "\x1b[1;32m$\x1b[0m "


def terminal_output(command: list[str]) -> str:
    """Return what a command writes to a terminal of COLUMNS columns."""
    program = [sys.executable, "-m", "modelarts_export", "sandbox", "--", *command]
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color", COLORTERM="truecolor", TZ="UTC")
        os.execv(program[0], program)  # noqa: S606 - our own program
    written = b"".join(iter(lambda: _read(terminal), b""))
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"the command failed: {written.decode()}")
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


def draw(text: str) -> str:
    """Return the terminal as SVG; without names that change from run to run."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text))
    svg = console.export_svg(title="modelarts-export", unique_id="submission")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


if __name__ == "__main__":
    typed = PROMPT + " ".join(COMMAND)
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "submission.svg"
    picture.write_text(draw(f"{typed}\n{terminal_output(COMMAND)}"), encoding="utf-8")
