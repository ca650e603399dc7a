"""Repeated signals and blocked streams, in subprocesses with pipes."""

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

from tests.cli.signals.test_interrupted_submissions import RESUMED, list_unknown
from tests.conftest import Stub
from tests.support.program import PROGRAM
from tests.support.task_replies import ACCEPTED, make_task_reply

SUBMIT = "to-obs --path /b/d/"
MAX_SECONDS = 3.0  # the program promises one second; test machines are slower


@contextmanager
def start(
    line: str, stub: Stub, *, out: int = subprocess.PIPE, err: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Start a command line in a subprocess, and kill it at the end of the block."""
    environ = {**os.environ, **stub.variables}
    command = [*PROGRAM, *line.split()]
    with subprocess.Popen(command, env=environ, stdout=out, stderr=err, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def send_repeatedly(process: subprocess.Popen[str], number: int, times: int, *, every: float) -> None:
    """Send a signal several times; `every` is in seconds."""
    for _ in range(times):
        process.send_signal(number)
        time.sleep(every)


@pytest.mark.parametrize(("form", "delay"), [("id", 0.0), ("id", 0.005), ("id", 0.014), ("json", 0.009)])
def test_second_signal_just_after_the_reply_keeps_the_id(stub: Stub, form: str, delay: float) -> None:
    stub.body, stub.slow = ACCEPTED.body, "POST"
    with start(f"{SUBMIT} -q -o {form}", stub) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        stub.stalled.clear()
        time.sleep(delay)
        send_repeatedly(process, signal.SIGINT, 3, every=0.003)
        out, err = process.communicate(timeout=15)
    assert process.returncode == 130
    if form == "id":
        # the second signal may arrive before the reply, and then the outcome is unknown
        assert (out, err.splitlines()) in [("t1\n", RESUMED), ("", list_unknown(f"-q -o {form}"))]
    else:
        error = json.loads(err)
        assert (error["exit_code"], "wait abc t1" in error["hint"]) == (130, bool(out))
        assert not out or json.loads(out)["task_id"] == "t1"


@pytest.mark.parametrize(
    ("number", "code", "times", "every"),
    [(signal.SIGINT, 130, 3, 0.001), (signal.SIGINT, 130, 8, 0.0), (signal.SIGTERM, 143, 40, 0.001)],
)
def test_repeated_signals_during_a_wait_keep_the_final_output(
    stub: Stub, number: int, code: int, times: int, every: float
) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply("RUNNING").body
    with start(f"{SUBMIT} --wait -q -o id", stub) as process:
        while len(stub.requests) < 2:
            time.sleep(0.01)
        send_repeatedly(process, number, times, every=every)
        out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err.splitlines()) == (code, "t1\n", RESUMED)


def test_repeated_signals_during_a_send_print_that_a_task_may_exist(stub: Stub) -> None:
    """The second signal makes the process exit at once."""
    stub.slow = "POST"
    with start(f"{SUBMIT} -q", stub) as process:
        assert stub.stalled.wait(10)
        send_repeatedly(process, signal.SIGINT, 8, every=0.001)
        start_time = time.monotonic()
        _, err = process.communicate(timeout=15)
        stub.stalled.clear()
    assert (process.returncode, err.splitlines()) == (130, list_unknown("-q"))
    assert time.monotonic() - start_time < MAX_SECONDS


def test_signal_that_the_parent_ignores_stays_ignored(stub: Stub) -> None:
    """As under nohup, and for background jobs of a script."""
    stub.slow, stub.body = "GET", make_task_reply("RUNNING").body
    script = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(*eval(sys.argv[1]))"
    )
    command = [PROGRAM[0], [*PROGRAM, "status", "abc", "t1", "-q", "-o", "id"]]
    with subprocess.Popen(
        [sys.executable, "-c", script, repr(command)],
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
def open_full_pipe() -> Iterator[tuple[int, int]]:
    """Open a pipe whose buffer is full; yield its reading and its writing end."""
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
def test_signal_stops_a_command_with_blocked_stderr(stub: Stub, line: str, number: int, code: int) -> None:
    """The ID of the task is on stdout."""
    stub.first, stub.body = [ACCEPTED], make_task_reply("RUNNING").body
    with open_full_pipe() as (_, writer), start(line, stub, err=writer) as process:
        while not stub.requests:
            time.sleep(0.01)
        time.sleep(0.3)
        start_time = time.monotonic()
        process.send_signal(number)
        out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (code, "t1\n")
    assert time.monotonic() - start_time < MAX_SECONDS


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (f"{SUBMIT} -q -o id", signal.SIGINT, 130),
        ("wait abc t1 -q -o json", signal.SIGTERM, 143),
        ("list abc -q -o json", signal.SIGINT, 130),
        ("--help", signal.SIGTERM, 143),
    ],
)
def test_signal_stops_a_command_with_blocked_stdout(stub: Stub, line: str, number: int, code: int) -> None:
    """The ID of an accepted task is on stderr."""
    stub.body = make_task_reply("SUCCESSED", export_tasks=[{"task_id": "t1"}], total_count=1).body
    with open_full_pipe() as (_, writer), start(line, stub, out=writer) as process:
        while not (stub.requests or line == "--help"):
            time.sleep(0.01)
        time.sleep(0.5)  # long enough to begin to write
        assert process.poll() is None
        start_time = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=15)
    assert process.returncode == code
    assert time.monotonic() - start_time < MAX_SECONDS
    assert "Traceback" not in err
    if line.startswith(("to-obs", "wait")):
        assert "modelarts-export wait abc t1" in err


def test_signal_stops_a_command_with_both_streams_blocked(stub: Stub) -> None:
    """As on a terminal after Ctrl-S."""
    stub.first, stub.body = [ACCEPTED], make_task_reply("RUNNING").body
    line = f"{SUBMIT} --wait -q -o id"
    with open_full_pipe() as (_, writer), start(line, stub, out=writer, err=writer) as process:
        while len(stub.requests) < 2:
            time.sleep(0.01)
        start_time = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=MAX_SECONDS)
    assert process.returncode == 143
    assert time.monotonic() - start_time < MAX_SECONDS
