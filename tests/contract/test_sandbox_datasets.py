"""The datasets that a sandbox starts with: what each does, and what is refused, by a clock set by hand."""

import http.client
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from modelarts_export.sandbox.datasets import (
    BUILT_IN,
    DATASET_ID,
    MISSING_BUCKET,
    RUNNING_LIMIT,
    Behaviour,
    built_in,
)
from modelarts_export.sandbox.server import Sandbox

START = 1_606_103_424.0
DURATION = 100.0
TO_OBS: dict[str, Any] = {"path": "/b/out/", "export_type": 3, "export_params": {"sample_state": ""}}
DATASET_NAMES = [*BUILT_IN]

NO_VERSION = (400, "ModelArts.4353")
NO_BUCKET = (400, "ModelArts.4311")
NAME_TAKEN = (400, "ModelArts.4351")
WORK_PATH_TAKEN = (400, "ModelArts.4364")
BUSY = (400, "ModelArts.4409")
DENIED = (403, "ModelArts.0112")
NO_EXPORT = (501, "ModelArts.4383")
ACCEPTED = (200, None)


@dataclass(kw_only=True)
class World:
    """A sandbox whose clock is set by its age; both times are in seconds."""

    age: float = 0
    task_duration: float = DURATION
    sandbox: Sandbox = field(init=False)
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox, still to be started, and connect with the first call."""
        chance = random.Random(7)  # noqa: S311 - IDs, not secrets
        self.sandbox = Sandbox(
            task_duration=self.task_duration, clock=lambda: START + self.age, chance=chance
        )
        self.connection = http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)

    def call(self, method: str, target: str = "", body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        """Send a request to a target below the project's datasets and return status and parsed body."""
        target = f"/v2/{self.sandbox.project_id}/datasets{target}"
        self.connection.request(method, target, body=body, headers={"X-Auth-Token": self.sandbox.token})
        reply = self.connection.getresponse()
        return reply.status, json.loads(reply.read())

    def create(
        self, dataset: str = DATASET_ID, body: dict[str, Any] | None = None
    ) -> tuple[tuple[int, str | None], str]:
        """Try to create an export task; return status and error code, and task ID or error message."""
        status, reply = self.call("POST", f"/{dataset}/export-tasks", json.dumps(body or TO_OBS).encode())
        assert reply.keys() in ({"task_id"}, {"error_code", "error_msg"})
        return (status, reply.get("error_code")), reply.get("task_id") or reply["error_msg"]

    def outcome(
        self, dataset: str = DATASET_ID, body: dict[str, Any] | None = None
    ) -> tuple[int, str | None]:
        """Try to create an export task; return status and error code."""
        return self.create(dataset, body)[0]

    def task(self, dataset: str, task_id: str) -> dict[str, Any]:
        """Return a task as it is shown."""
        status, task = self.call("GET", f"/{dataset}/export-tasks/{task_id}")
        assert status == 200
        return task

    def listed(self, query: str = "") -> list[str]:
        """Return the names of the datasets, the newest first."""
        status, page = self.call("GET", f"?limit=100{query}")
        assert (status, page["total_number"]) == (200, len(page["datasets"]))
        return [dataset["dataset_name"] for dataset in page["datasets"]]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.sandbox:
        yield world
        world.connection.close()


def to_new_dataset(name: str = "copy", work_path: str = "/b/work/", **top: object) -> dict[str, Any]:
    params = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": name,
        "export_new_dataset_work_path": work_path,
    }
    return {"path": "/b/in/", "export_type": 3, "export_params": params, **top}


def test_each_dataset_is_described_in_one_sentence() -> None:
    """`sandbox --help` prints them."""
    assert list(BUILT_IN) == [
        "sandbox-images",
        "sandbox-failing",
        "sandbox-slow",
        "sandbox-denied",
        "sandbox-text",
        "sandbox-busy",
    ]
    for behaviour in BUILT_IN.values():
        assert behaviour.description[0].isupper()
        assert behaviour.description.count(". ") == 0
        assert behaviour.description.endswith(".")


def test_each_dataset_is_listed_and_shown(world: World) -> None:
    """The denied one, too: looking is another action than exporting (API.md, section 1)."""
    _, page = world.call("GET")
    assert [dataset["dataset_id"] for dataset in page["datasets"]] == DATASET_NAMES
    for dataset in page["datasets"]:
        own = f"/{dataset['dataset_id']}"
        assert world.call("GET", own) == (200, dataset)
        assert dataset["dataset_type"] == (100 if own == "/sandbox-text" else 1)
        assert dataset["create_time"] == dataset["update_time"] == START * 1000
        assert world.call("GET", f"{own}/export-tasks")[0] == 200
        assert world.call("GET", f"{own}/export-tasks/nothing")[1]["error_code"] == "ModelArts.4359"
    assert len({dataset["work_path"] for dataset in page["datasets"]}) == len(DATASET_NAMES)


@pytest.mark.parametrize(
    ("query", "missing"),
    [("", set()), ("&support_export=false", set()), ("&support_export=true", {"sandbox-text"})],
)
def test_the_server_filters_what_can_be_exported(world: World, query: str, missing: set[str]) -> None:
    """API.md, section 2; the total counts what passed the filter."""
    assert world.listed(query) == [name for name in DATASET_NAMES if name not in missing]


@pytest.mark.parametrize("dataset_type", [0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900])
def test_images_and_free_format_can_be_exported(dataset_type: int) -> None:
    """API.md, section 2, where the documents disagree on free format (900)."""
    dataset = replace(built_in(START)[0], behaviour=Behaviour(dataset_type=dataset_type))
    assert dataset.exportable == (dataset_type in {0, 1, 3, 900})


@pytest.mark.parametrize(
    ("dataset", "outcome"),
    [
        ("sandbox-images", ACCEPTED),
        ("sandbox-failing", ACCEPTED),
        ("sandbox-slow", ACCEPTED),
        ("sandbox-denied", DENIED),
        ("sandbox-text", NO_EXPORT),
        ("sandbox-busy", BUSY),
    ],
)
def test_an_export_is_accepted_or_refused_by_the_dataset(
    world: World, dataset: str, outcome: tuple[int, str | None]
) -> None:
    before = world.call("GET", f"/{dataset}/export-tasks")[1]["total_count"]
    assert world.outcome(dataset) == outcome
    after = world.call("GET", f"/{dataset}/export-tasks")[1]["total_count"]
    assert after - before == (outcome == ACCEPTED)


def test_without_permission_the_body_is_not_even_read(world: World) -> None:
    status, error = world.call("POST", "/sandbox-denied/export-tasks", b"{")
    assert (status, error["error_code"]) == DENIED
    assert error["error_msg"].endswith("modelarts:dataset:createExportTask")


FAILED = {"status": "FAILED", "progress": 40.0, "total_sample_count": 20, "finished_sample_count": 8}


@pytest.mark.parametrize(
    ("dataset", "age", "shown"),
    [
        ("sandbox-failing", 0, {"status": "INIT", "progress": 0.0}),
        ("sandbox-failing", 49.5, {"status": "RUNNING", "progress": 40.0}),
        ("sandbox-failing", 40, {"status": "RUNNING", "progress": 30.0, "finished_sample_count": 6}),
        ("sandbox-failing", 50, FAILED),
        ("sandbox-failing", 1e6, FAILED),
        ("sandbox-slow", 999, {"status": "INIT", "progress": 0.0}),
        ("sandbox-slow", 5500, {"status": "RUNNING", "progress": 50.0}),
        ("sandbox-slow", 9999, {"status": "RUNNING", "progress": 95.0}),
        ("sandbox-slow", 10_000, {"status": "SUCCESSED", "progress": 100.0, "finished_sample_count": 20}),
    ],
)
def test_tasks_move_as_their_dataset_has_it(
    world: World, dataset: str, age: float, shown: dict[str, Any]
) -> None:
    _, task_id = world.create(dataset)
    world.age = age
    task = world.task(dataset, task_id)
    assert task.items() >= shown.items()
    assert ("error_code" in task) == ("error_msg" in task) == (task["status"] == "FAILED")


def test_a_failed_task_tells_why_and_when(world: World) -> None:
    """In the task itself, whose reply is a 200 (API.md, section 4)."""
    _, task_id = world.create("sandbox-failing", {**TO_OBS, "export_params": {"samples": ["a"]}})
    world.age = 99
    task = world.task("sandbox-failing", task_id)
    assert (task["error_code"], task["error_msg"]) == (
        "ModelArts.4401",
        "Export failed: a file could not be copied",
    )
    assert (task["progress"], task["total_sample_count"], task["finished_sample_count"]) == (0.0, 1, 0)
    assert task["update_time"] - task["create_time"] == 50_000


def test_a_failure_may_take_no_time_and_neither_may_being_busy() -> None:
    world = World(task_duration=0)
    with world.sandbox:
        _, task_id = world.create("sandbox-failing")
        assert world.task("sandbox-failing", task_id).items() >= FAILED.items()
        assert world.outcome("sandbox-busy") == ACCEPTED
        world.connection.close()


def test_a_failed_export_makes_no_dataset_and_frees_its_name(world: World) -> None:
    assert world.outcome("sandbox-failing", to_new_dataset()) == ACCEPTED
    world.age = 49
    assert world.outcome(body=to_new_dataset()) == NAME_TAKEN
    world.age = 200
    assert world.listed() == DATASET_NAMES
    assert world.outcome(body=to_new_dataset()) == ACCEPTED
    world.age = 300
    assert world.listed() == ["copy", *DATASET_NAMES]


def test_what_a_slow_export_makes_comes_late_and_is_as_any(world: World) -> None:
    world.create("sandbox-slow", to_new_dataset())
    world.age = 9999
    assert world.listed() == DATASET_NAMES
    world.age = 10_000
    new = world.call("GET")[1]["datasets"][0]
    assert (new["dataset_name"], new["create_time"]) == ("copy", (START + 10_000) * 1000)
    _, task_id = world.create(new["dataset_id"])
    world.age += DURATION
    assert world.task(new["dataset_id"], task_id)["status"] == "SUCCESSED"


def test_the_busy_dataset_takes_one_task_at_a_time(world: World) -> None:
    """Who queues gets in; the others of the account do not notice."""
    _, page = world.call("GET", "/sandbox-busy/export-tasks")
    first = page["export_tasks"][0]
    assert (page["total_count"], first["status"], first["export_type"]) == (1, "INIT", 3)
    for age, outcome in [(0, BUSY), (999, BUSY), (1000, ACCEPTED), (1099, BUSY), (1100, ACCEPTED)]:
        world.age = age
        assert world.outcome("sandbox-busy") == outcome
        assert world.outcome() == ACCEPTED
    assert world.task("sandbox-busy", first["task_id"])["status"] == "SUCCESSED"


def test_no_other_dataset_has_a_task_at_first(world: World) -> None:
    for name in set(BUILT_IN) - {"sandbox-busy"}:
        assert world.call("GET", f"/{name}/export-tasks")[1] == {"total_count": 0, "export_tasks": []}


def test_running_tasks_are_limited_by_dataset(world: World) -> None:
    """Tasks that ended do not count."""
    assert {world.outcome() for _ in range(RUNNING_LIMIT)} == {ACCEPTED}
    assert world.outcome() == BUSY
    assert world.outcome("sandbox-failing") == ACCEPTED
    world.age = DURATION
    assert world.outcome() == ACCEPTED


@pytest.mark.parametrize(
    ("dataset", "version", "outcome"),
    [
        ("sandbox-images", "sandbox-v1", ACCEPTED),
        ("sandbox-images", "sandbox-v2", NO_VERSION),
        ("sandbox-images", "sandbox-v", NO_VERSION),
        ("sandbox-images", "", NO_VERSION),
        ("sandbox-slow", "sandbox-v1", NO_VERSION),
    ],
)
def test_a_version_must_be_one_of_the_datasets(
    world: World, dataset: str, version: str, outcome: tuple[int, str | None]
) -> None:
    assert world.outcome(dataset, {**TO_OBS, "version_id": version}) == outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (TO_OBS | {"path": f"/{MISSING_BUCKET}/out/"}, NO_BUCKET),
        (TO_OBS | {"path": f"/{MISSING_BUCKET}-2/out/"}, ACCEPTED),
        (TO_OBS | {"path": f"/b/{MISSING_BUCKET}/"}, ACCEPTED),
        (to_new_dataset(path="/missing-bucket/in/"), NO_BUCKET),
        (to_new_dataset(work_path="/missing-bucket/work/"), NO_BUCKET),
        # What is a work path only when there is a new dataset is not looked at.
        (TO_OBS | {"export_params": {"export_new_dataset_work_path": "/missing-bucket/work/"}}, ACCEPTED),
    ],
)
def test_a_bucket_must_exist(world: World, body: dict[str, Any], outcome: tuple[int, str | None]) -> None:
    assert world.outcome(body=body) == outcome


@pytest.mark.parametrize("age", [0, 50, 100])
def test_a_work_path_is_taken_from_the_start(world: World, age: float) -> None:
    world.create(body=to_new_dataset("copy", "/b/work/"))
    world.age = age
    assert world.outcome(body=to_new_dataset("other", "/b/work/")) == WORK_PATH_TAKEN
    assert world.outcome(body=to_new_dataset("copy", "/b/work/")) == NAME_TAKEN
    assert world.outcome(body=to_new_dataset("other", "/b/work/other/")) == ACCEPTED


@pytest.mark.parametrize("dataset", BUILT_IN)
def test_names_and_work_paths_of_the_first_datasets_are_taken(world: World, dataset: str) -> None:
    work_path = world.call("GET", f"/{dataset}")[1]["work_path"]
    assert world.outcome(body=to_new_dataset("copy", work_path)) == WORK_PATH_TAKEN
    assert world.outcome(body=to_new_dataset(dataset)) == NAME_TAKEN


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"version_id": "none"}, NO_VERSION),
        ({"path": "/missing-bucket/out/"}, NO_BUCKET),
        (to_new_dataset("sandbox-images"), NAME_TAKEN),
    ],
)
def test_nobody_waits_for_what_is_refused_anyway(
    world: World, body: dict[str, Any], outcome: tuple[int, str | None]
) -> None:
    """No document tells an order; this one keeps a queueing client from waiting in vain."""
    assert world.outcome("sandbox-busy", TO_OBS | body) == outcome
