"""The Typer program: a table of commands, of which only the named one is built."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from modelarts_export import __version__
from modelarts_export.cli.options.completion import register_shells
from modelarts_export.cli.options.help_page import collect_sections, format_argument, format_page
from modelarts_export.errors import InvalidInputError

NAME = "modelarts-export"
_HELP_FLAGS = {"help_option_names": ["-h", "--help"]}
_SUBMIT_CODES = "0 to 10, 130, 141, 143; modelarts-export explain exit-codes"
_READ_CODES = "0 to 6, 130, 141, 143; modelarts-export explain exit-codes"
_STATUS_CODES = (
    "0 to 6, 9, with --exit-status also 7 and 8; 130, 141, 143; modelarts-export explain exit-codes"
)
_WAIT_CODES = "0 to 9, 130, 141, 143; modelarts-export explain exit-codes"
_LOCAL_CODES = "0, 2, 5 and 141"


@dataclass(frozen=True, kw_only=True)
class CommandEntry:
    """One command: `target` is its module:function below cli.commands.

    `group` is the title of its group in the program's help. `is_bound`: its parameters are expanded into
    options; otherwise they are Typer's own.
    """

    target: str
    group: str
    help: str
    examples: Sequence[str]
    exit_codes: str = _READ_CODES
    is_bound: bool = True
    cls: str = ""
    context_settings: Mapping[str, Any] = field(default_factory=dict)


COMMANDS: Mapping[str, CommandEntry] = {
    "to-obs": CommandEntry(
        target="export:to_obs",
        group="Create",
        help="Create an export task that writes the dataset to an OBS directory.",
        examples=(
            "modelarts-export to-obs dataset-1 --path obs://bucket/out/ --wait",
            "modelarts-export to-obs dataset-1 --path /bucket/a/ --search label=cat -o id",
            "modelarts-export to-obs -f nightly.yaml --reuse-running --wait --timeout 4h",
        ),
        exit_codes=_SUBMIT_CODES,
    ),
    "to-new-dataset": CommandEntry(
        target="export:to_new_dataset",
        group="Create",
        help="Create an export task that makes a new dataset.",
        examples=(
            "modelarts-export to-new-dataset dataset-1 -f cats.yaml --dry-run",
            "modelarts-export to-new-dataset -f cats.yaml --wait -o json",
        ),
        exit_codes=_SUBMIT_CODES,
    ),
    "apply": CommandEntry(
        target="apply:apply",
        group="Create",
        help="Create the export tasks of many specs.",
        examples=(
            "modelarts-export apply exports.yaml --dry-run",
            "modelarts-export apply nightly/ --wait --timeout 4h",
            "modelarts-export apply -R specs/ --reuse-running --reuse-within 20h -o json",
        ),
        exit_codes=_SUBMIT_CODES,
    ),
    "status": CommandEntry(
        target="tasks:status",
        group="Follow",
        help="Show the status of export tasks.",
        examples=(
            "modelarts-export status dataset-1 task-1 task-2",
            "modelarts-export status -d dataset-1 task-1 --exit-status -q",
        ),
        exit_codes=_STATUS_CODES,
    ),
    "wait": CommandEntry(
        target="tasks:wait",
        group="Follow",
        help="Wait until export tasks are finished.",
        examples=(
            "modelarts-export wait dataset-1 task-1 --timeout 4h",
            "modelarts-export list d1 --status unfinished -o id | modelarts-export wait d1 -",
        ),
        exit_codes=_WAIT_CODES,
    ),
    "list": CommandEntry(
        target="tasks:list_tasks",
        group="Follow",
        help="List the export tasks of a dataset, the newest first.",
        examples=(
            "modelarts-export list dataset-1 --status failed --since 2d",
            "modelarts-export list dataset-1 --limit 1 -o json",
        ),
    ),
    "datasets": CommandEntry(
        target="datasets:list_datasets",
        group="Follow",
        help="List the datasets of the project, the newest first.",
        examples=(
            "modelarts-export datasets --name cats --exportable",
            "modelarts-export datasets --type object-detection --limit 1 -o id",
        ),
    ),
    "validate": CommandEntry(
        target="specs:validate",
        group="Specs",
        help="Check spec files offline.",
        examples=("modelarts-export validate exports.yaml", "modelarts-export validate -R specs/"),
        exit_codes=_LOCAL_CODES,
    ),
    "init": CommandEntry(
        target="specs:init",
        group="Specs",
        help="Print a commented spec to fill in.",
        examples=("modelarts-export init to-obs > nightly.yaml",),
        exit_codes=_LOCAL_CODES,
        is_bound=False,
    ),
    "schema": CommandEntry(
        target="specs:schema",
        group="Specs",
        help="Print the JSON Schema of a spec.",
        examples=("modelarts-export schema > spec.schema.json",),
        exit_codes=_LOCAL_CODES,
        is_bound=False,
    ),
    "explain": CommandEntry(
        target="explain:explain",
        group="Diagnose",
        help="Explain a field, flag, value, exit code, task status or API error code, or a whole topic.",
        examples=(
            "modelarts-export explain",
            "modelarts-export explain sample-state",
            "modelarts-export explain ModelArts.4409",
        ),
        exit_codes=_LOCAL_CODES,
        context_settings={"ignore_unknown_options": True},
    ),
    "doctor": CommandEntry(
        target="doctor:doctor",
        group="Diagnose",
        help="Check what a submission needs: settings, credentials, network, permission, dataset and path.",
        examples=(
            "modelarts-export doctor",
            "modelarts-export doctor dataset-1 --path obs://bucket/out/",
            "modelarts-export doctor -f nightly.yaml -o json",
        ),
        exit_codes=(
            "0, or that of the worst check: 4, 2, 3, 6, and last 5; 130, 141, 143; "
            "modelarts-export explain exit-codes"
        ),
    ),
    "sandbox": CommandEntry(
        target="sandbox:sandbox",
        group="Diagnose",
        help="Serve a local emulator of the ModelArts API.",
        examples=(
            "modelarts-export sandbox -- modelarts-export to-obs --path /bucket/out/ --wait",
            "modelarts-export sandbox --fault drop:count=1 -- ./nightly.sh",
        ),
        exit_codes="that of COMMAND, 126 or 127 as in a shell; otherwise 0, 2, 5, 130 or 143",
        is_bound=False,
        cls="SandboxCommand",
        context_settings={"allow_interspersed_args": False},
    ),
}
_PROGRAM_EXAMPLES = (
    "modelarts-export to-obs dataset-1 --path obs://bucket/out/ --wait",
    "modelarts-export help to-obs",
)


def default_to_false(switch: Any) -> Any:  # noqa: ANN401 - an option of the vendored Click, or None
    """Return a switch that is False, not None, when it is not given: for None, Typer loads pydantic."""
    if switch is not None:
        switch.default = False
    return switch


def _get_help_option(self: Any, ctx: Any) -> Any:  # noqa: ANN401 - of the vendored Click
    """Return the option --help: the method of the group and of its commands."""
    return default_to_false(TyperCommand.get_help_option(self, ctx))


class LazyCommands(dict[str, Any]):
    """The commands by name, each built on first use."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - commands of the vendored Click
        """Return the command with this name, or the default."""
        if name in self and self[name] is None:
            self[name] = build_command(name)
        return super().get(name, default)


class LazyGroup(TyperGroup):
    """A group that lists its commands without building them."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(**attributes)
        self.commands = LazyCommands(dict.fromkeys(COMMANDS))

    get_help_option = _get_help_option

    def list_commands(self, _context: Any) -> list[str]:  # noqa: ANN401 - of the vendored Click
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def parse_args(self, context: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """Parse the options before the command; `help COMMAND` is `COMMAND --help`."""
        if args[:1] == ["help"]:
            names, flags = args[1:2], _HELP_FLAGS["help_option_names"]
            if extra := [each for each in args[2:] if each not in flags]:
                hint = f"write: {NAME} help {names[0]}"
                raise InvalidInputError(f"unexpected argument {extra[0]!r}", hint=hint)
            args = [*names, "--help"]
        try:
            return super().parse_args(context, args)
        except typer.TyperException as error:
            flag = getattr(error, "option_name", "")  # of an unknown option
            owners = [name for name in COMMANDS if flag in list_flags(self.commands.get(name))]
            if not owners:
                raise
            command = next((arg for arg in args if arg in owners), "COMMAND")
            raise InvalidInputError(
                f"{flag} belongs after the command", hint=f"write: {NAME} {command} {flag} ..."
            ) from None

    def format_help(self, context: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Write the help of the program: its commands in groups, without building them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.group, []).append((name, entry.help))
        sections["Diagnose"].append(("help [COMMAND]", "Show the help of a command, as --help does."))
        sections |= collect_sections(self.params, self.get_help_option(context))
        usage = f"{NAME} [OPTIONS] COMMAND [ARGUMENTS]..."
        page = format_page(usage, self.help or "", sections, examples=_PROGRAM_EXAMPLES, exit_codes="")
        formatter.write(page + "\n")

    def shell_complete(self, context: Any, incomplete: str) -> list[Any]:  # noqa: ANN401 - as above
        """Complete a command's name without building any, or an option of the program."""
        from typer._click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell alone

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name].help) for name in names]
        return [*items, *super(TyperGroup, self).shell_complete(context, incomplete)]


def list_flags(command: Any) -> list[str]:  # noqa: ANN401 - of the vendored Click
    """Return the flags of all options of a command."""
    return [flag for option in command.params for flag in (*option.opts, *option.secondary_opts)]


class ProgramCommand(TyperCommand):
    """A command, whose help is a page of plain text with options in groups."""

    get_help_option = _get_help_option

    def format_help(self, context: Any, formatter: Any) -> None:  # noqa: ANN401 - of the vendored Click
        """Write the help page."""
        entry = COMMANDS[str(self.name)]
        arguments = [format_argument(each) for each in self.params if each.param_type_name == "argument"]
        usage = " ".join(filter(None, [NAME, self.name, "[OPTIONS]", *arguments]))
        sections = collect_sections(self.params, self.get_help_option(context))
        page = format_page(
            usage, self.help or "", sections, examples=entry.examples, exit_codes=entry.exit_codes
        )
        formatter.write(page + "\n" + self.make_epilog())

    def make_epilog(self) -> str:
        """Return what follows the page."""
        return ""


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
    cls = getattr(module, entry.cls) if entry.cls else ProgramCommand
    settings = {**_HELP_FLAGS, **entry.context_settings}
    single.command(name, cls=cls, context_settings=settings)(function)
    command = typer.main.get_command(single)
    if entry.is_bound:
        for parameter in command.params:
            vars(parameter)["_runtime_param"] = _AsParsed()  # without it Typer is right, but slow
    return command


class _AsParsed:
    """Returns values as the parser read them: text, switches and lists of text, which our own types validate.

    It replaces an adapter of pydantic, which Typer would build for each of fifty options.
    """

    def coerce(self, value: Any, **_context: object) -> Any:  # noqa: ANN401 - of any option
        """Return the value."""
        return list(value) if isinstance(value, tuple) else value


app = typer.Typer(
    name=NAME,
    cls=LazyGroup,
    help="Create Huawei Cloud ModelArts dataset export tasks, exactly once.",
    context_settings=_HELP_FLAGS,
    rich_markup_mode=None,  # panels cut long flags and words at 80 columns, and cost 100 ms
    pretty_exceptions_enable=False,  # they would show local variables, a secret key among them
)


@app.callback(invoke_without_command=True)
def _show_program(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit")] = False,
) -> None:
    if version:
        context.obj.printer.line(f"{NAME} {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@cache
def get_program() -> Any:  # noqa: ANN401 - a group of the vendored Click
    """Return the program that Typer builds; cached, because tests call main often."""
    program = typer.main.get_command(app)
    register_shells()
    for switch in program.params:
        default_to_false(switch)
    return program
