"""The command `explain`."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelarts_export.cli.context import AppContext
from modelarts_export.cli.options.completion import make_completion
from modelarts_export.cli.options.help_page import get_width
from modelarts_export.sanitize import to_json

if TYPE_CHECKING:
    from modelarts_export.cli.reference.explanation import Explanation

_WIDEST_NAME = 34  # columns of a name beside its text; a longer one has a line of its own


def _complete_topic(incomplete: str) -> list[str]:
    from modelarts_export.cli import glossary  # noqa: PLC0415 - loaded for this command only

    selects = ":" in incomplete  # one of several meanings, as in exit:2
    names = (
        name
        for each in glossary.list_explanations()
        for topic in (each.name, *each.aliases)
        for name in ((topic, f"{each.selector}:{topic}") if selects else (topic,))
    )
    return make_completion(list(dict.fromkeys(names)))(incomplete)


Topic = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TOPIC",
        help="A field or flag, a value, an exit code, a task status, an HTTP status or an API error code; or "
        "exit-codes, environment, retries, spec, credentials or config",
        autocompletion=_complete_topic,
    ),
]


def explain(app: AppContext, words: Topic = None) -> None:
    """Explain a field, flag, value, exit code, task status or API error code, or a whole topic.

    A TOPIC with several meanings is explained with all of them, and exit:2, field:path, http:400 or
    state:stopped select one. Without TOPIC the topics are listed. No network is needed.
    """
    from modelarts_export.cli import glossary  # noqa: PLC0415 - loaded for this command only

    explanations = glossary.explain(words) if words else glossary.list_explanations()
    lines = _format_explanations(explanations) if words else _format_overview(explanations)
    app.printer.facts([each.to_dict() for each in explanations], lines)
    if words and len({each.kind for each in explanations}) > 1:
        selectors = dict.fromkeys(f"{each.selector}:{'-'.join(words)}" for each in explanations)
        app.messages.info(f"select one meaning with {' or '.join(selectors)}", "hint")


def _format_explanations(explanations: Sequence["Explanation"]) -> Iterator[str]:
    for number, explanation in enumerate(explanations):
        if number:
            yield ""
        subject = f"{explanation.name} {explanation.condition}".rstrip()
        yield f"{explanation.kind[:1].upper()}{explanation.kind[1:]} {subject}:"
        if explanation.facts:
            yield from _align_facts({"meaning": explanation.meaning, **explanation.facts})
        else:
            yield from wrap(explanation.meaning, get_width(), initial_indent="  ", subsequent_indent="  ")
        yield from _format_sections(explanation.sections)


def _format_sections(sections: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for title, rows in sections.items():
        yield ""
        yield f"{title}:"
        yield from _align_facts(rows, is_field=False)


def _format_overview(explanations: Sequence["Explanation"]) -> Iterator[str]:
    """Yield the topics of each kind; error codes are listed by family, since there are many."""
    yield "modelarts-export explain TOPIC explains one of these:"
    yield ""
    kinds: dict[str, dict[str, None]] = {}
    for each in explanations:
        kinds.setdefault(each.kind, {})[each.short_name] = None
    yield from _align_facts({kind: list(names) for kind, names in kinds.items()})


def _align_facts(facts: Mapping[str, Any], *, is_field: bool = True) -> Iterator[str]:
    """Yield the facts in two columns, name and wrapped value; the name of a field is shown as words."""
    names = [name.replace("_", " ") if is_field else name for name in facts]
    widest = min(_WIDEST_NAME, get_width() // 2 - 5)
    width = max((len(name) for name in names if len(name) <= widest), default=0) + 4
    for name, fact in zip(names, facts.values(), strict=True):
        first = f"  {name}".ljust(width)
        if len(name) > widest:
            yield first
            first = " " * width
        yield from wrap(
            _format_values(fact) if name == "values" and is_field else _format_fact(fact),
            get_width(),
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
