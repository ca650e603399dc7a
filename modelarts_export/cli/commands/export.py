"""The commands that create an export task."""

from typing import Annotated, Any

import typer

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.context import Order, Session
from modelarts_export.cli.exit_status import conclude
from modelarts_export.cli.follow import watch, with_new_datasets
from modelarts_export.cli.options.request_input import Draft
from modelarts_export.polling.poller import PollOptions
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.submission.reuse import ReusePolicy

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing")]


def to_obs(
    draft: Draft[ToObs],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    session: Session,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that writes the dataset to an OBS directory."""
    _export(draft, reuse, wait, session, dry_run=dry_run)


def to_new_dataset(
    draft: Draft[ToNewDataset],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    session: Session,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that makes a new dataset."""
    _export(draft, reuse, wait, session, dry_run=dry_run)


def _export(
    draft: Draft[Any], reuse: ReusePolicy, wait: PollOptions | None, session: Session, *, dry_run: bool
) -> None:
    order = session.order(draft)
    if dry_run:
        session.output.request(order.url, order.request.to_dict())
        return
    task = session.submit(order, reuse)
    if task.skipped:
        session.output.task(task)
    elif wait:
        _follow(order, task, wait, session)
    else:
        session.output.submitted(_glance(order, task, session))


def _glance(order: Order, task: ExportTask, session: Session) -> ExportTask:
    """Return the task with its status, unless nobody wants to see it."""
    return task if session.output.style.output == "id" else session.glance(order, task)


def _follow(order: Order, task: ExportTask, wait: PollOptions, session: Session) -> None:
    seen = watch(session, [task], wait, order.settings, show=lambda seen: session.output.task(seen[0].task))
    session.check_for_duplicates()
    if isinstance(order.request, ToNewDataset):
        name = order.request.export_params.export_new_dataset_name
        seen = with_new_datasets(session, seen, order.settings, name=name)
    session.output.task(seen[0].task)
    conclude(session, seen, wait, order.settings)
