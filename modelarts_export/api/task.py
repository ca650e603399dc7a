"""An export task as the API describes it, whatever is missing, unknown or of another type."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from modelarts_export.api.values import format_utc, is_number, to_count, to_seconds
from modelarts_export.sanitize import truncate

# The fields of the output that come first; all others follow.
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
    "location",
    "create_time",
    "created_at",
    "update_time",
    "updated_at",
)
# One field may hold both code and message: "ModelArts.4311: OBS bucket does not exist." (.github/API.md,
# section 4).
_CODE_AND_MESSAGE = re.compile(r"\s*((?:ModelArts|APIGW?|IAM)\.\d{4,8})(?:[\s:]+|$)(.*)", re.DOTALL)
# SUCCESSED is documented; other calls of the API use the others (.github/API.md, section 1).
_SUCCESSES = ("SUCCESSED", "SUCCEEDED", "SUCCESS", "COMPLETED")


class TaskState(Enum):
    """A documented status; the value is the one on the wire (.github/API.md, section 1, task status)."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    SUCCESSED = "SUCCESSED"

    @property
    def label(self) -> str:
        """The state as messages and tables show it."""
        return {"INIT": "queued", "SUCCESSED": "succeeded"}.get(self.value, self.value.lower())

    @classmethod
    def parse(cls, status: str | None) -> "TaskState | None":
        """Return the state of a status, or None for one that is not documented."""
        return _STATES.get((status or "").upper())


_STATES = {state.value: state for state in TaskState} | dict.fromkeys(_SUCCESSES, TaskState.SUCCESSED)


@dataclass(frozen=True, kw_only=True)
class ExportTask:
    """One export task, as the API described it last.

    `raw` has the API's fields under their own names: times in milliseconds since 1970, progress in per cent.
    `reused`: it existed before, and is used instead of a new one; `skipped`: it existed before, and nothing
    was submitted because of it. `extra` has fields that other calls added.
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
        """The status as the API has it, a number as text, or None when it is not known."""
        status = self.raw.get("status")
        return status if isinstance(status, str) else str(status) if is_number(status) else None

    @property
    def state(self) -> TaskState | None:
        """The state of the status, or None for one that is not documented."""
        return TaskState.parse(self.status)

    @property
    def is_finished(self) -> bool:
        """Whether the status is final."""
        return self.state in (TaskState.FAILED, TaskState.STOPPED, TaskState.SUCCESSED)

    @property
    def failure(self) -> tuple[str | None, str]:
        """The API's error code and message, also where the field of the code holds both."""
        fields = {**self.raw, **self._split_error()}
        code, message = fields.get("error_code"), fields.get("error_msg")
        return (
            None if code in (None, "") else truncate(str(code)),
            "" if message is None else truncate(str(message)),
        )

    def _split_error(self) -> dict[str, str]:
        """Return code and message under the API's names if they came in one field, else nothing."""
        code, message = self.raw.get("error_code"), self.raw.get("error_msg")
        match = _CODE_AND_MESSAGE.fullmatch(code) if isinstance(code, str) else None
        if match is None or match[1] == code:
            return {}
        parts = dict.fromkeys(part for part in (match[2].strip(), str(message or "")) if part)
        return {"error_code": match[1], "error_msg": ": ".join(parts)}

    @property
    def new_dataset_name(self) -> str | None:
        """The name of the dataset that it creates, where it creates one and the API shows the name."""
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
    def location(self) -> str | None:
        """The directory of the export, as obs://bucket/dir/, where the API shows it."""
        path = self.raw.get("path")
        return f"obs:/{path}" if isinstance(path, str) and path.startswith("/") else None

    @property
    def finished_samples(self) -> int | None:
        """How many samples are exported, where the API shows it."""
        return to_count(self.raw.get("finished_sample_count"))

    @property
    def total_samples(self) -> int | None:
        """How many samples there are to export, where the API shows it."""
        return to_count(self.raw.get("total_sample_count"))

    @property
    def percent(self) -> float | None:
        """The progress as the API has it, which is not documented to be from 0 to 100."""
        progress = self.raw.get("progress")
        return float(progress) if is_number(progress) else None

    @property
    def created(self) -> float | None:
        """When it was created, in epoch seconds by the server's clock."""
        return to_seconds(self.raw.get("create_time"))

    @property
    def updated(self) -> float | None:
        """When it last changed, in epoch seconds by the server's clock."""
        return to_seconds(self.raw.get("update_time"))

    def updated_with(self, newer: "ExportTask") -> "ExportTask":
        """Return this task with the fields of a newer reply; fields that only this one has stay."""
        return replace(self, raw={**self.raw, **newer.raw})

    def to_dict(self) -> dict[str, Any]:
        """Return all fields under the API's names, and ours: those of SHOWN_FIRST first, None where unknown.

        `created_at` and `updated_at` are in UTC, in whole seconds as in 2026-11-24T05:19:50Z (RFC 3339).
        """
        first = {name: self.raw.get(name) for name in SHOWN_FIRST}
        ids = {"task_id": self.task_id, "dataset_id": self.dataset_id, "project_id": self.project_id}
        added = {
            "state": self.state.label if self.state else "unknown",
            "location": self.location,
            "created_at": format_utc(self.created),
            "updated_at": format_utc(self.updated),
            "reused": self.reused,
            "skipped": self.skipped,
        }
        return {**first, **self.raw, **self._split_error(), **ids, **added, **self.extra}
