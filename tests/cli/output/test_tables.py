"""Tables with several rows."""

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console as RichConsole
from rich.text import Text

from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.tables import lay_out_rows
from modelarts_export.sanitize import Redactor

if TYPE_CHECKING:
    from modelarts_export.cli.output.console import Cell

ROWS: "list[dict[str, Cell]]" = [
    {"task_id": "t1", "status": ("running", "blue"), "path": None, "error": ("", "red")},
    {"task_id": "task-2", "status": ("[bold]\x1b[2J", ""), "path": None, "error": None},
    {"task_id": None, "status": "queued", "path": "", "error": None},
]


def render_table(**environ: str) -> str:
    """Return the table off a terminal."""
    out = io.StringIO()
    Console(out, io.StringIO(), environ=environ, redactor=Redactor()).write_table(ROWS)
    return out.getvalue()


def test_cells_have_styles_with_colour() -> None:
    """A heading is its key without _id; a column without text is omitted."""
    assert render_table().splitlines() == [
        "TASK    STATUS",
        "t1      running",
        r"task-2  [bold]\x1b[2J",
        "        queued",
    ]
    assert "\x1b[34mrunning\x1b[0m" in render_table(FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b" not in render_table(FORCE_COLOR="1", NO_COLOR="1")


def render_wide_table(columns: int) -> list[str]:
    """Return the table of a task with a long path on a terminal with this number of columns."""
    rows = [Text("rF9NNoB56k5rtYKg2Y7"), Text("/bucket/a/long/path/to/a/directory/")]
    cells = [dict(zip(("TASK", "PATH"), rows, strict=True))]
    page = io.StringIO()
    RichConsole(file=page, width=columns, color_system=None).print(lay_out_rows(cells, box.ASCII, columns))
    return page.getvalue().splitlines()


def test_wide_table_is_folded() -> None:
    """The widest column is folded; if that is not enough, each row has a box of its own."""
    assert "rF9NNoB56k5rtYKg2Y7 | /bucket/a/long/path/to/a/directory/ |" in "\n".join(render_wide_table(80))
    assert [line.count("rF9NNoB56k5rtYKg2Y7") for line in render_wide_table(60) if "TASK" not in line].count(
        1
    ) == 1
    assert any(line.startswith("| TASK | rF9NNoB56k5rtYKg2Y7") for line in render_wide_table(40))
