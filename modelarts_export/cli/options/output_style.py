"""The output options: result format, quiet, verbose, debug, and reports for CI systems."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelarts_export.cli.options.flags import make_flag_layer
from modelarts_export.config.environment import make_environment_layer
from modelarts_export.config.options import option, resolve_options
from modelarts_export.config.parsers import parse_bool
from modelarts_export.errors import InvalidInputError
from modelarts_export.quoting import describe_invalid_choice

FORMATS = ("table", "wide", "json", "yaml", "id")
_FORMATS_WITHOUT_IDS = ("table", "json", "yaml")
GITHUB = "github"
_CI_SYSTEMS = (GITHUB,)


def _parse_format(text: str) -> str:
    if text.lower() not in FORMATS:
        raise ValueError(describe_invalid_choice(text, "format", FORMATS))
    return text.lower()


def _parse_ci(text: str) -> str:
    if text.lower() not in _CI_SYSTEMS:
        raise ValueError(describe_invalid_choice(text, "CI system", _CI_SYSTEMS))
    return text.lower()


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """The output options of a command; `output` is None without -o.

    `origins` has the flag or the variable of each option that is given.
    """

    output: str | None = option(
        _parse_format,
        "Result format: table, wide, json, yaml or id",
        "FORMAT",
        short="o",
        words=FORMATS,
        default_text="table",
        without_ids={"help": "Result format: table, json or yaml", "words": _FORMATS_WITHOUT_IDS},
    )
    quiet: bool = option(parse_bool, "No messages and no table; errors still print", short="q", default=False)
    verbose: bool = option(
        parse_bool, "One line on stderr for each HTTP call", short="v", default=False, of_calls=True
    )
    debug: bool = option(
        parse_bool, "Headers and bodies of each HTTP call, secrets redacted", default=False, of_calls=True
    )
    ci: str | None = option(
        _parse_ci,
        "Report to a CI system: github, by annotations, outputs of the step and its summary",
        "VALUE",
        words=_CI_SYSTEMS,
        hint="GitLab reads the files of --dotenv FILE and, with apply, of --junit FILE; omit --ci",
    )
    dotenv: str | None = option(
        str, "Write the task, its status and the exit code as variables, for GitLab", "FILE", of_tasks=True
    )
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def shows_facts(self) -> bool:
        """Whether stdout has the facts of a task: its dataset, its path, and what became of it."""
        return self.output != "id" and (self.output is not None or not self.quiet)


def resolve_output_options(
    flags: Mapping[str, Any], environ: Mapping[str, str], *, has_ids: bool = True
) -> OutputOptions:
    """Return the options from flags, then from variables; `has_ids` tells whether its results have IDs.

    Raises InvalidInputError, also for -o id where there are no tasks; the variable is ignored there.
    """
    resolved = resolve_options(OutputOptions, make_flag_layer(flags), make_environment_layer(environ))
    values = {name: value for name, (value, _) in resolved.items()}
    options = OutputOptions(**values, origins={name: origin for name, (_, origin) in resolved.items()})
    if has_ids or options.output != "id":
        return options
    if flags["output"] is None:
        return replace(options, output=None)
    raise InvalidInputError(
        "--output id prints IDs, and this command shows none",
        hint=f"choose from {', '.join(_FORMATS_WITHOUT_IDS)}",
    )
