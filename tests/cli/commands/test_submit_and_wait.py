"""Submissions with `--wait`: the result, the messages, and the ID of a new dataset."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.conftest import Answer, Cloud, Outcome, Run, Stub
from tests.support.program import run_in_bash
from tests.support.task_replies import ACCEPTED, NEW, OFTEN, make_error_reply, make_task_reply

TO_NEW = f"to-new-dataset {NEW} --wait {OFTEN}"
DONE = make_task_reply(
    "SUCCESSED", finished_sample_count=20, export_params={"export_new_dataset_name": "cats"}
)


def make_dataset_list(*datasets: tuple[str, str, int]) -> Answer:
    """Return a list of datasets, each given by ID, name and time of creation."""
    listed = [
        {"dataset_id": dataset_id, "dataset_name": name, "create_time": created}
        for dataset_id, name, created in datasets
    ]
    return Answer(body=json.dumps({"total_number": len(listed), "datasets": listed}).encode())


def run_to_new_dataset(run: Run, stub: Stub, search_reply: Answer, flags: str = "-o json") -> Outcome:
    """Create a dataset and wait; `search_reply` answers the search for its ID."""
    stub.first, stub.status, stub.body = [ACCEPTED, DONE], search_reply.status, search_reply.body
    return run(f"{TO_NEW} {flags}", **stub.variables)


def test_result_is_the_finished_task(run: Run, quick: Cloud) -> None:
    outcome = run(f"to-obs sandbox-images --path /b/d/ --wait -o json {OFTEN}", **quick.variables)
    assert outcome.code == 0
    task = json.loads(outcome.out)
    assert (task["status"], task["progress"], task["reused"]) == ("SUCCESSED", 100.0, False)
    assert "new_dataset_id" not in task
    assert outcome.err.startswith(f"Created export task {task['task_id']}\n")
    assert outcome.err.endswith("\nhint: the export is in obs://b/d/\n")
    assert len(quick.created) == 1


def test_stopped_export_exits_with_7(run: Run, quick: Cloud) -> None:
    """STOPPING is polled further, STOPPED is final."""
    line = f"to-obs sandbox-stopped --path /b/d/ --wait -o json {OFTEN}"
    outcome = run(line, **quick.variables)
    task, error = json.loads(outcome.out), json.loads(outcome.err.splitlines()[-1])
    assert (outcome.code, error["exit_code"]) == (7, 7)
    assert (task["status"], task["state"]) == ("STOPPED", "stopped")
    assert error["error"] == f"export task {task['task_id']} was stopped before it was finished"


@pytest.mark.parametrize(("output", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_result_is_one_object(run: Run, stub: Stub, output: str, parse: Callable[[str], Any]) -> None:
    """The result of `wait` is an array."""
    stub.first, stub.body = [ACCEPTED], make_task_reply("SUCCESSED").body
    out = parse(run(f"to-obs --path /b/d/ --wait -o {output}", **stub.variables).out)
    assert (out["task_id"], out["status"]) == ("t1", "SUCCESSED")


def test_output_id_prints_the_id_only(run: Run, stub: Stub) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply("SUCCESSED").body
    outcome = run("to-obs --path /b/d/ --wait -o id -q", **stub.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, "t1\n", "")


@pytest.mark.parametrize(("last", "code"), [("SUCCESSED", 0), ("FAILED", 7), ("RUNNING", 8)])
def test_quiet_prints_errors_only(run: Run, stub: Stub, last: str, code: int) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply(last).body
    outcome = run(f"to-obs --path /b/d/ --wait -q --timeout 0.05s {OFTEN}", **stub.variables)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("error: ") is bool(code)


@pytest.mark.parametrize("wait", [True, False])
def test_one_status_check_follows_the_submission(run: Run, stub: Stub, *, wait: bool) -> None:
    """Also with --wait, whose first status check it is."""
    stub.first, stub.body = [ACCEPTED], make_task_reply("SUCCESSED").body
    assert run(f"to-obs --path /b/d/ {'--wait' if wait else '--no-wait'}", **stub.variables).code == 0
    assert [method for method, _, _, _ in stub.requests] == ["POST", "GET"]


def test_id_is_printed_before_the_wait(stub: Stub) -> None:
    """The log has it even if the process is killed."""
    stub.first = [ACCEPTED, Answer(stalls=True)]
    command = [sys.executable, "-m", "modelarts_export", "to-obs", "--path", "/b/d/", "--wait"]
    with subprocess.Popen(
        command, env={**os.environ, **stub.variables}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == "Created export task t1\n"
        assert stub.stalled.wait(10)
        process.kill()
    stub.stalled.clear()


@pytest.mark.parametrize("status", [500, 429, 400])
def test_failed_status_check_just_after_the_submission_is_repeated(run: Run, stub: Stub, status: int) -> None:
    """Also `not found`, since a new task may be listed late."""
    failed = make_error_reply(status, "ModelArts.4359" if status == 400 else "x")
    stub.first, stub.body = [ACCEPTED, failed, failed], make_task_reply("SUCCESSED").body
    assert run(f"to-obs --path /b/d/ --wait {OFTEN}", **stub.variables).code == 0


def test_refused_submission_is_not_polled(run: Run, stub: Stub) -> None:
    refused = make_error_reply(400, "ModelArts.4352")
    stub.status, stub.body = refused.status, refused.body
    outcome = run("to-obs --path /b/d/ --wait", **stub.variables)
    assert (outcome.code, len(stub.requests)) == (3, 1)


def test_result_and_hint_have_the_id_of_the_new_dataset(run: Run, quick: Cloud) -> None:
    outcome = run(f"to-new-dataset sandbox-images {NEW} --wait -o json {OFTEN}", **quick.variables)
    assert outcome.code == 0
    (dataset,) = [
        each for each in json.loads(quick.exchanges[-1][1].body)["datasets"] if each["dataset_name"] == "cats"
    ]
    assert json.loads(outcome.out)["new_dataset_id"] == dataset["dataset_id"]
    hint = f"hint: the new dataset is cats (ID {dataset['dataset_id']})\n"
    assert outcome.err.endswith(f"\n{hint}")


def test_new_dataset_is_found_by_its_exact_name(run: Run, stub: Stub) -> None:
    """A filter of the API would match parts of names; of two datasets the newer one is ours."""
    datasets = [("d1", "cats", 1), ("d2", "cats-2", 9), ("d3", "Cats", 9), ("d4", "cats", 2)]
    outcome = run_to_new_dataset(run, stub, make_dataset_list(*datasets))
    assert json.loads(outcome.out)["new_dataset_id"] == "d4"
    assert "New dataset ID  d4\n" in run_to_new_dataset(run, stub, make_dataset_list(*datasets), "").out


@pytest.mark.parametrize(
    ("search_reply", "reason"),
    [
        (make_dataset_list(("d2", "cats-2", 9)), "no dataset has its name"),
        (make_dataset_list(), "no dataset has its name"),
        (make_error_reply(403, "ModelArts.0112"), "could not be found: no (ModelArts.0112, HTTP 403)"),
        (Answer(status=503), "the service failed"),
        (Answer(body=b"nonsense"), "nonsense"),
    ],
)
def test_new_dataset_that_is_not_found_is_null_and_warns(
    run: Run, stub: Stub, search_reply: Answer, reason: str
) -> None:
    outcome = run_to_new_dataset(run, stub, search_reply)
    assert outcome.code == 0
    assert json.loads(outcome.out)["new_dataset_id"] is None
    assert "warning: the ID of the new dataset cats could not be found: " in outcome.err
    assert reason in outcome.err
    assert outcome.err.endswith("\nhint: the new dataset is cats\n")
    assert len(stub.requests) == 3


@pytest.mark.parametrize(("status", "code"), [("FAILED", 7), ("RUNNING", 8)])
def test_new_dataset_of_an_unsuccessful_task_is_not_searched(
    run: Run, stub: Stub, status: str, code: int
) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply(status).body
    outcome = run(f"{TO_NEW} --timeout 0 -o json", **stub.variables)
    assert (outcome.code, len(stub.requests)) == (code, 2)
    assert "new_dataset_id" not in json.loads(outcome.out)


def test_new_dataset_is_not_searched_without_wait(run: Run, stub: Stub) -> None:
    stub.first, stub.body = [ACCEPTED], DONE.body
    outcome = run(f"to-new-dataset {NEW} -o json", **stub.variables)
    assert (outcome.code, len(stub.requests)) == (0, 2)
    assert "new_dataset_id" not in json.loads(outcome.out)


def test_unwritable_result_exits_with_8(quick: Cloud) -> None:
    """The task was accepted and must not be submitted again."""
    line = f"to-obs sandbox-images --path /b/d/ --wait -q -o json {OFTEN}"
    done = run_in_bash(f"{sys.executable} -m modelarts_export {line} > /dev/full", **quick.variables)
    assert done.returncode == 8
    assert "was accepted, but the result cannot be written" in done.stderr


def test_default_poll_interval_is_short_at_first(run: Run, quick: Cloud) -> None:
    start_time = time.monotonic()
    assert run("to-obs sandbox-failing --path /b/d/ --wait", **quick.variables).code == 7
    assert time.monotonic() - start_time < 2.0
