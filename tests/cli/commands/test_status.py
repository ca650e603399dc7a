"""`status`, `wait` and `list`: retries, failed status checks, and results of many tasks."""

import json
import sys

import pytest

from tests.conftest import Answer, Run, Stub
from tests.support.program import run_in_bash
from tests.support.task_replies import ACCEPTED, OFTEN, make_error_reply, make_list_reply, make_task_reply


@pytest.mark.parametrize(("line", "code"), [("status abc t1", 5), ("list abc", 5)])
def test_transient_error_is_retried(run: Run, stub: Stub, line: str, code: int) -> None:
    stub.first, stub.body = [Answer(status=503)], make_list_reply(t1="SUCCESSED").body
    if line.startswith("status"):
        stub.body = make_task_reply("SUCCESSED").body
    outcome = run(f"{line} -o id --max-retries 1", **stub.variables)
    assert (outcome.code, outcome.out, len(stub.requests)) == (0, "t1\n", 2)
    assert "503" in outcome.err
    stub.first = [Answer(status=503)]
    assert (run(f"{line} -o id", **stub.variables).code, len(stub.requests)) == (code, 3)


def test_only_the_failed_tasks_are_polled_again(run: Run, stub: Stub) -> None:
    stub.first = [
        make_list_reply(),
        make_error_reply(503, "ModelArts.4302"),
        make_task_reply("RUNNING", "t2"),
        make_task_reply("FAILED", "t1"),
    ]
    stub.body = make_task_reply("SUCCESSED", "t2").body
    outcome = run("status abc t1 t2 -o json --max-retries 1", **stub.variables)
    assert [task["status"] for task in json.loads(outcome.out)] == ["FAILED", "RUNNING"]
    assert (outcome.code, len(stub.requests)) == (0, 4)


POLLS = [
    ("wait abc t1 --max-outage 0", [], 8),
    ("to-obs abc --path /b/d/", [ACCEPTED], 0),
    ("to-obs abc --path /b/d/", [Answer(status=504)], 10),
]


@pytest.mark.parametrize(("line", "first", "code"), POLLS, ids=["wait", "status check", "reconcile"])
def test_status_check_of_a_wait_or_submission_is_not_retried(
    run: Run, stub: Stub, line: str, first: list[Answer], code: int
) -> None:
    stub.first, stub.status = [*first], 503
    outcome = run(f"{line} --max-retries 9", **stub.variables)
    assert (outcome.code, len(stub.requests)) == (code, len(first) + 1), outcome.err


@pytest.mark.parametrize("line", ["status abc t1", "list abc"])
def test_status_and_list_do_not_queue_for_a_busy_dataset(run: Run, stub: Stub, line: str) -> None:
    busy = make_error_reply(400, "ModelArts.4409")
    stub.status, stub.body = busy.status, busy.body
    outcome = run(line, **stub.variables, MODELARTS_EXPORT_QUEUE_TIMEOUT="6s")
    assert (outcome.code, len(stub.requests)) == (5, 1)


def test_task_without_a_status_check_is_shown_without_a_status(run: Run, stub: Stub) -> None:
    stub.status = 503
    outcome = run(f"wait abc t1 --max-outage 0 -o json {OFTEN}", **stub.variables)
    assert outcome.code == 8
    assert [(task["task_id"], task["status"]) for task in json.loads(outcome.out)] == [("t1", None)]


def test_failed_status_check_of_one_task_does_not_hide_the_other(run: Run, stub: Stub) -> None:
    stub.first = [
        make_list_reply(),
        make_error_reply(500, "ModelArts.0010"),
        make_task_reply("RUNNING", "t2"),
    ]
    outcome = run("status abc t1 t2 -o json", **stub.variables)
    assert outcome.code == 9
    assert [(task["task_id"], task["status"]) for task in json.loads(outcome.out)] == [("t2", "RUNNING")]


@pytest.mark.parametrize("code", ["APIGW.0301", "ModelArts.0206"])
def test_code_of_a_refused_key_in_a_task_does_not_stop_the_polling(run: Run, stub: Stub, code: str) -> None:
    stub.first = [
        make_list_reply(),
        make_task_reply("FAILED", "t1", error_code=code),
        make_task_reply("SUCCESSED", "t2"),
    ]
    outcome = run(f"wait abc t1 t2 -o json {OFTEN}", **stub.variables)
    assert (outcome.code, len(stub.requests)) == (9, 3)
    assert [task["status"] for task in json.loads(outcome.out)] == ["FAILED", "SUCCESSED"]


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [("wait abc t1", 8, "check the status again"), ("status abc t1", 5, "")],
)
def test_hint_of_an_unwritable_result_does_not_resubmit(stub: Stub, line: str, code: int, hint: str) -> None:
    stub.body = make_task_reply("SUCCESSED").body
    done = run_in_bash(
        f"{sys.executable} -m modelarts_export {line} -q -o json > /dev/full", **stub.variables
    )
    assert done.returncode == code
    assert json.loads(done.stderr)["hint"] == hint


MANY = [
    (["b/x", "b/y", "c/z"], "in obs://b/x/, obs://b/y/ and obs://c/z/"),
    (["b/x", "b/y", "c/z", "d/1", "d/2"], "in obs://b/x/, obs://b/y/, obs://c/z/ and 2 more"),
    ([f"b/d/{number}" for number in range(1500)], "below obs://b/d/"),
    (["b/x"] * 5, "in obs://b/x/"),
]


@pytest.mark.parametrize(("paths", "where"), MANY)
def test_hint_of_many_exports_is_one_line(run: Run, stub: Stub, paths: list[str], where: str) -> None:
    """It names three directories, or the one that all are below."""
    tasks = [
        {"task_id": f"t{number}", "status": "SUCCESSED", "path": f"/{path}/"}
        for number, path in enumerate(paths)
    ]
    stub.body = json.dumps({"total_count": len(tasks), "export_tasks": tasks}).encode()
    outcome = run(f"wait abc {' '.join(task['task_id'] for task in tasks)}", **stub.variables)
    printed = [line for line in outcome.err.splitlines() if line.startswith("hint: ")]
    assert (outcome.code, printed) == (0, [f"hint: the exports are {where}"])


PROGRESS = [(148, "100 %"), (99.99, "99 %"), (-5, "0 %"), (0.4, "0 %"), (35.0, "35 %"), ("soon", "soon")]


@pytest.mark.parametrize(("progress", "printed"), PROGRESS)
def test_progress_is_limited_to_0_to_100_and_rounded_down(
    run: Run, stub: Stub, progress: object, printed: str
) -> None:
    stub.body = make_task_reply(
        "RUNNING", progress=progress, finished_sample_count=1234, total_sample_count=1_234_567
    ).body
    out = run("status abc t1", **stub.variables).out.splitlines()
    assert dict(line.split(maxsplit=1) for line in out)["Progress"] == printed
    assert dict(line.split(maxsplit=1) for line in out)["Samples"] == "1,234/1,234,567"


@pytest.mark.parametrize("line", ["wait abc t1", "status abc t1"])
@pytest.mark.parametrize("as_text", [False, True])
def test_succeeded_task_has_the_id_of_its_new_dataset(
    run: Run, stub: Stub, line: str, *, as_text: bool
) -> None:
    """One search by the exact name; none for a task that writes to a directory."""
    params = {"export_dest": "NEW_DATASET", "export_new_dataset_name": "cats"}
    done = make_task_reply("SUCCESSED", export_params=json.dumps(params) if as_text else params)
    found = {"total_number": 1, "datasets": [{"dataset_id": "d9", "dataset_name": "cats"}]}
    stub.first, stub.body = [done], json.dumps(found).encode()
    (task,) = json.loads(run(f"{line} -o json", **stub.variables).out)
    assert task["new_dataset_id"] == "d9"
    assert len(stub.requests) == 2
    stub.body = make_task_reply("SUCCESSED", export_params={**params, "export_dest": "DIR"}).body
    assert "new_dataset_id" not in json.loads(run(f"{line} -o json", **stub.variables).out)[0]


@pytest.mark.parametrize("line", ["wait abc t1", "status abc t1"])
def test_search_for_a_new_dataset_is_retried(run: Run, stub: Stub, line: str) -> None:
    done = make_task_reply("SUCCESSED", export_params={"export_new_dataset_name": "cats"})
    found = {"total_number": 1, "datasets": [{"dataset_id": "d9", "dataset_name": "cats"}]}
    stub.first, stub.body = [done, Answer(status=503)], json.dumps(found).encode()
    (task,) = json.loads(run(f"{line} -o json --max-retries 1", **stub.variables).out)
    assert (task["new_dataset_id"], len(stub.requests)) == ("d9", 3)


@pytest.mark.parametrize("line", ["wait abc t1", "status abc t1"])
def test_new_dataset_that_is_not_found_is_null_and_warns(run: Run, stub: Stub, line: str) -> None:
    done = make_task_reply("SUCCESSED", export_params={"export_new_dataset_name": "cats"})
    stub.first, stub.body = [done], b'{"total_number": 0, "datasets": []}'
    outcome = run(f"{line} -o json", **stub.variables)
    (task,) = json.loads(outcome.out)
    assert (outcome.code, task["new_dataset_id"]) == (0, None)
    assert "warning: the ID of the new dataset cats could not be found" in outcome.err
