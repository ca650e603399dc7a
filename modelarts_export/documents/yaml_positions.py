"""Positions of the values of a YAML document, in a tenth of the memory that objects would take."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Numbers for each value: index, line, column, index of its end, index of its first child, number of children.
_WIDTH = 6


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A position in the text; line and column begin at 1, `index` counts characters from 0."""

    line: int
    column: int
    index: int


START = Mark(line=1, column=1, index=0)


def convert_mark(mark: Any) -> Mark:  # noqa: ANN401 - libyaml's and PyYAML's own marks share no class
    """Convert a mark of libyaml or PyYAML, whose lines and columns begin at 0."""
    return Mark(line=mark.line + 1, column=mark.column + 1, index=mark.index) if mark else START


def locate_index(text: str, index: int) -> Mark:
    """Return the position of a character by its index in the text."""
    line = text.count("\n", 0, index) + 1
    return Mark(line=line, column=index - text.rfind("\n", 0, index), index=index)


class Positions:
    """The positions of one document. A value is identified by its number, in the order of the text.

    The children of a list are its items, those of a mapping its keys; the value of a key has the next number.
    """

    def __init__(self) -> None:
        """Begin without values."""
        self.count = 0  # also the number of the next value
        self._numbers = array("I")
        self._extend = self._numbers.extend
        self._children = array("I")
        self._names: dict[int, dict[str, int]] = {}

    def add(self, event: Any) -> int:  # noqa: ANN401 - an event of YAML; its marks are never None
        """Add the position of a value and return its number."""
        start = event.start_mark
        self._extend((start.index, start.line, start.column, event.end_mark.index, 0, 0))
        number = self.count
        self.count = number + 1
        return number

    def set_children(self, number: int, children: Sequence[int]) -> None:
        """Set the children of a list or a mapping."""
        at = number * _WIDTH
        self._numbers[at + 4], self._numbers[at + 5] = len(self._children), len(children)
        self._children.extend(children)

    def copy_children(self, alias: int, number: int) -> None:
        """Copy the children of an anchored value to an alias of it."""
        to, source = alias * _WIDTH, number * _WIDTH
        self._numbers[to + 4 : to + 6] = self._numbers[source + 4 : source + 6]

    def get_mark(self, number: int) -> Mark:
        """Return where a value begins."""
        index, line, column = self._numbers[number * _WIDTH : number * _WIDTH + 3]
        return Mark(index=index, line=line + 1, column=column + 1)

    def get_span(self, number: int) -> slice:
        """Return the slice of the text that a value covers."""
        at = number * _WIDTH
        return slice(self._numbers[at], self._numbers[at + 3])

    def is_collection(self, number: int) -> bool:
        """Return whether a value has children."""
        return self._numbers[number * _WIDTH + 5] > 0

    def find_item(self, number: int, index: int) -> int | None:
        """Return the number of an item of a list, or None."""
        children = self._get_children(number)
        return children[index] if 0 <= index < len(children) else None

    def find_key(self, number: int, name: str, mapping: Mapping[str, Any]) -> int | None:
        """Return the number of a key, or None. `mapping` has the keys in the order of the text."""
        if number not in self._names:
            self._names[number] = dict(zip(mapping, self._get_children(number), strict=True))
        return self._names[number].get(name)

    def _get_children(self, number: int) -> "array[int]":
        first, count = self._numbers[number * _WIDTH + 4 : number * _WIDTH + 6]
        return self._children[first : first + count]
