"""The facts of a task that a table shows, as text and in local time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelarts_export.api.task import ExportTask, TaskState, is_number
from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.cli.output.console import Cell, Row
from modelarts_export.request.enums import ExportFormat, ExportType, WireEnum

if TYPE_CHECKING:
    from modelarts_export.spec.loader import SpecSet

UNKNOWN = "unknown"  # in place of a status
_WHOLE = 100  # per cent
_STATUS_STYLES = {
    TaskState.INIT: "yellow",
    TaskState.RUNNING: "blue",
    TaskState.STOPPING: "yellow",
    TaskState.STOPPED: "bold red",
    TaskState.FAILED: "bold red",
    TaskState.SUCCESSED: "bold green",
}


def task_facts(task: ExportTask) -> list[Row]:
    """Return the rows of one task; an unknown fact has none."""
    raw, params = task.raw, _export_params(task)
    rows = (
        ("Task", task.task_id, "bold"),
        ("Status", _format_status(task), get_style(task)),
        ("Progress", _format_percent(raw.get("progress")), ""),
        ("Samples", _format_samples(raw), ""),
        ("Error", format_failure(task), "red"),
        ("Path", _format_text(raw.get("path")), ""),
        ("New dataset", _format_text(params.get("export_new_dataset_name")), ""),
        ("New dataset ID", _format_text(task.extra.get("new_dataset_id")), ""),
        ("Export type", _format_enum(ExportType, raw.get("export_type")), ""),
        ("Export format", _format_enum(ExportFormat, raw.get("export_format")), ""),
        ("Version", _format_text(raw.get("version_id")), ""),
        ("Dataset", task.dataset_id, ""),
        ("Project", task.project_id, ""),
        ("Created", _format_time(raw.get("create_time")), ""),
        ("Updated", _format_time(raw.get("update_time")), ""),
    )
    return [row for row in rows if row[1]]


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


def task_rows(tasks: Sequence[ExportTask]) -> list[dict[str, Cell]]:
    """Return a row for each task; the table omits columns without values."""
    return [
        {
            "task_id": task.task_id,
            "status": (format_state(task), get_style(task)),
            "progress": _format_percent(task.raw.get("progress")),
            "samples": _format_samples(task.raw),
            "path": _format_text(task.raw.get("path")),
            "created": _format_time(task.raw.get("create_time")),
            "error": format_failure(task),
        }
        for task in tasks
    ]


def export_location(task: ExportTask) -> str:
    """Return where a task has written its export; nothing when its path is unknown."""
    params, path = _export_params(task), _format_text(task.raw.get("path"))
    name, dataset_id = params.get("export_new_dataset_name"), task.extra.get("new_dataset_id")
    if name:
        return f"the new dataset is {_format_text(name)}" + (
            f", with the ID {dataset_id}" if dataset_id else ""
        )
    return path and f"the export is in obs:/{path}"


def format_failure(task: ExportTask) -> str:
    """Return the API's error code and message of a failed task, or nothing."""
    return ": ".join(filter(None, task.failure))


def _export_params(task: ExportTask) -> Mapping[str, Any]:
    params = task.raw.get("export_params")
    return params if isinstance(params, Mapping) else {}


def format_state(task: ExportTask) -> str:
    """Return the label of the status, or the API's value when it is undocumented."""
    return task.state.label if task.state else task.status or UNKNOWN


def get_style(task: ExportTask) -> str:
    """Return the style of rich for the status of a task."""
    return _STATUS_STYLES[task.state] if task.state else ""


def _format_status(task: ExportTask) -> str:
    if task.status is None:
        return "unknown"
    return f"{task.state.label} ({task.status})" if task.state else task.status


def _format_text(value: object) -> str:
    return "" if value is None else str(value)


def _format_percent(value: object) -> str:
    """Return per cent, rounded down: an unfinished task is never at 100 %."""
    return f"{int(min(max(value, 0), _WHOLE))} %" if is_number(value) else _format_text(value)


def _format_samples(raw: Mapping[str, Any]) -> str:
    done, total = map(_format_count, (raw.get("finished_sample_count"), raw.get("total_sample_count")))
    return f"{done or '?'} of {total or '?'}" if done or total else ""


def _format_count(value: object) -> str:
    return f"{value:,}" if is_number(value) else _format_text(value)


def _format_enum(kind: type[WireEnum], value: object) -> str:
    try:
        return f"{kind.parse(value).label} ({value})"
    except ValueError:
        return _format_text(value)


def _format_time(value: object) -> str:
    """Return milliseconds since 1970 as local time, and any other value unchanged."""
    if not is_number(value):
        return _format_text(value)
    try:
        return datetime.fromtimestamp(value / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return _format_text(value)
