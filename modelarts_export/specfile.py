"""Spec files: the mappings they hold, and where in the file each value stands."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.errors import Problem, dotted, invalid
from modelarts_export.files import read_text, shown
from modelarts_export.strict_yaml import Document, Mark, UnreadableError, read

_AS_STRING = "must be text"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One document of a spec file, a mapping."""

    file: str
    document: Document

    @property
    def values(self) -> Mapping[str, Any]:
        """The request body with what stands beside it, not yet validated."""
        values: Mapping[str, Any] = self.document.value
        return values

    def with_faults(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return what the reading refused, duplicate keys and the like, and the problems at other places."""
        document = self.document
        faults = [_placed(Problem(message=fault.message), self.file, fault.mark) for fault in document.faults]
        told = {fault.place for fault in faults}
        return [*faults, *(problem for problem in problems if problem.place not in told)]

    def placed(self, problem: Problem) -> Problem:
        """Return the problem with its line and column, and with what to write where quotes are missing."""
        mark = self.document.mark(problem.location, key=problem.at_key)
        plain = self.document.plain_text(problem.location)
        if problem.message == _AS_STRING and plain:
            problem = replace(problem, message=f'YAML does not read {plain} as text; write "{plain}"')
        named = f"{dotted(problem.location)}: {problem.message}" if problem.location else problem.message
        return _placed(replace(problem, message=named), self.file, mark)


def read_specs(name: str) -> list[Spec]:
    """Return the documents of the file `name`, `-` for stdin.

    Raises InvalidInputError for a file that cannot be read, that is no YAML, or whose documents are not all
    mappings.
    """
    file = shown(name)
    text = read_text(name)
    try:
        specs = [Spec(file=file, document=document) for document in read(text)]
    except UnreadableError as error:
        raise invalid([_placed(Problem(message=str(error)), file, error.mark)]) from None
    problems = [problem for spec in specs for problem in _not_a_mapping(spec)]
    if not specs:
        problems = [_placed(Problem(message="the file is empty"), file, Mark(line=1, column=1))]
    if problems:
        raise invalid(problems)
    return specs


def _not_a_mapping(spec: Spec) -> Iterator[Problem]:
    if not isinstance(spec.document.value, dict):
        found = {list: "a list", type(None): "empty"}.get(type(spec.document.value), "a single value")
        message = f"a spec is a mapping of keys to values; this document is {found}"
        yield _placed(Problem(message=message), spec.file, spec.document.mark())


def _placed(problem: Problem, file: str, mark: Mark) -> Problem:
    place = f"{file}:{mark.line}:{mark.column}"
    return replace(problem, place=place, file=file, line=mark.line, column=mark.column)
