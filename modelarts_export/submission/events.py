"""What happens in a submission, as events that name their export."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import BusyError, ModelArtsExportError, TemporaryError

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ExportLabel:
    """Names one export among many: its dataset, its path, and the spec that asks for it, if any."""

    dataset_id: str
    path: str
    spec: str | None = None


@dataclass(frozen=True, kw_only=True)
class SubmissionEvent:
    """Something that happened in the submission of one export."""

    export: ExportLabel


@dataclass(frozen=True, kw_only=True)
class TaskAccepted(SubmissionEvent):
    """The API accepted the request and returned the ID of its task."""

    task: ExportTask


@dataclass(frozen=True, kw_only=True)
class TaskRecovered(SubmissionEvent):
    """The task was found in the list after a lost reply; `task_ids` has all that fit, the nearest first."""

    task: ExportTask
    task_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TaskReused(SubmissionEvent):
    """An identical older task is the result; nothing was sent."""

    task: ExportTask


@dataclass(frozen=True, kw_only=True)
class SubmissionSkipped(SubmissionEvent):
    """Nothing was sent, because this task is not finished."""

    task: ExportTask


@dataclass(frozen=True, kw_only=True)
class ReuseWarning(SubmissionEvent):
    """Something about older tasks of the dataset that the user should know, as one sentence."""

    message: str


@dataclass(frozen=True, kw_only=True)
class RetryScheduled(SubmissionEvent):
    """The request was not accepted, and is sent again after a pause, in seconds.

    `timeout` is for how long it is retried, in seconds, or waits for a busy dataset where the error is a
    BusyError; it is None after the first time.
    """

    error: TemporaryError
    pause: float
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True)
class SubmissionQueued(SubmissionEvent):
    """The dataset is busy, and the submission waits in its queue; told once, before the first wait."""

    error: BusyError


@dataclass(frozen=True, kw_only=True)
class ReconciliationStarted(SubmissionEvent):
    """The list of tasks is polled for the task of a lost reply, for so many seconds."""

    error: ModelArtsExportError
    timeout: float


@dataclass(frozen=True, kw_only=True)
class ResendScheduled(SubmissionEvent):
    """The list shows no task, and the request is sent once more after a pause, in seconds, or at once."""

    pause: float


@dataclass(frozen=True, kw_only=True)
class DuplicatePossible(SubmissionEvent):
    """The request was sent twice because of this error, so that the task may have a duplicate."""

    task: ExportTask
    error: ModelArtsExportError


@dataclass(frozen=True, kw_only=True)
class DuplicateFound(SubmissionEvent):
    """The list shows a duplicate of the task."""

    task: ExportTask
    duplicate: ExportTask


@dataclass(frozen=True, kw_only=True)
class DuplicateCheckFailed(SubmissionEvent):
    """The list could not be checked for a duplicate."""

    error: ModelArtsExportError


@dataclass(frozen=True, kw_only=True)
class StatusCheckFailed(SubmissionEvent):
    """The status of the accepted task could not be fetched."""

    error: ModelArtsExportError


EventHandler = Callable[[SubmissionEvent], None]
"""Called in the thread of the submission; an error that it raises ends the submission."""


def log_event(event: SubmissionEvent) -> None:
    """Log a warning for an event that tells of tasks beside the one that is returned."""
    match event:
        case ReuseWarning(message=message):
            _LOGGER.warning("%s", message)
        case TaskRecovered(task_ids=task_ids) if len(task_ids) > 1:
            _LOGGER.warning("one of these tasks was recovered: %s", ", ".join(task_ids))
        case DuplicatePossible(task=task, error=error):
            _LOGGER.warning("export task %s may have a duplicate: %s", task.task_id, error)
        case DuplicateFound(task=task, duplicate=duplicate):
            _LOGGER.warning("export task %s is a duplicate of %s", duplicate.task_id, task.task_id)
