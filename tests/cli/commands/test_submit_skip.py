"""`--skip-if-running` and `--if-path-used` against a sandbox with older tasks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cloud, Outcome, Run

TO_OBS = "to-obs sandbox-images --path /b/d/new/"
SKIP = "--skip-if-running obs://b/d"


def make_body(path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the request body of an export to a path, with these export_params."""
    usual = {"sample_state": "", "export_dest": "DIR"}
    return {"path": path, "export_type": 3, "export_params": {**usual, **(params or {})}}


def make_new_dataset_body(path: str, work_path: str) -> dict[str, Any]:
    """Return the request body of an export to a new dataset."""
    names = {"export_new_dataset_name": "n", "export_new_dataset_work_path": work_path}
    return make_body(path, {"export_dest": "NEW_DATASET", **names})


def add_task(cloud: Cloud, request: dict[str, Any], *, age: float = 60.0, finished: bool = False) -> str:
    """Add an older task, unfinished or succeeded, and return its ID; `age` is in seconds."""
    task = cloud.sandbox.gateway.cloud.add_task(
        "sandbox-images", request, age=age, duration=1.0 if finished else 1e6
    )
    return task.task_id


def assert_skipped(outcome: Outcome, cloud: Cloud, task_id: str) -> None:
    """Assert that this task is the result, and that no other request was sent."""
    task = json.loads(outcome.out)
    assert (outcome.code, task["task_id"], task["skipped"], task["reused"]) == (0, task_id, True, False)
    assert [request.method for request, _ in cloud.exchanges] == ["GET"]


@pytest.mark.parametrize(
    "flags", ["", "--wait", "--wait --require-samples 5 --timeout 0", "--if-path-used fail"]
)
def test_unfinished_task_below_the_directory_skips_the_submission(run: Run, cloud: Cloud, flags: str) -> None:
    """The newest one is the result; --wait and --require-samples do not apply to it."""
    add_task(cloud, make_body("/b/d/"), age=300)
    newest = add_task(cloud, make_body("/b/d/2026/"), age=100)
    add_task(cloud, make_body("/b/d/new/"), age=10, finished=True)
    outcome = run(f"{TO_OBS} {SKIP} {flags} -o json", **cloud.variables)
    assert_skipped(outcome, cloud, newest)
    message = f"Skipped: export task {newest} (queued) writes to /b/d/2026/; nothing was submitted\n"
    assert outcome.err == message


def test_quiet_skip_with_output_id_prints_the_id(run: Run, cloud: Cloud) -> None:
    task_id = add_task(cloud, make_body("/b/d/"))
    outcome = run(f"{TO_OBS} {SKIP} -q -o id", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{task_id}\n", "")


def test_work_path_below_the_directory_skips_the_submission(run: Run, cloud: Cloud) -> None:
    """The directory may be a bucket."""
    task_id = add_task(cloud, make_new_dataset_body("/z/in/", "/b/d/work/"))
    assert_skipped(run(f"{TO_OBS} --skip-if-running /b -o json", **cloud.variables), cloud, task_id)


@pytest.mark.parametrize("flags", ["", "--dry-run"])
@pytest.mark.parametrize("within", ["/b/d/", "/b/w/", "/c/", "/b/d/ne/"])
def test_export_outside_the_directory_warns(
    run: Run, cloud: Cloud, within: str, flags: str, *, tmp_path: Path
) -> None:
    """The same words in all commands that create an export task; a work path counts, too."""
    warning = f"the path is not in {within}, the directory of --skip-if-running\n"
    is_outside = within in ("/c/", "/b/d/ne/")
    for line in (TO_OBS, TO_NEW):
        expected = is_outside or (line == TO_OBS and within == "/b/w/")
        outcome = run(f"{line} --skip-if-running {within} {flags}", **cloud.variables)
        assert (outcome.code, f"warning: {warning}" in outcome.err) == (0, expected), outcome.err
    spec = tmp_path / "a.yaml"
    spec.write_text("path: /b/d/new/\n---\npath: /b/d/newer/\n")
    outcome = run(f"apply {spec} -d sandbox-images --skip-if-running {within} {flags}", **cloud.variables)
    expected = is_outside or within == "/b/w/"
    assert (outcome.code, f"warning: {spec}:1 and 1 more: {warning}" in outcome.err) == (0, expected)


@pytest.mark.parametrize(("path", "finished"), [("/b/dd/", False), ("/b/", False), ("/b/d/", True)])
def test_other_directory_or_finished_task_does_not_skip(
    run: Run, cloud: Cloud, path: str, *, finished: bool
) -> None:
    add_task(cloud, make_body(path), finished=finished)
    outcome = run(f"{TO_OBS} {SKIP} -o json", **cloud.variables)
    assert (outcome.code, json.loads(outcome.out)["skipped"], len(cloud.created)) == (0, False, 1)


def test_reuse_takes_precedence_over_skip(run: Run, quick: Cloud) -> None:
    identical = quick.sandbox.gateway.cloud.add_task(
        "sandbox-images", make_body("/b/d/new/"), age=10, duration=10.3
    )
    add_task(quick, make_body("/b/d/other/"), age=1)
    flags = f"--reuse-running {SKIP} --if-path-used fail --wait --poll-interval 0.1s"
    outcome = run(f"{TO_OBS} {flags} -o json", **quick.variables)
    task = json.loads(outcome.out)
    assert (outcome.code, task["task_id"], task["status"]) == (0, identical.task_id, "SUCCESSED")
    assert (task["reused"], task["skipped"], quick.created) == (True, False, [])


def test_all_four_options_read_the_list_once(run: Run, cloud: Cloud) -> None:
    flags = f"--reuse-running --reuse-within 20h {SKIP} --if-path-used fail"
    assert run(f"{TO_OBS} {flags} -o id", **cloud.variables).code == 0
    assert [request.method for request, _ in cloud.exchanges] == ["GET", "POST"]


TO_NEW = "to-new-dataset sandbox-images --path /b/d/new/ --new-dataset-name m --new-dataset-work-path /b/w/m/"
USED = [
    (TO_OBS, make_body("/b/d/new/"), "/b/d/new/, the same directory"),
    (TO_OBS, make_body("/b/d/"), "/b/d/, above it"),
    (TO_OBS, make_body("/b/d/new/2026/"), "/b/d/new/2026/, below it"),
    (TO_OBS, make_new_dataset_body("/z/in/", "/b/d/new/"), "/b/d/new/, the same directory"),
    (TO_NEW, make_body("/b/w/"), "/b/w/, above it"),
]


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("used", USED)
def test_path_used_by_another_task_is_refused_or_warned_about(
    run: Run, cloud: Cloud, used: tuple[str, dict[str, Any], str], *, finished: bool
) -> None:
    line, request, location = used
    task_id = add_task(cloud, request, finished=finished)
    outcome = run(f"{line} --if-path-used fail -o json", **cloud.variables)
    assert (outcome.code, outcome.out, cloud.created) == (2, "", [])
    error = json.loads(outcome.err.splitlines()[-1])
    assert (
        f"export task {task_id} ({'succeeded' if finished else 'queued'}) writes to {location}"
        in error["error"]
    )
    assert error["hint"] == "choose another path; or give --if-path-used warn"
    outcome = run(f"{line} --if-path-used warn -o id", **cloud.variables)
    assert (outcome.code, len(cloud.created)) == (0, 1)
    assert f"writes to {location}; the API does not document what it does with files there" in outcome.err


@pytest.mark.parametrize("path", ["/b/d/newer/", "/b/d/old/", "/c/d/new/"])
def test_sibling_path_is_not_used(run: Run, cloud: Cloud, path: str) -> None:
    add_task(cloud, make_body(path))
    assert run(f"{TO_OBS} --if-path-used fail -o id", **cloud.variables).code == 0


def test_path_of_a_failed_task_is_not_used(run: Run, cloud: Cloud) -> None:
    cloud.sandbox.gateway.cloud.add_task("sandbox-failing", make_body("/b/d/new/"), age=60, duration=1)
    line = TO_OBS.replace("images", "failing")
    assert run(f"{line} --if-path-used fail -o id", **cloud.variables).code == 0
    assert run(f"{line} --if-path-used fail -o id", **cloud.variables).code == 2


@pytest.mark.parametrize("flags", [SKIP, "--if-path-used warn"])
def test_failed_list_call_sends_nothing(run: Run, cloud: Cloud, flags: str) -> None:
    cloud.inject("500:on=list")
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    assert (outcome.code, outcome.out, cloud.created) == (5, "", [])


REFUSED = [
    ("--skip-if-running b/d", "--skip-if-running: 'b/d' is not an OBS directory"),
    ("--skip-if-running obs://", "--skip-if-running: 'obs://' is not an OBS directory"),
    (
        "--if-path-used wran",
        "--if-path-used: 'wran' is not a valid action (choose from ignore, warn, fail); did you mean 'warn'?",
    ),
]


@pytest.mark.parametrize(("flags", "message"), REFUSED)
def test_invalid_value_is_refused_before_any_request(
    run: Run, cloud: Cloud, flags: str, message: str
) -> None:
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    assert (outcome.code, cloud.exchanges) == (2, [])
    assert message in outcome.err


def test_stopping_task_skips_and_stopped_task_uses_its_path(run: Run, cloud: Cloud) -> None:
    """A stopping task may still write, and a stopped one has written files; neither is reused."""
    add = cloud.sandbox.gateway.cloud.add_task
    line = f"{TO_OBS.replace('images', 'stopped')} --reuse-running --reuse-within 20h"
    stopping = add("sandbox-stopped", make_body("/b/d/new/"), age=550, duration=1000).task_id
    outcome = run(f"{line} {SKIP} -o json", **cloud.variables)
    task = json.loads(outcome.out)
    assert (task["task_id"], task["status"], task["skipped"]) == (stopping, "STOPPING", True)
    add("sandbox-stopped", make_body("/b/x/"), age=2000, duration=1000)
    line = line.replace("/b/d/new/", "/b/x/")
    assert run(f"{line} --skip-if-running /b/x/ --if-path-used fail", **cloud.variables).code == 2
    assert run(f"{line} --skip-if-running /b/x/ --if-path-used warn", **cloud.variables).code == 0
    assert len(cloud.created) == 1
