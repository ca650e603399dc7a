"""Typer options made from declarations: one for each field of a request and for each setting.

The types of a command's parameters decide its options:

AppContext           the output options
CommandContext       the connection and output options
ContextOfDatasets    the same, for a command whose results are datasets
ContextWithoutTasks  the same, for a command whose results have no IDs
RequestInput[ToObs]  DATASET, and the options of this request
PollOptions | None   --wait, and the options of polling
another dataclass    the settings that it declares
any other type       the option or argument that Typer makes of it
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import Field, is_dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, get_args, get_origin

import typer

from modelarts_export.cli.context import AppContext, CommandContext
from modelarts_export.cli.options.completion import make_completion
from modelarts_export.cli.options.flags import format_flag, make_flag_layer
from modelarts_export.cli.options.help_page import format_suffix, list_values
from modelarts_export.cli.options.output_style import OutputOptions, resolve_output_options
from modelarts_export.cli.options.request_input import RequestInput
from modelarts_export.config.environment import format_variable, make_environment_layer
from modelarts_export.config.options import option_fields, resolve_option, resolve_options
from modelarts_export.config.settings import Settings
from modelarts_export.errors import InvalidInputError, Location, NotFoundError
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.fields import REQUEST, SAMPLES, RequestField, iter_flag_fields
from modelarts_export.request.models import ExportRequest

Values = dict[str, Any]
ValueFactory = Callable[[typer.Context, Values], Any]
_MINUTE, _HOUR = 60, 3600  # seconds
VAR_HELP = (
    "The value of ${NAME} in a spec; NAME alone takes that environment variable. "
    "MODELARTS_EXPORT_VAR_NAME is read as well, and no other variable. Repeatable"
)
_DATASET_HELP = "ID of the dataset, or name:NAME"
_DATASET_SUFFIX = format_suffix(variable=format_variable("dataset_id"))


class Results(Enum):
    """What the results of a command are, which decides its output options."""

    TASKS = "tasks"
    DATASETS = "datasets"
    OTHERS = "others"

    @property
    def have_ids(self) -> bool:
        """Whether -o id prints them."""
        return self is not Results.OTHERS


ContextOfDatasets = Annotated[CommandContext, Results.DATASETS]
ContextWithoutTasks = Annotated[CommandContext, Results.OTHERS]
_RESULTS: Mapping[Any, Results] = {
    AppContext: Results.OTHERS,
    CommandContext: Results.TASKS,
    ContextOfDatasets: Results.DATASETS,
    ContextWithoutTasks: Results.OTHERS,
}
Dataset = Annotated[str | None, typer.Argument(metavar="DATASET", help=_DATASET_HELP + _DATASET_SUFFIX)]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "-d",
        metavar="ID",
        rich_help_panel="Connection",
        help=f"{_DATASET_HELP}, instead of DATASET{_DATASET_SUFFIX}",
    ),
]
Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Spec files, and directories of them; - is stdin"),
]
Recursive = Annotated[
    bool,
    typer.Option(
        "--recursive", "-R", rich_help_panel=REQUEST, help="Also search the directories in a directory"
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME[=VALUE]", rich_help_panel=REQUEST, help=VAR_HELP),
]
# By the name of the dataclass: not every command loads all of them.
_GROUPS = {
    "BatchOptions": REQUEST,
    "ReusePolicy": "Duplicates",
    "TaskFilter": "Filter",
    "DatasetFilter": "Filter",
    "PollOptions": "Waiting",
    "Settings": "Connection",
    "OutputOptions": "Output",
}
_DATASET: Location = ("dataset_id",)


def as_typer_command(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command as a function with one parameter for each option, which Typer reads."""
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    results = next(_RESULTS[each.annotation] for each in parameters if each.annotation in _RESULTS)
    requests = {each.name for each in parameters if get_origin(each.annotation) is RequestInput}
    submits = any(getattr(each.annotation, "__name__", "") == "ReusePolicy" for each in parameters)
    expanded = {each.name: _expand_parameter(each, submits=submits) for each in parameters}
    fields = {option.name for name in requests for option in expanded[name][0]}

    def run(typer_context: typer.Context, **values: Any) -> None:  # noqa: ANN401 - each option has its own type
        app: AppContext = typer_context.obj
        settings = {name: value for name, value in values.items() if name not in fields}
        # Set first, so that the errors of the other options are printed in this format.
        app.messages.options = resolve_output_options(settings, app.environ, has_ids=results.have_ids)
        app.report.open(app.messages.options, of_tasks=results is Results.TASKS)
        arguments = {
            name: make_value(typer_context, values if name in requests else settings)
            for name, (_, make_value) in expanded.items()
        }
        try:
            command(**arguments)
        except NotFoundError as error:
            for context in arguments.values():
                if isinstance(context, CommandContext):
                    raise context.add_dataset_hint(error) from None
            raise

    first = inspect.Parameter("typer_context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    options = [first, *(option for group, _ in expanded.values() for option in group)]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined] # typer reads it
    run.__annotations__ = {option.name: option.annotation for option in options}
    run.__doc__ = command.__doc__
    return run


def find_output_options(arguments: Sequence[str], environ: Mapping[str, str]) -> OutputOptions:
    """Return the output options of a command line whose other parts, or some of them, cannot be parsed."""

    def show(_context: CommandContext) -> None: ...

    parser = typer.Typer(add_completion=False)
    any_other = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    parser.command(context_settings=any_other)(as_typer_command(show))
    command = typer.main.get_command(parser)
    with command.make_context("", list(arguments), resilient_parsing=True) as context:
        given = context.params
    layers = make_flag_layer(given), make_environment_layer(environ)
    found = {}
    for each in option_fields(OutputOptions):
        with suppress(InvalidInputError):
            found[each.name] = resolve_option(OutputOptions, each.name, *layers)
    return OutputOptions(**found)


def _expand_parameter(
    parameter: inspect.Parameter, *, submits: bool
) -> tuple[list[inspect.Parameter], ValueFactory]:
    """Return the options for a parameter of a command, and the function that makes its value of theirs."""
    kind: Any = parameter.annotation
    if kind in _RESULTS:
        output = _make_setting_options(
            OutputOptions,
            of_calls=kind is not AppContext,
            of_tasks=_RESULTS[kind] is Results.TASKS,
            has_ids=_RESULTS[kind].have_ids,
        )
        if kind is AppContext:
            return output, lambda typer_context, _values: typer_context.obj
        return [*_make_setting_options(Settings, submits=submits), *output], _make_command_context
    if get_origin(kind) is RequestInput:
        return _make_request_options(*get_args(kind))
    if kind == PollOptions | None:
        wait = _make_option(
            "wait",
            bool,
            ["--wait/--no-wait"],
            help="Wait until the task is finished",
            metavar="",
            group=_GROUPS["PollOptions"],
        )
        return [wait, *_make_setting_options(PollOptions)], _resolve_poll_options
    if isinstance(kind, type) and is_dataclass(kind):
        return _make_setting_options(kind), partial(_resolve_options, kind)
    unchanged = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    return [unchanged], lambda _typer_context, values: values[parameter.name]


def _make_command_context(typer_context: typer.Context, values: Values) -> CommandContext:
    context = CommandContext(typer_context.obj, values)
    typer_context.call_on_close(context.close)
    return context


def _resolve_options(group: type[Any], _typer_context: typer.Context, values: Values) -> Any:  # noqa: ANN401 - of that type
    resolved = resolve_options(group, make_flag_layer(values))
    return group(**{name: value for name, (value, _) in resolved.items()})


def _resolve_poll_options(typer_context: typer.Context, values: Values) -> PollOptions | None:
    given = [format_flag(each.name) for each in option_fields(PollOptions) if values[each.name] is not None]
    if not given and not values["wait"]:
        return None
    options: PollOptions = _resolve_options(
        PollOptions, typer_context, values
    )  # an invalid value comes first
    if not values["wait"]:
        raise InvalidInputError(f"{given[0]} requires --wait", hint=f"add --wait, or omit {given[0]}")
    return options


def _make_setting_options(
    group: type[Any],
    *,
    submits: bool = True,
    of_calls: bool = True,
    of_tasks: bool = True,
    has_ids: bool = True,
) -> list[inspect.Parameter]:
    wanted = {"submits": submits, "of_calls": of_calls, "of_tasks": of_tasks}
    omitted = [name for name, is_wanted in wanted.items() if not is_wanted]
    settings = (each for each in option_fields(group) if not any(map(each.metadata.get, omitted)))
    return [_make_setting_option(each, group, has_ids=has_ids) for each in settings]


def _make_setting_option(setting: Field[Any], group: type[Any], *, has_ids: bool) -> inspect.Parameter:
    metadata = {**setting.metadata, **({} if has_ids else setting.metadata.get("without_ids", {}))}
    default = format_default(setting)
    variable = format_variable(setting.name) if group in (Settings, OutputOptions) else ""
    return _make_option(
        setting.name,
        bool if setting.default is False else str,
        [format_flag(setting.name), *([f"-{metadata['short']}"] if "short" in metadata else [])],
        help=metadata["help"] + format_suffix(default=default, variable=variable),
        metavar=metadata["metavar"],
        group=metadata.get("group") or _GROUPS[group.__name__],
        autocompletion=make_completion(metadata["words"], separator=metadata.get("separator", ""))
        if "words" in metadata
        else None,
    )


def format_default(setting: Field[Any]) -> str:
    """Return the default of a setting as it is written: 2m, resend, 0; nothing for a switch."""
    if "default_text" in setting.metadata:
        return str(setting.metadata["default_text"])
    default: Any = setting.default
    if default in (None, False, (), math.inf):
        return ""
    if setting.metadata["metavar"] != "DURATION":
        return str(default)
    hours, minutes = default / _HOUR, default / _MINUTE
    return (
        f"{hours:g}h"
        if hours >= 1
        else f"{minutes:g}m"
        if minutes > 1 and minutes % 1 == 0
        else f"{default:g}s"
    )


def _make_field_option(field: RequestField) -> inspect.Parameter:
    labels = field.enum.labels() if field.enum else []
    text = f"{field.flag_help}: {list_values(labels, field.flag)}" if labels else field.flag_help
    return _make_option(
        _make_parameter_name(field),
        bool if field.is_boolean else list[str] if field.is_list else str,
        [f"--{field.flag}/--no-{field.flag}" if field.is_boolean else f"--{field.flag}"],
        help=text + format_suffix(default=field.flag_default),
        metavar=field.metavar,
        group=field.group,
        autocompletion=make_completion(labels) if labels else None,
    )


def _make_parameter_name(field: RequestField) -> str:
    return field.flag.replace("-", "_")


def _make_request_options(kind: type[ExportRequest]) -> tuple[list[inspect.Parameter], ValueFactory]:
    """Return the options of a request, and the function that makes a RequestInput of their values."""
    fields = list(iter_flag_fields(kind))
    locations: list[Location] = [_DATASET, *(field.location for field in fields)]
    flag_names = dict(zip(locations, ["DATASET", *(f"--{field.flag}" for field in fields)], strict=True))
    parameters = dict(zip(locations, ["dataset", *map(_make_parameter_name, fields)], strict=True))

    def make_request_input(_typer_context: typer.Context, values: Values) -> RequestInput[Any]:
        flags = {location: values[parameter] for location, parameter in parameters.items()}
        names = flag_names
        if flags[_DATASET] is None:
            flags[_DATASET], names = values["dataset_option"], {**flag_names, _DATASET: "--dataset"}
        return RequestInput(
            kind=kind,
            files=values["file"] or (),
            samples_file=values["samples_file"],
            flags={location: value for location, value in flags.items() if value is not None},
            flag_names=names,
            assignments=values["var"] or (),
        )

    return _make_request_parameters(fields), make_request_input


def _make_request_parameters(fields: Sequence[RequestField]) -> list[inspect.Parameter]:
    """Return DATASET, the options of the fields, and those that give a request from files."""
    return [
        _make_parameter("dataset", Dataset),
        _make_option(
            "file",
            list[str],
            ["--file", "-f"],
            help="Spec file: the request in YAML or JSON; - is stdin",
            metavar="FILE",
            group=REQUEST,
        ),
        *(_make_field_option(field) for field in fields),
        _make_option(
            "samples_file",
            str,
            ["--samples-file"],
            help="File of sample IDs, one per line; - is stdin",
            metavar="FILE",
            group=SAMPLES,
        ),
        _make_parameter("dataset_option", DatasetOption),
        _make_option("var", list[str], ["--var"], help=VAR_HELP, metavar="NAME[=VALUE]", group=REQUEST),
    ]


def _make_option(  # noqa: PLR0913 - the attributes of an option
    name: str,
    kind: Any,  # noqa: ANN401 - annotations have no type
    flags: list[str],
    *,
    help: str,  # noqa: A002 - the name of the argument of Typer
    metavar: str,
    group: str,
    **attributes: Any,  # noqa: ANN401 - passed to Typer
) -> inspect.Parameter:
    """Return an option that is None when it is not given."""
    option = typer.Option(
        *flags, help=help, metavar=metavar or None, show_default=False, rich_help_panel=group, **attributes
    )
    return _make_parameter(name, Annotated[kind | None, option])


def _make_parameter(name: str, annotation: Any) -> inspect.Parameter:  # noqa: ANN401 - annotations have no type
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
