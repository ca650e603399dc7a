"""A run of a batch by a command: its submission, its wait, and what a signal prints meanwhile."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.batch.following import fetch_statuses, list_followed, update_rows
from modelarts_export.batch.plan import BatchOptions, PlannedExport
from modelarts_export.batch.report import BatchReport, ReportRow
from modelarts_export.batch.runner import BatchRunner
from modelarts_export.cli.context import NOTHING_ACCEPTED, CommandContext, InterruptedState
from modelarts_export.cli.exit_status import describe_timeout
from modelarts_export.cli.follow import add_new_dataset_ids
from modelarts_export.cli.output.submission_messages import print_event, print_reused
from modelarts_export.cli.output.task_view import describe_early_end
from modelarts_export.cli.progress.display import ProgressDisplay, open_display, tick_in_background
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.settings import Settings
from modelarts_export.errors import FailedTaskError, NotFinishedError, NotFoundError, UnknownOutcomeError
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.poller import Snapshot, poll
from modelarts_export.submission.events import SubmissionEvent, TaskReused
from modelarts_export.submission.reuse_policy import ReusePolicy

_MOST_WARNINGS = 10
_MOST_HINTS = 10  # commands that find a task which may exist


class BatchRun:
    """A run of a batch: its submission, its wait, and what a signal prints meanwhile."""

    def __init__(  # noqa: PLR0913 - the options of the command
        self,
        context: CommandContext,
        settings: Settings,
        planned: Sequence[ReportRow],
        *,
        options: BatchOptions,
        reuse: ReusePolicy,
        wait: PollOptions | None,
    ) -> None:
        """Submit nothing yet; from now on, a signal prints the rows, at first the planned ones."""
        self._context, self._settings, self._reuse, self._wait = context, settings, reuse, wait
        self._begin, self._options = SYSTEM_CLOCK.monotonic(), options
        self._planned = planned
        self._runner: BatchRunner | None = None
        self._snapshot: Snapshot = ()
        self._final_rows: Sequence[ReportRow] | None = None
        self._titles: dict[tuple[str, str], str] = {}
        self._timed_out = ""
        self._reused: list[TaskReused] = []
        context.app.set_final_output(self._describe_interruption)
        context.printer.load_renderer(with_rows=True)

    def _get_rows(self) -> Sequence[ReportRow]:
        """Return the rows as they are now: planned, being submitted, being followed, or final.

        A signal needs them at any time, in another thread, so the attributes of a stage are never reset.
        """
        if self._final_rows is not None:
            return self._final_rows
        if self._runner is None:
            return self._planned
        return update_rows(self._runner.rows, self._snapshot)

    def submit(self, exports: Iterable[PlannedExport]) -> BatchReport:
        """Submit the exports, wait for their tasks if that is asked for, and return the report.

        `exports` are the planned ones, with the IDs of their datasets.
        """
        context = self._context
        runner = self._runner = BatchRunner(
            context.client(self._settings),
            exports,
            self._options,
            reuse=self._reuse,
            on_event=self._print_event,
            cancel=context.cancel_token,
        )
        with self._open_display(runner) as display:
            with context.delay_exit(lambda: runner.is_sending):
                rows = runner.run()
            print_reused(context.messages, self._reused)
            if self._wait:
                self._follow(rows, self._wait, display)
        if not self._wait:
            self._fetch_statuses(rows)
        runner.check_for_duplicates()
        report = self._make_report()
        context.app.report.record_batch(report)
        return report

    @contextmanager
    def _open_display(self, runner: BatchRunner) -> Iterator[ProgressDisplay]:
        messages = self._context.messages
        with (
            open_display(
                messages.console,
                quiet=messages.options.quiet,
                heartbeat=(self._wait or PollOptions()).heartbeat,
                get_counts=lambda: runner.counts,
                name_task=self._name_task,
            ) as display,
            tick_in_background(display),
        ):
            yield display

    def _follow(self, rows: Sequence[ReportRow], wait: PollOptions, display: ProgressDisplay) -> None:
        """Poll the tasks of all datasets in common rounds until all are finished."""
        client, clock = self._context.client(self._settings), self._context.cancel_token.guard(SYSTEM_CLOCK)
        tasks = list_followed(rows)
        self._titles = {(row.dataset_id, row.task.task_id): row.title for row in rows if row.task}
        for snapshot in poll(client, tasks, wait, clock=clock) if tasks else ():
            self._snapshot = snapshot
            display.show(snapshot)
        self._timed_out = describe_timeout(self._snapshot, wait)
        last = add_new_dataset_ids(self._context, self._snapshot, self._settings)
        self._final_rows = update_rows(rows, last, require_samples=wait.require_samples)

    def _fetch_statuses(self, rows: Sequence[ReportRow]) -> None:
        """Fetch the status of each new task once; with -o id it would not be shown."""
        if self._context.messages.options.output == "id":
            return
        client = self._context.client(self._settings)
        updated, error = fetch_statuses(client, rows, concurrency=self._options.concurrency)
        self._final_rows = updated
        if error:
            self._context.messages.warn(f"tasks were accepted, but a status check failed: {error}")
        ends = [(row.title, describe_early_end(row.task)) for row in updated if row.task]
        failed = [f"{title}: {end}" for title, end in ends if end]
        for line in failed[:_MOST_WARNINGS]:
            self._context.messages.warn(line)
        if len(failed) > _MOST_WARNINGS:
            self._context.messages.warn(f"and {len(failed) - _MOST_WARNINGS:,} more tasks")

    def _make_report(self) -> BatchReport:
        return BatchReport(
            rows=[self._add_hint(row) for row in self._get_rows()],
            seconds=SYSTEM_CLOCK.monotonic() - self._begin,
            has_waited=self._wait is not None,
            timed_out=self._timed_out,
        )

    def _add_hint(self, row: ReportRow) -> ReportRow:
        """Add how to find a task that may exist, or the ID of the dataset."""
        if isinstance(row.error, NotFoundError):
            return replace(row, error=self._context.add_dataset_hint(row.error))
        if not isinstance(row.error, UnknownOutcomeError):
            return row
        self._context.messages.keep(*row.error.task_ids)
        hint = self._context.resume.format_search_hint(
            dataset_id=row.dataset_id,
            path=row.error.path or row.path,
            settings=self._settings,
            since=row.error.since,
        )
        return replace(row, error=row.error.copy_with(hint=hint))

    def _print_event(self, event: SubmissionEvent) -> None:
        if isinstance(event, TaskReused):  # told together
            self._context.messages.keep_ids_of(event.task)
            self._reused.append(event)
            return
        format_command = partial(self._context.resume.format_list_command, settings=self._settings)
        print_event(self._context.messages, format_command, event)

    def _name_task(self, task: ExportTask) -> str:
        title = self._titles.get((task.dataset_id, task.task_id))
        return f"{title}: export task {task.task_id}" if title else f"export task {task.task_id}"

    def _describe_interruption(self) -> InterruptedState:
        """Return what may have been accepted, with the commands that find it, wait for it, or submit more."""
        report = self._make_report()
        rows = report.rows
        unknown = [row for row in rows if isinstance(row.error, UnknownOutcomeError)]
        hints = [*_list_search_hints(rows), *self.list_wait_hints(rows), *self.list_rerun_hints(rows)]
        hint = "\n".join(hints)
        if any(row.task for row in rows):
            others = f"; {len(unknown):,} more may have been accepted" if unknown else ""
            state = InterruptedState(message=f"interrupted; accepted tasks continue{others}", hint=hint)
        elif unknown:
            state = InterruptedState(message="interrupted; an export task may have been accepted", hint=hint)
        else:
            state = NOTHING_ACCEPTED
        return replace(state, show=partial(self._show, report))

    def _show(self, report: BatchReport) -> None:
        self._context.app.report.record_batch(report)
        self._context.printer.report(report.rows)

    def list_wait_hints(self, rows: Sequence[ReportRow]) -> list[str]:
        """Return how to wait for the tasks that are not finished, a command for each dataset."""
        datasets: dict[str, list[str]] = {}
        for row in rows:
            if row.task and not row.task.is_finished and not row.task.skipped:
                datasets.setdefault(row.dataset_id, []).append(row.task.task_id)
        return [
            self._context.resume.format_wait_hint(
                dataset_id,
                task_ids,
                self._settings,
                timeout_has_expired=bool(self._timed_out),
            )
            for dataset_id, task_ids in datasets.items()
        ]

    def list_rerun_hints(self, rows: Sequence[ReportRow]) -> list[str]:
        """Return how to submit what is missing, if a submission of any may succeed."""
        if not any(row.may_succeed_later for row in rows):
            return []
        hours = 1 + math.ceil((SYSTEM_CLOCK.monotonic() - self._begin) / 3600)
        command = self._context.resume.format_rerun_command(self._reuse, hours=hours)
        return [f"to submit what is missing, reusing the tasks that exist: {command}"]

    def raise_for(self, report: BatchReport) -> None:
        """Print a summary and where the exports are. Raises the combined error of those that failed."""
        messages, rows = self._context.messages, report.rows
        has_unfinished = any(isinstance(row.error, NotFinishedError) for row in rows)
        wait_hints = self.list_wait_hints(rows) if has_unfinished else []
        hints = [*_list_search_hints(rows), *wait_hints, *self.list_rerun_hints(rows)]
        error = report.combine(hint="\n".join(hints))
        if self._wait:
            succeeded = [row.task for row in rows if row.task and not row.error]
            messages.exported([task for task in succeeded if task.state is TaskState.SUCCESSED])
        if error:
            failed = [row.task for row in rows if row.task and isinstance(row.error, FailedTaskError)]
            status_hints = self._context.resume.list_status_hints(failed, self._settings)
            raise error.copy_with(hint="\n".join(filter(None, [error.hint, *status_hints])))
        if len(rows) > 1:
            messages.info(report.summarize())


def _list_search_hints(rows: Sequence[ReportRow]) -> list[str]:
    """Return how to find each task that may exist."""
    unknown = [row.error.hint for row in rows if isinstance(row.error, UnknownOutcomeError)]
    more = len(unknown) - _MOST_HINTS
    return [*unknown[:_MOST_HINTS], *([f"and for {more:,} more paths"] if more > 0 else [])]
