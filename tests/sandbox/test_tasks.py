"""Datasets and tasks at given ages of a task, with a manual clock."""

import random
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from modelarts_export.sandbox.cloud.contract import ApiError
from modelarts_export.sandbox.cloud.datasets import BUILT_IN, DATASET_ID, Dataset
from modelarts_export.sandbox.cloud.tasks import DATASET_QUOTA, Cloud, SandboxTask

START = 1_606_103_424.0
TO_OBS: dict[str, Any] = {"path": "/b/out/", "export_type": 3, "export_params": {"sample_state": ""}}


def make_new_dataset_body(name: str) -> dict[str, Any]:
    params = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": name,
        "export_new_dataset_work_path": f"/b/work/{name}/",
    }
    return {"path": "/b/in/", "export_type": 3, "export_params": params}


@dataclass
class Clock:
    """A clock that is set by the test."""

    now: float = START

    def __call__(self) -> float:
        """Return the time in epoch seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(clock: Clock) -> Cloud:
    return Cloud(clock=clock, rng=random.Random(7), task_duration=100.0)  # noqa: S311 - IDs, not secrets


def create_task(cloud: Cloud, body: dict[str, Any], dataset_id: str = DATASET_ID) -> SandboxTask:
    dataset = cloud.find_dataset(dataset_id)
    assert isinstance(dataset, Dataset)
    task = cloud.create_task(dataset, body)
    assert isinstance(task, SandboxTask)
    return task


@pytest.mark.parametrize(
    ("age", "status", "progress", "finished"),
    [
        (-50, "INIT", 0.0, None),
        (0, "INIT", 0.0, None),
        (9.5, "INIT", 0.0, None),
        (10, "RUNNING", 0.0, None),
        (14, "RUNNING", 0.0, None),
        (15, "RUNNING", 5.0, 1),
        (55, "RUNNING", 50.0, 10),
        (99.5, "RUNNING", 95.0, 19),
        (100, "SUCCESSED", 100.0, 20),
        (1e6, "SUCCESSED", 100.0, 20),
    ],
)
def test_state_of_a_task_follows_its_age(
    cloud: Cloud, age: float, status: str, progress: float, finished: int | None
) -> None:
    task = create_task(cloud, TO_OBS).to_dict(START + age)
    assert (task["status"], task["progress"]) == (status, progress)
    assert task.get("finished_sample_count") == finished
    assert task.get("total_sample_count") == (None if finished is None else 20)


@pytest.mark.parametrize(
    ("age", "updated"), [(-50, 0), (0, 0), (55.25, 55_250), (100, 100_000), (1e6, 100_000)]
)
def test_times_are_in_milliseconds(cloud: Cloud, age: float, updated: int) -> None:
    task = create_task(cloud, TO_OBS).to_dict(START + age)
    assert task["create_time"] == START * 1000
    assert task["update_time"] == START * 1000 + updated


def test_task_has_the_documented_defaults(cloud: Cloud) -> None:
    """This is the documented example of a running task (API.md, section 11) but for ID, path and times."""
    task = create_task(cloud, TO_OBS)
    assert task.to_dict(START + 10) == {
        "task_id": task.task_id,
        "path": "/b/out/",
        "export_type": 3,
        "version_format": "Default",
        "export_format": 2,
        "export_params": {
            "sample_state": "",
            "export_dest": "DIR",
            "clear_hard_property": True,
            "train_sample_ratio": 1.0,
            "ratio_sample_usage": False,
        },
        "status": "RUNNING",
        "progress": 0.0,
        "create_time": 1606103424000,
        "update_time": 1606103434000,
    }


def test_fields_of_the_request_replace_the_defaults(cloud: Cloud) -> None:
    params = {
        "export_dest": "DIR",
        "clear_hard_property": False,
        "clear_difficult": True,
        "train_sample_ratio": "0.80",
        "ratio_sample_usage": True,
        "samples": ["a", "b", "c"],
        "search_conditions": [{"hard": "1"}],
    }
    body = {"path": "/b/out/", "export_format": 1, "version_format": "CSV", "version_id": "sandbox-v1"}
    task = create_task(cloud, {**body, "export_params": params}).to_dict(START)
    assert {name: task[name] for name in body} == body
    assert task["export_params"] == {**params, "train_sample_ratio": 0.8}
    assert "export_type" not in task


def test_fields_without_documented_reply_are_not_returned(cloud: Cloud) -> None:
    never = {
        "annotation_format": "VOC",
        "source_type_header": "s3://",
        "with_column_header": True,
        "sample_state": "__ALL__",
        "status": 1,
        "dataset_type": 1,
        "dataset_id": "other",
        "unknown": 1,
    }
    body = {**TO_OBS, **never, "export_params": {"unknown": 1}}
    task = create_task(cloud, body).to_dict(START)
    assert never.keys() & task.keys() == {"status"}
    assert task["status"] == "INIT"
    assert "unknown" not in task["export_params"]


def test_selected_samples_are_counted(cloud: Cloud) -> None:
    body = {**TO_OBS, "export_params": {"samples": ["sample-01", "sample-20", "sample-07", "no-such-sample"]}}
    task = create_task(cloud, body).to_dict(START + 100)
    assert (task["total_sample_count"], task["finished_sample_count"]) == (3, 3)
    assert task["progress"] == 100.0


def test_task_duration_may_be_zero(clock: Clock) -> None:
    cloud = Cloud(clock=clock, rng=random.Random(7), task_duration=0)  # noqa: S311 - IDs, not secrets
    task = create_task(cloud, TO_OBS).to_dict(START)
    assert (task["status"], task["progress"], task["finished_sample_count"]) == ("SUCCESSED", 100.0, 20)


def test_task_ids_are_19_alphanumerics_repeatable_by_seed(cloud: Cloud, clock: Clock) -> None:
    task_id = create_task(cloud, TO_OBS).task_id
    assert len(task_id) == 19
    assert task_id.isascii()
    assert task_id.isalnum()
    again = Cloud(clock=clock, rng=random.Random(7), task_duration=100.0)  # noqa: S311 - IDs, not secrets
    assert create_task(again, TO_OBS).task_id == task_id


def test_new_dataset_appears_when_its_export_has_succeeded(cloud: Cloud, clock: Clock) -> None:
    create_task(cloud, make_new_dataset_body("copy"))
    clock.now = START + 99.5
    assert [dataset.dataset_id for dataset in cloud.list_datasets()] == list(BUILT_IN)
    clock.now = START + 100
    new, *others = cloud.list_datasets()
    assert [dataset.dataset_id for dataset in others] == list(BUILT_IN)
    assert cloud.find_dataset(new.dataset_id) == new
    assert new.to_dict() == {
        "dataset_id": new.dataset_id,
        "dataset_name": "copy",
        "dataset_type": 1,
        "status": 1,
        "data_sources": [{"data_type": 0, "data_path": "/b/in/"}],
        "work_path": "/b/work/copy/",
        "work_path_type": 0,
        "total_sample_count": 20,
        "annotated_sample_count": 16,
        "create_time": (START + 100) * 1000,
        "update_time": (START + 100) * 1000,
    }
    assert create_task(cloud, TO_OBS, new.dataset_id).to_dict(START)["status"] == "INIT"


@pytest.mark.parametrize("age", [0, 50, 100])
def test_name_is_reserved_when_its_export_starts(cloud: Cloud, clock: Clock, age: float) -> None:
    create_task(cloud, make_new_dataset_body("copy"))
    clock.now = START + age
    dataset = cloud.list_datasets()[-len(BUILT_IN)]
    for name in ("copy", *(behavior.name or key for key, behavior in BUILT_IN.items())):
        refusal = cloud.create_task(dataset, make_new_dataset_body(name))
        assert isinstance(refusal, ApiError)
        assert (refusal.status, refusal.code) == (400, "ModelArts.4351")
    assert len(cloud.list_tasks(DATASET_ID)) == 1


def test_quota_of_datasets_counts_unfinished_exports(cloud: Cloud) -> None:
    for number in range(DATASET_QUOTA - len(BUILT_IN)):
        create_task(cloud, make_new_dataset_body(f"copy-{number}"))
    refusal = cloud.create_task(cloud.list_datasets()[0], make_new_dataset_body("one-too-many"))
    assert isinstance(refusal, ApiError)
    assert (refusal.status, refusal.code) == (500, "ModelArts.4354")
    create_task(cloud, TO_OBS)


def test_tasks_of_a_dataset_are_listed_newest_first(cloud: Cloud, clock: Clock) -> None:
    old, middle = create_task(cloud, make_new_dataset_body("copy")), create_task(cloud, TO_OBS)
    clock.now = START + 100
    new_dataset = cloud.list_datasets()[0].dataset_id
    other = create_task(cloud, TO_OBS, new_dataset)
    assert cloud.list_tasks(DATASET_ID) == [middle, old]
    assert cloud.list_tasks(new_dataset) == [other]
    assert cloud.find_task(DATASET_ID, old.task_id) == old


def test_unknown_ids_are_refused(cloud: Cloud) -> None:
    dataset = cloud.find_dataset("nothing")
    assert isinstance(dataset, ApiError)
    assert (dataset.status, dataset.code) == (400, "ModelArts.4352")
    task = cloud.find_task(DATASET_ID, "nothing")
    assert isinstance(task, ApiError)
    assert (task.status, task.code) == (400, "ModelArts.4359")


def test_one_of_many_threads_gets_the_name(cloud: Cloud) -> None:
    outcomes: list[SandboxTask | ApiError] = []
    dataset = cloud.list_datasets()[0]

    def create() -> None:
        outcomes.append(cloud.create_task(dataset, make_new_dataset_body("copy")))

    threads = [threading.Thread(target=create) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([outcome for outcome in outcomes if isinstance(outcome, SandboxTask)]) == 1
