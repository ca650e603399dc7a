"""The validation of a request: its model, the rules between fields, and the size of its body."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from pydantic import ValidationError

from modelarts_export.errors import MAX_PROBLEMS, Problem, truncate_problems
from modelarts_export.request import rules
from modelarts_export.request.enums import ExportDest
from modelarts_export.request.models import (
    ExportRequest,
    RequestModel,
    SpecMetadata,
    ToNewDataset,
    ToObs,
)

Model = TypeVar("Model", bound=RequestModel)
KINDS: Mapping[ExportDest, type[ExportRequest]] = {kind.dest: kind for kind in (ToObs, ToNewDataset)}


@dataclass(frozen=True, kw_only=True)
class ValidatedExport:
    """A valid request, and what a spec has beside it, where it has; `dataset_id` may be name:NAME."""

    request: ExportRequest
    dataset_id: str | None
    project_id: str | None
    name: str | None


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """A valid export with its warnings, or the problems of an invalid one.

    `actual_kind` is the kind that `export_params.export_dest` names, where it is not the validated one.
    """

    export: ValidatedExport | None
    problems: list[Problem]
    warnings: list[Problem]
    actual_kind: type[ExportRequest] | None = None


def validate(
    kind: type[ExportRequest], values: Mapping[str, Any], limit: int = MAX_PROBLEMS
) -> ValidationResult:
    """Validate a request body together with the fields of SpecMetadata, as a spec has them.

    At most `limit` problems are described; the others are counted.
    """
    actual_kind, problem = _check_kind(kind, values)
    if problem:  # the problems of a request of another kind would mislead
        return ValidationResult(export=None, problems=[problem], warnings=[], actual_kind=actual_kind)
    metadata = {key: values[key] for key in SpecMetadata.model_fields if key in values}
    body = {key: value for key, value in values.items() if key not in metadata}
    spec_metadata, metadata_problems = _validate_model(SpecMetadata, metadata, limit)
    request, body_problems = _validate_model(kind, body, limit)
    size_problems = _check_size(request) if request else ()
    problems = truncate_problems(
        chain(metadata_problems, body_problems, rules.find_errors(body), size_problems), limit
    )
    if problems or not spec_metadata or not request:
        return ValidationResult(export=None, problems=problems, warnings=[])
    export = ValidatedExport(request=request, **dict(spec_metadata))
    return ValidationResult(export=export, problems=[], warnings=list(rules.find_warnings(body)))


def _check_size(request: ExportRequest) -> Iterable[Problem]:
    if not request.may_be_large:
        return ()
    from modelarts_export.request.body_size import check_body_size  # noqa: PLC0415 - most requests are small

    return check_body_size(request)


def find_kind(values: Mapping[str, Any]) -> type[ExportRequest]:
    """Return the kind of request that `export_params.export_dest` names. Raises ValueError for neither."""
    params = values.get("export_params")
    dest = params.get("export_dest") if isinstance(params, Mapping) else None
    return KINDS[ExportDest.DIR if dest is None else ExportDest.parse(dest)]


def _check_kind(
    kind: type[ExportRequest], values: Mapping[str, Any]
) -> tuple[type[ExportRequest] | None, Problem | None]:
    """Return the actual kind where it is another, and a problem for that or for an invalid destination."""
    location = ("export_params", "export_dest")
    try:
        actual_kind = find_kind(values)
    except ValueError as error:
        return None, Problem(location=location, message=str(error))
    params = values.get("export_params")
    if actual_kind is kind or not (params is None or isinstance(params, Mapping)):
        return None, None
    message = f"must be {kind.dest.label} in a request {kind.dest.meaning}"
    return actual_kind, Problem(location=location, message=message)


def _validate_model(
    model: type[Model], values: dict[str, Any], limit: int
) -> tuple[Model | None, Iterable[Problem]]:
    try:
        return model.model_validate(values), ()
    except ValidationError as error:
        from modelarts_export.request.problems import to_problems  # noqa: PLC0415 - a valid request has none

        beside = dict.fromkeys(SpecMetadata.model_fields, "")
        return None, to_problems(model, error, values, limit, beside=beside)
