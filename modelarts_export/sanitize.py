"""Escaping and redaction of text that the program writes, and JSON without control characters."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from modelarts_export.identifiers import is_identifier

if TYPE_CHECKING:
    from modelarts_export.secret_search import Span

# C0, DEL and C1 control a terminal; bidirectional controls and line separators change what a reader sees; a
# lone surrogate cannot be encoded.
_INVISIBLE = "\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROLS = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_JSON_CONTROLS = re.compile(f"[{_INVISIBLE}]")
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
REDACTED = "***"
_MAX_LENGTH = 500  # characters of foreign text in a message
# Never cut between two printable ASCII characters: the redactor does not find half a secret.
_BEGINNING = re.compile(rf"(?s).{{0,{_MAX_LENGTH}}}(?:(?![!-~])|(?<![!-~]))")
_CUT = "..."

# CI systems run ##[command], ##vso[...] and ##teamcity[...] anywhere in a line, and a line that begins with
# ::, also after blanks. The blanks exclude line feeds, so that the time is linear in many empty lines.
_SERVICE_MESSAGE = re.compile(r"#(?=#[A-Za-z]{0,32}\[)")
_COMMAND = re.compile(rf"^([^\S\n]*):(?=:)|{_SERVICE_MESSAGE.pattern}", re.MULTILINE)

_LONGEST_ID = 64  # characters
_WORD = re.compile(r"[A-Za-z0-9_.-]*")
_PLAIN = re.compile("[A-Za-z0-9]{12,}")
_ID_FIELDS = ("task_id", "dataset_id", "project_id", "new_dataset_id")
_FIELD_NAME = re.compile("[a-z]+(?:_[a-z]+)*")  # ours and those of the API


def escape_controls(text: str) -> str:
    """Return the text as one line, with control characters and CI commands escaped."""
    escaped = _CONTROLS.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)
    if "::" not in escaped and "##" not in escaped:  # as nearly always, and each cell of a table comes here
        return escaped
    return _COMMAND.sub(lambda match: "\\x23" if match[0] == "#" else f"{match[1]}\\x3a", escaped)


def truncate(text: str) -> str:
    """Return the text, cut at 500 characters."""
    if len(text) <= _MAX_LENGTH:
        return text
    found = _BEGINNING.match(text)
    return (found[0] if found else "") + _CUT


def is_safe_text(text: str) -> bool:
    """Return whether the text needs no escapes; line feeds are allowed."""
    return not _CONTROLS.search(text.replace("\n", "")) and not _COMMAND.search(text)


def to_json(value: object, *, indent: int | None = None, ascii_only: bool = True) -> str:
    """Return JSON without spaces unless indented, in which every control character is escaped.

    `ascii_only` escapes every character that is not ASCII.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only)
    # json escapes C0 only; the line feeds that are left are those of the indentation
    text = _JSON_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return escape_commands(text, "\\u0023")


def escape_commands(quoted: str, escape: str) -> str:
    """Return JSON or YAML whose quoted strings have this escape in place of the # of a CI command."""
    return _SERVICE_MESSAGE.sub(lambda _: escape, quoted)


def unescape_json(text: str) -> str:
    """Return text with the escapes of JSON undone."""
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED.get(m[2], m[2]), text)


class Redactor:
    """Replaces secrets in text and in data, also where they are escaped or encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._kept: set[str] = set()  # added to by any thread
        self._forms: tuple[frozenset[str], tuple[str, ...]] = (frozenset(), ())
        self._shortest = 0  # characters; no shorter text has a form of a secret
        self.add_secret(*secrets)

    def __repr__(self) -> str:
        """Return the number of secrets, never a secret."""
        return f"<{type(self).__name__} of {len(self._secrets)} secrets>"

    def add_secret(self, *secrets: str) -> None:
        """Redact these secrets too; those with fewer than 6 characters are ignored."""
        self._secrets |= {secret for secret in secrets if secret}
        # a form of letters and digits is as long as they are; others have escapes, which can be undone
        self._shortest = min(
            (len(each) if _PLAIN.fullmatch(each) else 0 for each in self._secrets), default=0
        )

    def keep(self, *identifiers: str) -> None:
        """Never redact these IDs where they are a whole word, even if one contains a secret."""
        self._kept.update(filter(is_identifier, identifiers))

    def contains_secret(self, text: str) -> bool:
        """Return whether the text contains a secret, plain or encoded."""
        return any(True for _ in self._find(text))

    def redact(self, text: str) -> str:
        """Return the text with `***` in place of each secret."""
        pieces, end = list[str](), 0
        for start, stop in _merge_spans(span for span in self._find(text) if not self._is_kept(text, span)):
            pieces += text[end:start], REDACTED
            end = stop
        return "".join([*pieces, text[end:]])

    def redact_data(self, value: Any) -> Any:  # noqa: ANN401 - JSON of any shape goes through
        """Return a copy of JSON-like data with its strings redacted.

        Keys that are field names are kept, and so are the IDs under the keys of IDs.
        """
        strings = list[str]()

        def collect(text: str) -> str:
            strings.append(text)
            return text

        _map_strings(value, collect)
        # one search in all strings together: there can be very many, and nearly none has a secret
        whole = "\0".join(strings)
        clean = self.redact(whole).split("\0")
        if len(clean) != len(strings):  # a string contains a NUL itself
            clean = [self.redact(text) for text in strings]
        replacements = iter(clean)
        return _map_strings(value, lambda _: next(replacements))

    def _find(self, text: str) -> "Iterator[Span]":
        if not self._secrets or len(text) < self._shortest:
            return iter(())
        from modelarts_export.secret_search import find_forms, make_search_forms  # noqa: PLC0415 - not for a start

        secrets, forms = self._forms
        if secrets != self._secrets:  # made at the first search, which keeps the start fast
            forms = make_search_forms(self._secrets)
            self._forms = self._secrets, forms
        return find_forms(forms, text) if forms else iter(())

    def _is_kept(self, text: str, span: "Span") -> bool:
        """Return whether a span is a field name in JSON, or part of a kept ID."""
        start, end = span
        if (
            text[start - 1 : start] == '"'
            and text.startswith('":', end)
            and _FIELD_NAME.fullmatch(text, start, end)
        ):
            return True
        if not self._kept:
            return False
        before = _leading_word(text[max(start - _LONGEST_ID, 0) : start][::-1])
        after = _leading_word(text[end : end + _LONGEST_ID])
        word = text[start - len(before) : end + len(after)]
        return word in self._kept or word.rstrip(".") in self._kept


def _leading_word(text: str) -> str:
    """Return the word characters at the beginning of a text."""
    found = _WORD.match(text)
    return found[0] if found else ""


def _merge_spans(spans: "Iterable[Span]") -> "Iterator[Span]":
    """Yield spans in order, overlapping ones as one."""
    start = end = 0
    for first, last in sorted(spans):
        if first >= end:
            if end:
                yield start, end
            start = first
        end = max(end, last)
    if end:
        yield start, end


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Return a copy of data with each string changed, except field names, and IDs under the keys of IDs."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {
            _map_key(str(key), change): inner if _is_id(key, inner) else _map_strings(inner, change)
            for key, inner in value.items()
        }
    return [_map_strings(inner, change) for inner in value] if isinstance(value, list | tuple) else value


def _map_key(key: str, change: Callable[[str], str]) -> str:
    return key if _FIELD_NAME.fullmatch(key) else change(key)


def _is_id(key: object, value: object) -> bool:
    return key in _ID_FIELDS and isinstance(value, str) and is_identifier(value)
