"""The types of request fields: what each accepts, and the form in which it is sent.

A validator raises ValueError, which says what is wrong and what to write instead.
"""

import re
from collections.abc import Callable, Iterable
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

from modelarts_export.identifiers import DATASET_PATTERN, IDENTIFIER, check_dataset, check_identifier
from modelarts_export.quoting import InterpolatedString, SourceNumber, quote, shorten
from modelarts_export.request.directories import (
    CHINESE,
    NAME_PATTERN,
    SCHEME_PATTERN,
    is_chinese,
    normalize_directory,
    normalize_directory_in_bucket,
)
from modelarts_export.request.enums import ignore_case

_NAME_LENGTH = range(1, 101)
_MAX_TIME_SPAN = timedelta(days=30)
_RATIO = re.compile(r"0*(0(\.[0-9]+)?|1(\.0+)?|\.[0-9]+)")
_INTEGER = re.compile("-?[0-9]{1,18}")
_LARGEST_INTEGER = 10**18 - 1
_TIME_SPAN = re.compile(r"([0-9]{8})-([0-9]{8})")
_UNUSUAL_IN_NAMES = re.compile("[^A-Za-z0-9_-]")
_BOOLEANS = {  # those of YAML 1.1; an editor that reads YAML 1.2 takes yes, no, on and off for strings
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
_HARD = {**{word: str(int(value)) for word, value in _BOOLEANS.items()}, "1": "1", "0": "0"}
_SEPARATORS = r"\s\u0000-\u0020\u007f-\u00a0\u00ad\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
"""Spaces and control characters, for a character class."""


@dataclass(frozen=True)
class Metavar:
    """The placeholder of a value in help texts."""

    name: str


@dataclass(frozen=True, eq=False)
class JsonSchema:
    """The JSON Schema of a type; pydantic's WithJsonSchema would load its generator at every start."""

    schema: dict[str, Any]

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        """Return a copy, which pydantic may change."""
        return dict(self.schema)


def _check_dataset_name(value: str) -> str:
    if len(value) not in _NAME_LENGTH:
        raise ValueError(f"the name has {len(value)} characters; the API accepts 1 to 100")
    if not all(map(is_chinese, _UNUSUAL_IN_NAMES.findall(value))):
        raise ValueError(
            f"{quote(value)} is not a dataset name; use letters, digits, -, _ and Chinese characters"
        )
    return value


def _to_source_text(value: object) -> object:
    """Return the source text of a number, and any other value unchanged, which the type validates."""
    if isinstance(value, SourceNumber):
        return value.source
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_ratio(value: str) -> str:
    if not _RATIO.fullmatch(value):
        raise ValueError(f"{quote(value)} is not a ratio; write a number from 0 to 1, such as 0.8")
    return value


def _check_sample_time(value: str) -> str:
    """Check `month`, `day` or a span of at most 30 days (.github/API.md, section 1, SearchCondition)."""
    if value in ("month", "day"):
        return value
    span = _TIME_SPAN.fullmatch(value)
    try:
        first, last = (date.fromisoformat(day) for day in span.groups()) if span else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise ValueError(f"{quote(value)} is not month, day or yyyyMMdd-yyyyMMdd with two real dates")
    if not timedelta() <= last - first <= _MAX_TIME_SPAN:
        raise ValueError(f"{quote(value)} must not end before it begins, nor span more than 30 days")
    return value


def _check_sample_dir(value: str) -> str:
    if not value.endswith("/"):
        example = "" if isinstance(value, InterpolatedString) else f": {shorten(value)}/"
        raise ValueError(f"{quote(value)} must end with a slash{example}")
    return value


def _parse_hard(value: object) -> object:
    """Return "0" or "1", as the field is a string in the API."""
    if str(value).lower() not in _HARD:
        raise ValueError(f"{quote(value)} is not true, false, 0 or 1")
    return _HARD[str(value).lower()]


def check_sample_id(value: str) -> str:
    """Check a sample ID; its form is not documented, but no ID has spaces or control characters."""
    if not value or " " in value or not value.isprintable():  # the Unicode categories C and Z
        raise ValueError("must be an ID, without spaces and control characters")
    return value


def _check_unicode(value: str) -> str:
    """Refuse surrogates, which come from bytes that are not UTF-8: most readers of JSON refuse them."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{quote(value)} has bytes that are not UTF-8") from None
    return value


def _parse_integer(value: object) -> object:
    """Parse the text of a flag; the type refuses fractions and booleans."""
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _parse_boolean(value: object) -> object:
    """Parse true, yes, on, false, no and off; the type refuses 0 and 1."""
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


def _make_validator(rule: Callable[[str], str]) -> WrapValidator:
    """Return a validator that keeps an InterpolatedString, which pydantic would convert to a plain string."""

    def check(value: object, validate: ValidatorFunctionWrapHandler) -> str:
        text: str = validate(value)
        return str(rule(value if isinstance(value, InterpolatedString) else text))

    return WrapValidator(check)


def _make_string_schema(pattern: str) -> JsonSchema:
    """Return the schema of a string; the validator may check more than the pattern."""
    return JsonSchema({"type": "string", "pattern": f"^({pattern})$"})


def _match_words(words: Iterable[str]) -> str:
    return f"^({'|'.join(map(ignore_case, words))})$"


ObsDirectory = Annotated[
    StrictStr,
    _make_validator(normalize_directory),
    Metavar("DIR"),
    _make_string_schema(f"{SCHEME_PATTERN}{NAME_PATTERN}(/{NAME_PATTERN})*/?"),
]
DirectoryInBucket = Annotated[
    StrictStr,
    _make_validator(normalize_directory_in_bucket),
    Metavar("DIR"),
    _make_string_schema(f"{SCHEME_PATTERN}{NAME_PATTERN}(/{NAME_PATTERN})+/?"),
]
Identifier = Annotated[
    StrictStr, _make_validator(check_identifier), Metavar("ID"), _make_string_schema(IDENTIFIER.pattern)
]
DatasetReference = Annotated[
    StrictStr, _make_validator(check_dataset), Metavar("ID"), _make_string_schema(DATASET_PATTERN)
]
DatasetName = Annotated[
    StrictStr,
    _make_validator(_check_dataset_name),
    Metavar("NAME"),
    _make_string_schema(f"[A-Za-z0-9_{CHINESE}-]{{1,100}}"),
]
Ratio = Annotated[
    StrictStr,
    _make_validator(_check_ratio),
    BeforeValidator(_to_source_text),
    Metavar("RATIO"),
    JsonSchema(
        {"type": ["number", "string"], "minimum": 0, "maximum": 1, "pattern": f"^({_RATIO.pattern})$"}
    ),
]
SampleTime = Annotated[
    StrictStr, _make_validator(_check_sample_time), _make_string_schema(f"month|day|{_TIME_SPAN.pattern}")
]
SampleDir = Annotated[StrictStr, _make_validator(_check_sample_dir), _make_string_schema(r"[\s\S]*/")]
HardFlag = Annotated[
    StrictStr,
    BeforeValidator(_parse_hard),
    JsonSchema(
        {"anyOf": [{"enum": [True, False, 1, 0]}, {"type": "string", "pattern": _match_words(_HARD)}]}
    ),
]
Integer = Annotated[
    StrictInt,
    BeforeValidator(_parse_integer),
    JsonSchema(
        {
            "type": ["integer", "string"],
            "minimum": -_LARGEST_INTEGER,
            "maximum": _LARGEST_INTEGER,
            "pattern": f"^({_INTEGER.pattern})$",
        }
    ),
]
Boolean = Annotated[
    StrictBool,
    BeforeValidator(_parse_boolean),
    JsonSchema({"type": ["boolean", "string"], "pattern": _match_words(_BOOLEANS)}),
]
Text = Annotated[StrictStr, _make_validator(_check_unicode)]
SampleId = Annotated[
    StrictStr, AfterValidator(check_sample_id), Metavar("ID"), _make_string_schema(f"[^{_SEPARATORS}]+")
]
