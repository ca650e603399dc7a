"""The help pages of commands: plain text in titled groups, at the width of the terminal."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Any

from modelarts_export.quoting import MOST_CHOICES

WIDTHS = range(40, 121)  # columns of a page
_USUAL_WIDTH = 80  # columns, where the terminal does not say it; on a narrower one a text is below its name
GROUPS = ("Request", "Samples", "Output data", "Duplicates", "Filter", "Waiting", "Connection", "Output")
"""The titles of the groups of options, in their order; options without a group come last."""
OTHERS = "Options"
_NARROW, _WIDE = 26, 34  # columns of the names, on a narrow and a wide page
_INDENT = "  "
_NO_BREAK = "\N{NO-BREAK SPACE}"  # keeps [env: NAME] on one line

Row = tuple[str, str]


def get_width() -> int:
    """Return the width of help pages: that of the terminal, within WIDTHS."""
    columns = shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns
    return min(max(columns, WIDTHS[0]), WIDTHS[-1])


def format_page(
    usage: str, text: str, sections: Mapping[str, Sequence[Row]], *, examples: Sequence[str], exit_codes: str
) -> str:
    """Return a help page: usage, text, a section of rows for each title, examples and exit codes."""
    width = get_width()
    lines = [*_wrap(f"Usage: {usage}", width), "", *_wrap_paragraphs(text, width)]
    longest = max((len(name) for rows in sections.values() for name, _ in rows), default=0)
    column = min(longest, _NARROW if width < WIDTHS[-1] else _WIDE) + 2 * len(_INDENT)
    for title, rows in sections.items():
        lines += ["", f"{title}:", *format_rows(rows, column, width)]
    if examples:
        lines += ["", "Examples:", *(f"{_INDENT}{example}" for example in examples)]
    if exit_codes:
        lines += ["", *_wrap(f"Exit codes: {exit_codes}", width)]
    return "\n".join(lines)


def collect_sections(parameters: Iterable[Any], help_option: Any) -> dict[str, list[Row]]:  # noqa: ANN401 - of Typer
    """Return the rows of a command's arguments and options by the titles of their groups."""
    arguments: list[Row] = []
    options: dict[str, list[Row]] = {title: [] for title in (*GROUPS, OTHERS)}
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            arguments.append((format_argument(parameter), parameter.help or ""))
        else:
            options[parameter.rich_help_panel or OTHERS].append(_make_row(parameter))
    last = "Output" if options["Output"] else OTHERS
    options[last].append((", ".join(sorted(help_option.opts, key=len)), "Show this help and exit"))
    return {title: rows for title, rows in {"Arguments": arguments, **options}.items() if rows}


def format_argument(argument: Any) -> str:  # noqa: ANN401 - of Typer
    """Return an argument as a usage line shows it: in brackets if it may be left out.

    A metavar with brackets says by itself which part may.
    """
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _make_row(option: Any) -> Row:  # noqa: ANN401 - an option of Typer
    """Return the names of an option with its metavar, and its help: -o, --output FORMAT."""
    names = sorted(option.opts, key=len)
    if option.secondary_opts:  # --x/--no-x is shown as --[no-]x
        names[-1] = f"--[no-]{names[-1].removeprefix('--')}"
    name = ", ".join(names)
    value = "" if option.is_flag else f" {option.metavar or 'VALUE'}"
    default = str(option.default) if option.show_default and option.default not in (None, False) else ""
    return f"{name}{value}", (option.help or "") + format_suffix(default=default)


def format_rows(rows: Iterable[Row], column: int, width: int) -> list[str]:
    """Return rows whose texts begin at a column, on a line of their own under a name that is too long."""
    lines: list[str] = []
    if width < _USUAL_WIDTH:
        column = 3 * len(_INDENT)
    for name, text in rows:
        wrapped = [line.replace(_NO_BREAK, " ") for line in _wrap(text, width - column)] or [""]
        head = f"{_INDENT}{name}"
        if len(head) + len(_INDENT) > column:
            lines.append(head)
            head = ""
        lines += [f"{head:{column}}{wrapped[0]}".rstrip(), *(f"{'':{column}}{line}" for line in wrapped[1:])]
    return lines


def _wrap(text: str, width: int) -> list[str]:
    return wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _wrap_paragraphs(text: str, width: int) -> list[str]:
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    wrapped = ["\n".join(_wrap(each, width)) for each in paragraphs]
    return "\n\n".join(wrapped).split("\n")


def format_suffix(*, default: str = "", variable: str = "") -> str:
    """Return what follows the help of an option: its default, and its variable."""
    parts = [f"default: {default}"] if default else []
    parts += [f"env: {variable}"] if variable else []
    return "".join(f" [{part}]".replace(": ", f":{_NO_BREAK}") for part in parts)


def list_values(values: Sequence[str], topic: str) -> str:
    """Return the values of an enumeration; of more than five, three and where the others are explained."""
    if len(values) <= MOST_CHOICES:
        return ", ".join(values)
    return f"{', '.join(values[:3])}, ...; see: explain {topic}"
