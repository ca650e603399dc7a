"""Datasets: what the API may answer about one, the paged list, and the search by name."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from modelarts_export.api.client import EXPORT_TASK
from modelarts_export.api.dataset import Dataset, DatasetPage, DatasetStatus, find_named, select_named
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.errors import AccessError, DatasetNameError, NotFoundError, RefusedError, TemporaryError
from modelarts_export.request.enums import DatasetType
from modelarts_export.request.models import ToObs
from modelarts_export.transport.retry import RetryPolicy
from tests.conftest import Cloud
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    SimulatedTime,
    get_targets,
    make_client,
    make_error_reply,
    serve_answers,
)

NOW = 1_795_500_000.0  # in epoch seconds


def make_dataset(dataset_id: str = "a", **raw: Any) -> Dataset:  # noqa: ANN401 - as JSON
    return Dataset(dataset_id=dataset_id, project_id="p", raw=raw)


def make_dataset_server(*named: tuple[str, str, object]) -> Callable[[str], bytes]:
    """Return a server of these datasets, ten per page: ID, name and time of creation."""

    def answer(target: str) -> bytes:
        start = 10 * int(parse_qs(urlsplit(target).query)["offset"][0])
        shown = [{"dataset_id": i, "dataset_name": name, "create_time": at} for i, name, at in named]
        fields = {"total_number": len(shown), "datasets": shown[start : start + 10]}
        return make_reply("200 OK", json.dumps(fields).encode())

    return answer


def test_documented_fields_are_read() -> None:
    """.github/API.md, section 1; paths in one form, whichever the API has."""
    dataset = make_dataset(
        dataset_name="猫",
        dataset_type=1,
        status=8,
        data_sources=[{"data_type": 0, "data_path": "/b/in"}, {"data_path": "obs://b/more/"}, 7, {}],
        work_path="s3://b/work",
        inner_work_path="/b/work/x/",
        inner_log_path="/b/work/x/",
        inner_data_path="/b/work/y/",
        total_sample_count=20,
        annotated_sample_count=13,
        create_time=1_606_103_424_662,
        exist_running_task=True,
        running_tasks_id=["t1", None, "t2"],
    )
    assert (dataset.name, dataset.dataset_type, dataset.status) == (
        *("猫", DatasetType.OBJECT_DETECTION),
        DatasetStatus.IMPORTING,
    )
    assert (dataset.input_paths, dataset.work_path) == (("/b/in/", "/b/more/"), "/b/work/")
    assert dataset.inner_paths == ("/b/work/x/", "/b/work/y/")
    assert (dataset.total_samples, dataset.labeled_samples) == (20, 13)
    assert (dataset.created, dataset.updated) == (1_606_103_424.662, None)
    assert (dataset.has_running_task, dataset.running_task_ids) == (True, ("t1", "t2"))
    shown = dataset.to_dict()
    assert (shown["type"], shown["state"], shown["project_id"]) == ("object-detection", "importing", "p")
    assert (shown["created_at"], shown["updated_at"]) == ("2020-11-23T03:50:24Z", None)


@pytest.mark.parametrize(
    "value", [None, True, -1, 77, "x", "", [], [7], {}, {"a": 1}, 10**30, float("nan")], ids=repr
)
def test_field_of_another_type_is_unknown(value: object) -> None:
    """And stays in the output as it came."""
    names = ["dataset_type", "status", "data_sources", "create_time", "exist_running_task"]
    names += ["running_tasks_id", "total_sample_count", "annotated_sample_count"]
    dataset = Dataset(dataset_id="a", project_id="p", raw=dict.fromkeys(names, value))
    assert (dataset.dataset_type, dataset.status, dataset.is_exportable) == (None, None, None)
    assert (dataset.name, dataset.work_path, dataset.input_paths, dataset.inner_paths) == (None, None, (), ())
    assert (dataset.created, dataset.running_task_ids) == (None, ())
    assert dataset.has_running_task is (True if value is True else None)
    assert dataset.total_samples in (None, 77)
    shown = dataset.to_dict()
    assert {repr(shown[name]) for name in names} == {repr(value)}
    assert (shown["type"], shown["state"], shown["created_at"]) == ("unknown", "unknown", None)


@pytest.mark.parametrize("spelling", ["exist_running_task", "existRunningTask"])
def test_running_task_is_read_in_both_spellings(spelling: str) -> None:
    """.github/API.md, section 1: that of the documents, and that of a shipped client."""
    dataset = Dataset(dataset_id="a", project_id="p", raw={spelling: False})
    assert dataset.has_running_task is False


def test_documents_agree_only_on_some_exportable_types() -> None:
    """.github/API.md, section 2."""
    by_type = {
        kind.wire_value: make_dataset(dataset_type=kind.wire_value).is_exportable for kind in DatasetType
    }
    assert [kind for kind, exportable in by_type.items() if exportable] == [0, 1]
    assert [kind for kind, exportable in by_type.items() if exportable is None] == [3, 900]


def test_dataset_of_the_sandbox_is_shown_with_its_running_export(cloud: Cloud) -> None:
    sandbox = cloud.sandbox
    client = make_client(sandbox.url, project=sandbox.project_id, token=sandbox.token)
    assert client.show_dataset("sandbox-images").has_running_task is None
    assert client.show_dataset("sandbox-images", running_task_type=EXPORT_TASK).has_running_task is False
    task = client.create("sandbox-images", ToObs(path="/b/out/"))
    dataset = client.show_dataset("sandbox-images", running_task_type=EXPORT_TASK)
    assert cloud.exchanges[-1][0].target.endswith("?check_running_task=true&running_task_type=2")
    assert (dataset.has_running_task, dataset.running_task_ids) == (True, (task.task_id,))
    assert dataset.input_paths == ("/sandbox-bucket/sandbox-images/input/",)
    assert dataset.work_path == "/sandbox-bucket/sandbox-images/work/"
    with pytest.raises(NotFoundError) as caught:
        client.show_dataset("nothing")
    assert caught.value.error_code == "ModelArts.4352"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"dataset_id": "other"}', TemporaryError),
        (b'{"error_code": "ModelArts.4352", "error_msg": "no"}', NotFoundError),
    ],
)
def test_reply_about_something_else_is_an_error(body: bytes, error: type[Exception]) -> None:
    with serve_answers(lambda _: make_reply("200 OK", body)) as server, pytest.raises(error):
        make_client(server.url).show_dataset("abc")


@pytest.mark.parametrize("dataset_id", [".", ".."])
def test_id_that_no_url_can_hold_is_refused(dataset_id: str) -> None:
    with pytest.raises(RefusedError, match="dataset ID"):
        make_client("http://127.0.0.1:9").show_dataset(dataset_id)


def test_filters_are_sent_with_each_page() -> None:
    with serve_answers(make_dataset_server(*OTHERS)) as server:
        pages = list(make_client(server.url).iter_dataset_pages(dataset_type=3, exportable=True))
        query = "?dataset_type=3&support_export=true&limit=100&offset="
        assert get_targets(server) == [f"/v2/0123/datasets{query}{number}" for number in range(3)]
    assert [each.dataset_id for page in pages for each in page.datasets] == [each[0] for each in OTHERS]


OTHERS: list[tuple[str, str, object]] = [(f"x{number}", f"other-{number}", number) for number in range(25)]
FIRST = 1_606_103_424_000
# the datasets that there are, and those with the name, newest first
NAMED: list[tuple[list[tuple[str, str, object]], list[str]]] = [
    ([], []),
    (OTHERS, []),
    ([("a", "cats", 1)], ["a"]),
    ([*OTHERS, ("a", "cats", 1), *OTHERS], ["a"]),
    ([("a", "cats-2", 1), ("b", "Cats", 1), ("c", " cats", 1), ("d", "cat", 1)], []),
    (
        [("a", "cats", FIRST + 1), *OTHERS, ("b", "cats", FIRST + 3), ("c", "cats", FIRST + 2)],
        ["b", "c", "a"],
    ),
    ([("a", "cats", None), ("b", "cats", "5"), ("c", "cats", FIRST)], ["c", "a", "b"]),
]


@pytest.mark.parametrize(("there", "wanted"), NAMED)
def test_datasets_of_a_name_are_found(there: list[tuple[str, str, object]], wanted: list[str]) -> None:
    """On whatever page; a name is compared exactly."""
    with serve_answers(make_dataset_server(*there)) as server:
        client = make_client(server.url)
        listed = [each for page in client.iter_dataset_pages() for each in page.datasets]
        assert [each.dataset_id for each in find_named(listed, "cats")] == wanted
        if len(wanted) == 1:
            assert client.find_dataset("cats").dataset_id == wanted[0]
        else:
            with pytest.raises(DatasetNameError):
                client.find_dataset("cats")
        assert get_targets(server)[0] == "/v2/0123/datasets?limit=100&offset=0"


@pytest.mark.parametrize(
    ("name", "names", "words"),
    [
        ("cats", ["dogs"], "no dataset has the name 'cats'"),
        ("cats", [], "no dataset has the name 'cats'; the project has no datasets"),
        ("cast", ["dogs", "cats"], "no dataset has the name 'cast'; similar names: 'cats'"),
        ("cats", ["my-Cats", "cats-2026", "s"], "similar names: 'cats-2026', 'my-Cats'"),
        ("cats-2026-11", ["cats-2026", "cat"], "similar names: 'cats-2026'"),
        ("猫", ["猫狗", "狗"], "no dataset has the name '猫'; similar names: '猫狗'"),
        ("cats", [f"cats-{number}" for number in range(9)], "'cats-4' and 4 more"),
        ("cats", ["cats" * 26, "cats_" * 50_000, None, 7], "no dataset has the name 'cats'"),
    ],
)
def test_unknown_name_shows_similar_ones(name: str, names: list[Any], words: str) -> None:
    """Names that no dataset can have are not compared, however long."""
    datasets = [make_dataset(f"d{number}", dataset_name=each) for number, each in enumerate(names)]
    with pytest.raises(DatasetNameError) as caught:
        select_named([DatasetPage(datasets=tuple(datasets), date=NOW)], name)
    assert caught.value.candidates == ()
    assert str(caught.value).endswith(words)
    assert caught.value.hint == "give the exact name of a dataset, or its ID"


@pytest.mark.parametrize("date", [NOW, None])
def test_several_datasets_of_a_name_are_shown_with_their_ages(date: float | None) -> None:
    """By the server's clock, or by this machine's."""
    clock = replace(SYSTEM_CLOCK, time=lambda: NOW + 7 * 86_400 if date else NOW)
    ages = {"old": 3 * 86_400, "new": 90, "when": None}
    datasets = [
        make_dataset(i, dataset_name="cats", **({} if age is None else {"create_time": (NOW - age) * 1000}))
        for i, age in ages.items()
    ]
    pages = [DatasetPage(datasets=(each,), date=date) for each in datasets]
    with pytest.raises(DatasetNameError) as caught:
        select_named(pages, "cats", clock)
    assert [each.dataset_id for each in caught.value.candidates] == ["new", "old", "when"]
    assert str(caught.value) == (
        "3 datasets have the name 'cats': new (age 1m), old (age 3d), when (age unknown)"
    )


def test_refused_list_of_datasets_is_raised() -> None:
    with (
        serve_answers(lambda _: make_error_reply("403 Forbidden", "ModelArts.0112")) as server,
        pytest.raises(AccessError),
    ):
        make_client(server.url).find_dataset("cats")


def test_retries_of_a_list_end_with_its_timeout() -> None:
    """However long the policy allows; the last error of the server says why."""
    simulated = SimulatedTime()
    clock = Clock(monotonic=simulated.monotonic, time=time.time, sleep=simulated.sleep, random=simulated.rng)
    retry = RetryPolicy(timeout=120.0, max_retries=None, clock=clock)
    with serve_answers(lambda _: make_error_reply("503 Service Unavailable", "ModelArts.4302")) as server:
        client = make_client(server.url, clock=simulated.monotonic)
        with pytest.raises(TemporaryError, match="503"):
            list(client.iter_dataset_pages(timeout=30.0, retry=retry))
    assert simulated.passed == 30.0
