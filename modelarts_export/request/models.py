"""The models of the request of an export task, each field declared once (.github/API.md, sections 1 and 11).

A declaration defines the flag, the key in a spec, the validation, the help, the JSON Schema, the template of
a spec and the body that is sent.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modelarts_export.errors import InvalidInputError, Problem, make_invalid_input_error
from modelarts_export.request.enums import (
    AnnotationFormat,
    DatasetType,
    ExportDest,
    ExportFormat,
    ExportType,
    LabelType,
    Operator,
    SampleState,
    SourceTypeHeader,
    VersionFormat,
)
from modelarts_export.request.error_limits import LongList
from modelarts_export.request.field_types import (
    Boolean,
    DatasetName,
    DatasetReference,
    DirectoryInBucket,
    HardFlag,
    Identifier,
    Integer,
    Metavar,
    ObsDirectory,
    Ratio,
    SampleDir,
    SampleId,
    SampleTime,
    Text,
)
from modelarts_export.request.fields import REQUEST, SAMPLES, SPEC_ONLY, CliFlag, Comparison, declare_optional
from modelarts_export.request.rules import find_errors, is_search
from modelarts_export.sanitize import to_json

_NARROWS = Comparison(narrows=True)
_NOT_RETURNED = Comparison(is_returned=False)
_PARAMS = "Which samples are exported, and how"
_EXPORT_TYPE = "Which samples are exported"
_DEST = "Destination of the export (default DIR)"
# Keys of a spec that Python code gives beside the request.
_ARGUMENTS = {"dataset_id": "an argument of submit", "project_id": "an argument of connect"}


class RequestModel(BaseModel):
    """The base of the JSON objects of a request. A field that is None is not sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    if not TYPE_CHECKING:  # type checkers derive the parameters from the fields

        def __init__(self, **fields: Any) -> None:  # noqa: ANN401 - each field has its own type
            """Validate the fields. Raises InvalidInputError with all problems."""
            try:
                super().__init__(**fields)
            except ValidationError as error:
                from modelarts_export.request.problems import to_problems  # noqa: PLC0415 - a valid request has none

                problems = to_problems(type(self), error, fields, beside=_ARGUMENTS)
                raise _make_error(problems) from None
            self._check_rules()

        __init__.__pydantic_base_init__ = True  # so that model_validate does not call it

    def _check_rules(self) -> None:
        """Raise InvalidInputError where the fields break a rule between them."""


def _make_error(problems: Sequence[Problem]) -> InvalidInputError:
    """Return an error whose problems name their fields."""
    from modelarts_export.request.problems import add_field_name  # noqa: PLC0415 - as above

    return make_invalid_input_error([add_field_name(each) for each in problems])


class SearchLabel(RequestModel):
    """A label that a sample must have."""

    name: Text | None = declare_optional("Name of the label", "cat")
    op: Operator | None = declare_optional("Whether all of the attributes must match, or any")
    property: dict[Text, LongList[Text] | None] | None = declare_optional(
        "Attributes of the label, each with its allowed values; null allows any value", {"color": ["red"]}
    )
    type: LabelType | None = declare_optional("What the label describes")


class SearchLabels(RequestModel):
    """Labels, and whether a sample must have all of them (AND) or any (OR)."""

    labels: LongList[SearchLabel] | None = declare_optional("Labels that a sample must have")
    op: Operator | None = declare_optional(
        "Whether all of the labels must match, or any; required for several"
    )


class SearchProp(RequestModel):
    """Metadata that a sample must have."""

    op: Operator | None = declare_optional("Whether all of the properties must match, or any")
    props: dict[Text, LongList[Text]] | None = declare_optional(
        "Properties, each with its allowed values", {"camera": ["left", "right"]}
    )


class SearchCondition(RequestModel):
    """A filter of samples; a sample is exported when it matches any of the conditions."""

    coefficient: Text | None = declare_optional("Coefficient of difficulty", "0.5")
    frame_in_video: Integer | None = declare_optional("A frame of a video", 7)
    hard: HardFlag | None = declare_optional("Whether the sample is hard", True)  # noqa: FBT003 - an example
    import_origin: Text | None = declare_optional("Where the sample was imported from", "obs")
    kvp: Text | None = declare_optional("Dosage of a CT", "120")
    label_list: SearchLabels | None = declare_optional("Labels of the sample")
    labeler: Text | None = declare_optional("Who labeled the sample", "zhang")
    metadata: SearchProp | None = declare_optional("Properties of the sample")
    parent_sample_id: SampleId | None = declare_optional(
        "ID of the sample that this one was made from", "0a1b2c"
    )
    sample_dir: SampleDir | None = declare_optional(
        "Directory of the sample, not those below; ends with /", "/bucket/in/"
    )
    sample_name: Text | None = declare_optional("Name of the file, with its extension", "cat-1.jpg")
    sample_time: SampleTime | None = declare_optional(
        "When it was added: month (last 30 days), day (since yesterday) or a span of 30 days at most",
        "20261001-20261015",
    )
    score: Text | None = declare_optional("Confidence", "0.9")
    slice_thickness: Text | None = declare_optional("Thickness of a DICOM slice", "5mm")
    study_date: Text | None = declare_optional("When a DICOM was recorded", "20261001")
    time_in_video: Text | None = declare_optional("A time in a video", "12")


class ExportParams(RequestModel):
    """The fields of `export_params` that both kinds of requests have."""

    sample_state: Annotated[SampleState | None, CliFlag("sample-state", group=SAMPLES), _NARROWS] = (
        declare_optional("Only samples in this state")
    )
    export_dest: Annotated[ExportDest | None, SPEC_ONLY, Comparison(default="DIR")] = None
    samples: Annotated[
        LongList[SampleId] | None,
        CliFlag("sample", help="Only this sample; may be given again", group=SAMPLES),
        _NARROWS,
    ] = declare_optional("Only the samples with these IDs", ["sample-1", "sample-2"])
    search_conditions: Annotated[
        LongList[SearchCondition] | None,
        CliFlag(
            "search",
            help='Only samples that match, such as "label=cat,dog hard=true"; again for "or"',
            group=SAMPLES,
        ),
        _NARROWS,
    ] = declare_optional("Only samples that match all fields of any of these conditions")
    train_sample_ratio: Annotated[Ratio | None, Comparison(default="1.00")] = declare_optional(
        "Share of the samples for training, 0 to 1", 0.8
    )
    clear_hard_property: Annotated[Boolean | None, Comparison(default=True)] = declare_optional(
        "Clear the mark of hard samples"
    )
    ratio_sample_usage: Annotated[Boolean | None, Comparison(default=False)] = declare_optional(
        "Divide the samples into training and validation by the ratio"
    )
    export_dataset_version_name: Annotated[
        Annotated[Text, Metavar("NAME")] | None, CliFlag("dataset-version-name"), Comparison()
    ] = declare_optional("Name of the exported dataset version", "V001")
    export_dataset_version_format: Annotated[
        VersionFormat | None,
        CliFlag("dataset-version-format"),
        Comparison(default="Default"),
    ] = declare_optional("Format of the exported dataset version")


class ObsParams(ExportParams):
    """`export_params` of an export to an OBS directory."""

    export_dest: Annotated[ExportDest | None, SPEC_ONLY, Comparison(default="DIR")] = Field(
        default=ExportDest.DIR, description=_DEST
    )


class NewDatasetParams(ExportParams):
    """`export_params` of an export to a new dataset."""

    export_dest: Annotated[ExportDest | None, SPEC_ONLY, Comparison(default="DIR")] = Field(
        default=ExportDest.NEW_DATASET, description=_DEST
    )
    export_new_dataset_name: Annotated[DatasetName, CliFlag("new-dataset-name", group=REQUEST), _NARROWS] = (
        Field(
            description="Name of the new dataset: 1 to 100 letters, digits, -, _ and Chinese characters",
            examples=["cats"],
        )
    )
    export_new_dataset_work_path: Annotated[
        DirectoryInBucket, CliFlag("new-dataset-work-path", group=REQUEST), Comparison()
    ] = Field(
        description="OBS directory for the output of the new dataset; outside path",
        examples=["/bucket/work/"],
    )


class ExportRequest(RequestModel):
    """The fields of the request's body that both kinds of requests have."""

    dest: ClassVar[ExportDest]

    path: Annotated[ObsDirectory, CliFlag("path", group=REQUEST), _NARROWS] = Field(
        description="OBS directory to write to, /bucket/dir/ or obs://bucket/dir/; warns for a bucket's root",
        examples=["/bucket/export/"],
    )
    export_type: Annotated[
        ExportType | None,
        CliFlag("export-type", _EXPORT_TYPE, default="search", group=REQUEST),
        Comparison(narrows=True, default=2),
    ] = declare_optional(f"{_EXPORT_TYPE} (default search)")
    export_format: Annotated[ExportFormat | None, Comparison(default=2)] = declare_optional(
        "A folder for each label, or all files side by side"
    )
    annotation_format: Annotated[AnnotationFormat | None, Comparison()] = declare_optional(
        "Format of the labels"
    )
    dataset_type: Annotated[DatasetType | None, CliFlag("dataset-type", group=REQUEST), Comparison()] = (
        declare_optional("An older field, sent only when given")
    )
    source_type_header: Annotated[SourceTypeHeader | None, Comparison(default="obs://")] = declare_optional(
        "Scheme of the paths in the manifest; training reads s3:// only"
    )
    version_id: Annotated[Identifier | None, _NARROWS] = declare_optional(
        "ID of the dataset version to export", "V1dhQwFXfjhCYNAhhL5"
    )
    version_format: Annotated[VersionFormat | None, Comparison(default="Default")] = declare_optional(
        "Format of that version"
    )
    with_column_header: Annotated[Boolean | None, Comparison(default=True)] = declare_optional(
        "Whether the first row of a table has the names of its columns"
    )
    sample_state: Annotated[SampleState | None, SPEC_ONLY, _NARROWS] = declare_optional(
        "Alternative to export_params.sample_state; no example of the API uses it"
    )
    status: Annotated[Integer | None, SPEC_ONLY, _NOT_RETURNED] = declare_optional(
        "No meaning in a request is documented", 0
    )
    task_id: Annotated[Identifier | None, SPEC_ONLY, _NOT_RETURNED] = declare_optional(
        "No meaning in a request is documented", "TZMuy7OKbClkGCAc3gb"
    )

    @property
    def samples(self) -> list[str]:
        """The IDs in `export_params.samples`."""
        params: ExportParams | None = getattr(self, "export_params", None)
        return (params and params.samples) or []

    @property
    def may_be_large(self) -> bool:
        """Whether it has a field without a limit of its own."""
        params: ExportParams | None = getattr(self, "export_params", None)
        unbounded = ("samples", "search_conditions", "export_dataset_version_name")
        return any(getattr(params, name, None) for name in unbounded)

    def _check_rules(self) -> None:
        problems = list(find_errors(self.to_dict()))
        if problems:
            raise _make_error(problems)

    def to_dict(self) -> dict[str, Any]:
        """Return the body as JSON-like data."""
        return self.model_dump(exclude_none=True)

    def to_bytes(self) -> bytes:
        """Return the body as bytes; equal requests have equal bytes."""
        return to_json(self.to_dict()).encode("ascii")

    @model_validator(mode="before")
    @classmethod
    def _add_defaults(cls, values: object) -> object:
        return add_defaults(values) if isinstance(values, dict) else values


class ToObs(ExportRequest):
    """A request to export a dataset to an OBS directory."""

    dest: ClassVar[ExportDest] = ExportDest.DIR
    export_params: ObsParams | None = Field(default=ObsParams.model_construct(), description=_PARAMS)


class ToNewDataset(ExportRequest):
    """A request to export a dataset to a new dataset."""

    dest: ClassVar[ExportDest] = ExportDest.NEW_DATASET
    path: Annotated[DirectoryInBucket, CliFlag("path", group=REQUEST), _NARROWS] = Field(
        description="OBS directory to write to, /bucket/dir/ or obs://bucket/dir/; not the root of a bucket",
        examples=["/bucket/export/"],
    )
    export_params: NewDatasetParams = Field(description=_PARAMS)


class SpecMetadata(RequestModel):
    """The fields of a spec that are not in the body of the request."""

    dataset_id: Annotated[DatasetReference | None, SPEC_ONLY] = declare_optional(
        "ID of the dataset to export, or name:NAME; the command line takes precedence", "dataset-1"
    )
    project_id: Identifier | None = declare_optional(
        "ID of the project; the command line takes precedence", "project-1"
    )
    name: Annotated[Text | None, SPEC_ONLY] = declare_optional("Name of this export in reports", "nightly")


def add_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Add the two values that every documented example has (.github/API.md, section 11), unless given.

    They are `export_type` search, and for a search without `sample_state` at the top level, the
    `export_params.sample_state` "", which filters nothing. None is a given value: it omits the field.
    """
    body = {"export_type": ExportType.SEARCH, **values}
    params = body.get("export_params", {})
    has_no_state = body.get("sample_state") is None and isinstance(params, dict)
    if has_no_state and is_search(body["export_type"]):
        body["export_params"] = {"sample_state": SampleState.ANY, **params}
    return body
