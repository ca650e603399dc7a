"""SIGINT and SIGTERM during a submission, in subprocesses."""

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
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from tests.conftest import Stub, make_faults

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
JSON = "-q -o json"
WAITING = "waiting up to 5 s for the reply; interrupt again to exit at once"
NOTHING = "warning: interrupted; no export task was accepted"
RESUMED = [
    "warning: interrupted; accepted tasks continue",
    "hint: wait with: modelarts-export wait abc t1",
]


def list_unknown(flags: str = "", *, dataset_id: str = "abc") -> list[str]:
    """Return the warning of a submission with an unknown outcome, and its hints, which repeat the flags."""
    command = f"modelarts-export to-obs --reuse-running --reuse-within 1h --path /b/d/ {flags}".strip()
    search = f"find out whether there is a task for /b/d/: modelarts-export list {dataset_id} --path /b/d/"
    return [
        "warning: interrupted; an export task may have been accepted",
        f"hint: {search}",
        f"hint: to run it again safely, reusing such a task: {command}",
    ]


def format_final_output(flags: str, code: int, *lines: str) -> list[str]:
    """Return stderr after a signal: a warning with its hint, or one object with -o json."""
    if "json" not in flags:
        return list(lines)
    warning, *hints = lines
    error, hint = warning.removeprefix("warning: "), "; ".join(each.removeprefix("hint: ") for each in hints)
    facts: dict[str, Any] = {
        "error_code": None,
        "http_status": None,
        "request_id": None,
        "exit_code": code,
        "problems": [],
    }
    return [json.dumps({"error": error, "hint": hint, **facts}, separators=(",", ":"))]


@contextmanager
def start_submission(flags: str = "", **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start a submission in a subprocess, and kill it at the end of the block."""
    command = [sys.executable, "-m", "modelarts_export", "to-obs", "--path", "/b/d/", *flags.split()]
    environ = {**os.environ, **variables}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_exit(process: subprocess.Popen[str], out: str = "") -> tuple[int, str, float]:
    """Assert that stdout contains `out`, or is empty; return exit code, stderr and seconds."""
    start_time = time.monotonic()
    written, err = process.communicate(timeout=15)
    assert out in written
    assert bool(out) == bool(written)
    return process.returncode, err, time.monotonic() - start_time


@pytest.mark.parametrize(
    ("number", "code", "quiet"), [(*SIGNALS[0], ""), (*SIGNALS[1], "-q"), (*SIGNALS[1], JSON)]
)
def test_signal_waits_for_the_reply_of_a_sent_request(stub: Stub, number: int, code: int, quiet: str) -> None:
    """The task is the result, and its ID is printed, also when quiet, with the command to wait for it."""
    stub.body, stub.slow = b'{"task_id":"t1"}', "POST"
    with start_submission(quiet, **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(number)
        time.sleep(0.3)
        assert process.poll() is None
        stub.stalled.clear()
        returned, err, _ = wait_for_exit(process, out={"": "Status   accepted", "-q": ""}.get(quiet, "t1"))
    messages = [] if quiet else [WAITING, "Created export task t1"]
    assert (returned, err.splitlines()) == (code, [*messages, *format_final_output(quiet, code, *RESUMED)])
    assert [method for method, *_ in stub.requests] == ["POST"]


def test_missing_reply_is_waited_for_five_seconds(stub: Stub) -> None:
    """Then a task may exist, and the command that lists it is printed."""
    stub.slow = "POST"
    with start_submission("-q -o json", **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGTERM)
        returned, err, seconds = wait_for_exit(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (143, format_final_output("json", 143, *list_unknown(JSON)))
    assert 4.5 < seconds < 7
    assert [method for method, *_ in stub.requests] == ["POST"]


@pytest.mark.parametrize(("number", "code", "flags"), [(*SIGNALS[0], "-q"), (*SIGNALS[1], "-q --wait")])
def test_second_signal_stops_waiting_for_the_reply(stub: Stub, number: int, code: int, flags: str) -> None:
    stub.slow = "POST"
    with start_submission(flags, **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(number)
        time.sleep(0.3)
        process.send_signal(number)
        returned, err, seconds = wait_for_exit(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (code, list_unknown(flags))
    assert seconds < 2


def test_signal_does_not_wait_for_the_list_call(stub: Stub) -> None:
    """Nothing was submitted yet."""
    stub.slow = "GET"
    with start_submission("--reuse-running", **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGTERM)
        returned, err, seconds = wait_for_exit(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (143, [NOTHING])
    assert seconds < 2
    assert [method for method, *_ in stub.requests] == ["GET"]


def test_signal_does_not_wait_for_the_status_check(stub: Stub) -> None:
    stub.body, stub.slow = b'{"task_id":"t1"}', "GET"
    with start_submission("-q", **stub.variables) as process:
        assert stub.stalled.wait(10)
        process.send_signal(signal.SIGINT)
        returned, err, seconds = wait_for_exit(process)
        stub.stalled.clear()
    assert (returned, err.splitlines()) == (130, RESUMED)
    assert seconds < 2


@contextmanager
def serve_sandbox(
    *faults: str, on: Callable[[list[str]], bool]
) -> Iterator[tuple[Sandbox, Callable[[], None], list[str]]]:
    """Serve a sandbox with faults; yield it, a function that waits for `on`, and the methods it received."""
    methods: list[str] = []

    def observe(request: Request, _reply: HttpReply) -> None:
        methods.append(request.method)

    def wait() -> None:
        deadline = time.monotonic() + 10
        while not on(methods) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # so that the client has read the reply and sleeps

    with Sandbox(observe=observe, faults=make_faults(*faults)) as box:
        yield box, wait, methods


@pytest.mark.parametrize("quiet", ["", JSON])
def test_signal_during_reconciliation_prints_that_a_task_may_exist(quiet: str) -> None:
    with serve_sandbox("504", "lag:for=1h", on=lambda methods: "GET" in methods) as (box, wait, methods):
        variables = {**make_settings(box), "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "60s"}
        with start_submission(quiet, **variables) as process:
            wait()
            process.send_signal(signal.SIGINT)
            returned, err, seconds = wait_for_exit(process)
    assert returned == 130
    expected = format_final_output(quiet, 130, *list_unknown(quiet, dataset_id="sandbox-images"))
    assert err.splitlines()[-len(expected) :] == expected
    assert seconds < 2
    assert methods.count("POST") == 1


@pytest.mark.parametrize(
    ("fault", "setting"),
    [("429:retry-after=1m", "MAX_RETRIES"), ("busy", "QUEUE_TIMEOUT")],
)
def test_signal_during_backoff_prints_that_nothing_was_accepted(fault: str, setting: str) -> None:
    with serve_sandbox(fault, on=lambda methods: "POST" in methods) as (box, wait, methods):
        variables = {**make_settings(box), f"MODELARTS_EXPORT_{setting}": "9"}
        with start_submission(**variables) as process:
            wait()
            process.send_signal(signal.SIGTERM)
            returned, err, seconds = wait_for_exit(process)
    assert (returned, methods) == (143, ["POST"])
    assert err.splitlines()[-1] == NOTHING
    assert seconds < 2


def test_signal_during_backoff_after_an_unknown_outcome_prints_that_a_task_may_exist() -> None:
    """The second send was throttled; the first may have been accepted."""
    faults = ("drop:count=1,accepted=no", "429:retry-after=1m")
    with (
        serve_sandbox(*faults, on=lambda methods: methods.count("POST") == 2) as (box, wait, _),
        start_submission("-q", **make_settings(box), MODELARTS_EXPORT_MAX_RETRIES="9") as process,
    ):
        wait()
        process.send_signal(signal.SIGTERM)
        returned, err, _ = wait_for_exit(process)
    assert (returned, err.splitlines()) == (143, list_unknown("-q", dataset_id="sandbox-images"))
