"""Values of YAML 1.1 scalars without quotes: booleans, null, numbers, dates and strings.

The rules are those of PyYAML's resolver. Its expressions backtrack, and so take too much time on long text;
these do not.
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
    """A number or a date of YAML, kept as it is written."""

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        """Keep the text of the value."""
        self.source = source

    def __repr__(self) -> str:
        """Return the text in quotes, as that of a string."""
        return repr(self.source)


def read_plain(text: str) -> Scalar:
    """Return the value of a scalar without quotes; an integer in an unusual notation is a SourceDate."""
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
