"""Completion of option values, and how each shell is told the candidates."""

import os
import re
from collections.abc import Callable, Sequence

from typer._click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)
from typer._completion_classes import BashComplete, FishComplete, ZshComplete
from typer._completion_shared import _completion_scripts

_ZSH_SPECIAL = re.compile(r"""["'$`:]""")
_BASH_SCRIPT = r"""
%(complete_func)s() {
    local IFS=$'\n'
    COMPREPLY=( $( COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(autocomplete_var)s=complete_bash "$1" ) )
    [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}

complete -o default -F %(complete_func)s %(prog_name)s
"""
# Autoloaded, the file is the function, and the first TAB calls it.
_ZSH_SCRIPT = """
#compdef %(prog_name)s

%(complete_func)s() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(autocomplete_var)s=complete_zsh $words[1])
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  %(complete_func)s "$@"
else
  compdef %(complete_func)s %(prog_name)s
fi
"""


def make_completion(
    words: Sequence[str] | Callable[[], Sequence[str]], *, separator: str = ""
) -> Callable[[str], list[str]]:
    """Return the completion of an option: the words that begin as its value does, in any letter case.

    With a `separator`, the value is a list, and the word after the last separator is completed.
    """

    def complete(incomplete: str) -> list[str]:
        given = incomplete.split(separator) if separator else [incomplete]
        begin, prefix = given[-1], incomplete[: len(incomplete) - len(given[-1])]
        return [
            # a shell drops a candidate that does not begin as what was typed
            prefix + (word if word.startswith(begin) else word.lower())
            for word in (words() if callable(words) else words)
            if word.lower().startswith(begin.lower()) and word not in given[:-1]
        ]

    return complete


def complete_fault(incomplete: str) -> list[str]:
    """Return the kinds of faults; after a kind and a colon, its keys that are not given yet."""
    from modelarts_export.sandbox.faults.catalog import KINDS  # noqa: PLC0415 - for a shell alone

    kind, colon, keys = incomplete.partition(":")
    if not colon:
        return make_completion(list(KINDS))(incomplete)
    *pairs, begin = keys.split(",")
    given = {pair.partition("=")[0] for pair in pairs}
    prefix = incomplete[: len(incomplete) - len(begin)]
    known = KINDS[kind].keys if kind in KINDS else ()
    return [f"{prefix}{key}=" for key in known if key.startswith(begin) and key not in given]


class BashCompletion(BashComplete):
    """Reads the line, as bash splits words at colons and equals signs."""

    source_template = _BASH_SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete words after the program's name, and the incomplete one."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)[1:]
        return (words, "") if not words or line.endswith(" ") else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem) -> str:
        """Return the part of the value that replaces the word of bash."""
        typed = os.environ.get("COMP_LINE", "").rpartition(" ")[2]
        return str(item.value).removeprefix(typed[: max(map(typed.rfind, ":=")) + 1])


class ZshCompletion(ZshComplete):
    """Does without rich, which takes `[default: 2h]` in a help for its markup."""

    source_template = _ZSH_SCRIPT

    def format_completion(self, item: CompletionItem) -> str:
        """Return the value and its help in quotes."""
        parts = filter(None, [_to_word(self, item), _to_line(item.help)])
        return ":".join(f'"{_ZSH_SPECIAL.sub(_escape_for_zsh, part)}"' for part in parts)


class FishCompletion(FishComplete):
    """Does without rich, as ZshCompletion."""

    def format_completion(self, item: CompletionItem) -> str:
        """Return the value and its help."""
        return "\t".join(filter(None, [_to_word(self, item), _to_line(item.help)]))


def register_shells() -> None:
    """Use these classes and scripts in place of those of Typer."""
    _completion_scripts.update(bash=_BASH_SCRIPT, zsh=_ZSH_SCRIPT)
    for name, cls in (("bash", BashCompletion), ("zsh", ZshCompletion), ("fish", FishCompletion)):
        add_completion_class(cls, name)


def _to_word(shell: ShellComplete, item: CompletionItem) -> str:
    """Return the candidate for the whole word: for --flag=value with the flag."""
    flag, equals, _ = shell.get_completion_args()[1].partition("=")
    return f"{flag}={item.value}" if equals and flag.startswith("--") else str(item.value)


def _to_line(text: str | None) -> str:
    return " ".join((text or "").replace("\b", "").split())


def _escape_for_zsh(match: re.Match[str]) -> str:
    return {'"': '""', "'": "''", ":": r"\\:"}.get(match[0], rf"\{match[0]}")
