"""`--reuse-running` and `--reuse-within`, as command lines against the sandbox and its older tasks."""

import json
from typing import Any

import pytest

from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from tests.conftest import Answer, Cloud, Run, Stub

HOUR = 3600.0
TO_OBS = "to-obs sandbox-images --path /b/d/ -o json"
RUNNING = "--reuse-running"
USUAL = {"sample_state": "", "export_dest": "DIR"}


def body(*, path: str = "/b/d/", params: dict[str, Any] | None = None, **fields: object) -> dict[str, Any]:
    """Return the body of an export that is like the usual one but for this."""
    return {"path": path, "export_type": 3, "export_params": {**USUAL, **(params or {})}, **fields}


def plant(cloud: Cloud, asked: dict[str, Any], *, age: float = 60.0, duration: float = 1e6) -> str:
    """Add an older task and return its ID; it goes on for ever unless it is given a duration, in seconds."""
    gateway = cloud.sandbox.gateway
    return gateway.cloud.add_task("sandbox-images", asked, age=age, duration=duration).task_id


def reused(run: Run, cloud: Cloud, flags: str, task_id: str) -> str:
    """Return stderr of a command that must take this task, and send nothing."""
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    task = json.loads(outcome.out)
    assert (outcome.code, task["task_id"], task["reused"], cloud.created) == (0, task_id, True, [])
    return outcome.err


def created(run: Run, cloud: Cloud, flags: str, task_id: str) -> str:
    """Return stderr of a command that must make a task of its own, once."""
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    task = json.loads(outcome.out)
    assert (outcome.code, task["reused"], len(cloud.created)) == (0, False, 1)
    assert task["task_id"] != task_id
    return outcome.err


def test_a_task_that_goes_on_is_reused(run: Run, cloud: Cloud) -> None:
    """Nothing is sent, and what the task was filled in with does not matter."""
    task_id = plant(cloud, body())
    said = f"Reused export task {task_id} (queued); nothing was submitted\n"
    assert reused(run, cloud, RUNNING, task_id) == said


def test_quiet_and_the_id_alone(run: Run, cloud: Cloud) -> None:
    """For a script a reused task is as good as any."""
    task_id = plant(cloud, body())
    outcome = run(f"to-obs sandbox-images --path /b/d/ {RUNNING} -q -o id", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{task_id}\n", "")


def test_without_the_flag_nothing_is_reused(run: Run, cloud: Cloud) -> None:
    """Nor is the list read."""
    created(run, cloud, "", plant(cloud, body()))
    assert [request.method for request, _ in cloud.exchanges] == ["POST", "GET"]


@pytest.mark.parametrize("flags", [RUNNING, "--reuse-within 20h"])
def test_a_task_of_more_than_a_day(run: Run, cloud: Cloud, flags: str) -> None:
    """It is reused, and somebody should look at it."""
    task_id = plant(cloud, body(), age=25 * HOUR)
    warned = f"warning: export task {task_id} was created 25 hours ago and is not finished"
    assert warned in reused(run, cloud, flags, task_id)


NARROWER = [
    (body(path="/b/other/"), ""),
    (body(params={"samples": ["s1"]}), ""),
    (body(params={"search_conditions": [{"hard": "1"}]}), ""),
    (body(params={"sample_state": "__ACCEPTED__"}), ""),
    (body(version_id="v1"), ""),
    (body(export_format=1), ""),
    (body(params={"ratio_sample_usage": True}), ""),
    (body(params={"train_sample_ratio": "0.5"}), ""),
    (body(), "--sample s1"),
    (body(), "--search hard=true"),
    (body(), "--sample-state accepted"),
    (body(), "--export-type all"),
    (body(), "--export-format tree"),
    (body(params={"samples": ["s1", "s2"]}), "--sample s1"),
    (body(params={"search_conditions": [{"hard": "1"}]}), "--search hard=false"),
]


@pytest.mark.parametrize(("asked", "flags"), NARROWER)
def test_another_export_is_not_reused(run: Run, cloud: Cloud, asked: dict[str, Any], flags: str) -> None:
    """Neither a filtered one for all samples, nor one of all samples for a filtered one."""
    created(run, cloud, f"{RUNNING} {flags}", plant(cloud, asked))


def test_a_filtered_export_for_the_very_same(run: Run, cloud: Cloud) -> None:
    """The IDs may stand in another order."""
    task_id = plant(cloud, body(params={"samples": ["s2", "s1"]}))
    reused(run, cloud, f"{RUNNING} --sample s1 --sample s2", task_id)


def test_a_filter_that_the_task_does_not_show(run: Run, cloud: Cloud) -> None:
    """Nobody can tell what the task exports, and a note says so."""
    asked = body()
    del asked["export_type"]
    task_id = plant(cloud, asked)
    said = created(run, cloud, RUNNING, task_id)
    note = f"export task {task_id} is not reused: it does not show export_type, so it may be another export"
    assert note in said


AS_TEXT = json.dumps(USUAL)
FORMS = [
    ({"export_params": AS_TEXT}, None),
    ({"export_params": [AS_TEXT]}, None),
    ({"export_params": USUAL, "clear_difficult": False}, None),
    ({"export_params": json.dumps({**USUAL, "samples": ["s1"]})}, ""),
    ({"export_params": "samples=s1"}, "its export_params cannot be read"),
    (
        {"export_params": {**USUAL, "filter": {"label": "cat"}}},
        "its export_params.filter is not a known field",
    ),
    ({"export_params": USUAL, "samples": '["s1"]'}, "its samples is not a known field"),
    ({"export_params": USUAL, "ignored\x1b[2J" + 99 * "x": 1}, "its ignored\\x1b[2J"),
]


@pytest.mark.parametrize(("shown", "why"), FORMS)
def test_forms_in_which_the_list_may_show_a_task(
    run: Run, stub: Stub, shown: dict[str, Any], why: str | None
) -> None:
    """What is JSON is read; what cannot be compared is not reused, and a warning says why."""
    task = {"task_id": "old", "status": "RUNNING", "path": "/b/%64/", "export_type": 3, **shown}
    listed = json.dumps({"total_count": 1, "export_tasks": [task]}).encode()
    stub.first = [Answer(body=listed), Answer(body=b'{"task_id": "new"}')]
    outcome = run(f"to-obs --path /b/d/ {RUNNING} -o id", **stub.variables)
    assert (outcome.code, outcome.out) == (0, "old\n" if why is None else "new\n")
    assert ("warning: export task old is not reused" in outcome.err) == bool(why)
    assert (why or "") in outcome.err
    assert len(outcome.err) < 300


@pytest.mark.parametrize("flags", [RUNNING, "--reuse-within 20h"])
def test_a_failed_task_is_never_reused(run: Run, cloud: Cloud, flags: str) -> None:
    """However recent it is."""
    dataset = cloud.sandbox.gateway.cloud.add_task("sandbox-failing", body(), age=60, duration=1)
    line = TO_OBS.replace("images", "failing")
    task = json.loads(run(f"{line} {flags}", **cloud.variables).out)
    assert task["task_id"] != dataset.task_id
    assert len(cloud.created) == 1


def test_a_success_is_reused_when_it_is_recent(run: Run, cloud: Cloud) -> None:
    """By the time since it was created, and only when asked for."""
    task_id = plant(cloud, body(), age=19 * HOUR, duration=60)
    said = reused(run, cloud, "--reuse-within 20h", task_id)
    assert f"Reused export task {task_id} (succeeded)" in said


@pytest.mark.parametrize(("flags", "age"), [("--reuse-within 20h", 21 * HOUR), (RUNNING, 120.0)])
def test_a_success_that_is_not_asked_for(run: Run, cloud: Cloud, flags: str, age: float) -> None:
    """Too old, or not wanted at all."""
    created(run, cloud, flags, plant(cloud, body(), age=age, duration=60))


@pytest.mark.parametrize(("skew", "is_recent"), [("15m", False), ("-15m", True)])
def test_the_servers_clock_counts(run: Run, cloud: Cloud, skew: str, *, is_recent: bool) -> None:
    """An age is what the server says it is, whatever this machine thinks."""
    age = 20 * HOUR + (600.0 if is_recent else -600.0)
    task_id = plant(cloud, body(), age=age, duration=60)
    cloud.sandbox.gateway.faults = Faults([parse_fault(f"date:skew={skew}", parse_duration)])
    (reused if is_recent else created)(run, cloud, "--reuse-within 20h", task_id)


@pytest.mark.parametrize("fault", ["no-date", "date:skew=21m", "date:skew=-115d"])
def test_without_a_usable_date_no_success_is_recent(run: Run, cloud: Cloud, fault: str) -> None:
    """A server whose time is unknown, or far from ours, cannot tell an age."""
    task_id = plant(cloud, body(), duration=1)
    cloud.sandbox.gateway.faults = Faults([parse_fault(fault, parse_duration)])
    created(run, cloud, "--reuse-within 20h", task_id)


def test_one_that_goes_on_wins_over_one_that_ended(run: Run, cloud: Cloud) -> None:
    """And the newer one over the older."""
    plant(cloud, body(), age=300)
    newest = plant(cloud, body(), age=200)
    plant(cloud, body(), age=100, duration=1)
    reused(run, cloud, "--reuse-within 20h", newest)


def test_a_wait_for_a_reused_task(run: Run, cloud: Cloud) -> None:
    """It is followed to its end like any other, and is still a reused one."""
    task_id = plant(cloud, body(), age=10, duration=10.3)
    said = reused(run, cloud, f"{RUNNING} --wait --poll-interval 0.1s", task_id)
    assert "the export is in" in said or "obs://b/d/" in said


LOOKS = [
    ("500", 5),
    ("503", 5),
    ("drop", 5),
    ("429:retry-after=1h", 5),
    ("unknown dataset", 3),
    ("wrong key", 4),
]


@pytest.mark.parametrize(("fault", "code"), LOOKS)
def test_a_look_that_fails_sends_nothing(run: Run, cloud: Cloud, fault: str, code: int) -> None:
    """Who cannot see what there is must not make another."""
    line, variables = TO_OBS, cloud.variables
    if code == 5:
        kind, _, keys = fault.partition(":")
        words = f"{kind}:on=list" + (f",{keys}" if keys else "")
        cloud.sandbox.gateway.faults = Faults([parse_fault(words, parse_duration)])
    elif code == 3:
        line = line.replace("sandbox-images", "nope")
    else:
        variables = {**variables, "HUAWEICLOUD_SDK_SK": "wrong"}
    outcome = run(f"{line} {RUNNING}", **variables)
    assert (outcome.code, outcome.out, cloud.created) == (code, "", []), outcome.err


@pytest.mark.parametrize("flags", [RUNNING, "--skip-if-running /c/", "--if-path-used warn"])
def test_tasks_that_were_there_before_are_never_ours(run: Run, cloud: Cloud, flags: str) -> None:
    """The look before also tells which tasks cannot be that of a lost reply, without any clock."""
    plant(cloud, body(export_format=1), age=1)
    cloud.sandbox.gateway.faults = Faults(
        [parse_fault(each, parse_duration) for each in ("drop:count=1", "no-date")]
    )
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    ours = cloud.sandbox.gateway.cloud.list_tasks("sandbox-images")[0].task_id
    assert (outcome.code, json.loads(outcome.out)["task_id"], len(cloud.created)) == (0, ours, 1)
    assert "may be the one" not in outcome.err
