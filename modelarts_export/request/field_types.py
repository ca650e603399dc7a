"""The types of single request fields: what each one accepts, and the form in which it is sent.

A validator here raises ValueError with a sentence that says what is wrong and what to write instead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from modelarts_export.identifiers import IDENTIFIER, check_identifier
from modelarts_export.quoting import InterpolatedString, SourceNumber, quote, shorten
from modelarts_export.request.directories import (
    CHINESE,
    normalize_directory,
    normalize_directory_in_bucket,
)

_NAME_LENGTH = range(1, 101)
_LONGEST_SPAN = timedelta(days=30)
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+")
_SPAN = re.compile(r"([0-9]{8})-([0-9]{8})")
_DATASET_NAME = re.compile(f"[A-Za-z0-9_{CHINESE}-]*")
_HARD = {"true": "1", "1": "1", "false": "0", "0": "0"}


@dataclass(frozen=True)
class Metavar:
    """What stands for a value of the type in help."""

    name: str


@dataclass(frozen=True, eq=False)
class JsonSchema:
    """What a JSON Schema says of the type; pydantic's own marker would load its generator at every start."""

    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        """Hand it to whoever makes a schema."""
        return dict(self.schema)


def _check_dataset_name(value: str) -> str:
    if len(value) not in _NAME_LENGTH:
        raise ValueError(f"the name has {len(value)} characters; the API takes 1 to 100")
    if not _DATASET_NAME.fullmatch(value):
        raise ValueError(
            f"{quote(value)} is not a dataset name; use letters, digits, -, _ and Chinese characters"
        )
    return value


def _to_source_text(value: object) -> object:
    """Return a number as the text it was written as; leave the rest for the type to judge."""
    if isinstance(value, SourceNumber):
        return value.source
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_ratio(value: str) -> str:
    if not _DECIMAL.fullmatch(value) or float(value) > 1:
        raise ValueError(f"{quote(value)} is not a ratio; write a number from 0 to 1, such as 0.8")
    return value


def _check_sample_time(value: str) -> str:
    """Accept `month`, `day` or a span of 30 days at most (.github/API.md, section 1, SearchCondition)."""
    if value in ("month", "day"):
        return value
    span = _SPAN.fullmatch(value)
    try:
        first, last = (date.fromisoformat(day) for day in span.groups()) if span else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise ValueError(f"{quote(value)} is not month, day or yyyyMMdd-yyyyMMdd with two real dates")
    if not timedelta() <= last - first <= _LONGEST_SPAN:
        raise ValueError(f"{quote(value)} must not end before it begins, nor span more than 30 days")
    return value


def _check_sample_dir(value: str) -> str:
    if not value.endswith("/"):
        example = "" if isinstance(value, InterpolatedString) else f": {shorten(value)}/"
        raise ValueError(f"{quote(value)} must end with a slash{example}")
    return value


def _parse_hard(value: object) -> object:
    """Return the API's "0" or "1"; the field is a string there."""
    if str(value).lower() not in _HARD:
        raise ValueError(f"{quote(value)} is not true, false, 0 or 1")
    return _HARD[str(value).lower()]


def check_sample_id(value: str) -> str:
    """Return a sample ID; no document gives its form, but no ID has a space or a control character."""
    if not value or " " in value or not value.isprintable():  # so no character of the classes C and Z
        raise ValueError("must be an ID, without spaces and control characters")
    return value


def _check_unicode(value: str) -> str:
    """Refuse what came from bytes that are not UTF-8; JSON could carry it, but no reader understands it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{quote(value)} has bytes that are not UTF-8") from None
    return value


def _parse_integer(value: object) -> object:
    """Read the digits of a flag; a fraction or a truth value is left for the type to refuse."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else value


def _parse_boolean(value: object) -> object:
    """Read the two words; 0 and 1 are left for the type to refuse."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _checked(rule: Callable[[str], str]) -> WrapValidator:
    """Have text checked as it was given: pydantic makes a plain string of one that `${…}` made."""

    def check(value: object, read: ValidatorFunctionWrapHandler) -> str:
        text: str = read(value)
        return str(rule(value if isinstance(value, InterpolatedString) else text))

    return WrapValidator(check)


def _string_schema(pattern: str) -> JsonSchema:
    """Show the type in a JSON Schema as a string of this form; the rest of the rule is the validator's."""
    return JsonSchema({"type": "string", "pattern": f"^({pattern})$"})


ObsDirectory = Annotated[
    StrictStr,
    _checked(normalize_directory),
    Metavar("DIR"),
    _string_schema("(/|[oO][bB][sS]://|[sS]3://)[^/]+(/[^/]+)*/?"),
]
DirectoryInBucket = Annotated[
    StrictStr,
    _checked(normalize_directory_in_bucket),
    Metavar("DIR"),
    _string_schema("(/|[oO][bB][sS]://|[sS]3://)[^/]+(/[^/]+)+/?"),
]
Identifier = Annotated[
    StrictStr, _checked(check_identifier), Metavar("ID"), _string_schema(IDENTIFIER.pattern)
]
DatasetName = Annotated[
    StrictStr,
    _checked(_check_dataset_name),
    Metavar("NAME"),
    _string_schema(f"[A-Za-z0-9_{CHINESE}-]{{1,100}}"),
]
Ratio = Annotated[
    StrictStr,
    _checked(_check_ratio),
    BeforeValidator(_to_source_text),
    Metavar("RATIO"),
    JsonSchema(
        {"type": ["number", "string"], "minimum": 0, "maximum": 1, "pattern": f"^{_DECIMAL.pattern}$"}
    ),
]
SampleTime = Annotated[StrictStr, _checked(_check_sample_time), _string_schema(f"month|day|{_SPAN.pattern}")]
SampleDir = Annotated[StrictStr, _checked(_check_sample_dir), _string_schema(".*/")]
HardFlag = Annotated[
    StrictStr, BeforeValidator(_parse_hard), JsonSchema({"enum": [True, False, 1, 0, *_HARD]})
]
Integer = Annotated[StrictInt, BeforeValidator(_parse_integer)]
Boolean = Annotated[StrictBool, BeforeValidator(_parse_boolean)]
Text = Annotated[StrictStr, _checked(_check_unicode)]
SampleId = Annotated[StrictStr, AfterValidator(check_sample_id), Metavar("ID"), _string_schema(r"\S+")]
