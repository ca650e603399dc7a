"""The one validation of what flags and specs ask for: the model, the rules between fields, plain words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from pydantic import ValidationError

from modelarts_export.errors import MAX_PROBLEMS, Problem, truncate_problems
from modelarts_export.request import rules
from modelarts_export.request.enums import ExportDest
from modelarts_export.request.error_limits import count_characters, measure_json, measure_json_string
from modelarts_export.request.models import (
    ExportRequest,
    RequestModel,
    SpecMetadata,
    ToNewDataset,
    ToObs,
)
from modelarts_export.request.problems import to_problems
from modelarts_export.sanitize import to_json

MAX_BODY_BYTES = 12 * 2**20  # bytes
Model = TypeVar("Model", bound=RequestModel)
KINDS: Mapping[ExportDest, type[ExportRequest]] = {kind.dest: kind for kind in (ToObs, ToNewDataset)}


@dataclass(frozen=True, kw_only=True)
class ValidatedExport:
    """One export as asked for: which dataset, and what to do with it; None is what was not said."""

    request: ExportRequest
    dataset_id: str | None
    project_id: str | None
    name: str | None


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """The result of a validation: an export with warnings, or the problems that keep it from being one."""

    export: ValidatedExport | None
    problems: list[Problem]
    warnings: list[Problem]


def validate(
    kind: type[ExportRequest], given: Mapping[str, Any], most: int = MAX_PROBLEMS
) -> ValidationResult:
    """Judge a request body with `dataset_id`, `project_id` and `name` beside it, as a spec has them.

    No more than `most` problems are named, and the rest is counted.
    """
    wrong_kind = list(_check_kind(kind, given))
    if wrong_kind:  # judged as the other kind, every further problem would mislead
        return ValidationResult(export=None, problems=wrong_kind, warnings=[])
    metadata = SpecMetadata.model_fields
    beside = {key: given[key] for key in metadata if key in given}
    body = {key: value for key, value in given.items() if key not in beside}
    heading, problems = _validate_model(SpecMetadata, beside, most)
    request, problems_of_body = _validate_model(kind, body, most)
    problems = truncate_problems(
        chain(
            problems, problems_of_body, rules.find_errors(body), _check_body_size(request) if request else ()
        ),
        most,
    )
    if problems or not heading or not request:
        return ValidationResult(export=None, problems=problems, warnings=[])
    export = ValidatedExport(request=request, **dict(heading))
    return ValidationResult(export=export, problems=[], warnings=list(rules.find_warnings(body)))


def find_kind(given: Mapping[str, Any]) -> type[ExportRequest]:
    """Return the kind of request that `export_params.export_dest` names. Raises ValueError for neither."""
    params = given.get("export_params")
    dest = params.get("export_dest") if isinstance(params, Mapping) else None
    return KINDS[ExportDest.DIR if dest is None else ExportDest.parse(dest)]


def _check_kind(kind: type[ExportRequest], given: Mapping[str, Any]) -> Iterator[Problem]:
    location = ("export_params", "export_dest")
    try:
        meant = find_kind(given)
    except ValueError as error:
        yield Problem(location=location, message=str(error))
        return
    unread = given.get("export_params") is not None and not isinstance(given["export_params"], Mapping)
    if meant is not kind and not unread:
        yield Problem(location=location, message=f"this is a request of {meant.command}; run {meant.command}")


def _validate_model(
    model: type[Model], given: dict[str, Any], most: int
) -> tuple[Model | None, Iterable[Problem]]:
    try:
        return model.model_validate(given), ()
    except ValidationError as error:
        return None, to_problems(model, error, given, most, beside=SpecMetadata.model_fields)


def _check_body_size(request: ExportRequest) -> Iterator[Problem]:
    """API.md, section 5, 4104: 12 MB is the limit; read as MiB, as the gateway refuses the rest itself."""
    size = _size(request) if request.may_be_large else 0
    if size > MAX_BODY_BYTES:
        samples = request.samples
        fitting = _count_fitting_samples(samples, MAX_BODY_BYTES - size) if samples else 0
        advice = f"; the first {fitting:,} of the {len(samples):,} samples fit" if fitting else ""
        yield Problem(
            location=("export_params", "samples") if samples else (),
            message=f"the body would have {size:,} bytes and the API takes {MAX_BODY_BYTES:,}{advice}",
        )


def _size(request: ExportRequest) -> int:
    """Return the bytes of a body without building one that is too large: aliases can make it huge."""
    body = request.to_dict()
    return measure_json(body) if count_characters(body) > MAX_BODY_BYTES else len(to_json(body))


def _count_fitting_samples(samples: Sequence[str], room: int) -> int:
    """Return how many samples are left when the last ones go until there is room (negative: too much)."""
    left = len(samples)
    while left and room < 0:
        left -= 1
        room += measure_json_string(samples[left]) + len(",")
    return left
