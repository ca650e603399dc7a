"""Spec files read together: every problem of every file in one go, before anything is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modelarts_export.documents.files import STDIN
from modelarts_export.errors import (
    MAX_PROBLEMS,
    InvalidInputError,
    Problem,
    make_invalid_input_error,
    truncate_problems,
)
from modelarts_export.quoting import InterpolatedString, quote, shorten
from modelarts_export.request.rules import parse_directory
from modelarts_export.request.validation import ValidatedExport, ValidationResult, find_kind, validate
from modelarts_export.spec.document import Spec, parse_specs

_PATH = ("path",)


@dataclass(frozen=True, kw_only=True)
class LoadedExport:
    """An export that is right, and the document that asks for it."""

    spec: Spec
    export: ValidatedExport


@dataclass(frozen=True, kw_only=True)
class SpecSet:
    """Exports that can be made together."""

    exports: Sequence[LoadedExport]
    warnings: Sequence[Problem]


def load_specs(files: Sequence[str], expand: Callable[[str], str], timeout: float) -> SpecSet:
    """Return the exports of all documents of all files; `-` is stdin; each is read within `timeout` seconds.

    Raises InvalidInputError with every problem of every file, two specs that write to one path among them.
    """
    specs, problems = _read_all(files, expand, timeout)
    exports: list[LoadedExport] = []
    warnings: list[Problem] = []
    named = 0
    for spec in specs:
        verdict = _validate_spec(spec, MAX_PROBLEMS - named)
        found = spec.merge_problems(spec.locate(problem) for problem in verdict.problems)
        named += sum(bool(problem.message) for problem in found)
        problems += found
        exports += [LoadedExport(spec=spec, export=verdict.export)] if verdict.export else []
        warnings = (
            truncate_problems([*warnings, *map(spec.locate, verdict.warnings)])
            if verdict.warnings
            else warnings
        )
    problems += truncate_problems(_check_shared_paths(specs))
    if problems:
        raise make_invalid_input_error(problems)
    return SpecSet(exports=exports, warnings=warnings)


def _read_all(
    files: Sequence[str], expand: Callable[[str], str], timeout: float
) -> tuple[list[Spec], list[Problem]]:
    if files.count(STDIN) > 1:
        raise InvalidInputError("stdin (-) can be read once only")
    specs: list[Spec] = []
    problems: list[Problem] = []
    for file in files:
        try:
            read, wrong = parse_specs(file, expand, timeout)
            specs += read
            problems += wrong
        except InvalidInputError as error:
            problems += error.problems or [Problem(message=str(error), file=file)]
    return specs, problems


def _validate_spec(spec: Spec, most: int) -> ValidationResult:
    try:
        return validate(find_kind(spec.values), spec.values, max(most, 0))
    except ValueError as error:
        problem = Problem(location=("export_params", "export_dest"), message=str(error))
        return ValidationResult(export=None, problems=[problem], warnings=[])


def _check_shared_paths(specs: Sequence[Spec]) -> Iterator[Problem]:
    """Two exports into one directory would mix their files."""
    first: dict[str, Spec] = {}
    for spec in specs:
        path = parse_directory(spec.values.get("path"))
        if path in first:
            given = spec.values["path"]
            shown = quote(given) if isinstance(given, InterpolatedString) else shorten(path)
            message = f"{first[path].place} writes to {shown} too; give each export a directory of its own"
            yield spec.locate(Problem(location=_PATH, message=message))
        elif path:
            first[path] = spec
