"""Explanations of the options that are no fields of a request, made of the options of all commands."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from modelarts_export.cli.app import COMMANDS, build_command
from modelarts_export.cli.reference.explanation import OPTION, Explanation

# How the help of an option ends: [default: 2h] [env: MODELARTS_EXPORT_TIMEOUT].
_SUFFIX = re.compile(r"\s*\[(default|env): ([^\]]*)\]")
_HELP = "--help"


def explain_flags(of_fields: Collection[str]) -> Iterator[Explanation]:
    """Yield an explanation for each option of any command, except for those `of_fields`."""
    options: dict[str, Any] = {}
    commands: dict[str, list[str]] = {}
    for command in COMMANDS:
        for option in build_command(command).params:
            name = max(option.opts, key=len)
            if option.param_type_name == "option" and name not in (*of_fields, _HELP):
                options.setdefault(name, option)
                commands.setdefault(name, []).append(command)
    for name, option in options.items():
        yield _explain_option(name, option, commands[name])


def _explain_option(name: str, option: Any, commands: list[str]) -> Explanation:  # noqa: ANN401 - of the vendored Click
    """Explain an option by its help, whose default and variable are facts of their own."""
    text = " ".join((option.help or "").replace("\b", " ").split())
    suffixes = {key: value for key, value in _SUFFIX.findall(text) if value}
    given = option.default if isinstance(option.default, str | int) and option.default is not False else None
    default = suffixes.get("default") or (None if given is None else str(given))
    flags = [*sorted(option.opts, key=len, reverse=True), *option.secondary_opts]
    facts = {
        "flags": flags,
        "takes": None if option.is_flag else option.metavar,
        "default": default,
        "variable": suffixes.get("env"),
        "commands": commands,
    }
    return Explanation(
        kind=OPTION,
        name=name,
        meaning=_SUFFIX.sub("", text),
        facts={key: fact for key, fact in facts.items() if fact is not None},
        aliases=tuple(flags),
    )
