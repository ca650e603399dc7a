"""What a command says: results as table, JSON, YAML or IDs; talk, warnings and errors in words."""

import signal
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelarts_export.api.task import ExportTask, TaskState
from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.cli.output import serializers as forms
from modelarts_export.cli.output import task_view as cells
from modelarts_export.cli.output.console import Console
from modelarts_export.errors import (
    MOST_PROBLEMS,
    CanceledError,
    ClosedOutputError,
    InvalidInputError,
    ModelArtsExportError,
    NotFinishedError,
    OutputError,
    Problem,
    RefusedError,
    TerminatedError,
)
from modelarts_export.sanitize import to_json
from modelarts_export.transport import tracing as trace

if TYPE_CHECKING:
    from modelarts_export.spec.loader import SpecSet

_ANY_ID = "-o json shows an ID of any kind; do not submit it again"
_MOST_HINTS = 12  # about exports; a line for each of a thousand would hide what matters


class Messages:
    """Says things on a console in the style that the user wants."""

    def __init__(self, console: Console) -> None:
        """Write a table, and talk, until `style` is set otherwise."""
        self.style = OutputOptions()
        self._console = console

    def keep(self, *identifiers: str) -> None:
        """Show these IDs as they are, also where a secret is a part of one: a task without its ID is lost."""
        self._console.keep(*identifiers)

    def contains_secret(self, text: str) -> bool:
        """Tell whether the text holds a secret that the process knows."""
        return self._console.contains_secret(text)

    def add_secret(self, secret: str) -> None:
        """Know a secret that the environment did not have."""
        self._console.add_secret(secret)

    @property
    def console(self) -> Console:
        """The console that the messages are written to."""
        return self._console

    def load_renderers(self) -> None:
        """Load what a task is shown with, before it can be accepted: the last words import nothing."""
        if self._shows_tables:
            from modelarts_export.cli.output import tables  # noqa: F401, PLC0415 - rich is loaded here

            self._console.load_console()
        elif self.style.output == "yaml":
            forms.to_yaml({}, readable_in=self._console.can_show)

    def interrupted(self, number: int, message: str, hint: str = "", *, always: bool = True) -> None:
        """Write the last words on stderr after a signal: an error object with -o json, otherwise a warning.

        Without `always`, quiet leaves the warning out. Nothing else is written to stderr from then on.
        """
        self._console.take_stderr()
        kind = TerminatedError if number == signal.SIGTERM else CanceledError
        if self.style.output == "json":
            self.error(kind(message, hint=hint))
        elif always or not self.style.quiet:
            self._console.print(message, "warning")
            if hint:
                self._console.print(hint, "hint")

    def rescue(self, show: Callable[[], None]) -> None:
        """Write the result of a command that a signal ends, unless it has written it."""
        if self._console.take_stdout():
            with suppress(ModelArtsExportError):  # stderr has what to do next
                show()

    def exported(self, tasks: Sequence[ExportTask]) -> None:
        """Say what successes have left, unless there are many, and what is strange about them."""
        for task in tasks:
            if task.finished_samples == 0:
                self.warn(f"export task {task.task_id} exported no samples; check the request's filters")
        for whereabouts in filter(None, map(cells.export_location, tasks[:_MOST_HINTS])):
            self.info(whereabouts, "hint")
        if len(tasks) > _MOST_HINTS:
            self.info(f"and {len(tasks) - _MOST_HINTS:,} more exports; -o json has their paths", "hint")

    def accepted(self, task: ExportTask) -> None:
        """Tell the ID of a task the moment it is known."""
        self._keep_ids_of(task)
        self.info(f"Created export task {task.task_id}")

    def found(self, task: ExportTask) -> None:
        """Tell the ID of a task of ours whose reply was lost."""
        self._keep_ids_of(task)
        self.info(f"Found export task {task.task_id}, which was created after all")

    def reused(self, task: ExportTask) -> None:
        """Tell the ID of an identical older task that is used instead of a new one."""
        self._keep_ids_of(task)
        self.info(f"Reused export task {task.task_id} ({cells.format_state(task)}); nothing was submitted")

    def skipped(self, task: ExportTask) -> None:
        """Tell the ID of an unfinished task because of which nothing is submitted."""
        self._keep_ids_of(task)
        path = task.raw.get("path")
        self.info(
            f"Skipped: export task {task.task_id} ({cells.format_state(task)}) writes to {path}; "
            "nothing was submitted"
        )

    def unseen(self, error: ModelArtsExportError) -> None:
        """Warn that the accepted task could not be looked at."""
        self.warn(f"the task was accepted, but a look at it failed: {error}")

    def info(self, line: str, kind: str = "") -> None:
        """Say something that is no result."""
        if not self.style.quiet:
            self._console.print(line, kind)

    def warn(self, line: str) -> None:
        """Say what may be wrong and was done all the same."""
        self.info(line, "warning")

    def warn_always(self, line: str) -> None:
        """Tell of tasks whose IDs nothing else tells, also when quiet."""
        self._console.print(line, "warning")

    def call(self, line: str) -> None:
        """Tell of an HTTP call, when that is wanted."""
        if self.style.verbose or self.style.debug:
            self._console.print(line)

    def debug(self, lines: Iterable[str]) -> None:
        """Show what was said in an HTTP call, line by line, when that is wanted."""
        for line in lines if self.style.debug else ():
            self._console.print(trace.truncate(self._console.redact(line)))

    def submitted(self, task: ExportTask) -> None:
        """Show a task that was just created. Raises what task raises."""
        self.task(task)
        said = ": ".join(filter(None, task.failure))
        if task.state is TaskState.FAILED:
            self.warn(f"the task has failed already: {said or 'the API gives no reason'}")
        elif task.state is TaskState.STOPPED:
            self.warn(f"the task was stopped already{said and f': {said}'}")

    def task(self, task: ExportTask) -> None:
        """Show one task as the result.

        Raises NotFinishedError for an ID that is no plain word, and when the result cannot be written: the
        task was accepted, and must not be submitted again.
        """
        try:
            self._task(task)
        except ClosedOutputError:
            if self.style.quiet:  # its ID was not told yet
                self._console.print(f"export task {task.task_id} was accepted")
            raise
        except NotFinishedError:
            raise
        except ModelArtsExportError as error:
            raise NotFinishedError(
                f"export task {task.task_id} was accepted, but {error}", hint="do not submit it again"
            ) from None

    def _task(self, task: ExportTask) -> None:
        self._keep_ids_of(task)
        if self.style.output == "id":
            self._console.write(forms.ids_of([task]))
            if unusable := forms.unusable_ids_of([task]):
                raise NotFinishedError(f"the task was accepted, but {unusable}", hint=_ANY_ID)
        elif self.style.output in ("json", "yaml"):
            self._data(task.to_dict())
        elif self._shows_tables:
            self._console.write_rows(cells.task_facts(task))

    def tasks(self, tasks: Sequence[ExportTask]) -> None:
        """Show tasks that were asked for: an array in JSON and YAML, and as a table one task in full."""
        if len(tasks) == 1 and self._shows_tables:
            self._keep_ids_of(tasks[0])
            self._console.write_rows(cells.task_facts(tasks[0]))
        elif tasks:
            self.task_list(tasks)

    def followed(self, tasks: Sequence[ExportTask]) -> None:
        """Show tasks as `tasks` does. Raises NotFinishedError with their IDs when that fails."""
        try:
            self.tasks(tasks)
        except OutputError as error:
            ids = ", ".join(task.task_id for task in tasks)
            raise NotFinishedError(f"{error}; it is about {ids}", hint="check their status again") from None

    def task_list(self, tasks: Sequence[ExportTask]) -> None:
        """Show tasks, a row each. Raises RefusedError for IDs that are no plain words, if IDs are wanted."""
        for task in tasks:
            self._keep_ids_of(task)
        if self.style.output == "id":
            self._console.write(forms.ids_of(tasks))
            if unusable := forms.unusable_ids_of(tasks):
                raise RefusedError(unusable, hint=_ANY_ID)
        elif self.style.output in ("json", "yaml"):
            self._data([task.to_dict() for task in tasks])
        elif self._shows_tables and tasks:
            self._console.write_table(cells.task_rows(tasks))
        if not tasks:
            self.info("no export tasks")

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Show a request that is not sent; as a table or as an ID, it is the URL and the very bytes."""
        if self.style.output in ("json", "yaml"):
            self._data({"method": "POST", "url": url, "body": body})
        elif self.style.output or self._shows_tables:
            self._console.write_line(f"POST {url}")
            self._console.write(f"\n{to_json(self._console.redact(body))}\n")

    def plan(self, plan: "SpecSet") -> None:
        """Show what specs would export: a row each, and always an array in JSON and YAML."""
        rows = cells.spec_rows(plan)
        if self.style.output in ("json", "yaml"):
            self._data(rows)
        elif self.style.output == "id":
            self._console.write("".join(f"{row['dataset_id']}\n" for row in rows if row["dataset_id"]))
        elif self._shows_tables:
            self._console.write_table(rows)

    def facts(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:
        """Show facts: as an array in JSON and YAML, otherwise as these lines."""
        if self.style.output in ("json", "yaml"):
            self._data(rows)
        elif self.style.output or self._shows_tables:
            for line in lines:
                self._console.write_line(line)

    def line(self, line: str) -> None:
        """Write a line of text as the result."""
        self._console.write_line(line)

    def error(self, error: ModelArtsExportError) -> None:
        """Show what ended the command; with -o json the last line of stderr is one object."""
        if self.style.output == "json":
            self._console.print_raw(to_json(self._console.redact(forms.error_to_dict(error))))
            return
        self._console.print(str(error), "error")
        for problem in error.problems[:MOST_PROBLEMS]:
            self._problem(problem, told=str(error))
        unshown = error.unshown if isinstance(error, InvalidInputError) else 0
        if unshown:
            self._console.print(f"  and {unshown:,} more")
        elif len(error.problems) > MOST_PROBLEMS:
            self._console.print(
                f"  and {len(error.problems) - MOST_PROBLEMS:,} more; -o json has all of them"
            )
        if error.hint:
            self._console.print(error.hint, "hint")

    def _problem(self, problem: Problem, *, told: str) -> None:
        """Show a problem, unless the error has told its words already, and its line."""
        if str(problem) != told:
            self._console.print(f"  {problem}")
        if problem.excerpt:
            # the number of the line leads, so that no line of a file can begin a line of ours
            self._console.print_excerpt(problem.excerpt, problem.caret, gutter=f"    {problem.line} | ")

    def bug(self, error: Exception) -> None:
        """Show an error that should not be; its traceback has code in it, and no values."""
        for line in "".join(traceback.format_exception(error)).splitlines():
            self._console.print(line)
        self.error(
            ModelArtsExportError(
                f"unexpected {type(error).__name__}",
                hint="this is a bug of modelarts-export; please report it",
            )
        )

    def _keep_ids_of(self, task: ExportTask) -> None:
        self.keep(task.task_id, task.dataset_id, task.project_id)

    @property
    def _shows_tables(self) -> bool:
        return self.style.output == "table" or not (self.style.output or self.style.quiet)

    def _data(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        clean = self._console.redact(value)
        as_json = self.style.output == "json"
        self._console.write(
            to_json(clean, indent=2) + "\n"
            if as_json
            else forms.to_yaml(clean, readable_in=self._console.can_show)
        )
