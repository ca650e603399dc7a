"""The commands that create an export task."""

from typing import Annotated

import typer

from modelarts_export.cli.draft import Draft
from modelarts_export.cli.ending import conclude
from modelarts_export.cli.session import Order, Session
from modelarts_export.request import ToNewDataset, ToObs
from modelarts_export.reuse import Reuse
from modelarts_export.task import ExportTask
from modelarts_export.waiting import WaitSettings

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing")]


def to_obs(
    draft: Draft[ToObs],
    reuse: Reuse,
    wait: WaitSettings | None,
    session: Session,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that writes the dataset to an OBS directory."""
    order = session.order(draft)
    if dry_run:
        session.output.request(order.url, order.request.body())
    else:
        _export(order, reuse, wait, session)


def to_new_dataset(
    draft: Draft[ToNewDataset],
    reuse: Reuse,
    wait: WaitSettings | None,
    session: Session,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that makes a new dataset."""
    order = session.order(draft)
    if dry_run:
        session.output.request(order.url, order.request.body())
    else:
        _export(order, reuse, wait, session)


def _export(order: Order, reuse: Reuse, wait: WaitSettings | None, session: Session) -> None:
    task = session.submit(order, reuse)
    if wait:
        _follow(order, task, wait, session)
    elif session.output.style.output == "id":
        session.output.submitted(task)
    else:
        with session.resumable([task], order.settings):
            task = session.glance(order, task)
        session.output.submitted(task)


def _follow(order: Order, task: ExportTask, wait: WaitSettings, session: Session) -> None:
    with session.resumable([task], order.settings):
        seen = session.follow([task], wait, order.settings)
        if isinstance(order.request, ToNewDataset):
            name = order.request.export_params.export_new_dataset_name
            seen = session.with_new_dataset(name, seen, order.settings)
    session.output.task(seen[0].task)
    conclude(session, seen, wait, order.settings)
