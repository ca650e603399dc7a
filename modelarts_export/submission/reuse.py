"""Whether an older task is reused, or makes a submission needless or unwise."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.submission.matching import explain_unverifiable, find_directories, is_equivalent
from modelarts_export.submission.reuse_policy import IGNORE, ReusePolicy

_LONG_RUNNING = 24 * 3600.0  # seconds; a task that goes on for longer may have been forgotten


@dataclass(frozen=True, kw_only=True)
class ReuseDecision:
    """The older task that is the result, or None, and warnings.

    `path_used` is a sentence about the task that uses the path of the request, if the policy asks for it.
    """

    task: ExportTask | None
    notes: tuple[str, ...] = ()
    path_used: str | None = None


def select_reusable(
    tasks: Sequence[ExportTask], body: Mapping[str, Any], reuse: ReusePolicy, *, now: float | None
) -> ReuseDecision:
    """Return what the dataset's tasks mean for a request: first reuse, then skipping, then the path.

    `now` is the server's time in epoch seconds, or None when it is unknown or unusable.
    """
    reused = _select_equivalent(tasks, body, reuse, now) if reuse.reuses else ReuseDecision(task=None)
    if reused.task:
        return reused
    skipped = _find_newest_unfinished(tasks, reuse.skip_if_running)
    used = None if skipped or reuse.if_path_used == IGNORE else describe_use_of_path(tasks, body)
    return replace(reused, task=skipped, path_used=used)


def omit_sent(
    tasks: Iterable[ExportTask], dataset_id: str, path: str, sent: Collection[tuple[str, str]]
) -> list[ExportTask]:
    """Return the tasks without those of other requests of one batch, which are no older tasks.

    `sent` has dataset and path of each request that was sent for the batch. A task that writes to `path` is
    kept, as another host may have created it meanwhile.
    """

    def is_sent(task: ExportTask) -> bool:
        directories = find_directories({"path": task.raw.get("path")})
        return any(each != path and (dataset_id, each) in sent for each in directories)

    return [task for task in tasks if not is_sent(task)]


def _select_equivalent(
    tasks: Sequence[ExportTask], body: Mapping[str, Any], reuse: ReusePolicy, now: float | None
) -> ReuseDecision:
    """Return the newest equivalent task, an unfinished one before a finished one."""
    fitting = [task for task in tasks if _is_candidate(task, reuse, now) and is_equivalent(body, task)]
    reasons = {task.task_id: explain_unverifiable(body, task) for task in fitting}
    notes = [
        f"export task {task_id} is not reused: {reason}, so it may be another export"
        for task_id, reason in reasons.items()
        if reason
    ]
    if reuse.reuse_within is not None and now is None:
        notes.append(
            "no succeeded task is reused: the server's time, and so the age of its tasks, is not known"
        )
    reusable = [task for task in fitting if not reasons[task.task_id]]
    if not reusable:
        return ReuseDecision(task=None, notes=tuple(notes))
    chosen = max(reusable, key=lambda task: (not task.is_finished, task.created or 0.0))
    return ReuseDecision(task=replace(chosen, reused=True), notes=_warn_of_age(chosen, now))


def _is_candidate(task: ExportTask, reuse: ReusePolicy, now: float | None) -> bool:
    if task.state in (TaskState.INIT, TaskState.RUNNING):
        return True
    if task.state is not TaskState.SUCCESSED or reuse.reuse_within is None:
        return False
    return now is not None and task.created is not None and now - task.created <= reuse.reuse_within


def _warn_of_age(task: ExportTask, now: float | None) -> tuple[str, ...]:
    if task.is_finished or now is None or task.created is None or now - task.created <= _LONG_RUNNING:
        return ()
    hours = (now - task.created) / 3600
    return (f"export task {task.task_id} was created {hours:.0f} hours ago and is not finished",)


def _find_newest_unfinished(tasks: Sequence[ExportTask], within: str | None) -> ExportTask | None:
    """Return the newest unfinished task that writes to a directory or below it, marked as skipped."""
    if within is None:
        return None
    writing = [
        task
        for task in tasks
        if not task.is_finished and any(each.startswith(within) for each in find_directories(task.raw))
    ]
    newest = max(writing, key=lambda task: task.created or 0.0, default=None)
    return newest and replace(newest, skipped=True)


def describe_relation(directory: str, other: str) -> str | None:
    """Return where a directory is, as seen from another one; None if neither is in the other."""
    if directory == other:
        return "the same directory"
    if other.startswith(directory):
        return "above it"
    return "below it" if directory.startswith(other) else None


def is_outside(body: Mapping[str, Any], within: str) -> bool:
    """Return whether a request writes to no directory in this one."""
    return not any(directory.startswith(within) for directory in find_directories(body))


def describe_use_of_path(tasks: Sequence[ExportTask], body: Mapping[str, Any]) -> str | None:
    """Return a sentence about the newest task, not failed, that uses a directory of the request."""
    asked = find_directories(body)
    users = [
        (task, shown, own)
        for task in tasks
        if task.state is not TaskState.FAILED
        for shown in find_directories(task.raw)
        for own in asked
        if describe_relation(shown, own)
    ]
    if not users:
        return None
    task, shown, own = max(users, key=lambda user: user[0].created or 0.0)
    relation = describe_relation(shown, own)
    state = task.state.label if task.state else "unknown"
    others = len({each.task_id for each, *_ in users}) - 1
    more = f", and {others:,} more" if others else ""
    return f"{own} is used already: export task {task.task_id} ({state}) writes to {shown}, {relation}{more}"
