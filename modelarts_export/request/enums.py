"""The enumerations of the API (.github/API.md, section 1): label, wire value and meaning of each member."""

import re
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from modelarts_export.quoting import InterpolatedString, describe_invalid_choice

if TYPE_CHECKING:  # commands without a request load no pydantic
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class WireEnum(Enum):
    """The base of the enumerations; a member is declared as (label, wire value, meaning)."""

    def __init__(self, label: str, wire_value: str | int, meaning: str) -> None:
        """`label` names the value for users, `wire_value` is sent to the API."""
        self.label = label
        self.wire_value = wire_value
        self.meaning = meaning

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the member with this label or wire value, in any letter case.

        Raises ValueError with the labels, and the most similar one.
        """
        member = cls.find(value)
        if member is None:
            raise ValueError(cls._explain_invalid(value))
        return member

    @classmethod
    def find(cls, value: object) -> Self | None:
        """Return the member with this label or wire value, in any letter case, or None."""
        if isinstance(value, cls):
            return value
        name = _normalize(value)
        return None if name is None else cls._map_names().get(name)

    @classmethod
    @cache
    def _map_names(cls) -> dict[str, Self]:
        return {str(name).lower(): member for member in cls for name in (member.label, member.wire_value)}

    @property
    def pattern(self) -> str:
        """A regular expression of its label and wire value in any letter case, for JSON Schema."""
        names = dict.fromkeys(str(name).lower() for name in (self.label, self.wire_value))
        return "|".join(map(ignore_case, names))

    @classmethod
    def labels(cls) -> list[str]:
        """Return the labels, in the order of the API reference."""
        return [member.label for member in cls if member.label]

    @classmethod
    def _explain_invalid(cls, value: object) -> str:
        noun = re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).lower()
        return describe_invalid_choice(value, noun, cls.labels())

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: type, _handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Accept what `parse` accepts, and serialize the wire value."""
        from pydantic_core import core_schema  # noqa: PLC0415 - see above

        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(_serialize)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: "CoreSchema", _handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        """Allow labels and wire values, in any letter case and integers also as strings.

        Editors complete the values of the enumeration.
        """
        names = [*(member.label for member in cls), *(member.wire_value for member in cls)]
        pattern = "|".join(member.pattern for member in cls)
        return {
            "anyOf": [
                {"enum": list(dict.fromkeys(names))},
                {"type": "string", "pattern": f"^({pattern})$"},
            ]
        }


def ignore_case(text: str) -> str:
    """Return a regular expression of a text in any letter case; JSON Schema has no flag for that."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in text)


def _normalize(value: object) -> str | None:
    """Return the text to compare, or None; a boolean is not a number here."""
    return None if isinstance(value, bool) or not isinstance(value, str | int) else str(value).lower()


def _serialize(member: Any) -> str | int:  # noqa: ANN401 - as pydantic declares serializers
    wire_value: str | int = member.wire_value
    return wire_value


class ExportType(WireEnum):
    """Which samples are exported."""

    LABELED = "labeled", 0, "samples that have labels"
    UNLABELED = "unlabeled", 1, "samples without labels"
    ALL = "all", 2, "every sample"
    SEARCH = "search", 3, "the samples that match the filters of export_params; every sample without a filter"


class ExportFormat(WireEnum):
    """The layout of the files in the directory."""

    TREE = "tree", 1, "a folder for each label"
    FLAT = "flat", 2, "all files in one folder, with separate files for the labels"


class AnnotationFormat(WireEnum):
    """The format of labels."""

    VOC = "VOC", "VOC", "labels as Pascal VOC"
    COCO = "COCO", "COCO", "labels as COCO"


class DatasetType(WireEnum):
    """The kind of the samples and of their labels."""

    IMAGE_CLASSIFICATION = "image-classification", 0, "images, each with labels"
    OBJECT_DETECTION = "object-detection", 1, "images with boxes around objects"
    IMAGE_SEGMENTATION = "image-segmentation", 3, "images with outlined regions"
    TEXT_CLASSIFICATION = "text-classification", 100, "texts, each with labels"
    NAMED_ENTITY_RECOGNITION = "named-entity-recognition", 101, "texts with names marked in them"
    TEXT_TRIPLET = "text-triplet", 102, "texts with entities and the relations between them"
    SOUND_CLASSIFICATION = "sound-classification", 200, "recordings, each with labels"
    SPEECH_CONTENT = "speech-content", 201, "recordings with what is said"
    SPEECH_PARAGRAPH = "speech-paragraph", 202, "recordings with what is said, passage by passage"
    TABLE = "table", 400, "a table"
    VIDEO = "video", 600, "videos"
    CUSTOM = "custom", 900, "files of any format"


class LabelType(WireEnum):
    """What a label describes."""

    IMAGE_CLASSIFICATION = "image-classification", 0, "an image"
    OBJECT_DETECTION = "object-detection", 1, "a rectangle in an image"
    IMAGE_SEGMENTATION = "image-segmentation", 3, "an area of an image"
    TEXT_CLASSIFICATION = "text-classification", 100, "a text"
    NAMED_ENTITY = "named-entity", 101, "a word in a text"
    TRIPLET_RELATION = "triplet-relation", 102, "the relation of a text triplet"
    TRIPLET_ENTITY = "triplet-entity", 103, "an entity of a text triplet"
    SOUND_CLASSIFICATION = "sound-classification", 200, "a sound"
    SPEECH_CONTENT = "speech-content", 201, "what is said"
    SPEECH_PARAGRAPH = "speech-paragraph", 202, "a paragraph of what is said"
    VIDEO = "video", 600, "a video"


class SourceTypeHeader(WireEnum):
    """The scheme of the paths in the manifest."""

    OBS = "obs://", "obs://", "the default; training does not read such paths"
    S3 = "s3://", "s3://", "the scheme that training reads"


class VersionFormat(WireEnum):
    """The format of a dataset version."""

    DEFAULT = "Default", "Default", "the usual format"
    CARBON_DATA = "CarbonData", "CarbonData", "a CarbonData table; for tables only"
    CSV = "CSV", "CSV", "a table of comma-separated values"


class ExportDest(WireEnum):
    """The destination of an export, which makes the two kinds of requests."""

    DIR = "DIR", "DIR", "to an OBS directory"
    NEW_DATASET = "NEW_DATASET", "NEW_DATASET", "to a new dataset"


class Operator(WireEnum):
    """How several labels, attributes or properties are combined."""

    AND = "AND", "AND", "all of them"
    OR = "OR", "OR", "any of them"


class SampleState(WireEnum):
    """The state of the samples that are exported."""

    ANY = "", "", "samples in any state"
    LABELED = "labeled", "__ALL__", "samples that have labels; it does not mean all samples"
    UNLABELED = "unlabeled", "__NONE__", "samples without labels; it does not mean no samples"
    PENDING_ACCEPTANCE = "pending-acceptance", "__UNCHECK__", "samples that wait for acceptance"
    ACCEPTED = "accepted", "__ACCEPTED__", "accepted samples"
    REJECTED = "rejected", "__REJECTED__", "rejected samples"
    PENDING_REVIEW = "pending-review", "__UNREVIEWED__", "samples that wait for review"
    REVIEWED = "reviewed", "__REVIEWED__", "reviewed samples"
    SAMPLED = "sampled", "__WORKFORCE_SAMPLED__", "samples sampled for acceptance"
    SAMPLED_UNCHECKED = "sampled-unchecked", "__WORKFORCE_SAMPLED_UNCHECK__", "sampled, and not checked yet"
    SAMPLED_CHECKED = "sampled-checked", "__WORKFORCE_SAMPLED_CHECKED__", "sampled and checked"
    SAMPLED_ACCEPTED = "sampled-accepted", "__WORKFORCE_SAMPLED_ACCEPTED__", "sampled and accepted"
    SAMPLED_REJECTED = "sampled-rejected", "__WORKFORCE_SAMPLED_REJECTED__", "sampled and rejected"
    AUTO_ANNOTATED = (
        "auto-annotated",
        "__AUTO_ANNOTATION__",
        "labeled automatically, and waiting for confirmation",
    )

    @classmethod
    def _explain_invalid(cls, value: object) -> str:
        """Explain all and none, whose wire values __ALL__ and __NONE__ do not mean all and no samples."""
        member = {"all": cls.LABELED, "none": cls.UNLABELED}.get(_normalize(value) or "")
        if member is None or isinstance(value, InterpolatedString):
            return super()._explain_invalid(value)
        return (
            f"{value!r} is ambiguous: {member.wire_value} means {member.label} samples only; "
            f"write {member.label}, or leave the state out to export samples in any state"
        )
