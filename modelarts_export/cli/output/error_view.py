"""An error as text for a reader, or as data for a program."""

from collections.abc import Mapping
from typing import Any

from modelarts_export.cli.output.console import Console
from modelarts_export.errors import (
    MAX_PROBLEMS,
    CertificateError,
    ConfigFileError,
    InvalidInputError,
    MissingCredentialsError,
    ModelArtsExportError,
    PathUsedError,
    Problem,
)
from modelarts_export.quoting import find_noun_of_omitted

_MORE_HINTS: Mapping[type[ModelArtsExportError], str] = {
    CertificateError: "for a private certificate authority give --ca-bundle FILE",
    ConfigFileError: "modelarts-export explain config shows the format",
    PathUsedError: "or give --if-path-used warn",
}
_LISTS = dict.fromkeys(("fault", "key", "call"), "modelarts-export sandbox --help")  # others: explain


def format_hint(error: ModelArtsExportError) -> str:
    """Return the hint of an error, with the flags that help, and the topics that list the values."""
    return "; ".join(filter(None, [error.hint, _MORE_HINTS.get(type(error)), _suggest_lists(error)]))


def _suggest_lists(error: ModelArtsExportError) -> str:
    """Return the commands that list the values of which messages name only some."""
    problems = error.problems or (Problem(message=str(error)),)
    commands = dict.fromkeys(filter(None, map(_find_list, problems)))
    return f"{' and '.join(commands)} list{'s' if len(commands) == 1 else ''} the values" if commands else ""


def _find_list(problem: Problem) -> str | None:
    """Return the command that lists the values which a problem omits.

    The topic of `explain` is the field of the problem, or what the value of its flag is.
    """
    noun = find_noun_of_omitted(problem.message)
    if noun is None or noun in _LISTS:
        return noun and _LISTS[noun]
    names = [step.replace("_", "-") for step in problem.location if isinstance(step, str)]
    return f"modelarts-export explain {names[-1] if names else noun.replace(' ', '-')}"


def print_error(console: Console, error: ModelArtsExportError) -> None:
    """Print an error, its problems with their lines, and its hint to stderr.

    The failures of several tasks come before their summary, which is the last line of a wait.
    """
    if isinstance(error, InvalidInputError | MissingCredentialsError):
        places = [problem.place for problem in error.problems if str(problem) == str(error)]
        console.print(str(error), "error", prefix="".join(places[:1]))
        _print_problems(console, error)
        if error.omitted:
            console.print(f"  and {error.omitted:,} more")
    else:
        for problem in error.problems[:MAX_PROBLEMS]:
            if str(problem) != str(error):
                console.print(str(problem), "error")
        if len(error.problems) > MAX_PROBLEMS:
            console.print(f"and {len(error.problems) - MAX_PROBLEMS:,} more; -o json has all of them")
        console.print(str(error), "error")
    for line in format_hint(error).splitlines():
        console.print(line, "hint")


def _print_problems(console: Console, error: ModelArtsExportError) -> None:
    for problem in error.problems:
        if str(problem) != str(error):
            console.print(f"  {problem}", prefix=f"  {problem.place}")
        if problem.excerpt:
            # the line number comes first, so that no line of a file can begin a line of stderr
            console.print_excerpt(problem.excerpt, problem.caret, gutter=f"    {problem.line} | ")


def print_annotations(console: Console, error: ModelArtsExportError) -> None:
    """Print an error as annotations of GitHub Actions to stderr, which the runner reads, too."""
    from modelarts_export.cli.ci.github import format_annotations  # noqa: PLC0415 - for CI alone

    for line in format_annotations(error, format_hint(error), console.clean):
        console.print_raw(line)


def error_to_dict(error: ModelArtsExportError) -> dict[str, Any]:
    """Return an error as JSON-like data."""
    return {
        "error": str(error),
        "hint": "; ".join(format_hint(error).splitlines()),
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
    """Return the message, with the name of the flag for a problem that has no file."""
    return problem.message if problem.file else str(problem)
