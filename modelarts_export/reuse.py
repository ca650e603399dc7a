"""Whether an older export task can stand in for a new one, so that nothing is exported twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.config import positive_duration, setting, truth
from modelarts_export.matching import stands_in_for, unverifiable
from modelarts_export.task import ExportTask, TaskState

_LONG = 24 * 3600.0  # seconds; a task that goes on for longer may have been forgotten


@dataclass(frozen=True, kw_only=True)
class Reuse:
    """Which older tasks may stand in for a new one; `reuse_within` is in seconds."""

    reuse_running: bool = setting(
        truth, "Adopt an identical task that is queued or running, instead of a second one", default=False
    )
    reuse_within: float | None = setting(
        positive_duration, "Adopt also an identical one that succeeded, created this recently", "DURATION"
    )

    @property
    def wanted(self) -> bool:
        """Whether any older task may stand in."""
        return self.reuse_running or self.reuse_within is not None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The task that stands in for a new one, or None, and what is to be said about it."""

    task: ExportTask | None
    notes: tuple[str, ...] = ()


def choose(
    tasks: Sequence[ExportTask], body: Mapping[str, Any], reuse: Reuse, *, now: float | None
) -> Choice:
    """Return the newest task that exports what a request asks for; one that goes on wins over one that ended.

    `now` is the server's time in epoch seconds, where it is known.
    """
    fitting = [task for task in tasks if _is_wanted(task, reuse, now) and stands_in_for(body, task)]
    notes = [
        f"export task {task.task_id} is not reused: {reason}, so it may be another export"
        for task in fitting
        if (reason := unverifiable(body, task))
    ]
    if reuse.reuse_within is not None and now is None:
        notes.append("the server does not tell the time, so that no task that succeeded is adopted")
    adoptable = [task for task in fitting if not unverifiable(body, task)]
    if not adoptable:
        return Choice(task=None, notes=tuple(notes))
    chosen = max(adoptable, key=lambda task: (not task.ended, task.created or 0.0))
    return Choice(task=replace(chosen, reused=True), notes=_age(chosen, now))


def _is_wanted(task: ExportTask, reuse: Reuse, now: float | None) -> bool:
    if task.state in (TaskState.INIT, TaskState.RUNNING):
        return True
    if task.state is not TaskState.SUCCESSED or reuse.reuse_within is None:
        return False
    return now is not None and task.created is not None and now - task.created <= reuse.reuse_within


def _age(task: ExportTask, now: float | None) -> tuple[str, ...]:
    if task.ended or now is None or task.created is None or now - task.created <= _LONG:
        return ()
    hours = (now - task.created) / 3600
    return (f"export task {task.task_id} has been going on for {hours:.0f} hours",)
