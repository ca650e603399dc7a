"""Text on its way out: made harmless, freed of secrets, or written as JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# C0, DEL and C1 steer a terminal; bidirectional controls and line separators forge what is read; a lone
# surrogate cannot be written at all.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORTEST_SECRET = 6  # a shorter one would blot out ordinary words, and no cloud gives one out
_QUOTINGS = 2  # JSON that quotes JSON, as a gateway's message may
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
REDACTED = "***"
_MOST_SHOWN = 500  # characters of a text from outside in one sentence
# Not between two printable ASCII characters: half a secret would not be found by what replaces secrets.
_BEGINNING = re.compile(rf"(?s).{{0,{_MOST_SHOWN}}}(?:(?![!-~])|(?<![!-~]))")
_CUT = "..."


# A CI system obeys a line that begins with ::, after blanks too, and a ##[ anywhere in it.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)


def harmless(text: str) -> str:
    """Return the text as one line in which everything that would act instead of show is visible."""
    shown = _HARMFUL.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)
    return _COMMAND.sub(lambda match: "\\x23" if match[0] == "#" else f"{match[1]}\\x3a", shown)


def truncate(text: str) -> str:
    """Return the text, or the beginning of a long one."""
    if len(text) <= _MOST_SHOWN:
        return text
    found = _BEGINNING.match(text)
    return (found[0] if found else "") + _CUT


def is_harmless(text: str) -> bool:
    """Tell whether the text can be written as it is; line feeds count as harmless here."""
    return not _HARMFUL.search(text.replace("\n", "")) and not _COMMAND.search(text)


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return JSON in printable ASCII, without spaces unless indented."""
    separators = (",", ":") if indent is None else None
    # json leaves DEL as it is; it can only stand inside a string, where the escape means the same
    text = json.dumps(value, indent=indent, separators=separators).replace("\x7f", "\\u007f")
    return text.replace("##[", "\\u0023#[")  # the same: a CI system would obey it


def unescaped(text: str) -> str:
    """Return text as it was before JSON quoted it."""
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED.get(m[2], m[2]), text)


class Scrubber:
    """Replaces every secret it knows, in text and in data."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Know these secrets; more can be learned."""
        self._secrets: set[str] = set()
        self.learn(*secrets)

    def __repr__(self) -> str:
        """Say how many, never which."""
        return f"<{type(self).__name__} of {len(self._secrets)} secrets>"

    def learn(self, *secrets: str) -> None:
        """Know these secrets too."""
        self._secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)

    def contains_secret(self, text: str) -> bool:
        """Tell whether the text holds a secret, plain or encoded."""
        return self.text(text) != text

    def text(self, text: str) -> str:
        """Return the text without secrets, those included that are spelled with the escapes of JSON.

        The escapes are undone only where one hid a secret; otherwise the text stays as it was.
        """
        clean = undone = self._replaced(text)
        for _ in range(_QUOTINGS if "\\" in text and self._secrets else 0):
            plain = unescaped(undone)
            undone = self._replaced(plain)
            if undone != plain:
                clean = undone
        return clean

    def _replaced(self, text: str) -> str:
        """Replace the longest first, lest the rest of one stays readable."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        return text

    def data(self, value: Any) -> Any:  # noqa: ANN401 - JSON of any shape goes through
        """Return a copy of JSON-like data whose strings, keys included, have no secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(inner) for key, inner in value.items()}
        return [self.data(inner) for inner in value] if isinstance(value, list | tuple) else value
