"""Several tasks at once: their combined exit code, and `--any`."""

import json
import re
import shlex

import pytest

from tests.conftest import Cloud, Run, Stub
from tests.support.task_replies import OFTEN, create_task, make_error_reply, make_list_reply, make_task_reply

OUTCOMES = [
    (["SUCCESSED", "SUCCESSED"], 0),
    (["FAILED", "FAILED"], 7),
    (["RUNNING", "RUNNING"], 8),
    (["SUCCESSED", "RUNNING"], 8),
    (["SUCCESSED", "FAILED"], 9),
    (["RUNNING", "FAILED"], 9),
    (["SUCCESSED", "RUNNING", "FAILED"], 9),
]


@pytest.mark.parametrize(("statuses", "code"), OUTCOMES)
def test_outcomes_are_combined(run: Run, stub: Stub, statuses: list[str], code: int) -> None:
    """Every task is in the result, in the given order."""
    fields = {f"t{number}": status for number, status in enumerate(statuses, 1)}
    stub.body = make_list_reply(**dict(reversed(fields.items()))).body
    outcome = run(f"wait abc {' '.join(fields)} --timeout 0 -o json", **stub.variables)
    assert outcome.code == code
    assert [(task["task_id"], task["status"]) for task in json.loads(outcome.out)] == list(fields.items())
    if code:
        error = json.loads(outcome.err.splitlines()[-1])
        assert error["exit_code"] == code
        assert len(error["problems"]) == len(statuses) - statuses.count("SUCCESSED")


def test_different_outcomes_are_listed(run: Run, quick: Cloud) -> None:
    """Succeeded tasks are not listed."""
    fine, failing = create_task(run, quick), create_task(run, quick, "sandbox-failing")
    outcome = run(f"wait sandbox-failing {failing} {fine} {OFTEN} --max-outage 0s", **quick.variables)
    assert outcome.code == 9
    summary = re.search(r"^error: 2 tasks: 1 failed, 1 not found in \d+s\n", outcome.err, re.MULTILINE)
    assert summary
    failures = outcome.err[: summary.start()]
    assert f"\nerror: export task {failing} failed: ModelArts.4401: " in failures
    assert f"\nerror: export task {fine}: Export task does not exist " in failures


@pytest.mark.parametrize(
    ("code", "hint"), [("4401", "check permission and space in OBS; then submit it again"), ("4358", "")]
)
def test_hint_is_printed_if_it_applies_to_all_tasks(run: Run, stub: Stub, code: str, hint: str) -> None:
    reasons = {"t1": "4401", "t2": code}
    fields = [
        {"task_id": name, "status": "FAILED", "error_code": f"ModelArts.{reason}"}
        for name, reason in reasons.items()
    ]
    stub.body = json.dumps({"total_count": 2, "export_tasks": fields}).encode()
    outcome = run("wait abc t1 t2 -q -o json", **stub.variables)
    error = json.loads(outcome.err)
    assert (outcome.code, error["hint"]) == (7, hint)


@pytest.mark.parametrize("failed", [0, 2, 20])
def test_many_tasks_end_in_few_lines(run: Run, stub: Stub, failed: int) -> None:
    """A row each, the failures with their reasons, a summary, and hints once."""
    listed = [
        {
            "task_id": f"t{number}",
            "path": f"/b/{number}/",
            "status": "FAILED" if number < failed else "SUCCESSED",
        }
        | ({"error_code": "ModelArts.4401", "error_msg": "no space"} if number < failed else {})
        for number in range(20)
    ]
    stub.body = json.dumps({"total_count": 20, "export_tasks": listed}).encode()
    outcome = run(["wait", "abc", *(task["task_id"] for task in listed)], **stub.variables)
    err = outcome.err.splitlines()
    counts = [f"{20 - failed} succeeded"] * (failed < 20) + [f"{failed} failed"] * (failed > 0)
    summary = f"20 tasks: {', '.join(counts)} in 0s"
    assert len(outcome.out.splitlines()) == 21
    assert f"{'error: ' if failed else ''}{summary}" in err
    assert [line for line in err if "failed: ModelArts.4401: no space" in line and "error:" in line] == [
        f"error: export task t{number} failed: ModelArts.4401: no space" for number in range(failed)
    ]
    assert sum(line.startswith("hint:") for line in err) == (failed > 0) + (failed < 20)
    assert len(err) <= 2 * failed + 4


def test_command_to_resume_has_the_unfinished_tasks(run: Run, stub: Stub) -> None:
    stub.body = make_list_reply(t1="SUCCESSED", t2="RUNNING", t3="INIT").body
    outcome = run("wait abc t1 t2 t3 --timeout 0", **stub.variables)
    assert "hint: wait with: modelarts-export wait abc t2 t3\n" in outcome.err


def test_hundred_tasks_are_polled_with_one_list_call(run: Run, stub: Stub) -> None:
    running = {f"t{number}": "RUNNING" for number in range(100)}
    stub.first, stub.body = (
        [make_list_reply(**running)],
        make_list_reply(**dict.fromkeys(running, "SUCCESSED")).body,
    )
    assert run(f"wait abc {' '.join(running)} {OFTEN}", **stub.variables).code == 0
    paths = [path for _, path, _, _ in stub.requests]
    assert paths == ["/v2/0123/datasets/abc/export-tasks?limit=100&offset=0"] * 2


@pytest.mark.parametrize(("status", "code"), [("SUCCESSED", 0), ("FAILED", 7)])
def test_any_stops_at_the_first_finished_task(run: Run, stub: Stub, status: str, code: int) -> None:
    """Its outcome is the exit code, and it comes first in the result."""
    stub.first = [make_list_reply(t1="RUNNING", t2="RUNNING")]
    stub.body = make_list_reply(t1="RUNNING", t2=status).body
    outcome = run(f"wait abc t1 t2 --any {OFTEN} -o json", **stub.variables)
    assert outcome.code == code
    assert [task["task_id"] for task in json.loads(outcome.out)] == ["t2", "t1"]
    assert len(stub.requests) == 2


def test_any_takes_the_outcome_of_the_earlier_finished_task(run: Run, stub: Stub) -> None:
    """By the server's clock, whatever the order of the arguments."""
    stub.body = make_list_reply(t2="FAILED", t1="SUCCESSED").body
    outcome = run(f"wait abc t1 t2 --any {OFTEN} -o id", **stub.variables)
    assert (outcome.code, outcome.out) == (7, "t2\nt1\n")


def test_command_to_resume_has_any(run: Run, stub: Stub) -> None:
    stub.body = make_list_reply(t1="RUNNING", t2="INIT").body
    outcome = run("wait abc t1 t2 --any --timeout 0", **stub.variables)
    assert outcome.code == 8
    assert "modelarts-export wait abc t1 t2 --any\n" in outcome.err


def test_id_given_twice_is_polled_once(run: Run, stub: Stub) -> None:
    stub.body = make_task_reply("SUCCESSED").body
    outcome = run("wait abc t1 t1 -o id", **stub.variables)
    assert (outcome.code, outcome.out, len(stub.requests)) == (0, "t1\n", 1)


@pytest.mark.parametrize("arguments", ["-", "t1 -", "- t3", "- -"])
def test_dash_is_replaced_by_the_ids_on_stdin(run: Run, stub: Stub, arguments: str) -> None:
    """They are separated by any whitespace."""
    stub.body = make_list_reply(t1="SUCCESSED", t2="SUCCESSED", t3="SUCCESSED").body
    outcome = run(f"wait abc {arguments} -o id", stdin=b"t1\r\nt2 t3\n\n", **stub.variables)
    assert (outcome.code, outcome.out) == (0, "t1\nt2\nt3\n")


def test_existing_task_is_shown_beside_a_missing_one(run: Run, cloud: Cloud) -> None:
    """The error is about the missing one."""
    task_id = create_task(run, cloud)
    outcome = run(f"status sandbox-images {task_id} nope -o json", **cloud.variables)
    error = json.loads(outcome.err.splitlines()[-1])
    assert outcome.code == error["exit_code"] == 9
    assert [task["task_id"] for task in json.loads(outcome.out)] == [task_id]
    assert error["error"] == "2 tasks: 1 shown, 1 not found"
    assert error["problems"][0]["message"].startswith("export task nope: Export task does not exist")
    assert "wait" not in error["hint"]


def test_missing_tasks_exit_with_3(run: Run, cloud: Cloud) -> None:
    outcome = run("status sandbox-images nope neither", **cloud.variables)
    assert (outcome.code, outcome.out) == (3, "")
    assert "error: 2 tasks: 2 not found\n" in outcome.err


def test_refused_status_of_several_tasks_is_one_error(run: Run, stub: Stub) -> None:
    refused = make_error_reply(403, "ModelArts.0112")
    stub.status, stub.body = refused.status, refused.body
    outcome = run(shlex.split("status abc t1 t2 t3"), **stub.variables)
    assert (outcome.code, len(stub.requests)) == (4, 1)
    assert outcome.err.count("ModelArts.0112") == 1


STATUSES = [("INIT", 8), ("RUNNING", 8), ("PAUSED", 8), ("FAILED", 7), ("SUCCESSED", 0), ("SUCCESS", 0)]
STATUSES += [("STOPPING", 8), ("STOPPED", 7)]


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_exit_status_derives_the_code_from_the_state(run: Run, stub: Stub, status: str, code: int) -> None:
    """Without the flag, the exit code is 0."""
    stub.body = make_task_reply(status).body
    assert run("status abc t1 --exit-status", **stub.variables).code == code
    assert run("status abc t1", **stub.variables).code == 0
    assert len(stub.requests) == 2


@pytest.mark.parametrize("command", ["status", "wait"])
def test_result_is_always_an_array(run: Run, stub: Stub, command: str) -> None:
    """Also for one task."""
    stub.body = make_task_reply("SUCCESSED").body
    shown = json.loads(run(f"{command} abc t1 -o json", **stub.variables).out)
    assert [task["task_id"] for task in shown] == ["t1"]
    assert run(f"{command} abc t1 -o yaml", **stub.variables).out.startswith("- task_id: t1\n")
    assert run(f"{command} abc t1 -o id", **stub.variables).out == "t1\n"


@pytest.mark.parametrize("command", ["status", "wait"])
def test_quiet_writes_errors_only(run: Run, stub: Stub, command: str) -> None:
    stub.body = make_task_reply("SUCCESSED", finished_sample_count=0).body
    outcome = run(f"{command} abc t1 -q", **stub.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    stub.body = make_task_reply("FAILED").body
    outcome = run(f"{command} abc t1 -q {'--exit-status' if command == 'status' else ''}", **stub.variables)
    assert (outcome.code, outcome.out) == (7, "")
    assert outcome.err.startswith("error: export task t1 failed")


def test_wait_without_any_polls_until_all_tasks_are_finished(run: Run, stub: Stub) -> None:
    stub.first = [make_list_reply(t1="SUCCESSED", t2="RUNNING")]
    stub.body = make_task_reply("SUCCESSED", "t2").body
    outcome = run(f"wait abc t1 t2 -o json {OFTEN}", **stub.variables)
    assert outcome.code == 0
    assert [each["status"] for each in json.loads(outcome.out)] == ["SUCCESSED", "SUCCESSED"]
    assert len(stub.requests) == 2
