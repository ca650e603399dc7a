"""Whether a listed task may come from a request, and whether it is the same export.

The API shows some fields of a request again, some as another type, with defaults filled in and with keys that
no document has (.github/API.md, section 4). How a field counts is declared on it, in request/models.py.
"""

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import Location, format_location
from modelarts_export.request.directories import to_directory
from modelarts_export.request.fields import Comparison, RequestField, iter_all_fields, iter_leaf_fields
from modelarts_export.request.models import ToNewDataset, ToObs

_PARAMS = "export_params"
_SAMPLES: Location = (_PARAMS, "samples")
# The fields of a task that are no fields of a request (.github/API.md, section 4).
_TASK_FIELDS = frozenset(
    {
        *("dataset_id", "project_id", "progress", "create_time", "update_time", "error_code", "error_msg"),
        *("total_sample_count", "finished_sample_count"),
    }
)
_NOT_DECLARED = Comparison(narrows=True)
_EMPTY: tuple[Any, ...] = ("", [], {})
_UNSET = (None, *_EMPTY)
_TRUTHS = {"true": "1", "false": "0"}  # `hard` is sent as "1", and may be shown as true
_FRACTION = re.compile(r"\d+\.\d+")
_MAX_VALUES = 1_000_000  # of JSON in a text; more could fill the memory
_MAX_NAME = 60

Agreement = Callable[[Any, Any], bool]


def is_compatible(body: Mapping[str, Any], task: ExportTask) -> bool:
    """Tell whether a request may have created a task: the path is the same, and no other field differs.

    A field that only one of them has is no difference.
    """
    shown = _get_fields(task.raw)
    path = shown.get(("path",))
    if not isinstance(path, str) or not path:
        return False
    return all(
        _values_agree(location, sent, shown.get(location)) for location, sent in _get_fields(body).items()
    )


def is_equivalent(body: Mapping[str, Any], task: ExportTask) -> bool:
    """Tell whether a task exports what a request asks for: no field of a request differs."""
    sent = {location: value for location, value in _get_fields(body).items() if value not in _UNSET}
    return is_compatible(body, task) and all(
        (
            not _get_comparison(location).narrows
            or _is_unset(value)
            or _values_equal(location, sent[location], value)
        )
        if location in sent
        else _is_default(location, value)
        for location, value in _get_fields(task.raw).items()
        if location in _declared_fields()
    )


def explain_unverifiable(body: Mapping[str, Any], task: ExportTask) -> str | None:
    """Return why a task cannot be compared with a request, or None when it can.

    It does not show a field that narrows the request, or it shows an unknown field.
    """
    shown = _get_fields(task.raw)
    for location, sent in _get_fields(body).items():
        if _get_comparison(location).narrows and sent not in _UNSET and _is_unset(shown.get(location)):
            return f"it does not show {format_location(location)}"
    for location, value in shown.items():
        if location not in _declared_fields() and value is not False and not _is_unset(value):
            name = format_location(location)[:_MAX_NAME]
            return (
                f"its {name} cannot be read" if location == (_PARAMS,) else f"its {name} is not a known field"
            )
    return None


def find_directories(fields: Mapping[str, Any]) -> list[str]:
    """Return the path and the work path of a request or a task."""
    named = (value for location, value in _get_fields(fields).items() if _is_directory(location))
    return [to_directory(value) for value in named if isinstance(value, str) and value]


@cache
def _declared_fields() -> Mapping[Location, RequestField]:
    """Return the fields of both kinds of request, by location."""
    return {each.location: each for kind in (ToObs, ToNewDataset) for each in iter_leaf_fields(kind)}


@cache
def _documented_names() -> frozenset[str]:
    """Return the names of all fields of a request, with those of search conditions."""
    return frozenset(each.name for kind in (ToObs, ToNewDataset) for each in iter_all_fields(kind))


def _get_comparison(location: Location) -> Comparison:
    declared = _declared_fields().get(location)
    return (declared and declared.comparison) or _NOT_DECLARED


def _is_directory(location: Location) -> bool:
    return location in _declared_fields() and _declared_fields()[location].is_directory


def _get_fields(fields: Mapping[str, Any]) -> dict[Location, Any]:
    """Return the fields of a request or a task by location, with those of the parameters.

    Parameters that cannot be parsed are one field. Fields with another meaning in a task are left out.
    """
    return {
        location: value
        for location, value in _iter_fields(fields)
        if location[0] not in _TASK_FIELDS and _get_comparison(location).is_returned
    }


def _iter_fields(fields: Mapping[str, Any]) -> Iterator[tuple[Location, Any]]:
    for name, value in fields.items():
        params = _parse_mapping(value) if name == _PARAMS else None
        if params is None:
            yield (name,), value
        else:
            yield from (((name, inner), each) for inner, each in params.items())


def _parse_mapping(value: object) -> Mapping[str, Any] | None:
    """Return an object that may be shown as JSON text, or as the only item of a list; else None."""
    parsed = _parse_json(value)
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = _parse_json(parsed[0])
    return parsed if isinstance(parsed, Mapping) else None


def _parse_json(value: object) -> object:
    """Return the array or object in a JSON text; anything else unchanged."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    if sum(map(value.count, "[{,")) > _MAX_VALUES:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_unset(value: object) -> bool:
    """Tell whether a value is null or empty, also as JSON text."""
    return _parse_json(value) in _UNSET


def _is_default(location: Location, value: object) -> bool:
    default = _get_comparison(location).default
    return _is_unset(value) or (default is not None and _is_equal(default, value))


def _values_agree(location: Location, sent: object, shown: object) -> bool:
    """Tell whether the API may show a sent value like this; a value that is not shown agrees.

    An empty sample state is a value; any other empty value counts as not shown. Of many samples the API may
    show some.
    """
    if shown is None or (shown in _EMPTY and location[-1:] != ("sample_state",)):
        return True
    if _is_directory(location) and isinstance(sent, str) and isinstance(shown, str):
        return to_directory(sent) == to_directory(shown)
    if isinstance(sent, Mapping | list):
        shown = _parse_json(shown)
    if isinstance(sent, Mapping) and isinstance(shown, Mapping):
        return all(_values_agree((*location, name), value, shown.get(name)) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(shown, list):
        if location == _SAMPLES and _are_plain(shown):
            return Counter(map(_normalize, shown)) <= Counter(map(_normalize, sent))
        return not shown or _lists_match(sent, shown, lambda a, b: _values_agree(location, a, b))
    return _is_equal(sent, shown)


def _values_equal(location: Location, sent: object, shown: object) -> bool:
    """Tell whether two values are equal, with no part that only one of them has."""
    if _is_directory(location):
        return _values_agree(location, sent, shown)
    if isinstance(sent, Mapping | list):
        shown = _parse_json(shown)
    if isinstance(sent, Mapping) and isinstance(shown, Mapping):
        known = _documented_names()
        names = sent.keys() | {name for name, each in shown.items() if each is not False or name in known}
        return all(_values_equal((*location, name), sent.get(name), shown.get(name)) for name in names)
    if isinstance(sent, list) and isinstance(shown, list) and sent and shown:
        return _lists_match(sent, shown, lambda a, b: _values_equal(location, a, b))
    if sent in _UNSET or shown in _UNSET:
        return sent in _UNSET and shown in _UNSET
    return _is_equal(sent, shown)


def _lists_match(sent: Sequence[Any], shown: Sequence[Any], agree: Agreement) -> bool:
    """Tell whether two lists have the same items, in any order, each as often."""
    if len(sent) != len(shown):
        return False
    are_plain = {_are_plain(sent), _are_plain(shown)}
    if True in are_plain:
        return are_plain == {True} and Counter(map(_normalize, sent)) == Counter(map(_normalize, shown))
    fits = [[i for i, other in enumerate(shown) if agree(each, other)] for each in sent]
    row_of: dict[int, int] = {}
    return all(_assign(row, fits, row_of) for row in range(len(sent)))


def _assign(row: int, fits: Sequence[Sequence[int]], row_of: dict[int, int]) -> bool:
    """Assign a row a column that fits it, where needed by moving other rows to other columns.

    `fits` has the columns of each row, `row_of` the row that has a column. A breadth-first search for an
    augmenting path of a bipartite matching; False when there is none.
    """
    column_of = {owner: column for column, owner in row_of.items()}
    tried_by: dict[int, int] = {}
    rows = deque([row])
    while rows:
        row = rows.popleft()
        for column in fits[row]:
            if column in tried_by:
                continue
            tried_by[column] = row
            if column in row_of:
                rows.append(row_of[column])
                continue
            step: int | None = column
            while step is not None:
                row_of[step] = tried_by[step]
                step = column_of.get(tried_by[step])
            return True
    return False


def _are_plain(values: Sequence[Any]) -> bool:
    return not any(isinstance(each, Mapping | list) for each in values)


def _is_equal(sent: object, shown: object) -> bool:
    """Tell whether two values are the same but for their type; lists and objects never are."""
    if isinstance(sent, Mapping | list) or isinstance(shown, Mapping | list):
        return False
    return _normalize(sent) == _normalize(shown)


def _normalize(value: object) -> object:
    """Return a value without its type: 3 is "3", true is "1", and 1.0 is the ratio "1.00"."""
    if str(value).lower() in _TRUTHS:
        return _TRUTHS[str(value).lower()]
    is_fraction = isinstance(value, float) or (isinstance(value, str) and _FRACTION.fullmatch(value))
    return f"{float(str(value)):.15g}" if is_fraction else str(value)
