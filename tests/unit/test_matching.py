"""Whether a task of the list may be ours, and whether it can stand in for a new one."""

from typing import Any

import pytest

from modelarts_export.matching import directory, may_be, stands_in_for, unshown
from modelarts_export.task import ExportTask

SENT: dict[str, Any] = {
    "path": "/b/out/",
    "export_type": 3,
    "export_params": {"sample_state": "", "export_dest": "DIR"},
}


def task(**answer: Any) -> ExportTask:  # noqa: ANN401 - JSON of any shape
    """Return a task that the API shows like this."""
    return ExportTask(task_id="t1", dataset_id="d", project_id="p", answer=answer)


def asking(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - the same
    """Return a request with these fields besides; those of the parameters are those of the request."""
    params = fields.pop("export_params", {})
    return {**SENT, **fields, "export_params": {**SENT["export_params"], **params}}


SHOWN = {"path": "/b/out/", "status": "INIT", "create_time": 1}
# What was asked for besides, what is shown besides, whether it may be ours, and whether it can stand in.
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], bool, bool]] = {
    "nothing shown": ({}, {}, True, True),
    "an echo": ({}, SENT, True, True),
    "defaults filled in": (
        {},
        {
            "export_format": 2,
            "version_format": "Default",
            "export_params": {"train_sample_ratio": 1.0, "clear_hard_property": True, "samples": []},
        },
        True,
        True,
    ),
    "undocumented keys": ({}, {"owner": "somebody", "export_params": {"x": 1}}, True, True),
    "a number as a string": ({}, {"export_type": "3"}, True, True),
    "another type": ({}, {"export_type": 2}, False, False),
    "another format": ({"export_format": 1}, {"export_format": 2}, False, False),
    "a format that is no default": ({}, {"export_format": 1}, True, False),
    "another path": ({}, {"path": "/b/out2/"}, False, False),
    "a directory inside": ({}, {"path": "/b/out/x/"}, False, False),
    "no path": ({}, {"path": None}, False, False),
    "a path with a scheme": ({}, {"path": "OBS://b/out"}, True, True),
    "another sample state": ({}, {"export_params": {"sample_state": "HARD"}}, False, False),
    "a state that is not shown": ({"export_params": {"sample_state": "HARD"}}, {}, True, True),
    "no state where one was sent": (
        {"export_params": {"sample_state": "HARD"}},
        {"export_params": {"sample_state": ""}},
        False,
        False,
    ),
    "a ratio as a number": (
        {"export_params": {"train_sample_ratio": "0.80"}},
        {"export_params": {"train_sample_ratio": 0.8}},
        True,
        True,
    ),
    "another ratio": (
        {"export_params": {"train_sample_ratio": "0.80"}},
        {"export_params": {"train_sample_ratio": 0.9}},
        False,
        False,
    ),
    "a truth as a string": (
        {"export_params": {"ratio_sample_usage": True}},
        {"export_params": {"ratio_sample_usage": "true"}},
        True,
        True,
    ),
    "samples in another order": (
        {"export_params": {"samples": ["a", "b"]}},
        {"export_params": {"samples": ["b", "a"]}},
        True,
        True,
    ),
    "fewer samples": (
        {"export_params": {"samples": ["a", "b"]}},
        {"export_params": {"samples": ["a"]}},
        False,
        False,
    ),
    "samples nobody asked for": ({}, {"export_params": {"samples": ["a"]}}, True, False),
    "a search nobody asked for": ({}, {"export_params": {"search_conditions": [{"hard": "1"}]}}, True, False),
    "the same search with more": (
        {"export_params": {"search_conditions": [{"hard": "1"}]}},
        {"export_params": {"search_conditions": [{"hard": 1, "kvp": None}]}},
        True,
        True,
    ),
    "another search": (
        {"export_params": {"search_conditions": [{"hard": "1"}]}},
        {"export_params": {"search_conditions": [{"hard": "0"}]}},
        False,
        False,
    ),
    "a version nobody asked for": ({}, {"version_id": "v1"}, True, False),
    "a version that is shown empty": ({"version_id": "v1"}, {"version_id": ""}, True, True),
    "another version": ({"version_id": "v1"}, {"version_id": "v2"}, False, False),
    "a name nobody asked for": ({}, {"export_params": {"export_new_dataset_name": "cats"}}, True, False),
    "the task's own ID and status": ({"task_id": "other", "status": 0}, {"status": "RUNNING"}, True, True),
}


@pytest.mark.parametrize(("asked", "shown", "ours", "as_good"), ROWS.values(), ids=ROWS)
def test_rows(asked: dict[str, Any], shown: dict[str, Any], ours: bool, as_good: bool) -> None:  # noqa: FBT001 - a row
    """Each is judged as it says, and nothing stands in that may not be it."""
    body, seen = asking(**asked), task(**{**SHOWN, **shown})
    assert (may_be(body, seen), stands_in_for(body, seen)) == (ours, as_good)


NARROWED = [
    ({"version_id": "v1"}, "version_id"),
    ({"export_params": {"sample_state": "HARD"}}, "export_params.sample_state"),
    ({"export_params": {"samples": ["a"]}}, "export_params.samples"),
    ({"export_params": {"search_conditions": [{"hard": "1"}]}}, "export_params.search_conditions"),
]


@pytest.mark.parametrize(("asked", "named"), NARROWED)
def test_what_is_narrowed_and_not_shown(asked: dict[str, Any], named: str) -> None:
    """It is named; what is shown, or was not sent, is not."""
    body = asking(**asked, export_type=3)
    assert unshown(body, task(**SHOWN, export_type=3)) == named
    assert unshown(body, task(**body)) is None


@pytest.mark.parametrize("path", ["/b/out/", "obs://b/out", "OBS://b/out/", "s3://b/out//", "b/out"])
def test_directories(path: str) -> None:
    """All forms are one."""
    assert directory(path) == "/b/out/"


def test_other_directories() -> None:
    """Letter case tells keys of OBS apart, and so does what is inside."""
    assert len({directory(path) for path in ("/b/out/", "/b/Out/", "/b/out/x/", "/b/o ut/")}) == 4
