"""Problems made of pydantic's validation errors."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from modelarts_export.errors import (
    MAX_PROBLEMS,
    MISSING,
    Location,
    Problem,
    add_subject,
    format_location,
)
from modelarts_export.quoting import SourceNumber, find_nearest, shorten
from modelarts_export.request.error_limits import list_details, split_details
from modelarts_export.request.fields import RequestField, iter_all_fields, iter_fields

NOT_TEXT = "must be text"
_MESSAGES = {
    "missing": MISSING,
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_type": NOT_TEXT,
    "string_unicode": "has bytes that are not UTF-8",
}


def to_problems(
    model: type[BaseModel],
    error: ValidationError,
    values: Mapping[str, Any],
    limit: int = MAX_PROBLEMS,
    *,
    beside: Mapping[str, str],
) -> list[Problem]:
    """Return at most `limit` problems that a validation of `values` found, and one for the others.

    `beside` has the names of what is given beside the model's own fields, and what each is, such as "an
    argument of submit"; it is empty for a key at the top level.
    """
    details = list_details(error, values, model.model_validate, {*_list_field_names(model), *beside})
    described, omitted = split_details(details)
    omitted += len(described[limit:])
    problems = [_to_problem(model, detail, beside) for detail in described[:limit]]
    return [*problems, *([Problem(message="", count=omitted)] if omitted else [])]


@cache
def _list_field_names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.name for field in iter_all_fields(model))


def add_field_name(problem: Problem) -> Problem:
    """Add the name of the field to the message of a problem."""
    name = format_location(problem.location)
    return replace(problem, message=add_subject(name, problem.message)) if name else problem


def _to_problem(model: type[BaseModel], detail: ErrorDetails, beside: Mapping[str, str]) -> Problem:
    location, value, kind = tuple(detail["loc"]), detail["input"], detail["type"]
    if kind == "extra_forbidden":
        return Problem(
            location=location, message=_describe_unknown_field(model, location, beside), at_key=True
        )
    if kind == "value_error":
        return Problem(location=location, message=str(detail["ctx"]["error"]))
    if kind == "string_type" and isinstance(value, SourceNumber | int) and not isinstance(value, bool):
        source = shorten(value.source if isinstance(value, SourceNumber) else str(value))
        return Problem(location=location, message=f'YAML does not read {source} as text; write "{source}"')
    message = MISSING if value is None else _MESSAGES.get(kind, detail["msg"])
    return Problem(location=location, message=message)


def _describe_unknown_field(model: type[BaseModel], location: Location, beside: Mapping[str, str]) -> str:
    parent = model
    for step in location[:-1]:
        if isinstance(step, str):
            inner = RequestField(location=(step,), info=parent.model_fields[step]).model
            parent = inner or parent
    name, names = str(location[-1]), [*(beside if parent is model else ()), *parent.model_fields]
    return f"unknown field{_describe_right_place(model, name, beside) or _suggest_field(name, names, beside)}"


def _describe_right_place(model: type[BaseModel], name: str, beside: Mapping[str, str]) -> str:
    """Return where a field of this name is given: in export_params, beside the request or at the top."""
    params = [field for field in iter_fields(model) if field.name == "export_params" and field.model]
    if any(field.model and name in field.model.model_fields for field in params):
        return "; it belongs in export_params"
    if beside.get(name):
        return f"; it is {beside[name]}"
    return "; it belongs at the top level" if params and name in {*model.model_fields, *beside} else ""


def _suggest_field(name: str, names: Iterable[str], beside: Mapping[str, str]) -> str:
    nearest = find_nearest(name, names)
    place = f", {beside[nearest]}" if nearest and beside.get(nearest) else ""
    return f"; did you mean {nearest!r}{place}?" if nearest else ""
