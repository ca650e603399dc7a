"""Samples that an export selects by type, filters and IDs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelarts_export.sandbox.cloud.contract import find_error
from modelarts_export.sandbox.cloud.samples import make_built_in_samples, select_samples
from tests.conftest import Cloud, Run
from tests.sandbox.dataset_client import START, DatasetClient, make_new_dataset_body
from tests.sandbox.test_contract import SAMPLE_STATES
from tests.support.task_replies import OFTEN

OF_DOG = {"labels": [{"name": "dog"}]}
BOTH = [{"name": "cat"}, {"name": "dog"}]
PHOTO_DAY = datetime.fromtimestamp(START, UTC).date() - timedelta(days=10)


@pytest.fixture
def client() -> Iterator[DatasetClient]:
    client = DatasetClient(age=200, task_duration=0)
    with client.sandbox:
        yield client
        client.connection.close()


def count_exported(client: DatasetClient, export_type: int | None = 3, **params: Any) -> int:  # noqa: ANN401 - as JSON
    """Return the number of samples of an export; the task duration is zero."""
    body: dict[str, Any] = {"path": "/b/out/", "export_params": params}
    body |= {} if export_type is None else {"export_type": export_type}
    assert find_error(body) is None
    _, task_id = client.create(body=body)
    task = client.get_task("sandbox-images", task_id)
    assert (task["status"], task["progress"]) == ("SUCCESSED", 100.0)
    assert task["finished_sample_count"] == task["total_sample_count"]
    return int(task["total_sample_count"])


@pytest.mark.parametrize(("export_type", "count"), [(0, 16), (1, 4), (2, 20), (3, 20), (None, 20)])
def test_export_type_selects_samples(client: DatasetClient, export_type: int | None, count: int) -> None:
    """Labeled, unlabeled, all, search without a filter, and no type."""
    assert count_exported(client, export_type) == count


# The numbers of the samples with each state, as the API spells it.
STATE_COUNTS = dict(zip(SAMPLE_STATES, [20, 16, 4, 3, 2, 1, 2, 2, 4, 1, 3, 1, 1, 2], strict=True))


@pytest.mark.parametrize(("state", "count"), STATE_COUNTS.items())
def test_sample_state_filters(client: DatasetClient, state: str, count: int) -> None:
    assert count_exported(client, sample_state=state) == count


# Search conditions, combined by OR, and the count.
CONDITIONS: list[tuple[list[dict[str, Any]], int]] = [
    ([], 20),
    ([{}], 20),
    ([{"label_list": {"labels": [{"name": "cat"}]}}], 10),
    ([{"label_list": OF_DOG}], 8),
    ([{"label_list": {"labels": [{"name": "unicorn"}]}}], 0),
    ([{"label_list": {"labels": BOTH, "op": "OR"}}], 16),
    ([{"label_list": {"labels": BOTH, "op": "AND"}}], 2),
    ([{"label_list": {"labels": [{"name": "cat", "type": 1}]}}], 10),
    ([{"label_list": {"labels": [{"name": "cat", "type": 0}]}}], 0),
    ([{"label_list": {"labels": [{"name": "cat", "property": {"color": ["red"]}}]}}], 5),
    ([{"label_list": {"labels": [{"property": {"color": ["red", "blue"]}}]}}], 16),
    ([{"label_list": {"labels": [{"property": {"color": None}}]}}], 16),
    ([{"label_list": {"labels": [{"property": {"size": None}}]}}], 0),
    ([{"label_list": {"labels": [{"property": {"size": None, "color": ["red"]}, "op": "OR"}]}}], 8),
    ([{"label_list": OF_DOG, "hard": "1"}], 2),
    ([{"label_list": OF_DOG}, {"hard": "1"}], 9),
    ([{"hard": "0"}], 17),
    ([{"metadata": {"props": {"camera": ["left"]}}}], 10),
    ([{"metadata": {"props": {"camera": ["left"], "lens": ["wide"]}, "op": "AND"}}], 0),
    ([{"metadata": {"props": {"camera": ["left"], "lens": ["wide"]}, "op": "OR"}}], 10),
    ([{"sample_name": "image-07.jpg"}], 1),
    ([{"sample_name": "image-07"}], 0),
    ([{"sample_dir": "/sandbox-bucket/sandbox-images/input/"}], 15),
    ([{"sample_dir": "obs://sandbox-bucket/sandbox-images/input/more/"}], 5),
    ([{"sample_dir": "/sandbox-bucket/"}], 0),
    ([{"sample_time": "day"}], 5),
    ([{"sample_time": "month"}], 12),
    ([{"sample_time": f"{PHOTO_DAY:%Y%m%d}-{PHOTO_DAY:%Y%m%d}"}], 7),
    ([{"sample_time": "20190901-20190915"}], 0),
    ([{"labeler": "alice"}], 8),
    ([{"labeler": "nobody"}], 0),
    ([{"score": "0.9"}], 2),
    ([{"import_origin": "sandbox"}], 20),
    ([{"study_date": "20190901"}], 0),
    ([{"frame_in_video": 0}], 0),
]


@pytest.mark.parametrize(("conditions", "count"), CONDITIONS)
def test_search_conditions_filter(
    client: DatasetClient, conditions: list[dict[str, Any]], count: int
) -> None:
    """All fields of at least one condition must match."""
    assert count_exported(client, search_conditions=conditions) == count


@pytest.mark.parametrize(
    ("wanted", "later", "count"), [("day", 0, 5), ("day", 1, 0), ("month", 20, 12), ("month", 21, 5)]
)
def test_sample_time_counts_back_from_now(wanted: str, later: int, count: int) -> None:
    """The youngest are half a day old at first, and from the day before; others are ten days old."""
    samples = make_built_in_samples("/b/d/", START, 0)
    body: dict[str, Any] = {
        "export_type": 3,
        "export_params": {"search_conditions": [{"sample_time": wanted}]},
    }
    assert len(select_samples(samples, body, START + later * 86_400)) == count


def test_filters_are_combined(client: DatasetClient) -> None:
    dogs: dict[str, Any] = {"search_conditions": [{"label_list": OF_DOG}]}
    assert count_exported(client, samples=["sample-01", "sample-09", "no-such-sample"]) == 2
    assert count_exported(client, samples=["sample-01", "sample-09"], **dogs) == 1
    assert count_exported(client, sample_state="__REVIEWED__", **dogs) == 2


@pytest.mark.parametrize(("export_type", "count"), [(0, 16), (2, 20)])
def test_filters_apply_to_type_search_only(client: DatasetClient, export_type: int, count: int) -> None:
    """The other types select samples by themselves."""
    assert count_exported(client, export_type, samples=["sample-01"]) == count


def test_new_dataset_has_the_samples_that_were_exported(client: DatasetClient) -> None:
    body = make_new_dataset_body()
    body["export_params"]["search_conditions"] = [{"label_list": OF_DOG}]
    client.create(body=body)
    (new, *_) = client.call("GET")[1]["datasets"]
    assert (new["dataset_name"], new["total_sample_count"], new["annotated_sample_count"]) == ("copy", 8, 8)
    _, task_id = client.create(new["dataset_id"], {"path": "/b/out/", "export_type": 1})
    assert client.get_task(new["dataset_id"], task_id)["total_sample_count"] == 0


def test_export_without_samples_has_consistent_progress() -> None:
    """Its progress fits the status in every state."""
    client = DatasetClient()
    with client.sandbox:
        nothing = {"path": "/b/out/", "export_type": 3, "export_params": {"samples": ["no-such-sample"]}}
        _, task_id = client.create("sandbox-failing", nothing)
        for age in (0, 40, 60):
            client.age = age
            assert client.get_task("sandbox-failing", task_id)["progress"] == 0.0
        client.connection.close()


COUNTS = [("--search label=cat", 10), ("--sample sample-07", 1), ("--export-type unlabeled", 4)]


@pytest.mark.parametrize(("flags", "count"), [*COUNTS, ("--search label=unicorn", 0)])
def test_command_line_shows_the_counts_of_the_selection(
    run: Run, quick: Cloud, flags: str, count: int
) -> None:
    """An unknown label selects no samples."""
    line = f"to-obs sandbox-images --path /b/d/ {flags} --wait -o json {OFTEN}"
    outcome = run(line, **quick.variables)
    assert (outcome.code, json.loads(outcome.out)["total_sample_count"]) == (0, count)
    assert ("exported no samples" in outcome.err) == (count == 0)
    assert run(f"{line} --require-samples {count + 1}", **quick.variables).code == 7
