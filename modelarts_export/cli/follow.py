"""What the commands about tasks do with the API: list, fetch once, or poll with progress."""

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
_DATASET_SEARCH = 30.0  # seconds


def make_unseen_tasks(session: CommandContext, dataset_id: str, task_ids: Sequence[str]) -> list[ExportTask]:
    """Return tasks of which only the IDs are known."""
    session.messages.keep(dataset_id, *task_ids)
    client = session.client(session.settings)
    return [client.make_unseen_task(dataset_id, task_id) for task_id in task_ids]


def fetch_listed(session: CommandContext, dataset_id: str, selection: TaskFilter) -> list[ExportTask]:
    """Return the selected tasks of a dataset, the newest first; each page of the list is retried."""
    session.messages.keep(dataset_id)
    client = session.client(session.settings)
    pages = client.iter_task_pages(dataset_id, export_type=selection.export_type, retry=session.retry_policy)
    return selection.select(pages)


def fetch_status(session: CommandContext, tasks: Sequence[ExportTask]) -> Snapshot:
    """Return the tasks of one dataset as they are now; a task with a transient error is polled again."""
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


def poll_until_done(  # noqa: PLR0913 - the tasks, the options, and the callbacks of a wait
    session: CommandContext,
    tasks: Sequence[ExportTask],
    options: PollOptions,
    settings: Settings,
    *,
    show: Callable[[Snapshot], None],
    stop_at_first: bool = False,
) -> Snapshot:
    """Return the last snapshot of a wait for tasks of one dataset, and display its progress.

    With `stop_at_first`, the first task that is finished ends the wait. `show` writes the result after a
    signal.
    """
    from modelarts_export.cli.progress.display import open_display, tick_in_background  # noqa: PLC0415 - only a wait needs it

    messages = session.messages
    client, snapshot = session.client(settings), tuple(TrackedTask(task=task) for task in tasks)
    dataset_id, task_ids = tasks[0].dataset_id, [task.task_id for task in tasks]
    session.follow(dataset_id, task_ids, settings, show=partial(show, snapshot))
    session.printer.load_renderer()
    with (
        open_display(messages.console, quiet=messages.options.quiet, heartbeat=options.heartbeat) as display,
        tick_in_background(display),
    ):
        for snapshot in poll(client, tasks, options, clock=session.cancel_token.guard(SYSTEM_CLOCK)):
            session.follow(dataset_id, task_ids, settings, show=partial(show, snapshot))
            display.show(snapshot)
            if stop_at_first and any(each.task.is_finished for each in snapshot):
                break
    return snapshot


def with_new_datasets(
    session: CommandContext, snapshot: Snapshot, settings: Settings, *, name: str | None = None
) -> Snapshot:
    """Return the snapshot with the ID of the new dataset of each task that created one; None if not found.

    `name` is that of the new dataset where the request is known. Output of task IDs alone needs no search.
    """
    if session.messages.options.output == "id":
        return snapshot
    ids: dict[str, str | None] = {}
    tracked: list[TrackedTask] = []
    for each in snapshot:
        new = (name or each.task.new_dataset_name) if each.task.state is TaskState.SUCCESSED else None
        if new and new not in ids:
            ids[new] = _find_dataset(session, new, settings)
        extra = {"new_dataset_id": ids[new]} if new else each.task.extra
        tracked.append(replace(each, task=replace(each.task, extra=extra)))
    return tuple(tracked)


def _find_dataset(session: CommandContext, name: str, settings: Settings) -> str | None:
    dataset_id, reason = None, "no dataset has its name"
    try:
        client = session.client(settings)
        dataset_id = client.find_dataset_by_name(name, timeout=_DATASET_SEARCH, retry=session.retry_policy)
    except ModelArtsExportError as error:
        reason = str(error)
    if dataset_id is None:
        session.messages.warn(f"the ID of the new dataset {name} could not be found: {reason}")
    return dataset_id
