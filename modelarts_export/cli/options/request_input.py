"""The request that a command gets: flags merged over a spec, with the problems of both."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from modelarts_export.cli.options.command_names import get_command_name
from modelarts_export.errors import (
    InvalidInputError,
    Location,
    Problem,
    make_invalid_input_error,
    truncate_problems,
)
from modelarts_export.quoting import quote
from modelarts_export.request.field_types import check_sample_id
from modelarts_export.request.models import ExportRequest
from modelarts_export.request.validation import ValidatedExport, validate
from modelarts_export.spec.overrides import Overrides

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

    @property
    def dataset_id(self) -> str | None:
        """The dataset as a flag or an argument gives it, unchecked."""
        dataset_id: str | None = self.flags.get(("dataset_id",))
        return dataset_id

    @property
    def all_files(self) -> list[str]:
        """The spec and the file of sample IDs, as far as they are given."""
        return [*self.files, *([self.samples_file] if self.samples_file else [])]

    def resolve(
        self, interpolate: Callable[[str], str], timeout: float
    ) -> tuple[ValidatedExport, Sequence[Problem]]:
        """Return the export and its warnings; `interpolate` is applied to each string of the spec.

        Each file is read within `timeout` seconds.
        Raises InvalidInputError with all problems.
        """
        if self.files:
            self._check_files()
        overrides = self._make_overrides(timeout)
        try:
            return self._load(overrides, interpolate, timeout) if self.files else self._validate(overrides)
        except InvalidInputError as error:
            if any("${" in str(self.flags.get(problem.location)) for problem in error.problems):
                error = error.copy_with(hint="${...} is replaced in a spec, not on the command line")
            if len(error.problems) + error.omitted <= 1:
                raise error from None
            message, problems = f"{error}; nothing was sent", error.problems
            raise InvalidInputError(
                message, problems=problems, omitted=error.omitted, hint=error.hint
            ) from None

    def _check_files(self) -> None:
        from modelarts_export.documents.files import STDIN  # noqa: PLC0415 - for files alone

        if len(self.files) > 1:
            raise InvalidInputError("-f was given twice; this command takes one spec")
        if self.samples_file == STDIN and STDIN in self.files:
            raise InvalidInputError("stdin cannot be both the spec (-f -) and the samples (--samples-file -)")

    def _load(
        self, overrides: Overrides, interpolate: Callable[[str], str], timeout: float
    ) -> tuple[ValidatedExport, Sequence[Problem]]:
        from modelarts_export.spec.loader import ExpectedRequest, load_specs  # noqa: PLC0415 - yaml is loaded only for a spec

        expected = ExpectedRequest(kind=self.kind, describe_other=_describe_other)
        specs = load_specs(self.files, interpolate, timeout, overrides=overrides, expected=expected)
        return specs.exports[0].export, specs.warnings

    def _validate(self, overrides: Overrides) -> tuple[ValidatedExport, Sequence[Problem]]:
        """Return the export of the flags alone, whose destination the command decides."""
        base = {"export_params": {"export_dest": self.kind.dest}}
        result = validate(self.kind, overrides.merge_into(base))
        problems = [*overrides.problems, *map(overrides.locate, result.problems)]
        if problems or result.export is None:
            raise make_invalid_input_error(problems)
        return result.export, list(map(overrides.locate, result.warnings))

    def _make_overrides(self, timeout: float) -> Overrides:
        """Return the values of the flags in the form that a spec has, and the problems of unreadable ones."""
        values, names, problems = dict(self.flags), dict(self.flag_names), list[Problem]()
        if self.samples_file is not None:
            names[_SAMPLES] = "--samples-file"
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
        overrides = Overrides(values=values, names=names)
        return replace(overrides, problems=list(map(overrides.locate, problems)))


def _describe_other(kind: type[ExportRequest]) -> str:
    command = get_command_name(kind)
    return f"this is a request of {command}; run {command}"


def _read_sample_ids(file: str, timeout: float) -> list[str]:
    """Return the IDs of a file with one ID per line, without blank lines and comments.

    Raises InvalidInputError for no ID, an invalid one, or the header of a table.
    """
    from modelarts_export.documents.files import format_name, read_text  # noqa: PLC0415 - as above

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
            f"{quote(line)} is not an ID; the file has one sample ID per line, no header and no other columns"
        )
    check_sample_id(line)


def _parse_condition(text: str, index: int, problems: list[Problem]) -> Any:  # noqa: ANN401 - see _parse_yaml
    from modelarts_export.cli.options.search_condition import parse_condition  # noqa: PLC0415 - for this flag alone

    try:
        return parse_condition(text)
    except ValueError as error:
        problems.append(Problem(location=(*_CONDITIONS, index), message=str(error)))
        return {}
