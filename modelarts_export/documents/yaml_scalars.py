"""What YAML 1.1 makes of text without quotes: truth values, null, numbers and dates, or a string.

The rules are those of PyYAML's resolver, in expressions that never go back over what they have read: its own
take time and memory that no file should have.
"""

import re

from modelarts_export.quoting import SourceNumber

Scalar = str | bool | int | SourceNumber | None

_CONSTANTS: dict[str, bool | None] = {
    spelling: value
    for words, value in (("yes true on", True), ("no false off", False), ("null", None))
    for word in words.split()
    for spelling in (word, word.title(), word.upper())
} | {"": None, "~": None}
_OF_CONSTANTS = frozenset(spelling[:1] for spelling in _CONSTANTS)
_OF_NUMBERS = frozenset("-+.0123456789")
_MOST_DIGITS = 18
_SIXTIES = "(?::(?:[0-5][0-9]|[0-9]))++"  # 12:30:45 is a number of base 60
_NUMBER_OR_DATE = re.compile(
    rf"""[-+]?(?:0b[01_]++|0[0-7_]++|0|[1-9][0-9_]*+|0x[0-9a-fA-F_]++|[1-9][0-9_]*+{_SIXTIES})
    |[-+]?[0-9][0-9_]*+(?:{_SIXTIES}\.[0-9_]*+|\.[0-9_]*+(?:[eE][-+][0-9]++)?)
    |\.[0-9][0-9_]*+(?:[eE][-+][0-9]++)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)
    |[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}
    |[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}(?:[Tt]|[ \t]++)[0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]*+)?
     (?:[ \t]*+(?:Z|[-+][0-9]{{1,2}}(?::[0-9]{{2}})?))?""",
    re.VERBOSE,
)


class SourceDate(SourceNumber):
    """What YAML reads as a number or a date, of which only the spelling is of use."""

    __slots__ = ("source",)

    def __init__(self, spelling: str) -> None:
        """Keep the text."""
        self.source = spelling

    def __repr__(self) -> str:
        """Show it as the text that it looks like."""
        return repr(self.source)


def read_plain(text: str) -> Scalar:
    """Return the value of a scalar without quotes: an int only where it is written in the usual way."""
    first = text[:1]
    if first in _OF_NUMBERS:
        digits = text[1:] if first == "-" else text
        if digits[:1] > "0" and len(digits) <= _MOST_DIGITS and digits.isascii() and digits.isdigit():
            return int(text)
        if text == "0":
            return 0
        return SourceDate(text) if _NUMBER_OR_DATE.fullmatch(text) else text
    if first in _OF_CONSTANTS and text in _CONSTANTS:
        return _CONSTANTS[text]
    return SourceDate(text) if text in ("=", "<<") else text
