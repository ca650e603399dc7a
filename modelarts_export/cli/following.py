"""Looking at export tasks for a command: once, or until they have ended, as the user can watch."""

from collections.abc import Sequence
from dataclasses import replace

from modelarts_export.cli.selection import Selection
from modelarts_export.cli.session import Session
from modelarts_export.config import Settings
from modelarts_export.errors import ModelArtsExportError, TemporaryError
from modelarts_export.task import ExportTask, TaskState
from modelarts_export.timing import TIMING
from modelarts_export.waiting import Snapshot, WaitSettings, follow

_ONE_LOOK = WaitSettings(timeout=0.0, max_outage=0.0)
_LOOK_UP = 30.0  # seconds


def unseen(session: Session, dataset_id: str, task_ids: Sequence[str]) -> list[ExportTask]:
    """Return tasks of which nothing is known but their IDs."""
    client = session.client(session.settings)
    return [client.unseen(dataset_id, task_id) for task_id in task_ids]


def listed(session: Session, dataset_id: str, selection: Selection) -> list[ExportTask]:
    """Return the tasks of a dataset that are wanted, the newest first; each page of them is retried."""
    client = session.client(session.settings)
    pages = client.task_pages(dataset_id, export_type=selection.export_type, retry=session.retry_policy)
    return selection.of(pages)


def look(session: Session, tasks: Sequence[ExportTask]) -> Snapshot:
    """Return the tasks of one dataset as they are now; a transient error is retried."""
    client, retries = session.client(session.settings), session.retry_policy.start()
    while True:
        seen = next(follow(client, tasks, _ONE_LOOK))
        trouble = next((each.trouble for each in seen if isinstance(each.trouble, TemporaryError)), None)
        if trouble is None:
            return seen
        try:
            retries.wait_or_raise(trouble)
        except TemporaryError:
            return seen


def watch(
    session: Session,
    tasks: Sequence[ExportTask],
    wait: WaitSettings,
    settings: Settings,
    *,
    first: bool = False,
) -> Snapshot:
    """Return the tasks as they are after a wait that is shown; with `first`, the first that ended ends it."""
    client, seen = session.client(settings), Snapshot()
    with session.output.watching(wait.heartbeat) as watching:
        for seen in follow(client, tasks, wait, timing=replace(TIMING, sleep=watching.sleep)):
            watching.show(seen)
            if first and any(each.task.ended for each in seen):
                break
    return seen


def with_new_dataset(session: Session, name: str, seen: Snapshot, settings: Settings) -> Snapshot:
    """Return the task with the ID of the dataset that it made, if it succeeded; None when not found."""
    (only,) = seen
    if only.task.state is not TaskState.SUCCESSED:
        return seen
    dataset_id, why = None, "no dataset has its name"
    try:
        dataset_id = session.client(settings).dataset_named(name, timeout=_LOOK_UP)
    except ModelArtsExportError as error:
        why = str(error)
    if dataset_id is None:
        session.output.warn(f"the ID of the new dataset {name} could not be found: {why}")
    return (replace(only, task=replace(only.task, found={"new_dataset_id": dataset_id})),)
