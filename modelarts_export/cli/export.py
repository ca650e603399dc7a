"""The commands that create an export task."""

from typing import Annotated, Any

import typer

from modelarts_export.cli.draft import Draft
from modelarts_export.cli.session import Session
from modelarts_export.request import ToNewDataset, ToObs

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing")]


def to_obs(draft: Draft[ToObs], session: Session, *, dry_run: DryRun = False) -> None:
    """Create an export task that writes the dataset to an OBS directory."""
    _export(draft, session, dry_run=dry_run)


def to_new_dataset(draft: Draft[ToNewDataset], session: Session, *, dry_run: DryRun = False) -> None:
    """Create an export task that makes a new dataset."""
    _export(draft, session, dry_run=dry_run)


def _export(draft: Draft[Any], session: Session, *, dry_run: bool) -> None:
    order = session.order(draft)
    if dry_run:
        session.output.request(order.url, order.request.body())
    else:
        session.output.task(session.submit(order))
