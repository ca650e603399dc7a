"""Looking at export tasks for a command: once, or until they have ended, as the user can watch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.options.task_filter import TaskFilter
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, TemporaryError
from modelarts_export.polling.poller import PollOptions, Snapshot, TrackedTask, poll

_ONE_POLL = PollOptions(timeout=0.0, max_outage=0.0)
_LOOK_UP = 30.0  # seconds


def make_unseen_tasks(session: CommandContext, dataset_id: str, task_ids: Sequence[str]) -> list[ExportTask]:
    """Return tasks of which nothing is known but their IDs."""
    session.output.keep(dataset_id, *task_ids)
    client = session.client(session.settings)
    return [client.make_unseen_task(dataset_id, task_id) for task_id in task_ids]


def fetch_listed(session: CommandContext, dataset_id: str, selection: TaskFilter) -> list[ExportTask]:
    """Return the tasks of a dataset that are wanted, the newest first; each page of them is retried."""
    session.output.keep(dataset_id)
    client = session.client(session.settings)
    pages = client.iter_task_pages(dataset_id, export_type=selection.export_type, retry=session.retry_policy)
    return selection.select(pages)


def fetch_status(session: CommandContext, tasks: Sequence[ExportTask]) -> Snapshot:
    """Return the tasks of one dataset as they are now; those with a transient error are polled again."""
    client, retries = session.client(session.settings), session.retry_policy.start()
    seen = {each.task.task_id: each for each in next(poll(client, tasks, _ONE_POLL))}
    while True:
        failed = [each for each in seen.values() if isinstance(each.last_error, TemporaryError)]
        error = failed[0].last_error if failed else None
        if not isinstance(error, TemporaryError):
            break
        try:
            retries.wait_or_raise(error)
        except TemporaryError:
            break
        again = next(poll(client, [each.task for each in failed], _ONE_POLL))
        seen.update((each.task.task_id, each) for each in again)
    return tuple(seen[task.task_id] for task in tasks)


def poll_until_done(  # noqa: PLR0913 - all of a wait comes together here
    session: CommandContext,
    tasks: Sequence[ExportTask],
    wait: PollOptions,
    settings: Settings,
    *,
    show: Callable[[Snapshot], None],
    first: bool = False,
) -> Snapshot:
    """Return the tasks of one dataset as they are after a wait that is shown.

    With `first`, the first that ended ends it. `show` writes the result when a signal does.
    """
    client, seen = session.client(settings), tuple(TrackedTask(task=task) for task in tasks)
    dataset_id, ids = tasks[0].dataset_id, [task.task_id for task in tasks]
    session.follow(dataset_id, ids, settings, show=partial(show, seen))
    session.output.load_renderers()
    with session.output.display_progress(wait.heartbeat) as watching:
        for seen in poll(client, tasks, wait, timing=replace(SYSTEM_CLOCK, sleep=session.sleep)):
            session.follow(dataset_id, ids, settings, show=partial(show, seen))
            watching.show(seen)
            if first and any(each.task.is_finished for each in seen):
                break
    return seen


def with_new_datasets(
    session: CommandContext, seen: Snapshot, settings: Settings, *, name: str | None = None
) -> Snapshot:
    """Return the tasks, those that made a dataset with its ID, which is None when it is not found.

    `name` is that of the new dataset where the request is known. Nothing is looked up for IDs alone.
    """
    if session.output.style.output == "id":
        return seen
    named = [(each, _new_dataset_of(each.task, name)) for each in seen]
    ids = {
        each: _dataset_id_of(session, each, settings) for each in {name: None for _, name in named if name}
    }
    return tuple(
        replace(each, task=replace(each.task, extra={"new_dataset_id": ids[name]})) if name else each
        for each, name in named
    )


def _new_dataset_of(task: ExportTask, name: str | None) -> str | None:
    """Return the name of the dataset that a task has made."""
    return (name or task.new_dataset_name) if task.state is TaskState.SUCCESSED else None


def _dataset_id_of(session: CommandContext, name: str, settings: Settings) -> str | None:
    dataset_id, why = None, "no dataset has its name"
    try:
        client = session.client(settings)
        dataset_id = client.find_dataset_by_name(name, timeout=_LOOK_UP, retry=session.retry_policy)
    except ModelArtsExportError as error:
        why = str(error)
    if dataset_id is None:
        session.output.warn(f"the ID of the new dataset {name} could not be found: {why}")
    return dataset_id
