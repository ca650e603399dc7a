"""The built-in datasets and their behavior, with a manual clock."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from modelarts_export.sandbox.cloud.datasets import BUILT_IN, Behavior, make_built_in_datasets
from tests.sandbox.dataset_client import (
    ACCEPTED,
    BUSY,
    DATASET_NAMES,
    DENIED,
    DURATION,
    NAME_TAKEN,
    NO_EXPORT,
    START,
    TO_OBS,
    DatasetClient,
    make_new_dataset_body,
)


@pytest.fixture
def client() -> Iterator[DatasetClient]:
    client = DatasetClient()
    with client.sandbox:
        yield client
        client.connection.close()


def test_each_dataset_is_described_in_one_sentence() -> None:
    """`sandbox --help` prints them."""
    assert list(BUILT_IN) == [
        "sandbox-images",
        "sandbox-failing",
        "sandbox-stopped",
        "sandbox-slow",
        "sandbox-denied",
        "sandbox-text",
        "sandbox-busy",
    ]
    for behavior in BUILT_IN.values():
        assert behavior.description[0].isupper()
        assert behavior.description.count(". ") == 0
        assert behavior.description.endswith(".")


def test_each_dataset_is_listed_and_shown(client: DatasetClient) -> None:
    """Also the denied one: reading and exporting are separate actions (API.md, section 1)."""
    _, page = client.call("GET")
    assert [dataset["dataset_id"] for dataset in page["datasets"]] == list(BUILT_IN)
    for dataset in page["datasets"]:
        own = f"/{dataset['dataset_id']}"
        assert client.call("GET", own) == (200, dataset)
        assert dataset["dataset_type"] == (100 if own == "/sandbox-text" else 1)
        assert dataset["create_time"] == dataset["update_time"] == START * 1000
        assert client.call("GET", f"{own}/export-tasks")[0] == 200
        assert client.call("GET", f"{own}/export-tasks/nothing")[1]["error_code"] == "ModelArts.4359"
    assert len({dataset["work_path"] for dataset in page["datasets"]}) == len(DATASET_NAMES)


@pytest.mark.parametrize(
    ("query", "missing"),
    [("", set()), ("&support_export=false", set()), ("&support_export=true", {"sandbox-text"})],
)
def test_list_is_filtered_by_exportable_types(client: DatasetClient, query: str, missing: set[str]) -> None:
    """API.md, section 2; the total counts the filtered entries."""
    assert client.list_names(query) == [name for name in DATASET_NAMES if name not in missing]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("&dataset_type=100", ["sandbox-text"]),
        ("&dataset_type=0", []),
        ("&dataset_type=1&support_export=true&search_content=BUS", ["sandbox-busy"]),
        ("&search_content=dogs", ["cats-and-dogs"]),
        ("&search_content=nothing", []),
        ("&sort_by=dataset_name&order=asc", sorted(DATASET_NAMES)),
        ("&sort_by=dataset_name", sorted(DATASET_NAMES, reverse=True)),
    ],
)
def test_list_is_filtered_and_sorted(client: DatasetClient, query: str, names: list[str]) -> None:
    """API.md, section 1."""
    assert client.list_names(query) == names


def test_oldest_dataset_comes_first_in_ascending_order(client: DatasetClient) -> None:
    client.create(body=make_new_dataset_body())
    client.age = 200
    assert client.list_names()[0] == client.list_names("&sort_by=create_time&order=asc")[-1] == "copy"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", []),
        ("?check_running_task=false&running_task_type=2", []),
        ("?running_task_type=2", []),
        ("?check_running_task=true", [True, False]),
        ("?check_running_task=true&running_task_type=2", [True, False]),
        ("?check_running_task=true&running_task_type=6", [False, False]),
    ],
)
def test_running_exports_are_shown_where_asked_for(
    client: DatasetClient, query: str, shown: list[bool]
) -> None:
    """Also those in INIT (API.md, section 1), in the list and of one dataset; finished ones are not."""
    _, task_id = client.create()
    for age, exists in zip((0, DURATION), shown or (None, None), strict=True):
        client.age = age
        (listed,) = client.call("GET", f"{query or '?'}&search_content=cats-")[1]["datasets"]
        assert client.call("GET", f"/sandbox-images{query}") == (200, listed)
        assert listed.get("exist_running_task") is exists
        assert listed.get("running_tasks_id") == (None if exists is None else [task_id] if exists else [])


@pytest.mark.parametrize("dataset_type", [0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900])
def test_images_and_free_format_can_be_exported(dataset_type: int) -> None:
    """API.md, section 2, where the documents disagree on free format (900)."""
    dataset = replace(make_built_in_datasets(START)[0], behavior=Behavior(dataset_type=dataset_type))
    assert dataset.is_exportable == (dataset_type in {0, 1, 3, 900})


@pytest.mark.parametrize(
    ("dataset", "outcome"),
    [
        ("sandbox-images", ACCEPTED),
        ("sandbox-failing", ACCEPTED),
        ("sandbox-stopped", ACCEPTED),
        ("sandbox-slow", ACCEPTED),
        ("sandbox-denied", DENIED),
        ("sandbox-text", NO_EXPORT),
        ("sandbox-busy", BUSY),
    ],
)
def test_dataset_decides_about_its_export(
    client: DatasetClient, dataset: str, outcome: tuple[int, str | None]
) -> None:
    before = client.call("GET", f"/{dataset}/export-tasks")[1]["total_count"]
    assert client.try_create(dataset) == outcome
    after = client.call("GET", f"/{dataset}/export-tasks")[1]["total_count"]
    assert after - before == (outcome == ACCEPTED)


def test_permission_is_checked_before_the_body(client: DatasetClient) -> None:
    status, error = client.call("POST", "/sandbox-denied/export-tasks", b"{")
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
        ("sandbox-stopped", 49.5, {"status": "RUNNING", "progress": 40.0}),
        ("sandbox-stopped", 50, {"status": "STOPPING", "progress": 40.0, "finished_sample_count": 8}),
        ("sandbox-stopped", 59, {"status": "STOPPING", "progress": 40.0}),
        ("sandbox-stopped", 60, {"status": "STOPPED", "progress": 40.0, "total_sample_count": 20}),
        ("sandbox-stopped", 1e6, {"status": "STOPPED", "finished_sample_count": 8}),
        ("sandbox-slow", 999, {"status": "INIT", "progress": 0.0}),
        ("sandbox-slow", 5500, {"status": "RUNNING", "progress": 50.0}),
        ("sandbox-slow", 9999, {"status": "RUNNING", "progress": 95.0}),
        ("sandbox-slow", 10_000, {"status": "SUCCESSED", "progress": 100.0, "finished_sample_count": 20}),
    ],
)
def test_states_of_a_task_follow_its_dataset(
    client: DatasetClient, dataset: str, age: float, shown: dict[str, Any]
) -> None:
    _, task_id = client.create(dataset)
    client.age = age
    task = client.get_task(dataset, task_id)
    assert task.items() >= shown.items()
    assert ("error_code" in task) == ("error_msg" in task) == (task["status"] == "FAILED")


def test_failed_task_has_its_error_and_time(client: DatasetClient) -> None:
    """In the task itself; the reply is a 200 (API.md, section 4)."""
    _, task_id = client.create("sandbox-failing", {**TO_OBS, "export_params": {"samples": ["sample-01"]}})
    client.age = 99
    task = client.get_task("sandbox-failing", task_id)
    assert (task["error_code"], task["error_msg"]) == (
        "ModelArts.4401",
        "Export failed: a file could not be copied",
    )
    assert (task["progress"], task["total_sample_count"], task["finished_sample_count"]) == (0.0, 1, 0)
    assert task["update_time"] - task["create_time"] == 50_000


def test_task_duration_of_zero_also_holds_for_failing_and_busy_datasets() -> None:
    client = DatasetClient(task_duration=0)
    with client.sandbox:
        _, task_id = client.create("sandbox-failing")
        assert client.get_task("sandbox-failing", task_id).items() >= FAILED.items()
        assert client.try_create("sandbox-busy") == ACCEPTED
        client.connection.close()


def test_failed_export_makes_no_dataset_and_releases_its_name(client: DatasetClient) -> None:
    assert client.try_create("sandbox-failing", make_new_dataset_body()) == ACCEPTED
    client.age = 49
    assert client.try_create(body=make_new_dataset_body()) == NAME_TAKEN
    client.age = 200
    assert client.list_names() == DATASET_NAMES
    assert client.try_create(body=make_new_dataset_body()) == ACCEPTED
    client.age = 300
    assert client.list_names() == ["copy", *DATASET_NAMES]


def test_stopped_export_makes_no_dataset_and_releases_its_name(client: DatasetClient) -> None:
    assert client.try_create("sandbox-stopped", make_new_dataset_body()) == ACCEPTED
    client.age = 59
    assert client.try_create(body=make_new_dataset_body()) == NAME_TAKEN
    client.age = 60
    assert client.list_names() == DATASET_NAMES
    assert client.try_create(body=make_new_dataset_body()) == ACCEPTED


def test_dataset_of_a_slow_export_appears_late_and_has_default_behavior(client: DatasetClient) -> None:
    client.create("sandbox-slow", make_new_dataset_body())
    client.age = 9999
    assert client.list_names() == DATASET_NAMES
    client.age = 10_000
    new = client.call("GET")[1]["datasets"][0]
    assert (new["dataset_name"], new["create_time"]) == ("copy", (START + 10_000) * 1000)
    _, task_id = client.create(new["dataset_id"])
    client.age += DURATION
    assert client.get_task(new["dataset_id"], task_id)["status"] == "SUCCESSED"
