"""SIGINT and SIGTERM during a wait, and closed pipes, in subprocesses."""

import json
import re
import shlex
import signal
import sys

import pytest

from tests.conftest import Answer, Cloud, Run, Stub
from tests.support.interruption import interrupt, make_sleep_check
from tests.support.program import run_in_bash
from tests.support.task_replies import ACCEPTED, NEW, OFTEN, create_task, make_list_reply, make_task_reply

# a shell function in place of the installed script
PROGRAM = f'modelarts-export() {{ {shlex.quote(sys.executable)} -m modelarts_export "$@"; }}'
INTERRUPTED = re.compile(
    r"^warning: interrupted; accepted tasks continue\n"
    r"hint: wait with: (modelarts-export wait .+)$",
    re.MULTILINE,
)
FAR_BETWEEN = "--poll-interval 60s"
RUNNING, STALLING = make_task_reply("RUNNING"), Answer(stalls=True)


def find_resume_command(err: str) -> str:
    """Return the command in the hint, which is a line or in the JSON object of the last line."""
    last = err.splitlines()[-1]
    if last.startswith("{"):
        error = json.loads(last)
        err = f"warning: {error['error']}\nhint: {error['hint']}\n"
    found = INTERRUPTED.findall(err)
    assert len(found) == 1, err
    return str(found[0])


@pytest.mark.parametrize(
    ("style", "number", "code"),
    [("", signal.SIGINT, 130), ("-q", signal.SIGTERM, 143), ("-o json", signal.SIGINT, 130)],
)
def test_interrupted_wait_prints_the_result_and_the_command_to_resume(
    stub: Stub, style: str, number: int, code: int
) -> None:
    """The command also when quiet."""
    stub.body = RUNNING.body
    outcome = interrupt(f"wait abc t1 {style} {FAR_BETWEEN}", stub.variables, make_sleep_check(stub), number)
    assert (outcome.code, "RUNNING" in outcome.out) == (code, style != "-q")
    command = find_resume_command(outcome.err)
    assert command == f"modelarts-export wait abc t1 {FAR_BETWEEN}"
    assert outcome.err.count("\n") == (3 if style == "" else 2)
    if style == "-o json":
        assert [each["status"] for each in json.loads(outcome.out)] == ["RUNNING"]
        assert json.loads(outcome.err.splitlines()[-1])["exit_code"] == code
    assert {method for method, _, _, _ in stub.requests} == {"GET"}


def test_command_to_resume_is_runnable_in_a_shell(stub: Stub) -> None:
    stub.body = RUNNING.body
    outcome = interrupt(f"wait abc t1 {OFTEN}", stub.variables, make_sleep_check(stub))
    stub.first, stub.body = [RUNNING] * 3, make_task_reply("SUCCESSED").body
    resumed = run_in_bash(f"{PROGRAM}; {find_resume_command(outcome.err)}", **stub.variables)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr == "export task t1: running\nexport task t1: succeeded\n"


def test_command_to_resume_has_the_ids_from_stdin(stub: Stub) -> None:
    """The stalled reply is not waited for."""
    stub.slow = "GET"
    outcome = interrupt("wait abc - --any -q", stub.variables, stub.stalled.is_set, stdin="t1\nt2\n")
    stub.stalled.clear()
    assert outcome.code == 130
    assert find_resume_command(outcome.err) == "modelarts-export wait abc t1 t2 --any"


@pytest.mark.parametrize(
    ("style", "number", "code"), [("-q", signal.SIGINT, 130), ("-o json", signal.SIGTERM, 143)]
)
def test_interrupted_wait_of_a_submission_prints_the_command_to_resume(
    stub: Stub, style: str, number: int, code: int
) -> None:
    stub.first, stub.body = [ACCEPTED], RUNNING.body
    line = f"to-obs --path /b/d/ --wait {style} {FAR_BETWEEN}"
    outcome = interrupt(line, stub.variables, make_sleep_check(stub, requests=2), number)
    assert (outcome.code, "RUNNING" in outcome.out) == (code, style != "-q")
    assert find_resume_command(outcome.err) == f"modelarts-export wait abc t1 {FAR_BETWEEN}"
    assert [method for method, _, _, _ in stub.requests] == ["POST", "GET"]


def test_stalled_first_status_check_is_not_waited_for(stub: Stub) -> None:
    stub.first = [ACCEPTED, STALLING]
    outcome = interrupt("to-obs --path /b/d/ --wait", stub.variables, stub.stalled.is_set, signal.SIGTERM)
    stub.stalled.clear()
    assert outcome.code == 143
    assert outcome.err.startswith("Created export task t1\n")
    assert find_resume_command(outcome.err) == "modelarts-export wait abc t1"


def test_stalled_search_for_the_new_dataset_is_not_waited_for(stub: Stub) -> None:
    """The result of the finished task was not printed yet."""
    stub.first = [ACCEPTED, make_task_reply("SUCCESSED"), STALLING]
    outcome = interrupt(f"to-new-dataset {NEW} --wait -q", stub.variables, stub.stalled.is_set)
    stub.stalled.clear()
    assert outcome.code == 130
    assert find_resume_command(outcome.err) == "modelarts-export wait abc t1"


@pytest.mark.parametrize("line", ["wait abc t1 t2", "list abc"])
def test_closed_pipe_exits_with_141_without_a_message(stub: Stub, line: str) -> None:
    stub.body = make_list_reply(t1="SUCCESSED", t2="SUCCESSED").body
    command = f"{sys.executable} -m modelarts_export {line} -q -o json; echo $? >&2"
    done = run_in_bash(f"({command}) | true", **stub.variables)
    assert done.stderr == "141\n"


def test_wait_reads_the_ids_that_list_prints(run: Run, quick: Cloud) -> None:
    tasks = [create_task(run, quick) for _ in range(3)]
    done = run_in_bash(
        f"{PROGRAM}; modelarts-export list sandbox-images -o id | "
        f"modelarts-export wait sandbox-images - -o id {OFTEN}",
        **quick.variables,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == tasks[::-1]
