"""The report of a command: the tasks of its result, and the files that tell a CI system of them."""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.options.output_style import GITHUB, OutputOptions
from modelarts_export.errors import (
    InvalidInputError,
    ModelArtsExportError,
    NotFinishedError,
    OutputError,
    Problem,
)

if TYPE_CHECKING:
    from modelarts_export.batch.plan import PlannedExport
    from modelarts_export.batch.report import BatchReport
    from modelarts_export.cli.ci.files import ReportFile
    from modelarts_export.cli.ci.result import Clean, RunResult

_OUTPUT, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"


class RunReport:
    """Collects the tasks of a command, and writes its files once, at the end or after a signal."""

    def __init__(self, environ: Mapping[str, str], clean: "Clean") -> None:
        """Use the variables of GitHub Actions in `environ`; `clean` redacts and escapes every text."""
        self._environ = environ
        self._clean = clean
        self._tasks: Sequence[ExportTask] = ()
        self._is_accepted = False
        self._batch: BatchReport | None = None
        self._files: list[ReportFile] = []
        self._lock = threading.Lock()

    def record(self, tasks: Sequence[ExportTask], *, accepted: bool) -> None:
        """Remember the tasks of the result; with `accepted`, they must not be submitted again."""
        self._tasks, self._is_accepted = tasks, accepted

    def record_batch(self, batch: "BatchReport") -> None:
        """Remember the rows of a batch, and their tasks as accepted."""
        self._batch = batch
        self.record(batch.tasks, accepted=bool(batch.tasks))

    def record_plan(self, plan: Sequence["PlannedExport"], project_id: str | None) -> None:
        """Remember the exports of a dry run, none of which is sent, if a file tells of them."""
        if not self._files:
            return
        from modelarts_export.batch.report import BatchReport, make_rows  # noqa: PLC0415 - not for a start

        self.record_batch(BatchReport(rows=make_rows(plan, project_id)))

    def open(self, options: OutputOptions, *, of_tasks: bool) -> None:
        """Prepare the files that the options of a command ask for: without tasks, the summary alone.

        Raises InvalidInputError for one that cannot be written, before anything is sent.
        """
        dotenv = options.dotenv if of_tasks else None
        if not options.ci and dotenv is None:
            return
        from modelarts_export.cli.ci.files import ReportFile  # noqa: PLC0415 - not for a start

        if options.ci == GITHUB:
            from modelarts_export.cli.ci.github import format_outputs, format_summary  # noqa: PLC0415 - as above

            if of_tasks and not self._environ.get(_OUTPUT):
                hint = "a step of GitHub Actions sets it"
                origin = options.origins.get("ci", "--ci")
                raise InvalidInputError(f"{origin} {GITHUB}: {_OUTPUT} is not set", hint=hint)
            outputs = ((_OUTPUT, format_outputs),) if of_tasks else ()
            for variable, make_text in (*outputs, (_SUMMARY, format_summary)):
                if name := self._environ.get(variable):
                    self.add(ReportFile(origin=variable, name=name, format=make_text, is_appended=True))
        if dotenv is not None:
            from modelarts_export.cli.ci.dotenv import format_dotenv  # noqa: PLC0415 - as above

            origin = options.origins.get("dotenv", "--dotenv")
            self.add(ReportFile(origin=origin, name=dotenv, format=format_dotenv))

    def add(self, file: "ReportFile") -> None:
        """Prepare one more file. Raises InvalidInputError for one that cannot be written."""
        from modelarts_export.cli.ci.files import check_file  # noqa: PLC0415 - as above

        if not file.name:
            raise InvalidInputError(f"{file.origin}: the name of the file is empty")
        try:
            check_file(file.name)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise InvalidInputError(f"{file.origin}: {file.name}: {reason}") from None
        for other in self._files:
            if file.replaces(other):
                raise InvalidInputError(f"{file.origin} and {other.origin} are the same file, {file.name}")
        self._files.append(file)

    def check_inputs(self, names: Sequence[str]) -> None:
        """Check that no report is written to one of these files, or as a spec to one of these directories.

        Raises InvalidInputError, which that report does not tell of: the file is left as it is.
        """
        if not self._files:
            return
        from modelarts_export.cli.ci.files import find_input  # noqa: PLC0415 - as above

        for file in self._files:
            if found := find_input(file.name, names):
                self._files.remove(file)
                place = f"in {found}, whose specs are read" if found != file.name else "read by this command"
                raise InvalidInputError(f"{file.origin}: {file.name} is {place}; choose another file")

    def write(
        self, exit_code: int, error: str = "", problems: Sequence[Problem] = (), *, omitted: int = 0
    ) -> tuple[list[str], list[str]]:
        """Write each file, once, and return a sentence for each that failed and for each value left empty."""
        with self._lock:
            files, self._files = self._files, []
        if not files:
            return [], []
        from modelarts_export.cli.ci.result import RunResult  # noqa: PLC0415 - as above

        result = RunResult(
            tasks=self._tasks,
            exit_code=exit_code,
            error=error,
            problems=problems,
            omitted=omitted,
            batch=self._batch,
        )
        failures, warnings = list[str](), list[str]()
        for file in files:
            try:
                left_empty = self._write_file(file, result)
            except OSError as os_error:
                failures.append(f"{file.origin}: {file.name} cannot be written: {os_error.strerror}")
            else:
                warnings += [f"{file.origin}: {name} is too long and left empty" for name in left_empty]
        return failures, warnings

    def make_error(self, failure: str) -> ModelArtsExportError:
        """Return the error of a command that succeeded, but for its report: it names accepted tasks."""
        if not self._is_accepted:
            return OutputError(failure)
        ids = ", ".join(task.task_id for task in self._tasks)
        return NotFinishedError(f"{failure}; it is about {ids}", hint="do not submit it again")

    def _write_file(self, file: "ReportFile", result: "RunResult") -> Sequence[str]:
        from modelarts_export.cli.ci.files import append_text, replace_text  # noqa: PLC0415 - as above

        text, omitted = file.format(result, self._clean)
        if not file.is_appended:
            replace_text(file.name, text)
        elif text:
            append_text(file.name, text)
        return omitted
