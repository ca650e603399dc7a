"""What is wrong with the fields of a model, as problems in plain words."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from modelarts_export.errors import MAX_PROBLEMS, MISSING, Location, Problem, format_location
from modelarts_export.quoting import SourceNumber, shorten
from modelarts_export.request.enums import did_you_mean
from modelarts_export.request.error_limits import count_omitted, list_details
from modelarts_export.request.fields import RequestField, iter_all_fields

_MESSAGES = {
    "missing": MISSING,
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_type": "must be text",
    "string_unicode": "has bytes that are not UTF-8",
}


def to_problems(
    model: type[BaseModel],
    error: ValidationError,
    given: Mapping[str, Any],
    most: int = MAX_PROBLEMS,
    *,
    beside: Collection[str] = (),
) -> list[Problem]:
    """Return the problems that a validation of `given` found, at most so many and one for the rest.

    `beside` names keys that are known although the model has no such field.
    """
    details = list_details(error, given, model.model_validate, {*_names_of(model), *beside})
    named = [detail for detail in details if not count_omitted(detail)]
    unnamed = len(named[most:]) + sum(map(count_omitted, details))
    problems = [_to_problem(model, detail, beside) for detail in named[:most]]
    return [*problems, *([Problem(message="", count=unnamed)] if unnamed else [])]


@cache
def _names_of(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.name for field in iter_all_fields(model))


def add_field_name(problem: Problem) -> Problem:
    """Return the problem with the name of its field in its message."""
    name = format_location(problem.location)
    separator = " " if problem.message == MISSING else ": "
    return replace(problem, message=f"{name}{separator}{problem.message}") if name else problem


def _to_problem(model: type[BaseModel], detail: ErrorDetails, beside: Collection[str]) -> Problem:
    location = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Problem(
            location=location, message=_describe_unknown_field(model, location, beside), at_key=True
        )
    if detail["type"] == "value_error":
        return Problem(location=location, message=str(detail["ctx"]["error"]))
    given = detail["input"]
    if (
        detail["type"] == "string_type"
        and isinstance(given, SourceNumber | int)
        and not isinstance(given, bool)
    ):
        written = shorten(given.source if isinstance(given, SourceNumber) else str(given))
        return Problem(location=location, message=f'YAML does not read {written} as text; write "{written}"')
    kind = "missing" if detail["input"] is None else detail["type"]
    return Problem(location=location, message=_MESSAGES.get(kind, detail["msg"]))


def _describe_unknown_field(model: type[BaseModel], location: Location, beside: Collection[str]) -> str:
    """Name the nearest known key of the object that has the unknown one."""
    owner = _find_model(model, location[:-1])
    known = [*owner.model_fields, *(beside if owner is model else ())]
    return f"unknown key{did_you_mean(str(location[-1]), known)}"


def _find_model(model: type[BaseModel], location: Location) -> type[BaseModel]:
    for step in location:
        if isinstance(step, str):
            inner = RequestField(location=(step,), field=model.model_fields[step]).model
            model = inner or model
    return model
