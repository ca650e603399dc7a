"""Where a secret stands in a text: as it is, escaped for JSON, a URL or HTML, or encoded as base64 or hex."""

import json
import re
import sys
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote

Span = tuple[int, int]

SHORTEST_SECRET = 6  # characters; a shorter one would hide ordinary words, and no cloud gives one out
_SHORTEST_CODE = 12  # characters of base64 or hex; fewer may stand anywhere by chance
_LAYERS = 3  # of escapes: a gateway's message may quote JSON that quotes JSON with a URL in it
_HEX = "[0-9A-Fa-f]"
_NEXT_BYTE = f"%[89ABab]{_HEX}"
# One escape each, for a whole character: of JSON (or Python), of a URL, and of HTML.
_ESCAPE = re.compile(
    rf"\\(?:u[Dd][89ABab]{_HEX}{{2}}\\u[Dd][C-Fc-f]{_HEX}{{2}}|u{_HEX}{{4}}|U000{_HEX}{{5}}|x{_HEX}{{2}})"
    r"""|\\["'\\/bfnrt]"""
    rf"|%(?:[CDcd]{_HEX}{_NEXT_BYTE}|[Ee]{_HEX}(?:{_NEXT_BYTE}){{2}}|[Ff][0-7](?:{_NEXT_BYTE}){{3}}|{_HEX}{{2}})"
    rf"|&(?:#[0-9]{{1,7}}|#[Xx]{_HEX}{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}}(?=;));?"
)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = 12  # characters of two \u escapes that are one character


def forms_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return what to search for, so that no spelling of these secrets is missed."""
    forms = set[str]()
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        forms.update(each for each in _spellings(secret) if _is_long(each))
        for content in _contents(secret):
            forms.update(each for each in _codes(content) if len(each) >= _SHORTEST_CODE)
    return tuple(sorted((form for form in forms if "\0" not in form), key=len, reverse=True))


def occurrences(forms: Iterable[str], text: str) -> Iterator[Span]:
    """Yield where a form stands in the text, its escapes included; spans may overlap, in no order.

    The time is linear in the text: each form is searched in each layer once.
    """
    layers: list[_Layer] = []
    while True:
        for found in _occurrences(forms, text):
            span = found
            for layer in reversed(layers):
                span = layer.outer(span)
            yield span
        layer = _Layer(text)
        if len(layers) == _LAYERS or layer.inner == text:
            return
        layers.append(layer)
        text = layer.inner


def _occurrences(forms: Iterable[str], text: str) -> Iterator[Span]:
    # str.find skips by the length of what it looks for: a hundred keys cost less than one re.compile of them
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + len(form))


class _Layer:
    """A text, what it says with its escapes undone once, and how to come back from there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.inner = _ESCAPE.sub(_character, text)

    def outer(self, span: Span) -> Span:
        """Return where a span of the inner text stands in the outer one, with every escape as a whole."""
        return self._place(span[0], begins=True), self._place(span[1] - 1, begins=False)

    def _place(self, position: int, *, begins: bool) -> int:
        inner_starts, places = self._escapes
        index = bisect_right(inner_starts, position) - 1
        if index < 0:
            return position + (not begins)
        inner_end, start, end = places[index]
        if position < inner_end:
            return start if begins else end
        return end + position - inner_end + (not begins)

    @cached_property
    def _escapes(self) -> tuple[list[int], list[tuple[int, int, int]]]:
        """For each escape where its character begins; and where that ends, and the escape begins and ends."""
        starts, places, shift = list[int](), list[tuple[int, int, int]](), 0
        for match in _ESCAPE.finditer(self._text):
            start, length = match.start() + shift, len(_character(match))
            starts.append(start)
            places.append((start + length, match.start(), match.end()))
            shift += length - len(match[0])
        return starts, places


def _character(escape: re.Match[str]) -> str:
    """Return what an escape stands for; itself when that is nothing."""
    text = escape[0]
    if text.startswith("%"):
        return _decoded(bytes.fromhex(text.replace("%", "")))
    if text.startswith("&#"):
        number = text[2:].rstrip(";")
        code = int(number[1:], 16) if number[0] in "Xx" else int(number)
        return chr(code) if code <= sys.maxunicode else text
    if text.startswith("&"):
        from html import unescape  # noqa: PLC0415 - two thousand names that a start does not need

        return unescape(text)
    if text[1] not in "uUx":
        return _CONTROLS.get(text[1], text[1])
    if len(text) == _SURROGATES:
        return chr(0x10000 + ((int(text[2:6], 16) - 0xD800) << 10) + int(text[8:], 16) - 0xDC00)
    digits = text[2:]
    return chr(int(digits, 16))


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _spellings(secret: str) -> Iterator[str]:
    """Yield the secret as it may stand in some layer of a text."""
    # a header in UTF-8 is read as Latin-1, and text of no encoding as UTF-8; a form has + for a blank
    read = (_bytes(secret).decode(encoding, "replace") for encoding in ("utf-8", "latin-1"))
    for spelling in {secret, secret.replace(" ", "+"), *read}:
        yield spelling
        inner = spelling
        for _ in range(_LAYERS):  # what looks like an escape in a secret is undone with those around it
            inner = _ESCAPE.sub(_character, inner)
            yield inner


def _is_long(spelling: str) -> bool:
    return len(spelling.replace("\ufffd", "")) >= SHORTEST_SECRET


def _contents(secret: str) -> Iterator[bytes]:
    """Yield the bytes that may be encoded: of the secret, or of JSON or a URL that has it."""
    yield _bytes(secret)
    yield json.dumps(secret)[1:-1].encode()
    yield _bytes(json.dumps(secret, ensure_ascii=False)[1:-1])
    yield quote(_bytes(secret), safe="").encode()
    if not secret.isascii():
        yield secret.encode("latin-1", "ignore")  # as Basic credentials may be sent


def _codes(content: bytes) -> Iterator[str]:
    """Yield the content in hex, and in base64 wherever in another content it stands."""
    yield content.hex()
    yield content.hex().upper()
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(content)) * 8 // 6  # what comes after decides the character that follows
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + content)[shared:whole].decode()


def _bytes(text: str) -> bytes:
    """Return the bytes of a text, also of one that the environment has and that is no UTF-8."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
