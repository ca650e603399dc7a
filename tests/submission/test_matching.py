"""Whether a task of the list is what a request asks for: pairs of what was sent and what is shown."""

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


def sent(params: dict[str, Any] | None = None, **fields: object) -> dict[str, Any]:
    """Return a body: the usual one, and this."""
    given = {"sample_state": "", "export_dest": "DIR", **(params or {})}
    return {"path": "/b/d/", "export_type": 3, "export_params": given, **fields}


def new_dataset(name: str, work_path: str) -> dict[str, Any]:
    """Return the body of an export that makes a dataset."""
    names = {"export_new_dataset_name": name, "export_new_dataset_work_path": work_path}
    return sent({"export_dest": "NEW_DATASET", **names})


def shown(answer: dict[str, Any]) -> ExportTask:
    """Return a task that the API shows so."""
    return ExportTask(task_id="t1", dataset_id="abc", project_id="0123", raw=answer)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("asked", PATHS)
def test_forms_of_a_path(asked: str, path: str) -> None:
    """One directory, however it is spelled."""
    assert to_directory(path) == "/b/d/"
    assert is_compatible(sent(path=asked), shown(sent(path=path)))


def test_percent_encoded_paths_are_compared_decoded() -> None:
    """In UTF-8, and the work path as the path; a plus is no space."""
    assert is_compatible(sent(path="/桶/a b/"), shown(sent(path="/%E6%A1%B6/a%20b/")))
    assert not is_compatible(sent(path="/b/a b/"), shown(sent(path="/b/a+b/")))
    asked = new_dataset("n", "/b/w x/")
    for spelled in ("/b/w%20x/", "obs://b/w x", "S3://b/w%20x/"):
        assert is_equivalent(asked, shown(new_dataset("n", spelled)))
    assert not is_compatible(asked, shown(new_dataset("n", "/b/w/")))


@pytest.mark.parametrize("path", ["/b/d/e/", "/b/", "/b/D/", "/c/d/", "/b/dd/", "", None, 7, ["/b/d/"]])
def test_another_path(path: object) -> None:
    """Or none that anybody could compare."""
    assert not is_compatible(sent(), shown(sent(path=path)))


def test_a_task_without_a_path() -> None:
    """It may be anything."""
    assert not is_compatible(sent(), shown({"export_type": 3}))


DEEP: list[Any] = []
for _ in range(50_000):
    DEEP = [DEEP]

# What was sent beside the usual, what is shown beside it, and whether they may be the same.
PAIRS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (sent(), sent(export_type="3"), True),
    (sent(), sent(export_type=2), False),
    (sent(), sent(export_type=None), True),
    (sent(), sent(export_format=2, version_format="Default", clear_difficult=False), True),
    (sent(export_format=1), sent(export_format=2), False),
    (sent(export_format=1), sent(export_format="1"), True),
    (sent(), sent({"clear_hard_property": True, "clear_difficult": False, "unheard_of": {}}), True),
    (sent({"train_sample_ratio": "0.80"}), sent({"train_sample_ratio": 0.8}), True),
    (sent({"train_sample_ratio": "1.00"}), sent({"train_sample_ratio": 1}), True),
    (sent({"train_sample_ratio": "0"}), sent({"train_sample_ratio": 0.0}), True),
    (sent({"train_sample_ratio": "0.8"}), sent({"train_sample_ratio": 0.5}), False),
    (sent({"train_sample_ratio": "0.12345678"}), sent({"train_sample_ratio": 0.12345679}), False),
    (sent({"ratio_sample_usage": True}), sent({"ratio_sample_usage": "true"}), True),
    (sent({"ratio_sample_usage": True}), sent({"ratio_sample_usage": False}), False),
    (sent({"samples": ["a", "b"]}), sent({"samples": ["b", "a"]}), True),
    (sent({"samples": ["1", "2"]}), sent({"samples": [2, 1]}), True),
    (sent({"samples": ["a"]}), sent({"samples": ["a", "b"]}), False),
    (sent({"samples": ["a", "b", "c"]}), sent({"samples": ["c", "a"]}), True),
    (sent({"samples": ["a", "b", "c"]}), sent({"samples": ["a", "x"]}), False),
    (sent({"samples": ["a", "a", "b"]}), sent({"samples": ["a", "b", "b"]}), False),
    (sent({"samples": ["a", "b"]}), sent({"samples": '["b", "a"]'}), True),
    (sent({"samples": ["a", "b"]}), sent({"samples": '["b", "x"]'}), False),
    (sent({"samples": ["a"]}), sent({"samples": "[]"}), True),
    (sent({"samples": ["a"]}), sent({"samples": {"a": 1}}), False),
    (sent({"samples": ["a"]}), sent({"samples": [DEEP]}), False),
    (sent({"samples": 20_000 * ["a"]}), sent({"samples": [*(19_999 * [None]), {}]}), False),
    (sent({"samples": ["a"]}), {"path": "/b/d/", "export_params": '{"samples": ["b"]}'}, False),
    (sent({"samples": ["a"]}), {"path": "/b/d/", "export_params": [{"samples": ["b"]}]}, False),
    (sent({"samples": ["a"]}), {"path": "/b/d/", "export_params": ["samples", "a"]}, True),
    (sent({"export_dataset_version_name": "[1]"}), sent({"export_dataset_version_name": "[1]"}), True),
    (sent({"samples": ["a", "b"]}), sent({"samples": ["a", "c"]}), False),
    (sent({"samples": ["a"]}), sent(), True),
    (sent({"samples": ["a"]}), sent({"samples": []}), True),
    (sent({"samples": ["a"]}), sent({"samples": "a"}), False),
    (sent({"sample_state": "__ACCEPTED__"}), sent({"sample_state": ""}), False),
    (sent({"sample_state": ""}), sent({"sample_state": "__ACCEPTED__"}), False),
    (sent({"search_conditions": [{"hard": "1"}]}), sent({"search_conditions": [{"hard": 1}]}), True),
    (sent({"search_conditions": [{"hard": "1"}]}), sent({"search_conditions": [{"hard": "0"}]}), False),
    (sent({"search_conditions": [{"a": 1}, {"b": 2}]}), sent({"search_conditions": [{"a": 1}]}), False),
    (
        sent({"search_conditions": [{"a": ["x", "x", "y"]}]}),
        sent({"search_conditions": [{"a": ["y", "x", "x"]}]}),
        True,
    ),
    (
        sent({"search_conditions": [{"a": ["x", "x", "y"]}]}),
        sent({"search_conditions": [{"a": ["x", "y", "y"]}]}),
        False,
    ),
    (sent(annotation_format="VOC"), sent(), True),
    (sent(version_id="v1"), sent(version_id="v2"), False),
    (sent(task_id="mine", status=0), sent(task_id="t1", status="RUNNING"), True),
    (sent(), {"path": "/b/d/"}, True),
    (sent(), {"path": "/b/d/", "export_params": "none"}, True),
]


@pytest.mark.parametrize(("asked", "answer", "expected"), PAIRS)
def test_pairs(asked: dict[str, Any], answer: dict[str, Any], *, expected: bool) -> None:
    """A contradiction is a value that both have and that is another one, and nothing else is."""
    assert is_compatible(asked, shown(answer)) is expected


CONDITION = {"search_conditions": [{"hard": "1"}]}
AS_TEXT = '{"sample_state": "", "export_dest": "DIR", "samples": ["b", "a"], "search_conditions": "[]"}'
STRICTER: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (sent(), sent(), True),
    (sent(), sent({"samples": [], "search_conditions": [], "sample_state": ""}, version_id=""), True),
    (sent(), sent({"train_sample_ratio": 1.0, "clear_hard_property": True}, export_format=2), True),
    (sent(), sent(create_time=1, progress=3.0, unheard_of="x"), True),
    (sent(), sent({"samples": ["a"]}), False),
    (sent(), sent(CONDITION), False),
    (sent(), sent(sample_state="__ACCEPTED__"), False),
    (sent(), sent(version_id="v1"), False),
    (sent(), sent({"train_sample_ratio": 0.8}), False),
    (sent(), sent(annotation_format="VOC"), False),
    (sent(CONDITION), sent(CONDITION), True),
    (sent(CONDITION), sent({"search_conditions": [{"hard": 1, "labeler": ""}]}), True),
    (sent(CONDITION), sent({"search_conditions": [{"hard": "1", "labeler": "zhang"}]}), False),
    (sent(CONDITION), sent({"search_conditions": [{}]}), False),
    (sent(CONDITION), sent({"search_conditions": [{"hard": 1, "unheard_of": False}]}), True),
    (sent(CONDITION), sent({"search_conditions": [{"hard": 1, "unheard_of": 0}]}), False),
    (
        sent({"search_conditions": [{"kvp": "1"}]}),
        sent({"search_conditions": [{"kvp": "1", "hard": False}]}),
        False,
    ),
    (sent(CONDITION), sent({"search_conditions": '[{"hard": "1"}]'}), True),
    (sent(CONDITION), sent({"search_conditions": '[{"hard": "0"}]'}), False),
    (sent({"samples": ["a", "b"]}), sent({"samples": ["a"]}), False),
    (sent({"samples": ["a", "b"]}), sent() | {"export_params": AS_TEXT}, True),
    (sent({"samples": ["a", "b"]}), sent() | {"export_params": [AS_TEXT]}, True),
    (sent(), sent() | {"export_params": AS_TEXT}, False),
    ({"path": "/b/d/"}, sent(), False),
    ({"path": "/b/d/"}, {"path": "/b/d/", "export_type": 2}, True),
]


@pytest.mark.parametrize(("asked", "task", "expected"), STRICTER)
def test_what_stands_in(asked: dict[str, Any], task: dict[str, Any], *, expected: bool) -> None:
    """Nothing that narrows an export may be there on one side alone; nor anything else but a default."""
    assert is_equivalent(asked, shown(task)) is expected


NESTED = "[" * 100_000 + "]" * 100_000
MANY = '{"other": [' + "[]," * 1_000_000 + "[]]}"
UNVERIFIABLE: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    (sent(), sent(), None),
    (sent({"samples": ["a"]}), sent(), "it does not show export_params.samples"),
    (sent({"samples": ["a"]}), sent({"samples": []}), "it does not show export_params.samples"),
    (sent({"samples": ["a"]}), sent({"samples": " [] "}), "it does not show export_params.samples"),
    (sent(CONDITION), sent({"search_conditions": None}), "it does not show export_params.search_conditions"),
    (sent(version_id="v1"), sent(), "it does not show version_id"),
    (sent(), {"path": "/b/d/"}, "it does not show export_type"),
    (sent(annotation_format="VOC"), sent(), None),
    (sent(undeclared=1), sent(), "it does not show undeclared"),
    (sent({"sample_state": ""}), {"path": "/b/d/", "export_type": 3}, None),
    (
        new_dataset("n", "/b/w/"),
        {"path": "/b/d/", "export_type": 3},
        "it does not show export_params.export_new_dataset_name",
    ),
    (sent(), sent() | {"export_params": AS_TEXT}, None),
    (sent(), sent() | {"export_params": ""}, None),
    (sent(), sent() | {"export_params": "{}"}, None),
    (sent(), sent() | {"export_params": "sample_state="}, "its export_params cannot be read"),
    (
        sent(),
        sent() | {"export_params": [{"name": "samples"}, {"value": "a"}]},
        "its export_params cannot be read",
    ),
    (sent(), sent() | {"export_params": NESTED}, "its export_params cannot be read"),
    (sent(), sent() | {"export_params": MANY}, "its export_params cannot be read"),
    (sent(), sent(samples=["a"]), "its samples is not a known field"),
    (sent(), sent({"clear_difficult": False}, unheard_of=None, filter="{}", other=[]), None),
    (sent(), sent({"clear_difficult": True}), "its export_params.clear_difficult is not a known field"),
    (sent(), sent({"first": 0}), "its export_params.first is not a known field"),
    (sent(), sent(filter='{"label": "cat"}'), "its filter is not a known field"),
    (sent(), sent(progress=3.0, dataset_id="abc", error_code="", create_time=1, status="RUNNING"), None),
]


@pytest.mark.parametrize(("asked", "task", "expected"), UNVERIFIABLE)
def test_what_forbids_reuse_without_being_another_value(
    asked: dict[str, Any], task: dict[str, Any], expected: str | None
) -> None:
    """A narrowing field that is not shown, parameters that cannot be read, a field that no document has."""
    assert explain_unverifiable(asked, shown(task)) == expected
    assert is_compatible(asked, shown(task))


LEAVES = [
    *{each.location: each for kind in (ToObs, ToNewDataset) for each in iter_leaf_fields(kind)}.values()
]
# .github/API.md, section 1: what takes samples away or makes another dataset, and the documented defaults.
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
    """A field without the declaration would not be compared as anybody thought about it."""
    declared = {each.location: each.comparison for each in LEAVES}
    assert [where for where, comparison in declared.items() if comparison is None] == []
    told = {where: comparison for where, comparison in declared.items() if comparison}
    assert {where for where, comparison in told.items() if comparison.narrows} == NARROWING
    assert {where: each.default for where, each in told.items() if each.default is not None} == DOCUMENTED
    assert {where for where, each in told.items() if not each.is_returned} == {("status",), ("task_id",)}


def with_field(where: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return the body of the usual request with one field more."""
    return sent({where[1]: value}) if len(where) > 1 else {**sent(), where[0]: value}


USUALLY_SENT = {("path",), ("export_type",), (INNER, "sample_state"), (INNER, "export_dest")}
OTHERS = [each.location for each in LEAVES if each.location not in USUALLY_SENT]


@pytest.mark.parametrize("where", [where for where in OTHERS if where[0] not in ("status", "task_id")])
def test_a_field_of_the_task_alone_forbids_reuse(where: tuple[str, ...]) -> None:
    """Unless it has its documented default; and a narrowing one has to be shown for a request that has it."""
    value: object = ["x"] if where[-1] in ("samples", "search_conditions") else "/x/y/"
    assert not is_equivalent(sent(), shown(with_field(where, value)))
    assert is_equivalent(sent(), shown(with_field(where, DOCUMENTED.get(where))))
    assert (explain_unverifiable(with_field(where, value), shown(sent())) is not None) == (where in NARROWING)


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


@given(body=BODIES, turn=st.randoms(use_true_random=False))
def test_an_echo_of_any_request_is_its_own(body: dict[str, Any], turn: Any) -> None:  # noqa: ANN401 - a Random
    """As the API shows a request: numbers for text, another order, and keys of its own."""
    answer = copy.deepcopy(body)
    params = answer["export_params"]
    if "train_sample_ratio" in params:
        params["train_sample_ratio"] = float(params["train_sample_ratio"])
    turn.shuffle(params.get("samples", []))
    answer.update(task_id="t1", status="RUNNING", create_time=1, clear_difficult=False)
    assert is_compatible(body, shown(answer))
    assert is_equivalent(body, shown(answer))
    assert explain_unverifiable(body, shown(answer)) is None


@given(body=BODIES, choice=st.data())
def test_any_other_value_contradicts(body: dict[str, Any], choice: st.DataObject) -> None:
    """One field that is shown as something else is enough."""
    answer = copy.deepcopy(body)
    part = choice.draw(st.sampled_from([answer, answer["export_params"]]).filter(lambda part: part != {}))
    name = choice.draw(st.sampled_from(sorted(part.keys() - {"export_params"})))
    part[name] = "/something/else/"
    assert not is_compatible(body, shown(answer))


def test_a_condition_said_twice_does_not_hide_another() -> None:
    """Conditions stand beside each other in any order, and each has to be among those of the other side."""
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
    """One that is shown in part fits two that were sent; whichever comes first, each finds its own."""
    both, hard, other = {"hard": "1", "labeler": "a"}, {"hard": "1"}, {"hard": "0", "labeler": "a"}
    body = {"path": "/b/d/", "export_params": {"search_conditions": [both, hard, other]}}
    parts = [{"hard": "1", "labeler": ""}, {"hard": "1", "labeler": "a"}, {"labeler": "a"}]
    assert is_compatible(
        body, shown({**body, "export_params": {"search_conditions": [parts[i] for i in order]}})
    )
    parts[2] = {"hard": "1"}
    assert not is_compatible(
        body, shown({**body, "export_params": {"search_conditions": [parts[i] for i in order]}})
    )
