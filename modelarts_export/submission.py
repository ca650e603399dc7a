"""Create an export task, and look at it once."""

from typing import Protocol

from modelarts_export.client import Client
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.request import ExportRequest
from modelarts_export.task import ExportTask

_GLANCE = 5.0  # seconds: the task exists, and its state is a courtesy


class Listener(Protocol):
    """Hears of what happens while it happens."""

    def accepted(self, task: ExportTask) -> None:
        """Hear of a task the moment its ID is known."""

    def unseen(self, error: ModelArtsExportError) -> None:
        """Hear why the accepted task could not be looked at."""

    def interrupted(self, task: ExportTask | None) -> None:
        """Hear of a Ctrl-C in mid-submission; without a task, the request may have left all the same."""


def submit(
    client: Client, dataset_id: str, request: ExportRequest, *, listener: Listener, look: bool = True
) -> ExportTask:
    """Send the request once and return the task, as one look at it shows it.

    A look that fails does not undo the success: the listener hears of it, and the task is returned as it was
    accepted. Raises what Client.create raises.
    """
    task = None
    try:
        task = client.create(dataset_id, request)
        listener.accepted(task)
        return _looked_at(client, task, listener) if look else task
    except KeyboardInterrupt:
        listener.interrupted(task)
        raise


def _looked_at(client: Client, task: ExportTask, listener: Listener) -> ExportTask:
    try:
        seen = client.show(task.dataset_id, task.task_id, timeout=_GLANCE)
    except ModelArtsExportError as error:
        listener.unseen(error)
        return task
    return task.seen_as(seen)
