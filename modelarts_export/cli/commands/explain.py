"""The command `explain`."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelarts_export.cli.context import AppContext
from modelarts_export.sanitize import to_json

if TYPE_CHECKING:
    from modelarts_export.cli.glossary import Explanation

_WIDTH = 80
Topic = Annotated[
    str | None,
    typer.Argument(
        metavar="TOPIC", help="A field or its flag, a value, an exit code, a task status or an API error code"
    ),
]


def explain(app: AppContext, topic: Topic = None) -> None:
    """Explain a field, value, exit code, task status or API error code.

    A TOPIC with several meanings is explained with all of them; without TOPIC the topics are listed.
    No network is needed.
    """
    from modelarts_export.cli import glossary  # noqa: PLC0415 - loaded for this command only

    explanations = glossary.list_explanations() if topic is None else glossary.explain(topic)
    lines = _format_overview(explanations) if topic is None else _format_explanations(explanations)
    app.printer.facts([each.to_dict() for each in explanations], lines)


def _format_explanations(explanations: Sequence["Explanation"]) -> Iterator[str]:
    for number, explanation in enumerate(explanations):
        if number:
            yield ""
        yield f"{explanation.name} ({explanation.kind})"
        yield from _align_facts({"meaning": explanation.meaning, **explanation.facts})


def _format_overview(explanations: Sequence["Explanation"]) -> Iterator[str]:
    """Yield the topics of each kind; error codes are listed by family, since there are many."""
    yield "modelarts-export explain TOPIC explains one of these:"
    yield ""
    kinds: dict[str, dict[str, None]] = {}
    for each in explanations:
        kinds.setdefault(each.kind, {})[each.short_name] = None
    yield from _align_facts({kind: list(names) for kind, names in kinds.items()})


def _align_facts(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts in two columns, name and wrapped value."""
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
    """Return labels with their wire values, where these differ."""
    return ", ".join(label if value == label else f"{label} ({value})" for label, value in values.items())


def _format_fact(fact: object) -> str:
    if isinstance(fact, list):
        return ", ".join(map(_format_fact, fact))
    return fact if isinstance(fact, str) else to_json(fact)
