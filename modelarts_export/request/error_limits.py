"""Validation whose errors are bounded: a wrong list of a million values must not become a million errors."""

from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from modelarts_export.errors import MAX_PROBLEMS
from modelarts_export.sanitize import to_json

OMITTED = "rest"  # the type of an error that stands for `count` more
_PORTION = 1_000  # items that are validated at a time
_SHORT = 2**20  # characters of all strings of a portion, which are then written together
_COLLECTIONS = {list, dict}  # whose errors may stand for others in turn
Item = TypeVar("Item")


def count_omitted(detail: ErrorDetails) -> int:
    """Return how many errors a detail stands for without naming them."""
    return int(detail["ctx"]["count"]) if detail["type"] == OMITTED else 0


def list_details(
    error: ValidationError,
    given: object,
    validate: Callable[[Any], object],
    known: Collection[str] = (),
) -> list[ErrorDetails]:
    """Return the first errors, and one of type REST for the others.

    Where they are many, they are found by validating a copy whose mappings are cut; keys in `known` stay.
    """
    count = error.error_count()
    details = error.errors(include_url=False) if count <= _PORTION else []
    if not details:
        try:
            validate(_shortened(given, known))
        except ValidationError as shorter:
            details = shorter.errors(include_url=False)
    named = [detail for detail in details if not count_omitted(detail)]
    count += sum(count_omitted(detail) - 1 for detail in details if count_omitted(detail))
    rest = count - len(named[:MAX_PROBLEMS])
    return [*named[:MAX_PROBLEMS], *([_rest(rest)] if rest > 0 else [])]


def _rest(count: int) -> ErrorDetails:
    return {"type": OMITTED, "loc": (), "msg": "", "input": None, "ctx": {"count": count}}


def _shortened(value: Any, known: Collection[str]) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, list):
        return [_shortened(item, ()) for item in value]
    if not isinstance(value, dict):
        return value
    others = [key for key in value if key not in known][:MAX_PROBLEMS]
    kept = {*others, *(key for key in known if key in value)}
    return {key: _shortened(inner, known) for key, inner in value.items() if key in kept}


def count_characters(value: Any) -> int:  # noqa: ANN401 - JSON of any shape
    """Return the characters of all strings: no fewer bytes does it have as JSON."""
    if isinstance(value, list):
        only_text = set(map(type, value)) <= {str}
        return sum(map(len, value)) if only_text else sum(map(count_characters, value))
    if isinstance(value, dict):
        return sum(map(len, value)) + sum(map(count_characters, value.values()))
    return len(value) if isinstance(value, str) else 0


def measure_json(value: Any) -> int:  # noqa: ANN401 - JSON of any shape
    """Return the length of the value as JSON without making all of it."""
    sizes: dict[int, int] = {}  # of what aliases repeat, by its identity

    def size(inner: Any) -> int:  # noqa: ANN401 - as above
        known = sizes.get(id(inner))
        if known is None:
            known = sizes[id(inner)] = measured(inner)
        return known

    def measured(inner: Any) -> int:  # noqa: ANN401 - as above
        if isinstance(inner, list):
            portions = (inner[first : first + _PORTION] for first in range(0, len(inner), _PORTION))
            return 1 + max(1, sum(map(items_size, portions)))
        if isinstance(inner, dict):
            return 1 + max(1, sum(map(size, inner.values())) + sum(len(to_json(key)) + 2 for key in inner))
        return len(to_json(inner))

    def items_size(items: list[Any]) -> int:
        """Return the length of some items of a list, each with a comma."""
        are_short = set(map(type, items)) == {str} and sum(map(len, items)) <= _SHORT
        return len(to_json(items)) - 1 if are_short else sum(map(size, items)) + len(items)

    return size(value)


def measure_json_string(text: str) -> int:
    """Return the length of a text as JSON; what needs no escape is not written."""
    is_plain = (
        text.isascii() and text.isprintable() and '"' not in text and "\\" not in text and "#" not in text
    )
    return len(text) + len('""') if is_plain else len(to_json(text))


def _in_portions(given: object, validate: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - a list of items
    """Validate a long list in portions, so that the errors of one are gone before those of the next."""
    if not isinstance(given, list) or len(given) <= _PORTION:
        return validate(given)
    valid: list[Any] = []
    wrong: list[ErrorDetails] = []
    for first in range(0, len(given), _PORTION):
        portion = given[first : first + _PORTION]
        try:
            valid += validate(portion)
        except ValidationError as error:
            if len(wrong) > MAX_PROBLEMS and not _COLLECTIONS & set(map(type, portion)):
                wrong = list(_merged([*wrong, _rest(error.error_count())]))  # counted, not described
            else:
                wrong = list(_merged([*wrong, *_moved(list_details(error, portion, validate), first)]))
    if not wrong:
        return valid
    raise ValidationError.from_exception_data("list", [_again(detail) for detail in wrong])


def _moved(details: list[ErrorDetails], by: int) -> Iterator[ErrorDetails]:
    for detail in details:
        index, *inner = detail["loc"] or (0,)
        yield detail if count_omitted(detail) else {**detail, "loc": (int(index) + by, *inner)}


def _merged(details: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Yield the first errors, and one for all others."""
    named = [detail for detail in details if not count_omitted(detail)]
    yield from named[:MAX_PROBLEMS]
    rest = len(named[MAX_PROBLEMS:]) + sum(map(count_omitted, details))
    if rest:
        yield _rest(rest)


def _again(detail: ErrorDetails) -> InitErrorDetails:
    """Return an error as it was, to be raised once more."""
    context = detail.get("ctx", {})
    kind = PydanticCustomError(OMITTED, "more errors", context) if count_omitted(detail) else detail["type"]
    return {"type": kind, "loc": detail["loc"], "input": detail["input"], "ctx": context}


BoundedList = Annotated[list[Item], WrapValidator(_in_portions)]
