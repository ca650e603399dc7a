"""The commands `to-obs` and `to-new-dataset`, which create an export task."""

from typing import Annotated, Any

import typer

from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.options.request_input import RequestInput
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.fields import REQUEST
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.submission.reuse_policy import ReusePolicy

DryRun = Annotated[
    bool, typer.Option("--dry-run", rich_help_panel=REQUEST, help="Print the request and send nothing")
]


def to_obs(
    request_input: RequestInput[ToObs],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    context: CommandContext,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that writes the dataset to an OBS directory."""
    _export(request_input, reuse, wait, context, dry_run=dry_run)


def to_new_dataset(
    request_input: RequestInput[ToNewDataset],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    context: CommandContext,
    *,
    dry_run: DryRun = False,
) -> None:
    """Create an export task that makes a new dataset."""
    _export(request_input, reuse, wait, context, dry_run=dry_run)


def _export(
    request_input: RequestInput[Any],
    reuse: ReusePolicy,
    wait: PollOptions | None,
    context: CommandContext,
    *,
    dry_run: bool,
) -> None:
    export = context.resolve(request_input, offline=dry_run)
    context.warn_of_directories(reuse, [("", export.request)])
    if dry_run:
        context.printer.request(export.url, export.request.to_dict())
        return
    from modelarts_export.cli.commands.export_run import ExportRun  # noqa: PLC0415 - requests is loaded here

    run = ExportRun(context, export, reuse)
    task = run.submit()
    if task.skipped:
        context.printer.task(task)
    elif wait:
        run.wait(task, wait)
    else:
        ids_only = context.messages.options.output == "id"  # these need no status check
        context.printer.submitted(task if ids_only else run.fetch_status(task))
