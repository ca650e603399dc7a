"""The commands `validate`, `init` and `schema`, which check specs and help to write them."""

from typing import Annotated

import typer

from modelarts_export.cli.binding import Assignments, Files, Recursive
from modelarts_export.cli.context import AppContext
from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.errors import InvalidInputError
from modelarts_export.quoting import describe_invalid_choice
from modelarts_export.request.validation import KINDS
from modelarts_export.sanitize import to_json
from modelarts_export.spec.json_schema import make_spec_schema
from modelarts_export.spec.template import render_template

_BY_COMMAND = {get_command_name(kind): kind for kind in KINDS.values()}
_COMMANDS = list(_BY_COMMAND)
_TEMPLATE_HEADER = """\
# A spec for modelarts-export {command}. Fill in the blank keys, and check it with
#
#   modelarts-export {command} -f FILE --dry-run
#
# A string may use ${{NAME}}, which --var NAME=VALUE, --var NAME or MODELARTS_EXPORT_VAR_NAME gives,
# ${{NAME:-default}} and ${{now:%Y-%m-%d}}. No other variable of the environment is read.
#
# To set a field, remove the # before its key and before the keys that contain it."""

Command = Annotated[
    str,
    typer.Argument(
        metavar="|".join(_COMMANDS),
        help="The command that takes the spec",
        autocompletion=lambda: _COMMANDS,
    ),
]


def validate(files: Files, app: AppContext, *, recursive: Recursive = False, var: Assignments = None) -> None:
    """Check spec files offline.

    A directory stands for its .yaml, .yml and .json files, without hidden ones.
    """
    app.printer.specs(app.load_specs(files, var or (), recursive=recursive))


def schema(typer_context: typer.Context) -> None:
    """Print the JSON Schema of a spec.

    It is a schema of draft 2020-12, which editors use to complete and check YAML and JSON.
    """
    app: AppContext = typer_context.obj
    for line in to_json(make_spec_schema(), indent=2).splitlines():
        app.printer.line(line)


def init(typer_context: typer.Context, command: Command) -> None:
    """Print a commented spec to fill in.

    Required keys have no value, and every other field is a comment with its help and an example.
    """
    if command not in _BY_COMMAND:
        raise InvalidInputError(describe_invalid_choice(command, "command", _COMMANDS))
    app: AppContext = typer_context.obj
    for line in (
        *_TEMPLATE_HEADER.format(command=command).splitlines(),
        *render_template(_BY_COMMAND[command]),
    ):
        app.printer.line(line)
