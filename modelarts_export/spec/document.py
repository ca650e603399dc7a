"""Spec files: the mappings they hold, and where in the file each value stands."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.documents.files import format_name, read_text
from modelarts_export.documents.yaml_reader import START, Document, Mark, UnreadableError, load_documents
from modelarts_export.errors import MISSING, Problem, format_location, truncate_problems
from modelarts_export.quoting import shorten

_AS_STRING = "must be text"
_BEFORE, _AFTER = 60, 40  # characters of a long line that are shown around its mistake


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file as it was read."""

    name: str
    text: str

    def locate(self, problem: Problem, mark: Mark, *, is_shown: bool = True) -> Problem:
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

    source: SourceFile
    document: Document

    @property
    def values(self) -> Mapping[str, Any]:
        """The request body with what stands beside it, not yet validated."""
        values: Mapping[str, Any] = self.document.value
        return values

    @property
    def place(self) -> str:
        """Where the document begins: file:line."""
        return f"{self.source.name}:{self.document.find_mark().line}"

    def merge_problems(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return what the reading refused, duplicate keys and the like, and the problems at other places."""
        told = [self.source.locate(Problem(message=f.message), f.mark) for f in self.document.problems]
        if self.document.omitted_problems:
            told.append(Problem(message="", count=self.document.omitted_problems))
        places = {problem.place for problem in told}
        return [*told, *(p for p in problems if p.place not in places or p.message.endswith(MISSING))]

    def locate(self, problem: Problem) -> Problem:
        """Return the problem with its place, and with what to write where quotes are missing."""
        if not problem.message:
            return problem
        mark = self.document.find_mark(problem.location, key=problem.at_key)
        plain = self.document.get_plain_scalar(problem.location)
        if problem.message == _AS_STRING and plain:
            problem = replace(
                problem, message=f'YAML does not read {shorten(plain)} as text; write "{shorten(plain)}"'
            )
        named = (
            f"{format_location(problem.location)}: {problem.message}" if problem.location else problem.message
        )
        return self.source.locate(replace(problem, message=named), mark)


def parse_specs(name: str, expand: Callable[[str], str], timeout: float) -> tuple[list[Spec], list[Problem]]:
    """Return the documents of a file, `-` for stdin, that can be judged, and what is wrong with the others.

    `expand` is applied to every string. Raises InvalidInputError for a file that cannot be read
    within `timeout` seconds.
    """
    source = SourceFile(name=format_name(name), text=read_text(name, timeout))
    specs: list[Spec] = []
    problems: list[Problem] = []
    try:
        for document in load_documents(source.text, expand):
            spec = Spec(source=source, document=document)
            wrong = list(_check_mapping(spec))
            problems += wrong
            specs += [] if wrong else [spec]
    except UnreadableError as error:
        problems.append(source.locate(Problem(message=str(error)), error.mark, is_shown=error.in_mapping))
    if not specs and not problems:
        problems.append(source.locate(Problem(message="the file is empty"), START))
    return specs, truncate_problems(problems)


def _check_mapping(spec: Spec) -> Iterator[Problem]:
    if not isinstance(spec.document.value, dict):
        found = {list: "a list", type(None): "empty"}.get(type(spec.document.value), "a single value")
        message = f"a spec is a mapping of keys to values; this document is {found}"
        # no line of it, as it may be a file of secrets that was named by mistake
        yield spec.source.locate(Problem(message=message), spec.document.find_mark(), is_shown=False)
