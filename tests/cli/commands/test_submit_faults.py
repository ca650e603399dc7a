"""Submissions against a sandbox with faults: retries, reconciliation, exit codes and messages."""

import json
import shlex
import time
from dataclasses import dataclass

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.sandbox.cloud.contract import JsonObject
from modelarts_export.sandbox.server import Sandbox
from tests.conftest import Cloud, Outcome, Run, make_faults

TO_OBS = "to-obs sandbox-images --path /b/d/"
TO_NEW_DATASET = (
    "to-new-dataset sandbox-images --path /b/d/ --new-dataset-name n --new-dataset-work-path /b/w/"
)
BODY: JsonObject = {"path": "/b/d/", "export_type": 3, "export_params": {"sample_state": ""}}
SHORT = "--read-timeout 0.3s"
RETRIES = {
    "MODELARTS_EXPORT_MAX_RETRIES": "1",
    "MODELARTS_EXPORT_QUEUE_TIMEOUT": "0.2s",
    "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "1s",
}


def get_task_ids(cloud: Cloud) -> list[str]:
    """Return the IDs of all tasks, newest first."""
    return [task.task_id for task in cloud.sandbox.gateway.cloud.list_tasks("sandbox-images")]


def parse_error(outcome: Outcome) -> JsonObject:
    """Return the JSON error on the last line of stderr."""
    error: JsonObject = json.loads(outcome.err.splitlines()[-1])
    return error


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Exit code, number of POST requests, number of tasks, and a part of the messages."""

    code: int
    posts: int
    tasks: int
    message: str


RECOVERED = Expected(code=0, posts=1, tasks=1, message="Recovered export task {}, which was created although")
RESENT = Expected(code=0, posts=2, tasks=1, message="sending the request again")
NOT_LISTED = Expected(code=10, posts=1, tasks=0, message="no such task is listed, but it may appear later")
TWICE = Expected(code=10, posts=2, tasks=0, message="no such task is listed, but it may appear later")
HIDDEN = Expected(code=10, posts=1, tasks=1, message="no such task is listed, but it may appear later")
UNREADABLE = Expected(code=10, posts=1, tasks=1, message="polling the list failed")
TIMELESS = Expected(code=10, posts=1, tasks=0, message="the server sends no Date")
RETRIED = Expected(code=0, posts=2, tasks=1, message="trying again in")
OVER = Expected(code=5, posts=2, tasks=0, message="The service is unavailable")
AT_ONCE = Expected(code=5, posts=1, tasks=0, message="run it again after 20")

# fmt: off
# one of each kind; the others are in the fault matrix
FAULTS = [
    ("drop:count=1", RECOVERED),
    ("cut:count=1,at=0,by=rst", RECOVERED),
    ("stall:for=5s,count=1", RECOVERED),
    ("408:count=1,accepted=yes", RECOVERED),
    ("502:count=1", RECOVERED),
    ("502:count=1 lag:for=1h,count=1", RECOVERED),
    ("502:count=1 500:on=list,count=1", RECOVERED),
    ("502:count=1 date:skew=-15m", RECOVERED),
    ("502:count=1 clock:skew=5m", RECOVERED),
    ("drop:count=1,accepted=no", RESENT),
    ("500:count=1", RESENT),
    ("500:count=1,code=ModelArts.9999", RESENT),
    ("408", NOT_LISTED),
    ("stall:for=5s,accepted=no", NOT_LISTED),
    ("drop:accepted=no", TWICE),
    ("500", TWICE),
    ("drop:count=1,accepted=no busy", TWICE),
    ("drop:count=1,accepted=no 429:retry-after=1h", TWICE),
    ("504 lag:for=1h", HIDDEN),
    ("drop 500:on=list", UNREADABLE),
    ("drop no-date", UNREADABLE),
    ("drop date:skew=-2h", UNREADABLE),
    ("drop date:skew=100d", UNREADABLE),
    ("drop:accepted=no no-date", TIMELESS),
    ("503:count=1", RETRIED),
    ("429:count=1,retry-after=1s", RETRIED),
    ("429:count=1,code=ModelArts.4206,retry-at=1s", RETRIED),
    ("503", OVER),
    ("429:retry-after=1h", AT_ONCE),
    ("429:retry-at=1h", AT_ONCE),
    ("503:retry-after=1h", AT_ONCE),
]
# fmt: on


def make_retry_variables(expected: Expected) -> dict[str, str]:
    """Return the retry settings, with reconciliation over time only if a task is to be recovered."""
    return {**RETRIES, "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "3s" if expected is RECOVERED else "0"}


@pytest.mark.parametrize(("faults", "expected"), FAULTS)
def test_submission_with_faults_ends_as_expected(
    run: Run, cloud: Cloud, faults: str, expected: Expected
) -> None:
    cloud.inject(*faults.split())
    outcome = run(f"{TO_OBS} {SHORT} -o json --debug", **cloud.variables, **make_retry_variables(expected))
    assert outcome.code == expected.code, outcome.err
    assert (len(cloud.created), len(get_task_ids(cloud))) == (expected.posts, expected.tasks)
    assert expected.message.format(*get_task_ids(cloud)) in outcome.err
    assert cloud.sandbox.secret_key not in outcome.err + outcome.out
    if expected.code:
        error = parse_error(outcome)
        assert (error["exit_code"], outcome.out) == (expected.code, "")
        assert ("modelarts-export list sandbox-images" in error["hint"]) is (expected.code == 10)
    else:
        task = json.loads(outcome.out)
        assert (task["task_id"], task["reused"], task["path"]) == (*get_task_ids(cloud), False, "/b/d/")


EXIT_CODES = [
    ("drop:count=1", 0),
    ("drop:count=1,accepted=no", 0),
    ("504:accepted=no", 10),
    ("503", 5),
    ("busy", 5),
]


@pytest.mark.parametrize(("fault", "code"), EXIT_CODES)
def test_quiet_prints_errors_hints_and_requested_output(
    run: Run, cloud: Cloud, fault: str, code: int
) -> None:
    """Also the warning that the request was sent twice."""
    cloud.inject(fault)
    outcome = run(f"{TO_OBS} -q -o id", **cloud.variables)
    assert outcome.code == code
    assert outcome.out.split() == ([] if code else get_task_ids(cloud))
    labels = [line.partition(":")[0] for line in outcome.err.splitlines()]
    resent = ["warning"] if len(cloud.created) > 1 and code == 0 else []
    hints = ["hint"] * (2 if code == 10 else 1)  # with 10, one to find the task, and one to run it again
    assert labels == (["error", *hints] if code else resent)
    assert ("modelarts-export list" in outcome.err) is (code == 10 or bool(resent))


def test_hint_of_exit_code_10_has_runnable_commands(run: Run, cloud: Cloud) -> None:
    """With the given flags: one lists the task, and one reuses it."""
    cloud.inject("504", "lag:for=1h")
    flags = f"--endpoint {cloud.sandbox.url} --read-timeout 9s"
    environ = {**cloud.variables, "MODELARTS_EXPORT_ENDPOINT": "http://127.0.0.1:9"}
    outcome = run(f"{TO_OBS} {flags}", **environ)
    find, rerun = outcome.err.splitlines()[-2:]
    cloud.inject()
    assert outcome.code == 10
    assert find.startswith("hint: find out whether there is a task for /b/d/ created since 20")
    _, program, listing = find.partition("modelarts-export ")
    assert program
    assert "--path /b/d/" in listing
    assert run([*shlex.split(listing), "-o", "id"], **environ).out.split() == get_task_ids(cloud)
    _, program, again = rerun.partition("modelarts-export ")
    assert again.startswith("to-obs --reuse-running --reuse-within 1h sandbox-images --path /b/d/")
    outcome = run([*shlex.split(again), "-o", "json"], **environ)
    assert (outcome.code, json.loads(outcome.out)["reused"], len(get_task_ids(cloud))) == (0, True, 1)


def test_retry_waits_for_retry_after(run: Run, cloud: Cloud) -> None:
    cloud.inject("429:count=1,retry-after=1s")
    start_time = time.monotonic()
    assert run(f"{TO_OBS} -o id", **cloud.variables, **RETRIES).code == 0
    assert time.monotonic() - start_time >= 1


def test_queue_timeout_decides_whether_a_busy_dataset_is_retried(run: Run, cloud: Cloud) -> None:
    cloud.inject("busy:count=1")
    outcome = run(f"{TO_OBS} --queue-timeout 0", **cloud.variables)
    assert (outcome.code, get_task_ids(cloud)) == (5, [])
    cloud.inject("busy:count=1")
    outcome = run(f"{TO_OBS} --queue-timeout 0.2s", **cloud.variables)
    assert (outcome.code, len(get_task_ids(cloud))) == (0, 1)
    assert "trying again in 1 s, waiting up to 0.2s (--queue-timeout)\n" in outcome.err


def test_busy_dataset_exits_with_5_after_the_queue_timeout(run: Run, cloud: Cloud) -> None:
    cloud.inject("busy")
    outcome = run(f"{TO_OBS} --queue-timeout 0.2s", **cloud.variables)
    assert (outcome.code, len(cloud.created), get_task_ids(cloud)) == (5, 2, [])
    assert "ModelArts.4409" in outcome.err


@pytest.mark.parametrize(("lag", "code"), [("lag:for=1h,count=1", 0), ("lag:for=1h", 10)])
def test_name_conflict_with_the_first_send_is_reconciled(run: Run, cloud: Cloud, lag: str, code: int) -> None:
    """Its task is recovered, or the outcome is unknown."""
    cloud.inject("drop:count=1", lag)
    outcome = run(f"{TO_NEW_DATASET} -o json", **cloud.variables)
    assert (outcome.code, len(cloud.created), len(get_task_ids(cloud))) == (code, 2, 1)
    assert "ModelArts.4351" in outcome.err
    if code:
        assert parse_error(outcome)["error_code"] == "ModelArts.4351"
    else:
        assert [json.loads(outcome.out)["task_id"]] == get_task_ids(cloud)


def test_nearest_of_several_candidates_is_recovered_with_a_warning(run: Run, cloud: Cloud) -> None:
    other = cloud.sandbox.gateway.cloud.add_task("sandbox-images", BODY, age=4).task_id
    cloud.inject("drop")
    outcome = run(f"{TO_OBS} -o id", **cloud.variables)
    ours = get_task_ids(cloud)[0]
    assert (outcome.code, outcome.out, len(cloud.created)) == (0, f"{ours}\n", 1)
    assert f"warning: 2 tasks may be the one that was sent, nearest first: {ours}, {other}" in outcome.err


def test_task_created_before_the_send_is_not_recovered(run: Run, cloud: Cloud) -> None:
    cloud.sandbox.gateway.cloud.add_task("sandbox-images", BODY, age=60)
    cloud.inject("504:accepted=no")
    assert run(TO_OBS, **cloud.variables).code == 10


def test_duplicate_after_a_lagging_list_is_reported(run: Run, cloud: Cloud) -> None:
    cloud.inject("drop:count=1", "lag:for=1h,count=1")
    outcome = run(f"{TO_OBS} -o id", **cloud.variables)
    second, first = get_task_ids(cloud)
    assert (outcome.code, outcome.out) == (0, f"{second}\n")
    assert f"warning: export task {first} is a duplicate of {second}" in outcome.err


@pytest.mark.parametrize("fault", ["drop:count=1", "502:count=1"])
@pytest.mark.parametrize("flags", ["-o id", "-q -o id --max-retries 0", "-o json --wait --timeout 0"])
def test_second_send_prints_a_warning(run: Run, cloud: Cloud, fault: str, flags: str) -> None:
    """With the command that lists the duplicate, which may appear later."""
    cloud.inject(fault, "lag:for=75s")
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    assert outcome.code == (8 if "--wait" in flags else 0)
    assert len(get_task_ids(cloud)) == 2
    (warning,) = (
        line for line in outcome.err.splitlines() if line.startswith("warning: the request was sent")
    )
    assert warning.startswith("warning: the request was sent twice, because the outcome of the first send is")
    assert "; a duplicate may still appear: modelarts-export list sandbox-images" in warning


def test_duplicate_listed_during_a_wait_is_reported(run: Run) -> None:
    """At the end of the wait, also when quiet."""
    faults = make_faults("drop:count=1", "lag:for=1s,on=list")
    with Sandbox(task_duration=2.0, faults=faults) as sandbox:
        outcome = run(f"{TO_OBS} --wait -q -o id --reconcile-timeout 0", **make_settings(sandbox))
        second, first = (task.task_id for task in sandbox.gateway.cloud.list_tasks("sandbox-images"))
    assert (outcome.code, outcome.out.split()) == (0, [second])
    assert f"warning: export task {first} is a duplicate of {second}" in outcome.err


def test_on_lost_reply_stop_does_not_resend(run: Run, cloud: Cloud) -> None:
    """As a flag and as a variable; another value is an error."""
    for flags, variables in (
        ("--on-lost-reply stop", {}),
        ("", {"MODELARTS_EXPORT_ON_LOST_REPLY": "STOP"}),
    ):
        cloud.inject("drop:accepted=no")
        outcome = run(f"{TO_OBS} {flags}", **cloud.variables, **variables)
        assert outcome.code == 10
    assert len(cloud.created) == 2
    outcome = run(f"{TO_OBS} --on-lost-reply retry", **cloud.variables)
    assert (outcome.code, "choose from resend, stop" in outcome.err) == (2, True)


def test_recovered_task_is_waited_for(run: Run) -> None:
    with Sandbox(task_duration=0.2, faults=make_faults("drop:count=1")) as sandbox:
        outcome = run(f"{TO_OBS} --wait --poll-interval 0.1s -o json", **make_settings(sandbox))
    task = json.loads(outcome.out)
    assert (outcome.code, task["status"], task["reused"]) == (0, "SUCCESSED", False)
    assert f"Recovered export task {task['task_id']}" in outcome.err
