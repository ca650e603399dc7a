"""The messages of a command on stderr: progress, hints, warnings and errors."""

import signal
import traceback
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from modelarts_export.cli.options.flags import format_flag
from modelarts_export.cli.options.output_style import GITHUB, OutputOptions
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.error_view import print_annotations
from modelarts_export.cli.output.renderers import make_renderer
from modelarts_export.clock import format_duration
from modelarts_export.errors import (
    BusyError,
    CanceledError,
    ModelArtsExportError,
    TemporaryError,
    TerminatedError,
)

if TYPE_CHECKING:
    from modelarts_export.api.task import ExportTask


def format_retry(error: TemporaryError, pause: float, timeout: float | None) -> str:
    """Return why a call is made again, after which pause, and for how long, in seconds."""
    limit = ""
    if timeout is not None:
        how, setting = (
            ("waiting", "queue_timeout") if isinstance(error, BusyError) else ("for", "retry_timeout")
        )
        duration = format_duration(timeout) if timeout >= 1 else f"{timeout:g}s"
        limit = f", {how} up to {duration} ({format_flag(setting)})"
    return f"{error}; trying again in {ceil(pause)} s{limit}"


class Messages:
    """Prints messages as far as the output options ask for them."""

    def __init__(self, console: Console) -> None:
        """Use the default options until `options` is set."""
        self.console = console
        self.options = OutputOptions()

    @property
    def options(self) -> OutputOptions:
        """The output options; setting them chooses the renderer."""
        return self._options

    @options.setter
    def options(self, options: OutputOptions) -> None:
        self._options = options
        self.renderer = make_renderer(options, self.console)

    def info(self, line: str, kind: str = "") -> None:
        """Print a message unless quiet; `kind` is its label."""
        if not self.options.quiet:
            self.console.print(line, kind)

    def warn(self, line: str, *, always: bool = False) -> None:
        """Print a warning; with `always` also when quiet, for tasks that no other output names."""
        if always or not self.options.quiet:
            self.console.print(line, "warning")

    def retry(self, error: TemporaryError, pause: float, timeout: float | None) -> None:
        """Print why a call is made again, after which pause, and for how long, in seconds."""
        self.info(format_retry(error, pause, timeout))

    def error(self, error: ModelArtsExportError) -> None:
        """Print the error that ended the command; with JSON, the last line of stderr is one object.

        GitHub Actions gets annotations, which a log shows as the text of the error.
        """
        if self.options.ci == GITHUB:
            print_annotations(self.console, error)
        if self.options.ci != GITHUB or self.options.output == "json":
            self.renderer.error(error)

    def bug(self, error: Exception) -> None:
        """Print an unexpected error with its traceback, which shows code and no values of variables."""
        for line in "".join(traceback.format_exception(error)).splitlines():
            self.console.print(line)
        self.error(
            ModelArtsExportError(
                f"unexpected {type(error).__name__}",
                hint="this is a bug of modelarts-export; please report it",
            )
        )

    def interrupted(self, number: int, message: str, hint: str = "", *, always: bool = True) -> None:
        """Print the last message after a signal: an error object with JSON, otherwise a warning.

        Without `always`, quiet omits the warning. Other threads can print nothing to stderr afterward.
        """
        self.console.take_stderr()
        if self.options.output == "json":
            kind = TerminatedError if number == signal.SIGTERM else CanceledError
            self.error(kind(message, hint=hint))
        elif always or not self.options.quiet:
            self.console.print(message, "warning")
            for line in hint.splitlines():
                self.console.print(line, "hint")

    def http_call(self, summary: str, details: Iterable[str]) -> None:
        """Print an HTTP call: its details with debug, and its summary with verbose or debug."""
        from modelarts_export.transport.tracing import truncate_line  # noqa: PLC0415 - a dry run makes no call

        for line in details if self.options.debug else ():
            self.console.print(truncate_line(self.console.redact(line)))
        if self.options.debug:
            self.console.print(summary)
        elif self.options.verbose:
            self.console.print_call(summary)

    def exported(self, tasks: Sequence["ExportTask"]) -> None:
        """Print where succeeded tasks have written, and warn of those without samples: one line per task."""
        from modelarts_export.cli.output.task_view import export_location, list_some  # noqa: PLC0415 - as above

        empty = [task.task_id for task in tasks if task.finished_samples == 0]
        if empty:
            subject = f"export task {empty[0]}" if len(empty) == 1 else f"{len(empty):,} export tasks"
            ids = f": {list_some(empty)}" if len(empty) > 1 else ""
            self.warn(f"{subject} exported no samples{ids}; check the request's filters")
        if location := export_location(tasks):
            self.info(location, "hint")

    def warn_about_closed_output(self, task: "ExportTask") -> None:
        """Print the ID of an accepted task that stdout did not take."""
        self.console.print(f"export task {task.task_id} was accepted")

    def keep(self, *identifiers: str) -> None:
        """Never redact these IDs, even if one contains a secret: a task without its ID is lost."""
        self.console.keep(*identifiers)

    def keep_ids_of(self, *tasks: "ExportTask") -> None:
        """Never redact the IDs of these tasks."""
        for task in tasks:
            self.console.keep(task.task_id, task.dataset_id, task.project_id)

    def contains_secret(self, text: str) -> bool:
        """Return whether the text contains a known secret."""
        return self.console.contains_secret(text)

    def add_secret(self, secret: str) -> None:
        """Redact this secret too from now on."""
        self.console.add_secret(secret)
