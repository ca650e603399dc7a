"""GitHub Actions: annotations for errors, the outputs of a step, and its summary.

Every text is redacted before it is escaped. No secret is sent to the runner with the command add-mask: the
command itself would write the secret to stderr, which may be a file, and after stop-commands to the log.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from html import escape

from modelarts_export.cli.ci.result import Clean, RunResult
from modelarts_export.errors import (
    InvalidInputError,
    MissingCredentialsError,
    ModelArtsExportError,
    Problem,
)

OUTPUTS = ("task_id", "status", "path", "location")
"""The outputs of a step, named as the fields of a task."""
_MAX_OUTPUT = 256 * 1024  # bytes of one output; GitHub takes 1 MiB of a job
_MAX_PROBLEMS = 100  # of the summary; a table of a batch has the others
_MAX_ROWS = 1_000  # of the table; GitHub takes 1 MiB of a step
_COLUMNS = {"Task": "task_id", "Status": "status", "Dataset": "dataset_id", "Path": "path"}
_BATCH_COLUMNS = {"Spec": "spec", "Name": "name", **_COLUMNS, "Exit code": "exit_code", "Error": "error_msg"}


def format_annotations(error: ModelArtsExportError, hint: str, clean: Clean) -> Iterator[str]:
    """Yield a workflow command for each problem of an error, and for the error where no problem says it.

    The lines of the hint follow the message of the last one. `clean` redacts a text and escapes its control
    characters.
    """
    commands = [_format_annotation(problem, clean) for problem in error.problems]
    omitted = error.omitted if isinstance(error, InvalidInputError | MissingCredentialsError) else None
    if not error.problems or (omitted is None and not error.problems_say_all):
        commands.append(f"::error::{_escape_data(clean(str(error)))}")
    elif omitted:
        commands.append(f"::error::and {omitted:,} more problems")
    yield from commands[:-1]
    yield commands[-1] + "".join(_escape_data(f"\nhint: {clean(line)}") for line in hint.splitlines())


def _format_annotation(problem: Problem, clean: Clean) -> str:
    """Return the command for a problem; the runner finds a file in its repository by its absolute path.

    The message does not repeat a position that the properties give.
    """
    places = {"line": problem.line, "col": problem.column}
    file = problem.file if problem.file and os.path.isfile(problem.file) else None  # noqa: PTH113 - it raises nothing
    properties = {"file": os.path.abspath(file), **places} if file else {}  # noqa: PTH100 - links stay
    position = ":".join(str(part) for part in (file, problem.line, problem.column) if part)
    message = problem.message if file and problem.place == position else str(problem)
    given = (f"{name}={_escape_property(clean(str(value)))}" for name, value in properties.items() if value)
    return f"::error {','.join(given)}".rstrip() + f"::{_escape_data(clean(message))}"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def format_outputs(result: RunResult, clean: Clean) -> tuple[str, Sequence[str]]:
    """Return what is appended to the file of GITHUB_OUTPUT, and the outputs that are too long and left empty.

    The values of several tasks are on lines of their own. Nothing is appended without a task.
    """
    if not result.tasks:
        return "", ()
    delimiter = f"delimiter_{secrets.token_hex(16)}"  # that no text can contain
    values = {name: result.list_values(name, clean) for name in OUTPUTS}
    omitted = [name for name, texts in values.items() if len("\n".join(texts).encode()) > _MAX_OUTPUT]
    # the runner skips an empty line, and what another program has written may not end with a line feed
    lines = [""]
    for name, texts in values.items():
        lines += [f"{name}<<{delimiter}", *(() if name in omitted else texts), delimiter]
    return "\n".join([*lines, ""]), omitted


def format_summary(result: RunResult, clean: Clean) -> tuple[str, Sequence[str]]:
    """Return what is appended to the file of GITHUB_STEP_SUMMARY: the error, and a row for each task.

    It is one block of HTML, in which Markdown means nothing, and ends with an empty line, as a block does.
    No value is left empty.
    """
    lines = [""]
    if result.error:
        lines.append(f"<p>modelarts-export exited with {result.exit_code}: {_code(clean(result.error))}</p>")
    if not result.batch:
        lines += _format_problems(result, clean)
    rows = [each.to_dict() for each in (result.batch.rows if result.batch else result.tasks)[:_MAX_ROWS]]
    if rows:
        columns = _BATCH_COLUMNS if result.batch else _COLUMNS
        heading = "".join(f"<th>{name}</th>" for name in columns)
        lines += ["<table>", f"<tr>{heading}</tr>"]
        lines += [_format_row([row[name] for name in columns.values()], clean) for row in rows]
        lines.append("</table>")
        count = len(result.batch.rows if result.batch else result.tasks)
        if count > _MAX_ROWS:
            lines.append(f"<p>and {count - _MAX_ROWS:,} more</p>")
    return "\n".join([*lines, "", ""]) if len(lines) > 1 else "", ()


def _format_problems(result: RunResult, clean: Clean) -> list[str]:
    """Return a list of the problems that the sentence of the error does not say."""
    problems = [problem for problem in result.problems if str(problem) != result.error]
    if not problems:
        return []
    lines = [f"<li>{_code(clean(str(problem)))}</li>" for problem in problems[:_MAX_PROBLEMS]]
    if count := len(problems[_MAX_PROBLEMS:]) + result.omitted:
        lines.append(f"<li>and {count:,} more</li>")
    return ["<ul>", *lines, "</ul>"]


def _format_row(values: Sequence[object], clean: Clean) -> str:
    cells = ("" if value is None else _code(clean(str(value))) for value in values)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _code(text: str) -> str:
    """Return text that GitHub shows as it is, without links and mentions."""
    return f"<code>{escape(text)}</code>"
