"""What we ask for: the request of an export task, each field declared once.

From a declaration here come the flag, the key of a spec, the validation, the help text and the body on the
wire. Source of the fields: .github/API.md, sections 1 and 11.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelarts_export.field_types import (
    DatasetName,
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
    Truth,
)
from modelarts_export.text import to_json
from modelarts_export.vocabulary import (
    AnnotationFormat,
    DatasetType,
    ExportDest,
    ExportFormat,
    ExportType,
    Operator,
    SampleState,
    SourceTypeHeader,
    VersionFormat,
)


@dataclass(frozen=True)
class Flag:
    """The name of a field's flag, where it is not the field's own; an empty one means a spec only."""

    name: str = ""


SPEC_ONLY = Flag()


class Part(BaseModel):
    """A JSON object of the request. A field that is None is not sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SearchLabel(Part):
    """A label that a sample must have."""

    name: Text | None = None
    op: Operator | None = None
    property: dict[Text, list[Text] | None] | None = None
    type: Integer | None = None


class SearchLabels(Part):
    """Labels, and whether a sample must have all of them (AND) or any (OR)."""

    labels: list[SearchLabel] | None = None
    op: Operator | None = None


class SearchProp(Part):
    """Metadata that a sample must have."""

    op: Operator | None = None
    props: dict[Text, list[Text]] | None = None


class SearchCondition(Part):
    """What a sample must be like; a sample is exported when any of the conditions fits."""

    coefficient: Text | None = None
    frame_in_video: Integer | None = None
    hard: HardFlag | None = None
    import_origin: Text | None = None
    kvp: Text | None = None
    label_list: SearchLabels | None = None
    labeler: Text | None = None
    metadata: SearchProp | None = None
    parent_sample_id: Text | None = None
    sample_dir: SampleDir | None = None
    sample_name: Text | None = None
    sample_time: SampleTime | None = None
    score: Text | None = None
    slice_thickness: Text | None = None
    study_date: Text | None = None
    time_in_video: Text | None = None


class ExportParams(Part):
    """The object `export_params`, as both kinds of export have it."""

    sample_state: SampleState | None = Field(default=None, description="Only samples in this state")
    export_dest: Annotated[ExportDest | None, SPEC_ONLY] = None
    samples: Annotated[list[SampleId] | None, Flag("sample")] = Field(
        default=None, description="Only this sample; may be given again"
    )
    search_conditions: Annotated[list[SearchCondition] | None, Flag("search")] = Field(
        default=None, description='Only samples that fit, such as "label=cat,dog hard=true"; again for "or"'
    )
    train_sample_ratio: Ratio | None = Field(
        default=None, description="Share of the samples that is for training, 0 to 1"
    )
    clear_hard_property: Truth | None = Field(default=None, description="Forget which samples are hard")
    ratio_sample_usage: Truth | None = Field(
        default=None, description="Divide the samples into training and validation by the ratio"
    )
    export_dataset_version_name: Annotated[
        Annotated[Text, Metavar("NAME")] | None, Flag("dataset-version-name")
    ] = Field(default=None, description="Name of the exported dataset version")
    export_dataset_version_format: Annotated[VersionFormat | None, Flag("dataset-version-format")] = Field(
        default=None, description="Format of the exported dataset version"
    )


class ObsParams(ExportParams):
    """`export_params` of an export to an OBS directory."""

    export_dest: Annotated[ExportDest | None, SPEC_ONLY] = ExportDest.DIR


class NewDatasetParams(ExportParams):
    """`export_params` of an export that makes a dataset."""

    export_dest: Annotated[ExportDest | None, SPEC_ONLY] = ExportDest.NEW_DATASET
    export_new_dataset_name: Annotated[DatasetName, Flag("new-dataset-name")] = Field(
        description="Name of the dataset to make: 1 to 100 letters, digits, -, _ and Chinese characters"
    )
    export_new_dataset_work_path: Annotated[ObsDirectory, Flag("new-dataset-work-path")] = Field(
        description="OBS directory for what is made of the new dataset; outside --path"
    )


class ExportRequest(Part):
    """The body of a request, as both kinds of export have it."""

    command: ClassVar[str]
    dest: ClassVar[ExportDest]

    path: ObsDirectory = Field(description="OBS directory to write to, /bucket/dir/ or obs://bucket/dir/")
    export_type: ExportType | None = Field(default=None, description="Which samples; search when not given")
    export_format: ExportFormat | None = Field(
        default=None, description="A folder for each label, or all files side by side"
    )
    annotation_format: AnnotationFormat | None = Field(default=None, description="How labels are written")
    dataset_type: DatasetType | None = Field(default=None, description="An older field, sent only when given")
    source_type_header: SourceTypeHeader | None = Field(
        default=None, description="What paths in the manifest begin with; training reads s3:// only"
    )
    version_id: Identifier | None = Field(default=None, description="ID of the dataset version to export")
    version_format: VersionFormat | None = Field(default=None, description="Format of that version")
    with_column_header: Truth | None = Field(
        default=None, description="Whether a table's first row has the names of its columns"
    )
    sample_state: Annotated[SampleState | None, SPEC_ONLY] = None
    status: Annotated[Integer | None, SPEC_ONLY] = None
    task_id: Annotated[Identifier | None, SPEC_ONLY] = None

    @property
    def samples(self) -> list[str]:
        """The IDs of the samples that are named, if any."""
        params: ExportParams | None = getattr(self, "export_params", None)
        return (params and params.samples) or []

    def body(self) -> dict[str, Any]:
        """Return the JSON object to send."""
        return self.model_dump(exclude_none=True)

    def wire(self) -> bytes:
        """Return the bytes to send; the same request is always the same bytes."""
        return to_json(self.body()).encode("ascii")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: object) -> object:
        return with_defaults(given) if isinstance(given, dict) else given


class ToObs(ExportRequest):
    """A request to write a dataset to an OBS directory."""

    command: ClassVar[str] = "to-obs"
    dest: ClassVar[ExportDest] = ExportDest.DIR
    export_params: ObsParams | None = ObsParams()


class ToNewDataset(ExportRequest):
    """A request to make a new dataset of a dataset."""

    command: ClassVar[str] = "to-new-dataset"
    dest: ClassVar[ExportDest] = ExportDest.NEW_DATASET
    export_params: NewDatasetParams


class Heading(Part):
    """What stands in a spec beside the body; none of it is sent in the body."""

    dataset_id: Identifier | None = None
    project_id: Identifier | None = None
    name: Text | None = None


def tasks_path(project_id: str, dataset_id: str) -> str:
    """Return the path of a dataset's export tasks, to create, list and show them (API.md, section 1)."""
    return f"/v2/{quote(project_id, safe='')}/datasets/{quote(dataset_id, safe='')}/export-tasks"


def with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """Add the two values that every documented example sends, where nothing else was said.

    `export_type` search; and then `export_params.sample_state` "", which filters nothing, unless there is a
    state at the top. A None counts as said: it leaves the field out (.github/API.md, section 11).
    """
    filled = {"export_type": ExportType.SEARCH, **given}
    params = filled.get("export_params", {})
    state_is_open = filled.get("sample_state") is None and isinstance(params, dict)
    if state_is_open and searches(filled["export_type"]):
        filled["export_params"] = {"sample_state": SampleState.ANY, **params}
    return filled


def searches(export_type: object) -> bool:
    """Tell whether this spelling of an export type means search."""
    try:
        return ExportType.read(export_type) is ExportType.SEARCH
    except ValueError:
        return False
