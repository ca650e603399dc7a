"""Ctrl-C and SIGTERM while a request is on its way: real processes, and what they say as they leave."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from tests.conftest import Stub

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
QUIET = ["", "-q", "-q -o json"]
PATIENT = "waiting up to 5 s for the reply; interrupt again to exit at once"
NOTHING = "warning: interrupted; no export task was accepted"
RESUMED = [
    "warning: interrupted; what was accepted goes on",
    "hint: wait for it with: modelarts-export wait abc t1",
]
DOUBT = [
    "warning: interrupted; an export task may have been accepted",
    "hint: check the list before you submit it again: modelarts-export list abc",
]


def last_words(flags: str, code: int, *lines: str) -> list[str]:
    """Return what a signal leaves on stderr: a warning with its hint, or one object with -o json."""
    if "json" not in flags:
        return list(lines)
    warning, *hints = lines
    error, hint = warning.removeprefix("warning: "), "".join(each.removeprefix("hint: ") for each in hints)
    facts: dict[str, Any] = {
        "error_code": None,
        "http_status": None,
        "request_id": None,
        "exit_code": code,
        "problems": [],
    }
    return [json.dumps({"error": error, "hint": hint, **facts}, separators=(",", ":"))]


@contextmanager
def submitting(flags: str = "", **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a submission in a process of its own, which must end with the block."""
    command = [sys.executable, "-m", "modelarts_export", "to-obs", "--path", "/b/d/", *flags.split()]
    environ = {**os.environ, **variables}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], out: str = "") -> tuple[int, str, float]:
    """Return the exit code, stderr, and how many seconds the end took from now; stdout must have this."""
    begun = time.monotonic()
    written, err = process.communicate(timeout=15)
    assert out in written
    assert bool(out) == bool(written)
    return process.returncode, err, time.monotonic() - begun


@pytest.mark.parametrize("quiet", QUIET)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_reply_that_is_on_its_way_is_waited_for(stub: Stub, number: int, code: int, quiet: str) -> None:
    """The task is the result on stdout; its ID is told, however quiet, with the command that waits for it."""
    stub.body, stub.slow = b'{"task_id":"t1"}', "POST"
    with submitting(quiet, **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None
        stub.stalled.clear()
        returned, err, _ = ended(process, out="" if quiet == "-q" else "t1")
    said = [] if quiet else [PATIENT, "Created export task t1"]
    assert (returned, err.splitlines()) == (code, [*said, *last_words(quiet, code, *RESUMED)])
    assert [method for method, *_ in stub.heard] == ["POST"]


def test_no_reply_within_five_seconds(stub: Stub) -> None:
    """Then there may be a task, and the command that shows it is told."""
    stub.slow = "POST"
    with submitting("-q -o json", **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGTERM)
        returned, err, seconds = ended(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (143, last_words("json", 143, *DOUBT))
    assert 4.5 < seconds < 7
    assert [method for method, *_ in stub.heard] == ["POST"]


@pytest.mark.parametrize("flags", ["-q", "-q --wait"])
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_second_signal_leaves_at_once(stub: Stub, number: int, code: int, flags: str) -> None:
    """Who is in a hurry is told the same; there is no task to wait for that anybody knows."""
    stub.slow = "POST"
    with submitting(flags, **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(number)
        time.sleep(0.3)
        process.send_signal(number)
        returned, err, seconds = ended(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (code, DOUBT)
    assert seconds < 2


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_before_anything_was_sent(stub: Stub, number: int, code: int) -> None:
    """The list is read before the request: nothing was sent, and its reply is not waited for."""
    stub.slow = "GET"
    with submitting("--reuse-running", **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(number)
        returned, err, seconds = ended(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (code, [NOTHING])
    assert seconds < 2
    assert [method for method, *_ in stub.heard] == ["GET"]


def test_the_look_at_a_task_that_was_accepted(stub: Stub) -> None:
    """The courtesy is cut short; what was accepted goes on."""
    stub.body, stub.slow = b'{"task_id":"t1"}', "GET"
    with submitting("-q", **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGINT)
        returned, err, seconds = ended(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (130, RESUMED)
    assert seconds < 2


@contextmanager
def sandbox(
    *faults: str, on: Callable[[list[str]], bool]
) -> Iterator[tuple[Sandbox, Callable[[], None], list[str]]]:
    """Serve a sandbox with faults; give it, what waits until the methods it heard are these, and those."""
    heard: list[str] = []

    def hear(request: Request, _reply: HttpReply) -> None:
        heard.append(request.method)

    def wait() -> None:
        ends = time.monotonic() + 10
        while not on(heard) and time.monotonic() < ends:
            time.sleep(0.01)
        time.sleep(0.2)  # so that the reply is read, and the pause has begun

    with Sandbox(
        observe=hear, faults=Faults([parse_fault(words, parse_duration) for words in faults])
    ) as box:
        yield box, wait, heard


@pytest.mark.parametrize("quiet", QUIET)
def test_while_it_looks_for_its_task(quiet: str) -> None:
    """A send whose end nobody knows stays one: there may be a task, and nothing new begins."""
    with sandbox("504", "lag:for=1h", on=lambda heard: "GET" in heard) as (box, wait, heard):
        variables = {**make_settings(box), "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "60s"}
        with submitting(quiet, **variables) as process:
            wait()
            process.send_signal(signal.SIGINT)
            returned, err, seconds = ended(process)
    assert returned == 130
    doubt = last_words(quiet, 130, *(line.replace("abc", "sandbox-images") for line in DOUBT))
    assert err.splitlines()[-len(doubt) :] == doubt
    assert seconds < 2
    assert heard.count("POST") == 1


@pytest.mark.parametrize(
    ("fault", "patience"),
    [("429:retry-after=1m", "MAX_RETRIES"), ("503:retry-after=1m", "MAX_RETRIES"), ("busy", "QUEUE_TIMEOUT")],
)
def test_in_a_pause_before_the_next_try(fault: str, patience: str) -> None:
    """What was not accepted is over: nothing is left behind."""
    with sandbox(fault, on=lambda heard: "POST" in heard) as (box, wait, heard):
        variables = {**make_settings(box), f"MODELARTS_EXPORT_{patience}": "9"}
        with submitting(**variables) as process:
            wait()
            process.send_signal(signal.SIGTERM)
            returned, err, seconds = ended(process)
    assert (returned, heard) == (143, ["POST"])
    assert err.splitlines()[-1] == NOTHING
    assert seconds < 2


def test_in_a_pause_after_a_send_of_which_nobody_knows() -> None:
    """Throttled before the second send: the first may have been accepted all the same."""
    faults = ("drop:count=1,accepted=no", "429:retry-after=1m")
    with (
        sandbox(*faults, on=lambda heard: heard.count("POST") == 2) as (box, wait, _),
        submitting("-q", **make_settings(box), MODELARTS_EXPORT_MAX_RETRIES="9") as process,
    ):
        wait()
        process.send_signal(signal.SIGTERM)
        returned, err, _ = ended(process)
    assert (returned, err.splitlines()) == (143, [line.replace("abc", "sandbox-images") for line in DOUBT])
