"""Values in messages: cut where they are long, and never what a variable holds."""

from typing import Self

MAX_LENGTH = 60  # characters of a value, or of a key, that a message shows


class InterpolatedString(str):
    """A string that `${…}` made; a message shows how it is written, not what the variable holds."""

    __slots__ = ("source",)
    source: str

    def __new__(cls, value: str, written: str) -> Self:
        """Keep both."""
        text = super().__new__(cls, value)
        text.source = written
        return text


class SourceNumber:
    """A number that remembers how it was written, so that 0.80 can be sent as "0.80"."""

    __slots__ = ()
    source: str


def shorten(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"


def quote(value: object) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, InterpolatedString):
        return shorten(value.source)
    if isinstance(value, str):
        return repr(shorten(value))
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    return shorten(repr(value))


def did_you_mean(word: str, known: list[str]) -> str:
    """Return "; did you mean X?" for the known word most like this one, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - for an error alone

    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), by_lower, n=1) if len(word) <= MAX_LENGTH else []
    return f"; did you mean {by_lower[close[0]]}?" if close else ""
