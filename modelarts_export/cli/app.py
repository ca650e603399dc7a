"""The Typer program: a table of its commands, of which only the one that was named is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from modelarts_export import __version__

NAME = "modelarts-export"
_HELP_FLAGS = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, kw_only=True)
class CommandEntry:
    """Where a command is (module:function below cli.commands), its help in one line, and how it is built.

    `is_bound`: its parameters are expanded into options; otherwise they are Typer's own.
    """

    target: str
    help: str
    is_bound: bool = True
    cls: str = ""
    context_settings: Mapping[str, Any] = field(default_factory=dict)


COMMANDS: Mapping[str, CommandEntry] = {
    "to-obs": CommandEntry(
        target="export:to_obs", help="Create an export task that writes the dataset to an OBS directory."
    ),
    "to-new-dataset": CommandEntry(
        target="export:to_new_dataset", help="Create an export task that makes a new dataset."
    ),
    "status": CommandEntry(target="tasks:status", help="Show the status of export tasks."),
    "wait": CommandEntry(target="tasks:wait", help="Wait until export tasks are finished."),
    "list": CommandEntry(
        target="tasks:list_tasks", help="List the export tasks of a dataset, the newest first."
    ),
    "validate": CommandEntry(
        target="specs:validate",
        help="Check spec files, all of them and without a network, and show what they would export.",
    ),
    "init": CommandEntry(target="specs:init", help="Print a commented spec to fill in.", is_bound=False),
    "schema": CommandEntry(target="specs:schema", help="Print the JSON Schema of a spec.", is_bound=False),
    "explain": CommandEntry(
        target="explain:explain",
        help="Explain a field, value, exit code, task status or API error code.",
        context_settings={"ignore_unknown_options": True},
    ),
    "sandbox": CommandEntry(
        target="sandbox:sandbox",
        help="Serve a local emulator of the ModelArts API.",
        is_bound=False,
        cls="SandboxCommand",
        context_settings={"allow_interspersed_args": False},
    ),
}


class LazyCommands(dict[str, Any]):
    """The commands by their names, each built when it is first asked for."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - commands of the vendored Click
        """Return the command with this name, or the default."""
        if name in self and self[name] is None:
            self[name] = build_command(name)
        return super().get(name, default)


class LazyGroup(TyperGroup):
    """A group that knows the names and helps of its commands, and builds a command when it is asked for."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(**attributes)
        self.commands = LazyCommands(dict.fromkeys(COMMANDS))

    def get_help_option(self, context: Any) -> Any:  # noqa: ANN401 - of the vendored Click
        """Return the option --help."""
        return default_to_false(super().get_help_option(context))

    def list_commands(self, _context: Any) -> list[str]:  # noqa: ANN401 - of the vendored Click
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def format_commands(self, _context: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """List the commands without building them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def shell_complete(self, context: Any, incomplete: str) -> list[Any]:  # noqa: ANN401 - as above
        """Complete a command's name without building any, or an option of the program."""
        from typer._click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell alone

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name].help) for name in names]
        return [*items, *super(TyperGroup, self).shell_complete(context, incomplete)]


class Command(TyperCommand):
    """A command."""

    def get_help_option(self, context: Any) -> Any:  # noqa: ANN401 - of the vendored Click
        """Return the option --help."""
        return default_to_false(super().get_help_option(context))


def default_to_false(switch: Any) -> Any:  # noqa: ANN401 - an option of the vendored Click, or None
    """Return a switch that is False, not None, when it is not given: for None, Typer loads pydantic."""
    if switch is not None:
        switch.default = False
    return switch


def build_command(name: str) -> Any:  # noqa: ANN401 - a command of the vendored Click
    """Return the command that Typer builds of an entry of the table."""
    entry = COMMANDS[name]
    module_name, _, function_name = entry.target.partition(":")
    module = import_module(f"modelarts_export.cli.commands.{module_name}")
    function: Callable[..., None] = getattr(module, function_name)
    if entry.is_bound:
        from modelarts_export.cli.binding import as_typer_command  # noqa: PLC0415 - for bound ones alone

        function = as_typer_command(function)
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    cls = getattr(module, entry.cls) if entry.cls else Command
    settings = {**_HELP_FLAGS, **entry.context_settings}
    single.command(name, cls=cls, context_settings=settings)(function)
    command = typer.main.get_command(single)
    if entry.is_bound:
        for parameter in command.params:
            vars(parameter)["_runtime_param"] = _AsParsed()  # without it Typer is right, but slow
    return command


class _AsParsed:
    """Leaves values as the parser read them, text, switches and lists of text, which our own types judge.

    It stands in the place of an adapter of pydantic, which Typer would build for each of fifty options.
    """

    def coerce(self, value: Any, **_context: object) -> Any:  # noqa: ANN401 - of any option
        """Return the value."""
        return list(value) if isinstance(value, tuple) else value


app = typer.Typer(
    name=NAME,
    cls=LazyGroup,
    help="Create Huawei Cloud ModelArts dataset export tasks.",
    context_settings=_HELP_FLAGS,
    rich_markup_mode=None,  # panels cut long flags and words at 80 columns, and cost 100 ms
    pretty_exceptions_enable=False,  # they would show local variables, a secret key among them
)


@app.callback(invoke_without_command=True)
def _show_program(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit")] = False,
) -> None:
    if version:
        context.obj.printer.line(f"{NAME} {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@cache
def get_program() -> Callable[..., Any]:
    """Return the program that Typer builds; once, since a test suite calls main often."""
    program = typer.main.get_command(app)
    for switch in program.params:
        default_to_false(switch)
    return program
