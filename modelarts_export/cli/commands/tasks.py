"""The commands `status`, `wait` and `list`, which read existing export tasks."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from modelarts_export.cli.binding import Dataset, DatasetOption
from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.exit_status import raise_for_outcomes, raise_for_status
from modelarts_export.cli.follow import (
    add_new_dataset_ids,
    fetch_listed,
    fetch_status,
    make_unseen_tasks,
    poll_until_done,
)
from modelarts_export.cli.options.flags import describe_empty_list
from modelarts_export.cli.options.task_filter import TaskFilter
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.documents.files import STDIN, read_text
from modelarts_export.errors import InvalidInputError, ModelArtsExportError, NotFoundError
from modelarts_export.identifiers import check_identifier
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.poller import Snapshot, TrackedTask

DatasetAndTasks = Annotated[
    list[str] | None,  # the parser would report a missing TASK without what else is missing
    typer.Argument(
        metavar="[DATASET] TASK...",
        help="ID of the dataset, or name:NAME, and IDs of its tasks; - reads those from stdin",
    ),
]
ExitStatus = Annotated[
    bool,
    typer.Option(
        "--exit-status",
        rich_help_panel="Waiting",
        help="Exit with 0 for succeeded, 7 for failed or stopped, 8 otherwise",
    ),
]
Any_ = Annotated[
    bool,
    typer.Option(
        "--any",
        rich_help_panel="Waiting",
        help="Stop when the first task is finished; its outcome is the exit code",
    ),
]


def status(
    context: CommandContext,
    *,
    tasks: DatasetAndTasks = None,
    dataset: DatasetOption = None,
    exit_status: ExitStatus = False,
) -> None:
    """Show the status of export tasks."""
    dataset_id, task_ids, is_argument = _split_dataset(context, "status", tasks or (), dataset)
    unseen = make_unseen_tasks(context, dataset_id, task_ids)
    snapshot = add_new_dataset_ids(context, fetch_status(context, unseen), context.settings)
    context.printer.tasks([each.task for each in snapshot if each.task.raw], with_failure=not exit_status)
    with _naming_dataset(dataset_id, is_argument=is_argument):
        raise_for_status(context, snapshot, exit_status=exit_status)


def wait(
    wait: PollOptions,
    context: CommandContext,
    *,
    tasks: DatasetAndTasks = None,
    dataset: DatasetOption = None,
    any: Any_ = False,  # noqa: A002 - the name of the flag
) -> None:
    """Wait until export tasks are finished."""
    dataset_id, task_ids, is_argument = _split_dataset(context, "wait", tasks or (), dataset)
    context.make_resumable(dataset_id, task_ids, context.settings)
    begun = SYSTEM_CLOCK.monotonic()
    snapshot = poll_until_done(
        context,
        make_unseen_tasks(context, dataset_id, task_ids),
        wait,
        context.settings,
        show=lambda snapshot: _show(context, snapshot),
        stop_at_first=any,
    )
    snapshot = add_new_dataset_ids(context, snapshot, context.settings)
    first = _find_first_finished(snapshot) if any else None
    _show(context, snapshot if first is None else (first, *(each for each in snapshot if each is not first)))
    seconds = SYSTEM_CLOCK.monotonic() - begun
    with _naming_dataset(dataset_id, is_argument=is_argument):
        raise_for_outcomes(context, (first,) if first else snapshot, wait, context.settings, seconds=seconds)


@contextmanager
def _naming_dataset(dataset_id: str, *, is_argument: bool) -> Iterator[None]:
    """Name the dataset in the hint of a NotFoundError: a task may have been taken for it, an argument."""
    try:
        yield
    except NotFoundError as error:
        words = "with --dataset ID all arguments are tasks" if is_argument else ""
        hints = [error.hint, f"the dataset was {dataset_id}", words]
        raise error.copy_with(hint="; ".join(filter(None, hints))) from None


def _show(context: CommandContext, snapshot: Snapshot) -> None:
    context.printer.polled([each.task for each in snapshot if each.may_be_listed])


def list_tasks(
    task_filter: TaskFilter,
    context: CommandContext,
    *,
    dataset: Dataset = None,
    dataset_option: DatasetOption = None,
) -> None:
    """List the export tasks of a dataset, the newest first."""
    origin = "--dataset" if dataset is None else "DATASET"
    given = dataset_option if dataset is None else dataset
    chosen = context.connection.choose_dataset(given, origin, needed_for=context.settings, takes_spec=False)
    dataset_id = context.find_dataset_id(chosen, context.settings)
    context.messages.keep(dataset_id)
    tasks = fetch_listed(context, dataset_id, task_filter)
    empty = describe_empty_list(f"dataset {dataset_id} has no export tasks", task_filter)
    context.printer.task_list(tasks, if_empty=empty)


def _split_dataset(
    context: CommandContext, command: str, arguments: Sequence[str], option: str | None
) -> tuple[str, list[str], bool]:
    """Return the dataset, the tasks, and whether the dataset is the ID of an argument.

    All arguments are tasks with --dataset.

    A single argument is a task, too, when the variable names the dataset. A name is looked up last.
    Raises InvalidInputError with the command to write, and one error for all that is missing.
    """
    connection, settings = context.connection, context.settings
    given, origin, tasks, form = option, "--dataset", arguments, "--dataset ID " if option else ""
    if option is None and (len(arguments) > 1 or not connection.default_dataset):
        given, origin, tasks, form = (arguments or (None,))[0], "DATASET", arguments[1:], "DATASET "
    missing: list[ModelArtsExportError] = []
    if not tasks:
        hint = (
            f"write: modelarts-export {command} {form}TASK...; "
            f"modelarts-export list {form}-o id prints the IDs of tasks"
        )
        missing.append(InvalidInputError("TASK is required", hint=hint))
    dataset = connection.choose_dataset(given, origin, needed_for=settings, missing=missing, takes_spec=False)
    task_ids = _read_task_ids(tasks)
    dataset_id = context.find_dataset_id(dataset, settings)
    return dataset_id, task_ids, origin == "DATASET" and dataset_id == given


def _read_task_ids(arguments: Sequence[str]) -> list[str]:
    """Return the distinct IDs, where `-` is replaced by those on stdin."""
    task_ids: list[str] = []
    for each in arguments:
        task_ids += read_text(STDIN, None).split() if each == STDIN else [each]
    if not task_ids:
        raise InvalidInputError("stdin has no task IDs", hint="list DATASET -o id prints them")
    try:
        return list(dict.fromkeys(map(check_identifier, task_ids)))
    except ValueError as error:
        raise InvalidInputError(f"TASK: {error}") from None


def _find_first_finished(snapshot: Snapshot) -> TrackedTask | None:
    """Return the task that was finished first, by the server's clock."""
    finished = [each for each in snapshot if each.task.is_finished]
    return min(finished, key=lambda each: each.task.updated or math.inf, default=None)
