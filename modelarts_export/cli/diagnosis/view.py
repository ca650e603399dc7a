"""The checks as a result: data or text, and one error or summary."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from modelarts_export.cli.context import CommandContext
from modelarts_export.cli.output.console import Cell, Row
from modelarts_export.diagnosis.check import Check, CheckStatus, find_worst
from modelarts_export.errors import (
    AccessError,
    InvalidInputError,
    ModelArtsExportError,
    NotFoundError,
    Problem,
    RefusedError,
    TemporaryError,
)

_MARKS = {
    CheckStatus.OK: ("\u2713", "+", "green"),
    CheckStatus.WARNING: ("!", "!", "bold yellow"),
    CheckStatus.ERROR: ("\u2717", "x", "bold red"),
    CheckStatus.UNTESTED: ("?", "?", "cyan"),
    CheckStatus.SKIPPED: ("-", "-", "dim"),
}
_ERRORS = (InvalidInputError, NotFoundError, AccessError, TemporaryError, RefusedError)


def print_checks(checks: Sequence[Check], context: CommandContext) -> None:
    """Print all checks. Raises their error, with the exit code of the worst, if one failed."""
    console, options = context.messages.console, context.messages.options
    context.printer.checks(list(map(_to_dict, checks)), _make_rows(checks, console.can_encode))
    is_silent = (options.quiet and options.output is None) or options.ci is not None
    if error := _make_error(checks, with_problems=is_silent):
        raise error
    context.messages.info(_summarize(checks))


def _to_dict(check: Check) -> dict[str, Any]:
    return {
        "check": check.name,
        "status": check.status.value,
        "message": check.message,
        "hint": check.hint,
        "exit_code": check.exit_code,
    }


def _make_rows(checks: Sequence[Check], can_encode: Callable[[str], bool]) -> list[Row]:
    """Return a row for each check: its mark, in ASCII where nothing else can be encoded, name and text."""
    column = 0 if all(can_encode(mark) for mark, _, _ in _MARKS.values()) else 1
    rows: list[Row] = []
    next_hints = [each.hint for each in (*checks[1:], *checks[:1])]
    for each, next_hint in zip(checks, next_hints, strict=True):
        marks = _MARKS[each.status]
        paragraphs: list[list[Cell]] = [[each.message]]
        if each.hint and each.hint != next_hint:  # checks that have the same hint share it
            paragraphs.append([("hint:", "bold cyan"), f" {each.hint}"])
        rows.append(((marks[column], marks[-1]), each.name, paragraphs))
    return rows


def _make_error(checks: Sequence[Check], *, with_problems: bool) -> ModelArtsExportError | None:
    """Return the error of all checks, with the exit code of the worst; None if none failed.

    `with_problems`: the error tells of each failed check, because nothing else does.
    """
    worst = find_worst(checks)
    if worst is None:
        return None
    failed = [each for each in checks if each.status is CheckStatus.ERROR]
    names = ", ".join(dict.fromkeys(each.name for each in failed))
    kinds = (kind for kind in _ERRORS if kind.exit_code == worst.exit_code)
    problems = [Problem(message=f"{each.name}: {each.message}") for each in failed] if with_problems else []
    message = f"{len(failed)} check{'' if len(failed) == 1 else 's'} failed: {names}"
    hint = worst.hint if with_problems else ""
    return next(kinds, ModelArtsExportError)(message, problems=problems, hint=hint, problems_say_all=True)


def _summarize(checks: Sequence[Check]) -> str:
    """Return how many checks there are, and how they ended."""
    counts = Counter(each.status for each in checks)
    counted = ((counts[status], status.value) for status in CheckStatus if counts[status])
    parts = (f"{count} {word}{'s' if word == 'warning' and count > 1 else ''}" for count, word in counted)
    return f"{len(checks)} checks: {', '.join(parts)}"
