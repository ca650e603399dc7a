"""A dataset as the API describes it, whatever is missing or of another type, and its search by name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

from modelarts_export.api.values import format_utc, is_number, to_count, to_seconds
from modelarts_export.clock import SYSTEM_CLOCK, Clock, format_duration
from modelarts_export.errors import DatasetNameError, RefusedError
from modelarts_export.identifiers import is_identifier
from modelarts_export.quoting import find_nearest, list_first, quote
from modelarts_export.request.directories import to_directory
from modelarts_export.request.enums import DatasetType
from modelarts_export.sanitize import truncate

# The fields of the output that come first; all others follow.
_SHOWN_FIRST = (
    "dataset_id",
    "dataset_name",
    "project_id",
    "dataset_type",
    "type",
    "status",
    "state",
    "total_sample_count",
    "annotated_sample_count",
    "work_path",
    "create_time",
    "created_at",
    "update_time",
    "updated_at",
)
# All documents agree on these types (.github/API.md, section 2); on the other ones they do not.
_EXPORTABLE = (DatasetType.IMAGE_CLASSIFICATION, DatasetType.OBJECT_DETECTION)
_UNDECIDED = (DatasetType.IMAGE_SEGMENTATION, DatasetType.CUSTOM)
_LONGEST_NAME = 100  # characters (.github/API.md, section 2)
_MOST_COMPARED = 1000  # names; a project has at most 100 datasets (.github/API.md, section 8)
_MOST_SHOWN = 5  # candidates in a message


class DatasetStatus(Enum):
    """A documented status; the value is the one on the wire (.github/API.md, section 1, dataset status)."""

    CREATING = 0
    NORMAL = 1
    DELETING = 2
    DELETED = 3
    ABNORMAL = 4
    SYNCHRONIZING = 5
    PUBLISHING = 6
    SWITCHING_VERSION = 7
    IMPORTING = 8

    @property
    def label(self) -> str:
        """The status as tables show it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One dataset; `raw` has the API's fields under their own names, times in milliseconds since 1970."""

    dataset_id: str
    project_id: str
    raw: Mapping[str, Any]

    @property
    def name(self) -> str | None:
        """The name, where the API shows it."""
        return self._get_text("dataset_name")

    @property
    def dataset_type(self) -> DatasetType | None:
        """The type, or None for an undocumented one; newer datasets may have none."""
        return DatasetType.find(self.raw.get("dataset_type"))

    @property
    def is_exportable(self) -> bool | None:
        """Whether datasets of its type can be exported, by the documents (.github/API.md, section 2).

        None where these disagree, and for an unknown type; the server decides.
        """
        kind = self.dataset_type
        return None if kind is None or kind in _UNDECIDED else kind in _EXPORTABLE

    @property
    def status(self) -> DatasetStatus | None:
        """The status, or None for an undocumented one."""
        status = self.raw.get("status")
        return next((each for each in DatasetStatus if is_number(status) and each.value == status), None)

    @property
    def total_samples(self) -> int | None:
        """How many samples it has, where the API shows it."""
        return to_count(self.raw.get("total_sample_count"))

    @property
    def labeled_samples(self) -> int | None:
        """How many samples have labels, where the API shows it."""
        return to_count(self.raw.get("annotated_sample_count"))

    @property
    def input_paths(self) -> tuple[str, ...]:
        """The directories that its samples were imported from, each as /bucket/dir/."""
        sources = self.raw.get("data_sources")
        paths = [each.get("data_path") for each in _list_mappings(sources)]
        return tuple(dict.fromkeys(to_directory(path) for path in paths if isinstance(path, str) and path))

    @property
    def work_path(self) -> str | None:
        """The directory of its output, as /bucket/dir/, where the API shows it."""
        path = self._get_text("work_path")
        return to_directory(path) if path else None

    @property
    def inner_paths(self) -> tuple[str, ...]:
        """The directories that the service itself uses, each as /bucket/dir/."""
        names = [name for name in self.raw if name.startswith("inner_") and name.endswith("_path")]
        paths = filter(None, map(self._get_text, names))
        return tuple(dict.fromkeys(map(to_directory, paths)))

    @property
    def has_running_task(self) -> bool | None:
        """Whether a task of the kind that was asked for is running, None where the API does not show it."""
        running = self.raw.get("exist_running_task", self.raw.get("existRunningTask"))
        return running if isinstance(running, bool) else None

    @property
    def running_task_ids(self) -> tuple[str, ...]:
        """The IDs of the running tasks that the API shows."""
        listed = self.raw.get("running_tasks_id")
        return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()

    @property
    def created(self) -> float | None:
        """When it was created, in epoch seconds by the server's clock."""
        return to_seconds(self.raw.get("create_time"))

    @property
    def updated(self) -> float | None:
        """When it last changed, in epoch seconds by the server's clock."""
        return to_seconds(self.raw.get("update_time"))

    def to_dict(self) -> dict[str, Any]:
        """Return all fields under the API's names, and ours: the usual ones first, None where unknown.

        Ours are `type` and `state`, words for `dataset_type` and `status`, and `created_at` and `updated_at`.
        """
        first = {name: self.raw.get(name) for name in _SHOWN_FIRST}
        ours = {
            "dataset_id": self.dataset_id,
            "project_id": self.project_id,
            "type": self.dataset_type.label if self.dataset_type else "unknown",
            "state": self.status.label if self.status else "unknown",
            "created_at": format_utc(self.created),
            "updated_at": format_utc(self.updated),
        }
        return {**first, **self.raw, **ours}

    def _get_text(self, field: str) -> str | None:
        value = self.raw.get(field)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, kw_only=True)
class DatasetPage:
    """A page of a project's datasets; `date` is the server's time in epoch seconds, where it is known."""

    datasets: tuple[Dataset, ...]
    date: float | None


def sort_by_age(datasets: Iterable[Dataset]) -> list[Dataset]:
    """Return datasets with the newest first, and last those whose age is unknown."""
    return sorted(datasets, key=_get_create_time, reverse=True)


def _get_create_time(dataset: Dataset) -> float:
    """Return the time in the unit of the API, also one that is no plausible date: for the order alone."""
    created = dataset.raw.get("create_time")
    return created if is_number(created) else 0.0


def find_named(datasets: Iterable[Dataset], name: str) -> list[Dataset]:
    """Return the datasets with exactly this name, newest first: the server's own search is not exact."""
    return sort_by_age(dataset for dataset in datasets if dataset.name == name)


def select_named(pages: Sequence[DatasetPage], name: str, clock: Clock = SYSTEM_CLOCK) -> Dataset:
    """Return the one dataset with exactly this name; without a time of the server, ages are those by `clock`.

    Raises DatasetNameError with the similar names if there is none, and with the IDs and ages of several.
    """
    datasets = [dataset for page in pages for dataset in page.datasets]
    now = next((page.date for page in pages if page.date), None) or clock.time()
    named = find_named(datasets, name)
    if len(named) == 1:
        return named[0]
    if named:
        candidates = list_first([_describe(each, now) for each in named], _MOST_SHOWN)
        message = f"{len(named):,} datasets have the name {quote(name)}: {candidates}"
        raise DatasetNameError(message, candidates=named, hint="give the ID of one of them")
    similar = list(_iter_similar_names(name, datasets))
    suggestion = f"; similar names: {list_first(similar, _MOST_SHOWN)}" if similar else ""
    total = "" if datasets else "; the project has no datasets"
    message = f"no dataset has the name {quote(name)}{suggestion}{total}"
    raise DatasetNameError(message, hint="give the exact name of a dataset, or its ID")


def select_id(pages: Sequence[DatasetPage], name: str) -> str:
    """Return the ID of the one dataset with exactly this name.

    Raises what select_named raises, and RefusedError for an ID of another form than a user may give.
    """
    dataset_id = select_named(pages, name).dataset_id
    if not is_identifier(dataset_id):
        raise RefusedError(f"the dataset {quote(name)} has an invalid ID: {quote(dataset_id)}")
    return dataset_id


def _describe(dataset: Dataset, now: float) -> str:
    age = "" if dataset.created is None else format_duration(now - dataset.created, units=1)
    return f"{truncate(dataset.dataset_id)} (age {age or 'unknown'})"


def _iter_similar_names(name: str, datasets: Iterable[Dataset]) -> Iterator[str]:
    """Yield the name that was probably meant, then those that contain the name or are a large part of it."""
    names = (each.name for each in islice(datasets, _MOST_COMPARED))
    known = list(dict.fromkeys(each for each in names if each and len(each) <= _LONGEST_NAME))
    nearest = find_nearest(name, known)
    if nearest:
        yield quote(nearest)
    folded = name.casefold()
    for other in known:
        is_part = len(other) * 2 >= len(name) and other.casefold() in folded
        if other != nearest and (folded in other.casefold() or is_part):
            yield quote(other)


def _list_mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
