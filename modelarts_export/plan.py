"""Spec files read together: every problem of every file in one go, before anything is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modelarts_export.errors import InvalidInputError, Problem, invalid
from modelarts_export.files import STDIN
from modelarts_export.rules import directory
from modelarts_export.specfile import Spec, read_specs
from modelarts_export.validation import Export, Verdict, kind_of, validate

_PATH = ("path",)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """An export that is right, and the document that asks for it."""

    spec: Spec
    export: Export


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Exports that can be made together."""

    exports: Sequence[Planned]
    warnings: Sequence[Problem]


def read_plan(files: Sequence[str], expand: Callable[[str], str]) -> Plan:
    """Return the exports of all documents of all files; `-` is stdin.

    Raises InvalidInputError with every problem of every file, two specs that write to one path among them.
    """
    specs, problems = _read_all(files, expand)
    judged = [(spec, _judged(spec)) for spec in specs]
    for spec, verdict in judged:
        problems += spec.with_faults(spec.placed(problem) for problem in verdict.problems)
    exports = [Planned(spec=spec, export=verdict.export) for spec, verdict in judged if verdict.export]
    problems += _one_path_twice(specs)
    if problems:
        raise invalid(problems)
    warnings = [spec.placed(warning) for spec, verdict in judged for warning in verdict.warnings]
    return Plan(exports=exports, warnings=warnings)


def _read_all(files: Sequence[str], expand: Callable[[str], str]) -> tuple[list[Spec], list[Problem]]:
    if files.count(STDIN) > 1:
        raise InvalidInputError("stdin (-) can be read once only")
    specs: list[Spec] = []
    problems: list[Problem] = []
    for file in files:
        try:
            read, wrong = read_specs(file, expand)
            specs += read
            problems += wrong
        except InvalidInputError as error:
            problems += error.problems or [Problem(message=str(error), file=file)]
    return specs, problems


def _judged(spec: Spec) -> Verdict:
    try:
        return validate(kind_of(spec.values), spec.values)
    except ValueError as error:
        problem = Problem(location=("export_params", "export_dest"), message=str(error))
        return Verdict(export=None, problems=[problem], warnings=[])


def _one_path_twice(specs: Sequence[Spec]) -> Iterator[Problem]:
    """Two exports into one directory would mix their files."""
    first: dict[str, Spec] = {}
    for spec in specs:
        path = directory(spec.values.get("path"))
        if path in first:
            message = f"{first[path].place} writes to {path} too; give each export a directory of its own"
            yield spec.placed(Problem(location=_PATH, message=message))
        elif path:
            first[path] = spec
