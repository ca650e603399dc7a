"""The command `apply`, which creates the export tasks of many specs."""

import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.batch.plan import BatchOptions, PlannedExport
from modelarts_export.cli.binding import Assignments, DatasetOption, Files, Recursive
from modelarts_export.cli.connection import Connection, combine_missing
from modelarts_export.cli.context import CommandContext, ResolvedExport
from modelarts_export.cli.exit_status import describe_timeout
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    MISSING,
    DatasetNameError,
    InvalidInputError,
    NotFinishedError,
    Problem,
    UnknownOutcomeError,
)
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.fields import REQUEST
from modelarts_export.submission.reuse_policy import ReusePolicy

if TYPE_CHECKING:
    from modelarts_export.batch.report import BatchReport, ReportRow
    from modelarts_export.cli.progress.display import ProgressDisplay
    from modelarts_export.polling.poller import TrackedTask
    from modelarts_export.spec.loader import LoadedExport
    from modelarts_export.submission.events import SubmissionEvent

_DATASET, _PROJECT = ("dataset_id",), ("project_id",)
_GIVE_DATASET = "give dataset_id in each spec, or --dataset ID (MODELARTS_EXPORT_DATASET_ID)"
_UNSUCCESSFUL = (TaskState.FAILED, TaskState.STOPPED)
_MOST_WARNINGS = 10
# A start has higher ones, for a process that soon ends; the 700 of Python cost more than the few cycles.
_GC_THRESHOLDS = (10_000, 10, 10)
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", rich_help_panel=REQUEST, help="Print what would be done and send nothing"),
]
JUnit = Annotated[
    str | None,
    typer.Option(
        "--junit",
        metavar="FILE",
        rich_help_panel="Output",
        help="Write a JUnit report to this file, with a test case for each export",
    ),
]


def apply(  # noqa: PLR0913 - its options
    files: Files,
    batch: BatchOptions,
    reuse: ReusePolicy,
    wait: PollOptions | None,
    context: CommandContext,
    *,
    recursive: Recursive = False,
    dataset: DatasetOption = None,
    var: Assignments = None,
    dry_run: DryRun = False,
    junit: JUnit = None,
) -> None:
    """Create the export tasks of many specs.

    Every document of every file is validated first, and nothing is sent if one has a problem. A directory
    stands for its .yaml, .yml and .json files, without hidden ones.
    """
    if junit:
        _open_junit(context, junit)
    plan, settings = _load_plan(context, files, var or (), dataset, recursive=recursive, offline=dry_run)
    if dry_run:
        context.printer.plan(_describe_plan(plan, settings, reuse))
        return
    context.set_final_output(lambda: None, lambda: ("interrupted; no export task was accepted", "", False))
    gc.set_threshold(*_GC_THRESHOLDS)
    _warn_of_paths(context, plan, reuse)
    plan = _find_datasets(context, plan, settings)
    run = _Batch(context, settings, batch, reuse, wait)
    report = run.submit(plan)
    context.printer.report(report.rows)
    run.raise_for(report)


def _open_junit(context: CommandContext, file: str) -> None:
    """Prepare the report, which has the problems of specs too. Raises InvalidInputError."""
    from modelarts_export.cli.ci.files import ReportFile  # noqa: PLC0415 - as above
    from modelarts_export.cli.ci.junit import format_junit  # noqa: PLC0415 - for this option alone

    context.app.report.add(ReportFile(origin="--junit", name=file, format=format_junit))


def _load_plan(  # noqa: PLR0913 - what the specs are, and what completes them
    context: CommandContext,
    files: Sequence[str],
    assignments: Sequence[str],
    dataset: str | None,
    *,
    recursive: bool,
    offline: bool,
) -> tuple[list[PlannedExport], Settings]:
    """Return the exports of all specs, and the settings for their project; `offline` needs no credentials.

    Raises one error for all problems, and for all settings that are missing.
    """
    given, default = _choose_datasets(context.connection, dataset)
    projects = {context.settings.project_id: context.settings.origins.get("project_id", "")}
    projects.pop(None, None)

    def check(loaded: "LoadedExport") -> Iterator[Problem]:
        if not (given or loaded.export.dataset_id or default):
            yield Problem(location=_DATASET, message=MISSING)
        project_id = loaded.export.project_id
        if project_id and project_id not in projects and projects:
            [(other, origin)] = projects.items()
            message = f"{project_id} is not {other} ({origin}); all exports must be of one project"
            yield Problem(location=_PROJECT, message=message)
        elif project_id:
            projects.setdefault(project_id, loaded.spec.place)

    try:
        specs = context.app.load_specs(
            files, assignments, recursive=recursive, check=check, flags=context.flags
        )
    except InvalidInputError as error:
        missing = [] if offline else context.connection.find_missing(context.settings, in_spec=True)
        raise combine_missing([_complete(error), *missing]) from None
    exports = [
        PlannedExport(
            spec=loaded.spec.place,
            name=loaded.export.name,
            dataset_id=given or loaded.export.dataset_id or default or "",
            request=loaded.export.request,
        )
        for loaded in specs.exports
    ]
    return exports, context.connection.load_settings(next(iter(projects), None))


def _choose_datasets(connection: Connection, dataset: str | None) -> tuple[str | None, str | None]:
    """Return the dataset of all specs, if one is given, and the one of specs that name none."""
    if dataset is not None:
        return connection.choose_dataset(dataset, "--dataset", needed_for=None), None
    return None, connection.choose_dataset(None, needed_for=None) if connection.default_dataset else None


def _find_datasets(
    context: CommandContext, plan: Sequence[PlannedExport], settings: Settings
) -> list[PlannedExport]:
    """Return the exports with the IDs of their datasets, where names are given.

    Raises what CommandContext.find_dataset_id raises, and one DatasetNameError for all names in specs.
    """
    ids: dict[str, str] = {}
    errors: dict[str, tuple[str, DatasetNameError]] = {}
    for each in plan:
        given = each.dataset_id
        if given in ids or given in errors:
            continue
        try:
            ids[given] = context.find_dataset_id(given, settings)
        except DatasetNameError as error:
            if given == plan[0].dataset_id == plan[-1].dataset_id:  # perhaps of the command line
                raise
            errors[given] = each.spec, error
    if len(errors) == 1:
        [(spec, only)] = errors.values()
        raise DatasetNameError(f"{spec}: {only}", candidates=only.candidates)
    if errors:
        problems = [Problem(message=str(each), place=spec) for spec, each in errors.values()]
        raise DatasetNameError(f"{len(errors)} datasets were not found; nothing was sent", problems=problems)
    return [replace(each, dataset_id=ids[each.dataset_id]) for each in plan]


def _complete(error: InvalidInputError) -> InvalidInputError:
    """Return the error with how to give a dataset if one is missing, and of several that nothing was sent."""
    if any(problem.location == _DATASET for problem in error.problems):
        error = error.copy_with(hint=error.hint or _GIVE_DATASET)
    if len(error.problems) + error.omitted <= 1:
        return error
    message = f"{error}; nothing was sent"
    return InvalidInputError(message, hint=error.hint, problems=error.problems, omitted=error.omitted)


def _describe_plan(
    plan: Sequence[PlannedExport], settings: Settings, reuse: ReusePolicy
) -> Iterator[Mapping[str, Any]]:
    """Yield what would be done with each export, and the request."""
    action = "create"
    if reuse.reuses:
        action = "create, or reuse if one is running"
    elif reuse.skip_if_running:
        action = "create, or skip if one is running"
    for each in plan:
        export = ResolvedExport(dataset_id=each.dataset_id, request=each.request, settings=settings)
        yield {
            "name": each.name or each.spec,
            "spec": each.spec,
            "dataset_id": each.dataset_id,
            "project_id": settings.project_id,
            "path": each.request.path,
            "action": action,
            "method": "POST",
            "url": export.url,
            "body": each.request.to_dict(),
        }


def _warn_of_paths(context: CommandContext, plan: Sequence[PlannedExport], reuse: ReusePolicy) -> None:
    within = reuse.skip_if_running
    outside = [each.spec for each in plan if within and not each.request.path.startswith(within)]
    if outside:
        others = f" and {len(outside) - 1:,} more" if len(outside) > 1 else ""
        context.messages.warn(
            f"{outside[0]}{others}: the path is not in {within}, the directory of --skip-if-running"
        )


class _Batch:
    """A run of a batch: its submission, its wait, and what a signal prints meanwhile."""

    def __init__(
        self,
        context: CommandContext,
        settings: Settings,
        options: BatchOptions,
        reuse: ReusePolicy,
        wait: PollOptions | None,
    ) -> None:
        from modelarts_export.batch.runner import BatchRunner  # noqa: PLC0415 - requests is loaded here

        self._context, self._settings, self._reuse, self._wait = context, settings, reuse, wait
        self._begin, self._concurrency = SYSTEM_CLOCK.monotonic(), options.concurrency
        self._runner = BatchRunner(
            context.client(settings),
            options,
            reuse=reuse,
            on_event=self._print_event,
            cancel=context.cancel_token,
        )
        self._get_rows: Callable[[], Sequence[ReportRow]] = lambda: self._runner.rows
        self._titles: dict[tuple[str, str], str] = {}
        self._timed_out = ""

    def submit(self, plan: list[PlannedExport]) -> "BatchReport":
        """Submit the exports, wait for their tasks if that is asked for, and return the report."""
        from modelarts_export.cli.progress.display import open_display, tick_in_background  # noqa: PLC0415 - not for a dry run

        context, messages = self._context, self._context.messages
        context.printer.load_renderer(with_rows=True)
        context.set_final_output(self._show, self._make_message)
        with (
            open_display(
                messages.console,
                quiet=messages.options.quiet,
                heartbeat=(self._wait or PollOptions()).heartbeat,
                get_counts=lambda: self._runner.counts,
                name_task=self._name_task,
            ) as display,
            tick_in_background(display),
        ):
            with context.delay_exit(lambda: self._runner.is_sending):
                rows = self._runner.run(plan)
            if self._wait:
                self._follow(rows, self._wait, display)
        if not self._wait:
            self._fetch_statuses(rows)
        self._runner.check_for_duplicates()
        report = self._make_report()
        context.app.report.record_batch(report)
        return report

    def _follow(self, rows: "Sequence[ReportRow]", wait: PollOptions, display: "ProgressDisplay") -> None:
        """Poll the tasks of all datasets in common rounds until all are finished."""
        from modelarts_export.batch.following import list_followed, update_rows  # noqa: PLC0415 - as in __init__
        from modelarts_export.polling.poller import poll  # noqa: PLC0415 - as in __init__

        client, clock = self._context.client(self._settings), self._context.cancel_token.guard(SYSTEM_CLOCK)
        tasks = list_followed(rows)
        self._titles = {(row.dataset_id, row.task.task_id): row.title for row in rows if row.task}
        snapshot: tuple[TrackedTask, ...] = ()
        for snapshot in poll(client, tasks, wait, clock=clock) if tasks else ():
            self._get_rows = partial(update_rows, rows, snapshot)
            display.show(snapshot)
        self._timed_out = describe_timeout(snapshot, wait)
        self._get_rows = partial(update_rows, rows, snapshot, require_samples=wait.require_samples)

    def _fetch_statuses(self, rows: "Sequence[ReportRow]") -> None:
        """Fetch the status of each new task once; with -o id it would not be shown."""
        from modelarts_export.batch.following import fetch_statuses  # noqa: PLC0415 - as in __init__

        if self._context.messages.options.output == "id":
            return
        client = self._context.client(self._settings)
        updated, error = fetch_statuses(client, rows, concurrency=self._concurrency)
        self._get_rows = lambda: updated
        if error:
            self._context.messages.warn(f"tasks were accepted, but a status check failed: {error}")
        failed = [row for row in updated if row.task and row.task.state in _UNSUCCESSFUL]
        for row in failed[:_MOST_WARNINGS]:
            reason = row.error_msg or "the API gives no reason"
            self._context.messages.warn(f"{row.title}: the task has failed already: {reason}")
        if len(failed) > _MOST_WARNINGS:
            self._context.messages.warn(f"and {len(failed) - _MOST_WARNINGS:,} more tasks")

    def _make_report(self) -> "BatchReport":
        from modelarts_export.batch.report import BatchReport  # noqa: PLC0415 - loads the table of error codes

        return BatchReport(
            rows=[self._add_hint(row) for row in self._get_rows()],
            seconds=SYSTEM_CLOCK.monotonic() - self._begin,
            has_waited=self._wait is not None,
            timed_out=self._timed_out,
        )

    def _add_hint(self, row: "ReportRow") -> "ReportRow":
        """Add how to find a task that may exist to an export with an unknown outcome."""
        if not isinstance(row.error, UnknownOutcomeError):
            return row
        self._context.messages.keep(*row.error.task_ids)
        hint = self._context.resume.format_search_hint(
            row.error, dataset_id=row.dataset_id, path=row.path, settings=self._settings
        )
        return replace(row, error=row.error.copy_with(hint=hint))

    def _print_event(self, event: "SubmissionEvent") -> None:
        from modelarts_export.cli.output.submission_messages import print_event  # noqa: PLC0415 - loads the events

        format_command = partial(self._context.resume.format_list_command, settings=self._settings)
        print_event(self._context.messages, format_command, event)

    def _name_task(self, task: ExportTask) -> str:
        title = self._titles.get((task.dataset_id, task.task_id))
        return f"{title}: export task {task.task_id}" if title else f"export task {task.task_id}"

    def _show(self) -> None:
        """Print the rows after a signal."""
        report = self._make_report()
        self._context.app.report.record_batch(report)
        self._context.printer.report(report.rows)

    def _make_message(self) -> tuple[str, str, bool]:
        """Return what a signal left behind, what to do about it, and whether that must be said."""
        rows = self._make_report().rows
        unknown = [row.error.hint for row in rows if isinstance(row.error, UnknownOutcomeError)]
        hints = [*unknown, *self.list_wait_hints(rows), *self.list_rerun_hints(rows)]
        if not any(row.task for row in rows):
            words = "an export task may have been accepted" if unknown else "no export task was accepted"
            return f"interrupted; {words}", "\n".join(hints) if unknown else "", bool(unknown)
        others = f"; {len(unknown):,} more may have been accepted" if unknown else ""
        return f"interrupted; accepted tasks continue{others}", "\n".join(hints), True

    def list_wait_hints(self, rows: "Sequence[ReportRow]") -> list[str]:
        """Return how to wait for the tasks that are not finished, a command for each dataset."""
        datasets: dict[str, list[str]] = {}
        for row in rows:
            if row.task and not row.task.is_finished and not row.task.skipped:
                datasets.setdefault(row.dataset_id, []).append(row.task.task_id)
        return [
            self._context.resume.format_wait_hint(
                "it" if len(task_ids) == 1 else f"those {len(task_ids):,}",
                dataset_id,
                task_ids,
                self._settings,
                timeout_has_expired=bool(self._timed_out),
            )
            for dataset_id, task_ids in datasets.items()
        ]

    def list_rerun_hints(self, rows: "Sequence[ReportRow]") -> list[str]:
        """Return how to submit what is missing, if anything is."""
        if all(row.was_sent and not isinstance(row.error, UnknownOutcomeError) for row in rows):
            return []
        hours = 1 + math.ceil((SYSTEM_CLOCK.monotonic() - self._begin) / 3600)
        command = self._context.resume.format_rerun_command(self._reuse, hours=hours)
        return [f"to submit what is missing, reusing the tasks that exist: {command}"]

    def raise_for(self, report: "BatchReport") -> None:
        """Print a summary and where the exports are. Raises the combined error of those that failed."""
        messages, rows = self._context.messages, report.rows
        has_unfinished = any(isinstance(row.error, NotFinishedError) for row in rows)
        wait_hints = self.list_wait_hints(rows) if has_unfinished else []
        error = report.combine(hint="\n".join([*wait_hints, *self.list_rerun_hints(rows)]))
        if self._wait:
            messages.exported([each for each in report.tasks if each.state is TaskState.SUCCESSED])
        if error:
            raise error
        if len(rows) > 1:
            messages.info(report.summarize())
