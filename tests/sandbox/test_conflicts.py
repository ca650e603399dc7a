"""Exports that the sandbox refuses: running limit, version, bucket, name in use."""

from collections.abc import Iterator
from typing import Any

import pytest

from modelarts_export.sandbox.cloud.datasets import BUILT_IN, DATASET_ID, MISSING_BUCKET, RUNNING_LIMIT
from tests.sandbox.dataset_client import (
    ACCEPTED,
    BUSY,
    DURATION,
    NAME_TAKEN,
    NO_BUCKET,
    NO_VERSION,
    TO_OBS,
    WORK_PATH_TAKEN,
    DatasetClient,
    make_new_dataset_body,
)


@pytest.fixture
def client() -> Iterator[DatasetClient]:
    client = DatasetClient()
    with client.sandbox:
        yield client
        client.connection.close()


def test_busy_dataset_runs_one_task_at_a_time(client: DatasetClient) -> None:
    """A later call succeeds; other datasets are not affected."""
    _, page = client.call("GET", "/sandbox-busy/export-tasks")
    first = page["export_tasks"][0]
    assert (page["total_count"], first["status"], first["export_type"]) == (1, "INIT", 3)
    for age, outcome in [(0, BUSY), (999, BUSY), (1000, ACCEPTED), (1099, BUSY), (1100, ACCEPTED)]:
        client.age = age
        assert client.try_create("sandbox-busy") == outcome
        assert client.try_create() == ACCEPTED
    assert client.get_task("sandbox-busy", first["task_id"])["status"] == "SUCCESSED"


def test_other_datasets_start_without_tasks(client: DatasetClient) -> None:
    for name in set(BUILT_IN) - {"sandbox-busy"}:
        assert client.call("GET", f"/{name}/export-tasks")[1] == {"total_count": 0, "export_tasks": []}


def test_running_tasks_are_limited_by_dataset(client: DatasetClient) -> None:
    """Finished tasks do not count."""
    for _ in range(RUNNING_LIMIT - 1):
        client.sandbox.gateway.cloud.add_task(DATASET_ID, TO_OBS, age=0.0)
    assert client.try_create() == ACCEPTED
    assert client.try_create() == BUSY
    assert client.try_create("sandbox-failing") == ACCEPTED
    client.age = DURATION
    assert client.try_create() == ACCEPTED


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
def test_unknown_version_is_refused(
    client: DatasetClient, dataset: str, version: str, outcome: tuple[int, str | None]
) -> None:
    assert client.try_create(dataset, {**TO_OBS, "version_id": version}) == outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (TO_OBS | {"path": f"/{MISSING_BUCKET}/out/"}, NO_BUCKET),
        (TO_OBS | {"path": f"/{MISSING_BUCKET}-2/out/"}, ACCEPTED),
        (TO_OBS | {"path": f"/b/{MISSING_BUCKET}/"}, ACCEPTED),
        (make_new_dataset_body(path="/missing-bucket/in/"), NO_BUCKET),
        (make_new_dataset_body(work_path="/missing-bucket/work/"), NO_BUCKET),
        # What is a work path only when there is a new dataset is not looked at.
        (TO_OBS | {"export_params": {"export_new_dataset_work_path": "/missing-bucket/work/"}}, ACCEPTED),
    ],
)
def test_missing_bucket_is_refused(
    client: DatasetClient, body: dict[str, Any], outcome: tuple[int, str | None]
) -> None:
    assert client.try_create(body=body) == outcome


@pytest.mark.parametrize("age", [0, 50, 100])
def test_work_path_is_reserved_when_its_export_starts(client: DatasetClient, age: float) -> None:
    client.create(body=make_new_dataset_body("copy", "/b/work/"))
    client.age = age
    assert client.try_create(body=make_new_dataset_body("other", "/b/work/")) == WORK_PATH_TAKEN
    assert client.try_create(body=make_new_dataset_body("copy", "/b/work/")) == NAME_TAKEN
    assert client.try_create(body=make_new_dataset_body("other", "/b/work/other/")) == ACCEPTED


@pytest.mark.parametrize("dataset", BUILT_IN)
def test_names_and_work_paths_of_built_in_datasets_are_reserved(client: DatasetClient, dataset: str) -> None:
    shown = client.call("GET", f"/{dataset}")[1]
    assert client.try_create(body=make_new_dataset_body("copy", shown["work_path"])) == WORK_PATH_TAKEN
    assert client.try_create(body=make_new_dataset_body(shown["dataset_name"])) == NAME_TAKEN


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"version_id": "none"}, NO_VERSION),
        ({"path": "/missing-bucket/out/"}, NO_BUCKET),
        (make_new_dataset_body("cats-and-dogs"), NAME_TAKEN),
    ],
)
def test_permanent_errors_come_before_the_busy_error(
    client: DatasetClient, body: dict[str, Any], outcome: tuple[int, str | None]
) -> None:
    """The order is not documented; this one avoids a useless wait for a slot."""
    assert client.try_create("sandbox-busy", TO_OBS | body) == outcome
