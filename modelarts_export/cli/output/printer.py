"""The results of commands, written to stdout by the renderer of the output format."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from modelarts_export.cli.output.console import Console, Row
from modelarts_export.cli.output.messages import Messages
from modelarts_export.errors import (
    ClosedOutputError,
    ModelArtsExportError,
    NotFinishedError,
    OutputError,
    RefusedError,
)

if TYPE_CHECKING:
    from modelarts_export.api.dataset import Dataset
    from modelarts_export.api.task import ExportTask
    from modelarts_export.batch.report import ReportRow
    from modelarts_export.spec.loader import SpecSet


class Recorder(Protocol):
    """Takes the tasks of a result, for a report."""

    def __call__(self, tasks: Sequence["ExportTask"], *, accepted: bool) -> None:
        """Take the tasks; with `accepted`, they must not be submitted again."""


class ResultPrinter:
    """Writes results to stdout; what is remarkable about a result goes to the messages."""

    def __init__(self, console: Console, messages: Messages, record: Recorder) -> None:
        """Pass the tasks of each result to `record`, before they are written."""
        self._console = console
        self._messages = messages
        self._record = record

    def load_renderer(self, *, with_rows: bool) -> None:
        """Import what one task is shown with, or rows, so that nothing has to be imported after a signal."""
        self._messages.renderer.load(with_rows=with_rows)

    def print_if_missing(self, print_result: Callable[[], None]) -> None:
        """Print the result after a signal, unless the command has printed it."""
        if self._console.take_stdout():
            with suppress(ModelArtsExportError):  # stderr says what to do next
                print_result()

    def submitted(self, task: "ExportTask") -> None:
        """Print a task that was just created. Raises what `task` raises."""
        from modelarts_export.cli.output.task_view import describe_early_end  # noqa: PLC0415 - not for a dry run

        self.task(task)
        if end := describe_early_end(task):
            self._messages.warn(end)

    def task(self, task: "ExportTask") -> None:
        """Print one accepted task.

        Raises NotFinishedError when the task cannot be printed, because it must not be submitted again, and
        ClosedOutputError when the reader has closed stdout.
        """
        self._messages.keep_ids_of(task)
        self._record([task], accepted=True)
        try:
            self._messages.renderer.task(task)
        except ClosedOutputError:
            if self._messages.options.quiet:  # otherwise a message has named its ID
                self._messages.warn_about_closed_output(task)
            raise
        except NotFinishedError:
            raise
        except ModelArtsExportError as error:
            raise NotFinishedError(
                f"export task {task.task_id} was accepted, but {error}", hint="do not submit it again"
            ) from None

    def tasks(
        self, tasks: Sequence["ExportTask"], *, with_failure: bool = True, accepted: bool = False
    ) -> None:
        """Print the tasks of a status check: an array for programs, and a single task as a table in full.

        Without `with_failure`, an error tells the reason of a failure, and the table does not. `accepted` is
        recorded with them.
        """
        self._record(tasks, accepted=accepted)
        if tasks:
            self._messages.keep_ids_of(*tasks)
            self._messages.renderer.tasks(tasks, detailed=True, with_failure=with_failure)

    def polled(self, tasks: Sequence["ExportTask"]) -> None:
        """Print tasks as `tasks` does. Raises NotFinishedError with their IDs when stdout takes nothing."""
        try:
            self.tasks(tasks, with_failure=False, accepted=True)
        except OutputError as error:
            ids = ", ".join(task.task_id for task in tasks)
            raise NotFinishedError(f"{error}; it is about {ids}", hint="check the status again") from None

    def report(self, rows: Sequence["ReportRow"]) -> None:
        """Print a row for each export of a batch.

        Raises NotFinishedError when a task was accepted and cannot be printed, and what a renderer raises.
        """
        tasks = [row.task for row in rows if row.task]
        self._messages.keep_ids_of(*tasks)
        try:
            self._messages.renderer.report(rows)
        except ClosedOutputError:
            for task in tasks if self._messages.options.quiet else ():  # otherwise a message has named its ID
                self._messages.warn_about_closed_output(task)
            raise
        except (OutputError, RefusedError) as error:
            if not tasks:
                raise
            ids = ", ".join(task.task_id for task in tasks)
            hint = f"do not submit {'it' if len(tasks) == 1 else 'them'} again"
            raise NotFinishedError(f"{error}; it is about {ids}", hint=hint) from None

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Print a row for each export that a batch would submit."""
        self._messages.renderer.plan(rows)

    def task_list(self, tasks: Sequence["ExportTask"], *, if_empty: str) -> None:
        """Print tasks, one row per task, or the message `if_empty`. Raises what a renderer raises."""
        self._messages.keep_ids_of(*tasks)
        self._record(tasks, accepted=False)
        self._messages.renderer.tasks(tasks, detailed=False)
        if not tasks:
            self._messages.info(if_empty)

    def dataset_list(self, datasets: Sequence["Dataset"], *, if_empty: str) -> None:
        """Print datasets, one row per dataset, or the message `if_empty`. Raises what a renderer raises."""
        for dataset in datasets:
            self._messages.keep(dataset.dataset_id, dataset.project_id)
        self._messages.renderer.datasets(datasets)
        if not datasets:
            self._messages.info(if_empty)

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Print a request that is not sent; as text it is the URL and the bytes of the body."""
        self._messages.renderer.request(url, body)

    def specs(self, specs: "SpecSet") -> None:
        """Print which spec files are valid: a line for each file, and a row for each export for programs."""
        from modelarts_export.cli.output.task_view import spec_rows  # noqa: PLC0415 - as above

        counts = Counter(loaded.spec.source.name for loaded in specs.exports)
        lines = (
            f"{file}: valid ({count:,} export{'' if count == 1 else 's'})" for file, count in counts.items()
        )
        self._messages.renderer.rows(spec_rows(specs), lines)
        incomplete = [loaded.spec.place for loaded in specs.exports if not loaded.export.dataset_id]
        if incomplete:
            others = len(incomplete) - 1
            more = f", nor {'has' if others == 1 else 'have'} {others:,} more" if others else ""
            self._messages.info(
                f"{incomplete[0]} has no dataset_id{more}; give DATASET when you submit it", "hint"
            )

    def facts(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Print facts: the rows for a program, the lines for a reader."""
        self._messages.renderer.facts(rows, lines)

    def checks(self, rows: Sequence[Mapping[str, Any]], shown: Sequence[Row]) -> None:
        """Print checks: the rows for a program, what is `shown` for a reader."""
        self._messages.renderer.checks(rows, shown)

    def line(self, line: str) -> None:
        """Print a line of text in every format."""
        self._console.write_line(line)
