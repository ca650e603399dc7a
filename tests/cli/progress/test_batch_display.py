"""The progress of a batch: one bar on a terminal, and lines elsewhere."""

import io
from pathlib import Path

import pytest

from modelarts_export.batch.runner import BatchCounts
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.progress.display import open_display
from modelarts_export.clock import Clock
from modelarts_export.sanitize import Redactor
from tests.cli.progress.snapshots import SCENARIOS
from tests.conftest import Cloud, Run

COUNTS = BatchCounts(total=100, submitted=40, failed=1, queued=9)
SUBMISSION = "40 of 100 submitted, 1 failed, 9 waiting for a busy dataset"


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def make_console(stderr: io.StringIO) -> Console:
    return Console(io.StringIO(), stderr, environ={"TERM": "xterm", "NO_COLOR": "1"}, redactor=Redactor())


def test_one_bar_shows_the_submission_and_then_all_tasks() -> None:
    terminal = Terminal()
    with open_display(
        make_console(terminal), quiet=False, heartbeat=60.0, get_counts=lambda: COUNTS
    ) as display:
        before = terminal.getvalue()
        display.show(next(SCENARIOS["one"]()))
    assert "100 exports" in before
    assert " 41 %" in before
    assert SUBMISSION in before
    after = terminal.getvalue()[len(before) :]
    assert "1 export task " in after
    assert "1 not created" in after


def test_heartbeat_of_a_submission() -> None:
    """Off a terminal, when nothing was printed for that long."""
    now, stderr = [0.0], io.StringIO()
    clock = Clock(monotonic=lambda: now[0])
    console = make_console(stderr)
    with open_display(
        console, quiet=False, heartbeat=60.0, clock=clock, get_counts=lambda: COUNTS
    ) as display:
        for now[0] in (0.0, 59.0, 60.0, 61.0):
            display.tick()
    assert stderr.getvalue() == f"{SUBMISSION}\n"


def test_lines_of_a_wait_name_the_spec(
    run: Run, quick: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("name: cats\npath: /b/1/\n---\npath: /b/2/\n")
    outcome = run("apply a.yaml --wait --poll-interval 0.1s -o id", **quick.variables)
    first, second = outcome.out.split()
    lines = outcome.err.splitlines()
    assert f"a.yaml:1 (cats): export task {first}: succeeded (20 of 20 samples)" in lines
    assert f"a.yaml:4: export task {second}: succeeded (20 of 20 samples)" in lines
