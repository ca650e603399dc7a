"""The rows of a table: which facts of a task are shown, in words and local time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelarts_export.api.task import ExportTask, TaskState, is_number
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
    """Return the rows of one task; what is not known has none."""
    answer, params = task.raw, _params(task)
    rows = (
        ("Task", task.task_id, "bold"),
        ("Status", _status(task), get_style(task)),
        ("Progress", _progress(answer.get("progress")), ""),
        ("Samples", _samples(answer), ""),
        ("Error", format_failure(task), "red"),
        ("Path", _text(answer.get("path")), ""),
        ("New dataset", _text(params.get("export_new_dataset_name")), ""),
        ("New dataset ID", _text(task.extra.get("new_dataset_id")), ""),
        ("Export type", _choice(ExportType, answer.get("export_type")), ""),
        ("Export format", _choice(ExportFormat, answer.get("export_format")), ""),
        ("Version", _text(answer.get("version_id")), ""),
        ("Dataset", task.dataset_id, ""),
        ("Project", task.project_id, ""),
        ("Created", _time(answer.get("create_time")), ""),
        ("Updated", _time(answer.get("update_time")), ""),
    )
    return [row for row in rows if row[1]]


def spec_rows(plan: "SpecSet") -> list[dict[str, str | None]]:
    """Return what each spec would export, under the names of its fields."""
    return [
        {
            "spec": planned.spec.place,
            "command": planned.export.request.command,
            "name": planned.export.name,
            "dataset_id": planned.export.dataset_id,
            "project_id": planned.export.project_id,
            "path": planned.export.request.path,
        }
        for planned in plan.exports
    ]


def task_rows(tasks: Sequence[ExportTask]) -> list[dict[str, Cell]]:
    """Return a row for each task; what no task has is left out by the table."""
    return [
        {
            "task_id": task.task_id,
            "status": (format_state(task), get_style(task)),
            "progress": _progress(task.raw.get("progress")),
            "samples": _samples(task.raw),
            "path": _text(task.raw.get("path")),
            "created": _time(task.raw.get("create_time")),
            "error": format_failure(task),
        }
        for task in tasks
    ]


def export_location(task: ExportTask) -> str:
    """Return where the export is that a task has made; nothing when its path is not known."""
    params, path = _params(task), _text(task.raw.get("path"))
    name, dataset_id = params.get("export_new_dataset_name"), task.extra.get("new_dataset_id")
    if name:
        return f"the new dataset is {_text(name)}" + (f", with the ID {dataset_id}" if dataset_id else "")
    return path and f"the export is in obs:/{path}"


def format_failure(task: ExportTask) -> str:
    """Return the API's code and words for a task that failed, or nothing."""
    return ": ".join(filter(None, task.failure))


def _params(task: ExportTask) -> Mapping[str, Any]:
    params = task.raw.get("export_params")
    return params if isinstance(params, Mapping) else {}


def format_state(task: ExportTask) -> str:
    """Return the status as a word for people, or as the API says it when it is not documented."""
    return task.state.label if task.state else task.status or UNKNOWN


def get_style(task: ExportTask) -> str:
    """Return the style of rich for the status of a task."""
    return _STATUS_STYLES[task.state] if task.state else ""


def _status(task: ExportTask) -> str:
    if task.status is None:
        return "unknown"
    return f"{task.state.label} ({task.status})" if task.state else task.status


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _progress(value: object) -> str:
    """Return per cent, rounded down: what is not done is not 100 %."""
    return f"{int(min(max(value, 0), _WHOLE))} %" if is_number(value) else _text(value)


def _samples(answer: Mapping[str, Any]) -> str:
    done, total = map(_counted, (answer.get("finished_sample_count"), answer.get("total_sample_count")))
    return f"{done or '?'} of {total or '?'}" if done or total else ""


def _counted(value: object) -> str:
    return f"{value:,}" if is_number(value) else _text(value)


def _choice(kind: type[WireEnum], value: object) -> str:
    try:
        return f"{kind.parse(value).label} ({value})"
    except ValueError:
        return _text(value)


def _time(value: object) -> str:
    """Return milliseconds since 1970 as local time; anything else as it is."""
    if not is_number(value):
        return _text(value)
    try:
        return datetime.fromtimestamp(value / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return _text(value)
