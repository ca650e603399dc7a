"""Whether a task of the list is what a request asks for: perhaps ours, or good enough to stand in for it.

The API shows some fields of a request again, some as another type, with defaults filled in and with keys that
no document has (.github/API.md, section 4).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from modelarts_export.errors import Location, dotted
from modelarts_export.task import ExportTask

_PARAMS = "export_params"
# What a reply has under the name of a request field, and with another meaning.
_OF_THE_TASK = ("task_id", "status")
# What takes samples away. Of two exports with the same path, one with such a field is another export.
_NARROWING: tuple[Location, ...] = (
    ("export_type",),
    ("sample_state",),
    ("version_id",),
    (_PARAMS, "sample_state"),
    (_PARAMS, "samples"),
    (_PARAMS, "search_conditions"),
)
# What the API fills in for a field that was not sent (.github/API.md, section 1).
_DEFAULTS: Mapping[Location, Any] = {
    ("export_format",): 2,
    ("source_type_header",): "obs://",
    ("version_format",): "Default",
    ("with_column_header",): True,
    (_PARAMS, "export_dest"): "DIR",
    (_PARAMS, "clear_hard_property"): True,
    (_PARAMS, "ratio_sample_usage"): False,
    (_PARAMS, "train_sample_ratio"): 1,
    (_PARAMS, "export_dataset_version_format"): "Default",
}
_OTHERS: tuple[Location, ...] = (
    ("annotation_format",),
    ("dataset_type",),
    (_PARAMS, "export_dataset_version_name"),
    (_PARAMS, "export_new_dataset_name"),
    (_PARAMS, "export_new_dataset_work_path"),
)
_EMPTY: tuple[Any, ...] = ("", [], {})
_UNSAID = (None, *_EMPTY)
_TRUTHS = {"true": "1", "false": "0"}  # `hard` is sent as "1", and may be shown as true
_FRACTION = re.compile(r"\d+\.\d+")


def may_be(body: Mapping[str, Any], task: ExportTask) -> bool:
    """Tell whether a task may have come of a request: one path, and no field that both have contradicts."""
    shown = task.answer.get("path")
    if not isinstance(shown, str) or directory(shown) != directory(str(body.get("path"))):
        return False
    return all(_agree(where, sent, _at(task.answer, where)) for where, sent in _leaves(body))


def stands_in_for(body: Mapping[str, Any], task: ExportTask) -> bool:
    """Tell whether an older task exports what a request asks for: it may be it, and has nothing besides."""
    sent = {where: value for where, value in _leaves(body) if value not in _UNSAID}
    return may_be(body, task) and all(
        (where not in _NARROWING or value in _UNSAID or _is_same(sent[where], value))
        if where in sent
        else _is_default(where, value)
        for where, value in _leaves(task.answer)
        if _is_asked(where)
    )


def unshown(body: Mapping[str, Any], task: ExportTask) -> str | None:
    """Return a narrowing field that was sent and that the task does not show, so that nobody can tell."""
    for where, sent in _leaves(body):
        if where in _NARROWING and sent not in _UNSAID and _at(task.answer, where) in _UNSAID:
            return dotted(where)
    return None


def directory(path: str) -> str:
    """Return an OBS directory in the one form that the API documents, /bucket/dir/."""
    for scheme in ("obs://", "s3://"):
        if path.lower().startswith(scheme):
            path = path[len(scheme) :]
    return f"/{path.strip('/')}/"


def _leaves(body: Mapping[str, Any]) -> Iterator[tuple[Location, Any]]:
    """Yield each field of a request, or of a task, with its place; those of the parameters as well."""
    for name, value in body.items():
        if name == _PARAMS and isinstance(value, Mapping):
            yield from (((name, inner), each) for inner, each in value.items())
        elif name not in (*_OF_THE_TASK, "path"):
            yield (name,), value


def _at(answer: Mapping[str, Any], where: Location) -> Any:  # noqa: ANN401 - JSON of any shape
    value: Any = answer
    for step in where:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _is_asked(where: Location) -> bool:
    """Tell whether a field of a task is one that a request may have; others are the task's own."""
    return where in _NARROWING or where in _DEFAULTS or where in _OTHERS


def _is_default(where: Location, value: Any) -> bool:  # noqa: ANN401 - see _at
    return value in _UNSAID or (where in _DEFAULTS and _plain(value) == _plain(_DEFAULTS[where]))


def _agree(where: Location, sent: Any, shown: Any) -> bool:  # noqa: ANN401 - see _at
    """Tell whether what was sent may be shown so; what is not shown contradicts nothing.

    An empty sample state is a value, no state at all; anything else that is empty is not shown.
    """
    if shown is None or (shown in _EMPTY and where[-1:] != ("sample_state",)):
        return True
    if isinstance(sent, Mapping) and isinstance(shown, Mapping):
        return all(_agree((*where, name), value, shown.get(name)) for name, value in sent.items())
    if _is_list(sent) and _is_list(shown):
        return _are_alike(sent, shown, lambda a, b: _agree(where, a, b))
    return _plain(sent) == _plain(shown)


def _is_same(sent: Any, shown: Any) -> bool:  # noqa: ANN401 - see _at
    """Tell whether two values say the same, with no part that only one of them has."""
    if isinstance(sent, Mapping) and isinstance(shown, Mapping):
        return all(_is_same(sent.get(name), shown.get(name)) for name in sent.keys() | shown.keys())
    if _is_list(sent) and _is_list(shown) and sent and shown:
        return _are_alike(sent, shown, _is_same)
    if sent in _UNSAID or shown in _UNSAID:
        return sent in _UNSAID and shown in _UNSAID
    return _plain(sent) == _plain(shown)


def _are_alike(sent: Sequence[Any], shown: Sequence[Any], agree: Callable[[Any, Any], bool]) -> bool:
    """Tell whether two lists hold the same in any order: IDs, or conditions that stand beside each other."""
    if len(sent) != len(shown):
        return False
    if all(isinstance(each, str | int) for each in (*sent, *shown)):
        return Counter(map(_plain, sent)) == Counter(map(_plain, shown))
    matches = [[agree(each, other) for other in shown] for each in sent]
    return all(map(any, matches)) and all(map(any, zip(*matches, strict=True)))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _plain(value: object) -> object:
    """Return a value without its type: 3 is "3", true is "1", and 1.0 is the ratio "1.00"."""
    if str(value).lower() in _TRUTHS:
        return _TRUTHS[str(value).lower()]
    is_fraction = isinstance(value, float) or (isinstance(value, str) and _FRACTION.fullmatch(value))
    return f"{float(str(value)):.15g}" if is_fraction else str(value)
