"""The lines of a wait off a terminal: one for each change, and a heartbeat."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from modelarts_export.cli.output.console import Console
from modelarts_export.cli.progress.display import ProgressDisplay, open_display, tick_in_background
from modelarts_export.clock import Clock
from modelarts_export.errors import TemporaryError
from modelarts_export.polling.poller import Snapshot
from modelarts_export.sanitize import Redactor
from tests.cli.output.test_hostile_text import HARMFUL, HOSTILE, find_ci_commands, is_shown
from tests.cli.progress.snapshots import OUTAGE, SECRET, STORIES, crowd, every_kind, many, one, seen, task

ROOT = Path(__file__).parents[3]
ID = "rF9NNoB56k5rtYKg2Y7"
REFUSED = "no connection to modelarts.example.com: it was refused"


@dataclass(kw_only=True)
class Stage:
    """A console off a terminal, and a clock that is set by hand."""

    err: io.StringIO = field(default_factory=io.StringIO)
    now: float = 0.0
    quiet: bool = False

    def __post_init__(self) -> None:
        """Make the one console of a process."""
        self.console = Console(io.StringIO(), self.err, environ={}, redactor=Redactor([SECRET]))

    def sleep(self, seconds: float, display: ProgressDisplay) -> None:
        """Move the clock on, with a tick for each second."""
        for _ in range(int(seconds)):
            self.now += 1.0
            display.tick()

    @contextmanager
    def open_display(self, heartbeat: float = 60.0) -> Iterator[ProgressDisplay]:
        """Open a display with this console and clock."""
        clock = Clock(monotonic=lambda: self.now)
        with open_display(self.console, quiet=self.quiet, heartbeat=heartbeat, clock=clock) as display:
            yield display

    def show_all(self, snapshots: Iterable[Snapshot]) -> list[str]:
        """Return the lines for snapshots at one instant."""
        with self.open_display() as display:
            for snapshot in snapshots:
                display.show(snapshot)
        return self.read_lines()

    def read_lines(self) -> list[str]:
        """Return the lines that were printed since the last call."""
        lines = self.err.getvalue().splitlines()
        self.err.seek(0)
        self.err.truncate()
        return lines


def test_each_change_is_one_line() -> None:
    """First snapshot, status, outage and recovery; a progress alone prints nothing."""
    assert Stage().show_all(one()) == [
        f"export task {ID}: queued",
        f"export task {ID}: running, 0 % (0 of 20 samples)",
        f"export task {ID}: not seen: {REFUSED}",
        f"export task {ID}: seen again after 0s",
        f"export task {ID}: succeeded (20 of 20 samples)",
    ]


def test_lines_of_every_kind_of_task() -> None:
    """A task without any status has no line of its own."""
    assert Stage().show_all(every_kind()) == [
        "warning: export task paused-1 has the status 'PAUSED', which is not documented; waiting on",
        f"export task unseen-1: not seen: {REFUSED}",
        f"export task lost-1: given up: {REFUSED}",
        "export task queued-1: queued",
        "export task running-1: running, 35 % (7,100 of 20,000 samples)",
        "export task running-2: running, 100 %",
        "export task succeeded-1: succeeded (20 of 20 samples)",
        "export task failed-1: failed, 35 % (7 of 20 samples): ModelArts.4401: no space",
        "export task paused-1: PAUSED",
        "export task unseen-1: running, 1 %",
    ]


def test_many_tasks_are_summarized() -> None:
    """Each round with a change prints one line, and each failed task its own."""
    rounds = list(crowd())
    assert Stage().show_all([*rounds, rounds[-1]]) == [
        "0 of 40 export tasks ended, 15 running, 25 queued, 200 of 800 samples",
        "export task task-21: failed, 25 % (5 of 20 samples)",
        "10 of 40 export tasks ended, 1 failed, 18 running, 12 queued, 200 of 800 samples",
    ]


@pytest.mark.parametrize(("count", "lines"), [(12, 12), (13, 1)])
def test_twelve_tasks_have_lines_of_their_own(count: int, lines: int) -> None:
    assert len(Stage().show_all([many(count)])) == lines


def test_outage_of_several_tasks_is_one_line() -> None:
    """The outage changes its error, ends earlier for one task, and is given up for the others."""
    stage, tasks = Stage(), many(3)
    with stage.open_display() as display:
        display.show(tasks)
        stage.read_lines()
        display.show(tuple(replace(each, last_error=OUTAGE) for each in tasks))
        assert stage.read_lines() == [f"3 export tasks: not seen: {REFUSED}"]
        stage.sleep(50.0, display)
        display.show(tuple(replace(each, last_error=TemporaryError("it timed out")) for each in tasks))
        assert stage.read_lines() == []
        lost = (tasks[0], *(replace(each, last_error=OUTAGE, abandoned=True) for each in tasks[1:]))
        display.show(lost)
        assert stage.read_lines() == [
            "export task task-0: seen again after 50s",
            f"2 export tasks: given up: {REFUSED}",
        ]
        display.show(lost)
        assert stage.read_lines() == []


def test_heartbeat_between_rare_polls() -> None:
    """Ten minutes have ten heartbeats."""
    stage = Stage()
    first = task(done=0, total=20)
    with stage.open_display() as display:
        stage.now = 65.0
        display.show((first,))
        stage.read_lines()
        stage.now = 100.0
        display.show((seen(first, 100.0, done=7, total=20),))
        stage.sleep(600.0, display)
    beats = stage.read_lines()
    assert beats[0] == (f"export task {ID}: running, 35 % (7 of 20 samples), 2m 5s so far, about 2m 40s left")
    assert [beat.split(", ", 2)[2] for beat in beats[1:4]] == [
        "3m 5s so far, about 1m 40s left",
        "4m 5s so far, about 40s left",
        "5m 5s so far",
    ]
    assert len(beats) == 10


def test_heartbeat_of_several_tasks_is_one_line() -> None:
    """It counts the tasks with a failing status check."""
    stage, tasks = Stage(), many(3, SUCCESSED=1)
    with stage.open_display() as display:
        display.show((*tasks[:2], replace(tasks[2], last_error=OUTAGE)))
        stage.read_lines()
        stage.sleep(60.0, display)
    summary = "1 of 3 export tasks ended, 2 running, 15 of 60 samples"
    assert stage.read_lines() == [f"{summary}, 1 of them not seen for 1m, 1m so far"]


def test_heartbeat_shows_an_outage() -> None:
    stage = Stage()
    with stage.open_display() as display:
        display.show((replace(task(), last_error=OUTAGE),))
        stage.read_lines()
        stage.sleep(80.0, display)
    assert stage.read_lines() == [f"export task {ID}: running, not seen for 1m, 1m so far"]


def test_heartbeat_after_a_slow_poll() -> None:
    """There is none right after a line, and none before the first snapshot."""
    stage, first = Stage(), task()
    with stage.open_display() as display:
        stage.sleep(70.0, display)
        assert stage.read_lines() == []
        display.show((first,))
        assert len(stage.read_lines()) == 1
        stage.now += 59.0
        display.show((first,))
        assert stage.read_lines() == []
        stage.now += 1.0
        display.show((first,))
        assert stage.read_lines() == [f"export task {ID}: running, 2m 10s so far"]


def test_finished_tasks_have_no_heartbeat() -> None:
    stage = Stage()
    with stage.open_display() as display:
        display.show((task(status="SUCCESSED"),))
        stage.read_lines()
        stage.sleep(600.0, display)
    assert stage.read_lines() == []


def test_undocumented_status_warns_once() -> None:
    """Once for each status, over all tasks and waits."""
    stage = Stage()
    stage.show_all([(task("a", "PAUSED"), task("b", "PAUSED"), task("c", None))])
    lines = stage.show_all([(task("d", "PAUSED"), task("e", "Frozen"), task("f", "Success"), task("g", ""))])
    assert [line for line in lines if "warning" in line] == [
        "warning: export task e has the status 'Frozen', which is not documented; waiting on",
        "warning: export task g has the status '', which is not documented; waiting on",
    ]


def test_abandoned_task_has_no_status_warning() -> None:
    lines = Stage().show_all([(replace(task(status="PAUSED"), last_error=OUTAGE, abandoned=True),)])
    assert not any("waiting on" in line for line in lines)


@pytest.mark.parametrize("story", ["one", "every_kind", "crowd", "hostile"])
def test_quiet_prints_nothing(story: str) -> None:
    """No lines and no heartbeat."""
    stage = Stage(quiet=True)
    assert stage.show_all(STORIES[story]()) == []
    with stage.open_display() as display:
        stage.sleep(600.0, display)
    assert stage.read_lines() == []


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_hostile_text_is_escaped(text: str, shown: str) -> None:
    """In the ID, the status, the error of a task and the error of a status check."""
    stage = Stage()
    lines = stage.show_all(
        [
            (
                task(text, text),
                task("f", "FAILED", error_msg=text),
                replace(task("o"), last_error=TemporaryError(text)),
            )
        ]
    )
    assert len(lines) == 5
    assert not HARMFUL.search("".join(lines))
    assert find_ci_commands("\n".join(lines)) == []
    assert all(is_shown(text, shown, line) for line in lines[:4])


def test_secrets_are_redacted() -> None:
    lines = Stage().show_all([(replace(task(SECRET, f'"{SECRET}"'), last_error=TemporaryError(SECRET)),)])
    assert len(lines) == 3
    assert SECRET not in "".join(lines)


def off_a_terminal(story: str, redirection: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Show a story in a process of its own."""
    line = f"{sys.executable} -m tests.cli.progress.snapshots {story} {redirection}"
    environ = {**os.environ, **variables}
    return subprocess.run(
        ["/bin/bash", "-c", line], capture_output=True, text=True, check=False, env=environ, cwd=ROOT
    )


FORCED = {"GITHUB_ACTIONS": "true", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1", "TERM": "xterm-256color"}


@pytest.mark.parametrize("variables", [FORCED, {**FORCED, "FORCE_COLOR": "1"}])
def test_variables_do_not_enable_bars(variables: dict[str, str]) -> None:
    """FORCE_COLOR adds colour and no bars."""
    done = off_a_terminal("every_kind", **variables)
    assert (done.returncode, done.stdout) == (0, "the result\n")
    assert "export task queued-1: queued" in done.stderr
    assert "━" not in done.stderr
    assert ("\x1b[" in done.stderr) is ("FORCE_COLOR" in variables)
    assert "\x1b[?25" not in done.stderr


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-"])
def test_closed_stderr_keeps_the_result(redirection: str) -> None:
    done = off_a_terminal("one", redirection)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the result\n", "")


def test_numeric_status_warns_and_a_missing_one_does_not() -> None:
    numbered = task("a")
    numbered = replace(numbered, task=replace(numbered.task, raw={"status": 3}))
    lines = Stage().show_all([(numbered, task("b", None))] * 2)
    assert [line for line in lines if "warning" in line] == [
        "warning: export task a has the status '3', which is not documented; waiting on"
    ]


def test_heartbeat_during_a_slow_poll() -> None:
    """A thread of its own ticks."""
    stage = Stage()
    with stage.open_display() as display, tick_in_background(display):
        display.show((task(),))
        stage.read_lines()
        stage.now += 61.0
        deadline = time.monotonic() + 10
        while "so far" not in stage.err.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "running, 1m 1s so far" in stage.read_lines()[0]
