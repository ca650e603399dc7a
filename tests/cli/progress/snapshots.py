"""Snapshots of simulated waits, shown by the real display.

    python -m tests.cli.progress.snapshots SCENARIO

shows a scenario on stderr, and writes "the result" to stdout.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.progress.display import open_display
from modelarts_export.clock import Clock
from modelarts_export.errors import TemporaryError
from modelarts_export.polling.poller import Snapshot, TrackedTask
from modelarts_export.sanitize import Redactor

SECRET = "SKexample0123456789abcdefghijklmnopqrstuv"
NO_SPACE = {"total": 20, "error_code": "ModelArts.4401", "error_msg": "no space"}
OUTAGE = TemporaryError("no connection to modelarts.example.com: it was refused")


def make_tracked_task(
    name: str = "rF9NNoB56k5rtYKg2Y7",
    status: str | None = "RUNNING",
    **answer: Any,  # noqa: ANN401 - as JSON
) -> TrackedTask:
    """Return a task that was polled once, at second 0."""
    return poll_task(
        TrackedTask(task=ExportTask(task_id=name, dataset_id="d", project_id="p", raw={})),
        0.0,
        status,
        **answer,
    )


def poll_task(before: TrackedTask, now: float, status: str | None = "RUNNING", **answer: Any) -> TrackedTask:  # noqa: ANN401
    """Return the task after a poll at this second; `done` and `total` are its samples."""
    names = {"done": "finished_sample_count", "total": "total_sample_count"}
    raw = {"status": status, **{names.get(name, name): value for name, value in answer.items()}}
    polled = replace(before.task, raw=raw)
    before.estimator.update(polled, now)
    return replace(before, task=polled, last_error=None)


def make_snapshot(count: int, **states: int) -> Snapshot:
    """Return `count` tasks with these numbers of states; the others are running."""
    statuses = [status for status, number in states.items() for _ in range(number)]
    statuses += ["RUNNING"] * (count - len(statuses))
    return tuple(
        make_tracked_task(f"task-{number}", status, done=5, total=20)
        for number, status in enumerate(statuses)
    )


def one() -> Iterator[Snapshot]:
    """Yield a task from queued to succeeded."""
    first = make_tracked_task(status="INIT")
    yield (first,)
    first = poll_task(first, 0.0, progress=5.0, done=0, total=20)
    yield (first,)
    first = poll_task(first, 100.0, progress=35.0, done=7, total=20)
    yield (first,)
    yield (replace(first, last_error=OUTAGE),)
    yield (poll_task(first, 200.0, "SUCCESSED", done=20, total=20),)


def every_kind() -> Iterator[Snapshot]:
    """Yield tasks of every kind at once."""
    yield (
        make_tracked_task("queued-1", "INIT"),
        poll_task(make_tracked_task("running-1", done=2, total=20_000), 100.0, done=7_100, total=20_000),
        make_tracked_task("running-2", progress=148.0),
        make_tracked_task("succeeded-1", "SUCCESSED", done=20, total=20),
        poll_task(make_tracked_task("failed-1", done=2, total=20), 100.0, "FAILED", done=7, **NO_SPACE),
        make_tracked_task("paused-1", "PAUSED"),
        replace(make_tracked_task("unseen-1", progress=1.0), last_error=OUTAGE),
        replace(make_tracked_task("lost-1", None), last_error=OUTAGE, abandoned=True),
    )


def crowd() -> Iterator[Snapshot]:
    """Yield more tasks than have a bar each."""
    yield make_snapshot(40, INIT=25)
    yield make_snapshot(40, INIT=12, SUCCESSED=9, FAILED=1)


def growing_crowd() -> Iterator[Snapshot]:
    """Yield many tasks, of which one turns out to be very large."""
    small = make_snapshot(19)
    large = make_tracked_task("large")
    yield (*small, make_tracked_task("small", done=5, total=20))
    yield (*small, large)
    large = poll_task(large, 0.0, done=0, total=10_000)
    yield (*small, large)
    done = tuple(poll_task(each, 1.0, "SUCCESSED", done=20, total=20) for each in small)
    yield (*done, large)
    yield (*done, poll_task(large, 2.0, "SUCCESSED", done=10_000, total=10_000))


def hostile() -> Iterator[Snapshot]:
    """Yield names and statuses with control characters, markup, commands and a secret."""
    yield (
        make_tracked_task("\x1b[2J[bold]a\r\nb", "\x1b]0;owned\x07[red]x", progress=10.0),
        make_tracked_task("::error::猫\u202e" + "long" * 40, "STATUS" * 40),
        replace(
            make_tracked_task(SECRET), last_error=TemporaryError(f"got {SECRET}\n::add-mask::x \x1b[31m")
        ),
    )


def wordy() -> Iterator[Snapshot]:
    """Yield tasks whose status checks fail with long errors."""
    yield tuple(
        replace(make_tracked_task(name), last_error=TemporaryError(name + " long" * 99))
        for name in ("a", "b", "c", "d")
    )


def given_up() -> Iterator[Snapshot]:
    """Yield a task that cannot be polled, and then is not polled any more."""
    unseen = replace(make_tracked_task("lost-1"), last_error=OUTAGE)
    yield (unseen,)
    yield (replace(unseen, abandoned=True),)


def lasting() -> Iterator[Snapshot]:
    """Yield a task that keeps running."""
    yield (make_tracked_task(progress=35.0),)


def interrupted() -> Iterator[Snapshot]:
    """Raise SIGINT while bars are drawn."""
    yield (make_tracked_task(progress=35.0),)
    signal.raise_signal(signal.SIGINT)


def broken() -> Iterator[Snapshot]:
    """Raise an error while bars are drawn."""
    yield (make_tracked_task(progress=35.0),)
    raise RuntimeError("broken")


SCENARIOS: dict[str, Callable[[], Iterator[Snapshot]]] = {
    scenario.__name__: scenario
    for scenario in (
        *(one, every_kind, crowd, growing_crowd, hostile, wordy, given_up, lasting, interrupted, broken),
    )
}


def print_message(console: Console) -> None:
    """Print a message during the wait."""
    console.print("a test message")


def show_scenario(
    scenario: str,
    console: Console,
    *,
    pause: float = 0.0,
    on_snapshot: Callable[[Console], None] = print_message,
) -> None:
    """Show a scenario; a round takes a hundred simulated seconds, or `pause` real seconds."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    simulated = Clock(monotonic=lambda: now[0], sleep=sleep)
    clock = Clock(sleep=lambda _: time.sleep(pause)) if pause else simulated
    with open_display(console, quiet=False, heartbeat=60.0, clock=clock) as display:
        for snapshot in SCENARIOS[scenario]():
            display.show(snapshot)
            on_snapshot(console)
            clock.sleep(100.0)
            display.tick()
    console.write_line("the result")


if __name__ == "__main__":
    err = sys.stderr or Path(os.devnull).open()  # noqa: SIM115 - open until the end, as in main
    console = Console(sys.stdout, err, environ=os.environ, redactor=Redactor([SECRET]))
    show_scenario(sys.argv[1], console, pause=float(sys.argv[2]) if sys.argv[2:] else 0.0)
