"""What the end of a wait means: for one task, and for several of them together."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.errors import (
    FailedTaskError,
    MixedOutcomesError,
    ModelArtsExportError,
    NotFinishedError,
    NotFoundError,
    Problem,
    StoppedTaskError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.polling.poller import TrackedTask
from modelarts_export.sanitize import truncate
from modelarts_export.transport.api_errors import find_code

Outcome = ModelArtsExportError | None
"""How something ended; None is a success."""
_WORDS: dict[type[ModelArtsExportError], str] = {
    NotFoundError: "not found",
    FailedTaskError: "failed",
    StoppedTaskError: "stopped",
    NotFinishedError: "not seen to end",
    UnknownOutcomeError: "perhaps never created",
}


def outcome_of(followed: TrackedTask, *, require_samples: int = 0) -> Outcome:
    """Return how a task ended, as it was last seen; a task that is not done has an unseen end.

    A task that nobody ever saw, and that cannot be looked at, has the end that its look had.
    """
    task, trouble = followed.task, followed.last_error
    if task.state is TaskState.FAILED:
        return _make_failed_error(task)
    if task.state is TaskState.STOPPED:
        return _stopped(task)
    if task.state is TaskState.SUCCESSED:
        return _check_sample_count(task, require_samples)
    if trouble and not task.raw and not isinstance(trouble, TemporaryError):
        return fetch_error_of(followed)
    return _make_not_finished_error(task, trouble)


def fetch_error_of(followed: TrackedTask) -> Outcome:
    """Return why a task cannot be looked at; when it alone is unknown, the error names it."""
    trouble = followed.last_error
    if not isinstance(trouble, NotFoundError):
        return trouble
    return NotFoundError(f"export task {followed.task.task_id}: {trouble}", **_copy_facts(trouble))


def combine_outcomes(ends: Sequence[Outcome]) -> Outcome:
    """Return how several tasks ended as a whole: alike, not to be told, not seen, or in different ways."""
    found = [end for end in ends if end]
    if len({(type(end), str(end)) for end in ends}) <= 1 or not found:
        return found[0] if found else None
    kind = _combine_kinds({end.exit_code if end else 0: type(end) for end in ends})
    counts = Counter(_WORDS.get(type(end), "not looked at") for end in found)
    told = ", ".join(f"{count:,} {words}" for words, count in counts.items())
    error = kind(f"of {len(ends):,} export tasks: {told}", hint=_find_shared_hint(found))
    error.problems = tuple(Problem(message=_describe(end, beside=error.hint)) for end in found)
    return error


def _combine_kinds(kinds: dict[int, type[object]]) -> type[ModelArtsExportError]:
    if UnknownOutcomeError.exit_code in kinds:
        return UnknownOutcomeError
    if kinds.keys() == {0, NotFinishedError.exit_code}:
        return NotFinishedError
    if kinds.keys() == {FailedTaskError.exit_code}:  # of which some may have been stopped
        return FailedTaskError
    only = next(iter(kinds.values())) if len(kinds) == 1 else MixedOutcomesError
    return only if issubclass(only, ModelArtsExportError) else MixedOutcomesError


def _describe(end: ModelArtsExportError, *, beside: str) -> str:
    """Return an end in words, with what to do about it where that is not said for all of them."""
    return str(end) if end.hint in ("", beside) else f"{end}; {end.hint}"


def _find_shared_hint(ends: Sequence[ModelArtsExportError]) -> str:
    hints = list(dict.fromkeys(end.hint for end in ends))
    return hints[0] if len(hints) == 1 else ""


def _make_failed_error(task: ExportTask) -> FailedTaskError:
    code, words = task.failure
    row = find_code(code)
    said = truncate(": ".join(filter(None, [code, words]))) or "the API gives no reason"
    meaning = f" ({row.meaning})" if row and not words else ""  # the API's words say the same
    action = row.action if row else "look at the task and at the directory"
    return FailedTaskError(
        f"export task {task.task_id} failed: {said}{meaning}",
        hint=action if "submit" in action else f"{action}; then submit it anew",
        error_code=code,
    )


def _stopped(task: ExportTask) -> StoppedTaskError:
    code, words = task.failure
    said = ": ".join(filter(None, [code, words]))
    return StoppedTaskError(
        f"export task {task.task_id} was stopped" + (f": {said}" if said else " before its end"),
        hint="what it wrote is not complete; submit it again if the export is still needed",
        error_code=code,
    )


def _check_sample_count(task: ExportTask, required: int) -> FailedTaskError | None:
    if not required or (task.finished_samples is not None and task.finished_samples >= required):
        return None
    exported = "an unknown number of" if task.finished_samples is None else f"{task.finished_samples:,}"
    return FailedTaskError(
        f"export task {task.task_id} exported {exported} samples; {required:,} are required",
        hint="check the filters of the request and the dataset",
    )


def _make_not_finished_error(task: ExportTask, trouble: ModelArtsExportError | None) -> NotFinishedError:
    state = task.state.label if task.state else task.status
    status = f"it is {state}" if state else "its status is not known"
    if trouble is None:
        return NotFinishedError(f"export task {task.task_id} has not ended; {status}, and goes on")
    return NotFinishedError(
        f"the end of export task {task.task_id} was not seen; {status}, and a look at it failed: {trouble}",
        **_copy_facts(trouble),
    )


def _copy_facts(error: ModelArtsExportError) -> dict[str, Any]:
    """Return what an error knows beside its message."""
    return {name: getattr(error, name) for name in ("hint", "error_code", "http_status", "request_id")}
