"""The enumerations of the API: each member has a word for people and the code for the wire.

Source: .github/API.md, section 1, "Enumerations".
"""

from difflib import get_close_matches
from enum import Enum
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Choice(Enum):
    """One value of an enumeration; members are written as (word, code)."""

    def __init__(self, word: str, code: str | int) -> None:
        """Keep both names of the value."""
        self.word = word
        self.code = code

    @classmethod
    def read(cls, value: object) -> Self:
        """Return the member that `value` names by word or by code, in any letter case.

        Raises ValueError with the words there are, and the nearest one.
        """
        if isinstance(value, cls):
            return value
        spelled = _spelled(value)
        for member in cls:
            if spelled in (member.word.lower(), str(member.code).lower()):
                return member
        raise ValueError(cls._refusal(value))

    @classmethod
    def words(cls) -> list[str]:
        """Return the words, in the order of the API reference."""
        return [member.word for member in cls if member.word]

    @classmethod
    def _refusal(cls, value: object) -> str:
        return (
            f"{value!r} is not one of {', '.join(cls.words())}{nearest(_spelled(value) or '', cls.words())}"
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: type, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let a model field be any spelling of the value and be written as its code."""
        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(_code)
        )


def nearest(word: str, known: list[str]) -> str:
    """Return "; did you mean X?" for the known word most like this one, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def _spelled(value: object) -> str | None:
    """Return the text to compare; True is no number here, although Python thinks so."""
    return None if isinstance(value, bool) or not isinstance(value, str | int) else str(value).lower()


def _code(member: Any) -> str | int:  # noqa: ANN401 - pydantic hands over whatever the field holds
    code: str | int = member.code
    return code


class ExportType(Choice):
    """Which samples are exported."""

    LABELED = "labeled", 0
    UNLABELED = "unlabeled", 1
    ALL = "all", 2
    SEARCH = "search", 3


class ExportFormat(Choice):
    """How the files lie in the directory."""

    TREE = "tree", 1
    FLAT = "flat", 2


class AnnotationFormat(Choice):
    """How labels are written."""

    VOC = "VOC", "VOC"
    COCO = "COCO", "COCO"


class DatasetType(Choice):
    """What the samples are and how they are labelled."""

    IMAGE_CLASSIFICATION = "image-classification", 0
    OBJECT_DETECTION = "object-detection", 1
    IMAGE_SEGMENTATION = "image-segmentation", 3
    TEXT_CLASSIFICATION = "text-classification", 100
    NAMED_ENTITY_RECOGNITION = "named-entity-recognition", 101
    TEXT_TRIPLET = "text-triplet", 102
    SOUND_CLASSIFICATION = "sound-classification", 200
    SPEECH_CONTENT = "speech-content", 201
    SPEECH_PARAGRAPH = "speech-paragraph", 202
    TABLE = "table", 400
    VIDEO = "video", 600
    CUSTOM = "custom", 900


class SourceTypeHeader(Choice):
    """What a path in the manifest begins with."""

    OBS = "obs://", "obs://"
    S3 = "s3://", "s3://"


class VersionFormat(Choice):
    """The format of a dataset version."""

    DEFAULT = "Default", "Default"
    CARBON_DATA = "CarbonData", "CarbonData"
    CSV = "CSV", "CSV"


class ExportDest(Choice):
    """Where an export goes: the two kinds of request."""

    DIR = "DIR", "DIR"
    NEW_DATASET = "NEW_DATASET", "NEW_DATASET"


class Operator(Choice):
    """How several labels, attributes or properties combine."""

    AND = "AND", "AND"
    OR = "OR", "OR"


class SampleState(Choice):
    """The state of the samples that are exported."""

    ANY = "", ""
    LABELED = "labeled", "__ALL__"
    UNLABELED = "unlabeled", "__NONE__"
    PENDING_ACCEPTANCE = "pending-acceptance", "__UNCHECK__"
    ACCEPTED = "accepted", "__ACCEPTED__"
    REJECTED = "rejected", "__REJECTED__"
    PENDING_REVIEW = "pending-review", "__UNREVIEWED__"
    REVIEWED = "reviewed", "__REVIEWED__"
    SAMPLED = "sampled", "__WORKFORCE_SAMPLED__"
    SAMPLED_UNCHECKED = "sampled-unchecked", "__WORKFORCE_SAMPLED_UNCHECK__"
    SAMPLED_CHECKED = "sampled-checked", "__WORKFORCE_SAMPLED_CHECKED__"
    SAMPLED_ACCEPTED = "sampled-accepted", "__WORKFORCE_SAMPLED_ACCEPTED__"
    SAMPLED_REJECTED = "sampled-rejected", "__WORKFORCE_SAMPLED_REJECTED__"
    AUTO_ANNOTATED = "auto-annotated", "__AUTO_ANNOTATION__"

    @classmethod
    def _refusal(cls, value: object) -> str:
        """Explain the two words that mean the opposite of what they seem to say."""
        meant = {"all": cls.LABELED, "none": cls.UNLABELED}.get(_spelled(value) or "")
        if meant is None:
            return super()._refusal(value)
        return (
            f"{value!r} is ambiguous: {meant.code} means {meant.word} samples only; "
            f"write {meant.word}, or leave the state out to export samples in any state"
        )
