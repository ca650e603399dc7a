"""The rules between fields, and the validation of a request."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.errors import Location, Problem
from modelarts_export.request.enums import ExportDest, ExportType, SampleState
from modelarts_export.request.models import ExportRequest, ToNewDataset, ToObs, add_defaults
from modelarts_export.request.rules import find_errors, find_warnings, is_search
from modelarts_export.request.validation import KINDS, find_kind, validate

ANY = settings(deadline=None, max_examples=150, derandomize=True)
PARAMS = "export_params"
WORK, NAME = "export_new_dataset_work_path", "export_new_dataset_name"
VERSION = "export_dataset_version_name"
Body = dict[str, Any]
Found = list[tuple[Location, str]]


def make_body(**params: object) -> Body:
    """Return a body with a path and these export_params."""
    return {"path": "/b/d/", PARAMS: params}


def make_search(*label_lists: object) -> Body:
    """Return a body with a search condition for each label list."""
    return {PARAMS: {"search_conditions": [{"label_list": label_list} for label_list in label_lists]}}


def at_label_list(place: int) -> Location:
    """Return the location of a condition's label_list."""
    return (PARAMS, "search_conditions", place, "label_list")


TWO = [{"name": "a"}, {"name": "b"}]
# fmt: off
ERRORS: list[tuple[Body, Found]] = [
    ({}, []),
    (make_body(**{WORK: "/b/d/"}), [((PARAMS, WORK), "'/b/d/' is the same as path '/b/d/'")]),
    (make_body(**{WORK: "obs://b/d"}), [((PARAMS, WORK), "'/b/d/' is the same as path '/b/d/'")]),
    (make_body(**{WORK: "/b/d/e"}), [((PARAMS, WORK), "'/b/d/e/' is inside path '/b/d/'")]),
    ({"path": "S3://b/d", PARAMS: {WORK: "/b/d/e/f/"}}, [((PARAMS, WORK), "is inside path")]),
    (make_body(**{WORK: "/b/dd/"}), []),
    (make_body(**{WORK: "/b/D/"}), []),
    (make_body(**{WORK: "/c/b/d/"}), []),
    ({"path": "/b/d/e/", PARAMS: {WORK: "/b/d/"}}, []),
    ({"path": "b", PARAMS: {WORK: "b"}}, []),
    ({"path": 3, PARAMS: {WORK: ["/b/d/"]}}, []),
    ({PARAMS: {WORK: "/b/d/"}}, []),
    ({"path": "/b/d/", PARAMS: [WORK]}, []),
    (make_search({"labels": TWO}), [(at_label_list(0), "several labels need op: AND")]),
    (make_search({"labels": TWO, "op": None}), [(at_label_list(0), "several labels need op")]),
    (make_search({"labels": TWO, "op": "OR"}, {"labels": TWO}), [(at_label_list(1), "several labels")]),
    (make_search({"labels": TWO}, {"labels": TWO}), [(at_label_list(i), "") for i in (0, 1)]),
    (make_search({"labels": TWO[:1]}, {"labels": []}, {}, None, "cat", {"labels": "ab"}), []),
    (make_body(search_conditions=[None, "a", {"hard": 1}, ["a"]]), []),
    (make_body(search_conditions={"label_list": {"labels": TWO}}), []),
]
HARD = {"hard": 1}
WARNINGS: list[tuple[Body, Found]] = [
    ({}, []),
    (make_body(), []),
    ({"path": "/b/v1.2 é/"}, [(("path",), "'.' in a path is not documented")]),
    ({"path": "/b/a b/"}, [(("path",), "' ' in a path is not documented")]),
    (make_body(**{WORK: "/b/é/"}), [((PARAMS, WORK), "'é' in a path is not documented")]),
    ({"path": "/b/桶-_9/"}, []),
    ({"path": ["."]}, []),
    (make_body(**{NAME: "9a"}), [((PARAMS, NAME), "'9a' does not start with a letter")]),
    (make_body(**{NAME: "_a"}), [((PARAMS, NAME), "does not start with a letter")]),
    (make_body(**{NAME: "数据"}), []),
    (make_body(**{NAME: ""}), []),
    (make_body(**{NAME: 9}), []),
    (make_body(**{VERSION: "V 1"}), [((PARAMS, VERSION), "'V 1' is not 1 to 32 letters, digits")]),
    (make_body(**{VERSION: 33 * "v"}), [((PARAMS, VERSION), "is not 1 to 32 letters")]),
    (make_body(**{VERSION: ""}), [((PARAMS, VERSION), "is not 1 to 32 letters")]),
    (make_body(**{VERSION: 32 * "v"}), []),
    ({"status": 0}, [(("status",), "no meaning")]),
    ({"task_id": "t"}, [(("task_id",), "no meaning")]),
    ({"status": None, "task_id": None}, []),
    ({"export_type": 2, PARAMS: {"samples": ["a"]}}, [((PARAMS, "samples"), "export type search only")]),
    ({"export_type": "all", PARAMS: {"search_conditions": [HARD]}}, [((PARAMS, "search_conditions"), "o")]),
    ({"export_type": "0", PARAMS: {"sample_state": "accepted"}}, [((PARAMS, "sample_state"), "filters are")]),
    ({"export_type": 2, "sample_state": "accepted"}, [(("sample_state",), "filters are")]),
    ({"export_type": 2, PARAMS: {"samples": [], "search_conditions": None, "sample_state": ""}},
     [((PARAMS, "samples"), "the list is empty")]),
    ({"export_type": "SEARCH", PARAMS: {"samples": ["a"]}}, []),
    ({"export_type": 3, PARAMS: {"samples": ["a"]}}, []),
    (make_body(samples=["a"]), []),
    (make_body(samples=["a"], search_conditions=[HARD]), [((PARAMS, "search_conditions"), "combination")]),
    (make_body(samples=[], search_conditions=[HARD]), [((PARAMS, "samples"), "the list is empty")]),
    (make_body(search_conditions=[HARD, {}]), [((PARAMS, "search_conditions"), "an empty condition")]),
    (make_body(search_conditions=[]), [((PARAMS, "search_conditions"), "an empty condition")]),
    (make_body(samples=None), []),
]
EXPORTABLE = [0, 1, 3, 900, "custom", "Object-Detection", None, 7, "tabel", [100]]
DOUBTFUL = [100, 101, 102, 200, 201, 202, 400, 600, "table", "VIDEO", "100"]
# fmt: on


def check(problems: list[Problem], found: Found) -> None:
    """Compare the locations of problems and parts of their messages."""
    assert [problem.location for problem in problems] == [location for location, _ in found]
    assert all(words in problem.message for problem, (_, words) in zip(problems, found, strict=True))


@pytest.mark.parametrize(("body", "found"), ERRORS)
def test_body_that_the_api_would_refuse_is_an_error(body: Body, found: Found) -> None:
    check(list(find_errors(body)), found)


@pytest.mark.parametrize(("body", "found"), WARNINGS)
def test_undocumented_body_is_a_warning(body: Body, found: Found) -> None:
    check(list(find_warnings(body)), found)


@pytest.mark.parametrize("code", DOUBTFUL)
def test_dataset_type_that_most_documents_exclude_is_a_warning(code: object) -> None:
    check(list(find_warnings({"dataset_type": code})), [(("dataset_type",), "datasets cannot be exported")])


@pytest.mark.parametrize("code", EXPORTABLE)
def test_dataset_type_that_is_exportable_or_invalid_is_no_warning(code: object) -> None:
    check(list(find_warnings({"dataset_type": code})), [])


STATE = {"sample_state": SampleState.ANY}
DEFAULTS: list[tuple[Body, Body]] = [
    ({}, {"export_type": ExportType.SEARCH, PARAMS: STATE}),
    ({"export_type": "Search"}, {"export_type": "Search", PARAMS: STATE}),
    ({"export_type": 0}, {"export_type": 0}),
    ({"export_type": None}, {"export_type": None}),
    ({"export_type": [3]}, {"export_type": [3]}),
    ({"export_type": 3, PARAMS: None}, {"export_type": 3, PARAMS: None}),
    ({"export_type": 3, PARAMS: {"a": 1}}, {"export_type": 3, PARAMS: {**STATE, "a": 1}}),
    ({"export_type": 3, PARAMS: {"sample_state": None}}, {"export_type": 3, PARAMS: {"sample_state": None}}),
    ({"export_type": 3, "sample_state": "x"}, {"export_type": 3, "sample_state": "x"}),
    ({"export_type": 3, "sample_state": None}, {"export_type": 3, "sample_state": None, PARAMS: STATE}),
]


@pytest.mark.parametrize(("given_body", "filled"), DEFAULTS)
def test_defaults_are_added_unless_given(given_body: Body, filled: Body) -> None:
    before = repr(given_body)
    assert add_defaults(given_body) == filled
    assert repr(given_body) == before


@pytest.mark.parametrize("value", [3, "3", "search", "SEARCH", ExportType.SEARCH])
def test_search_is_recognized_by_label_and_wire_value(value: object) -> None:
    assert is_search(value)
    assert not any(map(is_search, [0, "all", None, "", 3.0, True, [3], ExportType.ALL]))


UNSAID: list[Body] = [{}, {PARAMS: None}, {PARAMS: {}}, {PARAMS: {"export_dest": None}}, {PARAMS: []}]


def test_kind_follows_from_the_destination() -> None:
    assert {dest: find_kind({PARAMS: {"export_dest": dest.label.lower()}}) for dest in ExportDest} == KINDS
    assert all(find_kind(body) is ToObs for body in UNSAID)


KEYS = """path export_type dataset_type version_id with_column_header sample_state status task_id
export_params dataset_id project_id name export_dest samples search_conditions train_sample_ratio
clear_hard_property hard label_list labels op property metadata props sample_time sample_dir frame_in_video
type export_new_dataset_name export_new_dataset_work_path""".split()  # noqa: SIM905 - shorter so
LEAVES = st.sampled_from([None, True, 0, 2.5, float("nan"), "", "/b/d/", "NEW_DATASET", "DIR", "a", "\ud800"])
NAMES = st.sampled_from(KEYS) | st.text()
VALUES = st.recursive(
    LEAVES | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
LABELS = st.fixed_dictionaries({}, optional=dict.fromkeys(["name", "op", "property", "type"], VALUES))
LABEL_LISTS = st.fixed_dictionaries({"labels": st.lists(LABELS, max_size=3) | VALUES})
METADATA = st.fixed_dictionaries({"props": VALUES})
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "hard": VALUES,
        "label_list": VALUES | LABEL_LISTS,
        "metadata": VALUES | METADATA,
        "sample_time": VALUES,
        "zzz": VALUES,
    },
)
SEARCHES = st.lists(CONDITIONS, max_size=2) | VALUES
EXPORT_PARAMS = st.fixed_dictionaries(
    {}, optional={"search_conditions": SEARCHES, "samples": VALUES, WORK: VALUES}
)
WHOLE = st.fixed_dictionaries(
    {"path": VALUES}, optional={"export_type": VALUES, PARAMS: VALUES | EXPORT_PARAMS}
)
BODIES = WHOLE | st.dictionaries(NAMES, VALUES, max_size=5)


@pytest.mark.parametrize("kind", [ToObs, ToNewDataset])
@given(body=BODIES)
@ANY
def test_any_body_is_an_export_or_has_problems(kind: type[ExportRequest], body: Body) -> None:
    """No exception is raised, and the body of an export is a valid spec."""
    result = validate(kind, body)
    assert (result.export is None) == bool(result.problems)
    assert all(problem.message for problem in (*result.problems, *result.warnings))
    if result.export:
        sent = result.export.request.to_bytes()
        assert sent.isascii()
        assert "dataset_id" not in result.export.request.to_dict()
        again = validate(kind, {"sample_state": None, PARAMS: None, **result.export.request.to_dict()})
        assert not again.problems
