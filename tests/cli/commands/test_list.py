"""`list`: which tasks it shows, in which order, and how it reads a long list."""

import json
import time

import pytest

from tests.conftest import Answer, Cloud, Outcome, Run, Stub, sandboxed
from tests.support.tracked import created, refusing

HOUR, DAY = 3600.0, 86400.0  # seconds
STATUSES = ["INIT", "RUNNING", "FAILED", "SUCCESSED", "PAUSED", "SUCCEEDED", "STOPPING", "STOPPED"]
STATES = dict(zip("abcdefgh", STATUSES, strict=True))


def get_ids(outcome: Outcome) -> str:
    """Return the output of `-o id`, on one line."""
    assert outcome.code == 0, outcome.err
    return " ".join(outcome.out.split())


def list_tasks(*, ages: dict[str, float | None], now: float = 0.0) -> bytes:
    """Return a list of tasks that were created so many seconds ago, None for an unknown time."""
    listed = [
        {"task_id": name, "status": "SUCCESSED"}
        | ({} if age is None else {"create_time": int((now - age) * 1000)})
        for name, age in ages.items()
    ]
    return json.dumps({"total_count": len(listed), "export_tasks": listed}).encode()


@pytest.fixture
def states(stub: Stub) -> Stub:
    """Serve a list with a task in each state."""
    listed = [{"task_id": name, "status": status} for name, status in STATES.items()]
    stub.body = json.dumps({"total_count": len(listed), "export_tasks": listed}).encode()
    return stub


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("queued", "a"),
        ("INIT", "a"),
        ("running", "b"),
        ("Failed", "c"),
        ("succeeded", "d f"),
        ("SUCCESSED", "d f"),
        ("stopping", "g"),
        ("stopped,failed", "c h"),
        ("queued,running", "a b"),
        ("' running , FAILED '", "b c"),
    ],
)
def test_status_filter(run: Run, states: Stub, words: str, shown: str) -> None:
    """By label or by status of the API, separated by commas, in any letter case."""
    assert get_ids(run(f"list abc -o id --status {words}", **states.variables)) == shown


def test_every_state_is_listed_without_a_filter(run: Run, states: Stub) -> None:
    """Also undocumented ones."""
    assert get_ids(run("list abc -o id", **states.variables)) == "a b c d e f g h"


def test_state_is_in_the_result(run: Run, states: Stub) -> None:
    """Beside the status of the API; unknown for an undocumented one."""
    listed = json.loads(run("list abc -o json", **states.variables).out)
    shown = [(task["task_id"], task["state"]) for task in listed]
    words = ["queued", "running", "failed", "succeeded", "unknown", "succeeded", "stopping", "stopped"]
    assert sorted(shown) == list(zip("abcdefgh", words, strict=True))


def test_newest_task_comes_first(run: Run, stub: Stub) -> None:
    """The order of the API is not documented; tasks without a time come last."""
    stub.body = list_tasks(ages={"old": 3.0, "unknown": None, "new": 1.0, "middle": 2.0}, now=time.time())
    assert get_ids(run("list abc -o id", **stub.variables)) == "new middle old unknown"
    assert get_ids(run("list abc -o id --limit 2", **stub.variables)) == "new middle"
    assert get_ids(run("list abc -o id --limit 9", **stub.variables)) == "new middle old unknown"


def test_since_leaves_out_old_tasks(run: Run, stub: Stub) -> None:
    """And tasks without a time."""
    stub.body = list_tasks(ages={"minute": 60.0, "hour": HOUR, "day": DAY, "unknown": None}, now=time.time())
    assert get_ids(run("list abc -o id --since 2m", **stub.variables)) == "minute"
    assert get_ids(run("list abc -o id --since 2h", **stub.variables)) == "minute hour"
    assert get_ids(run("list abc -o id --since 2d", **stub.variables)) == "minute hour day"


@pytest.mark.parametrize("off", [-30 * DAY, 30 * DAY])
def test_since_uses_the_servers_clock(run: Run, off: float) -> None:
    """Also when the local one is wrong; with a token, because a signature would be refused."""
    now = [time.time() + off]
    with sandboxed(clock=lambda: now[0]) as cloud:
        variables = {name: value for name, value in cloud.variables.items() if "SDK" not in name}
        variables |= {"HW_AUTH_TOKEN": cloud.sandbox.token, "HW_PROJECT_ID": cloud.sandbox.project_id}
        line = "to-obs sandbox-images --path /b/d/ -o id -q"
        old = run(line, **variables).out.strip()
        now[0] += HOUR
        new = run(line, **variables).out.strip()
        assert get_ids(run("list sandbox-images -o id --since 20m", **variables)) == new
        assert get_ids(run("list sandbox-images -o id --since 2h", **variables)) == f"{new} {old}"


def test_export_type_is_a_filter_of_the_api(run: Run, cloud: Cloud) -> None:
    """By label or code."""
    labeled, search = created(run, cloud, flags="--export-type labeled"), created(run, cloud)
    for word in ("labeled", "0", "LABELED"):
        assert get_ids(run(f"list sandbox-images -o id --export-type {word}", **cloud.variables)) == labeled
        assert cloud.exchanges[-1][0].target.endswith("/export-tasks?export_type=0&limit=100&offset=0")
    assert get_ids(run("list sandbox-images -o id --export-type search", **cloud.variables)) == search
    assert get_ids(run("list sandbox-images -o id", **cloud.variables)) == f"{search} {labeled}"
    assert "export_type" not in cloud.exchanges[-1][0].target


@pytest.mark.parametrize(("form", "out"), [("json", "[]\n"), ("yaml", "[]\n"), ("id", ""), ("table", "")])
def test_empty_list_is_no_error(run: Run, cloud: Cloud, form: str, out: str) -> None:
    """A message on stderr says that it is empty."""
    outcome = run(f"list sandbox-images -o {form}", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, out, "no export tasks\n")
    quiet = run(f"list sandbox-images -q -o {form}", **cloud.variables)
    assert (quiet.code, quiet.out, quiet.err) == (0, out, "")


def test_output_formats(run: Run, cloud: Cloud) -> None:
    """An array, also of one task; a table with a row for each."""
    task_id = created(run, cloud, "sandbox-slow")
    (shown,) = json.loads(run("list sandbox-slow -o json", **cloud.variables).out)
    assert (shown["task_id"], shown["dataset_id"], shown["path"]) == (task_id, "sandbox-slow", "/b/d/")
    assert run("list sandbox-slow -o yaml", **cloud.variables).out.startswith(f"- task_id: {task_id}\n")
    heading, row = run("list sandbox-slow", **cloud.variables).out.splitlines()
    assert heading.split() == ["TASK", "STATUS", "PROGRESS", "PATH", "CREATED"]
    assert row.split()[:2] == [task_id, "queued"]


def test_quiet_without_an_output_format(run: Run, cloud: Cloud) -> None:
    created(run, cloud)
    outcome = run("list sandbox-images -q", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


@pytest.mark.parametrize(
    ("refused", "code"),
    [(refusing(400, "ModelArts.4352"), 3), (refusing(403, "ModelArts.0112"), 4), (Answer(status=503), 5)],
)
def test_refused_list_shows_nothing(run: Run, stub: Stub, refused: Answer, code: int) -> None:
    stub.status, stub.body = refused.status, refused.body
    outcome = run("list abc -o json", **stub.variables)
    assert (outcome.code, outcome.out) == (code, "")
    assert json.loads(outcome.err.splitlines()[-1])["exit_code"] == code


def test_long_list_is_read_to_its_end(run: Run, cloud: Cloud) -> None:
    """A hundred tasks a call; the limit is applied here, because the API has no order."""
    made = [created(run, cloud) for _ in range(250)]
    before = len(cloud.exchanges)
    shown = run("list sandbox-images -o id", **cloud.variables).out.split()
    assert sorted(shown) == sorted(made)
    assert len(cloud.exchanges) - before == 3
    assert [request.target.rpartition("offset=")[2] for request, _ in cloud.exchanges[before:]] == list("012")
    few = run("list sandbox-images -o id --limit 7", **cloud.variables).out.split()
    assert few == shown[:7]
