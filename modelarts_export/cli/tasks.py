"""The commands that look at export tasks: `status`, `wait` and `list`."""

import math
from collections.abc import Sequence
from typing import Annotated

import typer

from modelarts_export.cli.ending import conclude, conclude_look
from modelarts_export.cli.selection import Selection
from modelarts_export.cli.session import Session
from modelarts_export.errors import InvalidInputError
from modelarts_export.field_types import identifier
from modelarts_export.files import STDIN, read_text
from modelarts_export.waiting import Snapshot, WaitSettings

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="ID of the dataset")]
Tasks = Annotated[list[str], typer.Argument(metavar="TASK...", help="IDs of tasks; - reads them from stdin")]
ExitStatus = Annotated[
    bool, typer.Option("--exit-status", help="End with 0 for succeeded, 7 for failed, 8 for neither")
]
Any_ = Annotated[bool, typer.Option("--any", help="Until the first task has ended; its end is the exit code")]


def status(dataset: Dataset, tasks: Tasks, session: Session, *, exit_status: ExitStatus = False) -> None:
    """Show export tasks as the API sees them now."""
    seen = session.look(session.tasks(_dataset_id(dataset), _task_ids(tasks)))
    session.output.tasks([each.task for each in seen if each.task.answer])
    conclude_look(session, seen, exit_status=exit_status)


def wait(dataset: Dataset, tasks: Tasks, wait: WaitSettings, session: Session, *, any: Any_ = False) -> None:  # noqa: A002 - as the flag is called
    """Follow export tasks to their end."""
    followed = session.tasks(_dataset_id(dataset), _task_ids(tasks))
    with session.resumable(followed, session.settings):
        seen = session.follow(followed, wait, session.settings, any_of_them=any)
    deciding = _first_ended(seen) if any else seen
    shown = sorted(seen, key=lambda each: each not in deciding)
    session.output.tasks([each.task for each in shown if each.task.answer])
    conclude(session, deciding, wait, session.settings)


def list_tasks(dataset: Dataset, selection: Selection, session: Session) -> None:
    """List the export tasks of a dataset, the newest first."""
    client = session.client(session.settings)
    pages = client.task_pages(_dataset_id(dataset), export_type=selection.export_type)
    session.output.task_list(selection.of(pages))


def _dataset_id(given: str) -> str:
    try:
        return identifier(given)
    except ValueError as error:
        raise InvalidInputError(f"DATASET: {error}") from None


def _task_ids(given: Sequence[str]) -> list[str]:
    """Return each ID once, those on stdin in the place of the `-`."""
    words = [word for each in given for word in (read_text(STDIN).split() if each == STDIN else [each])]
    if not words:
        raise InvalidInputError("stdin has no task IDs", hint="list DATASET -o id writes them")
    try:
        return list(dict.fromkeys(map(identifier, words)))
    except ValueError as error:
        raise InvalidInputError(f"TASK: {error}") from None


def _first_ended(seen: Snapshot) -> Snapshot:
    """Return the one that ended first, by the server's clock; all of them when none has ended."""
    ended = [each for each in seen if each.task.ended]
    return (min(ended, key=lambda each: each.task.updated or math.inf),) if ended else seen
