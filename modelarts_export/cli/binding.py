"""From declarations to options: one Typer option for each field of a request and for each setting.

A command declares what it takes by the types of its parameters: a Shell stands for the options of output, a
Session for those of connection too, a Draft[ToObs] for DATASET and the options of that request, and the rest
is Typer's.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass
from textwrap import wrap
from typing import Annotated, Any, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from modelarts_export.cli.draft import Draft
from modelarts_export.cli.output import Style, style
from modelarts_export.cli.session import Session, Shell
from modelarts_export.config import Settings, declared, flag, variable
from modelarts_export.errors import Location
from modelarts_export.field_types import Metavar
from modelarts_export.request import ExportRequest, Flag, Part
from modelarts_export.vocabulary import Choice

Values = dict[str, Any]
Made = Callable[[typer.Context, Values], Any]
_HELP_WIDTH = 46
VAR_HELP = "What ${NAME} in a spec stands for; may be given again"
_DATASET: Location = ("dataset_id",)


def bound(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command as Typer wants it, each option a parameter of its own."""
    taken = inspect.signature(command, eval_str=True).parameters.values()
    bundles = {parameter.name: _bundle(parameter) for parameter in taken}

    def run(context: typer.Context, **values: Any) -> None:  # noqa: ANN401 - each option has its own type
        command(**{name: made(context, values) for name, (_, made) in bundles.items()})

    own = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    options = [own, *(option for some, _ in bundles.values() for option in some)]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined] # where typer looks
    run.__annotations__ = {option.name: option.annotation for option in options}
    run.__doc__ = command.__doc__
    return run


def _bundle(parameter: inspect.Parameter) -> tuple[list[inspect.Parameter], Made]:
    """Return the options that a parameter of a command stands for, and what makes its value of theirs."""
    if parameter.annotation is Shell:
        return _setting_options(Style), _shell
    if parameter.annotation is Session:
        return _setting_options(Settings) + _setting_options(Style), _session
    if get_origin(parameter.annotation) is Draft:
        return _request_options(*get_args(parameter.annotation))
    own = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    return [own], lambda _context, values: values[own.name]


def _shell(context: typer.Context, values: Values) -> Shell:
    """Give the output its style and return what the process has."""
    shell: Shell = context.obj
    shell.output.style = style(values, shell.environ)
    return shell


def _session(context: typer.Context, values: Values) -> Session:
    return Session(_shell(context, values), values)


def _setting_options(group: type[Any]) -> list[inspect.Parameter]:
    return [_setting_option(setting) for setting in declared(group)]


def _setting_option(setting: Field[Any]) -> inspect.Parameter:
    told = setting.metadata
    names = [flag(setting.name), *([f"-{told['short']}"] if told["short"] else [])]
    help_text = f"{told['help']} ({variable(setting.name)})"
    kind = bool if setting.default is False else str
    return _option(setting.name, kind, names, help=help_text, metavar=told["metavar"])


@dataclass(frozen=True, kw_only=True)
class FieldFlag:
    """A field of a request that has a flag; `name` is the flag without its dashes."""

    location: Location
    name: str
    field: FieldInfo

    @property
    def parameter(self) -> str:
        """The name of the parameter that Typer fills."""
        return self.name.replace("-", "_")

    def option(self) -> inspect.Parameter:
        """Return the option as Typer wants it."""
        types = [*_types_in(self.field.annotation), *self.field.metadata]
        words = next((t.words() for t in types if isinstance(t, type) and issubclass(t, Choice)), [])
        metavar = next((t.word for t in types if isinstance(t, Metavar)), "WORD" if words else "CONDITION")
        return _option(
            self.parameter,
            bool if bool in types else list[str] if list in types else str,
            [f"--{self.name}/--no-{self.name}" if bool in types else f"--{self.name}"],
            help=f"{self.field.description}: {', '.join(words)}" if words else f"{self.field.description}",
            metavar=metavar,
            autocompletion=_completion(words) if words else None,
        )


def field_flags(part: type[Part], within: Location = ()) -> Iterator[FieldFlag]:
    """Yield the flags of a request's fields, those of `export_params` among them."""
    for name, field in part.model_fields.items():
        told = next((mark for mark in field.metadata if isinstance(mark, Flag)), Flag(name.replace("_", "-")))
        inner = next((t for t in (field.annotation, *get_args(field.annotation)) if _is_part(t)), None)
        if inner:
            yield from field_flags(inner, (*within, name))
        elif told.name:
            yield FieldFlag(location=(*within, name), name=told.name, field=field)


def _request_options(kind: type[ExportRequest]) -> tuple[list[inspect.Parameter], Made]:
    """Return DATASET, -f, --samples-file and the options of the fields, and what makes a Draft of them."""
    flags = list(field_flags(kind))
    names = {_DATASET: "DATASET", **{flag.location: f"--{flag.name}" for flag in flags}}

    def draft(_context: typer.Context, values: Values) -> Draft[Any]:
        given = {_DATASET: values["dataset"], **{flag.location: values[flag.parameter] for flag in flags}}
        return Draft(
            kind=kind,
            file=values["file"],
            samples_file=values["samples_file"],
            flags={location: value for location, value in given.items() if value is not None},
            names=names,
            assignments=values["var"] or (),
        )

    dataset = typer.Argument(metavar="DATASET", help="ID of the dataset (MODELARTS_EXPORT_DATASET_ID)")
    return [
        _keyword("dataset", Annotated[str | None, dataset]),
        _option(
            "file",
            str,
            ["--file", "-f"],
            help="A spec: the request in YAML or JSON; - is stdin",
            metavar="FILE",
        ),
        *(flag.option() for flag in flags),
        _option(
            "samples_file",
            str,
            ["--samples-file"],
            help="A file of sample IDs, one a line; - is stdin",
            metavar="FILE",
        ),
        _option("var", list[str], ["--var"], help=VAR_HELP, metavar="NAME=VALUE"),
    ], draft


def _option(
    name: str,
    kind: Any,  # noqa: ANN401 - annotations have no type
    flags: list[str],
    *,
    help: str,  # noqa: A002 - as Typer calls it
    metavar: str,
    **told: Any,  # noqa: ANN401 - handed on to Typer
) -> inspect.Parameter:
    """Return an option that is None when it is not given."""
    option = typer.Option(*flags, help=_wrapped(help), metavar=metavar or None, show_default=False, **told)
    return _keyword(name, Annotated[kind | None, option])


def _wrapped(text: str) -> str:
    """Wrap help to Typer's column of an 80-column page, where it would break words at their hyphens."""
    lines = wrap(text, _HELP_WIDTH, break_on_hyphens=False, break_long_words=False)
    return "\n".join(["\b", *lines])  # a paragraph that begins so is left as it is


def _keyword(name: str, annotation: Any) -> inspect.Parameter:  # noqa: ANN401 - annotations have no type
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _completion(words: list[str]) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.lower().startswith(incomplete.lower())]


def _types_in(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - annotations have no type
    """Yield every type that an annotation is made of, such as list and str for list[str] | None."""
    yield get_origin(annotation) or annotation
    for inner in get_args(annotation):
        yield from _types_in(inner)


def _is_part(annotation: Any) -> bool:  # noqa: ANN401 - annotations have no type
    return isinstance(annotation, type) and issubclass(annotation, Part)
