"""Draw the pictures of the README on a pseudo-terminal of 80 columns, against the sandbox.

    python .github/picture.py [FOLDER [submission | wait | problems | list]]

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
COLUMNS = 80
PROMPT = "\x1b[1;32m$\x1b[0m "
SUBMISSION = "modelarts-export to-obs -f sample-configs/to-obs.yaml"
# The wait that is drawn, and the three exports before it.
WAIT = "modelarts-export list -o id | modelarts-export wait -"
THREE = "for n in 1 2 3; do modelarts-export to-obs --path /bucket/$n/ -q -o id >/dev/null; sleep 1.4; done"
PROBLEMS = "modelarts-export validate nightly.yaml"
SPEC = """\
dataset_id: dataset-1
path: /bucket/nightly/
export_type: serch
export_params:
  train_sample_ratio: "1.5"
"""
LIST = "modelarts-export list --limit 4"
TASKS = (
    "for n in 1 2 3; do modelarts-export to-obs --path /bucket/out/$n/ -q; sleep 2; done; "
    "modelarts-export to-obs --path /bucket/cats/ --export-type labeled -q"
)
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
    """Return the terminal while three tasks are polled, and at their end."""
    frames = list(iter_frames(run_on_terminal(f"{THREE}; {WAIT}", "--task-duration", "9s")))
    under_way = next(frame for frame in frames if "succeeded" in frame and " left" in frame)
    return f"{PROMPT}{WAIT}\n{under_way.rstrip()}\n...\n{frames[-1]}"


def problems() -> str:
    """Return the terminal after the validation of a spec with two mistakes."""
    script = f"cd $(mktemp -d); cat > nightly.yaml <<'END'\n{SPEC}END\n{PROBLEMS} || true"
    return f"{PROMPT}{PROBLEMS}\n{run_on_terminal(script)}"


def list_tasks() -> str:
    """Return the terminal after a list of tasks."""
    return f"{PROMPT}{LIST}\n{run_on_terminal(f'{TASKS}; {LIST}')}"


PICTURES = {"submission": submission, "wait": wait, "problems": problems, "list": list_tasks}


if __name__ == "__main__":
    folder, *wanted = sys.argv[1:] or [HERE]
    for name, draw in PICTURES.items():
        if not wanted or name in wanted:
            (Path(folder) / f"{name}.svg").write_text(draw_svg(draw(), name), encoding="utf-8")
