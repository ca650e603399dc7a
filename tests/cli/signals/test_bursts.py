"""Many signals, and streams that take nothing more: real processes, real pipes, and what they end with."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.signals.test_interrupted_submissions import DOUBT, RESUMED
from tests.conftest import Stub
from tests.support.tracked import ACCEPTED, saying

PROGRAM = [sys.executable, "-m", "modelarts_export"]
SUBMIT = "to-obs --path /b/d/"
SOON = 3.0  # seconds; a second is promised, and machines are noisy


@contextmanager
def running(
    line: str, stub: Stub, *, out: int = subprocess.PIPE, err: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run a command line in a process of its own, which must end with the block."""
    environ = {**os.environ, **stub.variables}
    command = [*PROGRAM, *line.split()]
    with subprocess.Popen(command, env=environ, stdout=out, stderr=err, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def burst(process: subprocess.Popen[str], number: int, times: int, *, every: float) -> None:
    """Send a signal again and again, so many seconds apart."""
    for _ in range(times):
        process.send_signal(number)
        time.sleep(every)


@pytest.mark.parametrize(("form", "delay"), [("id", 0.0), ("id", 0.005), ("id", 0.014), ("json", 0.009)])
def test_second_signal_just_after_the_reply_keeps_the_id(stub: Stub, form: str, delay: float) -> None:
    """The last words are written whole however soon it comes."""
    stub.body, stub.slow = ACCEPTED.body, "POST"
    with running(f"{SUBMIT} -q -o {form}", stub) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        stub.stalled.clear()
        time.sleep(delay)
        burst(process, signal.SIGINT, 3, every=0.003)
        out, err = process.communicate(timeout=15)
    assert process.returncode == 130
    if form == "id":
        # the second signal may be quicker than the reply, and then nobody knows of a task
        assert (out, err.splitlines()) in [("t1\n", RESUMED), ("", DOUBT)]
    else:
        error = json.loads(err)
        assert (error["exit_code"], "wait abc t1" in error["hint"]) == (130, bool(out))
        assert not out or json.loads(out)["task_id"] == "t1"


@pytest.mark.parametrize(
    ("number", "code", "times", "every"),
    [(signal.SIGINT, 130, 3, 0.001), (signal.SIGINT, 130, 8, 0.0), (signal.SIGTERM, 143, 40, 0.001)],
)
def test_burst_during_a_wait_leaves_the_last_words_whole(
    stub: Stub, number: int, code: int, times: int, every: float
) -> None:
    """No traceback, no exit code of another kind, and not a word less."""
    stub.first, stub.body = [ACCEPTED], saying("RUNNING").body
    with running(f"{SUBMIT} --wait -q -o id", stub) as process:
        while len(stub.heard) < 2:
            time.sleep(0.01)
        burst(process, number, times, every=every)
        out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err.splitlines()) == (code, "t1\n", RESUMED)


def test_burst_during_a_send_says_that_a_task_may_exist(stub: Stub) -> None:
    """Each signal after the first leaves at once, and with the same words."""
    stub.slow = "POST"
    with running(f"{SUBMIT} -q", stub) as process:
        assert stub.stalled.wait(10)
        burst(process, signal.SIGINT, 8, every=0.001)
        begun = time.monotonic()
        _, err = process.communicate(timeout=15)
        stub.stalled.clear()
    assert (process.returncode, err.splitlines()) == (130, DOUBT)
    assert time.monotonic() - begun < SOON


def test_signal_that_the_parent_ignores_stays_ignored(stub: Stub) -> None:
    """As nohup and background jobs of a script have it."""
    stub.slow, stub.body = "GET", saying("RUNNING").body
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(*eval(sys.argv[1]))"
    )
    command = [PROGRAM[0], [*PROGRAM, "status", "abc", "t1", "-q", "-o", "id"]]
    with subprocess.Popen(
        [sys.executable, "-c", ignoring, repr(command)],
        env={**os.environ, **stub.variables},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        stub.slow = ""
        stub.stalled.clear()
        out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (0, "t1\n")


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """Give both ends of a pipe that takes not one byte more."""
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    for size in (65536, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            pass
    fcntl.fcntl(writer, fcntl.F_SETFL, flags)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [(f"{SUBMIT} -o id", signal.SIGINT, 130), (f"{SUBMIT} --wait -o id", signal.SIGTERM, 143)],
)
def test_signal_ends_a_program_whose_stderr_is_blocked(stub: Stub, line: str, number: int, code: int) -> None:
    """Nobody reads that the task was created; its ID is on stdout."""
    stub.first, stub.body = [ACCEPTED], saying("RUNNING").body
    with full_pipe() as (_, writer), running(line, stub, err=writer) as process:
        while not stub.heard:
            time.sleep(0.01)
        time.sleep(0.3)
        begun = time.monotonic()
        process.send_signal(number)
        out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (code, "t1\n")
    assert time.monotonic() - begun < SOON


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (f"{SUBMIT} -q -o id", signal.SIGINT, 130),
        ("wait abc t1 -q -o json", signal.SIGTERM, 143),
        ("list abc -q -o json", signal.SIGINT, 130),
        ("--help", signal.SIGTERM, 143),
    ],
)
def test_signal_ends_a_program_whose_stdout_is_blocked(stub: Stub, line: str, number: int, code: int) -> None:
    """The ID of a task that was accepted is told on stderr."""
    stub.body = saying("SUCCESSED", export_tasks=[{"task_id": "t1"}], total_count=1).body
    with full_pipe() as (_, writer), running(line, stub, out=writer) as process:
        while not (stub.heard or line == "--help"):
            time.sleep(0.01)
        time.sleep(0.5)  # until it writes, as far as one can know
        assert process.poll() is None
        begun = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=15)
    assert process.returncode == code
    assert time.monotonic() - begun < SOON
    assert "Traceback" not in err
    if line.startswith(("to-obs", "wait")):
        assert "modelarts-export wait abc t1" in err
