"""The choice of a renderer, one class for each output format, and the renderers for a reader."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.cli.output.console import Console, Row
from modelarts_export.cli.output.error_view import print_error
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.errors import ModelArtsExportError

if TYPE_CHECKING:
    from modelarts_export.api.dataset import Dataset
    from modelarts_export.api.task import ExportTask
    from modelarts_export.batch.report import ReportRow

_PLAN = ("name", "dataset_id", "path", "action")  # the columns of a plan


class Renderer(Protocol):
    """Writes results to stdout and errors to stderr in one format."""

    def load(self, *, with_rows: bool) -> None:
        """Import what shows one task, or rows, so that nothing has to be imported after a signal."""

    def task(self, task: "ExportTask") -> None:
        """Write one task, whose failure is told by a message."""

    def tasks(self, tasks: Sequence["ExportTask"], *, detailed: bool, with_failure: bool = True) -> None:
        """Write several tasks; with `detailed`, a table shows a single one in full.

        Without `with_failure`, a message tells the reason of a failure, and the table does not.
        """

    def datasets(self, datasets: Sequence["Dataset"]) -> None:
        """Write datasets, one row per dataset."""

    def report(self, rows: Sequence["ReportRow"]) -> None:
        """Write a row for each export of a batch."""

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a row for each export that a batch would submit."""

    def rows(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Write rows that have the same keys: the rows for a program, the lines for a reader."""

    def facts(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Write facts: the rows for a program, the lines for a reader."""

    def checks(self, rows: Sequence[Mapping[str, Any]], shown: Sequence[Row]) -> None:
        """Write checks: the rows for a program, what is `shown` for a reader."""

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Write a request that is not sent."""

    def error(self, error: ModelArtsExportError) -> None:
        """Write an error."""


def make_renderer(options: OutputOptions, console: Console) -> Renderer:
    """Return the renderer for the format of these options; quiet without a format writes no results."""
    if options.output in ("json", "yaml", "id"):
        from modelarts_export.cli.output.serializers import SERIALIZERS  # noqa: PLC0415 - for these alone

        return SERIALIZERS[options.output](console)
    if options.output is None and options.quiet:
        return NoRenderer(console)
    return TableRenderer(console, wide=options.output == "wide")


class TableRenderer:
    """Writes tables and lines of text; with `wide` every fact, and nothing shortened."""

    def __init__(
        self, console: Console, *, wide: bool = False, time: Callable[[], float] = SYSTEM_CLOCK.time
    ) -> None:
        self._console = console
        self._wide = wide
        self._time = time

    def load(self, *, with_rows: bool) -> None:
        """Import what a table is made of and laid out with."""
        from modelarts_export.cli.output import task_view  # noqa: F401, PLC0415 - see `tasks`

        self._console.load_tables(with_rows=with_rows)

    def task(self, task: "ExportTask") -> None:
        """Write the facts of a task, one line per fact."""
        self.tasks([task], detailed=True, with_failure=False)

    def tasks(self, tasks: Sequence["ExportTask"], *, detailed: bool, with_failure: bool = True) -> None:
        """Write a row for each task, or the facts of a single one."""
        from modelarts_export.cli.output.task_view import task_facts, task_rows  # noqa: PLC0415 - a dry run has no task

        if detailed and len(tasks) == 1:
            self._console.write_facts(task_facts(tasks[0], wide=self._wide, with_failure=with_failure))
        elif tasks:
            self._console.write_table(task_rows(tasks, self._time(), wide=self._wide), whole=self._wide)

    def datasets(self, datasets: Sequence["Dataset"]) -> None:
        """Write a row for each dataset."""
        from modelarts_export.cli.output.dataset_view import dataset_rows  # noqa: PLC0415 - for one command alone

        if datasets:
            self._console.write_table(dataset_rows(datasets, self._time(), wide=self._wide), whole=self._wide)

    def report(self, rows: Sequence["ReportRow"]) -> None:
        """Write a row for each export."""
        from modelarts_export.cli.output.task_view import report_rows  # noqa: PLC0415 - see `tasks`

        self._console.write_table(report_rows(rows, self._time(), wide=self._wide), whole=self._wide)

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the columns of a plan, with whole paths, and with `wide` also the positions of the specs."""
        columns = (*_PLAN, "spec") if self._wide else _PLAN
        named = ({**row, "name": row["name"] or row["spec"]} for row in rows)
        cells = [{name: row[name] for name in columns} for row in named]
        self._console.write_table(cells, whole=self._wide, uncut="PATH")

    def rows(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Write the lines."""
        self.facts(rows, lines)

    def facts(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:  # noqa: ARG002 - rows are data
        """Write the lines."""
        for line in lines:
            self._console.write_line(line)

    def checks(self, rows: Sequence[Mapping[str, Any]], shown: Sequence[Row]) -> None:  # noqa: ARG002 - as above
        """Write what is shown."""
        self._console.write_paragraphs(shown)

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Write the URL and the bytes of the body."""
        self._console.write_request(url, body)

    def error(self, error: ModelArtsExportError) -> None:
        """Print the error as text."""
        print_error(self._console, error)


class NoRenderer:
    """Writes errors alone."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def load(self, *, with_rows: bool) -> None:
        """Do nothing."""

    def task(self, task: "ExportTask") -> None:
        """Do nothing."""

    def tasks(self, tasks: Sequence["ExportTask"], *, detailed: bool, with_failure: bool = True) -> None:
        """Do nothing."""

    def datasets(self, datasets: Sequence["Dataset"]) -> None:
        """Do nothing."""

    def report(self, rows: Sequence["ReportRow"]) -> None:
        """Do nothing."""

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Do nothing."""

    def rows(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Do nothing."""

    def facts(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Do nothing."""

    def checks(self, rows: Sequence[Mapping[str, Any]], shown: Sequence[Row]) -> None:
        """Do nothing."""

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Do nothing."""

    def error(self, error: ModelArtsExportError) -> None:
        """Print the error as text."""
        print_error(self._console, error)
