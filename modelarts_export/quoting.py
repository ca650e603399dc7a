"""Quoting of values in messages: shortened, and without the values of variables."""

from typing import Self

MAX_LENGTH = 60  # characters of a value or a key in a message


class InterpolatedString(str):
    """A string in which `${…}` was replaced; messages show its source instead of its value."""

    __slots__ = ("source",)
    source: str

    def __new__(cls, value: str, source: str) -> Self:
        """`source` is the text before the replacement."""
        text = super().__new__(cls, value)
        text.source = source
        return text


class SourceNumber:
    """A number with its source text, so that 0.80 is sent as "0.80"."""

    __slots__ = ()
    source: str


def shorten(text: str) -> str:
    """Return a text of at most MAX_LENGTH characters, or the beginning of a longer one with an ellipsis."""
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"


def quote(value: object) -> str:
    """Format a value for a message."""
    if isinstance(value, InterpolatedString):
        return shorten(value.source)
    if isinstance(value, str):
        return repr(shorten(value))
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    return shorten(repr(value))


def did_you_mean(word: str, known: list[str]) -> str:
    """Return "; did you mean X?" for the most similar of the known words, or an empty string."""
    from difflib import get_close_matches  # noqa: PLC0415 - for an error alone

    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), by_lower, n=1) if len(word) <= MAX_LENGTH else []
    return f"; did you mean {by_lower[close[0]]}?" if close else ""
