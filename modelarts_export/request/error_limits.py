"""Validation with a bounded number of errors, as a list of a million invalid values would have a million."""

from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from modelarts_export.errors import MAX_PROBLEMS

OMITTED = "omitted"  # the type of an error that represents `count` others
_BATCH = 1_000  # items that are validated at a time
_COLLECTIONS = {list, dict}  # their errors may already represent others
Item = TypeVar("Item")


def count_omitted(detail: ErrorDetails) -> int:
    """Return how many errors a detail represents without describing them."""
    return int(detail["ctx"]["count"]) if detail["type"] == OMITTED else 0


def split_details(details: list[ErrorDetails]) -> tuple[list[ErrorDetails], int]:
    """Return the errors that are described, and how many the others represent."""
    described = [detail for detail in details if detail["type"] != OMITTED]
    is_all = len(described) == len(details)
    return described, 0 if is_all else sum(map(count_omitted, details))


def list_details(
    error: ValidationError,
    values: object,
    validate: Callable[[Any], object],
    known: Collection[str] = (),
) -> list[ErrorDetails]:
    """Return the first errors, and one of type OMITTED for the others.

    Where there are many, they are those of a copy with few unknown keys in each mapping; `known` keys stay.
    """
    count = error.error_count()
    details = error.errors(include_url=False) if count <= _BATCH else []
    if not details:
        try:
            validate(_remove_unknown_keys(values, known))
        except ValidationError as shorter_error:
            details = shorter_error.errors(include_url=False)
    described, omitted_inside = split_details(details)
    count += omitted_inside - (len(details) - len(described))
    omitted = count - len(described[:MAX_PROBLEMS])
    return [*described[:MAX_PROBLEMS], *([_make_omitted(omitted)] if omitted > 0 else [])]


def _make_omitted(count: int) -> ErrorDetails:
    return {"type": OMITTED, "loc": (), "msg": "", "input": None, "ctx": {"count": count}}


def _remove_unknown_keys(value: Any, known: Collection[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a copy in which each mapping has its known keys and the first unknown ones."""
    if isinstance(value, list):
        return [_remove_unknown_keys(item, ()) for item in value]
    if not isinstance(value, dict):
        return value
    unknown = [key for key in value if key not in known][:MAX_PROBLEMS]
    kept = {*unknown, *(key for key in known if key in value)}
    return {key: _remove_unknown_keys(inner, known) for key, inner in value.items() if key in kept}


def _validate_in_batches(value: object, validate: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - a list
    """Validate a long list in batches, so that the errors of one batch are freed before the next."""
    if not isinstance(value, list) or len(value) <= _BATCH:
        return validate(value)
    valid: list[Any] = []
    details: list[ErrorDetails] = []
    for first in range(0, len(value), _BATCH):
        batch = value[first : first + _BATCH]
        try:
            valid += validate(batch)
        except ValidationError as error:
            if len(details) > MAX_PROBLEMS and not _COLLECTIONS & set(map(type, batch)):
                details.append(_make_omitted(error.error_count()))  # counted, which takes less time
            else:
                details += _shift_indexes(list_details(error, batch, validate), first)
            details = list(_merge_details(details))
    if not details:
        return valid
    raise ValidationError.from_exception_data("list", [_copy_detail(detail) for detail in details])


def _shift_indexes(details: list[ErrorDetails], by: int) -> Iterator[ErrorDetails]:
    for detail in details:
        index, *inner = detail["loc"] or (0,)
        yield detail if count_omitted(detail) else {**detail, "loc": (int(index) + by, *inner)}


def _merge_details(details: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Yield the first errors, and one of type OMITTED for all others."""
    described = [detail for detail in details if not count_omitted(detail)]
    yield from described[:MAX_PROBLEMS]
    omitted = len(described[MAX_PROBLEMS:]) + sum(map(count_omitted, details))
    if omitted:
        yield _make_omitted(omitted)


def _copy_detail(detail: ErrorDetails) -> InitErrorDetails:
    """Convert an error to the form that a new ValidationError takes."""
    context = detail.get("ctx", {})
    kind = PydanticCustomError(OMITTED, "more errors", context) if count_omitted(detail) else detail["type"]
    return {"type": kind, "loc": detail["loc"], "input": detail["input"], "ctx": context}


LongList = Annotated[list[Item], WrapValidator(_validate_in_batches)]
