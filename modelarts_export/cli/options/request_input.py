"""The request that a command gets: flags merged over a spec, and each problem with its flag or position."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.documents.files import STDIN, format_name, read_text
from modelarts_export.errors import (
    InvalidInputError,
    Location,
    Problem,
    format_location,
    make_invalid_input_error,
    truncate_problems,
)
from modelarts_export.quoting import quote
from modelarts_export.request.field_types import check_sample_id
from modelarts_export.request.models import ExportRequest
from modelarts_export.request.validation import ValidatedExport, validate

if TYPE_CHECKING:
    from modelarts_export.spec.document import Spec

_SAMPLES: Location = ("export_params", "samples")
_COMMENT = re.compile(r"(?:^|[^\S\n])#.*", re.MULTILINE)  # a # within an ID is a part of it
_HEADERS = ("id", "sample", "sample id", "sample_id", "sample-id", "samples")
_SEPARATORS = ",;\t"  # of the columns of a table
_MAX_LINES = 1_000_000  # of sample IDs; far more than a request body can hold
_CONDITIONS: Location = ("export_params", "search_conditions")

RequestT = TypeVar("RequestT", bound=ExportRequest)


@dataclass(frozen=True, kw_only=True)
class RequestInput(Generic[RequestT]):
    """A request as flags and files give it, before validation.

    `flags` are the values of flags by the location of their field; `flag_names` has the flag of every field;
    `assignments` are the values of --var.
    """

    kind: type[RequestT]
    files: Sequence[str]
    samples_file: str | None
    flags: Mapping[Location, Any]
    flag_names: Mapping[Location, str]
    assignments: Sequence[str] = ()

    def resolve(
        self, interpolate: Callable[[str], str], timeout: float
    ) -> tuple[ValidatedExport, list[Problem]]:
        """Return the export and its warnings; `interpolate` is applied to each string of the spec.

        Each file is read within `timeout` seconds.
        Raises InvalidInputError with all problems.
        """
        if len(self.files) > 1:
            raise InvalidInputError("-f was given twice; this command takes one spec")
        if self.samples_file == STDIN and STDIN in self.files:
            raise InvalidInputError("stdin cannot be both the spec (-f -) and the samples (--samples-file -)")
        spec = _load_one_spec(self.files[0], interpolate, timeout) if self.files else None
        # Without a spec, the command decides the destination of the export.
        base = spec.values if spec else {"export_params": {"export_dest": self.kind.dest}}
        values, unreadable = self._collect_values(timeout)
        result = validate(self.kind, _merge_values(base, values))
        if result.actual_kind:
            command = get_command_name(result.actual_kind)
            message = f"this is a request of {command}; run {command}"
            result = replace(result, problems=[replace(each, message=message) for each in result.problems])
        problems = [self._locate(problem, values, spec) for problem in (*unreadable, *result.problems)]
        problems = spec.merge_problems(problems) if spec else problems
        if problems or result.export is None:
            raise _make_error(problems)
        return result.export, [self._locate(problem, values, spec) for problem in result.warnings]

    def _collect_values(self, timeout: float) -> tuple[dict[Location, Any], list[Problem]]:
        """Return the values of the flags in the form that a spec has, and the problems of unreadable ones."""
        values, problems = dict(self.flags), list[Problem]()
        if self.samples_file is not None:
            try:
                values[_SAMPLES] = [*values.get(_SAMPLES, []), *_read_sample_ids(self.samples_file, timeout)]
            except InvalidInputError as error:
                problems += error.problems or [Problem(message=str(error))]
                problems += [Problem(message="", count=error.omitted)] if error.omitted else []
        if _SAMPLES in values:
            values[_SAMPLES] = list(dict.fromkeys(values[_SAMPLES]))
        if _CONDITIONS in values:
            values[_CONDITIONS] = [
                _parse_condition(text, i, problems) for i, text in enumerate(values[_CONDITIONS])
            ]
        return values, problems

    def _locate(self, problem: Problem, values: Mapping[Location, Any], spec: "Spec | None") -> Problem:
        """Add the flag that gave the value, else the position in the spec, else the missing flag."""
        if problem.place or not problem.location or not problem.message:
            return problem
        flag = next((each for each in values if problem.location[: len(each)] == each), None)
        if flag is None and spec:
            return spec.locate(problem)
        flag = flag or problem.location
        name = (
            "--samples-file"
            if flag == _SAMPLES and self.samples_file
            else self.flag_names.get(flag, format_location(flag))
        )
        return replace(problem, place=name, message=_qualify_message(flag, problem))


def _qualify_message(flag: Location, problem: Problem) -> str:
    """Return the message with the part of the flag's value that it is about, such as the second --search."""
    rest = problem.location[len(flag) :]
    if not rest:
        return problem.message
    count = f"number {rest[0] + 1}" if isinstance(rest[0], int) else ""
    return ": ".join(filter(None, [count, format_location(rest[1:] if count else rest), problem.message]))


def _load_one_spec(file: str, interpolate: Callable[[str], str], timeout: float) -> "Spec":
    from modelarts_export.spec.document import parse_specs  # noqa: PLC0415 - yaml is loaded only for a spec

    specs, problems = parse_specs(file, interpolate, timeout)
    if problems:
        raise _make_error(problems)
    if len(specs) > 1:
        raise InvalidInputError(f"{format_name(file)} has {len(specs)} documents; this command takes one")
    return specs[0]


def _make_error(problems: Sequence[Problem]) -> InvalidInputError:
    """Return the error for some problems, which says of several that nothing was sent."""
    error = make_invalid_input_error(problems)
    if len(error.problems) + error.omitted == 1:
        return error
    return InvalidInputError(f"{error}; nothing was sent", problems=error.problems, omitted=error.omitted)


def _merge_values(base: Mapping[str, Any], values: Mapping[Location, Any]) -> dict[str, Any]:
    """Return the base with the values set in it; the validation reports a parent that is no mapping."""
    body: dict[Any, Any] = dict(base)
    for location, value in values.items():
        *parents, key = location
        target = body
        for name in parents:
            inner = {} if target.get(name) is None else target[name]
            target[name] = dict(inner) if isinstance(inner, Mapping) else inner
            target = target[name]
        if isinstance(target, dict):
            target[key] = value
    return body


def _read_sample_ids(file: str, timeout: float) -> list[str]:
    """Return the IDs of a file with one ID a line, without blank lines and comments.

    Raises InvalidInputError for no ID, an invalid one, or the header of a table.
    """
    text = read_text(file, timeout)
    if text.count("\n") > _MAX_LINES:
        raise InvalidInputError(f"--samples-file: {format_name(file)} has more than {_MAX_LINES:,} lines")
    lines = list(map(str.strip, _COMMENT.sub("", text).split("\n")))
    ids = list(filter(None, lines))
    if not ids:
        raise InvalidInputError(
            f"--samples-file: {format_name(file)} has no sample ID; it would export every sample"
        )
    problems = truncate_problems(_find_invalid_ids(format_name(file), lines))
    if problems:
        raise make_invalid_input_error(problems)
    return ids


def _find_invalid_ids(file_name: str, lines: Sequence[str]) -> Iterator[Problem]:
    first = next(number for number, line in enumerate(lines, start=1) if line)
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                _check_line(line, is_first=number == first)
        except ValueError as error:
            place = f"--samples-file: {file_name}:{number}"
            yield Problem(message=str(error), place=place, file=file_name, line=number, column=1)


def _check_line(line: str, *, is_first: bool) -> None:
    """Check the ID of a line. Raises ValueError, also for a line of a table, whose cells are no IDs."""
    if (is_first and line.strip('"').lower() in _HEADERS) or any(each in line for each in _SEPARATORS):
        raise ValueError(
            f"{quote(line)} is not an ID; the file has one sample ID a line, no header and no other columns"
        )
    check_sample_id(line)


def _parse_condition(text: str, index: int, problems: list[Problem]) -> Any:  # noqa: ANN401 - see _parse_yaml
    from modelarts_export.cli.options.search_condition import parse_condition  # noqa: PLC0415 - it loads yaml

    try:
        return parse_condition(text)
    except ValueError as error:
        problems.append(Problem(location=(*_CONDITIONS, index), message=str(error)))
        return {}
