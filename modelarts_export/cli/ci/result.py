"""The result of a command as a CI system is told of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelarts_export.api.task import ExportTask


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The tasks that a command has shown, its exit code, and the sentence of its error, if any."""

    tasks: Sequence[ExportTask]
    exit_code: int
    error: str = ""

    def list_values(self, name: str, clean: Callable[[str], str]) -> list[str]:
        """Return a field of each task as text, empty where it is not known."""
        values = (task.to_dict()[name] for task in self.tasks)
        return ["" if value is None else clean(str(value)) for value in values]
