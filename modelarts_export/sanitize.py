"""Text on its way out: made harmless, freed of secrets, or written as JSON."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelarts_export.secret_search import Span


# C0, DEL and C1 steer a terminal; bidirectional controls and line separators forge what is read; a lone
# surrogate cannot be written at all.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
REDACTED = "***"
_MOST_SHOWN = 500  # characters of a text from outside in one sentence
# Not between two printable ASCII characters: half a secret would not be found by what replaces secrets.
_BEGINNING = re.compile(rf"(?s).{{0,{_MOST_SHOWN}}}(?:(?![!-~])|(?<![!-~]))")
_CUT = "..."

# A CI system obeys ##[command], ##vso[...] and ##teamcity[...] anywhere in a line, and a line that begins
# with ::, after blanks too. Blanks of one line only: many empty lines would be read again from each of them.
_SERVICE_MESSAGE = re.compile(r"#(?=#[A-Za-z]{0,32}\[)")
_COMMAND = re.compile(rf"^([^\S\n]*):(?=:)|{_SERVICE_MESSAGE.pattern}", re.MULTILINE)

_LONGEST_ID = 64  # characters
IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_WORD = re.compile(r"[A-Za-z0-9_.-]*")
_IDENTIFIED = ("task_id", "dataset_id", "project_id", "new_dataset_id")
_NAME = re.compile("[a-z]+(?:_[a-z]+)*")  # of a field; all of ours and of the API are so


def escape_controls(text: str) -> str:
    """Return the text as one line in which everything that would act instead of show is visible."""
    shown = _HARMFUL.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)
    return _COMMAND.sub(lambda match: "\\x23" if match[0] == "#" else f"{match[1]}\\x3a", shown)


def truncate(text: str) -> str:
    """Return the text, or the beginning of a long one."""
    if len(text) <= _MOST_SHOWN:
        return text
    found = _BEGINNING.match(text)
    return (found[0] if found else "") + _CUT


def is_safe_text(text: str) -> bool:
    """Tell whether the text can be written as it is; line feeds count as harmless here."""
    return not _HARMFUL.search(text.replace("\n", "")) and not _COMMAND.search(text)


def is_identifier(text: str) -> bool:
    """Tell whether this is an ID as commands take it: a plain word, for a shell and as an argument too."""
    return IDENTIFIER.fullmatch(text) is not None


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return JSON in printable ASCII, without spaces unless indented."""
    separators = (",", ":") if indent is None else None
    # json leaves DEL as it is; it can only stand inside a string, where the escape means the same
    text = json.dumps(value, indent=indent, separators=separators).replace("\x7f", "\\u007f")
    return escape_commands(text, "\\u0023")


def escape_commands(quoted: str, escape: str) -> str:
    """Return JSON or YAML with this escape in every command for a CI system that a quoted string has."""
    return _SERVICE_MESSAGE.sub(lambda _: escape, quoted)


def unescape_json(text: str) -> str:
    """Return text as it was before JSON quoted it."""
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED.get(m[2], m[2]), text)


class Redactor:
    """Replaces every secret it knows, in text and in data, also where it is escaped or encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Know these secrets; more can be learned."""
        self._secrets: frozenset[str] = frozenset()
        self._kept: frozenset[str] = frozenset()
        self._forms: tuple[frozenset[str], tuple[str, ...]] = (frozenset(), ())
        self.add_secret(*secrets)

    def __repr__(self) -> str:
        """Say how many, never which."""
        return f"<{type(self).__name__} of {len(self._secrets)} secrets>"

    def add_secret(self, *secrets: str) -> None:
        """Know these secrets too."""
        self._secrets |= {secret for secret in secrets if secret}

    def keep(self, *identifiers: str) -> None:
        """Leave these IDs as they are wherever they stand as a word, also if a secret is part of one."""
        self._kept |= set(filter(is_identifier, identifiers))

    def contains_secret(self, text: str) -> bool:
        """Tell whether the text holds a secret, plain or encoded."""
        return any(True for _ in self._found(text))

    def redact(self, text: str) -> str:
        """Return the text without secrets; only the characters that spell one are replaced."""
        pieces, end = list[str](), 0
        for start, stop in _merged(span for span in self._found(text) if not self._is_kept(text, span)):
            pieces += text[end:start], REDACTED
            end = stop
        return "".join([*pieces, text[end:]])

    def redact_data(self, value: Any) -> Any:  # noqa: ANN401 - JSON of any shape goes through
        """Return a copy of JSON-like data whose strings have no secrets.

        Keys that are names of fields stay, and so do IDs under theirs.
        """
        strings = list[str]()

        def collected(text: str) -> str:
            strings.append(text)
            return text

        _changed(value, collected)
        # searched as one text, since there may be very many, and nearly none has anything
        whole = "\0".join(strings)
        clean = self.redact(whole).split("\0")
        if len(clean) != len(strings):  # one has a NUL of its own
            clean = [self.redact(text) for text in strings]
        replacements = iter(clean)
        return _changed(value, lambda _: next(replacements))

    def _found(self, text: str) -> "Iterator[Span]":
        if not self._secrets:
            return iter(())
        from modelarts_export.secret_search import forms_of, occurrences  # noqa: PLC0415 - not for a start

        of, forms = self._forms
        if of != self._secrets:  # made when they are needed, which a start need not wait for
            self._forms = of, forms = self._secrets, forms_of(self._secrets)
        return occurrences(forms, text)

    def _is_kept(self, text: str, span: "Span") -> bool:
        """Tell whether a span is the name of a field in JSON, or lies in an ID that is kept."""
        start, end = span
        if (
            text[start - 1 : start] == '"'
            and text.startswith('":', end)
            and _NAME.fullmatch(text, start, end)
        ):
            return True
        if not self._kept:
            return False
        before = _match(text[max(start - _LONGEST_ID, 0) : start][::-1])
        after = _match(text[end : end + _LONGEST_ID])
        word = text[start - len(before) : end + len(after)]
        return word in self._kept or word.rstrip(".") in self._kept


def _match(text: str) -> str:
    """Return the characters of a word with which a text begins."""
    found = _WORD.match(text)
    return found[0] if found else ""


def _merged(spans: "Iterable[Span]") -> "Iterator[Span]":
    """Yield spans in their order, those that overlap as one, so that no part of the longer one is left."""
    start = end = 0
    for first, last in sorted(spans):
        if first >= end:
            if end:
                yield start, end
            start = first
        end = max(end, last)
    if end:
        yield start, end


def _changed(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a copy of data in which each string was changed, save names of fields and IDs under theirs."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {
            _changed_key(str(key), change): inner if _is_id(key, inner) else _changed(inner, change)
            for key, inner in value.items()
        }
    return [_changed(inner, change) for inner in value] if isinstance(value, list | tuple) else value


def _changed_key(key: str, change: Callable[[str], str]) -> str:
    return key if _NAME.fullmatch(key) else change(key)


def _is_id(key: object, value: object) -> bool:
    return key in _IDENTIFIED and isinstance(value, str) and is_identifier(value)
