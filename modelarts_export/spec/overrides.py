"""Values that win over those of a spec, and the problems that are theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelarts_export.errors import Location, Problem, format_location


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Values by the location of their field.

    `names` are what problems call the fields, such as a flag; `problems` are those of values that could not
    be read.
    """

    values: Mapping[Location, Any] = field(default_factory=dict)
    names: Mapping[Location, str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()

    def merge_into(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return the base with these values; the validation reports a parent that is no mapping."""
        body: dict[Any, Any] = dict(base)
        for location, value in self.values.items():
            *parents, key = location
            target = body
            for name in parents:
                inner = {} if target.get(name) is None else target[name]
                target[name] = dict(inner) if isinstance(inner, Mapping) else inner
                target = target[name]
            if isinstance(target, dict):
                target[key] = value
        return body

    def has_cause_of(self, problem: Problem) -> bool:
        """Return whether one of these values, not one of the spec, has the problem."""
        return self._find_location(problem) is not None

    def locate(self, problem: Problem) -> Problem:
        """Add the name of the value that has the problem, else that of the field."""
        if problem.place or not problem.location or not problem.message:
            return problem
        location = self._find_location(problem) or problem.location
        name = self.names.get(location, format_location(location))
        message = _qualify_message(location, problem, self.values.get(location))
        return replace(problem, place=name, message=message)

    def _find_location(self, problem: Problem) -> Location | None:
        return next((each for each in self.values if problem.location[: len(each)] == each), None)


def _qualify_message(location: Location, problem: Problem, value: object) -> str:
    """Return the message with the part of the value that it is about, such as `number 2` of several."""
    rest = problem.location[len(location) :]
    if not rest:
        return problem.message
    count = ""
    if isinstance(rest[0], int):
        is_one = isinstance(value, Sequence) and len(value) == 1
        count, rest = "" if is_one else f"number {rest[0] + 1}", rest[1:]
    return ": ".join(filter(None, [count, format_location(rest), problem.message]))
