"""The filter and the order of the tasks that `list` shows."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_duration, parse_limit
from modelarts_export.quoting import describe_invalid_choice
from modelarts_export.request.directories import normalize_directory, to_directory
from modelarts_export.request.enums import ExportType

if TYPE_CHECKING:
    from modelarts_export.api.client import TaskPage

_UNFINISHED = "unfinished"  # every state that is not final, also an undocumented one
_STATE_LABELS = [*(state.label for state in TaskState), _UNFINISHED]


def _parse_states(text: str) -> tuple[TaskState | str, ...]:
    return tuple(map(_parse_state, text.split(",")))


def _parse_state(text: str) -> TaskState | str:
    label = text.strip().lower()
    if label == _UNFINISHED:
        return label
    state = TaskState.parse(label) or next((each for each in TaskState if each.label == label), None)
    if state is None:
        raise ValueError(describe_invalid_choice(text, "status", _STATE_LABELS))
    return state


def _parse_export_type(text: str) -> int:
    return int(ExportType.parse(text).wire_value)


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """The conditions that a listed task meets; `since` is its greatest age in seconds, `path` a directory."""

    export_type: int | None = option(
        _parse_export_type,
        f"Only tasks of this type: {', '.join(ExportType.labels())}",
        "VALUE",
        words=ExportType.labels(),
    )
    status: tuple[TaskState | str, ...] = option(
        _parse_states,
        f"Only tasks in this state, or in one of several, separated by commas: {', '.join(_STATE_LABELS)}",
        "VALUE",
        words=_STATE_LABELS,
        separator=",",
        default=(),
    )
    since: float = option(
        parse_duration,
        "Only tasks that are not older than this, such as 20m, 2h, 1d",
        "DURATION",
        default=math.inf,
    )
    path: str | None = option(
        normalize_directory, "Only tasks that write to this OBS directory or below it", "DIR"
    )
    limit: int | None = option(parse_limit, "At most N tasks", "N")

    def select(self, pages: Iterable["TaskPage"]) -> list[ExportTask]:
        """Return the matching tasks, newest first; the API documents no order of its list."""
        recent = self._iter_recent(pages)
        matching = [task for task in recent if self._has_status(task) and self._writes_below_path(task)]
        return sorted(matching, key=lambda task: task.created or 0.0, reverse=True)[: self.limit]

    def _has_status(self, task: ExportTask) -> bool:
        is_unfinished = _UNFINISHED in self.status and not task.is_finished
        return not self.status or is_unfinished or task.state in self.status

    def _writes_below_path(self, task: ExportTask) -> bool:
        path = task.raw.get("path")
        return self.path is None or (isinstance(path, str) and to_directory(path).startswith(self.path))

    def _iter_recent(self, pages: Iterable["TaskPage"]) -> Iterator[ExportTask]:
        """Yield the tasks of at most the age `since`, by the server's clock where known."""
        for page in pages:
            oldest = (time.time() if page.date is None else page.date) - self.since
            yield from (task for task in page.tasks if (task.created or 0.0) >= oldest)
