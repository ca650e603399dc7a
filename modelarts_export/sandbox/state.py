"""The datasets and export tasks of the sandbox, and how a task moves to its end as the clock goes on."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from modelarts_export.sandbox.contract import EXPORT_PARAMS
from modelarts_export.sandbox.exchange import JsonObject, Refusal

DATASET_ID = "sandbox-images"
DATASET_QUOTA = 100
"""Datasets of one account in one region (API.md, section 8)."""

# The states of a task, the last one first, each with the share of the task's duration at which it begins.
_TRANSITIONS = (("SUCCESSED", 1.0), ("RUNNING", 0.1), ("INIT", 0.0))
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


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """An object detection dataset, every sample of it labelled; `created` is in epoch seconds."""

    dataset_id: str
    name: str
    data_path: str
    work_path: str
    sample_count: int
    created: float

    def shown(self) -> JsonObject:
        """Return the dataset as the API shows it; type 1 is object detection, status 1 normal."""
        return {
            "dataset_id": self.dataset_id,
            "dataset_name": self.name,
            "dataset_type": 1,
            "status": 1,
            "data_sources": [{"data_type": 0, "data_path": self.data_path}],
            "work_path": self.work_path,
            "work_path_type": 0,
            "total_sample_count": self.sample_count,
            "annotated_sample_count": self.sample_count,
            "create_time": _milliseconds(self.created),
            "update_time": _milliseconds(self.created),
        }


@dataclass(frozen=True, kw_only=True)
class ExportTask:
    """An export task; its state is not kept but follows from its age, so nothing has to move it.

    `created` is in epoch seconds, `duration` in seconds; `asked` is the part of the request that the API
    shows again; `new_dataset` is what a success adds to the datasets.
    """

    task_id: str
    dataset_id: str
    asked: JsonObject = field(repr=False)
    sample_count: int
    created: float
    duration: float
    new_dataset: Dataset | None = None

    def status(self, now: float) -> str:
        """Return the status at a time, in epoch seconds; a clock set back finds the task new."""
        age = max(now - self.created, 0)
        return next(status for status, share in _TRANSITIONS if age >= share * self.duration)

    def finished(self, now: float) -> int:
        """Return how many samples are exported at a time, which grows evenly while the task is RUNNING."""
        status = self.status(now)
        if status != "RUNNING":
            return self.sample_count if status == "SUCCESSED" else 0
        begin = dict(_TRANSITIONS)["RUNNING"]
        share = (now - self.created) / self.duration
        return int(self.sample_count * (share - begin) / (1 - begin))

    def shown(self, now: float) -> JsonObject:
        """Return the task as the API shows it at a time; counts are absent while nothing is exported yet."""
        status, finished = self.status(now), self.finished(now)
        done = status == "SUCCESSED"
        counts = {"total_sample_count": self.sample_count, "finished_sample_count": finished}
        updated = min(max(now, self.created), self.created + self.duration)
        return {
            "task_id": self.task_id,
            **self.asked,
            "status": status,
            "progress": 100.0 if done else 100 * finished / max(self.sample_count, 1),
            **(counts if done or finished else {}),
            "create_time": _milliseconds(self.created),
            "update_time": _milliseconds(updated),
        }


class Cloud:
    """The state behind the API; every method may be called from any thread."""

    def __init__(self, *, clock: Callable[[], float], chance: random.Random, task_duration: float) -> None:
        """Start with one dataset; `clock` gives epoch seconds, `task_duration` is in seconds."""
        self._clock = clock
        self._chance = chance
        self._task_duration = task_duration
        self._lock = Lock()
        self._tasks: list[ExportTask] = []
        self._first = Dataset(
            dataset_id=DATASET_ID,
            name="sandbox-images",
            data_path="/sandbox-bucket/images/",
            work_path="/sandbox-bucket/work/",
            sample_count=20,
            created=clock(),
        )

    def datasets(self) -> list[Dataset]:
        """Return the datasets, the newest first; that of an export is there once its task succeeded."""
        now = self._clock()
        with self._lock:
            ended = [task for task in reversed(self._tasks) if task.status(now) == "SUCCESSED"]
        return [*(task.new_dataset for task in ended if task.new_dataset), self._first]

    def dataset(self, dataset_id: str) -> Dataset | Refusal:
        """Return a dataset, or the refusal of an unknown ID."""
        unknown = Refusal(code="ModelArts.4352", message="Dataset does not exist")
        return next((known for known in self.datasets() if known.dataset_id == dataset_id), unknown)

    def tasks(self, dataset_id: str) -> list[ExportTask]:
        """Return the export tasks of a dataset, the newest first."""
        with self._lock:
            return [task for task in reversed(self._tasks) if task.dataset_id == dataset_id]

    def task(self, dataset_id: str, task_id: str) -> ExportTask | Refusal:
        """Return an export task of a dataset, or the refusal of an unknown ID."""
        unknown = Refusal(code="ModelArts.4359", message="Export task does not exist")
        return next((task for task in self.tasks(dataset_id) if task.task_id == task_id), unknown)

    def create(self, dataset: Dataset, body: JsonObject) -> ExportTask | Refusal:
        """Start an export, its body already accepted by the contract, or refuse the new dataset's name."""
        with self._lock:
            task = self._task(dataset, body)
            refusal = self._refusal(task.new_dataset) if task.new_dataset else None
            if refusal:
                return refusal
            self._tasks.append(task)
            return task

    def _refusal(self, new: Dataset) -> Refusal | None:
        """Refuse a taken name and one dataset too many; those still being exported count already."""
        names = [self._first.name, *(task.new_dataset.name for task in self._tasks if task.new_dataset)]
        if new.name in names:
            return Refusal(code="ModelArts.4351", message=f"Dataset name {new.name} already exists")
        if len(names) >= DATASET_QUOTA:
            message = f"The dataset quota of {DATASET_QUOTA} is used up"
            return Refusal(status=500, code="ModelArts.4354", message=message)
        return None

    def _task(self, dataset: Dataset, body: JsonObject) -> ExportTask:
        samples = body.get("export_params", {}).get("samples")
        count = len(samples) if samples else dataset.sample_count
        now = self._clock()
        return ExportTask(
            task_id=self._id(),
            dataset_id=dataset.dataset_id,
            asked=_asked(body),
            sample_count=count,
            created=now,
            duration=self._task_duration,
            new_dataset=self._new_dataset(body, count, now + self._task_duration),
        )

    def _new_dataset(self, body: JsonObject, count: int, created: float) -> Dataset | None:
        params = body.get("export_params", {})
        if params.get("export_dest") != "NEW_DATASET":
            return None
        return Dataset(
            dataset_id=self._id(),
            name=params["export_new_dataset_name"],
            data_path=body["path"],
            work_path=params["export_new_dataset_work_path"],
            sample_count=count,
            created=created,
        )

    def _id(self) -> str:
        return "".join(self._chance.choices(string.ascii_letters + string.digits, k=_ID_LENGTH))


def _asked(body: JsonObject) -> JsonObject:
    given = body.get("export_params", {})
    params = _PARAM_DEFAULTS | {name: given[name] for name in EXPORT_PARAMS if name in given}
    # The one field that comes back as another type: a string in the request, a number in replies.
    params["train_sample_ratio"] = float(params["train_sample_ratio"])
    shown = {name: body[name] for name in _SHOWN_FIELDS if name in body}
    return _DEFAULTS | shown | {"export_params": params}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
