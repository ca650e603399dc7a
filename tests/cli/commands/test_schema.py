"""The command `schema`: a JSON Schema that agrees with what the program takes and refuses."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from modelarts_export.spec.json_schema import make_spec_schema
from tests.conftest import Run
from tests.request.enum_rows import CHOICES
from tests.request.field_rows import (
    COMMANDS,
    CONDITIONS,
    DEFAULTS,
    DIR,
    DOUBTFUL_PATHS,
    EVERY_FIELD,
    NAMED,
    NAMED_SPEC,
    NAMES,
    NEW,
    PARAMS,
    PATHS,
    TOP,
)

ROOT = Path(__file__).parents[3]
API = (ROOT / ".github" / "API.md").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"create request:\n\n```json\n(.*?)```", API, re.DOTALL)
SAMPLES = sorted((ROOT / "sample-configs").glob("*.yaml"))
VALIDATOR = Draft202012Validator(make_spec_schema())
# What the program takes and the schema does not: another letter case than the documents have.
LENIENT = ('hard: "False"', "op: or}")


def refusals(spec: object) -> list[str]:
    """Return what the schema has against a spec."""
    return [error.message for error in VALIDATOR.iter_errors(spec)]


def fields(command: str, top: str = "", params: str = "") -> str:
    """Return a spec with these lines beside what the command needs."""
    needed = COMMANDS[command][0].replace(", ", "\n  ")
    return f"path: /b/d/\n{top}\nexport_params:\n  {needed}\n  {params}\n"


def new_dataset(name: str = "n", work_path: str = "/b/w/") -> str:
    """Return a spec of the other kind."""
    params = NAMED_SPEC.replace("name: n,", f"name: {name},").replace("/b/w/", work_path)
    return f"path: /b/d/\nexport_params: {{{params}}}"


def good_specs() -> Iterator[str]:
    """Yield what the rows of the field tests send, and the program is known to take."""
    for command in (DIR, NEW):
        yield from (fields(command, top=row.spec) for row in TOP)
        yield from (fields(command, params=row.spec) for row in PARAMS)
    for row in CONDITIONS:
        condition = row.spec if row.spec.startswith("{") else f"{{{row.spec}}}"
        yield fields(DIR, params=f"search_conditions: [{condition}]")
    yield from (whole.spec for whole in DEFAULTS)
    yield from (f"path: {path}" for path, _ in (*PATHS, *DOUBTFUL_PATHS))
    yield from (new_dataset(name) for name in NAMES)
    for choice in CHOICES:
        for spelling in (text for member in choice.members for text in (*member, str(member[1]))):
            yield choice.body.replace("@", json.dumps(spelling))


GOOD = [spec for spec in dict.fromkeys(good_specs()) if not any(case in spec for case in LENIENT)]


def test_the_command_prints_a_schema_of_the_draft(run: Run) -> None:
    """Plain JSON, and a schema that is right in itself."""
    outcome = run("schema")
    assert (outcome.code, outcome.err) == (0, "")
    schema = json.loads(outcome.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema == make_spec_schema()
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_it_accepts_the_sample_configs(file: Path) -> None:
    assert refusals(yaml.safe_load(file.read_text(encoding="utf-8"))) == []


def test_it_accepts_the_documented_bodies() -> None:
    """As they stand in API.md, section 11."""
    assert len(DOCUMENTED) == 2
    assert [refusals(json.loads(body)) for body in DOCUMENTED] == [[], []]


@pytest.mark.parametrize("spec", GOOD)
def test_it_accepts_what_the_program_takes(spec: str) -> None:
    """Every field, form of a path, word and code of the field tests."""
    assert refusals(yaml.safe_load(spec)) == []


def places(value: object, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value inside a body that is no list and no mapping."""
    if not isinstance(value, dict | list):
        yield way
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for step, part in inner:
        yield from places(part, (*way, step))


def with_value(body: Any, way: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a copy of the body with another value at a place."""
    if not way:
        return value
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[way[0]] = with_value(body[way[0]], way[1:], value)
    return copy


WHOLE = {**EVERY_FIELD, "dataset_id": "a", "project_id": "b", "name": "c"}
PLACES = list(places(WHOLE))
REQUIRED = [("path",), *(("export_params", key) for key in NAMED)]


@pytest.mark.parametrize("way", PLACES, ids=str)
def test_every_value_may_be_substituted(way: tuple[Any, ...]) -> None:
    """Nobody knows yet what it will be, export_dest included."""
    text = ["${NAME}"] if "c" in way else "a-${NAME:-b}/${now:%Y-%m-%d}"
    assert refusals(with_value(WHOLE, way, text)) == []


@pytest.mark.parametrize("way", PLACES, ids=str)
def test_null_leaves_a_field_out(way: tuple[Any, ...]) -> None:
    """Unless the field is required; and a list has no empty place."""
    needed = way in REQUIRED or isinstance(way[-1], int)
    assert bool(refusals(with_value(WHOLE, way, None))) is needed


# A spec that is wrong, and a word of what the schema has against it; the program refuses it too.
BAD = [
    ("export_type: all", "path"),
    ("path:", "not of type 'string'"),
    ("path: /b/d/\nexport_typ: all", "export_typ"),
    ("path: /b/d/\nexport_params: {sample: [a]}", "sample"),
    ("path: /b/d/\nexport_params: {search_conditions: [{labels: []}]}", "labels"),
    ("path: /b/d/\nexport_params: {search_conditions: [{label_list: {lables: []}}]}", "lables"),
    ("path: /b/d/\nexport_params: {export_new_dataset_name: n}", "export_new_dataset_name"),
    ("path: /b/d/\nexport_params: {export_dest: DIRECTORY}", "DIRECTORY"),
    ("path: /b/d/\nexport_params: {export_dest: NEW_DATASET, export_new_dataset_name: n}", "work_path"),
    ("path: /b/d/\nexport_params: {export_dest: NEW_DATASET, export_new_dataset_work_path: /b/w/}", "_name"),
    ("path: b/d/", "b/d/"),
    (new_dataset(work_path="/b/"), "/b/"),
    (new_dataset().replace("path: /b/d/", "path: obs://b", 1), "obs://b"),
    ("path: obs:///b/d", "obs:///b/d"),
    ("path: /b//d/", "/b//d/"),
    ("path: gs://b/d/", "gs://b/d/"),
    ("path: [/b/d/]", "/b/d/"),
    ("path: /b/d/\nexport_type: serch", "serch"),
    ("path: /b/d/\nexport_type: 4", "4"),
    ("path: /b/d/\nexport_type: true", "True"),
    ("path: /b/d/\nwith_column_header: 1", "1"),
    ("path: /b/d/\nstatus: 1.5", "1.5"),
    ("path: /b/d/\nversion_id: a b", "a b"),
    ("path: /b/d/\ndataset_id: a/b", "a/b"),
    ("path: /b/d/\nname: 7", "7"),
    ("path: /b/d/\nexport_params: {sample_state: none}", "none"),
    ("path: /b/d/\nexport_params: {samples: a}", "a"),
    ("path: /b/d/\nexport_params: {samples: [a b]}", "a b"),
    ("path: /b/d/\nexport_params: {train_sample_ratio: 1.5}", "1.5"),
    ("path: /b/d/\nexport_params: {train_sample_ratio: -0.5}", "-0.5"),
    ("path: /b/d/\nexport_params: {train_sample_ratio: half}", "half"),
    ("path: /b/d/\nexport_params: {search_conditions: [{hard: maybe}]}", "maybe"),
    ("path: /b/d/\nexport_params: {search_conditions: [{sample_time: week}]}", "week"),
    ("path: /b/d/\nexport_params: {search_conditions: [{sample_dir: /b/d}]}", "/b/d"),
    ("path: /b/d/\nexport_params: {search_conditions: [{metadata: {op: XOR}}]}", "XOR"),
    ("path: /b/d/\nexport_params: []", "[]"),
    (new_dataset(name="a b"), "a b"),
    (new_dataset(name=101 * "n"), "does not match"),
    (new_dataset(work_path="w"), "'w'"),
    ("- path: /b/d/", "path"),
]


@pytest.mark.parametrize(("spec", "word"), BAD)
def test_it_refuses_what_the_program_refuses(run: Run, spec: str, word: str) -> None:
    """And names it."""
    assert word in " ".join(refusals(yaml.safe_load(spec)))
    assert run("validate -", stdin=spec.encode()).code == 2


def test_a_substituted_dest_may_be_either_kind_and_nothing_else() -> None:
    """The keys of both are known."""
    params = {"export_dest": "${DEST}", "samples": ["a"]}
    assert refusals({"path": "/b/d/", "export_params": params}) == []
    assert refusals({"path": "/b/d/", "export_params": {**NAMED, **params}}) == []
    assert refusals({"path": "/b/d/", "export_params": {**params, "sample": "a"}}) != []


def objects(schema: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a schema that has properties of its own."""
    if isinstance(schema, dict):
        if "additionalProperties" in schema and "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    for inner in schema if isinstance(schema, list) else ():
        yield from objects(inner)


def test_every_key_is_described_and_no_other_is_allowed() -> None:
    """An editor shows what each is, and the titles say which kind of spec it is."""
    parts = list(objects(make_spec_schema()["$defs"]))
    assert len(parts) == 8
    assert all(part["additionalProperties"] is False for part in parts)
    described = [field for part in parts for field in part["properties"].items()]
    assert [name for name, field in described if not field.get("description")] == []
    assert {"spec of to-obs", "spec of to-new-dataset"} <= {part["title"] for part in parts}
    assert {key for part in parts if "spec of" in part["title"] for key in part["properties"]} >= {
        "dataset_id",
        "project_id",
        "name",
        *EVERY_FIELD,
    }
