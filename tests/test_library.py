"""The public names of the package: what is loaded when, and requests that are built in Python."""

import subprocess
import sys
from typing import Any

import pytest

import modelarts_export
from modelarts_export import InvalidInputError, SearchCondition, ToNewDataset, ToObs

NEW = {"export_new_dataset_name": "cats", "export_new_dataset_work_path": "/bucket/work/"}


def test_import_loads_nothing() -> None:
    """A fresh interpreter imports the package, and none of its modules or dependencies."""
    code = "import sys; before = set(sys.modules); import modelarts_export; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()} - {"modelarts_export"}
    assert loaded & {"pydantic", "requests", "rich", "typer", "urllib3", "yaml"} == set()
    assert [name for name in done.stdout.split() if name.startswith("modelarts_export.")] == []


@pytest.mark.parametrize("name", modelarts_export.__all__)
def test_public_name_has_a_docstring(name: str) -> None:
    assert getattr(modelarts_export, name).__doc__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        modelarts_export.no_such_name  # noqa: B018 - the access is what is tested


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
        ({"path": "/b/d/", "export_type": "serch"}, "did you mean search?"),
        ({"path": "/b/d/", "exprt_type": "all"}, "exprt_type: unknown"),
        ({"path": "/b/d/", "dataset_id": "d"}, "dataset_id: unknown"),
        ({"path": "/b/d/", "export_params": {"samples": [""]}}, r"export_params.samples\[0\]"),
    ],
)
def test_invalid_request_is_our_error_at_construction(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        ToObs(**fields)


def test_rules_between_fields_hold_at_construction() -> None:
    inside = {**NEW, "export_new_dataset_work_path": "/bucket/work/x/"}
    with pytest.raises(InvalidInputError, match="lies inside path"):
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


def test_invalid_condition_is_our_error_at_construction() -> None:
    with pytest.raises(InvalidInputError, match="sample_dir: '/b' must end with a slash"):
        SearchCondition(sample_dir="/b")
