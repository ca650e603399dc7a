"""The export tasks: the checks before one is created, and its states over time."""

import bisect
import math
import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import Lock

from modelarts_export.sandbox.cloud.contract import EXPORT_PARAMS, ApiError, JsonObject
from modelarts_export.sandbox.cloud.datasets import (
    MISSING_BUCKET,
    Dataset,
    make_built_in_datasets,
    to_milliseconds,
)
from modelarts_export.sandbox.cloud.samples import Sample, select_samples

DATASET_QUOTA = 100
"""Datasets of one account in one region (API.md, section 8)."""

# The states of a task by its final status, last state first, each with the share of the duration at which it
# begins. STOPPING is unfinished, STOPPED is final (API.md, section 1).
_BEGIN, _HALF = 0.1, 0.5
_UNDER_WAY = (("RUNNING", _BEGIN), ("INIT", 0.0))
_COURSES = {
    "SUCCESSED": (("SUCCESSED", 1.0), *_UNDER_WAY),
    "FAILED": (("FAILED", _HALF), *_UNDER_WAY),
    "STOPPED": (("STOPPED", 0.6), ("STOPPING", _HALF), *_UNDER_WAY),
}
# No failed task is documented, only the two fields that have the reason (API.md, section 4).
_CAUSE = {"error_code": "ModelArts.4401", "error_msg": "Export failed: a file could not be copied"}
_ID_LENGTH = 19
# The fields of a request that the API returns with the task (API.md, section 4).
_SHOWN_FIELDS = ("path", "export_type", "export_format", "version_format", "version_id")
_DEFAULTS = {"version_format": "Default", "export_format": 2}
_PARAM_DEFAULTS: JsonObject = {
    "export_dest": "DIR",
    "clear_hard_property": True,
    "train_sample_ratio": 1.0,
    "ratio_sample_usage": False,
}
# The request of the task that a busy dataset has from the start.
_FIRST_EXPORT: JsonObject = {
    "path": "/sandbox-bucket/output/",
    "export_type": 3,
    "export_params": {"sample_state": ""},
}


@dataclass(frozen=True, kw_only=True)
class SandboxTask:
    """An export task; its state is computed from its age.

    `created` is in epoch seconds; `duration`, in seconds, is that of a success; `end` is the last
    status; `asked` is the part of the request that the API shows again; `new_dataset` is what a success adds
    to the datasets.
    """

    task_id: str
    dataset_id: str
    request_fields: JsonObject = field(repr=False)
    sample_count: int
    created: float
    duration: float
    final_status: str = "SUCCESSED"
    new_dataset: Dataset | None = None

    @property
    def _course(self) -> tuple[tuple[str, float], ...]:
        return _COURSES[self.final_status]

    def _compute_share(self, now: float) -> float:
        """Return the share of the duration that has passed, up to the end of the course."""
        age, end = max(now - self.created, 0), self._course[0][1]
        return min(age / self.duration, end) if self.duration else end

    def compute_status(self, now: float) -> str:
        """Return the status at a time, in epoch seconds; before its creation the task is new."""
        share = self._compute_share(now)
        return next(status for status, begin in self._course if share >= begin)

    def is_finished(self, now: float) -> bool:
        """Return whether the status at a time is the last one."""
        return self.compute_status(now) == self._course[0][0]

    def count_finished_samples(self, now: float) -> int:
        """Return the number of exported samples at a time; it grows evenly while the task is RUNNING."""
        running = (
            self._compute_share(now)
            if self.final_status == "SUCCESSED"
            else min(self._compute_share(now), _HALF)
        )
        return int(self.sample_count * (max(running - _BEGIN, 0) / (1 - _BEGIN)))

    def _compute_progress(self, now: float) -> float:
        """Return the progress in per cent; without samples it is 100 when the task has succeeded."""
        if not self.sample_count:
            return 100.0 if self.compute_status(now) == "SUCCESSED" else 0.0
        return 100 * self.count_finished_samples(now) / self.sample_count

    def to_dict(self, now: float) -> JsonObject:
        """Return the task in the API's form at a time; without exported samples, counts are absent."""
        status, finished = self.compute_status(now), self.count_finished_samples(now)
        counts = {"total_sample_count": self.sample_count, "finished_sample_count": finished}
        updated = min(max(now, self.created), self.created + self._course[0][1] * self.duration)
        return {
            "task_id": self.task_id,
            **self.request_fields,
            "status": status,
            "progress": self._compute_progress(now),
            **(counts if finished or self.is_finished(now) else {}),
            **(_CAUSE if status == "FAILED" else {}),
            "create_time": to_milliseconds(self.created),
            "update_time": to_milliseconds(updated),
        }


class Cloud:
    """The datasets and tasks behind the API; thread-safe."""

    def __init__(self, *, clock: Callable[[], float], rng: random.Random, task_duration: float) -> None:
        """Create the built-in datasets; `clock` gives epoch seconds, `task_duration` is in seconds."""
        self._clock = clock
        self._rng = rng
        self._task_duration = task_duration
        self._lock = Lock()
        self._built_in = make_built_in_datasets(clock())
        busy = [dataset for dataset in self._built_in if dataset.behavior.busy]
        self._tasks = [
            self._make_task(
                dataset, _FIRST_EXPORT, created=clock(), duration=dataset.behavior.busy * task_duration
            )
            for dataset in busy
        ]

    def list_datasets(self) -> list[Dataset]:
        """Return the datasets, newest first; an exported one is included once its task has succeeded."""
        now = self._clock()
        with self._lock:
            makers = [task for task in reversed(self._tasks) if task.new_dataset]
        made = [
            task.new_dataset
            for task in makers
            if task.new_dataset and task.compute_status(now) == "SUCCESSED"
        ]
        return [*made, *self._built_in]

    def find_dataset(self, dataset_id: str) -> Dataset | ApiError:
        """Return a dataset, or the error for an unknown ID."""
        unknown = ApiError(code="ModelArts.4352", message="Dataset does not exist")
        return next((known for known in self.list_datasets() if known.dataset_id == dataset_id), unknown)

    def list_tasks(self, dataset_id: str, *, lag: float = 0.0) -> list[SandboxTask]:
        """Return the export tasks of a dataset that are at least `lag` seconds old, newest first."""
        newest = self._clock() - lag if lag else math.inf
        with self._lock:
            mine = [task for task in reversed(self._tasks) if task.dataset_id == dataset_id]
        return [task for task in mine if task.created <= newest]

    def list_running(self, dataset_id: str) -> list[str]:
        """Return the IDs of the export tasks of a dataset that are not finished, newest first."""
        now = self._clock()
        return [task.task_id for task in self.list_tasks(dataset_id) if not task.is_finished(now)]

    def find_task(self, dataset_id: str, task_id: str, *, lag: float = 0.0) -> SandboxTask | ApiError:
        """Return a task that `list_tasks` has, or the error for an unknown ID."""
        unknown = ApiError(code="ModelArts.4359", message="Export task does not exist")
        shown = self.list_tasks(dataset_id, lag=lag)
        return next((task for task in shown if task.task_id == task_id), unknown)

    def create_task(self, dataset: Dataset, body: JsonObject) -> SandboxTask | ApiError:
        """Create the task of a valid body, or return the first error."""
        with self._lock:
            task = self._make_task(
                dataset, body, created=self._clock(), duration=self._compute_duration(dataset)
            )
            # Permanent errors come first; the order is not documented.
            refusal = (
                check_dataset(dataset, task)
                or self._check_conflicts(task)
                or self._check_capacity(dataset, task.created)
            )
            if refusal:
                return refusal
            self._tasks.append(task)
            return task

    def add_task(
        self, dataset_id: str, body: JsonObject, *, age: float, duration: float | None = None
    ) -> SandboxTask:
        """Add a task that was created `age` seconds ago, without any checks; for tests.

        It runs for `duration` seconds, by default as long as other tasks of the dataset, which must exist.
        """
        dataset = next(known for known in self.list_datasets() if known.dataset_id == dataset_id)
        duration = self._compute_duration(dataset) if duration is None else duration
        with self._lock:
            task = self._make_task(dataset, body, created=self._clock() - age, duration=duration)
            bisect.insort(self._tasks, task, key=lambda known: known.created)
        return task

    def _check_conflicts(self, task: SandboxTask) -> ApiError | None:
        """Refuse a name or work path in use, and more datasets than the quota; unfinished ones count."""
        new = task.new_dataset
        if new is None:
            return None
        made = [
            other.new_dataset
            for other in self._tasks
            if other.new_dataset and other.compute_status(task.created) not in ("FAILED", "STOPPED")
        ]
        known = [*self._built_in, *made]
        if new.name in [other.name for other in known]:
            return ApiError(code="ModelArts.4351", message=f"Dataset name {new.name} already exists")
        if new.work_path in [other.work_path for other in known]:
            message = f"The work path {new.work_path} is that of another dataset"
            return ApiError(code="ModelArts.4364", message=message)
        if len(known) >= DATASET_QUOTA:
            message = f"The dataset quota of {DATASET_QUOTA} is used up"
            return ApiError(status=500, code="ModelArts.4354", message=message)
        return None

    def _check_capacity(self, dataset: Dataset, now: float) -> ApiError | None:
        mine = [task for task in self._tasks if task.dataset_id == dataset.dataset_id]
        if sum(not task.is_finished(now) for task in mine) < dataset.behavior.running_limit:
            return None
        return ApiError(code="ModelArts.4409", message="Too many tasks are running in the dataset")

    def _compute_duration(self, dataset: Dataset) -> float:
        return dataset.behavior.slowness * self._task_duration

    def _make_task(
        self, dataset: Dataset, body: JsonObject, *, created: float, duration: float
    ) -> SandboxTask:
        samples = select_samples(dataset.samples, body, created)
        return SandboxTask(
            task_id=self._make_id(),
            dataset_id=dataset.dataset_id,
            request_fields=_select_request_fields(body),
            sample_count=len(samples),
            created=created,
            duration=duration,
            final_status=dataset.behavior.final_status,
            new_dataset=self._make_new_dataset(body, samples, created + duration),
        )

    def _make_new_dataset(
        self, body: JsonObject, samples: Iterable[Sample], created: float
    ) -> Dataset | None:
        params = body.get("export_params", {})
        if params.get("export_dest") != "NEW_DATASET":
            return None
        return Dataset(
            dataset_id=self._make_id(),
            name=params["export_new_dataset_name"],
            data_path=body["path"],
            work_path=params["export_new_dataset_work_path"],
            samples=tuple(replace(sample, directory=body["path"]) for sample in samples),
            created=created,
        )

    def _make_id(self) -> str:
        return "".join(self._rng.choices(string.ascii_letters + string.digits, k=_ID_LENGTH))


def check_dataset(dataset: Dataset, task: SandboxTask) -> ApiError | None:
    """Refuse a dataset type without export, an unknown version, and a bucket that does not exist."""
    if not dataset.is_exportable:
        message = "Datasets of this type cannot be exported"
        return ApiError(status=501, code="ModelArts.4383", message=message)
    if task.request_fields.get("version_id") not in (None, *dataset.behavior.versions):
        return ApiError(code="ModelArts.4353", message="Dataset version does not exist")
    directories = [task.request_fields["path"], task.new_dataset.work_path if task.new_dataset else ""]
    if any(directory.startswith(f"/{MISSING_BUCKET}/") for directory in directories):
        return ApiError(code="ModelArts.4311", message=f"The OBS bucket {MISSING_BUCKET} does not exist")
    return None


def _select_request_fields(body: JsonObject) -> JsonObject:
    given = body.get("export_params", {})
    params = _PARAM_DEFAULTS | {name: given[name] for name in EXPORT_PARAMS if name in given}
    # The only field with two types: a string in requests, a number in replies.
    params["train_sample_ratio"] = float(params["train_sample_ratio"])
    shown = {name: body[name] for name in _SHOWN_FIELDS if name in body}
    return _DEFAULTS | shown | {"export_params": params}
