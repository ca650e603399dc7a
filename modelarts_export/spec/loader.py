"""The one way from specs to exports: several files, with the problems of all of them in one error."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelarts_export.documents.files import format_name
from modelarts_export.errors import (
    MAX_PROBLEMS,
    InvalidInputError,
    Problem,
    make_invalid_input_error,
    truncate_problems,
)
from modelarts_export.quoting import InterpolatedString, quote, shorten
from modelarts_export.request.directories import parse_directory
from modelarts_export.request.models import ExportRequest
from modelarts_export.request.validation import ValidatedExport, ValidationResult, find_kind, validate
from modelarts_export.spec.discovery import find_spec_files
from modelarts_export.spec.document import Spec, parse_specs
from modelarts_export.spec.overrides import Overrides

_PATH, _NAME = ("path",), ("name",)
_NOTHING = Overrides()


@dataclass(frozen=True, kw_only=True)
class ExpectedRequest:
    """What a command takes that makes one request: one file, no directory, with one document of this kind.

    `describe_other` returns the problem of a request of another kind.
    """

    kind: type[ExportRequest]
    describe_other: Callable[[type[ExportRequest]], str]


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


def load_specs(  # noqa: PLR0913 - the files, and how they are read
    names: Sequence[str],
    interpolate: Callable[[str], str],
    timeout: float,
    *,
    overrides: Overrides = _NOTHING,
    expected: ExpectedRequest | None = None,
    recursive: bool = False,
    check: Callable[[LoadedExport], Iterable[Problem]] = lambda _export: (),
) -> SpecSet:
    """Load the exports of all documents of all files and directories; `-` is stdin.

    `overrides` win over the values of each document. With `recursive`, directories in directories are read
    too. Each file is read within `timeout` seconds. `check` returns further problems of a valid export.
    Raises InvalidInputError with the problems of all files; two specs with the same path, or name, are one.
    """
    files, problems = (names, []) if expected else find_spec_files(names, recursive=recursive)
    specs, unreadable = _parse_files(files, interpolate, timeout)
    if expected and len(specs) > 1 and not unreadable:
        raise InvalidInputError(f"{format_name(names[0])} has {len(specs)} documents; this command takes one")
    valid, invalid = _validate_specs(specs, overrides, expected, check)
    problems += [*overrides.problems, *unreadable, *invalid]
    problems += truncate_problems(_check_shared_paths(specs, overrides))
    problems += truncate_problems(_check_shared_names(specs))
    if problems:
        positions = {format_name(file): i for i, file in enumerate(files)}
        problems.sort(key=lambda problem: positions.get(problem.file or "", -1))
        raise make_invalid_input_error(problems)
    return valid


def _parse_files(
    files: Sequence[str], interpolate: Callable[[str], str], timeout: float
) -> tuple[list[Spec], list[Problem]]:
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


def _validate_specs(
    specs: Sequence[Spec],
    overrides: Overrides,
    expected: ExpectedRequest | None,
    check: Callable[[LoadedExport], Iterable[Problem]],
) -> tuple[SpecSet, list[Problem]]:
    """Return the valid exports, and the problems of all specs; a limited number of them is described."""
    exports: list[LoadedExport] = []
    problems: list[Problem] = []
    warnings: list[Problem] = []
    described = 0
    for spec in specs:
        result = _validate_spec(spec, overrides, expected, MAX_PROBLEMS - described)
        found = spec.merge_problems(_locate(problem, spec, overrides) for problem in result.problems)
        described += sum(bool(problem.message) for problem in found)
        problems += found
        if result.export:
            exports.append(LoadedExport(spec=spec, export=result.export))
            problems += (_locate(problem, spec, overrides) for problem in check(exports[-1]))
        if result.warnings:
            located = (_locate(problem, spec, overrides) for problem in result.warnings)
            warnings = truncate_problems([*warnings, *located])
    return SpecSet(exports=exports, warnings=warnings), problems


def _validate_spec(
    spec: Spec, overrides: Overrides, expected: ExpectedRequest | None, most: int
) -> ValidationResult:
    values = overrides.merge_into(spec.values)
    try:
        result = validate(expected.kind if expected else find_kind(values), values, max(most, 0))
    except ValueError as error:
        problem = Problem(location=("export_params", "export_dest"), message=str(error))
        return ValidationResult(export=None, problems=[problem], warnings=[])
    if expected and result.actual_kind:
        message = expected.describe_other(result.actual_kind)
        return replace(result, problems=[replace(each, message=message) for each in result.problems])
    return result


def _locate(problem: Problem, spec: Spec, overrides: Overrides) -> Problem:
    """Add the name of the override that has the problem, else the position in the spec."""
    return overrides.locate(problem) if overrides.has_cause_of(problem) else spec.locate(problem)


def _check_shared_paths(specs: Sequence[Spec], overrides: Overrides) -> Iterator[Problem]:
    """Yield a problem for each spec with the path of another: the files of both would be mixed."""
    first: dict[str, Spec] = {}
    for spec in specs:
        value = overrides.values.get(_PATH, spec.values.get("path"))
        path = parse_directory(value)
        if path in first:
            shown = quote(value) if isinstance(value, InterpolatedString) else shorten(path)
            message = f"{first[path].place} writes to {shown} too; each export needs its own directory"
            yield _locate(Problem(location=_PATH, message=message), spec, overrides)
        elif path:
            first[path] = spec


def _check_shared_names(specs: Sequence[Spec]) -> Iterator[Problem]:
    """Yield a problem for each spec with the name of another: a report could not tell them apart."""
    first: dict[str, Spec] = {}
    for spec in specs:
        name = spec.values.get("name")
        if isinstance(name, str) and name in first:
            shown = quote(name) if isinstance(name, InterpolatedString) else shorten(name)
            yield spec.locate(
                Problem(location=_NAME, message=f"{first[name].place} has the name {shown} too")
            )
        elif isinstance(name, str) and name:
            first[name] = spec
