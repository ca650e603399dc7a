"""From declarations to options: one Typer option for each field of a request and for each setting.

A command declares what it takes by the types of its parameters: a Shell stands for the options of output, a
Session for those of connection too, a Draft[ToObs] for DATASET and the options of that request, any other
dataclass for the settings that it declares, PollOptions | None for those of a wait behind --wait, and the
rest is Typer's.
"""

import inspect
from collections.abc import Callable
from dataclasses import Field, is_dataclass
from functools import partial
from textwrap import wrap
from typing import Annotated, Any, get_args, get_origin

import typer

from modelarts_export.cli.context import AppContext, CommandContext
from modelarts_export.cli.options.flags import format_flag, make_flag_layer
from modelarts_export.cli.options.output_style import OutputOptions, resolve_output_options
from modelarts_export.cli.options.request_input import RequestInput
from modelarts_export.config.environment import format_variable
from modelarts_export.config.options import option_fields, resolve_options
from modelarts_export.config.settings import Settings
from modelarts_export.errors import InvalidInputError, Location
from modelarts_export.polling.poller import PollOptions
from modelarts_export.request.fields import RequestField, iter_flag_fields
from modelarts_export.request.models import ExportRequest

Values = dict[str, Any]
Made = Callable[[typer.Context, Values], Any]
_HELP_WIDTH = 46
VAR_HELP = (
    "What ${NAME} in a spec stands for; NAME alone takes that environment variable. "
    "MODELARTS_EXPORT_VAR_NAME is read as well, and no other variable. May be given again"
)
_DATASET: Location = ("dataset_id",)


def as_typer_command(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command as Typer wants it, each option a parameter of its own."""
    taken = inspect.signature(command, eval_str=True).parameters.values()
    submits = any(get_origin(parameter.annotation) is RequestInput for parameter in taken)
    bundles = {parameter.name: _expand_parameter(parameter, submits=submits) for parameter in taken}

    def run(context: typer.Context, **values: Any) -> None:  # noqa: ANN401 - each option has its own type
        shell: AppContext = context.obj
        shell.messages.options = resolve_output_options(
            values, shell.environ
        )  # first: what is refused below has a style, too
        command(**{name: made(context, values) for name, (_, made) in bundles.items()})

    own = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    options = [own, *(option for some, _ in bundles.values() for option in some)]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined] # where typer looks
    run.__annotations__ = {option.name: option.annotation for option in options}
    run.__doc__ = command.__doc__
    return run


def _expand_parameter(parameter: inspect.Parameter, *, submits: bool) -> tuple[list[inspect.Parameter], Made]:
    """Return the options that a parameter of a command stands for, and what makes its value of theirs."""
    kind: Any = parameter.annotation
    if kind is AppContext:
        return _make_setting_options(OutputOptions), _get_app_context
    if kind is CommandContext:
        return _make_setting_options(Settings, submits=submits) + _make_setting_options(
            OutputOptions
        ), _make_command_context
    if get_origin(kind) is RequestInput:
        return _make_request_options(*get_args(kind))
    if kind == PollOptions | None:
        wait = _make_option(
            "wait", bool, ["--wait/--no-wait"], help="Wait for the end of the task", metavar=""
        )
        return [wait, *_make_setting_options(PollOptions)], _resolve_poll_options
    if isinstance(kind, type) and is_dataclass(kind):
        return _make_setting_options(kind), partial(_resolve_options, kind)
    own = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    return [own], lambda _context, values: values[own.name]


def _get_app_context(context: typer.Context, _values: Values) -> AppContext:
    shell: AppContext = context.obj
    return shell


def _make_command_context(context: typer.Context, values: Values) -> CommandContext:
    session = CommandContext(context.obj, values)
    context.call_on_close(session.close)
    return session


def _resolve_options(group: type[Any], _context: typer.Context, values: Values) -> Any:  # noqa: ANN401 - of that type
    found = resolve_options(group, make_flag_layer(values))
    return group(**{name: value for name, (value, _) in found.items()})


def _resolve_poll_options(context: typer.Context, values: Values) -> PollOptions | None:
    if values["wait"]:
        wanted: PollOptions = _resolve_options(PollOptions, context, values)
        return wanted
    given = [format_flag(each.name) for each in option_fields(PollOptions) if values[each.name] is not None]
    if given:
        raise InvalidInputError(f"{given[0]} is about waiting", hint="add --wait, or leave it out")
    return None


def _make_setting_options(group: type[Any], *, submits: bool = True) -> list[inspect.Parameter]:
    wanted = (each for each in option_fields(group) if submits or not each.metadata.get("submits"))
    return [_make_setting_option(each, has_variable=group in (Settings, OutputOptions)) for each in wanted]


def _make_setting_option(setting: Field[Any], *, has_variable: bool) -> inspect.Parameter:
    told = setting.metadata
    return _make_option(
        setting.name,
        bool if setting.default is False else str,
        [format_flag(setting.name), *([f"-{told['short']}"] if "short" in told else [])],
        help=f"{told['help']} ({format_variable(setting.name)})" if has_variable else told["help"],
        metavar=told["metavar"],
        autocompletion=_complete_from(told["words"]) if "words" in told else None,
    )


def _make_field_option(field: RequestField) -> inspect.Parameter:
    words = field.enum.labels() if field.enum else []
    return _make_option(
        _parameter_name(field),
        bool if field.is_boolean else list[str] if field.is_list else str,
        [f"--{field.flag}/--no-{field.flag}" if field.is_boolean else f"--{field.flag}"],
        help=f"{field.flag_help}: {', '.join(words)}" if words else field.flag_help,
        metavar=field.metavar,
        autocompletion=_complete_from(words) if words else None,
    )


def _parameter_name(field: RequestField) -> str:
    return field.flag.replace("-", "_")


def _make_request_options(kind: type[ExportRequest]) -> tuple[list[inspect.Parameter], Made]:
    """Return DATASET, -f, --samples-file and the options of the fields, and what makes a Draft of them."""
    fields = list(iter_flag_fields(kind))
    locations: list[Location] = [_DATASET, *(field.location for field in fields)]
    flag_names = dict(zip(locations, ["DATASET", *(f"--{field.flag}" for field in fields)], strict=True))
    parameters = dict(zip(locations, ["dataset", *map(_parameter_name, fields)], strict=True))

    def draft(_context: typer.Context, values: Values) -> RequestInput[Any]:
        given = {location: values[parameter] for location, parameter in parameters.items()}
        return RequestInput(
            kind=kind,
            files=values["file"] or (),
            samples_file=values["samples_file"],
            flags={location: value for location, value in given.items() if value is not None},
            flag_names=flag_names,
            assignments=values["var"] or (),
        )

    dataset = typer.Argument(metavar="DATASET", help="ID of the dataset (MODELARTS_EXPORT_DATASET_ID)")
    return [
        _make_parameter("dataset", Annotated[str | None, dataset]),
        _make_option(
            "file",
            list[str],
            ["--file", "-f"],
            help="A spec: the request in YAML or JSON; - is stdin",
            metavar="FILE",
        ),
        *(_make_field_option(field) for field in fields),
        _make_option(
            "samples_file",
            str,
            ["--samples-file"],
            help="A file of sample IDs, one a line; - is stdin",
            metavar="FILE",
        ),
        _make_option("var", list[str], ["--var"], help=VAR_HELP, metavar="NAME[=VALUE]"),
    ], draft


def _make_option(
    name: str,
    kind: Any,  # noqa: ANN401 - annotations have no type
    flags: list[str],
    *,
    help: str,  # noqa: A002 - as Typer calls it
    metavar: str,
    **told: Any,  # noqa: ANN401 - handed on to Typer
) -> inspect.Parameter:
    """Return an option that is None when it is not given."""
    option = typer.Option(*flags, help=_wrap_help(help), metavar=metavar or None, show_default=False, **told)
    return _make_parameter(name, Annotated[kind | None, option])


def _wrap_help(text: str) -> str:
    """Wrap help to Typer's column of an 80-column page, where it would break words at their hyphens."""
    lines = wrap(text, _HELP_WIDTH, break_on_hyphens=False, break_long_words=False)
    return "\n".join(["\b", *lines])  # a paragraph that begins so is left as it is


def _make_parameter(name: str, annotation: Any) -> inspect.Parameter:  # noqa: ANN401 - annotations have no type
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _complete_from(words: list[str]) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.lower().startswith(incomplete.lower())]
