"""The command `schema`: its JSON Schema accepts and rejects the same specs as the program."""

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


def get_errors(spec: object) -> list[str]:
    """Return the errors of a spec by the schema."""
    return [error.message for error in VALIDATOR.iter_errors(spec)]


def make_spec(command: str, top: str = "", params: str = "") -> str:
    """Return a spec with these lines and the required fields of the command."""
    required = COMMANDS[command][0].replace(", ", "\n  ")
    return f"path: /b/d/\n{top}\nexport_params:\n  {required}\n  {params}\n"


def make_new_dataset_spec(name: str = "n", work_path: str = "/b/w/") -> str:
    """Return a spec of to-new-dataset."""
    params = NAMED_SPEC.replace("name: n,", f"name: {name},").replace("/b/w/", work_path)
    return f"path: /b/d/\nexport_params: {{{params}}}"


def iter_valid_specs() -> Iterator[str]:
    """Yield the specs of the field tests, which the program accepts."""
    for command in (DIR, NEW):
        yield from (make_spec(command, top=row.spec) for row in TOP)
        yield from (make_spec(command, params=row.spec) for row in PARAMS)
    for row in CONDITIONS:
        condition = row.spec if row.spec.startswith("{") else f"{{{row.spec}}}"
        yield make_spec(DIR, params=f"search_conditions: [{condition}]")
    yield from (whole.spec for whole in DEFAULTS)
    yield from (f"path: {path}" for path, _ in (*PATHS, *DOUBTFUL_PATHS))
    yield from (make_new_dataset_spec(name) for name in NAMES)
    for choice in CHOICES:
        for spelling in (text for member in choice.members for text in (*member, str(member[1]))):
            yield choice.body.replace("@", json.dumps(spelling))


VALID = list(dict.fromkeys(iter_valid_specs()))


def test_command_prints_a_valid_schema(run: Run) -> None:
    outcome = run("schema")
    assert (outcome.code, outcome.err) == (0, "")
    schema = json.loads(outcome.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema == make_spec_schema()
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_schema_accepts_the_sample_configs(file: Path) -> None:
    assert get_errors(yaml.safe_load(file.read_text(encoding="utf-8"))) == []


def test_schema_accepts_the_documented_bodies() -> None:
    """API.md, section 11."""
    assert len(DOCUMENTED) == 2
    assert [get_errors(json.loads(body)) for body in DOCUMENTED] == [[], []]


def test_schema_accepts_valid_specs() -> None:
    assert len(VALID) > 250
    assert [spec for spec in VALID if get_errors(yaml.safe_load(spec))] == []


def iter_locations(value: object, location: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the location of every scalar of a body."""
    if not isinstance(value, dict | list):
        yield location
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield from iter_locations(inner, (*location, key))


def replace_value(body: Any, location: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a copy of the body with another value at a location."""
    if not location:
        return value
    copy = dict(body) if isinstance(body, dict) else list(body)
    key, *rest = location
    copy[key] = replace_value(body[key], tuple(rest), value)
    return copy


WHOLE = {**EVERY_FIELD, "dataset_id": "a", "project_id": "b", "name": "c"}
LOCATIONS = list(iter_locations(WHOLE))
REQUIRED = [("path",), *(("export_params", key) for key in NAMED)]


def test_schema_accepts_a_variable_in_every_field() -> None:
    """Its value is not known yet."""
    text = "a-${NAME:-b}/${now:%Y-%m-%d}"
    refused = [
        location
        for location in LOCATIONS
        if get_errors(replace_value(WHOLE, location, ["${NAME}"] if "c" in location else text))
    ]
    assert refused == []


def test_schema_accepts_null_for_optional_fields() -> None:
    """But not in a list."""
    refused = [location for location in LOCATIONS if get_errors(replace_value(WHOLE, location, None))]
    assert refused == [each for each in LOCATIONS if each in REQUIRED or isinstance(each[-1], int)]


# An invalid spec, and a part of its error.
INVALID = [
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
    (make_new_dataset_spec(work_path="/b/"), "/b/"),
    (make_new_dataset_spec().replace("path: /b/d/", "path: obs://b", 1), "obs://b"),
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
    (make_new_dataset_spec(name="a b"), "a b"),
    (make_new_dataset_spec(name=101 * "n"), "does not match"),
    (make_new_dataset_spec(work_path="w"), "'w'"),
    ("- path: /b/d/", "path"),
]


@pytest.mark.parametrize(("spec", "part"), INVALID)
def test_schema_and_program_refuse_an_invalid_spec(run: Run, spec: str, part: str) -> None:
    assert part in " ".join(get_errors(yaml.safe_load(spec)))
    assert run("validate -", stdin=spec.encode()).code == 2


def test_spec_with_a_variable_dest_may_have_fields_of_both_commands() -> None:
    params = {"export_dest": "${DEST}", "samples": ["a"]}
    assert get_errors({"path": "/b/d/", "export_params": params}) == []
    assert get_errors({"path": "/b/d/", "export_params": {**NAMED, **params}}) == []
    assert get_errors({"path": "/b/d/", "export_params": {**params, "sample": "a"}}) != []


def iter_objects(schema: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a schema that declares properties."""
    if isinstance(schema, dict):
        if "additionalProperties" in schema and "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from iter_objects(inner)
    for inner in schema if isinstance(schema, list) else ():
        yield from iter_objects(inner)


def test_objects_describe_every_key_and_allow_no_other() -> None:
    objects = list(iter_objects(make_spec_schema()["$defs"]))
    assert len(objects) == 8
    assert all(each["additionalProperties"] is False for each in objects)
    described = [field for each in objects for field in each["properties"].items()]
    assert [name for name, field in described if not field.get("description")] == []
    assert {f"spec of an export to {dest}" for dest in ("an OBS directory", "a new dataset")} <= {
        each["title"] for each in objects
    }
    assert {key for each in objects if "spec of" in each["title"] for key in each["properties"]} >= {
        "dataset_id",
        "project_id",
        "name",
        *EVERY_FIELD,
    }
