"""The one validation of what flags and specs ask for: the model, the rules between fields, plain words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelarts_export.errors import MISSING, MOST_PROBLEMS, Location, Problem, bounded
from modelarts_export.quoting import cut
from modelarts_export.request import rules
from modelarts_export.request.enums import ExportDest, nearest
from modelarts_export.request.error_limits import characters_in, details_of, json_size, rest_of
from modelarts_export.request.field_types import Spelled
from modelarts_export.request.fields import Declared
from modelarts_export.request.models import (
    ExportRequest,
    Heading,
    NewDatasetParams,
    ObsParams,
    Part,
    ToNewDataset,
    ToObs,
)
from modelarts_export.sanitize import to_json

LARGEST_BODY = 12 * 2**20  # bytes
Model = TypeVar("Model", bound=Part)
KINDS: Mapping[ExportDest, type[ExportRequest]] = {kind.dest: kind for kind in (ToObs, ToNewDataset)}
_PARTS: tuple[type[Part], ...] = (Heading, ToObs, ToNewDataset, ObsParams, NewDatasetParams)
_KNOWN = {name for part in _PARTS for name in part.model_fields}
_WORDS = {
    "missing": MISSING,
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_type": "must be text",
    "string_unicode": "has bytes that are not UTF-8",
}


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export as asked for: which dataset, and what to do with it; None is what was not said."""

    request: ExportRequest
    dataset_id: str | None
    project_id: str | None
    name: str | None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a mapping: an export, or the problems that keep it from being one; and warnings."""

    export: Export | None
    problems: list[Problem]
    warnings: list[Problem]


def validate(kind: type[ExportRequest], given: Mapping[str, Any], most: int = MOST_PROBLEMS) -> Verdict:
    """Judge a request body with `dataset_id`, `project_id` and `name` beside it, as a spec has them.

    No more than `most` problems are named, and the rest is counted.
    """
    wrong_kind = list(_wrong_kind(kind, given))
    if wrong_kind:  # judged as the other kind, every further problem would mislead
        return Verdict(export=None, problems=wrong_kind, warnings=[])
    beside = {key: value for key, value in given.items() if key in Heading.model_fields}
    body = {key: value for key, value in given.items() if key not in beside}
    heading, problems = _read(Heading, beside, most)
    request, problems_of_body = _read(kind, body, most)
    problems = bounded(
        chain(problems, problems_of_body, rules.errors_in(body), _too_large(request) if request else ()), most
    )
    warnings = list(rules.warnings_in(body))
    if problems or not heading or not request:
        return Verdict(export=None, problems=problems, warnings=warnings)
    return Verdict(export=Export(request=request, **dict(heading)), problems=[], warnings=warnings)


def kind_of(given: Mapping[str, Any]) -> type[ExportRequest]:
    """Return the kind of request that `export_params.export_dest` names. Raises ValueError for neither."""
    params = given.get("export_params")
    dest = params.get("export_dest") if isinstance(params, Mapping) else None
    return KINDS[ExportDest.DIR if dest is None else ExportDest.read(dest)]


def _wrong_kind(kind: type[ExportRequest], given: Mapping[str, Any]) -> Iterator[Problem]:
    location = ("export_params", "export_dest")
    try:
        meant = kind_of(given)
    except ValueError as error:
        yield Problem(location=location, message=str(error))
        return
    unread = given.get("export_params") is not None and not isinstance(given["export_params"], Mapping)
    if meant is not kind and not unread:
        yield Problem(location=location, message=f"this is a request of {meant.command}; run {meant.command}")


def _read(model: type[Model], given: dict[str, Any], most: int) -> tuple[Model | None, Iterable[Problem]]:
    try:
        return model.model_validate(given), ()
    except ValidationError as error:
        details = details_of(error, given, model.model_validate, _KNOWN)
        named = [detail for detail in details if not rest_of(detail)]
        unnamed = len(named[most:]) + sum(map(rest_of, details))
        problems = [_problem(model, detail) for detail in named[:most]]
        return None, [*problems, *([Problem(message="", count=unnamed)] if unnamed else [])]


def _too_large(request: ExportRequest) -> Iterator[Problem]:
    """API.md, section 5, 4104: 12 MB is the limit; read as MiB, as the gateway refuses the rest itself."""
    size = _size(request) if request.may_be_large else 0
    if size > LARGEST_BODY:
        samples = request.samples
        fitting = _fitting(samples, LARGEST_BODY - size) if samples else 0
        advice = f"; the first {fitting:,} of the {len(samples):,} samples fit" if fitting else ""
        yield Problem(
            location=("export_params", "samples") if samples else (),
            message=f"the body would have {size:,} bytes and the API takes {LARGEST_BODY:,}{advice}",
        )


def _size(request: ExportRequest) -> int:
    """Return the bytes of a body without building one that is too large: aliases can make it huge."""
    body = request.body()
    return json_size(body) if characters_in(body) > LARGEST_BODY else len(to_json(body))


def _fitting(samples: Sequence[str], room: int) -> int:
    """Return how many samples are left when the last ones go until there is room (negative: too much)."""
    left = len(samples)
    while left and room < 0:
        left -= 1
        room += len(to_json(samples[left])) + len(",")
    return left


def _problem(model: type[Part], detail: ErrorDetails) -> Problem:
    location = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Problem(location=location, message=_unknown_key(model, location), at_key=True)
    if detail["type"] == "value_error":
        return Problem(location=location, message=str(detail["ctx"]["error"]))
    given = detail["input"]
    if detail["type"] == "string_type" and isinstance(given, Spelled | int) and not isinstance(given, bool):
        written = cut(given.spelling if isinstance(given, Spelled) else str(given))
        return Problem(location=location, message=f'YAML does not read {written} as text; write "{written}"')
    kind = "missing" if detail["input"] is None else detail["type"]
    return Problem(location=location, message=_WORDS.get(kind, detail["msg"]))


def _unknown_key(model: type[Part], location: Location) -> str:
    """Name the nearest key; the new-dataset keys are known, but not to a request of to-obs."""
    owner = _part_at(model, location[:-1])
    known = list(owner.model_fields)
    if owner is model:
        known += Heading.model_fields
    return f"unknown key{nearest(str(location[-1]), known)}"


def _part_at(model: type[Part], location: Location) -> type[Part]:
    for step in location:
        if isinstance(step, str):
            inner = Declared(location=(step,), field=model.model_fields[step]).part
            model = inner or model
    return model
