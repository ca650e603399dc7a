"""What a command line gives to be checked: a dataset, and a path or a spec."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelarts_export.cli.context import CommandContext
from modelarts_export.diagnosis.diagnose import Subject
from modelarts_export.errors import InvalidInputError, Location, Problem, make_invalid_input_error
from modelarts_export.request.models import ToObs
from modelarts_export.request.validation import ValidatedExport, validate
from modelarts_export.spec.loader import load_specs
from modelarts_export.spec.overrides import Overrides

_PATH: Location = ("path",)


@dataclass(frozen=True, kw_only=True)
class SubjectInput:
    """The arguments, before validation; `path` wins over that of the spec in `files`."""

    dataset: str | None
    path: str | None
    files: Sequence[str]
    assignments: Sequence[str]


def load_subject(given: SubjectInput, context: CommandContext) -> Subject:
    """Return what is to be checked, with the problems of the input.

    Raises InvalidInputError for two specs.
    """
    if len(given.files) > 1:
        raise InvalidInputError("-f was given twice; this command takes one spec")
    errors: dict[str, InvalidInputError] = {}
    export: ValidatedExport | None = None
    warnings: Sequence[Problem] = ()
    try:
        export, warnings = _load_request(given, context)
    except InvalidInputError as error:
        errors["request"] = error
    dataset = given.dataset or (export.dataset_id if export else None)
    is_hidden = bool(given.files) and not export  # the spec may name another dataset than the variable
    if dataset is None and not is_hidden:
        dataset = context.connection.default_dataset
    if dataset is not None:
        try:
            dataset = context.connection.choose_dataset(dataset, needed_for=None)
        except InvalidInputError as error:
            errors["dataset"], dataset = error, None
    return Subject(
        dataset=dataset,
        body=export.request.to_dict() if export else None,
        project_id=export.project_id if export else None,
        errors=errors,
        warnings=warnings,
    )


def _load_request(
    given: SubjectInput, context: CommandContext
) -> tuple[ValidatedExport | None, Sequence[Problem]]:
    """Return the request, if one is given, and its warnings. Raises InvalidInputError with its problems."""
    values: dict[Location, str] = {} if given.path is None else {_PATH: given.path}
    overrides = Overrides(values=values, names={_PATH: "--path"})
    if given.files:
        interpolate = context.app.make_interpolator(given.assignments)
        timeout = context.app.read_timeout(context.flags)
        specs = load_specs(given.files, interpolate, timeout, overrides=overrides)
        if len(specs.exports) != 1:
            raise InvalidInputError(
                f"{given.files[0]} has {len(specs.exports)} documents; this command takes one"
            )
        return specs.exports[0].export, specs.warnings
    if given.path is None:
        return None, ()
    result = validate(ToObs, overrides.merge_into({"export_params": {"export_dest": ToObs.dest}}))
    if result.problems:
        raise make_invalid_input_error([overrides.locate(each) for each in result.problems])
    return result.export, [overrides.locate(each) for each in result.warnings]
