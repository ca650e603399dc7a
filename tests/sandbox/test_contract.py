"""The sandbox's contract: each documented field with values that are accepted and values that are refused."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from modelarts_export.sandbox.cloud import contract
from modelarts_export.sandbox.cloud.contract import ApiError

TO_OBS: dict[str, Any] = {
    "path": "/test-obs/daoChu/",
    "export_type": 3,
    "export_params": {"sample_state": "", "export_dest": "DIR"},
}
TO_NEW_DATASET: dict[str, Any] = {
    "path": "/test-obs/classify/input/",
    "export_type": 3,
    "export_params": {
        "sample_state": "",
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "dataset-export-test",
        "export_new_dataset_work_path": "/test-obs/classify/output/",
    },
}

CONDITION = "export_params.search_conditions[0]"
LABEL = f"{CONDITION}.label_list.labels[0]"
NOT_TEXT = [3, None, True, ["a"]]
NO_DAYS = ["20190931-20191001", "٢٠١٩٠٩٠١-٢٠١٩٠٩١٥", "", 20190901, None]
NOT_FLAG = ["true", 1, None]
NOT_INTEGER = ["1", True, 1.0, None]
SAMPLE_STATES = [
    "",
    "__ALL__",
    "__NONE__",
    "__UNCHECK__",
    "__ACCEPTED__",
    "__REJECTED__",
    "__UNREVIEWED__",
    "__REVIEWED__",
    "__WORKFORCE_SAMPLED__",
    "__WORKFORCE_SAMPLED_UNCHECK__",
    "__WORKFORCE_SAMPLED_CHECKED__",
    "__WORKFORCE_SAMPLED_ACCEPTED__",
    "__WORKFORCE_SAMPLED_REJECTED__",
    "__AUTO_ANNOTATION__",
]

# Every field of API.md, section 1: its place, good values, bad values.
FIELDS: list[tuple[str, Sequence[object], Sequence[object]]] = [
    ("export_type", [0, 1, 2, 3], ["3", 4, -1, True, 3.0, None]),
    ("export_format", [1, 2], ["1", 0, 3, True, None]),
    ("annotation_format", ["VOC", "COCO"], ["voc", "", 1, None]),
    ("sample_state", SAMPLE_STATES, ["ALL", "__all__", 0, None]),
    ("source_type_header", ["obs://", "s3://"], ["obs", "", 1, None]),
    ("version_format", ["Default", "CarbonData", "CSV"], ["default", 0, None]),
    ("version_id", ["54IXbeJhfttGpL46lbv"], NOT_TEXT),
    ("with_column_header", [True, False], NOT_FLAG),
    ("status", [0, 1], NOT_INTEGER),
    ("task_id", ["rF9NNoB56k5rtYKg2Y7"], NOT_TEXT),
    ("dataset_id", ["sandbox-images"], NOT_TEXT),
    ("dataset_type", [0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900], [2, "0", True, None]),
    ("export_params", [{}], [[], "DIR", None]),
    ("export_params.export_dest", ["DIR"], ["dir", "OBS", 0, None]),
    ("export_params.export_dataset_version_name", ["V001"], NOT_TEXT),
    ("export_params.export_dataset_version_format", ["Default", "CarbonData", "CSV"], ["csv", 2, None]),
    ("export_params.clear_hard_property", [True, False], NOT_FLAG),
    ("export_params.clear_difficult", [True, False], NOT_FLAG),
    ("export_params.ratio_sample_usage", [True, False], NOT_FLAG),
    (
        "export_params.train_sample_ratio",
        ["0", "1", "1.00", "0.8", "0.80000", ".5", "01.0"],
        [1, 0.8, -1, "nan", "inf", "", "80%", "0_1", "0.\u0665", " 0.5", "0.5\n", "1e-1", ".", "-", None],
    ),
    ("export_params.sample_state", SAMPLE_STATES, ["none", "_ALL_", 1, None]),
    ("export_params.samples", [[], ["a1", "b2"]], ["a1", [1], ["a1", None], None]),
    ("export_params.search_conditions", [[], [{}], [{}, {}]], [{}, "x", [[]], [None], None]),
    (f"{CONDITION}.coefficient", ["0.5"], NOT_TEXT),
    (f"{CONDITION}.frame_in_video", [0, 25], NOT_INTEGER),
    (f"{CONDITION}.hard", ["0", "1"], [0, 1, True, "true", "", None]),
    (f"{CONDITION}.import_origin", ["origin"], NOT_TEXT),
    (f"{CONDITION}.kvp", ["120"], NOT_TEXT),
    (f"{CONDITION}.label_list", [{}, {"labels": []}], [[], "cat", None]),
    (f"{CONDITION}.label_list.labels", [[{"name": "cat"}]], [{}, ["cat"], None]),
    (f"{CONDITION}.label_list.op", ["AND", "OR"], ["and", "", 1, None]),
    (f"{LABEL}.name", ["cat"], NOT_TEXT),
    (f"{LABEL}.op", ["AND", "OR"], ["or", None]),
    (
        f"{LABEL}.property",
        [{}, {"color": None}, {"color": ["red", "blue"], "size": []}],
        [[], {"color": "red"}, {"color": [1]}, None],
    ),
    (f"{LABEL}.type", [0, 1, 3, 100, 101, 102, 103, 200, 201, 202, 600], [2, 400, 900, "1", True, None]),
    (f"{CONDITION}.labeler", ["somebody"], NOT_TEXT),
    (f"{CONDITION}.metadata", [{}], [[], "k=v", None]),
    (f"{CONDITION}.metadata.op", ["AND", "OR"], ["AND ", None]),
    (f"{CONDITION}.metadata.props", [{}, {"k": ["v"]}], [[], {"k": "v"}, {"k": None}, None]),
    (f"{CONDITION}.parent_sample_id", ["a1"], NOT_TEXT),
    (f"{CONDITION}.sample_dir", ["/bucket/dir/", "dir/"], ["/bucket/dir", "", 1, None]),
    (f"{CONDITION}.sample_name", ["cat.jpg"], NOT_TEXT),
    (
        f"{CONDITION}.sample_time",
        ["month", "day", "20190901-20190915", "20190901-20190901", "20190901-20191001", "20240228-20240301"],
        ["week", "20190901", "20190901-2019091501", "20190901-20191002", "20190915-20190901", *NO_DAYS],
    ),
    (f"{CONDITION}.score", ["0.9"], NOT_TEXT),
    (f"{CONDITION}.slice_thickness", ["1.5"], NOT_TEXT),
    (f"{CONDITION}.study_date", ["20190901"], NOT_TEXT),
    (f"{CONDITION}.time_in_video", ["10"], NOT_TEXT),
]
GOOD = [(place, value) for place, values, _ in FIELDS for value in values]
BAD = [(place, value) for place, _, values in FIELDS for value in values]

WORK_PATH = "export_params.export_new_dataset_work_path"
NAME = "export_params.export_new_dataset_name"
RATIO = "export_params.train_sample_ratio"
TOO_LONG = f"/b/{'d' * 700}/"

# The rules of API.md, sections 2 and 5: what is wrong, and the code it is refused with.
RULES: list[tuple[str, object, str]] = [
    ("path", "", "4384"),
    ("path", 7, "4384"),
    ("path", None, "4384"),
    ("path", "test-obs/out/", "4358"),
    ("path", "/test-obs/out", "4358"),
    ("path", TOO_LONG, "4358"),
    ("path", "obs://test-obs/out/", "4358"),
    ("path", "/test-obs//out/", "4315"),
    ("path", "/test-obs/out:1/", "4313"),
    ("path", "/test-obs/😀/", "4313"),
    ("path", "/test-obs/a\n/", "4313"),
    ("path", "/test-obs/\ud800/", "4313"),
    ("path", "/test-obs/", "4205"),
    ("path", "/test-obs", "4358"),
    ("path", "/", "4358"),
    (WORK_PATH, "", "4384"),
    (WORK_PATH, 7, "4384"),
    (WORK_PATH, "/test-obs/out", "4374"),
    (WORK_PATH, "test-obs/out/", "4374"),
    (WORK_PATH, TOO_LONG, "4350"),
    (WORK_PATH, "/test-obs//out/", "4315"),
    (WORK_PATH, "/test-obs/*/", "4313"),
    (WORK_PATH, "/test-obs/", "4205"),
    (WORK_PATH, "/test-obs/classify/input/", "4384"),
    (WORK_PATH, "/test-obs/classify/input/work/", "4384"),
    (NAME, "", "4384"),
    (NAME, "n" * 101, "4384"),
    (NAME, "two words", "4384"),
    (NAME, "name\n", "4384"),
    (NAME, 7, "4384"),
    (RATIO, "1.01", "4711"),
    (RATIO, "1.0000000000000000000001", "4711"),
    (RATIO, "2", "4711"),
    (RATIO, "9" * 5000, "4711"),
    (RATIO, "-0.1", "4711"),
    (RATIO, "-.1", "4711"),
]


def set_value(body: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """Return a copy of a body with a value at a place such as `export_params.search_conditions[0].hard`."""
    changed = copy.deepcopy(body)
    *parents, name = place.split(".")
    inner = changed
    for parent in parents:
        key, is_list, _ = parent.partition("[")
        inner = inner.setdefault(key, [{}] if is_list else {})
        inner = inner[0] if is_list else inner
    inner[name] = value
    return changed


@pytest.mark.parametrize("body", [TO_OBS, TO_NEW_DATASET])
def test_documented_bodies_are_accepted(body: dict[str, Any]) -> None:
    assert contract.find_error(body) is None
    assert contract.parse_body(json.dumps(body).encode()) == body


def test_documented_values_are_accepted() -> None:
    assert len(GOOD) > 100
    assert [row for row in GOOD if contract.find_error(set_value(TO_OBS, *row))] == []


def test_undocumented_values_are_refused_with_the_name_of_the_field() -> None:
    refusals = [(row, contract.find_error(set_value(TO_OBS, *row))) for row in BAD]
    assert len(refusals) > 100
    wrong = [
        (row, error)
        for row, error in refusals
        if error is None
        or (error.status, error.code) != (400, "ModelArts.4384")
        or row[0] not in error.message
    ]
    assert wrong == []


def test_table_has_every_documented_field() -> None:
    """The lists are those at the end of API.md, section 11; paths and names have a table of their own."""
    documented = """
        annotation_format dataset_id dataset_type export_format export_params export_type path sample_state
        source_type_header status task_id version_format version_id with_column_header clear_hard_property
        export_dataset_version_format export_dataset_version_name export_dest export_new_dataset_name
        export_new_dataset_work_path ratio_sample_usage samples search_conditions train_sample_ratio
        coefficient frame_in_video hard import_origin kvp label_list labeler metadata parent_sample_id
        sample_dir sample_name sample_time score slice_thickness study_date time_in_video labels op name
        property type props
    """
    tested = [place for place, *_ in FIELDS] + [place for place, *_ in RULES]
    assert set(documented.split()) <= {place.rpartition(".")[2] for place in tested}


@pytest.mark.parametrize(("place", "value", "code"), RULES)
def test_invalid_directory_name_or_ratio_has_its_own_code(place: str, value: object, code: str) -> None:
    refusal = contract.find_error(set_value(TO_NEW_DATASET, place, value))
    assert refusal is not None
    assert (refusal.status, refusal.code) == (400, f"ModelArts.{code}")
    assert place in refusal.message


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("path", "/b/d/"),
        ("path", "/bucket/桶/A-b_c.d e/"),
        ("path", f"/b/{'d' * 696}/"),
        (WORK_PATH, "/test-obs/classify/input-2/"),
        (WORK_PATH, "/test-obs/classify/"),  # the path inside the work path is not forbidden
        (NAME, "1"),
        (NAME, "数据集_a-1"),
        (NAME, "n" * 100),
    ],
)
def test_longest_and_shortest_directories_and_names_are_accepted(place: str, value: str) -> None:
    assert contract.find_error(set_value(TO_NEW_DATASET, place, value)) is None


@pytest.mark.parametrize(
    ("path", "code"),
    [("/test-obs/", None), ("/test-obs", "ModelArts.4358"), ("/", "ModelArts.4358"), ("", "ModelArts.4384")],
)
def test_root_of_a_bucket_is_refused_only_for_a_new_dataset(path: str, code: str | None) -> None:
    """4205 concerns the directories of a dataset (API.md, section 2); see RULES for those."""
    refusal = contract.find_error(set_value(TO_OBS, "path", path))
    assert (refusal and refusal.code) == code


@pytest.mark.parametrize("place", ["path", NAME, WORK_PATH])
def test_new_dataset_requires_path_name_and_work_path(place: str) -> None:
    body = copy.deepcopy(TO_NEW_DATASET)
    name = place.rpartition(".")[2]
    del (body if place == name else body["export_params"])[name]
    refusal = contract.find_error(body)
    assert refusal is not None
    assert refusal.code == "ModelArts.4384"
    assert place in refusal.message


@pytest.mark.parametrize("body", [{"path": "/b/d/"}, {"path": "/b/d/", "export_params": {}}])
def test_export_to_obs_requires_only_the_path(body: dict[str, Any]) -> None:
    assert contract.find_error(body) is None


def test_several_labels_require_an_operator() -> None:
    place, labels = f"{CONDITION}.label_list", [{"name": "cat"}, {"name": "dog"}]
    refusal = contract.find_error(set_value(TO_OBS, place, {"labels": labels}))
    assert refusal is not None
    assert f"{place}.op" in refusal.message
    assert contract.find_error(set_value(TO_OBS, place, {"labels": labels, "op": "OR"})) is None
    assert contract.find_error(set_value(TO_OBS, place, {"labels": labels[:1]})) is None


@pytest.mark.parametrize("place", ["color", "export_params.color", f"{CONDITION}.color"])
def test_unknown_keys_are_ignored(place: str) -> None:
    assert contract.find_error(set_value(TO_OBS, place, {"any": ["thing", None]})) is None


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"path": "/b/d/",}',
        b"[]",
        b"null",
        b'"text"',
        b'{"path": "\xff"}',
        '{"path": "/b/d/"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"path": "/b/d/"}',
        b'{"path": "/b/d/", "x": NaN}',
        b'{"path": "/b/d/", "x": -Infinity}',
        b'{"path": "/b/d/", "x": ' + b"9" * 5000 + b"}",
        b'{"path": "/b/d/", "x": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"path": "/b/d/", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"x":' * 200_000,
    ],
)
def test_malformed_body_is_refused(body: bytes) -> None:
    refusal = contract.parse_body(body)
    assert isinstance(refusal, ApiError)
    assert (refusal.status, refusal.code) == (400, "ModelArts.4105")


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_empty_body_is_refused(body: bytes) -> None:
    refusal = contract.parse_body(body)
    assert isinstance(refusal, ApiError)
    assert (refusal.status, refusal.code) == (400, "ModelArts.0107")


def test_last_of_duplicate_keys_applies() -> None:
    assert contract.parse_body(b'{"path": 1, "path": "/b/d/"}') == {"path": "/b/d/"}
