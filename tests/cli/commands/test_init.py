"""The command `init`: a spec with blank required keys and every other field as a comment."""

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
EXPECTED = {DIR: USUAL, NEW: USUAL_NEW}
VALIDATOR = Draft202012Validator(make_spec_schema())
OPTIONAL = re.compile(r"^( *)#(?=[a-z-])", re.MULTILINE)  # before a key; before help a space follows


def run_init(run: Run, command: str) -> str:
    """Return the output of `init`."""
    outcome = run(f"init {command}")
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def fill_template(run: Run, command: str) -> str:
    """Return the template with values for its required keys."""
    text = run_init(run, command)
    for key, value in BLANKS[command].items():
        text = re.sub(rf"^( *{key}:)$", rf"\1 {value}", text, flags=re.MULTILINE)
    return text


def get_body(run: Run, command: str, spec: str) -> Json:
    """Return the request body of a dry run."""
    outcome = run(f"{command} -f - --dry-run -o json", stdin=spec.encode())
    assert outcome.code == 0, outcome.err
    body: Json = json.loads(outcome.out)["body"]
    return body


def iter_keys(body: object) -> Iterator[str]:
    """Yield every key of a body, except the user-defined keys in property and props."""
    for inner in body if isinstance(body, list) else ():
        yield from iter_keys(inner)
    for key, inner in body.items() if isinstance(body, dict) else ():
        yield key
        if key not in ("property", "props"):
            yield from iter_keys(inner)


@pytest.mark.parametrize("command", [DIR, NEW])
def test_blank_keys_are_the_required_fields(run: Run, command: str) -> None:
    """Each blank key is a problem, except dataset_id, which may be an argument."""
    text = run_init(run, command)
    values = yaml.safe_load(text)
    params = values.pop("export_params")
    dest = params.pop("export_dest")
    assert {**values, **params} == dict.fromkeys(BLANKS[command])
    assert dest == {DIR: "DIR", NEW: "NEW_DATASET"}[command]
    outcome = run(f"{command} abc -f - --dry-run", stdin=text.encode())
    assert outcome.code == 2
    assert outcome.err.count("is required") == len(BLANKS[command]) - 1


@pytest.mark.parametrize("command", [DIR, NEW])
def test_filled_template_sends_the_documented_body(run: Run, command: str) -> None:
    spec = fill_template(run, command)
    assert get_body(run, command, spec) == EXPECTED[command]
    assert list(VALIDATOR.iter_errors(yaml.safe_load(spec))) == []
    assert run("validate -", stdin=spec.encode()).code == 0


@pytest.mark.parametrize("command", [DIR, NEW])
def test_uncommented_template_sends_every_field(run: Run, command: str) -> None:
    spec = OPTIONAL.sub(r"\1", fill_template(run, command))
    only_new = NAMED.keys() - {"export_dest"} if command == DIR else set()
    assert set(iter_keys(get_body(run, command, spec))) == set(iter_keys(EVERY_FIELD)) - only_new
    assert yaml.safe_load(spec).keys() >= {"dataset_id", "project_id", "name"}
    assert list(VALIDATOR.iter_errors(yaml.safe_load(spec))) == []


def uncomment(lines: list[str], number: int) -> list[str]:
    """Return the lines with one of them uncommented, and its parent keys."""
    lines, depth = list(lines), 1000
    for i in range(number, -1, -1):
        indent = len(list(takewhile(str.isspace, lines[i])))
        if OPTIONAL.match(lines[i]) and indent < depth:
            lines[i], depth = OPTIONAL.sub(r"\1", lines[i]), indent
        elif lines[i].strip() and not lines[i].lstrip().startswith("#") and indent < depth:
            break
    return lines


@pytest.mark.parametrize("command", [DIR, NEW])
def test_single_uncommented_field_is_valid(run: Run, command: str) -> None:
    lines = fill_template(run, command).splitlines()
    optional = [i for i, line in enumerate(lines) if OPTIONAL.match(line) and not line.endswith("#-")]
    assert len(optional) == 45
    for number in optional:
        spec = "\n".join(uncomment(lines, number))
        key = lines[number].strip(" #").partition(":")[0]
        assert key in set(iter_keys(yaml.safe_load(spec)))
        get_body(run, command, spec)


@pytest.mark.parametrize("command", [DIR, NEW])
def test_template_has_short_lines_and_help_above_each_key(run: Run, command: str) -> None:
    lines = run_init(run, command).splitlines()
    assert [line for line in lines if len(line) > 100 or line != line.rstrip()] == []
    keys = [i for i, line in enumerate(lines) if re.match(r" *#?[a-z_]+:", line)]
    assert [lines[i] for i in keys if not re.match(r" *# \w", lines[i - 1])] == []


@pytest.mark.parametrize("command", [DIR, NEW])
def test_template_lists_the_labels_of_every_enumeration(run: Run, command: str) -> None:
    printed = set(re.findall(r"[\w:/-]+", run_init(run, command)))
    labels = [label for choice in CHOICES for label, _ in choice.members]
    assert {*labels, "NEW_DATASET"} - printed == set()


INVALID = [
    ("init", "to-obs or to-new-dataset is required"),
    (
        "init to-ob",
        "'to-ob' is not a valid command (choose from to-obs, to-new-dataset); did you mean 'to-obs'?",
    ),
    ("init to-obs to-new-dataset", "unexpected argument 'to-new-dataset'"),
]


@pytest.mark.parametrize(("line", "message"), INVALID)
def test_invalid_command_is_refused(run: Run, line: str, message: str) -> None:
    outcome = run(line)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
