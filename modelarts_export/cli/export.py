"""The commands that create an export task."""

from typing import Annotated, Any

import typer

from modelarts_export.cli.draft import Draft
from modelarts_export.cli.ending import conclude
from modelarts_export.cli.session import Order, Session
from modelarts_export.request import ToNewDataset, ToObs
from modelarts_export.waiting import WaitSettings

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing")]


def to_obs(
    draft: Draft[ToObs], wait: WaitSettings | None, session: Session, *, dry_run: DryRun = False
) -> None:
    """Create an export task that writes the dataset to an OBS directory."""
    _export(draft, wait, session, dry_run=dry_run)


def to_new_dataset(
    draft: Draft[ToNewDataset], wait: WaitSettings | None, session: Session, *, dry_run: DryRun = False
) -> None:
    """Create an export task that makes a new dataset."""
    _export(draft, wait, session, dry_run=dry_run)


def _export(draft: Draft[Any], wait: WaitSettings | None, session: Session, *, dry_run: bool) -> None:
    order = session.order(draft)
    if dry_run:
        session.output.request(order.url, order.request.body())
    elif wait:
        _submit_and_wait(order, wait, session)
    else:
        session.output.submitted(session.submit(order, look=session.output.style.output != "id"))


def _submit_and_wait(order: Order, wait: WaitSettings, session: Session) -> None:
    task = session.submit(order, look=False)
    with session.resumable([task], order.settings):
        seen = session.follow([task], wait, order.settings)
        if isinstance(order.request, ToNewDataset):
            name = order.request.export_params.export_new_dataset_name
            seen = session.with_new_dataset(name, seen, order.settings)
    session.output.task(seen[0].task)
    conclude(session, seen, wait, order.settings)
