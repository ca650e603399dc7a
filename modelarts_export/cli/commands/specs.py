"""The commands that check specs and help to write them: `validate`, `init` and `schema`."""

from typing import Annotated

import typer

from modelarts_export.cli.binding import VAR_HELP
from modelarts_export.cli.context import AppContext
from modelarts_export.request.enums import did_you_mean
from modelarts_export.request.validation import KINDS
from modelarts_export.sanitize import to_json
from modelarts_export.spec.json_schema import make_spec_schema
from modelarts_export.spec.template import render_template

_BY_COMMAND = {kind.command: kind for kind in KINDS.values()}
_COMMANDS = list(_BY_COMMAND)

Command = Annotated[
    str,
    typer.Argument(
        metavar="|".join(_COMMANDS),
        help="The command that the spec is for",
        autocompletion=lambda: _COMMANDS,
    ),
]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Spec files; - is stdin")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME[=VALUE]", help=VAR_HELP),
]


def validate(files: Files, shell: AppContext, *, var: Assignments = None) -> None:
    """Check spec files, all of them and without a network, and show what they would export."""
    shell.printer.specs(shell.load_specs(files, var or ()))


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a spec.

    It follows the draft 2020-12; editors and checkers of YAML and JSON understand it.
    """
    shell: AppContext = context.obj
    for line in to_json(make_spec_schema(), indent=2).splitlines():
        shell.printer.line(line)


def init(context: typer.Context, command: Command) -> None:
    """Print a commented spec to fill in.

    Required keys are blank, and every other field is a comment with its help and an example.
    """
    if command not in _BY_COMMAND:
        near = did_you_mean(command, _COMMANDS)
        raise typer.BadParameter(f"{command!r} is not one of {', '.join(_COMMANDS)}{near}")
    shell: AppContext = context.obj
    for line in render_template(_BY_COMMAND[command]):
        shell.printer.line(line)
