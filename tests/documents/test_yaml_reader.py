"""The strict reader of YAML: values, their positions, and what it refuses."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_export.documents.yaml_reader import Document, UnreadableError, load_documents
from modelarts_export.quoting import SourceNumber

ANY = settings(deadline=None, max_examples=150, derandomize=True)


def load_one(text: str) -> Document:
    """Return the only document of a text."""
    (document,) = load_documents(text)
    return document


def with_sources(value: Any) -> Any:  # noqa: ANN401 - see Document.value
    """Return a value with each number and date replaced by its source text, such as <0.80>."""
    if isinstance(value, dict):
        return {key: with_sources(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_sources(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<{value}>"
    return f"<{value.source}>" if isinstance(value, SourceNumber) else value


# fmt: off
VALUES: list[tuple[str, object]] = [
    ("a: text", {"a": "text"}),
    ("a: 'no'", {"a": "no"}),
    ('a: "0123"', {"a": "0123"}),
    ("a: |\n  b\n  c\n", {"a": "b\nc\n"}),
    ("a: no", {"a": False}),
    ("a: On", {"a": True}),
    ("a:\nb: ~\nc: null", {"a": None, "b": None, "c": None}),
    ("a: 0", {"a": "<0>"}),
    ("a: 0.80", {"a": "<0.80>"}),
    ("a: 0123", {"a": "<0123>"}),
    ("a: 0x1F", {"a": "<0x1F>"}),
    ("a: 1_000", {"a": "<1_000>"}),
    ("a: 12:30:45", {"a": "<12:30:45>"}),
    ("a: .inf", {"a": "<.inf>"}),
    ("a: -0.5", {"a": "<-0.5>"}),
    ("a: 2026-01-02", {"a": "<2026-01-02>"}),
    ("a: 2026-13-45", {"a": "<2026-13-45>"}),
    ("a: =", {"a": "<=>"}),
    (f"a: {5000 * '9'}", {"a": f"<{5000 * '9'}>"}),
    ("a: 1e5", {"a": "1e5"}),
    ("a: 09", {"a": "09"}),
    ("[1, {a: [b]}]", ["<1>", {"a": ["b"]}]),
    ("- a\n-\n- - b", ["a", None, ["b"]]),
    ("text", "text"),
    ("a: &x [b]\nc: *x\nd: *x", {"a": ["b"], "c": ["b"], "d": ["b"]}),
    ('{"a":\t[1,\t"b"],\n\t"c": null}', {"a": ["<1>", "b"], "c": None}),
    ('{"a": "\\ud83d\\ude00 \\u6876 \\/"}', {"a": "😀 桶 /"}),
    ('{"a": "b\tc"}', {"a": "b\tc"}),
    ("\ufeffa: b", {"a": "b"}),
    ("%YAML 1.1\n---\na: b\n...\n", {"a": "b"}),
    ("a: b # c\r\nd: e\r\n", {"a": "b", "d": "e"}),
]
PROBLEMS = [
    ("a: 1\nb: 2\na: 3", "duplicate key 'a' (first at line 1)", (3, 1), {"a": "<1>", "b": "<2>"}),
    ("a: {b: 1, b: 2}", "duplicate key 'b' (first at line 1)", (1, 11), {"a": {"b": "<1>"}}),
    ("x: &x {a: 1}\ny:\n  <<: *x\n", "merge keys (<<) are refused", (3, 3), {"x": {"a": "<1>"}, "y": {}}),
    ("a: !!str 1", "explicit tags are refused; remove !!str", (1, 4), {"a": "1"}),
    ("a: &x # c\n  !!str 1", "explicit tags are refused", (1, 4), {"a": "1"}),
    ("!!str a: 1", "explicit tags are refused; remove !!str", (1, 1), {}),
    ("a: ! b", "explicit tags are refused", (1, 4), {"a": "b"}),
    ("a: !<tag:yaml.org,2002:str> 1", "explicit tags are refused", (1, 4), {"a": "1"}),
    ("a: &x !!str 1", "explicit tags are refused", (1, 4), {"a": "1"}),
    ("a: !!seq [b]", "explicit tags are refused; remove !!seq", (1, 4), {"a": ["b"]}),
    ("!!map {a: b}", "explicit tags are refused; remove !!map", (1, 1), {"a": "b"}),
    ("数据: 桶\na: !!str 1", "explicit tags are refused", (2, 4), {"数据": "桶", "a": "1"}),
    ("{!!str a: b}", "explicit tags are refused; remove !!str", (1, 2), {}),
    ("1: a", 'YAML does not read the key 1 as a string; write "1"', (1, 1), {}),
    ("no: a", 'YAML does not read the key no as a string; write "no"', (1, 1), {}),
    ("~: a", 'write "~"', (1, 1), {}),
    ("=: a", 'write "="', (1, 1), {}),
    ("? [a, b]\n: c", "a key must be a string, not a list or a mapping", (1, 3), {}),
    ("{a: b}: c", "a key must be a string, not a list or a mapping", (1, 1), {}),
]
UNREADABLE = [
    ("a: b: c", "a value with a colon and a space needs quotes", (1, 5)),
    ("--- b: c", "mapping values are not allowed", (1, 6)),
    ("a: [b", "expected", (1, 4)),
    ("a: *b", "undefined alias", (1, 4)),
    ("a: @b", "a value that begins with @ needs quotes", (1, 4)),
    ("a:\n\tb: c", "this is a tab; YAML is indented with spaces", (2, 1)),
    ("a: |\n\tb", "this is a tab", (2, 1)),
    ("a:\n  b: c\n d: e", "the key is indented differently", (3, 2)),
    ("a: b\n- c", "there is a list item where a key is expected", (2, 1)),
    ("a: 'b' c", "there is text after a quoted value", (1, 8)),
    ("a: b\n  c: d", "the key is indented differently from the keys above it", (2, 4)),
    ("a: &a [*a]", "refers to its own parent", (1, 4)),
    ("a: &a {b: {c: *a}}", "refers to its own parent", (1, 4)),
    ("a: b\0", "the character U+0000 is not allowed", (1, 5)),
    ("a: 桶\nb: 桶\0", "the character U+0000 is not allowed", (2, 5)),
    ("a: \x1b", "the character U+001B is not allowed", (1, 4)),
    ("a: \ud800", "the character U+D800 is not allowed", (1, 4)),
    ("a: b\n---\nc: d: e", "a value with a colon", (3, 5)),
    (201 * "[" + 201 * "]", "nested more than 200 deep", (1, 201)),
    ('{"' + 2000 * "a" + '": 1}', "expected", (1, 2004)),
    ('{"a": "\\ud800"}', "Unicode character escape", (1, 10)),
]
# fmt: on


@pytest.mark.parametrize(("text", "value"), VALUES, ids=lambda value: str(value)[:40])
def test_text_is_read_as_values(text: str, value: object) -> None:
    document = load_one(text)
    assert with_sources(document.value) == value
    assert document.problems == []


@pytest.mark.parametrize(("text", "message", "position", "value"), PROBLEMS)
def test_refused_part_is_one_problem(
    text: str, message: str, position: tuple[int, int], value: object
) -> None:
    """The rest of the document is read."""
    document = load_one(text)
    assert [(problem.mark.line, problem.mark.column) for problem in document.problems] == [position]
    assert message in document.problems[0].message
    assert with_sources(document.value) == value


@pytest.mark.parametrize(("text", "message", "position"), UNREADABLE, ids=lambda value: str(value)[:40])
def test_unreadable_text_raises_an_error(text: str, message: str, position: tuple[int, int]) -> None:
    with pytest.raises(UnreadableError, match=message.replace("+", r"\+")) as caught:
        list(load_documents(text))
    assert (caught.value.mark.line, caught.value.mark.column) == position


def test_several_problems_are_all_reported() -> None:
    problems = load_one("a: !!str 1\na: 2\n3: {b: 1, b: 2, <<: {}}\nc: {d: 1, d: 2, <<: {}}").problems
    assert [problem.mark.line for problem in problems] == [1, 2, 3, 4, 4]


@pytest.mark.parametrize(("text", "count"), [("", 0), ("# a\n", 0), ("---\n", 1), ("a\n---\nb\n---\n", 3)])
def test_every_document_is_read(text: str, count: int) -> None:
    assert len(list(load_documents(text))) == count


def test_nesting_is_limited_to_200() -> None:
    assert load_one(200 * "[" + 200 * "]").value
    assert load_one("[" + 500 * "[]," + "]").value
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000):
        with pytest.raises(UnreadableError, match="nested more than 200 deep"):
            list(load_documents(text))


MEGABYTE = 2**20 * "a"
DEEP = f"[&x {100 * '['}{100 * ']'}, {{}}]"
LIMITS = [
    (f"[&x [{999 * '1,'}]{998 * ', *x'}{999 * ', 1'}]", ", 1]", "more than 1,000,000 values"),
    (f"[&x {MEGABYTE}{63 * ', *x'}]", ", a]", "more than 64 MiB of "),
    (f"[{64 * '$, '}]", "a]", "more than 64 MiB of "),
    (DEEP.format(f"{99 * '['}*x{99 * ']'}"), f", {100 * '['}*x{100 * ']'}]", "nested more than 200 deep"),
]


@pytest.mark.parametrize(("fits", "more", "message"), LIMITS, ids=["values", "text", "variables", "depth"])
def test_limits_count_what_aliases_and_variables_stand_for(fits: str, more: str, message: str) -> None:
    """Exactly as many are read."""
    assert list(load_documents(fits, lambda _: MEGABYTE))
    with pytest.raises(UnreadableError, match=message):
        list(load_documents(fits[:-1] + more, lambda _: MEGABYTE))


SPEC = "path: /b/d/\nexport_params:\n  samples: [a, 0123]\n  'search_conditions':\n  - hard: yes\n"
POSITIONS: list[tuple[tuple[str | int, ...], bool, tuple[int, int], str | None]] = [
    ((), False, (1, 1), None),
    (("path",), False, (1, 7), "/b/d/"),
    (("path",), True, (1, 1), "/b/d/"),
    (("export_params",), False, (3, 3), None),
    (("export_params", "samples"), False, (3, 12), None),
    (("export_params", "samples"), True, (3, 3), None),
    (("export_params", "samples", 1), False, (3, 16), "0123"),
    (("export_params", "samples", 2), False, (3, 3), None),
    (("export_params", "search_conditions"), True, (4, 3), None),
    (("export_params", "search_conditions", 0, "hard"), False, (5, 11), "yes"),
    (("export_params", "search_conditions", 0, "kvp"), False, (5, 5), None),
    (("export_params", "nothing", "more"), False, (2, 1), None),
    (("path", "deeper"), False, (1, 7), None),
    (("path", 0), False, (1, 7), None),
    (("nothing",), True, (1, 1), None),
]


@pytest.mark.parametrize(("location", "key", "position", "text"), POSITIONS)
def test_position_of_a_location(
    location: tuple[str | int, ...],
    key: bool,  # noqa: FBT001 - a column of the table
    position: tuple[int, int],
    text: str | None,
) -> None:
    """A location that does not exist has the position of its nearest parent."""
    document = load_one(SPEC)
    mark = document.find_mark(location, key=key)
    assert (mark.line, mark.column) == position
    assert SPEC[: mark.index].count("\n") + 1 == mark.line
    assert document.get_plain_scalar(location) == text


def test_quoted_text_is_not_plain() -> None:
    document = load_one("a: 'b'\nc: \"d\"\ne: |\n  f\ng: h")
    assert [document.get_plain_scalar((key,)) for key in "aceg"] == [None, None, None, "h"]


SYNTAX = st.text("{}[]:,- \n\t\"'&*!|>?#%@`<=~\\ab01\x00\x85é😀\ufeff\u2028\ud800", max_size=40)


@given(text=st.one_of(st.text(), SYNTAX))
@ANY
def test_any_text_is_read_or_unreadable(text: str) -> None:
    """No other exception is raised."""
    try:
        documents = list(load_documents(text))
    except UnreadableError as error:
        marks = [error.mark]
    else:
        marks = [problem.mark for document in documents for problem in document.problems]
    assert all(mark.line >= 1 and mark.column >= 1 for mark in marks)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON, indent=st.sampled_from([None, 1, "\t"]), ascii_only=st.booleans())
@ANY
def test_json_is_read_as_json(value: object, indent: str | None, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Indentation and escapes make no difference."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if ascii_only or all(c.isprintable() or c in "\n\t" for c in text):
        document = load_one(text)
        assert (document.value, document.problems) == (value, [])


@given(value=JSON)
@ANY
def test_output_of_pyyaml_is_read_as_the_same_value(value: object) -> None:
    document = load_one(yaml.safe_dump(value))
    assert (document.value, document.problems) == (value, [])
