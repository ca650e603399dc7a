"""The command that checks specs without sending anything."""

from typing import Annotated

import typer

from modelarts_export.cli.binding import VAR_HELP
from modelarts_export.cli.context import AppContext

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Spec files; - is stdin")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME[=VALUE]", help=VAR_HELP),
]


def validate(files: Files, shell: AppContext, *, var: Assignments = None) -> None:
    """Check spec files, all of them and without a network, and show what they would export."""
    shell.printer.specs(shell.load_specs(files, var or ()))
