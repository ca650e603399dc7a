"""Results and errors as data: YAML that can be read, IDs that are plain words, and an error as one object."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import ModelArtsExportError, Problem
from modelarts_export.sanitize import escape_commands, is_identifier, is_safe_text, truncate

_MOST_IDS = 5  # that are named in an error
_YAML_STRING = "tag:yaml.org,2002:str"


def to_yaml(value: object, *, readable_in: Callable[[str], bool]) -> str:
    """Return YAML in which every letter can be read, when all are harmless and can be written."""
    import yaml  # noqa: PLC0415 - only this form needs it

    class Quoting(yaml.SafeDumper):
        """Puts every string into double quotes, in which anything can be escaped."""

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar(_YAML_STRING, text, style='"'))
    readable = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=math.inf)
    if is_safe_text(readable) and readable_in(readable):
        return str(readable)
    quoted: str = yaml.dump(value, Dumper=Quoting, allow_unicode=False, sort_keys=False, width=math.inf)
    return escape_commands(quoted, "\\x23")


def ids_of(tasks: Sequence[ExportTask]) -> str:
    """Return the IDs, one a line, without those that are no plain words for a script."""
    return "".join(f"{task.task_id}\n" for task in tasks if is_identifier(task.task_id))


def unusable_ids_of(tasks: Sequence[ExportTask]) -> str:
    """Return in words the IDs that a script could take for an option or a command; nothing without any."""
    ids = [truncate(repr(task.task_id)) for task in tasks if not is_identifier(task.task_id)]
    if not ids:
        return ""
    more = f" and {len(ids) - _MOST_IDS:,} more" if len(ids) > _MOST_IDS else ""
    shown = ", ".join(ids[:_MOST_IDS]) + more
    return f"{'an ID is' if len(ids) == 1 else 'IDs are'} no plain word, and left out: {shown}"


def error_to_dict(error: ModelArtsExportError) -> dict[str, Any]:
    """Return an error as one JSON object."""
    return {
        "error": str(error),
        "hint": error.hint,
        "error_code": error.error_code,
        "http_status": error.http_status,
        "request_id": error.request_id,
        "exit_code": error.exit_code,
        "problems": [
            {"file": p.file, "line": p.line, "column": p.column, "message": _problem_message(p)}
            for p in error.problems
        ],
    }


def _problem_message(problem: Problem) -> str:
    """Name a flag in the message; a file has its own fields."""
    return problem.message if problem.file else str(problem)
