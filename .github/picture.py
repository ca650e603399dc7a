"""Draw the pictures of the README: a submission and a wait on a pseudo-terminal, against the sandbox.

    python .github/picture.py [FOLDER [submission | wait]]

The output of the program is interpreted as a terminal does, and rich draws it as SVG.
"""

import io
import os
import pty
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
COLUMNS = 92
PROMPT = "\x1b[1;32m$\x1b[0m "
SUBMISSION = "modelarts-export to-obs -f sample-configs/to-obs.yaml"
# The wait that is drawn, and the three exports before it.
WAIT = "modelarts-export list sandbox-images -o id | modelarts-export wait sandbox-images -"
THREE = "for n in 1 2 3; do modelarts-export to-obs --path /bucket/$n/ -q -o id >/dev/null; sleep 1.4; done"
_PIECE = re.compile(r"\x1b\[(\d*)([AK])|\x1b\[\?25[lh]|\r|(\n)|((?:\x1b\[[\d;]*m|[^\x1b\r\n])+)")


def run_on_terminal(script: str, *options: str) -> str:
    """Return what a shell command writes to a terminal of COLUMNS columns, in the sandbox."""
    program = [sys.executable, "-m", "modelarts_export", "sandbox", *options, "--", "bash", "-c", script]
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color", COLORTERM="truecolor", TZ="UTC")
        os.execv(program[0], program)  # noqa: S606 - this project's program
    written = b"".join(iter(lambda: _read(terminal), b""))
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"the command failed: {written.decode()}")
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux raises this when the other end is closed
        return b""


def iter_frames(written: str) -> Iterator[str]:
    """Yield the content of the terminal before each redraw, and at the end."""
    lines, row, drawn = [""], 0, False
    for piece in _PIECE.finditer(written):
        count, command, feed, text = piece.groups()
        if command and drawn:
            yield "\n".join(lines)
            drawn = False
        if command == "A":
            row -= int(count or 1)
        elif command == "K":
            lines[row] = ""
        elif feed:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif text:
            lines[row], drawn = lines[row] + text, True
    yield "\n".join(lines)


def draw_svg(text: str, name: str) -> str:
    """Return the content of a terminal as SVG, the same for the same text."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text))
    svg = console.export_svg(title="modelarts-export", unique_id=name)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def submission() -> str:
    """Return the terminal after a submission."""
    return f"{PROMPT}{SUBMISSION}\n{run_on_terminal(SUBMISSION)}"


def wait() -> str:
    """Return the terminal when the first task is finished and the time left of another is known."""
    frames = iter_frames(run_on_terminal(f"{THREE}; {WAIT}", "--task-duration", "9s"))
    return f"{PROMPT}{WAIT}\n" + next(frame for frame in frames if "succeeded" in frame and " left" in frame)


if __name__ == "__main__":
    folder, *wanted = sys.argv[1:] or [HERE]
    for picture in (submission, wait):
        if not wanted or picture.__name__ in wanted:
            svg = draw_svg(picture(), picture.__name__)
            (Path(folder) / f"{picture.__name__}.svg").write_text(svg, encoding="utf-8")
