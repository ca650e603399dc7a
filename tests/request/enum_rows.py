"""Every enumeration of a create call: a body with it, its flag, and its labels with their wire values.

Written by hand from .github/API.md, section 1.
"""

from typing import NamedTuple

Members = list[tuple[str, str | int]]


class Choice(NamedTuple):
    """The place of an enumeration in a body, as a template of JSON around its value; its flag; its members."""

    body: str
    flag: str | None
    members: Members


STATES: Members = [
    ("labeled", "__ALL__"),
    ("unlabeled", "__NONE__"),
    ("pending-acceptance", "__UNCHECK__"),
    ("accepted", "__ACCEPTED__"),
    ("rejected", "__REJECTED__"),
    ("pending-review", "__UNREVIEWED__"),
    ("reviewed", "__REVIEWED__"),
    ("sampled", "__WORKFORCE_SAMPLED__"),
    ("sampled-unchecked", "__WORKFORCE_SAMPLED_UNCHECK__"),
    ("sampled-checked", "__WORKFORCE_SAMPLED_CHECKED__"),
    ("sampled-accepted", "__WORKFORCE_SAMPLED_ACCEPTED__"),
    ("sampled-rejected", "__WORKFORCE_SAMPLED_REJECTED__"),
    ("auto-annotated", "__AUTO_ANNOTATION__"),
]
DATASET_TYPES: Members = [
    ("image-classification", 0),
    ("object-detection", 1),
    ("image-segmentation", 3),
    ("text-classification", 100),
    ("named-entity-recognition", 101),
    ("text-triplet", 102),
    ("sound-classification", 200),
    ("speech-content", 201),
    ("speech-paragraph", 202),
    ("table", 400),
    ("video", 600),
    ("custom", 900),
]
EXPORT_TYPES: Members = [("labeled", 0), ("unlabeled", 1), ("all", 2)]
FORMATS: Members = [("Default", "Default"), ("CarbonData", "CarbonData"), ("CSV", "CSV")]
OPERATORS: Members = [("AND", "AND"), ("OR", "OR")]

USUAL = '{"path": "/b/d/", "export_type": 3, "export_params": {"sample_state": "", "export_dest": "DIR"}'
PARAMS = '{"path": "/b/d/", "export_type": 3, "export_params": {"export_dest": "DIR", "sample_state": '
CONDITION = PARAMS + '"", "search_conditions": [{'

# fmt: off
CHOICES = [
    Choice('{"path": "/b/d/", "export_type": @, "export_params": {"export_dest": "DIR"}}', "--export-type", EXPORT_TYPES),
    Choice(USUAL.replace("3", "@") + "}", "--export-type", [("search", 3)]),
    Choice(USUAL + ', "export_format": @}', "--export-format", [("tree", 1), ("flat", 2)]),
    Choice(USUAL + ', "annotation_format": @}', "--annotation-format", [("VOC", "VOC"), ("COCO", "COCO")]),
    Choice(USUAL + ', "dataset_type": @}', "--dataset-type", DATASET_TYPES),
    Choice(USUAL + ', "source_type_header": @}', "--source-type-header", [("obs://", "obs://"), ("s3://", "s3://")]),
    Choice(USUAL + ', "version_format": @}', "--version-format", FORMATS),
    Choice(PARAMS + '"", "export_dataset_version_format": @}}', "--dataset-version-format", FORMATS),
    Choice(PARAMS + "@}}", "--sample-state", STATES),
    Choice('{"path": "/b/d/", "export_type": 3, "sample_state": @, "export_params": {"export_dest": "DIR"}}', None, STATES),
    Choice(USUAL.replace('"DIR"', "@") + "}", None, [("DIR", "DIR")]),
    Choice(CONDITION + '"label_list": {"labels": [{"name": "a"}, {"name": "b"}], "op": @}}]}}', None, OPERATORS),
    Choice(CONDITION + '"label_list": {"labels": [{"name": "a", "op": @}]}}]}}', None, OPERATORS),
    Choice(CONDITION + '"metadata": {"op": @, "props": {"a": ["b"]}}}]}}', None, OPERATORS),
]
# fmt: on
