"""The commands that create an export task."""

from typing import Annotated, Any

import typer

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.context import CommandContext, ResolvedExport
from modelarts_export.cli.exit_status import raise_for_outcomes
from modelarts_export.cli.follow import poll_until_done, with_new_datasets
from modelarts_export.cli.options.request_input import RequestInput
from modelarts_export.polling.poller import PollOptions
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.submission.reuse import ReusePolicy

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing")]


def to_obs(
    draft: RequestInput[ToObs],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    session: CommandContext,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that writes the dataset to an OBS directory."""
    _export(draft, reuse, wait, session, dry_run=dry_run)


def to_new_dataset(
    draft: RequestInput[ToNewDataset],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    session: CommandContext,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that makes a new dataset."""
    _export(draft, reuse, wait, session, dry_run=dry_run)


def _export(
    draft: RequestInput[Any],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    session: CommandContext,
    *,
    dry_run: bool,
) -> None:
    order = session.resolve(draft)
    if dry_run:
        session.printer.request(order.url, order.request.to_dict())
        return
    task = session.submit(order, reuse)
    if task.skipped:
        session.printer.task(task)
    elif wait:
        _follow(order, task, wait, session)
    else:
        session.printer.submitted(_glance(order, task, session))


def _glance(order: ResolvedExport, task: ExportTask, session: CommandContext) -> ExportTask:
    """Return the task with its status, unless nobody wants to see it."""
    return task if session.messages.options.output == "id" else session.fetch_status(order, task)


def _follow(order: ResolvedExport, task: ExportTask, wait: PollOptions, session: CommandContext) -> None:
    seen = poll_until_done(
        session, [task], wait, order.settings, show=lambda seen: session.printer.task(seen[0].task)
    )
    session.check_for_duplicates()
    if isinstance(order.request, ToNewDataset):
        name = order.request.export_params.export_new_dataset_name
        seen = with_new_datasets(session, seen, order.settings, name=name)
    session.printer.task(seen[0].task)
    raise_for_outcomes(session, seen, wait, order.settings)
