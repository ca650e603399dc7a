"""Tables with a row for each of several things."""

import io
from typing import TYPE_CHECKING

from modelarts_export.cli.screen import Screen
from modelarts_export.text import Scrubber

if TYPE_CHECKING:
    from modelarts_export.cli.screen import Cell

ROWS: "list[dict[str, Cell]]" = [
    {"task_id": "t1", "status": ("running", "blue"), "path": None, "error": ("", "red")},
    {"task_id": "task-2", "status": ("[bold]\x1b[2J", ""), "path": None, "error": None},
    {"task_id": None, "status": "queued", "path": "", "error": None},
]


def written(**environ: str) -> str:
    """Return the table off a terminal."""
    out = io.StringIO()
    Screen(out, io.StringIO(), environ=environ, scrubber=Scrubber()).write_table(ROWS)
    return out.getvalue()


def test_cells_have_styles_where_there_is_colour() -> None:
    """A heading is the name of its key without _id; a column without any text is left out, styled or not."""
    assert written().splitlines() == [
        "TASK    STATUS",
        "t1      running",
        r"task-2  [bold]\x1b[2J",
        "        queued",
    ]
    assert "\x1b[34mrunning\x1b[0m" in written(FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b" not in written(FORCE_COLOR="1", NO_COLOR="1")
