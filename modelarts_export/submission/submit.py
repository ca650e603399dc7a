"""Submit a request, and fetch the status of its task, for callers in Python and commands."""

from collections.abc import Callable

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.arguments import check_type
from modelarts_export.cancellation import CancelToken
from modelarts_export.errors import InvalidInputError, ModelArtsExportError
from modelarts_export.identifiers import check_identifier, get_dataset_name
from modelarts_export.quoting import quote
from modelarts_export.request.models import ExportRequest
from modelarts_export.submission.events import EventHandler, ExportLabel, StatusCheckFailed, log_event
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.submission.submission import Submission

STATUS_TIMEOUT = 5.0  # seconds; the task exists, and its status is a courtesy


def submit(  # noqa: PLR0913 - the request, and what a submission has beside it
    client: Client,
    dataset_id: str,
    request: ExportRequest,
    *,
    reuse: ReusePolicy | None = None,
    on_event: EventHandler = log_event,
    cancel: CancelToken | None = None,
) -> ExportTask:
    """Create an export task exactly once, and return it with its ID: new, recovered, reused or skipped for.

    `on_event` is called with each SubmissionEvent, in this thread; without it, possible duplicates and
    warnings about the reuse of older tasks are logged. Raises InvalidInputError for an argument of another
    type and a dataset ID that is no ID, and what Submission.run raises.
    """
    check_type("client", client, Client)
    check_type("dataset_id", dataset_id, str)
    check_type("request", request, ExportRequest)
    check_type("reuse", reuse, ReusePolicy, optional=True, example="ReusePolicy(reuse_running=True)")
    check_type("on_event", on_event, Callable)
    check_type("cancel", cancel, CancelToken, optional=True)
    if get_dataset_name(dataset_id):
        raise InvalidInputError(
            f"dataset ID: {quote(dataset_id)} is a name, not an ID; Client.find_dataset returns its dataset"
        )
    try:
        check_identifier(dataset_id)
    except ValueError as error:
        raise InvalidInputError(f"dataset ID: {error}") from None
    return Submission(client, dataset_id, request, reuse=reuse, on_event=on_event, cancel=cancel).run()


def fetch_status(
    client: Client, task: ExportTask, label: ExportLabel, on_event: EventHandler = log_event
) -> ExportTask:
    """Return a task with its current status; unchanged when one status check of 5 s fails."""
    try:
        return task.updated_with(client.show(task.dataset_id, task.task_id, timeout=STATUS_TIMEOUT))
    except ModelArtsExportError as error:
        on_event(StatusCheckFailed(export=label, error=error))
        return task
