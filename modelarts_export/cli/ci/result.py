"""The result of a command as a CI system is told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import Problem

if TYPE_CHECKING:
    from modelarts_export.batch.report import BatchReport

Clean = Callable[[str], str]
"""Returns a text with its secrets redacted, and then its control characters escaped."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The tasks that a command has shown, its exit code, and the sentence and problems of its error, if any.

    `omitted` is how many problems the error has beside those. `batch` is the report of a command that submits
    many exports.
    """

    tasks: Sequence[ExportTask]
    exit_code: int
    error: str = ""
    problems: Sequence[Problem] = ()
    omitted: int = 0
    batch: "BatchReport | None" = None

    def list_values(self, name: str, clean: Clean) -> list[str]:
        """Return a field of each task as text, empty where it is not known."""
        values = (task.to_dict()[name] for task in self.tasks)
        return ["" if value is None else clean(str(value)) for value in values]
