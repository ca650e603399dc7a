"""The commands `to-obs` and `to-new-dataset`, which create an export task."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelarts_export.cli.context import CommandContext, ResolvedExport
from modelarts_export.cli.options.request_input import RequestInput
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.fields import REQUEST
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.submission.reuse_policy import ReusePolicy

if TYPE_CHECKING:
    from modelarts_export.api.task import ExportTask

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
    if dry_run:
        context.printer.request(export.url, export.request.to_dict())
        return
    if reuse.skip_if_running and not export.request.path.startswith(reuse.skip_if_running):
        context.messages.warn(
            f"the path is not in {reuse.skip_if_running}, the directory of --skip-if-running"
        )
    task = context.submit(export, reuse)
    if task.skipped:
        context.printer.task(task)
        return
    if wait is None:
        ids_only = context.messages.options.output == "id"  # these need no status check
        context.printer.submitted(task if ids_only else context.fetch_status(export, task))
        return
    _wait(context, export, task, wait)


def _wait(context: CommandContext, export: ResolvedExport, task: "ExportTask", options: PollOptions) -> None:
    from modelarts_export.cli.exit_status import raise_for_outcomes  # noqa: PLC0415 - for --wait alone
    from modelarts_export.cli.follow import add_new_dataset_ids, poll_until_done  # noqa: PLC0415 - as above

    snapshot = poll_until_done(
        context,
        [task],
        options,
        export.settings,
        show=lambda snapshot: context.printer.task(snapshot[0].task),
    )
    context.check_for_duplicates()
    if isinstance(export.request, ToNewDataset):
        name = export.request.export_params.export_new_dataset_name
        snapshot = add_new_dataset_ids(context, snapshot, export.settings, name=name)
    context.printer.task(snapshot[0].task)
    raise_for_outcomes(context, snapshot, options, export.settings)
