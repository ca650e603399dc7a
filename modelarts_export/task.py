"""What the API answers about an export task; tolerant of whatever is missing, unknown or of another type."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

# The order in which a task is shown; what else the API returned follows.
SHOWN_FIRST = (
    "task_id",
    "dataset_id",
    "project_id",
    "status",
    "progress",
    "total_sample_count",
    "finished_sample_count",
    "path",
    "create_time",
    "update_time",
)


class TaskState(Enum):
    """What a status means; the wire word is the value (.github/API.md, section 1, task status)."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    SUCCESSED = "SUCCESSED"

    @property
    def word(self) -> str:
        """The word for people."""
        return {"INIT": "queued", "SUCCESSED": "succeeded"}.get(self.value, self.value.lower())


@dataclass(frozen=True, kw_only=True)
class ExportTask:
    """One export task as the API described it last.

    `answer` has the API's own fields under their own names: times in milliseconds since 1970, progress in
    per cent. `reused` tells that the task existed before and was adopted.
    """

    task_id: str
    dataset_id: str
    project_id: str
    answer: Mapping[str, Any]
    reused: bool = False

    @property
    def status(self) -> str | None:
        """The API's word for the state, or None when it is not known."""
        status = self.answer.get("status")
        return status if isinstance(status, str) else None

    @property
    def state(self) -> TaskState | None:
        """What the status means, or None for a word that is not documented."""
        return next((state for state in TaskState if state.value == self.status), None)

    def as_dict(self) -> dict[str, Any]:
        """Return what is known, under the API's names: the usual fields first, null where unknown."""
        named = {"task_id": self.task_id, "dataset_id": self.dataset_id, "project_id": self.project_id}
        usual = {name: self.answer.get(name) for name in SHOWN_FIRST}
        return {**usual, **self.answer, **named, "reused": self.reused}
