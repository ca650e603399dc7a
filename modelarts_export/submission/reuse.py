"""Whether an older export task makes a new one needless or unwise, as one reading of the list shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_bool, parse_positive_duration
from modelarts_export.quoting import did_you_mean
from modelarts_export.submission.matching import directories, directory, is_equivalent, unverifiable

_LONG = 24 * 3600.0  # seconds; a task that goes on for longer may have been forgotten
_ROOTS = ("/", "obs://", "s3://")
IGNORE, WARN, FAIL = "ignore", "warn", "fail"


def _directory(text: str) -> str:
    """Return an OBS directory, which may be a whole bucket. Raises ValueError."""
    if not text.lower().startswith(_ROOTS) or not directory(text).strip("/"):
        raise ValueError(f"{text!r} is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/")
    return directory(text)


def _guard(text: str) -> str:
    known = [IGNORE, WARN, FAIL]
    if text.lower() not in known:
        raise ValueError(f"{text!r} is not one of {', '.join(known)}{did_you_mean(text, known)}")
    return text.lower()


@dataclass(frozen=True, kw_only=True)
class ReusePolicy:
    """What older tasks of the dataset change; `reuse_within` is in seconds, `skip_if_running` a directory."""

    reuse_running: bool = option(
        parse_bool,
        "Reuse an identical task that is queued or running, instead of a second one",
        default=False,
    )
    reuse_within: float | None = option(
        parse_positive_duration,
        "Reuse also an identical one that succeeded, created this recently",
        "DURATION",
    )
    skip_if_running: str | None = option(
        _directory, "Submit nothing while an unfinished task writes to this directory or below it", "DIR"
    )
    if_path_used: str = option(
        _guard,
        "What to do when a task that did not fail writes to the same path, above or below it: "
        "ignore, warn, fail; default ignore",
        "VALUE",
        words=[IGNORE, WARN, FAIL],
        default=IGNORE,
    )

    @property
    def reuses(self) -> bool:
        """Whether an identical task is reused."""
        return self.reuse_running or self.reuse_within is not None

    @property
    def wanted(self) -> bool:
        """Whether the list has to be read before a task is created."""
        return self.reuses or self.skip_if_running is not None or self.if_path_used != IGNORE


@dataclass(frozen=True, kw_only=True)
class ReuseDecision:
    """The task that is the result instead of a new one, or None, and warnings about it.

    `path_used` says which task uses the path of the request, where that was asked for.
    """

    task: ExportTask | None
    notes: tuple[str, ...] = ()
    path_used: str | None = None


def select_reusable(
    tasks: Sequence[ExportTask], body: Mapping[str, Any], reuse: ReusePolicy, *, now: float | None
) -> ReuseDecision:
    """Return what the dataset's tasks mean for a request: first reuse, then skipping, then the path.

    `now` is the server's time in epoch seconds, where it is known and can be relied on.
    """
    reused = _reused(tasks, body, reuse, now) if reuse.reuses else ReuseDecision(task=None)
    if reused.task:
        return reused
    skipped = _newest_unfinished(tasks, reuse.skip_if_running)
    used = None if skipped or reuse.if_path_used == IGNORE else _user_of_path(tasks, body)
    return replace(reused, task=skipped, path_used=used)


def _reused(
    tasks: Sequence[ExportTask], body: Mapping[str, Any], reuse: ReusePolicy, now: float | None
) -> ReuseDecision:
    """Return the newest task that exports what a request asks for; one that goes on before one that ended."""
    fitting = [task for task in tasks if _is_candidate(task, reuse, now) and is_equivalent(body, task)]
    why = {task.task_id: unverifiable(body, task) for task in fitting}
    notes = [
        f"export task {task_id} is not reused: {reason}, so it may be another export"
        for task_id, reason in why.items()
        if reason
    ]
    if reuse.reuse_within is not None and now is None:
        notes.append(
            "no succeeded task is reused: the server's time, and so the age of its tasks, is not known"
        )
    reusable = [task for task in fitting if not why[task.task_id]]
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
    if task.is_finished or now is None or task.created is None or now - task.created <= _LONG:
        return ()
    hours = (now - task.created) / 3600
    return (f"export task {task.task_id} was created {hours:.0f} hours ago and is not finished",)


def _newest_unfinished(tasks: Sequence[ExportTask], within: str | None) -> ExportTask | None:
    """Return the newest unfinished task that writes to a directory or below it, marked as skipped for."""
    if within is None:
        return None
    writing = [
        task
        for task in tasks
        if not task.is_finished and any(each.startswith(within) for each in directories(task.raw))
    ]
    newest = max(writing, key=lambda task: task.created or 0.0, default=None)
    return newest and replace(newest, skipped=True)


def _user_of_path(tasks: Sequence[ExportTask], body: Mapping[str, Any]) -> str | None:
    """Return a sentence about the newest task, not failed, that uses a directory of the request."""
    asked = directories(body)
    users = [
        (task, shown, own)
        for task in tasks
        if task.state is not TaskState.FAILED
        for shown in directories(task.raw)
        for own in asked
        if shown.startswith(own) or own.startswith(shown)
    ]
    if not users:
        return None
    task, shown, own = max(users, key=lambda user: user[0].created or 0.0)
    relation = "the same directory" if shown == own else "above it" if own.startswith(shown) else "below it"
    state = task.state.label if task.state else "unknown"
    others = len({each.task_id for each, *_ in users}) - 1
    more = f", and {others:,} more" if others else ""
    return f"{own} is used already: export task {task.task_id} ({state}) writes to {shown}, {relation}{more}"
