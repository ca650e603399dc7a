"""Ctrl-C and SIGTERM while somebody waits, in real processes; and pipes that close."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.cli.output.test_output import in_bash
from tests.conftest import Answer, Cloud, Outcome, Run, Stub
from tests.support.tracked import ACCEPTED, NEW, OFTEN, created, listing, saying

# what a user types, before Python knows where it is
PROGRAM = f'modelarts-export() {{ {shlex.quote(sys.executable)} -m modelarts_export "$@"; }}'
INTERRUPTED = re.compile(
    r"^warning: interrupted; what was accepted goes on\nhint: wait for it with: (modelarts-export wait .+)$",
    re.MULTILINE,
)
FAR_BETWEEN = "--poll-interval 60s"
PATIENCE = 10.0  # seconds until a test gives up
RUNNING, STALLING = saying("RUNNING"), Answer(stalls=True)


def interrupted(
    line: str,
    variables: dict[str, str],
    is_time: Callable[[], object],
    number: int = signal.SIGINT,
    *,
    stdin: str = "",
) -> Outcome:
    """Run a command line, send it a signal once it is time, and see it end within a second."""
    command = [sys.executable, "-m", "modelarts_export", *line.split()]
    environ, pipe = {**os.environ, **variables}, subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # or communicate would flush it
        until(is_time)
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        assert time.monotonic() - begun < 1.0
    return Outcome(code=process.returncode, out=out, err=err)


def until(is_time: Callable[[], object]) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE
    while not is_time():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def resuming(err: str) -> str:
    """Return the command that an interrupted one told, in words or in the last line as JSON."""
    last = err.splitlines()[-1]
    if last.startswith("{"):
        error = json.loads(last)
        err = f"warning: {error['error']}\nhint: {error['hint']}\n"
    found = INTERRUPTED.findall(err)
    assert len(found) == 1, err
    return str(found[0])


def when_asleep(stub: Stub, looks: int = 1) -> Callable[[], bool]:
    """Tell that so many requests were answered, and the client went to sleep, as far as one can know."""

    def is_time() -> bool:
        heard = len(stub.heard) >= looks
        time.sleep(0.1 if heard else 0.0)
        return heard

    return is_time


@pytest.mark.parametrize(
    ("style", "number", "code"),
    [("", signal.SIGINT, 130), ("-q", signal.SIGTERM, 143), ("-o json", signal.SIGINT, 130)],
)
def test_a_wait_that_sleeps(stub: Stub, style: str, number: int, code: int) -> None:
    """The result is written as after a timeout, and the command to resume is told, however quiet."""
    stub.body = RUNNING.body
    outcome = interrupted(f"wait abc t1 {style} {FAR_BETWEEN}", stub.variables, when_asleep(stub), number)
    assert (outcome.code, "RUNNING" in outcome.out) == (code, style != "-q")
    told = resuming(outcome.err)
    assert told == f"modelarts-export wait abc t1 {FAR_BETWEEN}"
    assert outcome.err.count("\n") == (3 if style == "" else 2)
    if style == "-o json":
        assert [each["status"] for each in json.loads(outcome.out)] == ["RUNNING"]
        assert json.loads(outcome.err.splitlines()[-1])["exit_code"] == code
    assert {method for method, _, _, _ in stub.heard} == {"GET"}


def test_the_command_to_resume_goes_on_waiting(stub: Stub) -> None:
    """As it stands, in a shell."""
    stub.body = RUNNING.body
    outcome = interrupted(f"wait abc t1 {OFTEN}", stub.variables, when_asleep(stub))
    stub.first, stub.body = [RUNNING] * 3, saying("SUCCESSED").body
    resumed = in_bash(f"{PROGRAM}; {resuming(outcome.err)}", **stub.variables)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr == "export task t1: running\nexport task t1: succeeded\n"


def test_a_wait_for_a_reply_that_stalls(stub: Stub) -> None:
    """The reply is not waited for; the IDs from stdin are in the command, as stdin is gone."""
    stub.slow = "GET"
    outcome = interrupted("wait abc - --any -q", stub.variables, stub.stalled.is_set, stdin="t1\nt2\n")
    stub.stalled.clear()
    assert outcome.code == 130
    assert resuming(outcome.err) == "modelarts-export wait abc t1 t2 --any"


@pytest.mark.parametrize(
    ("style", "number", "code"), [("-q", signal.SIGINT, 130), ("-o json", signal.SIGTERM, 143)]
)
def test_a_submission_that_waits(stub: Stub, style: str, number: int, code: int) -> None:
    """The task that was accepted is in the command to resume, and nothing is said of submitting again."""
    stub.first, stub.body = [ACCEPTED], RUNNING.body
    line = f"to-obs --path /b/d/ --wait {style} {FAR_BETWEEN}"
    outcome = interrupted(line, stub.variables, when_asleep(stub, looks=2), number)
    assert (outcome.code, "RUNNING" in outcome.out) == (code, style != "-q")
    assert resuming(outcome.err) == f"modelarts-export wait abc t1 {FAR_BETWEEN}"
    assert [method for method, _, _, _ in stub.heard] == ["POST", "GET"]


def test_a_submission_whose_first_look_stalls(stub: Stub) -> None:
    stub.first = [ACCEPTED, STALLING]
    outcome = interrupted("to-obs --path /b/d/ --wait", stub.variables, stub.stalled.is_set, signal.SIGTERM)
    stub.stalled.clear()
    assert outcome.code == 143
    assert outcome.err.startswith("Created export task t1\n")
    assert resuming(outcome.err) == "modelarts-export wait abc t1"


def test_a_look_for_the_new_dataset_that_stalls(stub: Stub) -> None:
    """The task has ended by then, but nobody was told."""
    stub.first = [ACCEPTED, saying("SUCCESSED"), STALLING]
    outcome = interrupted(f"to-new-dataset {NEW} --wait -q", stub.variables, stub.stalled.is_set)
    stub.stalled.clear()
    assert outcome.code == 130
    assert resuming(outcome.err) == "modelarts-export wait abc t1"


@pytest.mark.parametrize("line", ["wait abc t1 t2", "list abc"])
def test_a_closed_pipe_ends_quietly(stub: Stub, line: str) -> None:
    """`| head` is no error."""
    stub.body = listing(t1="SUCCESSED", t2="SUCCESSED").body
    command = f"{sys.executable} -m modelarts_export {line} -q -o json; echo $? >&2"
    done = in_bash(f"({command}) | true", **stub.variables)
    assert done.stderr == "141\n"


def test_what_list_writes_is_what_wait_reads(run: Run, quick: Cloud) -> None:
    """`list -o id | wait DATASET -` waits for every task of a dataset."""
    tasks = [created(run, quick) for _ in range(3)]
    done = in_bash(
        f"{PROGRAM}; modelarts-export list sandbox-images -o id | "
        f"modelarts-export wait sandbox-images - -o id {OFTEN}",
        **quick.variables,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == tasks[::-1]
