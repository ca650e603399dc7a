"""Whether a task of the list is what a request asks for: perhaps ours, or the same export.

The API shows some fields of a request again, some as another type, with defaults filled in and with keys that
no document has (.github/API.md, section 4). How each field counts is declared on the field, in request.py.
"""

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import Location, format_location
from modelarts_export.request.declarations import Comparison
from modelarts_export.request.fields import RequestField, iter_all_fields, iter_leaf_fields
from modelarts_export.request.models import ToNewDataset, ToObs

_PARAMS = "export_params"
_SAMPLES: Location = (_PARAMS, "samples")
# What a task has beside the fields of a request (.github/API.md, section 4).
_OF_THE_TASK = frozenset(
    {
        *("dataset_id", "project_id", "progress", "create_time", "update_time", "error_code", "error_msg"),
        *("total_sample_count", "finished_sample_count"),
    }
)
_NOT_DECLARED = Comparison(narrows=True)
_EMPTY: tuple[Any, ...] = ("", [], {})
_UNSAID = (None, *_EMPTY)
_TRUTHS = {"true": "1", "false": "0"}  # `hard` is sent as "1", and may be shown as true
_FRACTION = re.compile(r"\d+\.\d+")
_MOST_VALUES = 1_000_000  # of JSON in a text; more could fill the memory
_LONGEST_NAME = 60

Agreement = Callable[[Any, Any], bool]


def is_compatible(body: Mapping[str, Any], task: ExportTask) -> bool:
    """Tell whether a task may have come of a request: one path, and no field that both have contradicts."""
    shown = _fields(task.raw)
    path = shown.get(("path",))
    if not isinstance(path, str) or not path:
        return False
    return all(_values_agree(where, sent, shown.get(where)) for where, sent in _fields(body).items())


def is_equivalent(body: Mapping[str, Any], task: ExportTask) -> bool:
    """Tell whether a task exports what a request asks for: no field of a request says anything else."""
    sent = {where: value for where, value in _fields(body).items() if value not in _UNSAID}
    return is_compatible(body, task) and all(
        (not _comparison(where).narrows or _is_unsaid(value) or _values_equal(where, sent[where], value))
        if where in sent
        else _is_default(where, value)
        for where, value in _fields(task.raw).items()
        if where in _declared()
    )


def unverifiable(body: Mapping[str, Any], task: ExportTask) -> str | None:
    """Return why nobody can tell whether a task exports what a request asks for; None where that is clear.

    It does not show a field that narrows the request, or it shows something that no document has.
    """
    shown = _fields(task.raw)
    for where, sent in _fields(body).items():
        if _comparison(where).narrows and sent not in _UNSAID and _is_unsaid(shown.get(where)):
            return f"it does not show {format_location(where)}"
    for where, value in shown.items():
        if where not in _declared() and value is not False and not _is_unsaid(value):
            name = format_location(where)[:_LONGEST_NAME]
            return f"its {name} cannot be read" if where == (_PARAMS,) else f"its {name} is not a known field"
    return None


def directory(path: str) -> str:
    """Return an OBS directory in the one form that the API documents, /bucket/dir/, percent-decoded."""
    path = unquote(path)
    for scheme in ("obs://", "s3://"):
        if path.lower().startswith(scheme):
            path = path[len(scheme) :]
    return f"/{path.strip('/')}/"


def directories(answer: Mapping[str, Any]) -> list[str]:
    """Return the directories that a request names, or that a task shows: the path, and the work path."""
    named = (value for where, value in _fields(answer).items() if _is_directory(where))
    return [directory(value) for value in named if isinstance(value, str) and value]


@cache
def _declared() -> Mapping[Location, RequestField]:
    """Return the fields of a request, by their place."""
    return {each.location: each for kind in (ToObs, ToNewDataset) for each in iter_leaf_fields(kind)}


@cache
def _documented_names() -> frozenset[str]:
    """Return the names of all fields of a request, those of a search condition among them."""
    return frozenset(each.name for kind in (ToObs, ToNewDataset) for each in iter_all_fields(kind))


def _comparison(where: Location) -> Comparison:
    declared = _declared().get(where)
    return (declared and declared.comparison) or _NOT_DECLARED


def _is_directory(where: Location) -> bool:
    return where in _declared() and _declared()[where].is_directory


def _fields(answer: Mapping[str, Any]) -> dict[Location, Any]:
    """Return each field of a request, or of a task, by its place; those of the parameters as well.

    Parameters that cannot be read are one field. What means something else in a task is left out.
    """
    return {
        where: value
        for where, value in _iter_fields(answer)
        if where[0] not in _OF_THE_TASK and _comparison(where).is_returned
    }


def _iter_fields(answer: Mapping[str, Any]) -> Iterator[tuple[Location, Any]]:
    for name, value in answer.items():
        params = _mapping(value) if name == _PARAMS else None
        if params is None:
            yield (name,), value
        else:
            yield from (((name, inner), each) for inner, each in params.items())


def _mapping(value: object) -> Mapping[str, Any] | None:
    """Return an object that may be shown as JSON text, or in a list of its own; None for anything else."""
    read = _from_json(value)
    if isinstance(read, list) and len(read) == 1:
        read = _from_json(read[0])
    return read if isinstance(read, Mapping) else None


def _from_json(value: object) -> object:
    """Return what a text says as JSON, where it is an array or an object; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    if sum(map(value.count, "[{,")) > _MOST_VALUES:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_unsaid(value: object) -> bool:
    """Tell whether a value is null or empty, also as JSON text."""
    return _from_json(value) in _UNSAID


def _is_default(where: Location, value: object) -> bool:
    default = _comparison(where).default
    return _is_unsaid(value) or (default is not None and _is_equal(default, value))


def _values_agree(where: Location, sent: object, shown: object) -> bool:
    """Tell whether what was sent may be shown so; what is not shown contradicts nothing.

    An empty sample state is a value, no state at all; anything else that is empty is not shown. Of many
    samples the API may show some.
    """
    if shown is None or (shown in _EMPTY and where[-1:] != ("sample_state",)):
        return True
    if _is_directory(where) and isinstance(sent, str) and isinstance(shown, str):
        return directory(sent) == directory(shown)
    if isinstance(sent, Mapping | list):
        shown = _from_json(shown)
    if isinstance(sent, Mapping) and isinstance(shown, Mapping):
        return all(_values_agree((*where, name), value, shown.get(name)) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(shown, list):
        if where == _SAMPLES and _are_plain(shown):
            return Counter(map(_normalize, shown)) <= Counter(map(_normalize, sent))
        return not shown or _lists_match(sent, shown, lambda a, b: _values_agree(where, a, b))
    return _is_equal(sent, shown)


def _values_equal(where: Location, sent: object, shown: object) -> bool:
    """Tell whether two values say the same, with no part that only one of them has."""
    if _is_directory(where):
        return _values_agree(where, sent, shown)
    if isinstance(sent, Mapping | list):
        shown = _from_json(shown)
    if isinstance(sent, Mapping) and isinstance(shown, Mapping):
        known = _documented_names()
        names = sent.keys() | {name for name, each in shown.items() if each is not False or name in known}
        return all(_values_equal((*where, name), sent.get(name), shown.get(name)) for name in names)
    if isinstance(sent, list) and isinstance(shown, list) and sent and shown:
        return _lists_match(sent, shown, lambda a, b: _values_equal(where, a, b))
    if sent in _UNSAID or shown in _UNSAID:
        return sent in _UNSAID and shown in _UNSAID
    return _is_equal(sent, shown)


def _lists_match(sent: Sequence[Any], shown: Sequence[Any], agree: Agreement) -> bool:
    """Tell whether two lists hold the same in any order, as often: IDs, or conditions beside each other."""
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
    column_of = {taken_by: column for column, taken_by in row_of.items()}
    wanted_by: dict[int, int] = {}
    rows = deque([row])
    while rows:
        row = rows.popleft()
        for column in fits[row]:
            if column in wanted_by:
                continue
            wanted_by[column] = row
            if column in row_of:
                rows.append(row_of[column])
                continue
            step: int | None = column
            while step is not None:
                row_of[step] = wanted_by[step]
                step = column_of.get(wanted_by[step])
            return True
    return False


def _are_plain(values: Sequence[Any]) -> bool:
    return not any(isinstance(each, Mapping | list) for each in values)


def _is_equal(sent: object, shown: object) -> bool:
    """Tell whether two plain values are the same but for their type; a list or an object is none."""
    if isinstance(sent, Mapping | list) or isinstance(shown, Mapping | list):
        return False
    return _normalize(sent) == _normalize(shown)


def _normalize(value: object) -> object:
    """Return a value without its type: 3 is "3", true is "1", and 1.0 is the ratio "1.00"."""
    if str(value).lower() in _TRUTHS:
        return _TRUTHS[str(value).lower()]
    is_fraction = isinstance(value, float) or (isinstance(value, str) and _FRACTION.fullmatch(value))
    return f"{float(str(value)):.15g}" if is_fraction else str(value)
