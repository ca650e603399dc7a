"""The command that says what a word means."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelarts_export.cli.context import AppContext
from modelarts_export.sanitize import to_json

if TYPE_CHECKING:
    from modelarts_export.cli.glossary import Explanation

_WIDTH = 80
Word = Annotated[
    str | None,
    typer.Argument(
        metavar="WORD", help="A field or its flag, a value, an exit code, a task status or an API error code"
    ),
]


def explain(shell: AppContext, word: Word = None) -> None:
    """Say what a word means, or which words there are.

    WORD is one that the program or the API uses; nothing is looked up on the network.
    """
    from modelarts_export.cli import glossary as explanations  # noqa: PLC0415 - no other command needs the words

    if word is None:
        known = explanations.everything()
        shell.printer.facts([each.as_dict() for each in known], _format_overview(known))
    else:
        found = explanations.explain(word)
        shell.printer.facts([each.as_dict() for each in found], _format_explanations(found))


def _format_explanations(found: Sequence["Explanation"]) -> Iterator[str]:
    for number, explanation in enumerate(found):
        if number:
            yield ""
        yield f"{explanation.name} ({explanation.kind})"
        yield from _align_facts({"meaning": explanation.meaning, **explanation.facts})


def _format_overview(known: Sequence["Explanation"]) -> Iterator[str]:
    """Yield the words of each kind; an error code only by its family, as there are many."""
    yield "modelarts-export explain WORD says what a word means:"
    yield ""
    kinds: dict[str, dict[str, None]] = {}
    for each in known:
        kinds.setdefault(each.kind, {})[each.short_name] = None
    yield from _align_facts({kind: list(names) for kind, names in kinds.items()})


def _align_facts(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield each fact beside its name, wrapped."""
    width = max(map(len, facts)) + 4
    for name, fact in facts.items():
        first = f"  {name.replace('_', ' ')}".ljust(width)
        yield from wrap(
            _format_values(fact) if name == "values" else _format_fact(fact),
            _WIDTH,
            initial_indent=first,
            subsequent_indent=" " * width,
            break_on_hyphens=False,
        )


def _format_values(values: Mapping[str, str | int]) -> str:
    """Return words with their codes, where these differ."""
    return ", ".join(word if code == word else f"{word} ({code})" for word, code in values.items())


def _format_fact(fact: object) -> str:
    if isinstance(fact, list):
        return ", ".join(map(_format_fact, fact))
    return fact if isinstance(fact, str) else to_json(fact)
