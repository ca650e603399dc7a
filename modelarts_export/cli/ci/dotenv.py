"""Dotenv reports, by the rules of GitLab: one NAME=VALUE a line, without quotes, comments or empty lines.

GitLab refuses the whole file for one invalid line, and one of 5 KiB or more. It expands variables in
values, secret ones among them; two dollars stand for one.
"""

from collections.abc import Sequence

from modelarts_export.cli.ci.result import Clean, RunResult

_FIELDS = {
    "MODELARTS_TASK_ID": "task_id",
    "MODELARTS_STATUS": "status",
    "MODELARTS_PATH": "path",
    "MODELARTS_LOCATION": "location",
}
_EXIT_CODE = "MODELARTS_EXIT_CODE"
VARIABLES = (*_FIELDS, _EXIT_CODE)
"""The variables of a report. Their names begin with no prefix that this program reads."""
_SIZE_LIMIT = 5 * 1024  # bytes


def format_dotenv(result: RunResult, clean: Clean) -> tuple[str, Sequence[str]]:
    """Return the text of a report, and the variables that are left empty to keep it below GitLab's limit.

    The values of several tasks are separated by commas. `clean` redacts a text and escapes its control
    characters, line feeds among them.
    """
    values = {
        name: ",".join(result.list_values(field, clean)).replace("$", "$$").strip()
        for name, field in _FIELDS.items()
    }
    values[_EXIT_CODE] = str(result.exit_code)
    omitted = list[str]()
    while len(text := _format_lines(values)) >= _SIZE_LIMIT:
        longest = max(values, key=lambda name: len(values[name].encode()))
        omitted.append(longest)
        values[longest] = ""
    return text.decode(), omitted


def _format_lines(values: dict[str, str]) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in values.items()).encode()
