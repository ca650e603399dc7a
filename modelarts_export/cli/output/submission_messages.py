"""The messages about what happens in a submission."""

from collections.abc import Callable, Sequence
from math import ceil

from modelarts_export.cli.output.messages import Messages, format_retry
from modelarts_export.cli.output.task_view import format_state
from modelarts_export.submission.events import (
    DuplicateCheckFailed,
    DuplicateFound,
    DuplicatePossible,
    ReconciliationStarted,
    ResendScheduled,
    RetryScheduled,
    ReuseWarning,
    StatusCheckFailed,
    SubmissionEvent,
    SubmissionSkipped,
    TaskAccepted,
    TaskRecovered,
    TaskReused,
)

_MOST_NAMED = 10  # tasks that one line names


def print_event(
    messages: Messages, format_list_command: Callable[[str], str], event: SubmissionEvent
) -> None:
    """Print the message of an event, after the spec of its export, if that is one of several.

    `format_list_command` returns the command that lists the tasks of a dataset.
    """
    subject = f"{event.export.spec}: " if event.export.spec else ""
    match event:
        case TaskAccepted() | TaskRecovered() | TaskReused() | SubmissionSkipped():
            messages.keep_ids_of(event.task)
            _print_result(messages, subject, event)
        case DuplicatePossible() | DuplicateFound() | DuplicateCheckFailed():
            _print_duplicate(messages, format_list_command, subject, event)
        case RetryScheduled(error=error, pause=pause, timeout=timeout):
            messages.info(f"{subject}{format_retry(error, pause, timeout)}")
        case ReconciliationStarted(error=error, timeout=timeout):
            messages.info(f"{subject}{error}; polling the list for its task, for up to {timeout:g}s")
        case ResendScheduled(pause=pause):
            when = f" in {ceil(pause)} s, as the server asks" if pause else ""
            messages.info(f"{subject}no such task is listed; sending the request again{when}")
        case ReuseWarning(message=message):
            messages.warn(f"{subject}{message}")
        case StatusCheckFailed(error=error):
            messages.warn(f"{subject}the task was accepted, but its status check failed: {error}")


def print_reused(messages: Messages, events: Sequence[TaskReused]) -> None:
    """Print one line for the tasks that a batch has reused: their IDs, or of many how many they are."""
    if len(events) == 1:
        [event] = events
        _print_result(messages, f"{event.export.spec}: ", event)
    elif events:
        ids = ", ".join(event.task.task_id for event in events)
        named = f"export tasks {ids}" if len(events) <= _MOST_NAMED else f"{len(events):,} export tasks"
        messages.info(f"Reused {named}; nothing was submitted for them")


def _print_result(
    messages: Messages, subject: str, event: TaskAccepted | TaskRecovered | TaskReused | SubmissionSkipped
) -> None:
    task = event.task
    match event:
        case TaskAccepted():
            messages.info(f"{subject}Created export task {task.task_id}")
        case TaskRecovered(task_ids=task_ids):
            lost = "which was created although its reply was lost"
            messages.info(f"{subject}Recovered export task {task.task_id}, {lost}")
            if len(task_ids) > 1:
                words = f"{len(task_ids)} tasks may be the one that was sent, nearest first"
                messages.warn(f"{subject}{words}: {', '.join(task_ids)}", always=True)
        case TaskReused():
            state = format_state(task)
            messages.info(f"{subject}Reused export task {task.task_id} ({state}); nothing was submitted")
        case SubmissionSkipped():
            state, path = format_state(task), task.raw.get("path")
            words = f"Skipped: export task {task.task_id} ({state}) writes to {path}"
            messages.info(f"{subject}{words}; nothing was submitted")


def _print_duplicate(
    messages: Messages,
    format_list_command: Callable[[str], str],
    subject: str,
    event: DuplicatePossible | DuplicateFound | DuplicateCheckFailed,
) -> None:
    """Warn of a duplicate; also when quiet where no other output names its ID."""
    match event:
        case DuplicatePossible(error=error):
            why = f"the outcome of the first send is unknown ({error})"
            messages.warn(
                f"{subject}the request was sent twice, because {why}; a duplicate may still appear: "
                f"{format_list_command(event.export.dataset_id)}",
                always=True,
            )
        case DuplicateFound(task=task, duplicate=duplicate):
            words = f"export task {duplicate.task_id} is a duplicate of {task.task_id}"
            messages.warn(f"{subject}{words}", always=True)
        case DuplicateCheckFailed(error=error):
            messages.warn(f"{subject}the check for a duplicate task failed: {error}")
