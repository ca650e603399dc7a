"""Validation of the body of a create call, from API.md only."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Far deeper than any documented field, and shallow enough for json.dumps.
_DEEPEST = 64
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"

JsonObject = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ApiError:
    """An error reply: the HTTP status with the error code of ModelArts or the gateway (API.md, section 5)."""

    status: int = 400
    code: str
    message: str


Check = Callable[[str, object], ApiError | None]
"""A check of a value: takes its place in the body and the value, returns the first error or None."""


def parse_body(body: bytes) -> JsonObject | ApiError:
    """Return the parsed body of a create call, or the first error."""
    if not body.strip():
        return ApiError(code="ModelArts.0107", message="The request body is empty")
    try:
        # Decoded first: given bytes, json would guess UTF-16 and UTF-32 as well.
        parsed = json.loads(body.decode(), parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        return ApiError(code="ModelArts.4105", message=f"The request body is not valid JSON: {error}")
    if not isinstance(parsed, dict) or _is_deeper_than(_DEEPEST, parsed):
        return ApiError(code="ModelArts.4105", message="The request body is no JSON object of a create call")
    return find_error(parsed) or parsed


def find_error(body: JsonObject) -> ApiError | None:
    """Return the first error of a parsed body or None (API.md, sections 1, 2); unknown keys are ignored."""
    # Types and values first; the rules between fields rely on them.
    return _BODY("", body) or _check_destination(body)


def _reject_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _is_deeper_than(limit: int, value: object) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _list_children(parent)]
    return bool(level)


def _list_children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_destination(body: JsonObject) -> ApiError | None:
    path, params = body.get("path", ""), body.get("export_params", {})
    refusal = _check_directory("path", path, invalid="ModelArts.4358", too_long="ModelArts.4358")
    if refusal or params.get("export_dest") != "NEW_DATASET":
        return refusal
    return _check_below_bucket("path", path) or _check_new_dataset(path, params)


def _check_new_dataset(path: str, params: JsonObject) -> ApiError | None:
    """Check what a new dataset needs (API.md, section 2)."""
    if "export_new_dataset_name" not in params:
        return _make_error("export_params.export_new_dataset_name", "given when export_dest is NEW_DATASET")
    place, work_path = _WORK_PATH, params.get("export_new_dataset_work_path", "")
    refusal = _check_directory(place, work_path, invalid="ModelArts.4374", too_long="ModelArts.4350")
    refusal = refusal or _check_below_bucket(place, work_path)
    # Both end in a slash by now, so a prefix is a parent. The path inside the work path is not forbidden.
    if not refusal and work_path.startswith(path):
        return _make_error(place, "neither path itself nor a directory inside it")
    return refusal


def _check_directory(place: str, value: str, *, invalid: str, too_long: str) -> ApiError | None:
    """Check an OBS directory; path and work path have different codes for two of the rules."""
    rules = (
        (value != "", "ModelArts.4384", "is required"),
        (value.startswith("/"), invalid, "must begin with a slash and the bucket"),
        ("//" not in value, "ModelArts.4315", "must not contain two slashes in a row"),
        (_PATH.fullmatch(value), "ModelArts.4313", "contains characters that are not allowed"),
        (value.strip("/"), invalid, "must begin with a slash and the bucket"),
        (value.endswith("/"), invalid, "must end with a slash"),
        (len(value) <= _LONGEST_PATH, too_long, f"must not be longer than {_LONGEST_PATH} characters"),
    )
    return _find_first(
        ApiError(code=code, message=f"{place} {must}") for holds, code, must in rules if not holds
    )


def _check_below_bucket(place: str, value: str) -> ApiError | None:
    """Refuse the root of a bucket as a directory of a dataset; an export to OBS may use it (section 2)."""
    if "/" in value.strip("/"):
        return None
    return ApiError(code="ModelArts.4205", message=f"{place} must name a directory below the bucket")


def _find_first(found: Iterable[ApiError | None]) -> ApiError | None:
    return next(filter(None, found), None)


def make_parameter_error(name: str, expected: str) -> ApiError:
    """Return the error of a parameter in the query."""
    return ApiError(code="ModelArts.0104", message=f"Invalid parameter: {name} must be {expected}")


def _make_error(place: str, wanted: str) -> ApiError:
    return ApiError(code="ModelArts.4384", message=f"Invalid export parameter: {place} must be {wanted}")


def _require(wanted: str, holds: Callable[[object], object]) -> Check:
    return lambda place, value: None if holds(value) else _make_error(place, wanted)


def _require_one_of(*values: int | str) -> Check:
    # Types are compared too: True equals 1 and 3.0 equals 3 in Python, but not on the wire.
    typed = [(type(value), value) for value in values]
    return _require(f"one of {', '.join(map(repr, values))}", lambda value: (type(value), value) in typed)


def _require_match(wanted: str, pattern: str) -> Check:
    compiled = re.compile(pattern, re.ASCII | re.DOTALL)
    return _require(wanted, lambda value: isinstance(value, str) and compiled.fullmatch(value))


def _require_list(item: Check) -> Check:
    def check(place: str, value: object) -> ApiError | None:
        if not isinstance(value, list):
            return _make_error(place, "a list")
        return _find_first(item(f"{place}[{index}]", element) for index, element in enumerate(value))

    return check


def _check_ratio(place: str, value: object) -> ApiError | None:
    """Check the share of samples for training; a number out of range has a code of its own."""
    no_number = _NUMBER(place, value)
    if no_number or not _UP_TO_ONE(place, value):
        return no_number
    return ApiError(code="ModelArts.4711", message=f"{place} must be from 0 to 1")


def _require_map(item: Check) -> Check:
    def check(place: str, value: object) -> ApiError | None:
        if not isinstance(value, dict):
            return _make_error(place, "an object")
        return _find_first(item(f"{place}.{name}", element) for name, element in value.items())

    return check


def _allow_null(item: Check) -> Check:
    return lambda place, value: None if value is None else item(place, value)


def _require_object(fields: Mapping[str, Check]) -> Check:
    def check(place: str, value: object) -> ApiError | None:
        if not isinstance(value, dict):
            return _make_error(place, "an object")
        given = {name: field for name, field in fields.items() if name in value}
        return _find_first(field(f"{place}.{name}".lstrip("."), value[name]) for name, field in given.items())

    return check


def _check_labels(place: str, value: object) -> ApiError | None:
    """Check SearchLabels: several labels need an operator."""
    refusal = _LABEL_LIST(place, value)
    if not refusal and isinstance(value, dict) and len(value.get("labels", [])) > 1 and "op" not in value:
        return _make_error(f"{place}.op", "given with two or more labels")
    return refusal


def _check_sample_time(place: str, value: object) -> ApiError | None:
    """Check a word or a span of days (API.md, section 1)."""
    refusal = _SPAN(place, value)
    if refusal or not isinstance(value, str) or value in {"month", "day"}:
        return refusal
    try:
        first, last = (datetime.strptime(f"{day}Z", "%Y%m%d%z") for day in value.split("-"))
    except ValueError:
        return _make_error(place, "two days of the calendar")
    in_range = 0 <= (last - first).days <= _LONGEST_SPAN
    return None if in_range else _make_error(place, f"a span of at most {_LONGEST_SPAN} days")


_LONGEST_PATH = 700  # characters
_LONGEST_SPAN = 30  # days
_WORK_PATH = "export_params.export_new_dataset_work_path"
# The documents neither allow dots and spaces nor say that they are refused (API.md, section 2).
_PATH = re.compile(f"[A-Za-z0-9{_CHINESE}_/. -]*")

_TEXT = _require("a string", lambda value: isinstance(value, str))
_FLAG = _require("true or false", lambda value: isinstance(value, bool))
_INTEGER = _require("an integer", lambda value: type(value) is int)
_OPERATOR = _require_one_of("AND", "OR")
_VERSION_FORMAT = _require_one_of("Default", "CarbonData", "CSV")
_NAME = _require_match("1 to 100 letters, digits, _ or -", f"[A-Za-z0-9{_CHINESE}_-]{{1,100}}")
_NUMBER = _require_match("a string with a number from 0 to 1", r"-?(\d+(\.\d+)?|\.\d+)")
_UP_TO_ONE = _require_match("from 0 to 1", r"0*(1(\.0+)?|0(\.\d+)?|\.\d+)")
_SPAN = _require_match("month, day or yyyyMMdd-yyyyMMdd", r"month|day|\d{8}-\d{8}")
_SAMPLE_STATE = _require_one_of(
    "",
    "__ALL__",
    "__NONE__",
    "__UNCHECK__",
    "__ACCEPTED__",
    "__REJECTED__",
    "__UNREVIEWED__",
    "__REVIEWED__",
    "__WORKFORCE_SAMPLED__",
    "__WORKFORCE_SAMPLED_UNCHECK__",
    "__WORKFORCE_SAMPLED_CHECKED__",
    "__WORKFORCE_SAMPLED_ACCEPTED__",
    "__WORKFORCE_SAMPLED_REJECTED__",
    "__AUTO_ANNOTATION__",
)

_LABEL = _require_object(
    {
        "name": _TEXT,
        "op": _OPERATOR,
        "property": _require_map(_allow_null(_require_list(_TEXT))),
        "type": _require_one_of(0, 1, 3, 100, 101, 102, 103, 200, 201, 202, 600),
    }
)
_LABEL_LIST = _require_object({"labels": _require_list(_LABEL), "op": _OPERATOR})
_CONDITION = _require_object(
    {
        "coefficient": _TEXT,
        "frame_in_video": _INTEGER,
        "hard": _require_one_of("0", "1"),
        "import_origin": _TEXT,
        "kvp": _TEXT,
        "label_list": _check_labels,
        "labeler": _TEXT,
        "metadata": _require_object({"op": _OPERATOR, "props": _require_map(_require_list(_TEXT))}),
        "parent_sample_id": _TEXT,
        "sample_dir": _require_match("a directory that ends with a slash", ".*/"),
        "sample_name": _TEXT,
        "sample_time": _check_sample_time,
        "score": _TEXT,
        "slice_thickness": _TEXT,
        "study_date": _TEXT,
        "time_in_video": _TEXT,
    }
)
EXPORT_PARAMS: Mapping[str, Check] = {
    "export_dest": _require_one_of("DIR", "NEW_DATASET"),
    "export_new_dataset_name": _NAME,
    "export_new_dataset_work_path": _TEXT,
    "export_dataset_version_name": _TEXT,
    "export_dataset_version_format": _VERSION_FORMAT,
    "clear_hard_property": _FLAG,
    "clear_difficult": _FLAG,
    "ratio_sample_usage": _FLAG,
    "train_sample_ratio": _check_ratio,
    "sample_state": _SAMPLE_STATE,
    "samples": _require_list(_TEXT),
    "search_conditions": _require_list(_CONDITION),
}
"""The known fields of export_params, each with its check; clear_difficult occurs in replies only."""

_BODY = _require_object(
    {
        "path": _TEXT,
        "export_type": _require_one_of(0, 1, 2, 3),
        "export_format": _require_one_of(1, 2),
        "annotation_format": _require_one_of("VOC", "COCO"),
        "sample_state": _SAMPLE_STATE,
        "source_type_header": _require_one_of("obs://", "s3://"),
        "version_format": _VERSION_FORMAT,
        "version_id": _TEXT,
        "with_column_header": _FLAG,
        "status": _INTEGER,
        "task_id": _TEXT,
        "dataset_id": _TEXT,
        "dataset_type": _require_one_of(0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900),
        "export_params": _require_object(EXPORT_PARAMS),
    }
)
