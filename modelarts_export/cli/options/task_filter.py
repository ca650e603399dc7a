"""Which tasks of a dataset `list` shows, and in which order."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_duration, parse_int
from modelarts_export.request.enums import ExportType, did_you_mean

if TYPE_CHECKING:
    from modelarts_export.api.client import TaskPage

_WORDS = [state.label for state in TaskState]


def _parse_states(text: str) -> tuple[TaskState, ...]:
    return tuple(map(_parse_state, text.split(",")))


def _parse_state(text: str) -> TaskState:
    word = text.strip().lower()
    state = TaskState.parse(word) or next((each for each in TaskState if each.label == word), None)
    if state is None:
        raise ValueError(f"{text!r} is not one of {', '.join(_WORDS)}{did_you_mean(text, _WORDS)}")
    return state


def _parse_export_type(text: str) -> int:
    return int(ExportType.parse(text).wire_value)


def _parse_limit(text: str) -> int:
    if not parse_int(text):
        raise ValueError("must be 1 or more")
    return parse_int(text)


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """The tasks that are wanted; `since` is their greatest age in seconds."""

    export_type: int | None = option(
        _parse_export_type,
        f"Tasks of this type alone: {', '.join(ExportType.labels())}",
        "WORD",
        words=ExportType.labels(),
    )
    status: tuple[TaskState, ...] = option(
        _parse_states,
        f"Tasks in this state alone, or in one of several with commas between: {', '.join(_WORDS)}",
        "WORD",
        words=_WORDS,
        default=(),
    )
    since: float = option(
        parse_duration,
        "Tasks created no longer ago than this, such as 20m, 2h, 1d",
        "DURATION",
        default=math.inf,
    )
    limit: int | None = option(_parse_limit, "No more than so many tasks", "N")

    def select(self, pages: Iterable["TaskPage"]) -> list[ExportTask]:
        """Return them newest first, as no document says in which order the API lists them."""
        wanted = [task for task in self._young(pages) if not self.status or task.state in self.status]
        return sorted(wanted, key=lambda task: task.created or 0.0, reverse=True)[: self.limit]

    def _young(self, pages: Iterable["TaskPage"]) -> Iterator[ExportTask]:
        """Yield what is not too old by the server's clock, or by ours where that is not told."""
        for page in pages:
            oldest = (time.time() if page.date is None else page.date) - self.since
            yield from (task for task in page.tasks if (task.created or 0.0) >= oldest)
