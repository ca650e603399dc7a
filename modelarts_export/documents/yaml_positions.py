"""Where the values of a YAML document stand: a few numbers each, a tenth of what objects would take."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Numbers for each value: index, line, column, index of its end, and the first and the count of its children.
_WIDTH = 6


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A place in the text; line and column begin at 1, `index` counts characters from 0."""

    line: int
    column: int
    index: int


START = Mark(line=1, column=1, index=0)


def counted_from_one(mark: Any) -> Mark:  # noqa: ANN401 - libyaml's and PyYAML's own marks share no class
    """Return a mark of YAML as ours."""
    return Mark(line=mark.line + 1, column=mark.column + 1, index=mark.index) if mark else START


class Places:
    """The places of one document. A value is known by its number, in the order of the text.

    The children of a list are its values, those of a mapping its keys; the value of a key is the next number.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.count = 0  # and so the number that the next value will have
        self._numbers = array("I")
        self._extend = self._numbers.extend
        self._children = array("I")
        self._names: dict[int, dict[str, int]] = {}

    def add(self, event: Any) -> int:  # noqa: ANN401 - an event of YAML, whose marks are always there
        """Keep the place of a value and return its number."""
        start = event.start_mark
        self._extend((start.index, start.line, start.column, event.end_mark.index, 0, 0))
        number = self.count
        self.count = number + 1
        return number

    def enclose(self, number: int, children: Sequence[int]) -> None:
        """Keep the children of a list or a mapping."""
        at = number * _WIDTH
        self._numbers[at + 4], self._numbers[at + 5] = len(self._children), len(children)
        self._children.extend(children)

    def repeat(self, alias: int, number: int) -> None:
        """Let an alias have the children of what it stands for."""
        at, other = alias * _WIDTH, number * _WIDTH
        self._numbers[at + 4 : at + 6] = self._numbers[other + 4 : other + 6]

    def mark(self, number: int) -> Mark:
        """Return the place of a value."""
        index, line, column = self._numbers[number * _WIDTH : number * _WIDTH + 3]
        return Mark(index=index, line=line + 1, column=column + 1)

    def span(self, number: int) -> slice:
        """Return where the text of a value begins and ends."""
        at = number * _WIDTH
        return slice(self._numbers[at], self._numbers[at + 3])

    def is_collection(self, number: int) -> bool:
        """Tell whether a value has children."""
        return self._numbers[number * _WIDTH + 5] > 0

    def item(self, number: int, index: int) -> int | None:
        """Return the number of an item of a list."""
        children = self._listed(number)
        return children[index] if 0 <= index < len(children) else None

    def key(self, number: int, name: str, mapping: Mapping[str, Any]) -> int | None:
        """Return the number of a key of a mapping, whose keys are in their order in `mapping`."""
        if number not in self._names:
            self._names[number] = dict(zip(mapping, self._listed(number), strict=True))
        return self._names[number].get(name)

    def _listed(self, number: int) -> "array[int]":
        first, count = self._numbers[number * _WIDTH + 4 : number * _WIDTH + 6]
        return self._children[first : first + count]
