"""Submitting on a bad day, as command lines against the sandbox: what goes wrong, and what the tool does."""

import json
import shlex
import time
from dataclasses import dataclass

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.cloud.contract import JsonObject
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.server import Sandbox
from tests.conftest import Cloud, Outcome, Run

TO_OBS = "to-obs sandbox-images --path /b/d/"
TO_NEW_DATASET = (
    "to-new-dataset sandbox-images --path /b/d/ --new-dataset-name n --new-dataset-work-path /b/w/"
)
BODY: JsonObject = {"path": "/b/d/", "export_type": 3, "export_params": {"sample_state": ""}}
SHORT = "--read-timeout 0.3s"
PATIENT = {
    "MODELARTS_EXPORT_MAX_RETRIES": "1",
    "MODELARTS_EXPORT_QUEUE_TIMEOUT": "0.2s",
    "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "1s",
}


def break_down(cloud: Cloud, *faults: str) -> None:
    """Let the sandbox have these faults from now on."""
    cloud.sandbox.gateway.faults = Faults([parse_fault(words, parse_duration) for words in faults])


def ids(cloud: Cloud) -> list[str]:
    """Return the IDs of the tasks that are there, the newest first."""
    return [task.task_id for task in cloud.sandbox.gateway.cloud.list_tasks("sandbox-images")]


def error_of(outcome: Outcome) -> JsonObject:
    """Return the error of a command with -o json."""
    found: JsonObject = json.loads(outcome.err.splitlines()[-1])
    return found


@dataclass(frozen=True, kw_only=True)
class End:
    """How a submission is to end: its code, how often it was sent, how many tasks there are then."""

    code: int
    posts: int
    tasks: int
    said: str


FOUND = End(code=0, posts=1, tasks=1, said="Recovered export task {}, which was created although")
AGAIN = End(code=0, posts=2, tasks=1, said="sending the request again")
NOT_LISTED = End(code=10, posts=1, tasks=0, said="no such task is listed, but it may be yet")
TWICE = End(code=10, posts=2, tasks=0, said="no such task is listed, but it may be yet")
HIDDEN = End(code=10, posts=1, tasks=1, said="no such task is listed, but it may be yet")
UNREADABLE = End(code=10, posts=1, tasks=1, said="polling the list failed")
TIMELESS = End(code=10, posts=1, tasks=0, said="the server sends no Date")
RETRIED = End(code=0, posts=2, tasks=1, said="trying again in")
OVER = End(code=5, posts=2, tasks=0, said="the service is down")
AT_ONCE = End(code=5, posts=1, tasks=0, said="run it again after 20")

# fmt: off
NIGHTS = [
    ("drop:count=1", FOUND),
    ("drop:count=1,by=rst", FOUND),
    ("cut:count=1", FOUND),
    ("cut:count=1,at=0,by=rst", FOUND),
    ("stall:for=5s,count=1", FOUND),
    ("408:count=1,accepted=yes", FOUND),
    ("500:count=1,accepted=yes", FOUND),
    ("502:count=1", FOUND),
    ("503:count=1,code=none,accepted=yes", FOUND),
    ("504:count=1", FOUND),
    ("502:count=1 lag:for=1h,count=1", FOUND),
    ("502:count=1 500:on=list,count=1", FOUND),
    ("502:count=1 date:skew=-15m", FOUND),
    ("502:count=1 clock:skew=5m", FOUND),
    ("drop:count=1,accepted=no", AGAIN),
    ("drop:count=1,accepted=no,by=rst", AGAIN),
    ("500:count=1", AGAIN),
    ("502:count=1,accepted=no", AGAIN),
    ("503:count=1,code=none", AGAIN),
    ("500:count=1,code=ModelArts.9999", AGAIN),
    ("408", NOT_LISTED),
    ("504:accepted=no", NOT_LISTED),
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


def quick(end: End) -> dict[str, str]:
    """Return variables for looks that go on only where there is something to be found."""
    return {**PATIENT, "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "3s" if end is FOUND else "0"}


@pytest.mark.parametrize(("faults", "end"), NIGHTS)
def test_what_is_done(run: Run, cloud: Cloud, faults: str, end: End) -> None:
    """Never a second task that the list could have shown, never an ID lost; no secret in what is told."""
    break_down(cloud, *faults.split())
    outcome = run(f"{TO_OBS} {SHORT} -o json --debug", **cloud.variables, **quick(end))
    assert outcome.code == end.code, outcome.err
    assert (len(cloud.created), len(ids(cloud))) == (end.posts, end.tasks)
    assert end.said.format(*ids(cloud)) in outcome.err
    assert cloud.sandbox.secret_key not in outcome.err + outcome.out
    if end.code:
        error = error_of(outcome)
        assert (error["exit_code"], outcome.out) == (end.code, "")
        assert ("modelarts-export list sandbox-images" in error["hint"]) is (end.code == 10)
    else:
        task = json.loads(outcome.out)
        assert (task["task_id"], task["reused"], task["path"]) == (*ids(cloud), False, "/b/d/")


ENDS = [
    ("drop:count=1", 0),
    ("drop:count=1,accepted=no", 0),
    ("504:accepted=no", 10),
    ("503", 5),
    ("busy", 5),
]


@pytest.mark.parametrize(("fault", "code"), ENDS)
def test_quiet(run: Run, cloud: Cloud, fault: str, code: int) -> None:
    """A cron job hears of the error alone, and of what to do; a form that was asked for is written."""
    break_down(cloud, fault)
    outcome = run(f"{TO_OBS} -q -o id", **cloud.variables)
    assert outcome.code == code
    assert outcome.out.split() == ([] if code else ids(cloud))
    said = [line.partition(":")[0] for line in outcome.err.splitlines()]
    twice = ["warning"] if len(cloud.created) > 1 and code == 0 else []
    assert said == (["error", "hint"] if code else twice)
    assert ("modelarts-export list" in outcome.err) is (code == 10 or bool(twice))


def test_the_hint_of_exit_10_has_commands_that_work(run: Run, cloud: Cloud) -> None:
    """Word for word, with the flags that were given: one shows the task, and one reuses it."""
    break_down(cloud, "504", "lag:for=1h")
    given = f"--endpoint {cloud.sandbox.url} --read-timeout 9s"
    hidden = {**cloud.variables, "MODELARTS_EXPORT_ENDPOINT": "http://127.0.0.1:9"}
    outcome = run(f"{TO_OBS} {given}", **hidden)
    find, rerun = outcome.err.splitlines()[-1].split("; ")
    break_down(cloud)
    assert outcome.code == 10
    assert find.startswith("hint: find out whether there is a task for /b/d/ created since 20")
    _, program, listing = find.partition("modelarts-export ")
    assert program
    assert run([*shlex.split(listing), "-o", "id"], **hidden).out.split() == ids(cloud)
    _, program, again = rerun.partition("modelarts-export ")
    assert again.startswith("to-obs --reuse-running --reuse-within 1h sandbox-images --path /b/d/")
    outcome = run([*shlex.split(again), "-o", "json"], **hidden)
    assert (outcome.code, json.loads(outcome.out)["reused"], len(ids(cloud))) == (0, True, 1)


def test_retry_after_is_waited_for(run: Run, cloud: Cloud) -> None:
    """As long as the gateway says, and no shorter."""
    break_down(cloud, "429:count=1,retry-after=1s")
    begun = time.monotonic()
    assert run(f"{TO_OBS} -o id", **cloud.variables, **PATIENT).code == 0
    assert time.monotonic() - begun >= 1


def test_a_busy_dataset_is_waited_for(run: Run, cloud: Cloud) -> None:
    """In the queue, until it has room; and not at all when told so."""
    break_down(cloud, "busy:count=1")
    outcome = run(f"{TO_OBS} --queue-timeout 0", **cloud.variables)
    assert (outcome.code, ids(cloud)) == (5, [])
    break_down(cloud, "busy:count=1")
    outcome = run(f"{TO_OBS} --queue-timeout 0.2s", **cloud.variables)
    assert (outcome.code, len(ids(cloud))) == (0, 1)
    assert "trying again in 1 s" in outcome.err


def test_a_dataset_that_stays_busy(run: Run, cloud: Cloud) -> None:
    """The queue is left when its time is over, and nothing was accepted."""
    break_down(cloud, "busy")
    outcome = run(f"{TO_OBS} --queue-timeout 0.2s", **cloud.variables)
    assert (outcome.code, len(cloud.created), ids(cloud)) == (5, 2, [])
    assert "ModelArts.4409" in outcome.err


@pytest.mark.parametrize(("lag", "code"), [("lag:for=1h,count=1", 0), ("lag:for=1h", 10)])
def test_a_refusal_that_is_our_own_doing(run: Run, cloud: Cloud, lag: str, code: int) -> None:
    """The name is taken, by the first send: its task is found, or it may be there."""
    break_down(cloud, "drop:count=1", lag)
    outcome = run(f"{TO_NEW_DATASET} -o json", **cloud.variables)
    assert (outcome.code, len(cloud.created), len(ids(cloud))) == (code, 2, 1)
    assert "ModelArts.4351" in outcome.err
    if code:
        assert error_of(outcome)["error_code"] == "ModelArts.4351"
    else:
        assert [json.loads(outcome.out)["task_id"]] == ids(cloud)


def test_several_tasks_that_fit(run: Run, cloud: Cloud) -> None:
    """The one created nearest to the send is taken, and all are named."""
    other = cloud.sandbox.gateway.cloud.add_task("sandbox-images", BODY, age=4).task_id
    break_down(cloud, "drop")
    outcome = run(f"{TO_OBS} -o id", **cloud.variables)
    ours = ids(cloud)[0]
    assert (outcome.code, outcome.out, len(cloud.created)) == (0, f"{ours}\n", 1)
    assert f"warning: 2 tasks may be the one that was sent, nearest first: {ours}, {other}" in outcome.err


def test_an_older_task_is_not_ours(run: Run, cloud: Cloud) -> None:
    """Created before the request was sent: the very same export of yesterday, or of a minute ago."""
    cloud.sandbox.gateway.cloud.add_task("sandbox-images", BODY, age=60)
    break_down(cloud, "504:accepted=no")
    assert run(TO_OBS, **cloud.variables).code == 10


def test_a_twin(run: Run, cloud: Cloud) -> None:
    """A list that lags lets a second task be made; then both are named."""
    break_down(cloud, "drop:count=1", "lag:for=1h,count=1")
    outcome = run(f"{TO_OBS} -o id", **cloud.variables)
    second, first = ids(cloud)
    assert (outcome.code, outcome.out) == (0, f"{second}\n")
    assert f"warning: export task {first} is a duplicate of {second}" in outcome.err


@pytest.mark.parametrize("fault", ["drop:count=1", "502:count=1"])
@pytest.mark.parametrize("flags", ["-o id", "-q -o id --max-retries 0", "-o json --wait --timeout 0"])
def test_a_second_send_is_always_told(run: Run, cloud: Cloud, fault: str, flags: str) -> None:
    """With the command that lists a duplicate, which appears when all this is over."""
    break_down(cloud, fault, "lag:for=75s")
    outcome = run(f"{TO_OBS} {flags}", **cloud.variables)
    assert outcome.code == (8 if "--wait" in flags else 0)
    assert len(ids(cloud)) == 2
    (warning,) = (
        line for line in outcome.err.splitlines() if line.startswith("warning: the request was sent")
    )
    assert warning.startswith("warning: the request was sent twice, because the outcome of the first send is")
    assert "; a duplicate may still appear: modelarts-export list sandbox-images" in warning


def test_a_duplicate_that_is_listed_during_a_wait(run: Run) -> None:
    """It is told at its end, also when quiet, with both IDs."""
    faults = Faults([parse_fault(words, parse_duration) for words in ("drop:count=1", "lag:for=1s,on=list")])
    with Sandbox(task_duration=2.0, faults=faults) as sandbox:
        outcome = run(f"{TO_OBS} --wait -q -o id --reconcile-timeout 0", **make_settings(sandbox))
        second, first = (task.task_id for task in sandbox.gateway.cloud.list_tasks("sandbox-images"))
    assert (outcome.code, outcome.out.split()) == (0, [second])
    assert f"warning: export task {first} is a duplicate of {second}" in outcome.err


def test_on_lost_reply_stop(run: Run, cloud: Cloud) -> None:
    """As a flag and as a variable; another value is an error."""
    for given, variables in (
        ("--on-lost-reply stop", {}),
        ("", {"MODELARTS_EXPORT_ON_LOST_REPLY": "STOP"}),
    ):
        break_down(cloud, "drop:accepted=no")
        outcome = run(f"{TO_OBS} {given}", **cloud.variables, **variables)
        assert outcome.code == 10
    assert len(cloud.created) == 2
    outcome = run(f"{TO_OBS} --on-lost-reply retry", **cloud.variables)
    assert (outcome.code, "choose from resend, stop" in outcome.err) == (2, True)


def test_a_wait_goes_on_with_the_task_that_was_found(run: Run) -> None:
    """To the end of the command it is the task as if its reply had come."""
    with Sandbox(task_duration=0.2, faults=Faults([parse_fault("drop:count=1", parse_duration)])) as sandbox:
        outcome = run(f"{TO_OBS} --wait --poll-interval 0.1s -o json", **make_settings(sandbox))
    task = json.loads(outcome.out)
    assert (outcome.code, task["status"], task["reused"]) == (0, "SUCCESSED", False)
    assert f"Recovered export task {task['task_id']}" in outcome.err
