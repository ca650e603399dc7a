"""Loading of several spec files, with the problems of all of them in one error."""

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
from modelarts_export.request.directories import parse_directory
from modelarts_export.request.validation import ValidatedExport, ValidationResult, find_kind, validate
from modelarts_export.spec.discovery import find_spec_files
from modelarts_export.spec.document import Spec, parse_specs

_PATH = ("path",)


@dataclass(frozen=True, kw_only=True)
class LoadedExport:
    """A valid export and its spec."""

    spec: Spec
    export: ValidatedExport


@dataclass(frozen=True, kw_only=True)
class SpecSet:
    """The exports of several specs, without conflicts between them."""

    exports: Sequence[LoadedExport]
    warnings: Sequence[Problem]


def load_specs(
    names: Sequence[str], interpolate: Callable[[str], str], timeout: float, *, recursive: bool = False
) -> SpecSet:
    """Load the exports of all documents of all files and directories; `-` is stdin.

    With `recursive`, directories in directories are read too. Each file is read within `timeout` seconds.
    Raises InvalidInputError with the problems of all files; two specs with the same path are one.
    """
    files, problems = find_spec_files(names, recursive=recursive)
    specs, unreadable = _parse_files(files, interpolate, timeout)
    problems += unreadable
    exports: list[LoadedExport] = []
    warnings: list[Problem] = []
    described = 0
    for spec in specs:
        result = _validate_spec(spec, MAX_PROBLEMS - described)
        found = spec.merge_problems(spec.locate(problem) for problem in result.problems)
        described += sum(bool(problem.message) for problem in found)
        problems += found
        exports += [LoadedExport(spec=spec, export=result.export)] if result.export else []
        if result.warnings:
            warnings = truncate_problems([*warnings, *map(spec.locate, result.warnings)])
    problems += truncate_problems(_check_shared_paths(specs))
    if problems:
        raise make_invalid_input_error(problems)
    return SpecSet(exports=exports, warnings=warnings)


def _parse_files(
    files: Sequence[str], interpolate: Callable[[str], str], timeout: float
) -> tuple[list[Spec], list[Problem]]:
    if files.count(STDIN) > 1:
        raise InvalidInputError("stdin (-) can be read once only")
    specs: list[Spec] = []
    problems: list[Problem] = []
    for file in files:
        try:
            specs_of_file, problems_of_file = parse_specs(file, interpolate, timeout)
            specs += specs_of_file
            problems += problems_of_file
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
    """Yield a problem for each spec with the path of another: the files of both would be mixed."""
    first: dict[str, Spec] = {}
    for spec in specs:
        path = parse_directory(spec.values.get("path"))
        if path in first:
            value = spec.values["path"]
            shown = quote(value) if isinstance(value, InterpolatedString) else shorten(path)
            message = f"{first[path].place} writes to {shown} too; each export needs its own directory"
            yield spec.locate(Problem(location=_PATH, message=message))
        elif path:
            first[path] = spec
