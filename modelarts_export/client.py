"""The verbs of the API, as .github/API.md, section 1, lists them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from modelarts_export.errors import RefusedError
from modelarts_export.replies import failure, is_word
from modelarts_export.request import ExportRequest, tasks_path
from modelarts_export.task import ExportTask
from modelarts_export.transport import Transport


class Client:
    """The calls for one project."""

    def __init__(self, transport: Transport, project_id: str) -> None:
        """Speak through this transport, whose credentials are of this project."""
        self._transport = transport
        self._project_id = project_id

    def create(self, dataset_id: str, request: ExportRequest) -> ExportTask:
        """Create an export task and return it; of its fields the API gives the ID alone.

        Sends once. Raises what Transport.post raises; a 2xx without a task ID is judged by its error code,
        and is an UnknownOutcomeError when it has none.
        """
        reply = self._transport.post(tasks_path(self._project_id, dataset_id), request.wire())
        task_id = reply.fields.get("task_id")
        if not is_word(task_id):
            raise failure(reply)
        return self._task(dataset_id, str(task_id), {"path": request.path, **reply.fields})

    def show(self, dataset_id: str, task_id: str, *, timeout: float | None = None) -> ExportTask:
        """Return the task as it is now. `timeout` is in seconds.

        Raises what Transport.get raises, and RefusedError for an ID that cannot be asked for.
        """
        if task_id in (".", ".."):
            raise RefusedError(f"no URL can have the task ID {task_id!r}: HTTP libraries take it for a step")
        task = quote(task_id, safe="", errors="replace")  # an ID from the API may be any text
        path = f"{tasks_path(self._project_id, dataset_id)}/{task}"
        reply = self._transport.get(path, timeout=timeout)
        if not {"task_id", "status"} & reply.fields.keys():
            raise failure(reply)
        return self._task(dataset_id, task_id, reply.fields)

    def _task(self, dataset_id: str, task_id: str, answer: Mapping[str, Any]) -> ExportTask:
        return ExportTask(task_id=task_id, dataset_id=dataset_id, project_id=self._project_id, answer=answer)
