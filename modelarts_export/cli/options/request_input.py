"""What the user asks for: flags laid over a spec, and each problem named where it was made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from modelarts_export.documents.files import STDIN, display_name, read_text
from modelarts_export.errors import (
    InvalidInputError,
    Location,
    Problem,
    bounded,
    format_location,
    make_invalid_input_error,
)
from modelarts_export.request.field_types import check_sample_id
from modelarts_export.request.models import ExportRequest
from modelarts_export.request.validation import ValidatedExport, validate

if TYPE_CHECKING:
    from modelarts_export.spec.document import Spec

_SAMPLES: Location = ("export_params", "samples")
_MOST_LINES = 1_000_000  # of sample IDs; far more than a body can hold
_CONDITIONS: Location = ("export_params", "search_conditions")


Kind = TypeVar("Kind", bound=ExportRequest)


@dataclass(frozen=True, kw_only=True)
class RequestInput(Generic[Kind]):
    """A request as it was written, not yet judged.

    `flags` has what flags gave, by the location of the field; `names` has the flag of every field;
    `assignments` are the texts of --var.
    """

    kind: type[Kind]
    files: Sequence[str]
    samples_file: str | None
    flags: Mapping[Location, Any]
    names: Mapping[Location, str]
    assignments: Sequence[str] = ()

    def resolve(self, expand: Callable[[str], str], timeout: float) -> tuple[ValidatedExport, list[Problem]]:
        """Return the export and the warnings; `expand` is for the strings of the spec.

        Each file is read within `timeout` seconds.
        Raises InvalidInputError with every problem there is.
        """
        if len(self.files) > 1:
            raise InvalidInputError("-f was given twice; these commands take one spec")
        if self.samples_file == STDIN and STDIN in self.files:
            raise InvalidInputError("stdin cannot be both the spec (-f -) and the samples (--samples-file -)")
        spec = _load_one_spec(self.files[0], expand, timeout) if self.files else None
        given, unread = self._collect_values(timeout)
        verdict = validate(self.kind, _merge_values(self._get_base(spec), given))
        problems = [self._locate(problem, given, spec) for problem in (*unread, *verdict.problems)]
        problems = spec.merge_problems(problems) if spec else problems
        if problems or verdict.export is None:
            raise make_invalid_input_error(problems)
        return verdict.export, [self._locate(problem, given, spec) for problem in verdict.warnings]

    def _collect_values(self, timeout: float) -> tuple[dict[Location, Any], list[Problem]]:
        """Return the values of the flags as a spec would have them, and what could not be read."""
        given, problems = dict(self.flags), list[Problem]()
        if self.samples_file is not None:
            try:
                given[_SAMPLES] = [*given.get(_SAMPLES, []), *_read_sample_ids(self.samples_file, timeout)]
            except InvalidInputError as error:
                problems += error.problems or [Problem(message=str(error))]
                problems += [Problem(message="", count=error.unshown)] if error.unshown else []
        if _SAMPLES in given:
            given[_SAMPLES] = list(dict.fromkeys(given[_SAMPLES]))
        if _CONDITIONS in given:
            given[_CONDITIONS] = [
                _parse_condition(text, i, problems) for i, text in enumerate(given[_CONDITIONS])
            ]
        return given, problems

    def _get_base(self, spec: "Spec | None") -> Mapping[str, Any]:
        """Return what the flags are laid over; without a spec the command says where the export goes."""
        return spec.values if spec else {"export_params": {"export_dest": self.kind.dest}}

    def _locate(self, problem: Problem, given: Mapping[Location, Any], spec: "Spec | None") -> Problem:
        """Name the flag that gave the value, else the place in the spec, else the flag that is missing."""
        if problem.place or not problem.location or not problem.message:
            return problem
        flag = next((at for at in given if problem.location[: len(at)] == at), None)
        if flag is None and spec:
            return spec.locate(problem)
        flag = flag or problem.location
        name = (
            "--samples-file"
            if flag == _SAMPLES and self.samples_file
            else self.names.get(flag, format_location(flag))
        )
        return replace(problem, place=name, message=_qualify_message(flag, problem))


def _qualify_message(flag: Location, problem: Problem) -> str:
    """Return the message with what of the flag's value it speaks of: the second --search, say."""
    rest = problem.location[len(flag) :]
    if not rest:
        return problem.message
    count = f"number {rest[0] + 1}" if isinstance(rest[0], int) else ""
    return ": ".join(filter(None, [count, format_location(rest[1:] if count else rest), problem.message]))


def _load_one_spec(file: str, expand: Callable[[str], str], timeout: float) -> "Spec":
    from modelarts_export.spec.document import parse_specs  # noqa: PLC0415 - yaml is loaded only for a spec

    specs, problems = parse_specs(file, expand, timeout)
    if problems:
        raise make_invalid_input_error(problems)
    if len(specs) > 1:
        raise InvalidInputError(f"{display_name(file)} holds {len(specs)} documents; this command takes one")
    return specs[0]


def _merge_values(base: Mapping[str, Any], given: Mapping[Location, Any]) -> dict[str, Any]:
    """Return the base with the given values in it; a value of a wrong type is left to the validation."""
    body: dict[Any, Any] = dict(base)
    for location, value in given.items():
        *way, key = location
        target = body
        for step in way:
            inner = {} if target.get(step) is None else target[step]
            target[step] = dict(inner) if isinstance(inner, Mapping) else inner
            target = target[step]
        if isinstance(target, dict):
            target[key] = value
    return body


def _read_sample_ids(file: str, timeout: float) -> list[str]:
    """Return the IDs of a file, one a line. Raises InvalidInputError when it has none, or something else."""
    text = read_text(file, timeout)
    if text.count("\n") > _MOST_LINES:
        raise InvalidInputError(f"--samples-file: {display_name(file)} has more than {_MOST_LINES:,} lines")
    lines = list(map(str.strip, text.split("\n")))
    ids = list(filter(None, lines))
    if not ids:
        raise InvalidInputError(
            f"--samples-file: {display_name(file)} has no sample ID; it would export every sample"
        )
    problems = bounded(
        problem for i, line in enumerate(lines) for problem in _check_sample_line(file, i + 1, line)
    )
    if problems:
        raise make_invalid_input_error(problems)
    return ids


def _check_sample_line(file: str, number: int, line: str) -> Iterator[Problem]:
    try:
        if line:
            check_sample_id(line)
    except ValueError as error:
        place = f"--samples-file: {display_name(file)}:{number}"
        yield Problem(message=str(error), place=place, file=display_name(file), line=number, column=1)


def _parse_condition(text: str, index: int, problems: list[Problem]) -> Any:  # noqa: ANN401 - see read_condition
    from modelarts_export.cli.options.search_condition import parse_condition  # noqa: PLC0415 - it may be YAML

    try:
        return parse_condition(text)
    except ValueError as error:
        problems.append(Problem(location=(*_CONDITIONS, index), message=str(error)))
        return {}
