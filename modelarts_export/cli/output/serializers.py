"""The renderers for programs: JSON, YAML and IDs."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelarts_export.cli.output.console import Console, Row
from modelarts_export.cli.output.error_view import error_to_dict, print_error
from modelarts_export.errors import ModelArtsExportError, NotFinishedError, RefusedError
from modelarts_export.identifiers import is_identifier
from modelarts_export.quoting import list_first
from modelarts_export.sanitize import escape_commands, is_safe_text, truncate

if TYPE_CHECKING:
    from modelarts_export.api.dataset import Dataset
    from modelarts_export.api.task import ExportTask
    from modelarts_export.batch.report import ReportRow

_MOST_IDS = 5  # in an error message
_HOW_TO_SHOW_ID = "-o json shows an ID of any kind"
_ID_HINT = f"{_HOW_TO_SHOW_ID}; do not submit it again"
_YAML_STRING = "tag:yaml.org,2002:str"


class DataRenderer(ABC):
    """Writes results to stdout as data: an object for one result, an array for several."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def task(self, task: "ExportTask") -> None:
        """Write an object."""
        self._write(task.to_dict())

    def tasks(self, tasks: Sequence["ExportTask"], *, detailed: bool, with_failure: bool = True) -> None:  # noqa: ARG002 - an array either way
        """Write an array of objects."""
        self._write([task.to_dict() for task in tasks])

    def datasets(self, datasets: Sequence["Dataset"]) -> None:
        """Write an array of objects."""
        self._write([dataset.to_dict() for dataset in datasets])

    def report(self, rows: Sequence["ReportRow"]) -> None:
        """Write an array of objects."""
        self._write([row.to_dict() for row in rows])

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write an array of objects."""
        self._write(list(rows))

    def rows(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:  # noqa: ARG002 - lines are text
        """Write an array of objects."""
        self._write(rows)

    facts = rows

    def checks(self, rows: Sequence[Mapping[str, Any]], shown: Sequence[Row]) -> None:  # noqa: ARG002 - shown to a reader
        """Write an array of objects."""
        self._write(rows)

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Write an object of method, URL and body."""
        self._write({"method": "POST", "url": url, "body": body})

    @abstractmethod
    def _write(self, value: object) -> None: ...


class JsonRenderer(DataRenderer):
    """Writes results as JSON to stdout, and an error as one line of JSON to stderr."""

    def load(self, *, with_rows: bool) -> None:
        """Do nothing: JSON is loaded already."""

    def error(self, error: ModelArtsExportError) -> None:
        """Write an object, the last line of stderr."""
        self._console.print_json(error_to_dict(error))

    def _write(self, value: object) -> None:
        self._console.write_json(value)


class YamlRenderer(DataRenderer):
    """Writes results as YAML to stdout, and errors as text to stderr."""

    def load(self, *, with_rows: bool) -> None:  # noqa: ARG002 - the same for any result
        """Import the YAML library."""
        to_yaml({}, can_encode=self._console.can_encode)

    def error(self, error: ModelArtsExportError) -> None:
        """Print the error as text."""
        print_error(self._console, error)

    def _write(self, value: object) -> None:
        self._console.write(to_yaml(self._console.redact(value), can_encode=self._console.can_encode))


class IdRenderer:
    """Writes IDs to stdout, one on each line, for a shell to read."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def load(self, *, with_rows: bool) -> None:
        """Do nothing: an ID needs no library."""

    def task(self, task: "ExportTask") -> None:
        """Write the ID. Raises NotFinishedError when a shell could read it as an option or a command."""
        if omitted := self._write_ids([task.task_id]):
            raise NotFinishedError(f"the task was accepted, but {omitted}", hint=_ID_HINT)

    def tasks(self, tasks: Sequence["ExportTask"], *, detailed: bool, with_failure: bool = True) -> None:  # noqa: ARG002 - IDs either way
        """Write the IDs. Raises RefusedError when a shell could read one as an option or a command."""
        if omitted := self._write_ids([task.task_id for task in tasks]):
            raise RefusedError(omitted, hint=_ID_HINT)

    def datasets(self, datasets: Sequence["Dataset"]) -> None:
        """Write the IDs. Raises RefusedError as `tasks`."""
        if omitted := self._write_ids([dataset.dataset_id for dataset in datasets]):
            raise RefusedError(omitted, hint=_HOW_TO_SHOW_ID)

    def report(self, rows: Sequence["ReportRow"]) -> None:
        """Write the IDs of the exports that have a task. Raises what `tasks` raises."""
        self.tasks([row.task for row in rows if row.task], detailed=False)

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write nothing: what is not submitted has no ID."""

    def rows(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:  # noqa: ARG002 - lines are text
        """Write the dataset ID of each row that has one; a name is no ID."""
        self._write_ids([row["dataset_id"] for row in rows if row["dataset_id"]])

    def facts(self, rows: Sequence[Mapping[str, Any]], lines: Iterable[str]) -> None:  # noqa: ARG002 - there is no ID
        """Write the lines: facts have no ID."""
        for line in lines:
            self._console.write_line(line)

    def checks(self, rows: Sequence[Mapping[str, Any]], shown: Sequence[Row]) -> None:  # noqa: ARG002 - there is no ID
        """Write what is shown: checks have no ID."""
        self._console.write_paragraphs(shown)

    def request(self, url: str, body: Mapping[str, Any]) -> None:
        """Write the URL and the bytes of the body: a request has no ID."""
        self._console.write_request(url, body)

    def error(self, error: ModelArtsExportError) -> None:
        """Print the error as text."""
        print_error(self._console, error)

    def _write_ids(self, ids: Sequence[str]) -> str:
        """Write the IDs, and return which a shell could obey and so were omitted; nothing without any."""
        self._console.write("".join(f"{each}\n" for each in ids if is_identifier(each)))
        omitted = [truncate(repr(each)) for each in ids if not is_identifier(each)]
        if not omitted:
            return ""
        shown = list_first(omitted, _MOST_IDS)
        return f"{'an ID is' if len(omitted) == 1 else 'IDs are'} invalid and omitted: {shown}"


SERIALIZERS: Mapping[str, type[JsonRenderer | YamlRenderer | IdRenderer]] = {
    "json": JsonRenderer,
    "yaml": YamlRenderer,
    "id": IdRenderer,
}
"""The renderers for programs, by the name of the format."""


def to_yaml(value: object, *, can_encode: Callable[[str], bool]) -> str:
    """Return YAML in readable letters when all of it is safe and can be encoded, otherwise with escapes."""
    import yaml  # noqa: PLC0415 - only this format needs it

    class QuotingDumper(yaml.SafeDumper):
        """Writes every string in double quotes, in which anything can be escaped."""

    def quote(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar(_YAML_STRING, text, style='"')

    QuotingDumper.add_representer(str, quote)
    readable = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=math.inf)
    if is_safe_text(readable) and can_encode(readable):
        return str(readable)
    quoted: str = yaml.dump(value, Dumper=QuotingDumper, allow_unicode=False, sort_keys=False, width=math.inf)
    return escape_commands(quoted, "\\x23")
