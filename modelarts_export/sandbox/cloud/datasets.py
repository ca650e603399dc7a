"""The built-in datasets and their behavior."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelarts_export.sandbox.cloud.contract import JsonObject
from modelarts_export.sandbox.cloud.samples import Sample, make_built_in_samples

DATASET_ID = "sandbox-images"
MISSING_BUCKET = "missing-bucket"
"""The one bucket that does not exist: an export to it is refused with 400, ModelArts.4311."""
RUNNING_LIMIT = 1000
"""Tasks of one dataset that may run at once; the limit of the API is not published (API.md, section 8).

High enough for any pipeline, and for lists of several full pages.
"""

# Images and free format, as most of the documents have it; they disagree on the latter (API.md, section 2).
_EXPORTABLE_TYPES = (0, 1, 3, 900)


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """What an export of a dataset does; the defaults are those of a dataset that an export created.

    `description` is for the help, `name` that of a dataset whose name is not its ID, `final_status` the last
    status of its tasks. `slowness` is the duration of a task, `busy` that of a task which runs from the start
    of the sandbox, both in task durations.
    """

    description: str = "Its tasks succeed."
    name: str = ""
    dataset_type: int = 1
    versions: tuple[str, ...] = ()
    denied: bool = False
    final_status: str = "SUCCESSED"
    slowness: float = 1
    busy: float = 0
    running_limit: int = RUNNING_LIMIT


BUILT_IN: Mapping[str, Behavior] = {
    DATASET_ID: Behavior(
        description="Its name is cats-and-dogs; its tasks succeed; it has one version, sandbox-v1.",
        name="cats-and-dogs",
        versions=("sandbox-v1",),
    ),
    "sandbox-failing": Behavior(
        description="Its tasks fail halfway, with ModelArts.4401.", final_status="FAILED"
    ),
    "sandbox-stopped": Behavior(
        description="Its tasks are stopped halfway: STOPPING, then STOPPED.", final_status="STOPPED"
    ),
    "sandbox-slow": Behavior(description="Its tasks take 100 times the task duration.", slowness=100),
    "sandbox-denied": Behavior(
        description="It can be read, but its export is refused with 403, ModelArts.0112.", denied=True
    ),
    "sandbox-text": Behavior(
        description="It contains text, and its export is refused with 501, ModelArts.4383.", dataset_type=100
    ),
    "sandbox-busy": Behavior(
        description=(
            "It runs one task at a time, at the start one of 10 task durations; until it is finished, the "
            "next is refused with 400, ModelArts.4409."
        ),
        busy=10,
        running_limit=1,
    ),
}
"""The built-in datasets by ID, which is the name as well unless they have one."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset; `created` is in epoch seconds."""

    dataset_id: str
    name: str
    data_path: str
    work_path: str
    samples: tuple[Sample, ...] = field(repr=False)
    created: float
    behavior: Behavior = Behavior()

    @property
    def sample_count(self) -> int:
        """Number of samples."""
        return len(self.samples)

    @property
    def is_exportable(self) -> bool:
        """Whether datasets of its type can be exported."""
        return self.behavior.dataset_type in _EXPORTABLE_TYPES

    def to_dict(self) -> JsonObject:
        """Return the dataset in the API's form; status 1 is normal."""
        return {
            "dataset_id": self.dataset_id,
            "dataset_name": self.name,
            "dataset_type": self.behavior.dataset_type,
            "status": 1,
            "data_sources": [{"data_type": 0, "data_path": self.data_path}],
            "work_path": self.work_path,
            "work_path_type": 0,
            "total_sample_count": self.sample_count,
            "annotated_sample_count": sum(bool(sample.labels) for sample in self.samples),
            "create_time": to_milliseconds(self.created),
            "update_time": to_milliseconds(self.created),
        }


def make_built_in_datasets(created: float) -> list[Dataset]:
    """Return the datasets of a sandbox that starts at a time, in epoch seconds."""
    return [
        Dataset(
            dataset_id=dataset_id,
            name=behavior.name or dataset_id,
            data_path=f"/sandbox-bucket/{dataset_id}/input/",
            work_path=f"/sandbox-bucket/{dataset_id}/work/",
            samples=make_built_in_samples(
                f"/sandbox-bucket/{dataset_id}/input/", created, behavior.dataset_type
            ),
            created=created,
            behavior=behavior,
        )
        for dataset_id, behavior in BUILT_IN.items()
    ]


def to_milliseconds(seconds: float) -> int:
    """Return a time in the API's unit (API.md, section 4)."""
    return round(seconds * 1000)
