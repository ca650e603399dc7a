"""The commands that look at export tasks: `status`, `wait` and `list`."""

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
from modelarts_export.polling.poller import PollOptions, Snapshot, TrackedTask
from modelarts_export.request.field_types import check_identifier

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="ID of the dataset")]
Tasks = Annotated[list[str], typer.Argument(metavar="TASK...", help="IDs of tasks; - reads them from stdin")]
ExitStatus = Annotated[
    bool,
    typer.Option("--exit-status", help="Exit with 0 for succeeded, 7 for failed or stopped, 8 otherwise"),
]
Any_ = Annotated[bool, typer.Option("--any", help="Until the first task has ended; its end is the exit code")]


def status(
    dataset: Dataset, tasks: Tasks, session: CommandContext, *, exit_status: ExitStatus = False
) -> None:
    """Show export tasks as the API sees them now."""
    seen = fetch_status(session, make_unseen_tasks(session, _dataset_id(dataset), _task_ids(tasks)))
    seen = with_new_datasets(session, seen, session.settings)
    session.output.tasks([each.task for each in seen if each.task.raw])
    raise_for_status(session, seen, exit_status=exit_status)


def wait(
    dataset: Dataset,
    tasks: Tasks,
    wait: PollOptions,
    session: CommandContext,
    *,
    any: Any_ = False,  # noqa: A002 - as the flag is called
) -> None:
    """Follow export tasks to their end."""
    dataset_id, task_ids = _dataset_id(dataset), _task_ids(tasks)
    session.follow(dataset_id, task_ids, session.settings)
    seen = poll_until_done(
        session,
        make_unseen_tasks(session, dataset_id, task_ids),
        wait,
        session.settings,
        show=lambda seen: _show(session, seen),
        first=any,
    )
    seen = with_new_datasets(session, seen, session.settings)
    first = _first_ended(seen) if any else None
    _show(session, seen if first is None else (first, *(each for each in seen if each is not first)))
    raise_for_outcomes(session, (first,) if first else seen, wait, session.settings)


def _show(session: CommandContext, seen: Snapshot) -> None:
    session.output.followed([each.task for each in seen if each.may_be_listed])


def list_tasks(dataset: Dataset, selection: TaskFilter, session: CommandContext) -> None:
    """List the export tasks of a dataset, the newest first."""
    session.output.task_list(fetch_listed(session, _dataset_id(dataset), selection))


def _dataset_id(given: str) -> str:
    try:
        return check_identifier(given)
    except ValueError as error:
        raise InvalidInputError(f"DATASET: {error}") from None


def _task_ids(given: Sequence[str]) -> list[str]:
    """Return each ID once, those on stdin in the place of the `-`."""
    words = [word for each in given for word in (read_text(STDIN, None).split() if each == STDIN else [each])]
    if not words:
        raise InvalidInputError("stdin has no task IDs", hint="list DATASET -o id writes them")
    try:
        return list(dict.fromkeys(map(check_identifier, words)))
    except ValueError as error:
        raise InvalidInputError(f"TASK: {error}") from None


def _first_ended(seen: Snapshot) -> TrackedTask | None:
    """Return the one that ended first, by the server's clock."""
    ended = [each for each in seen if each.task.is_finished]
    return min(ended, key=lambda each: each.task.updated or math.inf, default=None)
