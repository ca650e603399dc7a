"""The samples of the datasets, and which of them an export selects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from modelarts_export.sandbox.cloud.contract import JsonObject

_DAY = 86_400.0  # seconds
_MONTH = 30  # days, which the documents mean by the word (API.md, section 1)
_LABELED, _UNLABELED, _ALL, _SEARCH = 0, 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label of a sample; each attribute has one value."""

    name: str
    type: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample of a dataset: `created` in epoch seconds, `states` as the API spells them.

    `facts` are fields that a search condition compares for equality; a condition about a missing fact does
    not match.
    """

    sample_id: str
    name: str
    directory: str
    created: float
    labels: tuple[Label, ...] = ()
    states: frozenset[str] = frozenset()
    hard: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)


def make_built_in_samples(directory: str, created: float, label_type: int) -> tuple[Sample, ...]:
    """Return the 20 samples of a dataset that was created at a time, in epoch seconds.

    1 to 8 are cats, 9 to 14 dogs, 15 and 16 both, and 17 to 20 have no labels.
    """
    return tuple(_make_sample(number, directory, created, label_type) for number in range(1, 21))


SUMMARY = (
    "Each dataset has 20 samples, sample-01 to sample-20: 10 with the label cat, 8 with dog (2 of them have "
    "both), and 4 without labels; 3 are hard, and each has one value of meta.camera, left or right."
)
"""Description of the samples for the help."""

_AWAITING, _SAMPLED = "__AUTO_ANNOTATION__", "__WORKFORCE_SAMPLED__"
# By number; a sample without labels has __NONE__ beside these, and any other __ALL__.
_STATES: Mapping[int, tuple[str, ...]] = {
    **dict.fromkeys((1, 2), ("__ACCEPTED__",)),
    **dict.fromkeys((3, 4, 5), ("__UNCHECK__",)),
    6: ("__REJECTED__",),
    **dict.fromkeys((7, 8), ("__UNREVIEWED__",)),
    **dict.fromkeys((9, 10), ("__REVIEWED__",)),
    11: (_SAMPLED, "__WORKFORCE_SAMPLED_UNCHECK__"),
    12: (_SAMPLED, "__WORKFORCE_SAMPLED_CHECKED__"),
    13: (_SAMPLED, "__WORKFORCE_SAMPLED_CHECKED__", "__WORKFORCE_SAMPLED_ACCEPTED__"),
    14: (_SAMPLED, "__WORKFORCE_SAMPLED_CHECKED__", "__WORKFORCE_SAMPLED_REJECTED__"),
    **dict.fromkeys((17, 18), (_AWAITING,)),
}
_HARD = (1, 9, 15)
_SUBDIRECTORY_FROM = 16
_LAST_CAT, _LAST_DOG, _LAST_LABELED = 8, 14, 16


def _make_sample(number: int, directory: str, created: float, label_type: int) -> Sample:
    attributes = {"color": "red" if number % 2 else "blue"}
    labels = tuple(
        Label(name=name, type=label_type, attributes=attributes) for name in _choose_labels(number)
    )
    age = 0.5 if number <= 5 else 10 if number <= 12 else 60  # noqa: PLR2004 - days: three ages
    facts: dict[str, object] = {"import_origin": "sandbox"}
    if labels:
        facts["labeler"] = "alice" if number % 2 else "bob"
    if _AWAITING in _STATES.get(number, ()):
        facts["score"] = "0.9"
    return Sample(
        sample_id=f"sample-{number:02}",
        name=f"image-{number:02}.jpg",
        directory=f"{directory}more/" if number >= _SUBDIRECTORY_FROM else directory,
        created=created - age * _DAY,
        labels=labels,
        states=frozenset((*_STATES.get(number, ()), "__ALL__" if labels else "__NONE__")),
        hard=number in _HARD,
        metadata={"camera": "left" if number % 2 else "right"},
        facts=facts,
    )


def _choose_labels(number: int) -> tuple[str, ...]:
    if number <= _LAST_CAT:
        return ("cat",)
    if number <= _LAST_DOG:
        return ("dog",)
    return ("cat", "dog") if number <= _LAST_LABELED else ()


def select_samples(samples: Sequence[Sample], body: JsonObject, now: float) -> tuple[Sample, ...]:
    """Return the samples that a valid body selects at a time, in epoch seconds.

    Filters apply to export type 3 (search) only, and then all of them must match; without a type every sample
    is selected. Neither is documented (API.md, sections 1 and 2).
    """
    kind, params = body.get("export_type", _ALL), body.get("export_params", {})
    if kind in (_LABELED, _UNLABELED):
        return tuple(sample for sample in samples if bool(sample.labels) == (kind == _LABELED))
    if kind != _SEARCH:
        return tuple(samples)
    states = {body.get("sample_state"), params.get("sample_state")} - {None, ""}
    ids, conditions = set(params.get("samples") or ()), params.get("search_conditions") or [{}]
    return tuple(
        sample
        for sample in samples
        if states <= sample.states
        and (not ids or sample.sample_id in ids)
        and any(matches(sample, condition, now) for condition in conditions)
    )


def matches(sample: Sample, condition: JsonObject, now: float) -> bool:
    """Tell whether a sample matches all of a search condition; unknown keys are ignored."""
    facts = (sample.facts.get(name) == condition[name] for name in _FACTS if name in condition)
    checks = (check(sample, condition[name], now) for name, check in _CHECKS.items() if name in condition)
    return all(facts) and all(checks)


def _combine(operator: str | None) -> Callable[[Iterable[object]], bool]:
    return any if operator == "OR" else all


def _match_labels(sample: Sample, wanted: JsonObject) -> bool:
    found = [any(_match_label(label, each) for label in sample.labels) for each in wanted.get("labels", [])]
    return not found or _combine(wanted.get("op"))(found)


def _match_label(label: Label, wanted: JsonObject) -> bool:
    same = all(getattr(label, name) == wanted[name] for name in ("name", "type") if name in wanted)
    return same and _match_attributes(label.attributes, wanted.get("property", {}), wanted.get("op"))


def _match_attributes(
    attributes: Mapping[str, str], wanted: Mapping[str, list[str] | None], operator: str | None
) -> bool:
    """Compare attributes with the allowed values; null allows any value."""
    found = [
        name in attributes and (values is None or attributes[name] in values)
        for name, values in wanted.items()
    ]
    return not found or _combine(operator)(found)


def _normalize_directory(directory: str) -> str:
    """Return a directory in the form /bucket/directory/, without a scheme."""
    return "/" + directory.removeprefix("obs://").removeprefix("s3://").lstrip("/")


def _match_time(created: float, wanted: str, now: float) -> bool:
    """Tell whether a time is in a span of days, since yesterday ("day") or in the last 30 days ("month").

    Days are those of UTC.
    """
    day, today = datetime.fromtimestamp(created, UTC).date(), datetime.fromtimestamp(now, UTC).date()
    if wanted == "day":
        return day >= today - timedelta(days=1)
    if wanted == "month":
        return created >= now - _MONTH * _DAY
    first, last = wanted.split("-")
    return first <= f"{day:%Y%m%d}" <= last


_CHECKS: Mapping[str, Callable[[Sample, Any, float], bool]] = {
    "hard": lambda sample, wanted, _: sample.hard == (wanted == "1"),
    "label_list": lambda sample, wanted, _: _match_labels(sample, wanted),
    "metadata": lambda sample, wanted, _: _match_attributes(
        sample.metadata, wanted.get("props", {}), wanted.get("op")
    ),
    "sample_dir": lambda sample, wanted, _: sample.directory == _normalize_directory(wanted),
    "sample_name": lambda sample, wanted, _: sample.name == wanted,
    "sample_time": lambda sample, wanted, now: _match_time(sample.created, wanted, now),
}
# Fields of a search condition that must be equal; the second line is for medical images and video.
_FACTS: tuple[str, ...] = ("import_origin", "labeler", "score", "parent_sample_id")
_FACTS += ("coefficient", "frame_in_video", "kvp", "slice_thickness", "study_date", "time_in_video")
