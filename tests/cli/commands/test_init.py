"""The command `init`: a spec that needs nothing but its blanks filled, and that knows every field."""

import json
import re
from collections.abc import Iterator
from itertools import takewhile

import pytest
import yaml
from jsonschema import Draft202012Validator

from modelarts_export.spec.json_schema import make_spec_schema
from tests.conftest import Run
from tests.request.enum_rows import CHOICES
from tests.request.field_rows import DIR, EVERY_FIELD, NAMED, NEW, USUAL, USUAL_NEW, Json

BLANKS = {
    DIR: {"dataset_id": "abc", "path": "/b/d/"},
    NEW: {
        "dataset_id": "abc",
        "path": "/b/d/",
        "export_new_dataset_name": "n",
        "export_new_dataset_work_path": "/b/w/",
    },
}
SENT = {DIR: USUAL, NEW: USUAL_NEW}
VALIDATOR = Draft202012Validator(make_spec_schema())
OPTIONAL = re.compile(r"^( *)#(?=[a-z-])", re.MULTILINE)  # the mark before a key; before help it has a space


def printed(run: Run, command: str) -> str:
    """Return what `init` prints."""
    outcome = run(f"init {command}")
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def filled(run: Run, command: str) -> str:
    """Return it with its blanks filled."""
    text = printed(run, command)
    for key, value in BLANKS[command].items():
        text = re.sub(rf"^( *{key}:)$", rf"\1 {value}", text, flags=re.MULTILINE)
    return text


def body_of(run: Run, command: str, spec: str) -> Json:
    """Return the body that would be sent for a spec."""
    outcome = run(f"{command} -f - --dry-run -o json", stdin=spec.encode())
    assert outcome.code == 0, outcome.err
    body: Json = json.loads(outcome.out)["body"]
    return body


def keys_in(body: object) -> Iterator[str]:
    """Yield every key of a body; those under property and props are the user's own."""
    for inner in body if isinstance(body, list) else ():
        yield from keys_in(inner)
    for key, inner in body.items() if isinstance(body, dict) else ():
        yield key
        if key not in ("property", "props"):
            yield from keys_in(inner)


@pytest.mark.parametrize("command", [DIR, NEW])
def test_the_blanks_are_what_is_required(run: Run, command: str) -> None:
    """One a line, uncommented; unfilled, each is a problem, save the dataset, which may be an argument."""
    text = printed(run, command)
    values = yaml.safe_load(text)
    params = values.pop("export_params")
    dest = params.pop("export_dest")
    assert {**values, **params} == dict.fromkeys(BLANKS[command])
    assert dest == {DIR: "DIR", NEW: "NEW_DATASET"}[command]
    outcome = run(f"{command} abc -f - --dry-run", stdin=text.encode())
    assert outcome.code == 2
    assert outcome.err.count("is required") == len(BLANKS[command]) - 1


@pytest.mark.parametrize("command", [DIR, NEW])
def test_filled_it_sends_the_documented_body(run: Run, command: str) -> None:
    """The blanks are all that is needed, and the schema agrees."""
    spec = filled(run, command)
    assert body_of(run, command, spec) == SENT[command]
    assert list(VALIDATOR.iter_errors(yaml.safe_load(spec))) == []
    assert run("validate -", stdin=spec.encode()).code == 0


@pytest.mark.parametrize("command", [DIR, NEW])
def test_every_field_is_there_with_a_value_that_it_may_have(run: Run, command: str) -> None:
    """Uncommented as a whole it is valid, and it sends every field that there is."""
    spec = OPTIONAL.sub(r"\1", filled(run, command))
    only_new = NAMED.keys() - {"export_dest"} if command == DIR else set()
    assert set(keys_in(body_of(run, command, spec))) == set(keys_in(EVERY_FIELD)) - only_new
    assert yaml.safe_load(spec).keys() >= {"dataset_id", "project_id", "name"}
    assert list(VALIDATOR.iter_errors(yaml.safe_load(spec))) == []


def chosen(lines: list[str], number: int) -> list[str]:
    """Return the lines with one of them uncommented, and the keys that it stands under."""
    lines, depth = list(lines), 1000
    for i in range(number, -1, -1):
        indent = len(list(takewhile(str.isspace, lines[i])))
        if OPTIONAL.match(lines[i]) and indent < depth:
            lines[i], depth = OPTIONAL.sub(r"\1", lines[i]), indent
        elif lines[i].strip() and not lines[i].lstrip().startswith("#") and indent < depth:
            break
    return lines


@pytest.mark.parametrize("command", [DIR, NEW])
def test_every_field_can_be_set_by_itself(run: Run, command: str) -> None:
    """Each line is valid without the others, given the keys that it stands under."""
    lines = filled(run, command).splitlines()
    optional = [i for i, line in enumerate(lines) if OPTIONAL.match(line) and not line.endswith("#-")]
    assert len(optional) == 45
    for number in optional:
        spec = "\n".join(chosen(lines, number))
        key = lines[number].strip(" #").partition(":")[0]
        assert key in set(keys_in(yaml.safe_load(spec)))
        body_of(run, command, spec)


@pytest.mark.parametrize("command", [DIR, NEW])
def test_it_is_pleasant_to_read(run: Run, command: str) -> None:
    """No line is long or ends in a blank, and above every key stands its help."""
    lines = printed(run, command).splitlines()
    assert [line for line in lines if len(line) > 100 or line != line.rstrip()] == []
    keys = [i for i, line in enumerate(lines) if re.match(r" *#?[a-z_]+:", line)]
    assert [lines[i] for i in keys if not re.match(r" *# \w", lines[i - 1])] == []


@pytest.mark.parametrize("command", [DIR, NEW])
def test_it_names_the_words_of_every_enumeration(run: Run, command: str) -> None:
    shown = set(re.findall(r"[\w:/-]+", printed(run, command)))
    words = [word for choice in CHOICES for word, _ in choice.members]
    assert {*words, "NEW_DATASET"} - shown == set()


BAD = [
    ("init", "to-obs|to-new-dataset"),
    ("init to-ob", "'to-ob' is not one of to-obs, to-new-dataset; did you mean to-obs?"),
    ("init to-obs to-new-dataset", "unexpected extra argument"),
]


@pytest.mark.parametrize(("line", "words"), BAD)
def test_another_kind_is_refused(run: Run, line: str, words: str) -> None:
    """With the nearest."""
    outcome = run(line)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err
