"""What stands in the way of an export in the sandbox: a crowd, a version, a bucket, a name."""

from collections.abc import Iterator
from typing import Any

import pytest

from modelarts_export.sandbox.cloud.datasets import BUILT_IN, MISSING_BUCKET, RUNNING_LIMIT
from tests.sandbox.dataset_world import (
    ACCEPTED,
    BUSY,
    DURATION,
    NAME_TAKEN,
    NO_BUCKET,
    NO_VERSION,
    TO_OBS,
    WORK_PATH_TAKEN,
    World,
    to_new_dataset,
)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.sandbox:
        yield world
        world.connection.close()


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
