"""Whether a task of the list is what a request asks for: pairs of what was sent and what is shown."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.matching import directory, may_be, stands_in_for, unshown
from modelarts_export.task import ExportTask

PATHS = ["/b/d/", "/b/d", "b/d/", "obs://b/d/", "obs://b/d", "OBS://b/d/", "s3://b/d/", "S3://b/d"]


def sent(params: dict[str, Any] | None = None, **fields: object) -> dict[str, Any]:
    """Return a body: the usual one, and this."""
    given = {"sample_state": "", "export_dest": "DIR", **(params or {})}
    return {"path": "/b/d/", "export_type": 3, "export_params": given, **fields}


def shown(answer: dict[str, Any]) -> ExportTask:
    """Return a task that the API shows so."""
    return ExportTask(task_id="t1", dataset_id="abc", project_id="0123", answer=answer)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("asked", PATHS)
def test_forms_of_a_path(asked: str, path: str) -> None:
    """One directory, however it is spelled."""
    assert directory(path) == "/b/d/"
    assert may_be(sent(path=asked), shown(sent(path=path)))


@pytest.mark.parametrize("path", ["/b/d/e/", "/b/", "/b/D/", "/c/d/", "/b/dd/", "", None, 7, ["/b/d/"]])
def test_another_path(path: object) -> None:
    """Or none that anybody could compare."""
    assert not may_be(sent(), shown(sent(path=path)))


def test_a_task_without_a_path() -> None:
    """It may be anything."""
    assert not may_be(sent(), shown({"export_type": 3}))


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
    (sent({"samples": ["a", "b"]}), sent({"samples": ["a", "c"]}), False),
    (sent({"samples": ["a"]}), sent(), True),
    (sent({"samples": ["a"]}), sent({"samples": []}), True),
    (sent({"samples": ["a"]}), sent({"samples": "a"}), False),
    (sent({"sample_state": "__ACCEPTED__"}), sent({"sample_state": ""}), False),
    (sent({"sample_state": ""}), sent({"sample_state": "__ACCEPTED__"}), False),
    (sent({"search_conditions": [{"hard": "1"}]}), sent({"search_conditions": [{"hard": 1}]}), True),
    (sent({"search_conditions": [{"hard": "1"}]}), sent({"search_conditions": [{"hard": "0"}]}), False),
    (sent({"search_conditions": [{"a": 1}, {"b": 2}]}), sent({"search_conditions": [{"a": 1}]}), False),
    (sent(annotation_format="VOC"), sent(), True),
    (sent(version_id="v1"), sent(version_id="v2"), False),
    (sent(task_id="mine", status=0), sent(task_id="t1", status="RUNNING"), True),
    (sent(), {"path": "/b/d/"}, True),
    (sent(), {"path": "/b/d/", "export_params": "none"}, True),
]


@pytest.mark.parametrize(("asked", "answer", "expected"), PAIRS)
def test_pairs(asked: dict[str, Any], answer: dict[str, Any], *, expected: bool) -> None:
    """A contradiction is a value that both have and that is another one, and nothing else is."""
    assert may_be(asked, shown(answer)) is expected


CONDITION = {"search_conditions": [{"hard": "1"}]}
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
    ({"path": "/b/d/"}, sent(), False),
]


@pytest.mark.parametrize(("asked", "task", "expected"), STRICTER)
def test_what_stands_in(asked: dict[str, Any], task: dict[str, Any], *, expected: bool) -> None:
    """Nothing that narrows an export may be there on one side alone; nor anything else but a default."""
    assert stands_in_for(asked, shown(task)) is expected


UNSHOWN: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    (sent(), sent(), None),
    (sent({"samples": ["a"]}), sent(), "export_params.samples"),
    (sent({"samples": ["a"]}), sent({"samples": []}), "export_params.samples"),
    (sent(CONDITION), sent({"search_conditions": None}), "export_params.search_conditions"),
    (sent(version_id="v1"), sent(), "version_id"),
    (sent(), {"path": "/b/d/"}, "export_type"),
    (sent(annotation_format="VOC"), sent(), None),
    (sent({"sample_state": ""}), {"path": "/b/d/", "export_type": 3}, None),
]


@pytest.mark.parametrize(("asked", "task", "expected"), UNSHOWN)
def test_what_is_not_shown(asked: dict[str, Any], task: dict[str, Any], expected: str | None) -> None:
    """A field that narrows the export, and of which the task says nothing."""
    assert unshown(asked, shown(task)) == expected


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
    assert may_be(body, shown(answer))
    assert stands_in_for(body, shown(answer))
    assert unshown(body, shown(answer)) is None


@given(body=BODIES, choice=st.data())
def test_any_other_value_contradicts(body: dict[str, Any], choice: st.DataObject) -> None:
    """One field that is shown as something else is enough."""
    answer = copy.deepcopy(body)
    part = choice.draw(st.sampled_from([answer, answer["export_params"]]).filter(lambda part: part != {}))
    name = choice.draw(st.sampled_from(sorted(part.keys() - {"export_params"})))
    part[name] = "/something/else/"
    assert not may_be(body, shown(answer))


def test_a_condition_said_twice_does_not_hide_another() -> None:
    """Conditions stand beside each other in any order, and each has to be among those of the other side."""
    cat, dog = {"labeler": "cat"}, {"labeler": "dog"}

    def body(*conditions: dict[str, str]) -> dict[str, Any]:
        return {"path": "/b/d/", "export_params": {"search_conditions": [*conditions]}}

    def task(*conditions: dict[str, str]) -> ExportTask:
        return ExportTask(task_id="t", dataset_id="d", project_id="p", answer=body(*conditions))

    assert stands_in_for(body(cat, dog), task(dog, cat))
    assert not stands_in_for(body(cat, cat), task(cat, dog))
    assert not may_be(body(cat, cat), task(cat, dog))
