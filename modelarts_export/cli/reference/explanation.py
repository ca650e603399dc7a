"""An explanation: one meaning of a topic, its kind, and the names that find it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from re import compile as compile_pattern
from typing import Any

TOPIC, FIELD, OPTION, VALUE = "topic", "field", "option", "value"
EXIT_CODE, STATUS, HTTP_STATUS, API_ERROR = "exit code", "task status", "HTTP status", "API error"
# What stands before a colon to select one kind, such as exit:2.
SELECTORS: Mapping[str, str] = {
    "topic": TOPIC,
    "field": FIELD,
    "option": OPTION,
    "value": VALUE,
    "exit": EXIT_CODE,
    "state": STATUS,
    "http": HTTP_STATUS,
    "code": API_ERROR,
}
_INDEX = compile_pattern(r"\[\d*\]")


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One meaning of a topic; `facts` are its other properties, and `aliases` also find it.

    `condition` says when the name has this meaning, if it has others of the same kind.

    `sections` are the tables of a longer text: under each title, names with their texts.
    """

    kind: str
    name: str
    meaning: str
    condition: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """The name in a list: the last part of a field's path, the family of an error code or a status."""
        head, _, last = self.name.rpartition(".")
        families = {FIELD: last, API_ERROR: f"{head}.NNNN", HTTP_STATUS: f"{self.name[:1]}xx"}
        return families.get(self.kind, self.name)

    @property
    def selector(self) -> str:
        """What stands before a colon to select this kind of meaning."""
        return next(prefix for prefix, kind in SELECTORS.items() if kind == self.kind)

    def to_dict(self) -> dict[str, Any]:
        """Return one object."""
        sections = {"sections": self.sections} if self.sections else {}
        return {"kind": self.kind, "name": self.name, "meaning": self.meaning, **self.facts, **sections}

    def matches(self, topic: str) -> bool:
        """Return whether the topic is the name or an alias, after the selector of its kind if it has one.

        A topic with dashes before it is a flag, which only a field or an option has.
        """
        prefix, colon, name = topic.partition(":")
        kind = SELECTORS.get(prefix.lower()) if colon else None
        wanted = topic if kind is None else name
        if kind not in (None, self.kind) or (wanted.startswith("-") and self.kind not in (FIELD, OPTION)):
            return False
        return _normalize(wanted) in map(_normalize, (self.name, *self.aliases))


def _normalize(topic: str) -> str:
    """Return a key without case, dashes and indices, so that a field and its flag are equal."""
    return _INDEX.sub("", topic).lstrip("-").lower().replace("-", "_")
