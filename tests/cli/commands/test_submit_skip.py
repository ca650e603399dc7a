"""`--skip-if-running` and `--if-path-used`, as command lines against the sandbox and its older tasks."""

import json
from typing import Any

import pytest

from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from tests.conftest import Cloud, Outcome, Run

TO_OBS = "to-obs sandbox-images --path /b/d/new/"
SKIP = "--skip-if-running obs://b/d"


def body(path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the body of a plain export to a path, with these parameters besides."""
    usual = {"sample_state": "", "export_dest": "DIR"}
    return {"path": path, "export_type": 3, "export_params": {**usual, **(params or {})}}


def new_dataset(path: str, work_path: str) -> dict[str, Any]:
    """Return the body of an export that makes a dataset."""
    names = {"export_new_dataset_name": "n", "export_new_dataset_work_path": work_path}
    return body(path, {"export_dest": "NEW_DATASET", **names})


def plant(cloud: Cloud, asked: dict[str, Any], *, age: float = 60.0, finished: bool = False) -> str:
    """Add an older task and return its ID; it goes on for ever, or has succeeded."""
    planted = cloud.sandbox.gateway.cloud.add_task(
        "sandbox-images", asked, age=age, duration=1.0 if finished else 1e6
    )
    return planted.task_id


def assert_skipped(outcome: Outcome, cloud: Cloud, task_id: str) -> None:
    """Check that this task is the result, and that nothing was sent nor polled."""
    task = json.loads(outcome.out)
    assert (outcome.code, task["task_id"], task["skipped"], task["reused"]) == (0, task_id, True, False)
    assert [request.method for request, _ in cloud.exchanges] == ["GET"]


@pytest.mark.parametrize(
    "flags", ["", "--wait", "--wait --require-samples 5 --timeout 0", "--if-path-used fail"]
)
def test_an_unfinished_task_below_the_directory_skips(run: Run, cloud: Cloud, flags: str) -> None:
    """The newest one is the result, as it is: it is neither waited for nor counted."""
    plant(cloud, body("/b/d/"), age=300)
    newest = plant(cloud, body("/b/d/2026/"), age=100)
    plant(cloud, body("/b/d/new/"), age=10, finished=True)
    outcome = run(f"{TO_OBS} {SKIP} {flags} -o json", **cloud.variables)
    assert_skipped(outcome, cloud, newest)
    said = f"Skipped: export task {newest} (queued) writes to /b/d/2026/; nothing was submitted\n"
    assert outcome.err == said


def test_a_skip_with_the_id_alone(run: Run, cloud: Cloud) -> None:
    """For a script a skip is no failure, and quiet."""
    task_id = plant(cloud, body("/b/d/"))
    outcome = run(f"{TO_OBS} {SKIP} -q -o id", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{task_id}\n", "")


def test_a_work_path_below_the_directory_skips(run: Run, cloud: Cloud) -> None:
    """The task writes there, too; and a whole bucket is a directory."""
    task_id = plant(cloud, new_dataset("/z/in/", "/b/d/work/"))
    assert_skipped(run(f"{TO_OBS} --skip-if-running /b -o json", **cloud.variables), cloud, task_id)


@pytest.mark.parametrize(("path", "finished"), [("/b/dd/", False), ("/b/", False), ("/b/d/", True)])
def test_what_does_not_skip(run: Run, cloud: Cloud, path: str, *, finished: bool) -> None:
    """A directory beside it or above it, and a task that has ended."""
    plant(cloud, body(path), finished=finished)
    outcome = run(f"{TO_OBS} {SKIP} -o json", **cloud.variables)
    assert (outcome.code, json.loads(outcome.out)["skipped"], len(cloud.created)) == (0, False, 1)


def test_reuse_comes_before_a_skip(run: Run, quick: Cloud) -> None:
    """An identical task is the result, and waited for as one's own, whatever else goes on."""
    twin = quick.sandbox.gateway.cloud.add_task("sandbox-images", body("/b/d/new/"), age=10, duration=10.3)
    plant(quick, body("/b/d/other/"), age=1)
    flags = f"--reuse-running {SKIP} --if-path-used fail --wait --poll-interval 0.1s"
    outcome = run(f"{TO_OBS} {flags} -o json", **quick.variables)
    task = json.loads(outcome.out)
    assert (outcome.code, task["task_id"], task["status"]) == (0, twin.task_id, "SUCCESSED")
    assert (task["reused"], task["skipped"], quick.created) == (True, False, [])


def test_all_four_options_read_the_list_once(run: Run, cloud: Cloud) -> None:
    """Each sees the same tasks; here none of them matters."""
    flags = f"--reuse-running --reuse-within 20h {SKIP} --if-path-used fail"
    assert run(f"{TO_OBS} {flags} -o id", **cloud.variables).code == 0
    assert [request.method for request, _ in cloud.exchanges] == ["GET", "POST"]


TO_NEW = "to-new-dataset sandbox-images --path /b/d/new/ --new-dataset-name m --new-dataset-work-path /b/w/m/"
USED = [
    (TO_OBS, body("/b/d/new/"), "/b/d/new/, the same directory"),
    (TO_OBS, body("/b/d/"), "/b/d/, above it"),
    (TO_OBS, body("/b/d/new/2026/"), "/b/d/new/2026/, below it"),
    (TO_OBS, new_dataset("/z/in/", "/b/d/new/"), "/b/d/new/, the same directory"),
    (TO_NEW, body("/b/w/"), "/b/w/, above it"),
]


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("used", USED)
def test_a_path_that_another_task_uses(
    run: Run, cloud: Cloud, used: tuple[str, dict[str, Any], str], *, finished: bool
) -> None:
    """It is refused before anything is sent, or warned of; by default the list is not even read."""
    line, asked, said = used
    task_id = plant(cloud, asked, finished=finished)
    outcome = run(f"{line} --if-path-used fail -o json", **cloud.variables)
    assert (outcome.code, outcome.out, cloud.created) == (2, "", [])
    error = json.loads(outcome.err.splitlines()[-1])
    assert (
        f"export task {task_id} ({'succeeded' if finished else 'queued'}) writes to {said}" in error["error"]
    )
    assert error["hint"] == "choose another path, or let --if-path-used warn"
    outcome = run(f"{line} --if-path-used warn -o id", **cloud.variables)
    assert (outcome.code, len(cloud.created)) == (0, 1)
    assert f"writes to {said}; the API does not document what it does with files there" in outcome.err


@pytest.mark.parametrize("path", ["/b/d/newer/", "/b/d/old/", "/c/d/new/"])
def test_a_path_beside_it_is_not_used(run: Run, cloud: Cloud, path: str) -> None:
    """A name that only begins so is another directory."""
    plant(cloud, body(path))
    assert run(f"{TO_OBS} --if-path-used fail -o id", **cloud.variables).code == 0


def test_only_a_failed_task_frees_its_path(run: Run, cloud: Cloud) -> None:
    """There a new task is to do what the old one did not."""
    cloud.sandbox.gateway.cloud.add_task("sandbox-failing", body("/b/d/new/"), age=60, duration=1)
    line = TO_OBS.replace("images", "failing")
    assert run(f"{line} --if-path-used fail -o id", **cloud.variables).code == 0
    assert run(f"{line} --if-path-used fail -o id", **cloud.variables).code == 2


@pytest.mark.parametrize("flags", [SKIP, "--if-path-used warn"])
def test_a_list_that_cannot_be_read_sends_nothing(run: Run, cloud: Cloud, flags: str) -> None:
    """Whether anything is in the way is not known then."""
    cloud.sandbox.gateway.faults = Faults([parse_fault("500:on=list", parse_duration)])
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    assert (outcome.code, outcome.out, cloud.created) == (5, "", [])


REFUSED = [
    ("--skip-if-running b/d", "--skip-if-running: 'b/d' is not an OBS directory"),
    ("--skip-if-running obs://", "--skip-if-running: 'obs://' is not an OBS directory"),
    ("--if-path-used wran", "--if-path-used: 'wran' is not one of ignore, warn, fail; did you mean warn?"),
]


@pytest.mark.parametrize(("flags", "said"), REFUSED)
def test_values_that_are_refused(run: Run, cloud: Cloud, flags: str, said: str) -> None:
    """Before anything is asked of the API."""
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    assert (outcome.code, cloud.exchanges) == (2, [])
    assert said in outcome.err


def test_a_task_that_is_stopping_is_unfinished_and_a_stopped_one_uses_its_path(
    run: Run, cloud: Cloud
) -> None:
    """Neither is reused; the one may still write, and what the other has written is there."""
    planted = cloud.sandbox.gateway.cloud.add_task
    line = f"{TO_OBS.replace('images', 'stopped')} --reuse-running --reuse-within 20h"
    stopping = planted("sandbox-stopped", body("/b/d/new/"), age=550, duration=1000).task_id
    outcome = run(f"{line} {SKIP} -o json", **cloud.variables)
    task = json.loads(outcome.out)
    assert (task["task_id"], task["status"], task["skipped"]) == (stopping, "STOPPING", True)
    planted("sandbox-stopped", body("/b/x/"), age=2000, duration=1000)
    line = line.replace("/b/d/new/", "/b/x/")
    assert run(f"{line} --skip-if-running /b/x/ --if-path-used fail", **cloud.variables).code == 2
    assert run(f"{line} --skip-if-running /b/x/ --if-path-used warn", **cloud.variables).code == 0
    assert len(cloud.created) == 1
