"""A run of one export by a command: its submission, its wait, and what a signal prints meanwhile."""

from functools import partial

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.context import NOTHING_ACCEPTED, CommandContext, InterruptedState, ResolvedExport
from modelarts_export.cli.output.submission_messages import print_event
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.models import ToNewDataset
from modelarts_export.submission.events import ExportLabel
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.submission.submission import Submission
from modelarts_export.submission.submit import fetch_status


class ExportRun:
    """A run of one export: its submission, its wait, and what a signal prints meanwhile."""

    def __init__(self, context: CommandContext, export: ResolvedExport, reuse: ReusePolicy) -> None:
        """Submit nothing yet; from now on, a signal prints the task, or how to find one that may exist.

        Raises what CommandContext.client raises.
        """
        self._context, self._export, self._reuse = context, export, reuse
        self._client = context.client(export.settings)
        format_command = partial(context.resume.format_list_command, settings=export.settings)
        self._print_event = partial(print_event, context.messages, format_command)
        self._submission = Submission(
            self._client,
            export.dataset_id,
            export.request,
            reuse=reuse,
            on_event=self._print_event,
            cancel=context.cancel_token,
        )
        context.app.set_final_output(self._describe_interruption)
        context.printer.load_renderer(with_rows=False)

    def submit(self) -> ExportTask:
        """Create the task, reuse one, or skip. Raises what Submission.run raises.

        After a signal, the exit waits for the reply to a request that was sent.
        """
        with self._context.delay_exit(lambda: self._submission.is_sending):
            try:
                return self._submission.run()
            except UnknownOutcomeError as error:
                self._context.messages.keep(*error.task_ids)
                raise error.copy_with(hint=self._format_recovery_hint(error.path, error.since)) from None

    def fetch_status(self, task: ExportTask) -> ExportTask:
        """Return the task with its current status, or unchanged when the status check fails."""
        label = ExportLabel(dataset_id=self._export.dataset_id, path=self._export.request.path)
        return fetch_status(self._client, task, label, self._print_event)

    def wait(self, task: ExportTask, options: PollOptions) -> None:
        """Poll the task until it is finished, and print it. Raises the error of one that did not succeed."""
        from modelarts_export.cli.exit_status import raise_for_outcomes  # noqa: PLC0415 - for --wait alone
        from modelarts_export.cli.follow import add_new_dataset_ids, poll_until_done  # noqa: PLC0415 - as above

        context, settings, request = self._context, self._export.settings, self._export.request
        snapshot = poll_until_done(
            context,
            [task],
            options,
            settings,
            show=lambda snapshot: context.printer.task(snapshot[0].task),
        )
        self._submission.check_for_duplicates()
        if isinstance(request, ToNewDataset):
            name = request.export_params.export_new_dataset_name
            snapshot = add_new_dataset_ids(context, snapshot, settings, name=name)
        context.printer.task(snapshot[0].task)
        raise_for_outcomes(context, snapshot, options, settings)

    def _describe_interruption(self) -> InterruptedState:
        context, export, task = self._context, self._export, self._submission.task
        if task:
            show = partial(context.printer.task, task)
            return context.describe_accepted(export.dataset_id, [task.task_id], export.settings, show)
        if self._submission.outcome_unknown:
            return InterruptedState(
                message="interrupted; an export task may have been accepted",
                hint=self._format_recovery_hint(),
            )
        return NOTHING_ACCEPTED

    def _format_recovery_hint(self, path: str | None = None, since: float | None = None) -> str:
        export = self._export
        return self._context.resume.format_recovery_hint(
            self._reuse,
            dataset_id=export.dataset_id,
            path=path or export.request.path,
            settings=export.settings,
            since=since,
        )
