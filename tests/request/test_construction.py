"""Requests that are built in Python: validated at construction, as those of specs."""

import traceback
from typing import Any

import pytest

from modelarts_export import (
    InvalidInputError,
    SearchCondition,
    ToNewDataset,
    ToObs,
)

NEW = {"export_new_dataset_name": "cats", "export_new_dataset_work_path": "/bucket/work/"}


def test_request_has_the_defaults_of_the_command_line() -> None:
    assert ToObs(path="obs://bucket/out").to_dict() == {
        "path": "/bucket/out/",
        "export_type": 3,
        "export_params": {"sample_state": "", "export_dest": "DIR"},
    }


def test_request_takes_mappings_and_models() -> None:
    condition = SearchCondition(hard=True)
    request = ToObs(path="/b/d/", export_params={"search_conditions": [condition, {"labeler": "zhang"}]})
    conditions = [{"hard": "1"}, {"labeler": "zhang"}]
    assert request.to_dict()["export_params"]["search_conditions"] == conditions
    assert ToNewDataset(path="/b/d/", export_params=NEW).export_params.export_new_dataset_name == "cats"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "path is required"),
        ({"path": "bucket"}, "path: 'bucket' is not an OBS directory"),
        ({"path": "/b/d/", "export_type": "serch"}, "did you mean 'search'?"),
        ({"path": "/b/d/", "exprt_type": "all"}, "exprt_type: unknown"),
        ({"path": "/b/d/", "dataset_id": "d"}, "dataset_id: unknown field; it is an argument of submit$"),
        (
            {"path": "/b/d/", "dataset": "d"},
            r"dataset: unknown field; did you mean 'dataset_id', an argument of submit\?$",
        ),
        (
            {"path": "/b/d/", "export_params": {"project_id": "p"}},
            "project_id: unknown field; it is an argument of connect$",
        ),
        ({"path": "/b/d/", "train_sample_ratio": 0.8}, "ratio: unknown field; it belongs in export_params"),
        ({"path": "/b/d/", "export_params": {"path": "/b/e/"}}, "path: unknown field; it belongs at the top"),
        ({"path": "/b/d/", "export_params": {"samples": [""]}}, r"export_params.samples\[0\]"),
    ],
)
def test_invalid_request_is_our_error_at_construction(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        ToObs(**fields)


def test_rules_between_fields_hold_at_construction() -> None:
    inside = {**NEW, "export_new_dataset_work_path": "/bucket/work/x/"}
    with pytest.raises(InvalidInputError, match="is inside path"):
        ToNewDataset(path="/bucket/work/", export_params=inside)


def test_all_problems_are_on_the_error() -> None:
    fields: dict[str, Any] = {"export_type": "serch", "export_format": "x"}
    with pytest.raises(InvalidInputError) as caught:
        ToObs(**fields)
    assert [problem.location for problem in caught.value.problems] == [
        ("path",),
        ("export_type",),
        ("export_format",),
    ]
    shown = "".join(traceback.format_exception(caught.value))
    assert [f"\n{problem}\n" in shown for problem in caught.value.problems] == [True] * 3


def test_note_repeats_no_message_and_counts_what_is_omitted() -> None:
    with pytest.raises(InvalidInputError) as caught:
        ToObs(**dict[str, Any]())
    assert not hasattr(caught.value, "__notes__")
    with pytest.raises(InvalidInputError) as caught:
        ToObs(path="/b/d/", export_params={"samples": [""] * 103})
    assert caught.value.__notes__[100:] == ["and 3 more"]


def test_invalid_condition_is_our_error_at_construction() -> None:
    with pytest.raises(InvalidInputError, match="sample_dir: '/b' must end with a slash"):
        SearchCondition(sample_dir="/b")
