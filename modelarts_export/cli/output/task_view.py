"""The facts of a task that a table shows, as text and in local time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from posixpath import commonpath
from typing import TYPE_CHECKING, Any

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.api.values import is_number
from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.cli.output.console import Cell, Fact
from modelarts_export.cli.output.tables import NOTHING
from modelarts_export.clock import format_duration
from modelarts_export.quoting import list_first
from modelarts_export.request.enums import ExportFormat, ExportType, WireEnum
from modelarts_export.sanitize import to_json

if TYPE_CHECKING:
    from modelarts_export.batch.report import ReportRow
    from modelarts_export.spec.loader import SpecSet

ACCEPTED, UNKNOWN = "accepted", "unknown"  # in place of a status
_WHOLE = 100  # per cent
_MOST_LISTED = 3
_STATUS_STYLES = {
    TaskState.INIT: "yellow",
    TaskState.RUNNING: "blue",
    TaskState.STOPPING: "yellow",
    TaskState.STOPPED: "bold red",
    TaskState.FAILED: "bold red",
    TaskState.SUCCESSED: "bold green",
}
# The columns of `wide` in their order, and the fields that the named facts show.
_WIDE_COLUMNS = (
    *("Progress", "New dataset", "New dataset ID", "Export format", "Version", "Created", "Updated"),
    *("Dataset", "Project", "Error"),
)
_NAMED_FIELDS = {
    *("task_id", "dataset_id", "project_id", "status", "progress", "total_sample_count", "version_id"),
    *("finished_sample_count", "error_code", "error_msg", "path", "export_new_dataset_name", "export_type"),
    *("export_format", "create_time", "update_time"),
}


def task_facts(task: ExportTask, *, wide: bool = False, with_failure: bool = True) -> list[Fact]:
    """Return the known facts of one task, with `wide` also the fields that have no name of ours.

    The reason of a failure is left out unless `with_failure`, for a command whose error tells it.
    """
    raw = task.raw
    facts = (
        ("Task", task.task_id, "bold"),
        ("Status", _format_status(task), get_style(task)),
        ("Progress", _format_percent(raw.get("progress")), ""),
        ("Samples", _format_samples(raw), ""),
        ("Error", format_failure(task) if wide or with_failure else "", "red"),
        ("Path", _format_text(raw.get("path")), ""),
        ("New dataset", _format_text(_export_params(task).get("export_new_dataset_name")), ""),
        ("New dataset ID", _format_text(task.extra.get("new_dataset_id")), ""),
        ("Export type", _format_enum(ExportType, raw.get("export_type")), ""),
        ("Export format", _format_enum(ExportFormat, raw.get("export_format")), ""),
        ("Version", _format_text(raw.get("version_id")), ""),
        ("Dataset", task.dataset_id, ""),
        ("Project", task.project_id, ""),
        ("Created", format_time(raw.get("create_time")), ""),
        ("Updated", _format_update(task), ""),
        *((_to_label(name), text, "") for name, text in (_list_other_fields(task) if wide else ())),
    )
    return [fact for fact in facts if fact[1]]


def spec_rows(specs: "SpecSet") -> list[dict[str, str | None]]:
    """Return a row for each export that specs ask for, under the names of its fields."""
    return [
        {
            "spec": planned.spec.place,
            "command": get_command_name(planned.export.request),
            "name": planned.export.name,
            "dataset_id": planned.export.dataset_id,
            "project_id": planned.export.project_id,
            "path": planned.export.request.path,
        }
        for planned in specs.exports
    ]


def task_rows(tasks: Sequence[ExportTask], now: float, *, wide: bool = False) -> list[dict[str, Cell]]:
    """Return a row for each task, with `wide` of every fact; `now` is in epoch seconds.

    The first columns are always there, so that a script can count on them.
    """
    return [_task_row(task, now) | (_wide_columns(task) if wide else {}) for task in tasks]


def report_rows(rows: Sequence["ReportRow"], now: float, *, wide: bool = False) -> list[dict[str, Cell]]:
    """Return a row for each export of a batch: its name or position, and the row of its task.

    Without a task, the status is what became of the export.
    """
    return [_report_row(row, now, wide=wide) for row in rows]


def _report_row(row: "ReportRow", now: float, *, wide: bool) -> dict[str, Cell]:
    name: dict[str, Cell] = {"name": row.name or row.spec}
    if row.task:
        [cells] = task_rows([row.task], now, wide=wide)
        if row.task.reused or row.task.skipped:
            how = "reused" if row.task.reused else "skipped"
            cells["status"] = f"{format_state(row.task)} ({how})", get_style(row.task)
    else:
        style = "bold red" if row.error else "yellow"
        cells = {
            "task_id": NOTHING,
            "status": (row.label, style),
            **dict.fromkeys(("samples", "type", "age"), NOTHING),
            "path": row.path,
        }
        cells |= {**dict.fromkeys((*_WIDE_COLUMNS, "Other")), "Dataset": row.dataset_id} if wide else {}
    failure = ": ".join(filter(None, [row.error_code, row.error_msg]))
    return name | cells | ({"Error": (failure, "red"), "Spec": row.spec} if wide else {})


def _task_row(task: ExportTask, now: float) -> dict[str, Cell]:
    raw = task.raw
    age = "" if task.created is None else format_duration(now - task.created, units=1)
    return {
        "task_id": task.task_id,
        "status": (format_state(task), get_style(task)),
        "samples": _format_samples(raw) or NOTHING,
        "type": format_label(ExportType, raw.get("export_type")) or NOTHING,
        "age": age or NOTHING,
        "path": _format_text(raw.get("path")) or NOTHING,
    }


def _wide_columns(task: ExportTask) -> dict[str, Cell]:
    shown = ("Task", "Status", "Samples", "Path", "Export type")
    named: dict[str, Cell] = dict.fromkeys(_WIDE_COLUMNS)
    named |= {name: (text, style) for name, text, style in task_facts(task) if name not in shown}
    others = (f"{name}={text}" for name, text in _list_other_fields(task) if text)
    return {**named, "Other": " ".join(others)}


def export_location(tasks: Sequence[ExportTask]) -> str:
    """Return where tasks have written their exports; nothing when no path is known."""
    names, paths = dict[str, None](), dict[str, None]()
    for task in tasks:
        name, dataset_id = task.new_dataset_name, task.extra.get("new_dataset_id")
        if name:
            names[name + (f" (ID {dataset_id})" if dataset_id else "")] = None
        elif path := _format_text(task.raw.get("path")):
            paths[path] = None
    datasets = f"the new dataset{' is' if len(names) == 1 else 's are'} {list_some(names)}" if names else ""
    exports = f"the export{' is' if len(tasks) == 1 else 's are'} {_describe_paths(paths)}" if paths else ""
    return "; ".join(filter(None, [datasets, exports]))


def _describe_paths(paths: Collection[str]) -> str:
    """Return `in` some directories, or `below` the one that all of many are in."""
    if len(paths) > _MOST_LISTED and all(path.startswith("/") for path in paths):
        common = commonpath(paths).rstrip("/")
        if common:
            return f"below obs:/{common}/"
    return f"in {list_some([f'obs:/{path}' for path in paths])}"


def list_some(texts: Collection[str]) -> str:
    """Return the first of some texts, and how many more there are: `a, b and c`, or `a, b, c and 2 more`."""
    if len(texts) > _MOST_LISTED:
        return list_first(texts, _MOST_LISTED)
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last


def format_failure(task: ExportTask) -> str:
    """Return the API's error code and message of a failed task, or nothing."""
    return ": ".join(filter(None, task.failure))


def describe_early_end(task: ExportTask) -> str:
    """Return that a task that was just created has failed or was stopped, and why; nothing of any other."""
    failure = format_failure(task)
    if task.state is TaskState.FAILED:
        return f"the task has failed already: {failure or 'the API gives no reason'}"
    if task.state is TaskState.STOPPED:
        return f"the task was stopped already{failure and f': {failure}'}"
    return ""


def _export_params(task: ExportTask) -> Mapping[str, Any]:
    params = task.raw.get("export_params")
    return params if isinstance(params, Mapping) else {}


def format_state(task: ExportTask) -> str:
    """Return the label of the status, or the API's value when it is undocumented.

    A task that was accepted, and whose status was not read yet, is accepted.
    """
    if task.state:
        return task.state.label
    return task.status or (ACCEPTED if task.raw and "status" not in task.raw else UNKNOWN)


def get_style(task: ExportTask) -> str:
    """Return the style of rich for the status of a task."""
    return _STATUS_STYLES[task.state] if task.state else ""


def _format_status(task: ExportTask) -> str:
    if task.status is None:
        return format_state(task)
    return f"{task.state.label} ({task.status})" if task.state else task.status


def _format_text(value: object) -> str:
    return "" if value is None else str(value)


def _format_percent(value: object) -> str:
    """Return per cent, rounded down: an unfinished task is never at 100 %."""
    return f"{int(min(max(value, 0), _WHOLE))} %" if is_number(value) else _format_text(value)


def _format_samples(raw: Mapping[str, Any]) -> str:
    done, total = map(format_count, (raw.get("finished_sample_count"), raw.get("total_sample_count")))
    return f"{done or '?'}/{total}" if total else done


def format_count(value: object) -> str:
    """Return a number with thousands separated, and any other value unchanged."""
    return f"{value:,}" if is_number(value) else _format_text(value)


def _format_enum(kind: type[WireEnum], value: object) -> str:
    label = format_label(kind, value)
    return label if label == _format_text(value) else f"{label} ({value})"


def format_label(kind: type[WireEnum], value: object) -> str:
    """Return the label of a value of the API, and any other value unchanged."""
    try:
        return kind.parse(value).label
    except ValueError:
        return _format_text(value)


def format_time(value: object) -> str:
    """Return milliseconds since 1970 as local time with its zone, and any other value unchanged."""
    if not is_number(value):
        return _format_text(value)
    try:
        return datetime.fromtimestamp(value / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except (OverflowError, OSError, ValueError):
        return _format_text(value)


def _format_update(task: ExportTask) -> str:
    """Return the time of the last change, and how long a finished task took."""
    text = format_time(task.raw.get("update_time"))
    if not task.is_finished or task.created is None or task.updated is None or task.updated < task.created:
        return text
    return f"{text} ({format_duration(task.updated - task.created)})"


def _list_other_fields(task: ExportTask) -> list[tuple[str, str]]:
    """Return the fields that no named fact shows, those of export_params among the others."""
    raw = task.raw
    params = raw.get("export_params")
    fields = {**raw, **params, "export_params": None} if isinstance(params, Mapping) else raw
    others = [(name, format_field(value)) for name, value in fields.items() if name not in _NAMED_FIELDS]
    flags = [
        (name, "yes") for name, is_true in (("reused", task.reused), ("skipped", task.skipped)) if is_true
    ]
    return [(name, text) for name, text in others if text] + flags


def format_field(value: object) -> str:
    """Return a text unchanged, and any other value as JSON."""
    return value if isinstance(value, str) else "" if value is None else to_json(value)


def _to_label(name: str) -> str:
    return name.replace("_", " ").capitalize()
