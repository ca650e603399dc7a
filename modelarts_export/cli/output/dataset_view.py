"""The facts of datasets that a table shows, as text and in local time."""

from collections.abc import Sequence

from modelarts_export.api.dataset import Dataset
from modelarts_export.cli.output.console import Cell
from modelarts_export.cli.output.tables import NOTHING
from modelarts_export.cli.output.task_view import (
    format_count,
    format_field,
    format_label,
    format_time,
)
from modelarts_export.clock import format_duration
from modelarts_export.request.enums import DatasetType

# The fields that named columns show.
_NAMED_FIELDS = {
    *("dataset_id", "dataset_name", "dataset_type", "status", "data_sources", "work_path", "create_time"),
    *("update_time", "total_sample_count", "annotated_sample_count"),
}


def dataset_rows(datasets: Sequence[Dataset], now: float, *, wide: bool = False) -> list[dict[str, Cell]]:
    """Return a row for each dataset, with `wide` of every fact; `now` is in epoch seconds.

    The first columns are always there, so that a script can count on them.
    """
    return [_dataset_row(each, now) | (_wide_columns(each) if wide else {}) for each in datasets]


def _dataset_row(dataset: Dataset, now: float) -> dict[str, Cell]:
    raw = dataset.raw
    age = "" if dataset.created is None else format_duration(now - dataset.created, units=1)
    return {
        "id": dataset.dataset_id,
        "name": format_field(raw.get("dataset_name")) or NOTHING,
        "type": format_label(DatasetType, raw.get("dataset_type")) or NOTHING,
        "samples": format_count(raw.get("total_sample_count")) or NOTHING,
        "labeled": format_count(raw.get("annotated_sample_count")) or NOTHING,
        "age": age or NOTHING,
    }


def _wide_columns(dataset: Dataset) -> dict[str, Cell]:
    raw = dataset.raw
    others = ((name, format_field(value)) for name, value in raw.items() if name not in _NAMED_FIELDS)
    return {
        "Status": dataset.status.label if dataset.status else format_field(raw.get("status")),
        "Input": " ".join(dataset.input_paths),
        "Work path": dataset.work_path,
        "Created": format_time(raw.get("create_time")),
        "Updated": format_time(raw.get("update_time")),
        "Project": dataset.project_id,
        "Other": " ".join(f"{name}={text}" for name, text in others if text),
    }
