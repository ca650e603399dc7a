"""The errors of the parser of the command line, in one sentence each."""

import re
from collections.abc import Iterable
from typing import Any

import typer

from modelarts_export.cli.options.output_style import FORMATS
from modelarts_export.quoting import did_you_mean

_UNKNOWN_COMMAND = re.compile(r"No such command (?P<name>'.*'|\".*\")\.(?: Did you mean [^?]*\?)?", re.DOTALL)
_CANCELING = ("cancel", "stop", "delete", "abort", "kill", "remove", "rm")
_UNEXPECTED = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((?P<arguments>.*)\)", re.DOTALL)


def describe_parse_error(error: typer.TyperException, commands: Iterable[str]) -> str:
    """Return what is wrong with a command line, and the option or command that was probably meant.

    The classes of the errors are private in Typer, so their names tell them apart.
    """
    details: Any = error
    match type(error).__name__:
        case "NoSuchOption":
            return f"unknown option {details.option_name!r}{_suggest_option(details)}"
        case "MissingParameter":
            return f"{_get_metavar(details.param)} is required"
        case "BadOptionUsage":
            takes_none = "not take" in str(error)
            return f"{details.option_name} {'takes no value' if takes_none else 'requires a value'}"
    is_of_pydantic = type(error).__name__ == "BadParameter" and "Input should be" in details.message
    message = _describe_number(details.param) if is_of_pydantic else error.format_message()
    if unknown := _UNKNOWN_COMMAND.fullmatch(message):
        return f"unknown command {unknown['name']}{_suggest_command(unknown['name'][1:-1], commands)}"
    if unexpected := _UNEXPECTED.fullmatch(message):
        argument = unexpected["arguments"]
        return f"unexpected argument {argument!r}{suggest_format(argument)}"
    return message


def _suggest_command(name: str, commands: Iterable[str]) -> str:
    if name.lower() in _CANCELING:
        return "; the API has no call that cancels an export task"
    return did_you_mean(name, commands)


def _describe_number(parameter: Any) -> str:  # noqa: ANN401 - see describe_parse_error
    has_range = parameter.min is not None and parameter.max is not None
    wanted = f"from {parameter.min} to {parameter.max}" if has_range else "a whole number"
    return f"{parameter.opts[0]}: must be {wanted}"


def _suggest_option(error: Any) -> str:  # noqa: ANN401 - see describe_parse_error
    parameters = error.ctx.command.params if error.ctx else ()
    options = [name for each in parameters for name in (*each.opts, *each.secondary_opts)]
    suggestion = suggest_format(error.option_name) if "-o" in options else ""
    return suggestion or did_you_mean(error.option_name, (each for each in options if each.startswith("--")))


def suggest_format(flag: str) -> str:
    """Return the option of a result format that was given as a flag: `--json` is -o json."""
    name = flag.removeprefix("--").lower()
    return f"; did you mean '-o {name}'?" if flag.startswith("--") and name in FORMATS else ""


def _get_metavar(parameter: Any) -> str:  # noqa: ANN401 - see describe_parse_error
    """Return the name of a parameter as its help shows it, without dots."""
    name: str = parameter.metavar or parameter.opts[0]
    return name.removesuffix("...").replace("|", " or ")
