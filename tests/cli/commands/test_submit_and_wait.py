"""`--wait` after a submission: what is said when, and what is known of a new dataset."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.cli.output.test_output import in_bash
from tests.conftest import Answer, Cloud, Outcome, Run, Stub
from tests.support.tracked import ACCEPTED, NEW, OFTEN, refusing, saying

TO_NEW = f"to-new-dataset {NEW} --wait {OFTEN}"
DONE = saying("SUCCESSED", finished_sample_count=20, export_params={"export_new_dataset_name": "cats"})


def named(*datasets: tuple[str, str, int]) -> Answer:
    """Return a list of datasets: ID, name and when it was created."""
    told = [
        {"dataset_id": dataset_id, "dataset_name": name, "create_time": created}
        for dataset_id, name, created in datasets
    ]
    return Answer(body=json.dumps({"total_number": len(told), "datasets": told}).encode())


def made_new(run: Run, stub: Stub, last: Answer, flags: str = "-o json") -> Outcome:
    """Make a new dataset, and wait; the look-up of its ID has the last answer."""
    stub.first, stub.status, stub.body = [ACCEPTED, DONE], last.status, last.body
    return run(f"{TO_NEW} {flags}", **stub.variables)


def test_the_task_after_the_wait_is_the_result(run: Run, quick: Cloud) -> None:
    """An object, as the API sees it in the end; what it asked for is not looked up twice."""
    outcome = run(f"to-obs sandbox-images --path /b/d/ --wait -o json {OFTEN}", **quick.variables)
    assert outcome.code == 0
    task = json.loads(outcome.out)
    assert (task["status"], task["progress"], task["reused"]) == ("SUCCESSED", 100.0, False)
    assert "new_dataset_id" not in task
    assert outcome.err.startswith(f"Created export task {task['task_id']}\n")
    assert outcome.err.endswith("\nhint: the export is in obs://b/d/\n")
    assert len(quick.created) == 1


def test_stopped_export_exits_with_7(run: Run, quick: Cloud) -> None:
    """Against the sandbox's own dataset: STOPPING is waited on, and STOPPED is the end."""
    line = f"to-obs sandbox-stopped --path /b/d/ --wait -o json {OFTEN}"
    outcome = run(line, **quick.variables)
    task, error = json.loads(outcome.out), json.loads(outcome.err.splitlines()[-1])
    assert (outcome.code, error["exit_code"]) == (7, 7)
    assert (task["status"], task["state"]) == ("STOPPED", "stopped")
    assert error["error"] == f"export task {task['task_id']} was stopped before it was finished"


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_forms(run: Run, stub: Stub, form: str, read: Callable[[str], Any]) -> None:
    """An object in JSON and YAML, where `wait` gives an array."""
    stub.first, stub.body = [ACCEPTED], saying("SUCCESSED").body
    out = read(run(f"to-obs --path /b/d/ --wait -o {form}", **stub.variables).out)
    assert (out["task_id"], out["status"]) == ("t1", "SUCCESSED")


def test_the_id_alone(run: Run, stub: Stub) -> None:
    stub.first, stub.body = [ACCEPTED], saying("SUCCESSED").body
    outcome = run("to-obs --path /b/d/ --wait -o id -q", **stub.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, "t1\n", "")


@pytest.mark.parametrize(("last", "code"), [("SUCCESSED", 0), ("FAILED", 7), ("RUNNING", 8)])
def test_quiet(run: Run, stub: Stub, last: str, code: int) -> None:
    """Nothing on stdout, and only an error on stderr."""
    stub.first, stub.body = [ACCEPTED], saying(last).body
    outcome = run(f"to-obs --path /b/d/ --wait -q --timeout 0.05s {OFTEN}", **stub.variables)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("error: ") is bool(code)


@pytest.mark.parametrize("wait", [True, False])
def test_who_waits_does_not_glance(run: Run, stub: Stub, *, wait: bool) -> None:
    """The first look of the wait is the first look of all; without a wait there is one."""
    stub.first, stub.body = [ACCEPTED], saying("SUCCESSED").body
    assert run(f"to-obs --path /b/d/ {'--wait' if wait else '--no-wait'}", **stub.variables).code == 0
    assert [method for method, _, _, _ in stub.heard] == ["POST", "GET"]


def test_the_id_is_told_before_the_wait(stub: Stub) -> None:
    """Whatever becomes of this process, the log has it."""
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
def test_a_task_that_is_not_known_everywhere_yet(run: Run, stub: Stub, status: int) -> None:
    """It was accepted a moment ago: no refusal of a look makes it unknown."""
    unknown = refusing(status, "ModelArts.4359" if status == 400 else "x")
    stub.first, stub.body = [ACCEPTED, unknown, unknown], saying("SUCCESSED").body
    assert run(f"to-obs --path /b/d/ --wait {OFTEN}", **stub.variables).code == 0


def test_a_submission_that_was_refused_is_not_waited_for(run: Run, stub: Stub) -> None:
    refused = refusing(400, "ModelArts.4352")
    stub.status, stub.body = refused.status, refused.body
    outcome = run("to-obs --path /b/d/ --wait", **stub.variables)
    assert (outcome.code, len(stub.heard)) == (3, 1)


def test_the_id_of_the_new_dataset(run: Run, quick: Cloud) -> None:
    """It is looked up by its name, and is in every form of the result, and in the hint."""
    outcome = run(f"to-new-dataset sandbox-images {NEW} --wait -o json {OFTEN}", **quick.variables)
    assert outcome.code == 0
    (dataset,) = [
        each for each in json.loads(quick.exchanges[-1][1].body)["datasets"] if each["dataset_name"] == "cats"
    ]
    assert json.loads(outcome.out)["new_dataset_id"] == dataset["dataset_id"]
    hint = f"hint: the new dataset is cats, with the ID {dataset['dataset_id']}\n"
    assert outcome.err.endswith(f"\n{hint}")


def test_the_name_must_be_the_very_name(run: Run, stub: Stub) -> None:
    """A filter of the API would find names that contain it; of two the newer is ours."""
    others = [("d1", "cats", 1), ("d2", "cats-2", 9), ("d3", "Cats", 9), ("d4", "cats", 2)]
    outcome = made_new(run, stub, named(*others))
    assert json.loads(outcome.out)["new_dataset_id"] == "d4"
    assert "New dataset ID  d4\n" in made_new(run, stub, named(*others), "").out


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (named(("d2", "cats-2", 9)), "no dataset has its name"),
        (named(), "no dataset has its name"),
        (refusing(403, "ModelArts.0112"), "not authorised: no (ModelArts.0112, HTTP 403)"),
        (Answer(status=503), "the service failed"),
        (Answer(body=b"nonsense"), "nonsense"),
    ],
)
def test_a_new_dataset_that_is_not_found(run: Run, stub: Stub, last: Answer, why: str) -> None:
    """The export has succeeded all the same: null, and a warning."""
    outcome = made_new(run, stub, last)
    assert outcome.code == 0
    assert json.loads(outcome.out)["new_dataset_id"] is None
    assert "warning: the ID of the new dataset cats could not be found: " in outcome.err
    assert why in outcome.err
    assert outcome.err.endswith("\nhint: the new dataset is cats\n")
    assert len(stub.heard) == 3


@pytest.mark.parametrize(("status", "code"), [("FAILED", 7), ("RUNNING", 8)])
def test_a_dataset_that_was_not_made_is_not_looked_up(run: Run, stub: Stub, status: str, code: int) -> None:
    stub.first, stub.body = [ACCEPTED], saying(status).body
    outcome = run(f"{TO_NEW} --timeout 0 -o json", **stub.variables)
    assert (outcome.code, len(stub.heard)) == (code, 2)
    assert "new_dataset_id" not in json.loads(outcome.out)


def test_nothing_is_looked_up_without_a_wait(run: Run, stub: Stub) -> None:
    stub.first, stub.body = [ACCEPTED], DONE.body
    outcome = run(f"to-new-dataset {NEW} -o json", **stub.variables)
    assert (outcome.code, len(stub.heard)) == (0, 2)
    assert "new_dataset_id" not in json.loads(outcome.out)


def test_a_result_that_cannot_be_written(quick: Cloud) -> None:
    """The task has ended by then, and must not be submitted again."""
    line = f"to-obs sandbox-images --path /b/d/ --wait -q -o json {OFTEN}"
    done = in_bash(f"{sys.executable} -m modelarts_export {line} > /dev/full", **quick.variables)
    assert done.returncode == 8
    assert "was accepted, but the result cannot be written" in done.stderr


def test_the_wait_ends_with_its_task(run: Run, quick: Cloud) -> None:
    """Not much later than it: looks begin half a second apart when nothing is said about them."""
    begun = time.monotonic()
    assert run("to-obs sandbox-failing --path /b/d/ --wait", **quick.variables).code == 7
    assert time.monotonic() - begun < 2.0
