"""The command `apply`, which creates the export tasks of many specs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelarts_export.batch.plan import BatchOptions, PlannedExport, find_shared_directories, split_place
from modelarts_export.cli.binding import Assignments, DatasetOption, Files, Recursive
from modelarts_export.cli.connection import Connection, combine_missing
from modelarts_export.cli.context import CommandContext, ResolvedExport
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    MISSING,
    DatasetNameError,
    InvalidInputError,
    Problem,
    make_invalid_input_error,
    truncate_problems,
)
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.fields import REQUEST
from modelarts_export.submission.reuse_policy import IGNORE, WARN, ReusePolicy

if TYPE_CHECKING:
    from modelarts_export.cli.commands.batch_run import BatchRun
    from modelarts_export.spec.loader import LoadedExport

_DATASET, _PROJECT = ("dataset_id",), ("project_id",)
_GIVE_DATASET = "give dataset_id in each spec, or --dataset ID (MODELARTS_EXPORT_DATASET_ID)"
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
    if junit is not None:
        _open_junit(context, junit)
    load_plan = partial(_load_plan, context, files, var or (), dataset, recursive=recursive)
    if dry_run:
        plan, settings = load_plan(offline=True)
        _check_directories(context, plan, reuse)
        context.app.report.record_plan(plan, settings.project_id)
        context.printer.plan(_describe_plan(plan, settings, reuse))
        return
    run, exports = _prepare_run(context, load_plan, batch, reuse, wait)
    report = run.submit(exports)
    context.printer.report(report.rows)
    run.raise_for(report)


def _open_junit(context: CommandContext, file: str) -> None:
    """Prepare the report, which has the problems of specs too. Raises InvalidInputError."""
    from modelarts_export.cli.ci.files import ReportFile  # noqa: PLC0415 - for this option alone
    from modelarts_export.cli.ci.junit import format_junit  # noqa: PLC0415 - as above

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
    check = _SpecCheck(
        has_dataset=bool(given or default),
        project_id=context.settings.project_id,
        origin=context.settings.origins.get("project_id", ""),
    )
    try:
        specs = context.app.load_specs(
            files, assignments, recursive=recursive, check=check.find_problems, flags=context.flags
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
    return exports, context.connection.load_settings(check.project_id)


def _prepare_run(
    context: CommandContext,
    load_plan: Callable[..., tuple[list[PlannedExport], Settings]],
    batch: BatchOptions,
    reuse: ReusePolicy,
    wait: PollOptions | None,
) -> "tuple[BatchRun, Iterator[PlannedExport]]":
    """Return the run, and the exports to submit: an iterator, as a list would keep the requests after that.

    Raises what _load_plan, _find_datasets and _check_directories raise.
    """
    # before the plan, as a signal after it prints the rows
    from modelarts_export.batch.report import make_rows  # noqa: PLC0415 - loaded with requests
    from modelarts_export.cli.commands.batch_run import BatchRun  # noqa: PLC0415 - requests is loaded here

    plan, settings = load_plan(offline=False)
    planned = make_rows(plan, settings.project_id)
    run = BatchRun(context, settings, planned, options=batch, reuse=reuse, wait=wait)
    exports = _find_datasets(context, plan, settings)
    _check_directories(context, exports, reuse)
    return run, iter(exports)


@dataclass(kw_only=True)
class _SpecCheck:
    """Checks that each export has a dataset, and that all are of one project.

    `has_dataset`: the command line gives one to those without. `project_id` is the project of all, as soon as
    it is known, and `origin` what names it.
    """

    has_dataset: bool
    project_id: str | None
    origin: str

    def find_problems(self, loaded: "LoadedExport") -> Iterator[Problem]:
        """Yield the problems of an export; the first one that names a project decides for all."""
        project_id = loaded.export.project_id
        if not (self.has_dataset or loaded.export.dataset_id):
            yield Problem(location=_DATASET, message=MISSING)
        if project_id and self.project_id is None:
            self.project_id, self.origin = project_id, loaded.spec.place
        elif project_id and project_id != self.project_id:
            known = f"{self.project_id} ({self.origin})"
            message = f"{project_id} is not {known}; all exports must be of one project"
            yield Problem(location=_PROJECT, message=message)


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
            errors[given] = each.spec, error
    is_of_spec = len({each.dataset_id for each in plan}) > 1  # otherwise perhaps of a flag
    problems = [_locate(str(unknown), spec) for spec, unknown in errors.values()]
    if len(errors) == 1:
        [(spec, only)] = errors.values()
        problem = _locate(f"{only}; nothing was sent", spec)
        raise DatasetNameError(
            str(problem) if is_of_spec else problem.message,
            candidates=only.candidates,
            hint=only.hint,
            problems=[problem] if is_of_spec else (),
            problems_say_all=True,
        )
    if errors:
        raise DatasetNameError(f"{len(errors)} datasets were not found; nothing was sent", problems=problems)
    return [replace(each, dataset_id=ids[each.dataset_id]) for each in plan]


def _locate(message: str, spec: str) -> Problem:
    """Return a problem of a whole spec, which begins there."""
    file, line = split_place(spec)
    return Problem(message=message, place=spec, file=file, line=line)


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
            "name": each.name,
            "spec": each.spec,
            "dataset_id": each.dataset_id,
            "project_id": settings.project_id,
            "path": each.request.path,
            "action": action,
            "method": "POST",
            "url": export.url,
            "body": each.request.to_dict(),
        }


def _check_directories(context: CommandContext, plan: Sequence[PlannedExport], reuse: ReusePolicy) -> None:
    """Warn of exports outside the directory of --skip-if-running, and of a directory that two write to.

    Raises InvalidInputError for the latter if that is asked for: the list of tasks shows one export to the
    other only if it was submitted long before.
    """
    context.warn_of_directories(reuse, ((each.spec, each.request) for each in plan))
    if reuse.if_path_used == IGNORE:
        return
    problems = truncate_problems(find_shared_directories(plan))
    if reuse.if_path_used == WARN:
        context.app.warn(problems)
    elif problems:
        error = make_invalid_input_error(problems)
        raise _complete(error.copy_with(hint="choose another path, or give --if-path-used warn"))
