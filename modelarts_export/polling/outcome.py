"""The outcome of a wait, as an error or a success: for one task, and for several together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.clock import format_duration
from modelarts_export.errors import (
    ErrorFacts,
    FailedTaskError,
    MixedOutcomesError,
    ModelArtsExportError,
    NotFinishedError,
    NotFoundError,
    Problem,
    StoppedTaskError,
    TemporaryError,
    TooFewSamplesError,
    UnknownOutcomeError,
)
from modelarts_export.polling.poller import TrackedTask
from modelarts_export.sanitize import truncate
from modelarts_export.transport.error_codes import find_code

Outcome = ModelArtsExportError | None
"""The outcome of a task or of a wait; None is a success."""
SUCCEEDED = "succeeded"
FAILURES: Mapping[type[ModelArtsExportError], str] = {
    FailedTaskError: "failed",
    StoppedTaskError: "stopped",
    TooFewSamplesError: "with too few samples",
    NotFinishedError: "not finished",
}
"""What a summary says of a task that did not succeed, in its order."""
# Any other error is that of a poll.
_LABELS: Mapping[type[ModelArtsExportError], str] = {
    **FAILURES,
    NotFoundError: "not found",
    UnknownOutcomeError: "perhaps never created",
}
_NOT_POLLED = "not polled"


def outcome_of(tracked: TrackedTask, *, require_samples: int = 0, timed_out: str = "") -> Outcome:
    """Return the outcome of a task as it was last seen.

    A task that was never seen, and cannot be polled, has the error of its poll as its outcome. `timed_out`
    says that the wait for this task alone timed out, and begins the message of an unfinished one.
    """
    task, error = tracked.task, tracked.last_error
    if task.state is TaskState.FAILED:
        return _make_failed_error(task)
    if task.state is TaskState.STOPPED:
        return _make_stopped_error(task)
    if task.state is TaskState.SUCCESSED:
        return _check_sample_count(task, require_samples)
    if error and not task.raw and not isinstance(error, TemporaryError):
        return fetch_error_of(tracked)
    if timed_out and tracked.is_unfinished:
        message = f"{timed_out}; the task {_describe_state(tracked)}"
        return NotFinishedError(message, **_copy_facts(error))
    return _make_not_finished_error(tracked)


def fetch_error_of(tracked: TrackedTask) -> Outcome:
    """Return why a task could not be polled; a NotFoundError names the task, which the API's words do not."""
    error = tracked.last_error
    if not isinstance(error, NotFoundError):
        return error
    return NotFoundError(f"export task {tracked.task.task_id}: {error}", **_copy_facts(error))


def combine_outcomes(
    outcomes: Sequence[Outcome],
    *,
    success: str = SUCCEEDED,
    seconds: float | None = None,
    timed_out: str = "",
) -> Outcome:
    """Return the outcome of several tasks together; its `problems` has one entry for each error.

    The same error of all of them is returned as it is. Otherwise the class, and so the exit code, is that of
    all errors if they agree; UnknownOutcomeError if one of them is; NotFinishedError if the rest succeeded.
    The message is that of `summarize_outcomes`, after `timed_out` if there is one; failures are the first
    problems, and each hint is given once.
    """
    errors = [outcome for outcome in outcomes if outcome]
    if len({(type(outcome), str(outcome)) for outcome in outcomes}) <= 1 or not errors:
        return errors[0] if errors else None
    hints = {error.hint for error in errors}
    hint = hints.pop() if len(hints) == 1 else ""
    summary = summarize_outcomes(outcomes, success=success, seconds=None if timed_out else seconds)
    return combine_types(outcomes)(
        f"{timed_out}; {summary}" if timed_out else summary,
        hint=hint,
        problems=list(_list_errors(errors, {"", hint})),
    )


def summarize_outcomes(
    outcomes: Sequence[Outcome], *, success: str = SUCCEEDED, seconds: float | None = None
) -> str:
    """Return how many tasks have each outcome; `success` is the label of a success."""
    labels = [_get_label(outcome) if outcome else success for outcome in outcomes]
    return format_summary(labels, (success, *_LABELS.values(), _NOT_POLLED), seconds=seconds)


def format_summary(
    labels: Sequence[str], order: Iterable[str], *, seconds: float | None, noun: str = "task"
) -> str:
    """Return how many tasks have each label, in this order: `20 tasks: 18 succeeded, 2 failed in 41s`."""
    counts = Counter(labels)
    summary = ", ".join(f"{counts[label]:,} {label}" for label in order if counts[label])
    took = "" if seconds is None else f" in {format_duration(seconds)}"
    return f"{len(labels):,} {noun}{'s' * (len(labels) != 1)}: {summary}{took}"


def _list_errors(errors: Sequence[ModelArtsExportError], known_hints: set[str]) -> Iterator[Problem]:
    """Yield a problem for each error, those first that a summary has first, with its hint if that is new."""
    order = [*_LABELS.values(), _NOT_POLLED]
    for error in sorted(errors, key=lambda each: order.index(_get_label(each))):
        yield Problem(message=str(error) if error.hint in known_hints else f"{error}; {error.hint}")
        known_hints.add(error.hint)


def _get_label(error: ModelArtsExportError) -> str:
    return _LABELS.get(type(error), _NOT_POLLED)


def combine_types(outcomes: Sequence[Outcome]) -> type[ModelArtsExportError]:
    """Return the class of the error of several outcomes, at least one of which is an error.

    It is that of all if they agree; UnknownOutcomeError if one of them is; NotFinishedError if the rest
    succeeded; MixedOutcomesError otherwise.
    """
    types = {outcome.exit_code if outcome else 0: type(outcome) for outcome in outcomes}
    if UnknownOutcomeError.exit_code in types:
        return UnknownOutcomeError
    if types.keys() == {0, NotFinishedError.exit_code}:
        return NotFinishedError
    if types.keys() == {FailedTaskError.exit_code}:  # some of which may have been stopped
        return FailedTaskError
    only = next(iter(types.values())) if len(types) == 1 else MixedOutcomesError
    return only if issubclass(only, ModelArtsExportError) else MixedOutcomesError


def _make_failed_error(task: ExportTask) -> FailedTaskError:
    code, message = task.failure
    row = find_code(code)
    reason = truncate(": ".join(filter(None, [code, message]))) or "the API gives no reason"
    meaning = f" ({row.meaning})" if row and not message else ""  # the API's message says the same
    action = row.action if row else "check the task and its directory"
    return FailedTaskError(
        f"export task {task.task_id} failed: {reason}{meaning}",
        hint=action if "submit" in action else f"{action}; then submit it again",
        error_code=code,
    )


def _make_stopped_error(task: ExportTask) -> StoppedTaskError:
    code, message = task.failure
    reason = ": ".join(filter(None, [code, message]))
    return StoppedTaskError(
        f"export task {task.task_id} was stopped" + (f": {reason}" if reason else " before it was finished"),
        hint="its files are not complete; submit it again if the export is still needed",
        error_code=code,
    )


def _check_sample_count(task: ExportTask, required: int) -> TooFewSamplesError | None:
    if not required or (task.finished_samples is not None and task.finished_samples >= required):
        return None
    exported = "an unknown number of" if task.finished_samples is None else f"{task.finished_samples:,}"
    return TooFewSamplesError(
        f"export task {task.task_id} exported {exported} samples; {required:,} are required",
        hint="check the filters of the request and the dataset",
    )


def _make_not_finished_error(tracked: TrackedTask) -> NotFinishedError:
    message = f"export task {tracked.task.task_id} {_describe_state(tracked)}"
    return NotFinishedError(message, **_copy_facts(tracked.last_error))


def _describe_state(tracked: TrackedTask) -> str:
    """Return `is still running (40 %)`, or when the task was last seen and why not since."""
    task, error = tracked.task, tracked.last_error
    label = task.state.label if task.state else task.status
    if error:
        last = f"was {label} when it was last seen" if label else "was never seen"
        return f"{last}; polling it failed: {error}"
    if not task.state:
        return f"is not finished: its status is {label or 'unknown'}"
    percent = tracked.estimator.percent
    return f"is still {label}" + ("" if percent is None else f" ({int(percent)} %)")


def _copy_facts(error: ModelArtsExportError | None) -> ErrorFacts:
    """Return what an error says beside its message, as arguments of another one; nothing of none."""
    if error is None:
        return ErrorFacts()
    return ErrorFacts(
        hint=error.hint,
        error_code=error.error_code,
        http_status=error.http_status,
        request_id=error.request_id,
    )
