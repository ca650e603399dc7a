"""The API calls of the commands that read tasks: list, fetch once, or poll with progress."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.options.task_filter import TaskFilter
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, TemporaryError
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.poller import Snapshot, TrackedTask, poll

if TYPE_CHECKING:
    from modelarts_export.api.dataset import Dataset

_ONE_POLL = PollOptions(timeout=0.0, max_outage=0.0)
_DATASET_SEARCH = 30.0  # seconds


def make_unseen_tasks(context: CommandContext, dataset_id: str, task_ids: Sequence[str]) -> list[ExportTask]:
    """Return tasks of which only the IDs are known."""
    context.messages.keep(dataset_id, *task_ids)
    client = context.client(context.settings)
    return [client.make_unseen_task(dataset_id, task_id) for task_id in task_ids]


def fetch_listed(context: CommandContext, dataset_id: str, task_filter: TaskFilter) -> list[ExportTask]:
    """Return the tasks of a dataset that match, newest first; each page of the list is retried."""
    context.messages.keep(dataset_id)
    client = context.client(context.settings)
    pages = client.iter_task_pages(
        dataset_id, export_type=task_filter.export_type, retry=context.retry_policy
    )
    return task_filter.select(pages)


def fetch_status(context: CommandContext, tasks: Sequence[ExportTask]) -> Snapshot:
    """Return one status check of the tasks of a dataset; after a transient error a task is polled again."""
    client, retries = context.client(context.settings), context.retry_policy.start()
    tracked = {each.task.task_id: each for each in next(poll(client, tasks, _ONE_POLL))}
    while True:
        failed = [each for each in tracked.values() if isinstance(each.last_error, TemporaryError)]
        error = failed[0].last_error if failed else None
        if not isinstance(error, TemporaryError):
            break
        try:
            retries.wait_or_raise(error)
        except TemporaryError:
            break
        again = next(poll(client, [each.task for each in failed], _ONE_POLL))
        tracked.update((each.task.task_id, each) for each in again)
    return tuple(tracked[task.task_id] for task in tasks)


def poll_until_done(  # noqa: PLR0913 - the tasks, the options, and the callbacks of a wait
    context: CommandContext,
    tasks: Sequence[ExportTask],
    options: PollOptions,
    settings: Settings,
    *,
    show: Callable[[Snapshot], None],
    stop_at_first: bool = False,
) -> Snapshot:
    """Poll the tasks of one dataset until all are finished, display progress, and return the last snapshot.

    With `stop_at_first`, stop when the first task is finished. `show` prints the result after a signal.
    """
    from modelarts_export.cli.progress.display import open_display, tick_in_background  # noqa: PLC0415 - loaded for a wait only

    messages = context.messages
    client, snapshot = context.client(settings), tuple(TrackedTask(task=task) for task in tasks)
    dataset_id, task_ids = tasks[0].dataset_id, [task.task_id for task in tasks]
    context.make_resumable(dataset_id, task_ids, settings, show=partial(show, snapshot))
    context.printer.load_renderer(with_rows=len(tasks) > 1)
    with (
        open_display(messages.console, quiet=messages.options.quiet, heartbeat=options.heartbeat) as display,
        tick_in_background(display),
    ):
        for snapshot in poll(client, tasks, options, clock=context.cancel_token.guard(SYSTEM_CLOCK)):
            context.make_resumable(dataset_id, task_ids, settings, show=partial(show, snapshot))
            display.show(snapshot)
            if stop_at_first and any(each.task.is_finished for each in snapshot):
                break
    return snapshot


def add_new_dataset_ids(
    context: CommandContext, snapshot: Snapshot, settings: Settings, *, name: str | None = None
) -> Snapshot:
    """Add the ID of the new dataset, or None if not found, to each succeeded task that created one.

    `name` is the name of the new dataset if the request is known. With -o id nothing is added.
    """
    if context.messages.options.output == "id":
        return snapshot
    names = [
        (name or each.task.new_dataset_name) if each.task.state is TaskState.SUCCESSED else None
        for each in snapshot
    ]
    wanted = set(filter(None, names))
    ids = _find_datasets(context, wanted, settings) if wanted else {}

    def add_id(each: TrackedTask, new_name: str | None) -> TrackedTask:
        extra = {"new_dataset_id": ids.get(new_name)}
        return replace(each, task=replace(each.task, extra=extra)) if new_name else each

    return tuple(map(add_id, snapshot, names))


def _find_datasets(
    context: CommandContext, names: AbstractSet[str], settings: Settings
) -> Mapping[str | None, str]:
    """Return the ID of the newest dataset of each name, by one list of all; warn of names without one."""
    from modelarts_export.api.dataset import sort_by_age  # noqa: PLC0415 - after a task that made a dataset
    from modelarts_export.cli.output.task_view import list_some  # noqa: PLC0415 - as above

    reason, found = "no dataset has its name", list["Dataset"]()
    try:
        client = context.client(settings)
        for page in client.iter_dataset_pages(timeout=_DATASET_SEARCH, retry=context.retry_policy):
            found += [dataset for dataset in page.datasets if dataset.name in names]
    except ModelArtsExportError as error:
        found, reason = [], str(error)
    ids = {dataset.name: dataset.dataset_id for dataset in reversed(sort_by_age(found))}
    if missing := sorted(names - ids.keys()):
        noun = "ID of the new dataset" if len(missing) == 1 else "IDs of the new datasets"
        context.messages.warn(f"the {noun} {list_some(missing)} could not be found: {reason}")
    return ids
