"""The reader of other programs' YAML: what it reads as PyYAML does, and the limits of what it reads."""

import time
from typing import Any

import pytest
import yaml

from modelarts_export.documents.lenient_yaml import load_yaml
from modelarts_export.documents.private_file import UnusableFileError

DEFAULTS = "d: &d {u: 1a, v: 2a}\ne: &e {v: 3a, w: 4a}\n"
BOMB = "a0: &a0 {x: y}\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
WIDE = "a: &a {" + ",".join(f"k{i}: v" for i in range(20_000)) + "}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        f"{DEFAULTS}x: {{<<: [*d, *e], u: 9a}}",
        f"{DEFAULTS}x: {{u: 8a, <<: *d}}\ny: {{<<: *d, <<: *e}}",
        "a: &s text\nb: *s\nc: [*s, \"x\", 'y']\n*s : key",
        "a: 1b\na: 2b",
        '{"a": "b"}',
        "a: !!str 12\nb: !!map {c: d}",
        '"<<": quoted',
        "~: null\n",
    ],
)
def test_text_is_read_as_by_pyyaml(text: str) -> None:
    expected = yaml.safe_load(text)
    if text.startswith("~"):  # keys are text here
        expected = {"~": None}
    assert load_yaml(text) == expected


@pytest.mark.parametrize("text", ["1", "0123", "1.5", "1_000", "yes", "2026-01-02", "12:30:45", "~", "0x1f"])
def test_what_yaml_does_not_read_as_text_is_no_str(text: str) -> None:
    assert not isinstance(yaml.safe_load(text), str)
    assert not isinstance(load_yaml(text), str)
    assert load_yaml(f"'{text}'") == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: b\nc: [", "line 3: did not find expected node content"),
        ("a: b\n---\nc: d", "line 2: a second document begins"),
        ("a: b\nc: !vault x", "line 2: the tag !vault is not supported"),
        ("a: !!binary eA==", "line 1: the tag !!binary is not supported"),
        ("a: *b", "line 1: an alias has no anchor before it"),
        ("a: &a [*a]", "line 1: an alias has no anchor before it"),
        ("a: {<<: text}", "line 1: a merge key takes a mapping or a list of them"),
        ("? [a]\n: b", "line 1: a key must be text"),
        ("a: \x07", "not valid YAML: a character is not allowed"),
        ("a:\n" + "".join(" " * i + "a:\n" for i in range(1, 60)), "line 51: nested more than 50 deep"),
    ],
)
def test_refused_text_has_a_reason_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(UnusableFileError) as caught:
        load_yaml(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("[" * 500_000, True),
        ("{a: " * 250_000, True),
        ("- " * 500_000, True),
        (BOMB, False),
        (BOMB.replace("[", "{<<: [").replace("]", "]}"), False),
        (f"{WIDE}b: {{<<: [{','.join(['*a'] * 200_000)}]}}", True),
        (WIDE + "".join(f"b{i}: {{<<: *a}}\n" for i in range(40_000)), True),
        ("[" + "a," * 400_000 + "]", True),
        ("a: " + "1:" * 400_000 + "1", False),
        (f'"{"a " * 500_000}', True),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_time_is_bounded(text: str, *, refused: bool) -> None:
    """Also where aliases or merge keys repeat billions of values, or the stack of libyaml would overflow."""
    start = time.process_time()
    found: Any = None
    try:
        found = load_yaml(text)
    except UnusableFileError:
        assert refused
    assert (found is None) is refused
    assert time.process_time() - start < 2
