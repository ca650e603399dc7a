"""Parsing the value of `--search`, as key=value pairs or as YAML."""

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.cli.options.search_condition import parse_condition
from modelarts_export.request.models import SearchCondition

ANY = settings(deadline=None, max_examples=150, derandomize=True)
CAT, DOG = {"name": "cat"}, {"name": "dog"}
# fmt: off
CONDITIONS: list[tuple[str, dict[str, Any]]] = [
    ("label=cat", {"label_list": {"labels": [CAT]}}),
    ("label=cat,dog", {"label_list": {"labels": [CAT, DOG], "op": "OR"}}),
    ("label=cat+dog", {"label_list": {"labels": [CAT, DOG], "op": "AND"}}),
    ("label=cat,dog,cat", {"label_list": {"labels": [CAT, DOG, CAT], "op": "OR"}}),
    ("'label=black cat'", {"label_list": {"labels": [{"name": "black cat"}]}}),
    ("label='black cat',dog", {"label_list": {"labels": [{"name": "black cat"}, DOG], "op": "OR"}}),
    ("meta.a=x", {"metadata": {"props": {"a": ["x"]}}}),
    ("meta.a.b=x,y", {"metadata": {"props": {"a.b": ["x", "y"]}}}),
    ("meta.a=x meta.b=y", {"metadata": {"op": "AND", "props": {"a": ["x"], "b": ["y"]}}}),
    ("meta.a=x meta.b=y meta.c=z",
     {"metadata": {"op": "AND", "props": {"a": ["x"], "b": ["y"], "c": ["z"]}}}),
    ("hard=true  kvp=a=b", {"hard": "true", "kvp": "a=b"}),
    (" label=cat\thard=1\n", {"label_list": {"labels": [CAT]}, "hard": "1"}),
    ("score=0.9", {"score": "0.9"}),
    ("labeler=#me", {"labeler": "#me"}),
    ("{hard: true}", {"hard": True}),
    (' {"hard": "1"}\n', {"hard": "1"}),
    ("{label_list: {labels: [{name: cat}]}}", {"label_list": {"labels": [CAT]}}),
]
INVALID = [
    ("", "at least one"), (" \t", "at least one"), ("a", "'a' is not key=value"), ("=a", "is not key=value"),
    ("hard=", "is not key=value"), ("hard = 1", "'hard' is not key=value"), ("zzz=1", "unknown field 'zzz'"),
    ("hrad=1", "did you mean 'hard'?"), ("label_list=a", "label_list is a mapping; write label="),
    ("metadata=a", "write meta.KEY="), ("meta.=a", "unknown field 'meta.'"), ("label=a,b+c", "mixes , and"),
    ("label=,", "empty label"), ("label=a,", "empty label"), ("label=+a", "empty label"),
    ("hard=1 hard=1", "duplicate key 'hard'"), ("label=a label=b", "duplicate key 'label'"),
    ("meta.a=1 meta.b=2 meta.a=3", "duplicate key 'meta.a'"),
    ("'label=a", "unclosed quote"), ("label=a\\", "ends in a backslash"),
    ("{", "is not valid YAML at column"),
    ("{hard: 1}\n---\n{hard: 0}", "one --search takes one condition"),
    ("{hard: 1, hard: 0}", "duplicate key"),
    ("{<<: {hard: 1}}", "merge keys"), ("{1: a}", 'write "1"'), ("{hard: !!str 1}", "explicit tags"),
    ("{a: &a [*a]}", "own parent"), (100_000 * "{", "is not valid YAML"),
    ("{\x00}", "U.0000 is not allowed"),
    ("{数据: \x00}", "U.0000 is not allowed"), ("{\ud800: a}", "U.D800 is not allowed"),
]
# fmt: on


@pytest.mark.parametrize(("text", "condition"), CONDITIONS)
def test_valid_condition_is_parsed(text: str, condition: dict[str, Any]) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(("text", "message"), INVALID, ids=lambda text: text[:30])
def test_invalid_condition_is_refused(text: str, message: str) -> None:
    with pytest.raises(
        ValueError, match=message.replace("?", r"\?").replace(".", r"\.").replace("U\\.", "U.")
    ):
        parse_condition(text)


SCALAR_KEYS = sorted(SearchCondition.model_fields.keys() - {"label_list", "metadata"})


@pytest.mark.parametrize("key", SCALAR_KEYS)
def test_scalar_field_is_a_key(key: str) -> None:
    assert parse_condition(f"{key}=x") == {key: "x"}


@given(pairs=st.dictionaries(st.sampled_from(SCALAR_KEYS), st.text(min_size=1), min_size=1))
@ANY
def test_quoted_values_are_read_back_unchanged(pairs: dict[str, str]) -> None:
    assert parse_condition(shlex.join(f"{key}={value}" for key, value in pairs.items())) == pairs


KEYS = st.sampled_from(["label", "meta.a", "meta.", "label_list", "hard", "kvp", "zzz", ""])
VALUES = st.sampled_from(["=", "=a", "=a,b", "=a+b", "=a,+", "='", ""])
PAIRS = st.lists(st.tuples(KEYS, VALUES).map("".join)).map(" ".join)
MAPPINGS = st.text("{}[]:, \n\t\"'&*!|>-?#%@`<\\ab1\x00é😀", max_size=30).map("{".__add__)


@given(text=st.one_of(st.text(), PAIRS, MAPPINGS))
@ANY
def test_any_text_is_parsed_or_raises_value_error(text: str) -> None:
    try:
        parse_condition(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
