"""The export tasks of the sandbox: what stands in their way, and how they move to their end with time."""

import bisect
import math
import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import Lock

from modelarts_export.sandbox.cloud.contract import EXPORT_PARAMS, ApiError, JsonObject
from modelarts_export.sandbox.cloud.datasets import MISSING_BUCKET, Dataset, built_in, milliseconds
from modelarts_export.sandbox.cloud.samples import Sample, select

DATASET_QUOTA = 100
"""Datasets of one account in one region (API.md, section 8)."""

# The states of a task by the last one, which comes first, each with the share of the task's duration at which
# it begins. STOPPING is under way, and STOPPED an end (API.md, section 1).
_BEGIN, _HALF = 0.1, 0.5
_UNDER_WAY = (("RUNNING", _BEGIN), ("INIT", 0.0))
_COURSES = {
    "SUCCESSED": (("SUCCESSED", 1.0), *_UNDER_WAY),
    "FAILED": (("FAILED", _HALF), *_UNDER_WAY),
    "STOPPED": (("STOPPED", 0.6), ("STOPPING", _HALF), *_UNDER_WAY),
}
# No document shows a task that failed; two fields of the task are said to tell why (API.md, section 4).
_CAUSE = {"error_code": "ModelArts.4401", "error_msg": "Export failed: a file could not be copied"}
_ID_LENGTH = 19
# Of what was asked, the fields that the API shows again (API.md, section 4), defaults first.
_SHOWN_FIELDS = ("path", "export_type", "export_format", "version_format", "version_id")
_DEFAULTS = {"version_format": "Default", "export_format": 2}
_PARAM_DEFAULTS: JsonObject = {
    "export_dest": "DIR",
    "clear_hard_property": True,
    "train_sample_ratio": 1.0,
    "ratio_sample_usage": False,
}
# What a dataset is busy with when the sandbox starts.
_FIRST_EXPORT: JsonObject = {
    "path": "/sandbox-bucket/output/",
    "export_type": 3,
    "export_params": {"sample_state": ""},
}


@dataclass(frozen=True, kw_only=True)
class SandboxTask:
    """An export task; its state is not kept but follows from its age, so nothing has to move it.

    `created` is in epoch seconds; `duration`, in seconds, is that of a success; `end` is the last
    status; `asked` is the part of the request that the API shows again; `new_dataset` is what a success adds
    to the datasets.
    """

    task_id: str
    dataset_id: str
    asked: JsonObject = field(repr=False)
    sample_count: int
    created: float
    duration: float
    end: str = "SUCCESSED"
    new_dataset: Dataset | None = None

    @property
    def _course(self) -> tuple[tuple[str, float], ...]:
        return _COURSES[self.end]

    def _share(self, now: float) -> float:
        """Return the share of the duration that has passed, up to the end of the course."""
        age, end = max(now - self.created, 0), self._course[0][1]
        return min(age / self.duration, end) if self.duration else end

    def status(self, now: float) -> str:
        """Return the status at a time, in epoch seconds; a clock set back finds the task new."""
        share = self._share(now)
        return next(status for status, begin in self._course if share >= begin)

    def ended(self, now: float) -> bool:
        """Return whether the status at a time is the last one."""
        return self.status(now) == self._course[0][0]

    def finished(self, now: float) -> int:
        """Return how many samples are exported at a time, which grows evenly while the task is RUNNING."""
        running = self._share(now) if self.end == "SUCCESSED" else min(self._share(now), _HALF)
        return int(self.sample_count * (max(running - _BEGIN, 0) / (1 - _BEGIN)))

    def _progress(self, now: float) -> float:
        """Return per cent; an export of no samples has done all of them when it succeeds."""
        if not self.sample_count:
            return 100.0 if self.status(now) == "SUCCESSED" else 0.0
        return 100 * self.finished(now) / self.sample_count

    def shown(self, now: float) -> JsonObject:
        """Return the task as the API shows it at a time; counts are absent while nothing is exported yet."""
        status, finished = self.status(now), self.finished(now)
        counts = {"total_sample_count": self.sample_count, "finished_sample_count": finished}
        updated = min(max(now, self.created), self.created + self._course[0][1] * self.duration)
        return {
            "task_id": self.task_id,
            **self.asked,
            "status": status,
            "progress": self._progress(now),
            **(counts if finished or self.ended(now) else {}),
            **(_CAUSE if status == "FAILED" else {}),
            "create_time": milliseconds(self.created),
            "update_time": milliseconds(updated),
        }


class Cloud:
    """The state behind the API; every method may be called from any thread."""

    def __init__(self, *, clock: Callable[[], float], chance: random.Random, task_duration: float) -> None:
        """Start with the built-in datasets; `clock` gives epoch seconds, `task_duration` is in seconds."""
        self._clock = clock
        self._chance = chance
        self._task_duration = task_duration
        self._lock = Lock()
        self._built_in = built_in(clock())
        busy = [dataset for dataset in self._built_in if dataset.behaviour.busy]
        self._tasks = [
            self._task(
                dataset, _FIRST_EXPORT, created=clock(), duration=dataset.behaviour.busy * task_duration
            )
            for dataset in busy
        ]

    def datasets(self) -> list[Dataset]:
        """Return the datasets, the newest first; that of an export is there once its task succeeded."""
        now = self._clock()
        with self._lock:
            makers = [task for task in reversed(self._tasks) if task.new_dataset]
        made = [task.new_dataset for task in makers if task.new_dataset and task.status(now) == "SUCCESSED"]
        return [*made, *self._built_in]

    def dataset(self, dataset_id: str) -> Dataset | ApiError:
        """Return a dataset, or the refusal of an unknown ID."""
        unknown = ApiError(code="ModelArts.4352", message="Dataset does not exist")
        return next((known for known in self.datasets() if known.dataset_id == dataset_id), unknown)

    def tasks(self, dataset_id: str, *, lag: float = 0.0) -> list[SandboxTask]:
        """Return the export tasks of a dataset, the newest first; none is younger than `lag`, in seconds."""
        newest = self._clock() - lag if lag else math.inf
        with self._lock:
            mine = [task for task in reversed(self._tasks) if task.dataset_id == dataset_id]
        return [task for task in mine if task.created <= newest]

    def task(self, dataset_id: str, task_id: str, *, lag: float = 0.0) -> SandboxTask | ApiError:
        """Return an export task that `tasks` has, or the refusal of an unknown ID."""
        unknown = ApiError(code="ModelArts.4359", message="Export task does not exist")
        shown = self.tasks(dataset_id, lag=lag)
        return next((task for task in shown if task.task_id == task_id), unknown)

    def create(self, dataset: Dataset, body: JsonObject) -> SandboxTask | ApiError:
        """Start an export, its body already accepted by the contract, or refuse what is in its way."""
        with self._lock:
            task = self._task(dataset, body, created=self._clock(), duration=self._usual_duration(dataset))
            # What waiting cannot cure comes first; the documents know no order.
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
        """Add a task that was created `age` seconds ago, whatever stands in its way; for tests.

        It runs for `duration` seconds, or as long as any other of its dataset; there must be such a dataset.
        """
        dataset = next(known for known in self.datasets() if known.dataset_id == dataset_id)
        duration = self._usual_duration(dataset) if duration is None else duration
        with self._lock:
            task = self._task(dataset, body, created=self._clock() - age, duration=duration)
            bisect.insort(self._tasks, task, key=lambda known: known.created)
        return task

    def _check_conflicts(self, task: SandboxTask) -> ApiError | None:
        """Refuse a taken name or work path, and one dataset too many; those being made count already."""
        new = task.new_dataset
        if new is None:
            return None
        made = [
            other.new_dataset
            for other in self._tasks
            if other.new_dataset and other.status(task.created) not in ("FAILED", "STOPPED")
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
        if sum(not task.ended(now) for task in mine) < dataset.behaviour.running_limit:
            return None
        return ApiError(code="ModelArts.4409", message="Too many tasks are running in the dataset")

    def _usual_duration(self, dataset: Dataset) -> float:
        return dataset.behaviour.slowness * self._task_duration

    def _task(self, dataset: Dataset, body: JsonObject, *, created: float, duration: float) -> SandboxTask:
        samples = select(dataset.samples, body, created)
        return SandboxTask(
            task_id=self._id(),
            dataset_id=dataset.dataset_id,
            asked=_asked(body),
            sample_count=len(samples),
            created=created,
            duration=duration,
            end=dataset.behaviour.end,
            new_dataset=self._new_dataset(body, samples, created + duration),
        )

    def _new_dataset(self, body: JsonObject, samples: Iterable[Sample], created: float) -> Dataset | None:
        params = body.get("export_params", {})
        if params.get("export_dest") != "NEW_DATASET":
            return None
        return Dataset(
            dataset_id=self._id(),
            name=params["export_new_dataset_name"],
            data_path=body["path"],
            work_path=params["export_new_dataset_work_path"],
            samples=tuple(replace(sample, directory=body["path"]) for sample in samples),
            created=created,
        )

    def _id(self) -> str:
        return "".join(self._chance.choices(string.ascii_letters + string.digits, k=_ID_LENGTH))


def check_dataset(dataset: Dataset, task: SandboxTask) -> ApiError | None:
    """Refuse what the dataset cannot do or does not have, and a directory in a bucket that is not there."""
    if not dataset.exportable:
        message = "Datasets of this type cannot be exported"
        return ApiError(status=501, code="ModelArts.4383", message=message)
    if task.asked.get("version_id") not in (None, *dataset.behaviour.versions):
        return ApiError(code="ModelArts.4353", message="Dataset version does not exist")
    directories = [task.asked["path"], task.new_dataset.work_path if task.new_dataset else ""]
    if any(directory.startswith(f"/{MISSING_BUCKET}/") for directory in directories):
        return ApiError(code="ModelArts.4311", message=f"The OBS bucket {MISSING_BUCKET} does not exist")
    return None


def _asked(body: JsonObject) -> JsonObject:
    given = body.get("export_params", {})
    params = _PARAM_DEFAULTS | {name: given[name] for name in EXPORT_PARAMS if name in given}
    # The one field that comes back as another type: a string in the request, a number in replies.
    params["train_sample_ratio"] = float(params["train_sample_ratio"])
    shown = {name: body[name] for name in _SHOWN_FIELDS if name in body}
    return _DEFAULTS | shown | {"export_params": params}
