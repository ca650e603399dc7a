"""The command `list`: filters, order, output and pages."""

import json
import time

import pytest

from tests.conftest import Answer, Cloud, Outcome, Run, Stub, sandboxed
from tests.support.task_replies import create_task, make_error_reply

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
    ("labels", "expected"),
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
        ("unfinished", "a b e g"),
        ("Unfinished,failed", "a b c e g"),
    ],
)
def test_status_filter_accepts_labels_and_api_statuses(
    run: Run, states: Stub, labels: str, expected: str
) -> None:
    assert get_ids(run(f"list abc -o id --status {labels}", **states.variables)) == expected


def test_every_state_is_listed_without_a_filter(run: Run, states: Stub) -> None:
    assert get_ids(run("list abc -o id", **states.variables)) == "a b c d e f g h"


def test_result_has_the_state_of_each_task(run: Run, states: Stub) -> None:
    """The state of an undocumented status is unknown."""
    listed = json.loads(run("list abc -o json", **states.variables).out)
    states_by_id = [(task["task_id"], task["state"]) for task in listed]
    labels = ["queued", "running", "failed", "succeeded", "unknown", "succeeded", "stopping", "stopped"]
    assert sorted(states_by_id) == list(zip("abcdefgh", labels, strict=True))


def test_newest_task_comes_first(run: Run, stub: Stub) -> None:
    """The order of the API is not documented; tasks without a time come last."""
    stub.body = list_tasks(ages={"old": 3.0, "unknown": None, "new": 1.0, "middle": 2.0}, now=time.time())
    assert get_ids(run("list abc -o id", **stub.variables)) == "new middle old unknown"
    assert get_ids(run("list abc -o id --limit 2", **stub.variables)) == "new middle"
    assert get_ids(run("list abc -o id --limit 9", **stub.variables)) == "new middle old unknown"


def test_since_omits_older_tasks_and_tasks_without_a_time(run: Run, stub: Stub) -> None:
    stub.body = list_tasks(ages={"minute": 60.0, "hour": HOUR, "day": DAY, "unknown": None}, now=time.time())
    assert get_ids(run("list abc -o id --since 2m", **stub.variables)) == "minute"
    assert get_ids(run("list abc -o id --since 2h", **stub.variables)) == "minute hour"
    assert get_ids(run("list abc -o id --since 2d", **stub.variables)) == "minute hour day"


PATHS = ["/b/d/", "/b/d/2026-11-24/", "/b/de/", "/b/", "obs://b/d/x", "/B/d/", None, 7]


@pytest.mark.parametrize("path", ["/b/d", "/b/d/", "obs://b/d", "S3://b/d/"])
def test_path_filter_has_the_directory_and_those_below(run: Run, stub: Stub, path: str) -> None:
    """In any form of a path."""
    listed = [{"task_id": f"t{number}", "path": each} for number, each in enumerate(PATHS)]
    stub.body = json.dumps({"total_count": len(listed), "export_tasks": listed}).encode()
    assert get_ids(run(f"list abc -o id --path {path}", **stub.variables)) == "t0 t1 t4"


@pytest.mark.parametrize("skew", [-30 * DAY, 30 * DAY])
def test_since_uses_the_servers_clock(run: Run, skew: float) -> None:
    """With a token, since the API refuses a signature of a wrong local clock."""
    now = [time.time() + skew]
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
    labeled, search = create_task(run, cloud, flags="--export-type labeled"), create_task(run, cloud)
    for value in ("labeled", "0", "LABELED"):
        assert get_ids(run(f"list sandbox-images -o id --export-type {value}", **cloud.variables)) == labeled
        assert cloud.exchanges[-1][0].target.endswith("/export-tasks?export_type=0&limit=100&offset=0")
    assert get_ids(run("list sandbox-images -o id --export-type search", **cloud.variables)) == search
    assert get_ids(run("list sandbox-images -o id", **cloud.variables)) == f"{search} {labeled}"
    assert "export_type" not in cloud.exchanges[-1][0].target


@pytest.mark.parametrize(("form", "out"), [("json", "[]\n"), ("yaml", "[]\n"), ("id", ""), ("table", "")])
def test_empty_list_is_no_error(run: Run, cloud: Cloud, form: str, out: str) -> None:
    outcome = run(f"list sandbox-images -o {form}", **cloud.variables)
    message = "dataset sandbox-images has no export tasks"
    assert (outcome.code, outcome.out, outcome.err) == (0, out, f"{message}\n")
    filtered = run(f"list sandbox-images -o {form} --since 1d --path /b/ --limit 2", **cloud.variables)
    assert filtered.err == f"{message} that match --since, --path\n"
    quiet = run(f"list sandbox-images -q -o {form}", **cloud.variables)
    assert (quiet.code, quiet.out, quiet.err) == (0, out, "")


def test_result_is_an_array_or_a_table(run: Run, cloud: Cloud) -> None:
    task_id = create_task(run, cloud, "sandbox-slow")
    (shown,) = json.loads(run("list sandbox-slow -o json", **cloud.variables).out)
    assert (shown["task_id"], shown["dataset_id"], shown["path"]) == (task_id, "sandbox-slow", "/b/d/")
    assert run("list sandbox-slow -o yaml", **cloud.variables).out.startswith(f"- task_id: {task_id}\n")
    heading, row = run("list sandbox-slow", **cloud.variables).out.splitlines()
    assert heading.split() == ["TASK", "STATUS", "SAMPLES", "TYPE", "AGE", "PATH"]
    assert row.split()[:4] == [task_id, "queued", "-", "search"]
    assert row.split()[5] == "/b/d/"
    assert len(run("list sandbox-slow -o wide", **cloud.variables).out.splitlines()[1]) > len(row)


def test_quiet_omits_the_table(run: Run, cloud: Cloud) -> None:
    create_task(run, cloud)
    outcome = run("list sandbox-images -q", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (make_error_reply(400, "ModelArts.4352"), 3),
        (make_error_reply(403, "ModelArts.0112"), 4),
        (Answer(status=503), 5),
    ],
)
def test_refused_list_shows_nothing(run: Run, stub: Stub, refused: Answer, code: int) -> None:
    stub.status, stub.body = refused.status, refused.body
    outcome = run("list abc -o json", **stub.variables)
    assert (outcome.code, outcome.out) == (code, "")
    assert json.loads(outcome.err.splitlines()[-1])["exit_code"] == code


def test_all_pages_are_read(run: Run, cloud: Cloud) -> None:
    """Also with --limit, since the API documents no order."""
    tasks = cloud.sandbox.gateway.cloud
    task_ids = [tasks.add_task("sandbox-images", {"path": "/b/d/"}, age=0.0).task_id for _ in range(250)]
    before = len(cloud.exchanges)
    listed = run("list sandbox-images -o id", **cloud.variables).out.split()
    assert sorted(listed) == sorted(task_ids)
    assert len(cloud.exchanges) - before == 3
    assert [request.target.rpartition("offset=")[2] for request, _ in cloud.exchanges[before:]] == list("012")
    few = run("list sandbox-images -o id --limit 7", **cloud.variables).out.split()
    assert few == listed[:7]
