"""Values in messages: cut where they are long, and never what a variable holds."""

from typing import Self

LONGEST = 60  # characters of a value, or of a key, that a message shows


class Expanded(str):
    """A string that `${…}` made; a message shows how it is written, not what the variable holds."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, value: str, written: str) -> Self:
        """Keep both."""
        text = super().__new__(cls, value)
        text.written = written
        return text


class SourceNumber:
    """A number that remembers how it was written, so that 0.80 can be sent as "0.80"."""

    __slots__ = ()
    source: str


def cut(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def quote(value: object) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, Expanded):
        return cut(value.written)
    if isinstance(value, str):
        return repr(cut(value))
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    return cut(repr(value))
