"""The documents of a spec file, and the position of each value and problem in the file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelarts_export.documents.files import format_name, read_text
from modelarts_export.documents.source_file import SourceFile
from modelarts_export.documents.yaml_reader import START, Document, UnreadableError, load_documents
from modelarts_export.documents.yaml_scalars import read_plain
from modelarts_export.errors import MISSING, Problem, truncate_problems
from modelarts_export.quoting import shorten
from modelarts_export.request.problems import NOT_TEXT, add_field_name


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One document of a spec file."""

    source: SourceFile
    document: Document

    @property
    def values(self) -> Mapping[str, Any]:
        """The fields of the request and of SpecMetadata, not validated."""
        values: Mapping[str, Any] = self.document.value
        return values

    @property
    def place(self) -> str:
        """The start of the document, as file:line."""
        return f"{self.source.name}:{self.document.find_mark().line}"

    def merge_problems(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems of the YAML and, of the given ones, those at other positions.

        A problem at the position of a YAML problem is its consequence, unless a field is missing there.
        """
        found = [self.source.locate(Problem(message=p.message), p.mark) for p in self.document.problems]
        if self.document.omitted_problems:
            found.append(Problem(message="", count=self.document.omitted_problems))
        places = {problem.place for problem in found}
        return [*found, *(p for p in problems if p.place not in places or p.message.endswith(MISSING))]

    def locate(self, problem: Problem) -> Problem:
        """Add the field and the position to a problem, and what to write where quotes are missing."""
        if not problem.message:
            return problem
        mark = self.document.find_mark(problem.location, key=problem.at_key)
        problem = add_field_name(replace(problem, message=self._explain_type(problem)))
        # a block mapping begins at its first key, which is not the one that is missing
        is_missing = len(problem.location) == 1 and problem.location[0] not in self.values
        shows_neighbor = is_missing and self.source.text[mark.index : mark.index + 1] != "{"
        return self.source.locate(problem, mark, with_excerpt=not shows_neighbor)

    def _explain_type(self, problem: Problem) -> str:
        """Return the message, with the type that YAML gives to a word without quotes, such as no."""
        word = self.document.get_plain_scalar(problem.location)
        if not word or problem.at_key:
            return problem.message
        value = read_plain(word)
        if isinstance(value, bool) and word.lower() not in ("true", "false"):
            meaning = f"YAML reads {word} as {'true' if value else 'false'}"
            if problem.message == NOT_TEXT:
                return f'{meaning}; write "{word}"'
            return f"{problem.message}; {meaning} unless it is quoted"
        if problem.message == NOT_TEXT:
            return f'YAML does not read {shorten(word)} as text; write "{shorten(word)}"'
        return problem.message


def parse_specs(
    name: str, interpolate: Callable[[str], str], timeout: float
) -> tuple[list[Spec], list[Problem]]:
    """Return the documents of a file that are mappings, and the problems of the others; `-` is stdin.

    `interpolate` is applied to every string. Raises InvalidInputError for a file that cannot be read
    within `timeout` seconds.
    """
    source = SourceFile(name=format_name(name), text=read_text(name, timeout))
    specs: list[Spec] = []
    problems: list[Problem] = []
    try:
        for document in load_documents(source.text, interpolate):
            spec = Spec(source=source, document=document)
            if isinstance(document.value, dict):
                specs.append(spec)
            else:
                problems.append(_describe_non_mapping(spec))
    except UnreadableError as error:
        problems.append(source.locate(Problem(message=str(error)), error.mark, with_excerpt=error.in_mapping))
    if not specs and not problems:
        problems.append(source.locate(Problem(message="the file is empty"), START))
    return specs, truncate_problems(problems)


def _describe_non_mapping(spec: Spec) -> Problem:
    found = {list: "a list", type(None): "empty"}.get(type(spec.document.value), "a single value")
    message = f"a spec is a mapping of keys to values; this document is {found}"
    # without an excerpt: the file may be one of secrets, named by mistake
    return spec.source.locate(Problem(message=message), spec.document.find_mark(), with_excerpt=False)
