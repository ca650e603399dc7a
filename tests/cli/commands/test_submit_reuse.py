"""`--reuse-running` and `--reuse-within` against a sandbox with older tasks."""

import json
from typing import Any

import pytest

from tests.conftest import Answer, Cloud, Run, Stub

HOUR = 3600.0
TO_OBS = "to-obs sandbox-images --path /b/d/ -o json"
RUNNING = "--reuse-running"
USUAL = {"sample_state": "", "export_dest": "DIR"}


def make_body(
    *, path: str = "/b/d/", params: dict[str, Any] | None = None, **fields: object
) -> dict[str, Any]:
    """Return the request body of an export with these fields changed."""
    return {"path": path, "export_type": 3, "export_params": {**USUAL, **(params or {})}, **fields}


def add_task(cloud: Cloud, request: dict[str, Any], *, age: float = 60.0, duration: float = 1e6) -> str:
    """Add an older task and return its ID; `age` and `duration` are in seconds."""
    gateway = cloud.sandbox.gateway
    return gateway.cloud.add_task("sandbox-images", request, age=age, duration=duration).task_id


def assert_reused(run: Run, cloud: Cloud, flags: str, task_id: str) -> str:
    """Assert that a submission reuses this task and sends nothing; return stderr."""
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    task = json.loads(outcome.out)
    assert (outcome.code, task["task_id"], task["reused"], cloud.created) == (0, task_id, True, [])
    return outcome.err


def assert_created(run: Run, cloud: Cloud, flags: str, task_id: str) -> str:
    """Assert that a submission creates another task, once; return stderr."""
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    task = json.loads(outcome.out)
    assert (outcome.code, task["reused"], len(cloud.created)) == (0, False, 1)
    assert task["task_id"] != task_id
    return outcome.err


def test_unfinished_task_is_reused(run: Run, cloud: Cloud) -> None:
    task_id = add_task(cloud, make_body())
    message = f"Reused export task {task_id} (queued); nothing was submitted\n"
    assert assert_reused(run, cloud, RUNNING, task_id) == message


def test_quiet_with_output_id_prints_the_id_of_the_reused_task(run: Run, cloud: Cloud) -> None:
    task_id = add_task(cloud, make_body())
    outcome = run(f"to-obs sandbox-images --path /b/d/ {RUNNING} -q -o id", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{task_id}\n", "")


def test_list_is_not_read_without_a_flag(run: Run, cloud: Cloud) -> None:
    assert_created(run, cloud, "", add_task(cloud, make_body()))
    assert [request.method for request, _ in cloud.exchanges] == ["POST", "GET"]


@pytest.mark.parametrize("flags", [RUNNING, "--reuse-within 20h"])
def test_reused_task_of_more_than_a_day_warns(run: Run, cloud: Cloud, flags: str) -> None:
    task_id = add_task(cloud, make_body(), age=25 * HOUR)
    warning = f"warning: export task {task_id} was created 25 hours ago and is not finished"
    assert warning in assert_reused(run, cloud, flags, task_id)


NARROWER = [
    (make_body(path="/b/other/"), ""),
    (make_body(params={"samples": ["s1"]}), ""),
    (make_body(params={"search_conditions": [{"hard": "1"}]}), ""),
    (make_body(params={"sample_state": "__ACCEPTED__"}), ""),
    (make_body(version_id="v1"), ""),
    (make_body(export_format=1), ""),
    (make_body(params={"ratio_sample_usage": True}), ""),
    (make_body(params={"train_sample_ratio": "0.5"}), ""),
    (make_body(), "--sample s1"),
    (make_body(), "--search hard=true"),
    (make_body(), "--sample-state accepted"),
    (make_body(), "--export-type all"),
    (make_body(), "--export-format tree"),
    (make_body(params={"samples": ["s1", "s2"]}), "--sample s1"),
    (make_body(params={"search_conditions": [{"hard": "1"}]}), "--search hard=false"),
]


@pytest.mark.parametrize(("request_body", "flags"), NARROWER)
def test_different_export_is_not_reused(
    run: Run, cloud: Cloud, request_body: dict[str, Any], flags: str
) -> None:
    """Neither with more filters nor with fewer."""
    assert_created(run, cloud, f"{RUNNING} {flags}", add_task(cloud, request_body))


def test_order_of_samples_does_not_matter_for_reuse(run: Run, cloud: Cloud) -> None:
    task_id = add_task(cloud, make_body(params={"samples": ["s2", "s1"]}))
    assert_reused(run, cloud, f"{RUNNING} --sample s1 --sample s2", task_id)


def test_task_without_a_filter_field_is_not_reused_and_warns(run: Run, cloud: Cloud) -> None:
    request = make_body()
    del request["export_type"]
    task_id = add_task(cloud, request)
    err = assert_created(run, cloud, RUNNING, task_id)
    warning = (
        f"export task {task_id} is not reused: it does not show export_type, so it may be another export"
    )
    assert warning in err


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


@pytest.mark.parametrize(("fields", "reason"), FORMS)
def test_listed_task_is_compared_in_any_format(
    run: Run, stub: Stub, fields: dict[str, Any], reason: str | None
) -> None:
    """JSON text is parsed; a task with unknown fields is not reused, and a warning names them."""
    task = {"task_id": "old", "status": "RUNNING", "path": "/b/%64/", "export_type": 3, **fields}
    listed = json.dumps({"total_count": 1, "export_tasks": [task]}).encode()
    stub.first = [Answer(body=listed), Answer(body=b'{"task_id": "new"}')]
    outcome = run(f"to-obs --path /b/d/ {RUNNING} -o id", **stub.variables)
    assert (outcome.code, outcome.out) == (0, "old\n" if reason is None else "new\n")
    warning = f"warning: export task old is not reused: {reason}" if reason else "warning"
    assert (warning in outcome.err) is bool(reason)
    assert len(outcome.err) < 300


@pytest.mark.parametrize("flags", [RUNNING, "--reuse-within 20h"])
def test_failed_task_is_not_reused(run: Run, cloud: Cloud, flags: str) -> None:
    failed = cloud.sandbox.gateway.cloud.add_task("sandbox-failing", make_body(), age=60, duration=1)
    line = TO_OBS.replace("images", "failing")
    task = json.loads(run(f"{line} {flags}", **cloud.variables).out)
    assert task["task_id"] != failed.task_id
    assert len(cloud.created) == 1


def test_recently_created_success_is_reused(run: Run, cloud: Cloud) -> None:
    task_id = add_task(cloud, make_body(), age=19 * HOUR, duration=60)
    err = assert_reused(run, cloud, "--reuse-within 20h", task_id)
    assert f"Reused export task {task_id} (succeeded)" in err


@pytest.mark.parametrize(("flags", "age"), [("--reuse-within 20h", 21 * HOUR), (RUNNING, 120.0)])
def test_old_success_or_success_without_reuse_within_is_not_reused(
    run: Run, cloud: Cloud, flags: str, age: float
) -> None:
    assert_created(run, cloud, flags, add_task(cloud, make_body(), age=age, duration=60))


@pytest.mark.parametrize(("skew", "is_recent"), [("15m", False), ("-15m", True)])
def test_age_is_measured_by_the_servers_clock(run: Run, cloud: Cloud, skew: str, *, is_recent: bool) -> None:
    age = 20 * HOUR + (600.0 if is_recent else -600.0)
    task_id = add_task(cloud, make_body(), age=age, duration=60)
    cloud.inject(f"date:skew={skew}")
    (assert_reused if is_recent else assert_created)(run, cloud, "--reuse-within 20h", task_id)


@pytest.mark.parametrize("fault", ["no-date", "date:skew=21m", "date:skew=-115d"])
def test_success_is_not_reused_without_a_usable_date(run: Run, cloud: Cloud, fault: str) -> None:
    task_id = add_task(cloud, make_body(), duration=1)
    cloud.inject(fault)
    assert_created(run, cloud, "--reuse-within 20h", task_id)


def test_newest_unfinished_task_is_preferred_to_a_success(run: Run, cloud: Cloud) -> None:
    add_task(cloud, make_body(), age=300)
    newest = add_task(cloud, make_body(), age=200)
    add_task(cloud, make_body(), age=100, duration=1)
    assert_reused(run, cloud, "--reuse-within 20h", newest)


def test_reused_task_is_waited_for(run: Run, cloud: Cloud) -> None:
    task_id = add_task(cloud, make_body(), age=10, duration=10.3)
    err = assert_reused(run, cloud, f"{RUNNING} --wait --poll-interval 0.1s", task_id)
    assert "hint: the export is in obs://b/d/" in err.splitlines()


LIST_FAULTS = [
    ("500", 5),
    ("503", 5),
    ("drop", 5),
    ("429:retry-after=1h", 5),
    ("unknown dataset", 3),
    ("wrong key", 4),
]


@pytest.mark.parametrize(("fault", "code"), LIST_FAULTS)
def test_failed_list_call_sends_nothing(run: Run, cloud: Cloud, fault: str, code: int) -> None:
    line, variables = TO_OBS, cloud.variables
    if code == 5:
        kind, _, keys = fault.partition(":")
        fault = f"{kind}:on=list" + (f",{keys}" if keys else "")
        cloud.inject(fault)
    elif code == 3:
        line = line.replace("sandbox-images", "nope")
    else:
        variables = {**variables, "HUAWEICLOUD_SDK_SK": "wrong"}
    outcome = run(f"{line} {RUNNING}", **variables)
    assert (outcome.code, outcome.out, cloud.created) == (code, "", []), outcome.err


@pytest.mark.parametrize("flags", [RUNNING, "--skip-if-running /c/", "--if-path-used warn"])
def test_task_listed_before_the_send_is_not_recovered(run: Run, cloud: Cloud, flags: str) -> None:
    """Also without the header Date."""
    add_task(cloud, make_body(export_format=1), age=1)
    cloud.inject("drop:count=1", "no-date")
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    ours = cloud.sandbox.gateway.cloud.list_tasks("sandbox-images")[0].task_id
    assert (outcome.code, json.loads(outcome.out)["task_id"], len(cloud.created)) == (0, ours, 1)
    assert "may be the one" not in outcome.err
