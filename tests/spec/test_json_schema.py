"""The JSON Schema and the program are given the same values, and accept the same ones."""

from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from modelarts_export.documents.yaml_reader import load_documents
from modelarts_export.errors import Location
from modelarts_export.request.validation import find_kind, validate
from modelarts_export.spec.json_schema import make_spec_schema
from tests.request.field_rows import EVERY_FIELD, NAMED

VALIDATOR = Draft202012Validator(make_spec_schema())
LABELS: Location = ("export_params", "search_conditions", 0, "label_list", "labels")
DEST: Location = ("export_params", "export_dest")
WHOLE: dict[str, Any] = {**EVERY_FIELD, "dataset_id": "a", "project_id": "b", "name": "c"}
# Values as YAML: numbers, booleans, enumerations in any letter case, paths, IDs, times, and none of these.
TEXTS = """
0|1|2|3|4|-1|100|600|0.8|.5|1.5|-0.5|1234567890123456789|"0"|"1"|"2"|"-1"|"0.80"|".5"|"1."|"1.0"|"1.01"|"01"
80%|"80%"|"1 "|true|TRUE|yes|Yes|off|"true"|"True"|"yes"|"NO"|"oFF"|"y"|maybe|null|""|[]|{}|[a]|{a: b}
search|SEARCH|Labeled|all|ALL|tree|FLAT|voc|VoC|coco|Image-Classification|csv|carbondata|default|or|And|XOR
DIR|dir|s3://|S3://|OBS://|__ALL__|__all__|Pending-Acceptance|none|"__workforce_sampled__"|triplet-entity
/b|/b/|/b/d|/b/d/e/|b/d/|/|//|/b//d/|obs://b/d|OBS://b/d/|Obs://b|s3://b/|gs://b/d/|"/b/d\\n/"|/b/a*b/|/b/a b/
/b/v1.0/|a/|/桶/数据|"/b/#/"|/b/a$b/|"/b/d\\t/"|abc|a b|"a\\tb"|"a\\nb"|.a|-a|a.b-c_d|..|数据集|"a\\0"
"a\\u200bb"|a/b|month|Month|day|20261001-20261015|20261001|2026-10-01
"""
VALUES = [text for line in TEXTS.strip().splitlines() for text in line.split("|")]
# A schema sees the value of a number, not its notation, and cannot tell emoji from letters.
BEYOND_A_SCHEMA = [
    (("status",), "1.0"),
    (("path",), "/b/🌙/"),
    ((*LABELS[:3], "sample_time"), "20261001-20261201"),
]


def iter_locations(value: object, location: Location = ()) -> list[Location]:
    """Return the location of every value inside a body, objects and lists too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [each for key, below in items for each in iter_locations(below, (*location, key))]
    return [*([location] if location else []), *inner]


def replace_value(body: Any, location: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a copy of the body with another value at a location."""
    if not location:
        return value
    copy = dict(body) if isinstance(body, dict) else list(body)
    copy[location[0]] = replace_value(body[location[0]], location[1:], value)
    return copy


@cache
def read_by_pyyaml(text: str) -> object:
    """Return a value as PyYAML reads it."""
    return yaml.safe_load(text)


@cache
def read_by_program(text: str) -> object:
    """Return a value as the program reads it."""
    [document] = load_documents(f"v: {text}", str)
    return document.value["v"]


def make_small_body(location: Location) -> dict[str, Any]:
    """Return the required fields, and the field of this location."""
    params = {key: WHOLE["export_params"][key] for key in (*NAMED, "export_dest", *location[1:2])}
    return {"path": WHOLE["path"], str(location[0]): WHOLE[str(location[0])], "export_params": params}


def is_accepted_by_schema(location: Location, text: str) -> bool:
    """Return whether the schema accepts the spec with this value at a location."""
    return VALIDATOR.is_valid(replace_value(make_small_body(location), location, read_by_pyyaml(text)))


def is_accepted_by_program(location: Location, text: str) -> bool:
    """Return whether the program has no problem at this location, or below it."""
    values = replace_value(make_small_body(location), location, read_by_program(text))
    try:
        problems = validate(find_kind(values), values).problems
    except ValueError:
        return False
    return not any(problem.location[: len(location)] == location for problem in problems)


@pytest.mark.parametrize("location", [each for each in iter_locations(WHOLE) if each != DEST], ids=str)
def test_schema_and_program_agree_on_every_value(location: Location) -> None:
    different = [
        text
        for text in VALUES
        if is_accepted_by_schema(location, text) is not is_accepted_by_program(location, text)
    ]
    assert different == []


@pytest.mark.parametrize("text", VALUES)
def test_schema_and_program_agree_on_the_destination(text: str) -> None:
    """It selects the kind of the request, whose other fields are then required or unknown."""
    value = read_by_pyyaml(text)
    for params in ({}, NAMED):
        spec = {"path": "/b/d/", "export_params": {**params, "export_dest": value}}
        try:
            accepted = not validate(find_kind(spec), spec).problems
        except ValueError:
            accepted = False
        assert VALIDATOR.is_valid(spec) is accepted


@pytest.mark.parametrize(("location", "text"), BEYOND_A_SCHEMA, ids=str)
def test_program_checks_more_than_a_schema_can(location: Location, text: str) -> None:
    assert is_accepted_by_schema(location, text)
    assert not is_accepted_by_program(location, text)
