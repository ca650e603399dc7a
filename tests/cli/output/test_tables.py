"""Tables with several rows: on a terminal as wide as it is, elsewhere whole."""

import io
import os
import pty
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.renderers import TableRenderer
from modelarts_export.cli.output.tables import shorten_middle
from modelarts_export.sanitize import Redactor
from tests.support.terminal import read_terminal

if TYPE_CHECKING:
    from modelarts_export.cli.output.console import Cell

ROWS: "list[dict[str, Cell]]" = [
    {"task_id": "t1", "status": ("running", "blue"), "path": None, "error": ("", "red")},
    {"task_id": "task-2", "status": ("[bold]\x1b[2J", ""), "path": None, "error": None},
    {"task_id": None, "status": "queued", "path": "", "error": None},
]
NOW = 1_795_500_000.0  # in epoch seconds
FAILED = {"error_code": "ModelArts.4401", "error_msg": "no space"}
PARAMS = {"export_dest": "DIR", "train_sample_ratio": 0.8, "sample_state": ""}


def make_task(task_id: str, age: float, path: str, **fields: object) -> ExportTask:
    """Return a task of this age in seconds."""
    raw = {"create_time": (NOW - age) * 1000, "path": path, "export_type": 3, **fields}
    return ExportTask(task_id=task_id, dataset_id="d", project_id="p", raw=raw)


TASKS = [
    make_task(
        "rF9NNoB56k5rtYKg2Y7",
        45.0,
        "/training-bucket/nightly/of-images/2026-11-24/",
        status="RUNNING",
        finished_sample_count=13,
        total_sample_count=20,
    ),
    make_task(
        "8LJIcylelL74sbaiG8r",
        7_500.0,
        "/bucket/数据集导出/目录名很长很长很长/2026-11-23/",
        status="SUCCESSED",
        finished_sample_count=20,
        total_sample_count=20,
    ),
    make_task("o9gGLLvb8NANc0iBKak", 3 * 86_400.0, "/b/d/", status="FAILED", export_params=PARAMS, **FAILED),
]
WHOLE = [
    "TASK                 STATUS     SAMPLES  TYPE    AGE  PATH",
    "rF9NNoB56k5rtYKg2Y7  running    13/20    search  45s  /training-bucket/nightly/of-images/2026-11-24/",
    "8LJIcylelL74sbaiG8r  succeeded  20/20    search  2h   /bucket/数据集导出/目录名很长很长很长/2026-11-23/",
    "o9gGLLvb8NANc0iBKak  failed     -        search  3d   /b/d/",
]
SHORTENED = {
    60: [
        "TASK                 STATUS     SAMPLES  AGE  PATH",
        "rF9NNoB56k5rtYKg2Y7  running    13/20    45s  /tra…26-11-24/",
        "8LJIcylelL74sbaiG8r  succeeded  20/20    2h   /buc…26-11-23/",
        "o9gGLLvb8NANc0iBKak  failed     -        3d   /b/d/",
    ],
    80: [
        "TASK                 STATUS     SAMPLES  AGE  PATH",
        "rF9NNoB56k5rtYKg2Y7  running    13/20    45s  /training-b…/of-images/2026-11-24/",
        "8LJIcylelL74sbaiG8r  succeeded  20/20    2h   /bucket/数…长很长很长/2026-11-23/",
        "o9gGLLvb8NANc0iBKak  failed     -        3d   /b/d/",
    ],
    120: WHOLE,
}


def show_on_terminal(
    monkeypatch: pytest.MonkeyPatch,
    show: Callable[[TableRenderer], None],
    *,
    columns: int,
    wide: bool = False,
    encoding: str = "utf-8",
) -> list[str]:
    """Return the lines that a terminal of so many columns gets."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding=encoding, errors="backslashreplace") as out:
        console = Console(out, io.StringIO(), environ={"NO_COLOR": "1"}, redactor=Redactor())
        show(TableRenderer(console, wide=wide, time=lambda: NOW))
    written = read_terminal(ours).decode(encoding)
    os.close(ours)
    return written.replace("\r\n", "\n").splitlines()


def render_on_terminal(
    monkeypatch: pytest.MonkeyPatch,
    tasks: list[ExportTask],
    *,
    columns: int,
    wide: bool = False,
    encoding: str = "utf-8",
) -> list[str]:
    """Return the lines of tasks on a terminal of so many columns."""

    def show(renderer: TableRenderer) -> None:
        renderer.tasks(tasks, detailed=True)

    return show_on_terminal(monkeypatch, show, columns=columns, wide=wide, encoding=encoding)


def render_in_pipe(tasks: list[ExportTask], *, wide: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(out, io.StringIO(), environ={}, redactor=Redactor())
    TableRenderer(console, wide=wide, time=lambda: NOW).tasks(tasks, detailed=True)
    return out.getvalue().splitlines()


def render_table(**environ: str) -> str:
    """Return the table off a terminal."""
    out = io.StringIO()
    Console(out, io.StringIO(), environ=environ, redactor=Redactor()).write_table(ROWS)
    return out.getvalue()


def test_table_without_rows_is_empty() -> None:
    out = io.StringIO()
    Console(out, io.StringIO(), environ={}, redactor=Redactor()).write_table([])
    assert out.getvalue() == ""


def test_cells_have_styles_with_color() -> None:
    """A heading is its key without _id; a column without text is omitted."""
    assert render_table().splitlines() == [
        "TASK    STATUS",
        "t1      running",
        r"task-2  [bold]\x1b[2J",
        "        queued",
    ]
    assert "\x1b[34mrunning\x1b[0m" in render_table(FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b" not in render_table(FORCE_COLOR="1", NO_COLOR="1")


@pytest.mark.parametrize("columns", [40, 80, 1000])
def test_rows_off_a_terminal_are_whole(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Whatever COLUMNS is."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert render_in_pipe(TASKS) == WHOLE


@pytest.mark.parametrize("columns", SHORTENED)
def test_rows_fit_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A type that all have is dropped, then paths are shortened, and then columns dropped; an ID is whole."""
    lines = render_on_terminal(monkeypatch, TASKS, columns=columns)
    assert lines == SHORTENED[columns]
    assert max(map(cell_len, lines)) <= columns


@pytest.mark.parametrize("wide", [False, True])
def test_very_narrow_terminal_has_blocks(monkeypatch: pytest.MonkeyPatch, *, wide: bool) -> None:
    """Below 60 columns; nothing in them is cut."""
    lines = render_on_terminal(monkeypatch, TASKS, columns=59, wide=wide)
    blocks = "\n".join(lines).split("\n\n")
    assert len(blocks) == len(TASKS)
    assert blocks[0].splitlines()[0].split() == ["Task", "rF9NNoB56k5rtYKg2Y7"]
    assert "/training-bucket/nightly/of-images/2026-11-24/" in blocks[0]
    assert not any(line.endswith(" -") for line in lines)


@pytest.mark.parametrize(
    ("columns", "headings"), [(60, "TASK STATUS SAMPLES AGE PATH"), (80, "TASK STATUS SAMPLES TYPE AGE PATH")]
)
def test_absurd_texts_fit_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, headings: str) -> None:
    """A status, a type and a path of any length, and characters that the terminal cannot encode."""
    absurd = make_task("t1", 1e9, "/猫" * 400, status="猫" * 400, export_type="T" * 400)
    for encoding in ("utf-8", "ascii"):
        heading, row, _ = render_on_terminal(
            monkeypatch, [absurd, TASKS[0]], columns=columns, encoding=encoding
        )
        assert heading.split() == headings.split()
        assert cell_len(row) <= columns


def test_wide_rows_have_every_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut on a terminal either."""
    lines = render_on_terminal(monkeypatch, TASKS, columns=80, wide=True)
    assert lines == render_in_pipe(TASKS, wide=True)
    assert [line[: len(row)] for line, row in zip(lines, WHOLE, strict=True)] == WHOLE
    assert "CREATED" in lines[0]
    assert lines[3].endswith(
        "  d        p        ModelArts.4401: no space  export_dest=DIR train_sample_ratio=0.8"
    )


def test_wide_block_has_every_field() -> None:
    """Also those that the API does not document."""
    facts = dict(line.split("  ", 1) for line in render_in_pipe(TASKS[2:], wide=True))
    assert {name: fact.strip() for name, fact in facts.items()}["Train sample ratio"] == "0.8"
    odd = render_in_pipe([make_task("t1", 0.0, "/b/d/", new_field={"a": [1]})], wide=True)
    assert 'New field    {"a":[1]}' in odd
    assert not any("New field" in line for line in render_in_pipe([make_task("t1", 0.0, "/", new_field=1)]))


TIMES = [
    ({"status": "SUCCESSED", "update_time": (NOW + 6) * 1000}, "2026-11-24 07:00:06 CET (6s)"),
    ({"status": "RUNNING", "update_time": (NOW + 6) * 1000}, "2026-11-24 07:00:06 CET"),
    ({"status": "FAILED", "update_time": (NOW - 6) * 1000}, "2026-11-24 06:59:54 CET"),
    ({"status": "FAILED", "update_time": "soon"}, "soon"),
]


PLAN_PATH = "/training-bucket/nightly/2026-11-24/"
REUSED = "create, or reuse if one is running"


def make_plan_row(name: str, path: str, action: str = REUSED) -> dict[str, object]:
    return {"name": name, "spec": "a.yaml:1", "dataset_id": "images", "path": path, "action": action}


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            120,
            [
                "NAME                                  DATASET  PATH                                  ACTION",
                f"specs/daily/of-cats-and-dogs.yaml:12  images   {PLAN_PATH}  {REUSED}",
                f"{'birds':38}images   {'/b/birds/':38}{REUSED}",
            ],
        ),
        (
            80,
            [
                "NAME                               DATASET  PATH",
                f"specs/dail…-cats-and-dogs.yaml:12  images   {PLAN_PATH}",
                "birds                              images   /b/birds/",
                "",
                f"Action  {REUSED}",
            ],
        ),
        (
            40,
            ["", "Name     birds", "Dataset  images", "Path     /b/birds/", f"Action   {REUSED}"],
        ),
    ],
)
def test_plan_has_whole_paths_and_its_actions(
    monkeypatch: pytest.MonkeyPatch, columns: int, lines: list[str]
) -> None:
    rows = [
        make_plan_row("specs/daily/of-cats-and-dogs.yaml:12", PLAN_PATH),
        make_plan_row("birds", "/b/birds/"),
    ]
    shown = show_on_terminal(monkeypatch, lambda renderer: renderer.plan(rows), columns=columns)
    assert shown[-len(lines) :] == lines


def test_plan_whose_paths_do_not_fit_has_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    path = PLAN_PATH + "of-images/" * 4
    shown = show_on_terminal(
        monkeypatch, lambda renderer: renderer.plan([make_plan_row("cats", path)]), columns=80
    )
    assert shown == ["Name     cats", "Dataset  images", f"Path     {path}", f"Action   {REUSED}"]


def test_plan_has_a_column_for_different_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [make_plan_row("cats", "/b/c/"), make_plan_row("dogs", "/b/d/", "create")]
    shown = show_on_terminal(monkeypatch, lambda renderer: renderer.plan(rows), columns=80)
    assert shown[1:] == [f"cats  images   /b/c/  {REUSED}", "dogs  images   /b/d/  create"]


def test_shortened_text_has_its_beginning_and_its_end() -> None:
    assert shorten_middle("abcdefghij", 10, "…") == "abcdefghij"
    assert shorten_middle("abcdefghijk", 10, "…") == "abc…fghijk"
    assert shorten_middle("abcdefghijk", 10, "...") == "ab...ghijk"
    assert shorten_middle("猫猫猫猫猫猫", 8, "…") == "猫…猫猫"
    assert shorten_middle("abcdefghij", 2, "...") == "..."


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use a time zone with a name."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(("fields", "shown"), TIMES)
def test_times_are_local_with_their_zone_and_duration(fields: dict[str, object], shown: str) -> None:
    """The duration is that of a finished task whose times make sense."""
    lines = render_in_pipe([make_task("t1", 0.0, "/b/d/", **fields)])
    assert "Created      2026-11-24 07:00:00 CET" in lines
    assert f"Updated      {shown}" in lines
