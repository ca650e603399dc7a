"""What the API answers about an export task; tolerant of whatever is missing, unknown or of another type."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeGuard

from modelarts_export.sanitize import truncate

# The order in which a task is shown; what else the API returned follows.
SHOWN_FIRST = (
    "task_id",
    "dataset_id",
    "project_id",
    "status",
    "state",
    "progress",
    "total_sample_count",
    "finished_sample_count",
    "path",
    "create_time",
    "update_time",
)
# One field may hold both code and words: "ModelArts.4311: OBS bucket does not exist." (.github/API.md,
# section 4).
_CODE_AND_WORDS = re.compile(r"\s*((?:ModelArts|APIGW?|IAM)\.\d{4,8})(?:[\s:]+|$)(.*)", re.DOTALL)
_ABSURD = 10**15  # no count of samples, and as milliseconds since 1970 beyond the calendar
# Milliseconds since 1970 of 2010, before there was a ModelArts, and of 2100: what is told in seconds, 0 or
# negative is no time of a task, rather than a time long ago.
_EARLIEST, _LATEST = 1_262_304_000_000, 4_102_444_800_000
# The documents have one word for success, and sibling calls of the API others (.github/API.md, section 1).
_SUCCESSES = ("SUCCESSED", "SUCCEEDED", "SUCCESS", "COMPLETED")


class TaskState(Enum):
    """What a status means; the wire word is the value (.github/API.md, section 1, task status)."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    SUCCESSED = "SUCCESSED"

    @property
    def label(self) -> str:
        """The word for people."""
        return {"INIT": "queued", "SUCCESSED": "succeeded"}.get(self.value, self.value.lower())

    @classmethod
    def parse(cls, status: str | None) -> "TaskState | None":
        """Return what a status means, or None for one that is not documented."""
        said = (status or "").upper()
        return cls.SUCCESSED if said in _SUCCESSES else next((s for s in cls if s.value == said), None)


@dataclass(frozen=True, kw_only=True)
class ExportTask:
    """One export task as the API described it last.

    `answer` has the API's own fields under their own names: times in milliseconds since 1970, progress in
    per cent. `reused`: it existed before, and is used instead of a new one; `skipped`: it existed before, and
    nothing was submitted because of it. `found` is what was found out beside the API's answer.
    """

    task_id: str
    dataset_id: str
    project_id: str
    raw: Mapping[str, Any]
    reused: bool = False
    skipped: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str | None:
        """The API's word for the state, a number as text, or None when it is not known."""
        status = self.raw.get("status")
        return status if isinstance(status, str) else str(status) if is_number(status) else None

    @property
    def state(self) -> TaskState | None:
        """What the status means, or None for a word that is not documented."""
        return TaskState.parse(self.status)

    @property
    def is_finished(self) -> bool:
        """Whether the status is a last one."""
        return self.state in (TaskState.FAILED, TaskState.STOPPED, TaskState.SUCCESSED)

    @property
    def failure(self) -> tuple[str | None, str]:
        """The API's code and words for what went wrong, also where the field of the code holds both."""
        shown = {**self.raw, **self._split_error()}
        code, words = shown.get("error_code"), shown.get("error_msg")
        return None if code in (None, "") else truncate(str(code)), "" if words is None else truncate(
            str(words)
        )

    def _split_error(self) -> dict[str, str]:
        """Return code and words under the API's names if they came in one field, else nothing."""
        code, words = self.raw.get("error_code"), self.raw.get("error_msg")
        found = _CODE_AND_WORDS.fullmatch(code) if isinstance(code, str) else None
        if found is None or found[1] == code:
            return {}
        told = dict.fromkeys(part for part in (found[2].strip(), str(words or "")) if part)
        return {"error_code": found[1], "error_msg": ": ".join(told)}

    @property
    def new_dataset_name(self) -> str | None:
        """The name of the dataset that it makes, where it makes one and the API says how it is called."""
        params = self.raw.get("export_params")
        if isinstance(params, str):  # some servers return what was sent as text
            try:
                params = json.loads(params)
            except (ValueError, RecursionError):
                return None
        if not isinstance(params, Mapping) or params.get("export_dest") == "DIR":
            return None
        name = params.get("export_new_dataset_name")
        return name if isinstance(name, str) and name else None

    @property
    def finished_samples(self) -> int | None:
        """How many samples are exported, where the API says so."""
        return _to_count(self.raw.get("finished_sample_count"))

    @property
    def total_samples(self) -> int | None:
        """How many samples there are to export, where the API says so."""
        return _to_count(self.raw.get("total_sample_count"))

    @property
    def percent(self) -> float | None:
        """The API's own progress, which no document promises to be from 0 to 100."""
        progress = self.raw.get("progress")
        return float(progress) if is_number(progress) else None

    @property
    def created(self) -> float | None:
        """When it was created, in epoch seconds by the server's clock."""
        return _to_seconds(self.raw.get("create_time"))

    @property
    def updated(self) -> float | None:
        """When it last changed, in epoch seconds by the server's clock."""
        return _to_seconds(self.raw.get("update_time"))

    def updated_with(self, seen: "ExportTask") -> "ExportTask":
        """Return this task as a look shows it now; what only its acceptance told stays known."""
        return replace(self, raw={**self.raw, **seen.raw})

    def to_dict(self) -> dict[str, Any]:
        """Return what is known, under the API's names: the usual fields first, null where unknown."""
        state = self.state.label if self.state else "unknown"
        named = {"task_id": self.task_id, "dataset_id": self.dataset_id, "project_id": self.project_id}
        usual = {name: self.raw.get(name) for name in SHOWN_FIRST}
        ours = {"state": state, "reused": self.reused, "skipped": self.skipped}
        return {**usual, **self.raw, **self._split_error(), **named, **ours, **self.extra}


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether this is a number to reckon with: neither NaN nor larger than anything real."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _ABSURD


def _to_seconds(milliseconds: object) -> float | None:
    if is_number(milliseconds) and _EARLIEST <= milliseconds < _LATEST:
        return milliseconds / 1000
    return None


def _to_count(value: object) -> int | None:
    return int(value) if is_number(value) and value >= 0 else None
