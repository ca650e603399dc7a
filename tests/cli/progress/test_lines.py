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
from modelarts_export.errors import NotFoundError, TemporaryError
from modelarts_export.polling.poller import Snapshot
from modelarts_export.sanitize import Redactor
from tests.cli.progress.snapshots import (
    OUTAGE,
    SCENARIOS,
    SECRET,
    crowd,
    every_kind,
    make_snapshot,
    make_tracked_task,
    one,
    poll_task,
)
from tests.support.hostile_text import HARMFUL, HOSTILE, find_ci_commands, is_shown

ROOT = Path(__file__).parents[3]
ID = "rF9NNoB56k5rtYKg2Y7"
REFUSED = "no connection to modelarts.example.com: it was refused"


@dataclass(kw_only=True)
class SimulatedConsole:
    """A console off a terminal, and a clock that the test sets."""

    err: io.StringIO = field(default_factory=io.StringIO)
    now: float = 0.0
    quiet: bool = False

    def __post_init__(self) -> None:
        """Make the console."""
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
    assert SimulatedConsole().show_all(one()) == [
        f"export task {ID}: queued",
        f"export task {ID}: running, 0 % (0 of 20 samples)",
        f"export task {ID}: not seen: {REFUSED}",
        f"export task {ID}: seen again after 0s",
        f"export task {ID}: succeeded (20 of 20 samples)",
    ]


def test_lines_of_every_kind_of_task() -> None:
    """A task without any status has no line of its own."""
    assert SimulatedConsole().show_all(every_kind()) == [
        "warning: export task paused-1 has the status 'PAUSED', which is not documented; waiting on",
        f"export task unseen-1: not seen: {REFUSED}",
        "export task lost-1: given up",
        "export task queued-1: queued",
        "export task running-1: running, 35 % (7,100 of 20,000 samples)",
        "export task running-2: running, 100 %",
        "export task succeeded-1: succeeded (20 of 20 samples)",
        "export task failed-1: failed, 35 % (7 of 20 samples)",
        "export task paused-1: PAUSED",
        "export task unseen-1: running, 1 %",
    ]


def test_failures_at_the_end_have_no_line() -> None:
    """The errors of the command follow at once and say it; earlier failures are shown."""
    goes_on = (make_tracked_task("f", "FAILED"), make_tracked_task("r"))
    missing = NotFoundError("Export task does not exist")
    lost = replace(make_tracked_task("l", None), last_error=missing)
    ended = (
        make_tracked_task("f", "FAILED"),
        make_tracked_task("s", "STOPPED"),
        replace(lost, abandoned=True),
    )
    assert SimulatedConsole().show_all([goes_on]) == ["export task f: failed", "export task r: running"]
    assert SimulatedConsole().show_all([(lost,), ended]) == ["export task l: not seen: not found yet"]


def test_many_tasks_are_summarized() -> None:
    """Each round with a change prints one line, and each failed task its own."""
    rounds = list(crowd())
    assert SimulatedConsole().show_all([*rounds, rounds[-1]]) == [
        "40 export tasks: 15 running, 25 queued, 200 of 800 samples",
        "export task task-21: failed, 25 % (5 of 20 samples)",
        "40 export tasks: 9 succeeded, 1 failed, 18 running, 12 queued, 200 of 800 samples",
    ]


@pytest.mark.parametrize(("count", "lines"), [(12, 12), (13, 1)])
def test_twelve_tasks_have_lines_of_their_own(count: int, lines: int) -> None:
    assert len(SimulatedConsole().show_all([make_snapshot(count)])) == lines


def test_outage_of_several_tasks_is_one_line() -> None:
    """The outage changes its error, ends earlier for one task, and is given up for the others."""
    simulated, tasks = SimulatedConsole(), make_snapshot(3)
    with simulated.open_display() as display:
        display.show(tasks)
        simulated.read_lines()
        display.show(tuple(replace(each, last_error=OUTAGE) for each in tasks))
        assert simulated.read_lines() == [f"3 export tasks: not seen: {REFUSED}"]
        simulated.sleep(50.0, display)
        display.show(tuple(replace(each, last_error=TemporaryError("it timed out")) for each in tasks))
        assert simulated.read_lines() == []
        lost = (tasks[0], *(replace(each, last_error=OUTAGE, abandoned=True) for each in tasks[1:]))
        display.show(lost)
        assert simulated.read_lines() == [
            "export task task-0: seen again after 50s",
            "2 export tasks: given up",
        ]
        display.show(lost)
        assert simulated.read_lines() == []


def test_heartbeat_between_rare_polls() -> None:
    """Ten minutes have ten heartbeats."""
    simulated = SimulatedConsole()
    first = make_tracked_task(done=0, total=20)
    with simulated.open_display() as display:
        simulated.now = 65.0
        display.show((first,))
        simulated.read_lines()
        simulated.now = 100.0
        display.show((poll_task(first, 100.0, done=7, total=20),))
        simulated.sleep(600.0, display)
    heartbeats = simulated.read_lines()
    assert heartbeats[0] == (
        f"export task {ID}: running, 35 % (7 of 20 samples), 2m 5s so far, about 2m 40s left"
    )
    assert [beat.split(", ", 2)[2] for beat in heartbeats[1:4]] == [
        "3m 5s so far, about 1m 40s left",
        "4m 5s so far, about 40s left",
        "5m 5s so far",
    ]
    assert len(heartbeats) == 10


def test_heartbeat_of_several_tasks_is_one_line() -> None:
    """It counts the tasks with a failing status check."""
    simulated, tasks = SimulatedConsole(), make_snapshot(3, SUCCESSED=1)
    with simulated.open_display() as display:
        display.show((*tasks[:2], replace(tasks[2], last_error=OUTAGE)))
        simulated.read_lines()
        simulated.sleep(60.0, display)
    summary = "3 export tasks: 1 succeeded, 2 running, 15 of 60 samples"
    assert simulated.read_lines() == [f"{summary}, 1 of them not seen for 1m, 1m so far"]


def test_heartbeat_shows_an_outage() -> None:
    simulated = SimulatedConsole()
    with simulated.open_display() as display:
        display.show((replace(make_tracked_task(), last_error=OUTAGE),))
        simulated.read_lines()
        simulated.sleep(80.0, display)
    assert simulated.read_lines() == [f"export task {ID}: running, not seen for 1m, 1m so far"]


def test_heartbeat_after_a_slow_poll() -> None:
    """There is none right after a line, and none before the first snapshot."""
    simulated, first = SimulatedConsole(), make_tracked_task()
    with simulated.open_display() as display:
        simulated.sleep(70.0, display)
        assert simulated.read_lines() == []
        display.show((first,))
        assert len(simulated.read_lines()) == 1
        simulated.now += 59.0
        display.show((first,))
        assert simulated.read_lines() == []
        simulated.now += 1.0
        display.show((first,))
        assert simulated.read_lines() == [f"export task {ID}: running, 2m 10s so far"]


def test_finished_tasks_have_no_heartbeat() -> None:
    simulated = SimulatedConsole()
    with simulated.open_display() as display:
        display.show((make_tracked_task(status="SUCCESSED"),))
        simulated.read_lines()
        simulated.sleep(600.0, display)
    assert simulated.read_lines() == []


def test_undocumented_status_warns_once() -> None:
    """Once for each status, over all tasks and waits."""
    simulated = SimulatedConsole()
    simulated.show_all(
        [(make_tracked_task("a", "PAUSED"), make_tracked_task("b", "PAUSED"), make_tracked_task("c", None))]
    )
    lines = simulated.show_all(
        [
            (
                make_tracked_task("d", "PAUSED"),
                make_tracked_task("e", "Frozen"),
                make_tracked_task("f", "Success"),
                make_tracked_task("g", ""),
            )
        ]
    )
    assert [line for line in lines if "warning" in line] == [
        "warning: export task e has the status 'Frozen', which is not documented; waiting on",
        "warning: export task g has the status '', which is not documented; waiting on",
    ]


def test_abandoned_task_has_no_status_warning() -> None:
    lines = SimulatedConsole().show_all(
        [(replace(make_tracked_task(status="PAUSED"), last_error=OUTAGE, abandoned=True),)]
    )
    assert not any("waiting on" in line for line in lines)


@pytest.mark.parametrize("scenario", ["one", "every_kind", "crowd", "hostile"])
def test_quiet_prints_nothing(scenario: str) -> None:
    """No lines and no heartbeat."""
    simulated = SimulatedConsole(quiet=True)
    assert simulated.show_all(SCENARIOS[scenario]()) == []
    with simulated.open_display() as display:
        simulated.sleep(600.0, display)
    assert simulated.read_lines() == []


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_hostile_text_is_escaped(text: str, shown: str) -> None:
    """In the ID and the status of a task, and in the error of a status check."""
    simulated = SimulatedConsole()
    lines = simulated.show_all(
        [
            (
                make_tracked_task(text, text),
                replace(make_tracked_task("o"), last_error=TemporaryError(text)),
            )
        ]
    )
    assert len(lines) == 4
    assert not HARMFUL.search("".join(lines))
    assert find_ci_commands("\n".join(lines)) == []
    assert all(is_shown(text, shown, line) for line in lines[:3])


def test_secrets_are_redacted() -> None:
    lines = SimulatedConsole().show_all(
        [(replace(make_tracked_task(SECRET, f'"{SECRET}"'), last_error=TemporaryError(SECRET)),)]
    )
    assert len(lines) == 3
    assert SECRET not in "".join(lines)


def show_off_terminal(
    scenario: str, redirection: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Show a scenario in a process of its own."""
    line = f"{sys.executable} -m tests.cli.progress.snapshots {scenario} {redirection}"
    environ = {**os.environ, **variables}
    return subprocess.run(
        ["/bin/bash", "-c", line], capture_output=True, text=True, check=False, env=environ, cwd=ROOT
    )


FORCED = {"GITHUB_ACTIONS": "true", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1", "TERM": "xterm-256color"}


@pytest.mark.parametrize("variables", [FORCED, {**FORCED, "FORCE_COLOR": "1"}])
def test_variables_do_not_enable_bars(variables: dict[str, str]) -> None:
    """FORCE_COLOR adds color and no bars."""
    done = show_off_terminal("every_kind", **variables)
    assert (done.returncode, done.stdout) == (0, "the result\n")
    assert "export task queued-1: queued" in done.stderr
    assert "━" not in done.stderr
    assert ("\x1b[" in done.stderr) is ("FORCE_COLOR" in variables)
    assert "\x1b[?25" not in done.stderr


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-"])
def test_closed_stderr_keeps_the_result(redirection: str) -> None:
    done = show_off_terminal("one", redirection)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the result\n", "")


def test_numeric_status_warns_and_a_missing_one_does_not() -> None:
    numbered = make_tracked_task("a")
    numbered = replace(numbered, task=replace(numbered.task, raw={"status": 3}))
    lines = SimulatedConsole().show_all([(numbered, make_tracked_task("b", None))] * 2)
    assert [line for line in lines if "warning" in line] == [
        "warning: export task a has the status '3', which is not documented; waiting on"
    ]


def test_heartbeat_during_a_slow_poll() -> None:
    """A thread of its own ticks."""
    simulated = SimulatedConsole()
    with simulated.open_display() as display, tick_in_background(display):
        display.show((make_tracked_task(),))
        simulated.read_lines()
        simulated.now += 61.0
        deadline = time.monotonic() + 10
        while "so far" not in simulated.err.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "running, 1m 1s so far" in simulated.read_lines()[0]
