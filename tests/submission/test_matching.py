"""Whether a listed task matches a request: pairs of a request body and a task."""

import copy
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.api.task import ExportTask
from modelarts_export.request.directories import to_directory
from modelarts_export.request.fields import iter_leaf_fields
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.submission.matching import explain_unverifiable, is_compatible, is_equivalent

PATHS = ["/b/d/", "/b/d", "b/d/", "obs://b/d/", "OBS://b/d", "s3://b/d/", "/b/%64", "obs%3A%2F%2Fb%2fd%2F"]


def make_body(params: dict[str, Any] | None = None, **fields: object) -> dict[str, Any]:
    """Return a body with the usual fields, and with these."""
    given = {"sample_state": "", "export_dest": "DIR", **(params or {})}
    return {"path": "/b/d/", "export_type": 3, "export_params": given, **fields}


def make_new_dataset_body(name: str, work_path: str) -> dict[str, Any]:
    """Return the body of an export to a new dataset."""
    names = {"export_new_dataset_name": name, "export_new_dataset_work_path": work_path}
    return make_body({"export_dest": "NEW_DATASET", **names})


def make_task(answer: dict[str, Any]) -> ExportTask:
    """Return a task with this answer of the API."""
    return ExportTask(task_id="t1", dataset_id="abc", project_id="0123", raw=answer)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body_sent", PATHS)
def test_all_forms_of_a_path_are_compatible(body_sent: str, path: str) -> None:
    """All are one directory."""
    assert to_directory(path) == "/b/d/"
    assert is_compatible(make_body(path=body_sent), make_task(make_body(path=path)))


def test_percent_encoded_paths_are_compared_decoded() -> None:
    """In UTF-8, also in the work path; a plus is not a space."""
    assert is_compatible(make_body(path="/桶/a b/"), make_task(make_body(path="/%E6%A1%B6/a%20b/")))
    assert not is_compatible(make_body(path="/b/a b/"), make_task(make_body(path="/b/a+b/")))
    body_sent = make_new_dataset_body("n", "/b/w x/")
    for spelled in ("/b/w%20x/", "obs://b/w x", "S3://b/w%20x/"):
        assert is_equivalent(body_sent, make_task(make_new_dataset_body("n", spelled)))
    assert not is_compatible(body_sent, make_task(make_new_dataset_body("n", "/b/w/")))


@pytest.mark.parametrize("path", ["/b/d/e/", "/b/", "/b/D/", "/c/d/", "/b/dd/", "", None, 7, ["/b/d/"]])
def test_other_path_is_incompatible(path: object) -> None:
    """Or none that can be compared."""
    assert not is_compatible(make_body(), make_task(make_body(path=path)))


def test_task_without_a_path_is_incompatible() -> None:
    """It cannot be compared."""
    assert not is_compatible(make_body(), make_task({"export_type": 3}))


DEEP: list[Any] = []
for _ in range(50_000):
    DEEP = [DEEP]

# The body of the request, the answer for the task, and whether they are compatible.
PAIRS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (make_body(), make_body(export_type="3"), True),
    (make_body(), make_body(export_type=2), False),
    (make_body(), make_body(export_type=None), True),
    (make_body(), make_body(export_format=2, version_format="Default", clear_difficult=False), True),
    (make_body(export_format=1), make_body(export_format=2), False),
    (make_body(export_format=1), make_body(export_format="1"), True),
    (make_body(), make_body({"clear_hard_property": True, "clear_difficult": False, "unheard_of": {}}), True),
    (make_body({"train_sample_ratio": "0.80"}), make_body({"train_sample_ratio": 0.8}), True),
    (make_body({"train_sample_ratio": "1.00"}), make_body({"train_sample_ratio": 1}), True),
    (make_body({"train_sample_ratio": "0"}), make_body({"train_sample_ratio": 0.0}), True),
    (make_body({"train_sample_ratio": "0.8"}), make_body({"train_sample_ratio": 0.5}), False),
    (make_body({"train_sample_ratio": "0.12345678"}), make_body({"train_sample_ratio": 0.12345679}), False),
    (make_body({"ratio_sample_usage": True}), make_body({"ratio_sample_usage": "true"}), True),
    (make_body({"ratio_sample_usage": True}), make_body({"ratio_sample_usage": False}), False),
    (make_body({"samples": ["a", "b"]}), make_body({"samples": ["b", "a"]}), True),
    (make_body({"samples": ["1", "2"]}), make_body({"samples": [2, 1]}), True),
    (make_body({"samples": ["a"]}), make_body({"samples": ["a", "b"]}), False),
    (make_body({"samples": ["a", "b", "c"]}), make_body({"samples": ["c", "a"]}), True),
    (make_body({"samples": ["a", "b", "c"]}), make_body({"samples": ["a", "x"]}), False),
    (make_body({"samples": ["a", "a", "b"]}), make_body({"samples": ["a", "b", "b"]}), False),
    (make_body({"samples": ["a", "b"]}), make_body({"samples": '["b", "a"]'}), True),
    (make_body({"samples": ["a", "b"]}), make_body({"samples": '["b", "x"]'}), False),
    (make_body({"samples": ["a"]}), make_body({"samples": "[]"}), True),
    (make_body({"samples": ["a"]}), make_body({"samples": {"a": 1}}), False),
    (make_body({"samples": ["a"]}), make_body({"samples": [DEEP]}), False),
    (make_body({"samples": 20_000 * ["a"]}), make_body({"samples": [*(19_999 * [None]), {}]}), False),
    (make_body({"samples": ["a"]}), {"path": "/b/d/", "export_params": '{"samples": ["b"]}'}, False),
    (make_body({"samples": ["a"]}), {"path": "/b/d/", "export_params": [{"samples": ["b"]}]}, False),
    (make_body({"samples": ["a"]}), {"path": "/b/d/", "export_params": ["samples", "a"]}, True),
    (
        make_body({"export_dataset_version_name": "[1]"}),
        make_body({"export_dataset_version_name": "[1]"}),
        True,
    ),
    (make_body({"samples": ["a", "b"]}), make_body({"samples": ["a", "c"]}), False),
    (make_body({"samples": ["a"]}), make_body(), True),
    (make_body({"samples": ["a"]}), make_body({"samples": []}), True),
    (make_body({"samples": ["a"]}), make_body({"samples": "a"}), False),
    (make_body({"sample_state": "__ACCEPTED__"}), make_body({"sample_state": ""}), False),
    (make_body({"sample_state": ""}), make_body({"sample_state": "__ACCEPTED__"}), False),
    (
        make_body({"search_conditions": [{"hard": "1"}]}),
        make_body({"search_conditions": [{"hard": 1}]}),
        True,
    ),
    (
        make_body({"search_conditions": [{"hard": "1"}]}),
        make_body({"search_conditions": [{"hard": "0"}]}),
        False,
    ),
    (
        make_body({"search_conditions": [{"a": 1}, {"b": 2}]}),
        make_body({"search_conditions": [{"a": 1}]}),
        False,
    ),
    (
        make_body({"search_conditions": [{"a": ["x", "x", "y"]}]}),
        make_body({"search_conditions": [{"a": ["y", "x", "x"]}]}),
        True,
    ),
    (
        make_body({"search_conditions": [{"a": ["x", "x", "y"]}]}),
        make_body({"search_conditions": [{"a": ["x", "y", "y"]}]}),
        False,
    ),
    (make_body(annotation_format="VOC"), make_body(), True),
    (make_body(version_id="v1"), make_body(version_id="v2"), False),
    (make_body(task_id="mine", status=0), make_body(task_id="t1", status="RUNNING"), True),
    (make_body(), {"path": "/b/d/"}, True),
    (make_body(), {"path": "/b/d/", "export_params": "none"}, True),
]


@pytest.mark.parametrize(("body_sent", "answer", "expected"), PAIRS)
def test_compatibility_of_pairs(body_sent: dict[str, Any], answer: dict[str, Any], *, expected: bool) -> None:
    """They are incompatible only if both have a field with different values."""
    assert is_compatible(body_sent, make_task(answer)) is expected


CONDITION = {"search_conditions": [{"hard": "1"}]}
AS_TEXT = '{"sample_state": "", "export_dest": "DIR", "samples": ["b", "a"], "search_conditions": "[]"}'
EQUIVALENCE: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (make_body(), make_body(), True),
    (
        make_body(),
        make_body({"samples": [], "search_conditions": [], "sample_state": ""}, version_id=""),
        True,
    ),
    (make_body(), make_body({"train_sample_ratio": 1.0, "clear_hard_property": True}, export_format=2), True),
    (make_body(), make_body(create_time=1, progress=3.0, unheard_of="x"), True),
    (make_body(), make_body({"samples": ["a"]}), False),
    (make_body(), make_body(CONDITION), False),
    (make_body(), make_body(sample_state="__ACCEPTED__"), False),
    (make_body(), make_body(version_id="v1"), False),
    (make_body(), make_body({"train_sample_ratio": 0.8}), False),
    (make_body(), make_body(annotation_format="VOC"), False),
    (make_body(CONDITION), make_body(CONDITION), True),
    (make_body(CONDITION), make_body({"search_conditions": [{"hard": 1, "labeler": ""}]}), True),
    (make_body(CONDITION), make_body({"search_conditions": [{"hard": "1", "labeler": "zhang"}]}), False),
    (make_body(CONDITION), make_body({"search_conditions": [{}]}), False),
    (make_body(CONDITION), make_body({"search_conditions": [{"hard": 1, "unheard_of": False}]}), True),
    (make_body(CONDITION), make_body({"search_conditions": [{"hard": 1, "unheard_of": 0}]}), False),
    (
        make_body({"search_conditions": [{"kvp": "1"}]}),
        make_body({"search_conditions": [{"kvp": "1", "hard": False}]}),
        False,
    ),
    (make_body(CONDITION), make_body({"search_conditions": '[{"hard": "1"}]'}), True),
    (make_body(CONDITION), make_body({"search_conditions": '[{"hard": "0"}]'}), False),
    (make_body({"samples": ["a", "b"]}), make_body({"samples": ["a"]}), False),
    (make_body({"samples": ["a", "b"]}), make_body() | {"export_params": AS_TEXT}, True),
    (make_body({"samples": ["a", "b"]}), make_body() | {"export_params": [AS_TEXT]}, True),
    (make_body(), make_body() | {"export_params": AS_TEXT}, False),
    ({"path": "/b/d/"}, make_body(), False),
    ({"path": "/b/d/"}, {"path": "/b/d/", "export_type": 2}, True),
]


@pytest.mark.parametrize(("body_sent", "task", "expected"), EQUIVALENCE)
def test_equivalence_of_pairs(body_sent: dict[str, Any], task: dict[str, Any], *, expected: bool) -> None:
    """A field of one side alone must be a default that does not narrow the export."""
    assert is_equivalent(body_sent, make_task(task)) is expected


NESTED = "[" * 100_000 + "]" * 100_000
MANY = '{"other": [' + "[]," * 1_000_000 + "[]]}"
UNVERIFIABLE: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    (make_body(), make_body(), None),
    (make_body({"samples": ["a"]}), make_body(), "it does not show export_params.samples"),
    (make_body({"samples": ["a"]}), make_body({"samples": []}), "it does not show export_params.samples"),
    (make_body({"samples": ["a"]}), make_body({"samples": " [] "}), "it does not show export_params.samples"),
    (
        make_body(CONDITION),
        make_body({"search_conditions": None}),
        "it does not show export_params.search_conditions",
    ),
    (make_body(version_id="v1"), make_body(), "it does not show version_id"),
    (make_body(), {"path": "/b/d/"}, "it does not show export_type"),
    (make_body(annotation_format="VOC"), make_body(), None),
    (make_body(undeclared=1), make_body(), "it does not show undeclared"),
    (make_body({"sample_state": ""}), {"path": "/b/d/", "export_type": 3}, None),
    (
        make_new_dataset_body("n", "/b/w/"),
        {"path": "/b/d/", "export_type": 3},
        "it does not show export_params.export_new_dataset_name",
    ),
    (make_body(), make_body() | {"export_params": AS_TEXT}, None),
    (make_body(), make_body() | {"export_params": ""}, None),
    (make_body(), make_body() | {"export_params": "{}"}, None),
    (make_body(), make_body() | {"export_params": "sample_state="}, "its export_params cannot be read"),
    (
        make_body(),
        make_body() | {"export_params": [{"name": "samples"}, {"value": "a"}]},
        "its export_params cannot be read",
    ),
    (make_body(), make_body() | {"export_params": NESTED}, "its export_params cannot be read"),
    (make_body(), make_body() | {"export_params": MANY}, "its export_params cannot be read"),
    (make_body(), make_body(samples=["a"]), "its samples is not a known field"),
    (make_body(), make_body({"clear_difficult": False}, unheard_of=None, filter="{}", other=[]), None),
    (
        make_body(),
        make_body({"clear_difficult": True}),
        "its export_params.clear_difficult is not a known field",
    ),
    (make_body(), make_body({"first": 0}), "its export_params.first is not a known field"),
    (make_body(), make_body(filter='{"label": "cat"}'), "its filter is not a known field"),
    (
        make_body(),
        make_body(progress=3.0, dataset_id="abc", error_code="", create_time=1, status="RUNNING"),
        None,
    ),
]


@pytest.mark.parametrize(("body_sent", "task", "expected"), UNVERIFIABLE)
def test_unverifiable_field_is_named(
    body_sent: dict[str, Any], task: dict[str, Any], expected: str | None
) -> None:
    """A narrowing field is not shown, the parameters cannot be read, or a field is unknown."""
    assert explain_unverifiable(body_sent, make_task(task)) == expected
    assert is_compatible(body_sent, make_task(task))


LEAVES = [
    *{each.location: each for kind in (ToObs, ToNewDataset) for each in iter_leaf_fields(kind)}.values()
]
# .github/API.md, section 1: fields that narrow the export, and the documented defaults.
INNER = "export_params"
NARROWING = {
    *(("path",), ("export_type",), ("sample_state",), ("version_id",)),
    *((INNER, name) for name in ("sample_state", "samples", "search_conditions", "export_new_dataset_name")),
}
DOCUMENTED: dict[tuple[str, ...], object] = {
    ("export_type",): 2,
    ("export_format",): 2,
    ("source_type_header",): "obs://",
    ("version_format",): "Default",
    ("with_column_header",): True,
    (INNER, "export_dest"): "DIR",
    (INNER, "clear_hard_property"): True,
    (INNER, "ratio_sample_usage"): False,
    (INNER, "train_sample_ratio"): "1.00",
    (INNER, "export_dataset_version_format"): "Default",
}


def test_every_field_declares_how_it_is_compared() -> None:
    """With the documented defaults."""
    declared = {each.location: each.comparison for each in LEAVES}
    assert [location for location, comparison in declared.items() if comparison is None] == []
    declarations = {location: comparison for location, comparison in declared.items() if comparison}
    assert {location for location, comparison in declarations.items() if comparison.narrows} == NARROWING
    assert {
        location: each.default for location, each in declarations.items() if each.default is not None
    } == DOCUMENTED
    assert {location for location, each in declarations.items() if not each.is_returned} == {
        ("status",),
        ("task_id",),
    }


def make_body_with_field(location: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return the usual body with one more field."""
    return make_body({location[1]: value}) if len(location) > 1 else {**make_body(), location[0]: value}


USUALLY_SENT = {("path",), ("export_type",), (INNER, "sample_state"), (INNER, "export_dest")}
OTHERS = [each.location for each in LEAVES if each.location not in USUALLY_SENT]


@pytest.mark.parametrize(
    "location", [location for location in OTHERS if location[0] not in ("status", "task_id")]
)
def test_field_of_the_task_alone_prevents_reuse(location: tuple[str, ...]) -> None:
    """Unless it has its documented default; a narrowing field of the request must be shown."""
    value: object = ["x"] if location[-1] in ("samples", "search_conditions") else "/x/y/"
    assert not is_equivalent(make_body(), make_task(make_body_with_field(location, value)))
    assert is_equivalent(make_body(), make_task(make_body_with_field(location, DOCUMENTED.get(location))))
    assert (
        explain_unverifiable(make_body_with_field(location, value), make_task(make_body())) is not None
    ) == (location in NARROWING)


FIELDS = st.fixed_dictionaries(
    {"path": st.just("/b/d/")},
    optional={
        "export_type": st.integers(0, 3),
        "export_format": st.integers(1, 2),
        "annotation_format": st.sampled_from(["VOC", "COCO"]),
        "version_id": st.sampled_from(["v1", "v2"]),
        "with_column_header": st.booleans(),
    },
)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "sample_state": st.sampled_from(["", "__ACCEPTED__"]),
        "samples": st.lists(st.text("abc0123", min_size=1, max_size=3), min_size=1, max_size=4),
        "train_sample_ratio": st.sampled_from(["0", "0.5", "0.80", "1.00", "1"]),
        "clear_hard_property": st.booleans(),
        "search_conditions": st.lists(
            st.fixed_dictionaries({"hard": st.sampled_from(["0", "1"])}), min_size=1, max_size=2
        ),
    },
)
BODIES = st.builds(lambda fields, params: {**fields, "export_params": params}, FIELDS, PARAMS)


@given(body=BODIES, shuffler=st.randoms(use_true_random=False))
def test_request_matches_its_own_task(body: dict[str, Any], shuffler: Any) -> None:  # noqa: ANN401 - a Random
    """The API shows numbers for text, another order and additional keys."""
    answer = copy.deepcopy(body)
    params = answer["export_params"]
    if "train_sample_ratio" in params:
        params["train_sample_ratio"] = float(params["train_sample_ratio"])
    shuffler.shuffle(params.get("samples", []))
    answer.update(task_id="t1", status="RUNNING", create_time=1, clear_difficult=False)
    assert is_compatible(body, make_task(answer))
    assert is_equivalent(body, make_task(answer))
    assert explain_unverifiable(body, make_task(answer)) is None


@given(body=BODIES, choice=st.data())
def test_any_other_value_is_incompatible(body: dict[str, Any], choice: st.DataObject) -> None:
    """In any one field."""
    answer = copy.deepcopy(body)
    part = choice.draw(st.sampled_from([answer, answer["export_params"]]).filter(lambda part: part != {}))
    name = choice.draw(st.sampled_from(sorted(part.keys() - {"export_params"})))
    part[name] = "/something/else/"
    assert not is_compatible(body, make_task(answer))


def test_repeated_condition_does_not_match_another() -> None:
    """Conditions are compared in any order, each with one of the other side."""
    cat, dog = {"labeler": "cat"}, {"labeler": "dog"}

    def body(*conditions: dict[str, str]) -> dict[str, Any]:
        return {"path": "/b/d/", "export_params": {"search_conditions": [*conditions]}}

    def task(*conditions: dict[str, str]) -> ExportTask:
        return ExportTask(task_id="t", dataset_id="d", project_id="p", raw=body(*conditions))

    assert is_equivalent(body(cat, dog), task(dog, cat))
    assert not is_equivalent(body(cat, cat, dog), task(cat, dog, dog))
    assert not is_compatible(body(cat, cat, dog), task(cat, dog, dog))
    assert not is_equivalent(body(cat, cat), task(cat, dog))
    assert not is_compatible(body(cat, cat), task(cat, dog))


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_conditions_are_assigned_one_to_one(order: tuple[int, ...]) -> None:
    """A condition that is shown partly matches two of the request."""
    both, hard, other = {"hard": "1", "labeler": "a"}, {"hard": "1"}, {"hard": "0", "labeler": "a"}
    body = {"path": "/b/d/", "export_params": {"search_conditions": [both, hard, other]}}
    parts = [{"hard": "1", "labeler": ""}, {"hard": "1", "labeler": "a"}, {"labeler": "a"}]
    assert is_compatible(
        body, make_task({**body, "export_params": {"search_conditions": [parts[i] for i in order]}})
    )
    parts[2] = {"hard": "1"}
    assert not is_compatible(
        body, make_task({**body, "export_params": {"search_conditions": [parts[i] for i in order]}})
    )
