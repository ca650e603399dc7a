"""The commands about existing export tasks: `status`, `wait` and `list`."""

import math
from collections.abc import Sequence
from typing import Annotated

import typer

from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.exit_status import raise_for_outcomes, raise_for_status
from modelarts_export.cli.follow import (
    fetch_listed,
    fetch_status,
    make_unseen_tasks,
    poll_until_done,
    with_new_datasets,
)
from modelarts_export.cli.options.task_filter import TaskFilter
from modelarts_export.documents.files import STDIN, read_text
from modelarts_export.errors import InvalidInputError
from modelarts_export.identifiers import check_identifier
from modelarts_export.polling.poller import PollOptions, Snapshot, TrackedTask

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="ID of the dataset")]
Tasks = Annotated[list[str], typer.Argument(metavar="TASK...", help="IDs of tasks; - reads them from stdin")]
ExitStatus = Annotated[
    bool,
    typer.Option("--exit-status", help="Exit with 0 for succeeded, 7 for failed or stopped, 8 otherwise"),
]
Any_ = Annotated[
    bool, typer.Option("--any", help="Until the first task is finished; its outcome is the exit code")
]


def status(
    dataset: Dataset, tasks: Tasks, session: CommandContext, *, exit_status: ExitStatus = False
) -> None:
    """Show the status of export tasks."""
    unseen = make_unseen_tasks(session, _check_dataset_id(dataset), _read_task_ids(tasks))
    snapshot = with_new_datasets(session, fetch_status(session, unseen), session.settings)
    session.printer.tasks([each.task for each in snapshot if each.task.raw])
    raise_for_status(session, snapshot, exit_status=exit_status)


def wait(
    dataset: Dataset,
    tasks: Tasks,
    wait: PollOptions,
    session: CommandContext,
    *,
    any: Any_ = False,  # noqa: A002 - as the flag is called
) -> None:
    """Wait until export tasks are finished."""
    dataset_id, task_ids = _check_dataset_id(dataset), _read_task_ids(tasks)
    session.follow(dataset_id, task_ids, session.settings)
    snapshot = poll_until_done(
        session,
        make_unseen_tasks(session, dataset_id, task_ids),
        wait,
        session.settings,
        show=lambda snapshot: _show(session, snapshot),
        stop_at_first=any,
    )
    snapshot = with_new_datasets(session, snapshot, session.settings)
    first = _find_first_finished(snapshot) if any else None
    _show(session, snapshot if first is None else (first, *(each for each in snapshot if each is not first)))
    raise_for_outcomes(session, (first,) if first else snapshot, wait, session.settings)


def _show(session: CommandContext, snapshot: Snapshot) -> None:
    session.printer.polled([each.task for each in snapshot if each.may_be_listed])


def list_tasks(dataset: Dataset, selection: TaskFilter, session: CommandContext) -> None:
    """List the export tasks of a dataset, the newest first."""
    session.printer.task_list(fetch_listed(session, _check_dataset_id(dataset), selection))


def _check_dataset_id(given: str) -> str:
    try:
        return check_identifier(given)
    except ValueError as error:
        raise InvalidInputError(f"DATASET: {error}") from None


def _read_task_ids(given: Sequence[str]) -> list[str]:
    """Return each ID once, those on stdin in the place of the `-`."""
    task_ids: list[str] = []
    for each in given:
        task_ids += read_text(STDIN, None).split() if each == STDIN else [each]
    if not task_ids:
        raise InvalidInputError("stdin has no task IDs", hint="list DATASET -o id writes them")
    try:
        return list(dict.fromkeys(map(check_identifier, task_ids)))
    except ValueError as error:
        raise InvalidInputError(f"TASK: {error}") from None


def _find_first_finished(snapshot: Snapshot) -> TrackedTask | None:
    """Return the task that was finished first, by the server's clock."""
    finished = [each for each in snapshot if each.task.is_finished]
    return min(finished, key=lambda each: each.task.updated or math.inf, default=None)
