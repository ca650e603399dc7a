"""The outcome of a command that polled tasks: a hint for each success, and one error for the others."""

from collections.abc import Sequence

from modelarts_export.api.task import TaskState
from modelarts_export.cli.context import CommandContext
from modelarts_export.clock import format_duration
from modelarts_export.config.settings import Settings
from modelarts_export.errors import FailedTaskError, ModelArtsExportError, NotFinishedError
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.poller import Snapshot

_MOST_SECONDS = 120.0  # that are not shown in minutes
Outcomes = Sequence[ModelArtsExportError | None]


def raise_for_outcomes(
    context: CommandContext,
    snapshot: Snapshot,
    options: PollOptions,
    settings: Settings,
    *,
    seconds: float | None = None,
) -> None:
    """Print where the exports are, and for several tasks a summary; `seconds` is how long the wait took.

    Raises the combined error of all tasks that did not succeed; the summary is its message.
    """
    from modelarts_export.polling.outcome import combine_outcomes, outcome_of, summarize_outcomes  # noqa: PLC0415 - loads the table of error codes

    timed_out = describe_timeout(snapshot, options)
    of_one, of_all = ("", timed_out) if len(snapshot) > 1 else (timed_out, "")
    outcomes = [
        outcome_of(each, require_samples=options.require_samples, timed_out=of_one) for each in snapshot
    ]
    if len(outcomes) > 1 and not any(outcomes):
        context.messages.info(summarize_outcomes(outcomes, seconds=seconds))
    succeeded = [each.task for each, outcome in zip(snapshot, outcomes, strict=True) if not outcome]
    context.messages.exported([task for task in succeeded if task.state is TaskState.SUCCESSED])
    error = combine_outcomes(outcomes, seconds=seconds, timed_out=of_all)
    _raise_with_hint(context, snapshot, outcomes, settings, error)


def describe_timeout(snapshot: Snapshot, options: PollOptions) -> str:
    """Return `timed out after 60s (--timeout)` if tasks are unfinished that would be polled again."""
    if not options.timeout or not any(each.is_unfinished for each in snapshot):
        return ""
    seconds = options.timeout
    after = f"{seconds:g}s" if seconds < _MOST_SECONDS else format_duration(seconds)
    return f"timed out after {after} (--timeout)"


def raise_for_status(context: CommandContext, snapshot: Snapshot, *, exit_status: bool) -> None:
    """Raise the combined error of failed status checks, and with `exit_status` also of the task states."""
    from modelarts_export.polling.outcome import SUCCEEDED, combine_outcomes, fetch_error_of, outcome_of  # noqa: PLC0415 - as above

    outcomes = [fetch_error_of(each) or (outcome_of(each) if exit_status else None) for each in snapshot]
    error = combine_outcomes(outcomes, success=SUCCEEDED if exit_status else "shown")
    _raise_with_hint(context, snapshot, outcomes, context.settings, error)


def _raise_with_hint(
    context: CommandContext,
    snapshot: Snapshot,
    outcomes: Outcomes,
    settings: Settings,
    error: ModelArtsExportError | None,
) -> None:
    """Raise the error of these outcomes, if any, with commands that wait for tasks or show failed ones."""
    if error is None:
        return
    pairs = list(zip(snapshot, outcomes, strict=True))
    unfinished = [each for each, outcome in pairs if isinstance(outcome, NotFinishedError)]
    if unfinished:
        dataset_id, task_ids = unfinished[0].task.dataset_id, [each.task.task_id for each in unfinished]
        expired = not all(each.abandoned for each in unfinished)  # otherwise only the timeout ends a wait
        command = context.resume.format_wait_hint(dataset_id, task_ids, settings, timeout_has_expired=expired)
        error = error.copy_with(hint="; then ".join(filter(None, [error.hint, command])))
    failed = [each.task for each, outcome in pairs if isinstance(outcome, FailedTaskError)]
    status_hints = context.resume.list_status_hints(failed, settings)
    raise error.copy_with(hint="\n".join(filter(None, [error.hint, *status_hints])))
