"""Results and errors as data: YAML that can be read, IDs that are plain words, and an error as one object."""

import math
import re
from collections.abc import Callable
from typing import Any

from modelarts_export.errors import ModelArtsExportError, Problem
from modelarts_export.task import ExportTask
from modelarts_export.text import is_harmless

_YAML_STRING = "tag:yaml.org,2002:str"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.-]+")


def as_yaml(value: object, *, readable_in: Callable[[str], bool]) -> str:
    """Return YAML in which every letter can be read, when all are harmless and can be written."""
    import yaml  # noqa: PLC0415 - only this form needs it

    class Quoting(yaml.SafeDumper):
        """Puts every string into double quotes, in which anything can be escaped."""

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar(_YAML_STRING, text, style='"'))
    readable = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=math.inf)
    if is_harmless(readable) and readable_in(readable):
        return str(readable)
    quoted: str = yaml.dump(value, Dumper=Quoting, allow_unicode=False, sort_keys=False, width=math.inf)
    return quoted.replace("##[", "\\x23#[")


def plain_id(task: ExportTask, error: type[ModelArtsExportError]) -> str:
    """Return an ID that a script can use. Raises this error for any other."""
    if _PLAIN_ID.fullmatch(task.task_id):
        return task.task_id
    raise error(
        f"the task exists, but its ID is no plain word: {task.task_id!r}",
        hint="-o json shows an ID of any kind; do not submit it again",
    )


def error_as_dict(error: ModelArtsExportError) -> dict[str, Any]:
    """Return an error as one JSON object."""
    return {
        "error": str(error),
        "hint": error.hint,
        "error_code": error.error_code,
        "http_status": error.http_status,
        "request_id": error.request_id,
        "exit_code": error.exit_code,
        "problems": [
            {"file": p.file, "line": p.line, "column": p.column, "message": _in_words(p)}
            for p in error.problems
        ],
    }


def _in_words(problem: Problem) -> str:
    """Name a flag in the message; a file has its own fields."""
    return problem.message if problem.file else str(problem)
