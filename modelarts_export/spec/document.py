"""Spec files: the mappings they hold, and where in the file each value stands."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.documents.files import read_text, shown
from modelarts_export.documents.yaml_reader import START, Document, Mark, UnreadableError, read
from modelarts_export.errors import MISSING, Problem, bounded, format_location
from modelarts_export.quoting import cut

_AS_STRING = "must be text"
_BEFORE, _AFTER = 60, 40  # characters of a long line that are shown around its mistake


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file as it was read."""

    name: str
    text: str

    def placed(self, problem: Problem, mark: Mark, *, is_shown: bool = True) -> Problem:
        """Return the problem with its place and, where it may be shown, the line that it is about."""
        problem = replace(
            problem,
            place=f"{self.name}:{mark.line}:{mark.column}",
            file=self.name,
            line=mark.line,
            column=mark.column,
        )
        if not is_shown:
            return problem
        begin = self.text.rfind("\n", 0, mark.index) + 1
        end = self.text.find("\n", mark.index)
        first = max(begin, mark.index - _BEFORE)
        last = min(len(self.text) if end < 0 else end, mark.index + _AFTER)
        excerpt = self.text[first:last].rstrip("\r")
        return replace(problem, excerpt=excerpt, caret=mark.index - first)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One document of a spec file, a mapping."""

    source: Source
    document: Document

    @property
    def values(self) -> Mapping[str, Any]:
        """The request body with what stands beside it, not yet validated."""
        values: Mapping[str, Any] = self.document.value
        return values

    @property
    def place(self) -> str:
        """Where the document begins: file:line."""
        return f"{self.source.name}:{self.document.mark().line}"

    def with_faults(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return what the reading refused, duplicate keys and the like, and the problems at other places."""
        told = [self.source.placed(Problem(message=f.message), f.mark) for f in self.document.faults]
        if self.document.unshown:
            told.append(Problem(message="", count=self.document.unshown))
        places = {problem.place for problem in told}
        return [*told, *(p for p in problems if p.place not in places or p.message.endswith(MISSING))]

    def placed(self, problem: Problem) -> Problem:
        """Return the problem with its place, and with what to write where quotes are missing."""
        if not problem.message:
            return problem
        mark = self.document.mark(problem.location, key=problem.at_key)
        plain = self.document.plain_text(problem.location)
        if problem.message == _AS_STRING and plain:
            problem = replace(
                problem, message=f'YAML does not read {cut(plain)} as text; write "{cut(plain)}"'
            )
        named = (
            f"{format_location(problem.location)}: {problem.message}" if problem.location else problem.message
        )
        return self.source.placed(replace(problem, message=named), mark)


def read_specs(name: str, expand: Callable[[str], str], timeout: float) -> tuple[list[Spec], list[Problem]]:
    """Return the documents of a file, `-` for stdin, that can be judged, and what is wrong with the others.

    `expand` is applied to every string. Raises InvalidInputError for a file that cannot be read
    within `timeout` seconds.
    """
    source = Source(name=shown(name), text=read_text(name, timeout))
    specs: list[Spec] = []
    problems: list[Problem] = []
    try:
        for document in read(source.text, expand):
            spec = Spec(source=source, document=document)
            wrong = list(_not_a_mapping(spec))
            problems += wrong
            specs += [] if wrong else [spec]
    except UnreadableError as error:
        problems.append(source.placed(Problem(message=str(error)), error.mark, is_shown=error.in_mapping))
    if not specs and not problems:
        problems.append(source.placed(Problem(message="the file is empty"), START))
    return specs, bounded(problems)


def _not_a_mapping(spec: Spec) -> Iterator[Problem]:
    if not isinstance(spec.document.value, dict):
        found = {list: "a list", type(None): "empty"}.get(type(spec.document.value), "a single value")
        message = f"a spec is a mapping of keys to values; this document is {found}"
        # no line of it, as it may be a file of secrets that was named by mistake
        yield spec.source.placed(Problem(message=message), spec.document.mark(), is_shown=False)
