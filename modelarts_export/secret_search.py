"""The search for secrets in text: plain, escaped for JSON, a URL or HTML, or encoded in base64 or hex."""

import json
import re
import sys
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from urllib.parse import quote

Span = tuple[int, int]

SHORTEST_SECRET = 6  # characters; shorter ones occur in ordinary words, and no cloud issues one
_SHORTEST_CODE = 12  # characters of base64 or hex; fewer can occur by chance
_LAYERS = 3  # of escapes: the message of a gateway can quote JSON that quotes JSON with a URL
_HEX = "[0-9A-Fa-f]"
_NEXT_BYTE = f"%[89ABab]{_HEX}"
# One escape of a whole character: of JSON (or Python), of a URL, or of HTML.
_ESCAPE = re.compile(
    rf"\\(?:u[Dd][89ABab]{_HEX}{{2}}\\u[Dd][C-Fc-f]{_HEX}{{2}}|u{_HEX}{{4}}|U000{_HEX}{{5}}|x{_HEX}{{2}})"
    r"""|\\["'\\/bfnrt]"""
    rf"|%(?:[CDcd]{_HEX}{_NEXT_BYTE}|[Ee]{_HEX}(?:{_NEXT_BYTE}){{2}}|[Ff][0-7](?:{_NEXT_BYTE}){{3}}|{_HEX}{{2}})"
    rf"|&(?:#[0-9]{{1,7}}|#[Xx]{_HEX}{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}}(?=;));?"
)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = 12  # characters of a surrogate pair in \u escapes


def make_search_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return every spelling and encoding of these secrets."""
    known = (secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
    return tuple(dict.fromkeys(form for secret in known for form in _make_forms_of(secret)))


@lru_cache(maxsize=32)  # a token is sent with each of a thousand requests, and searched in each reply
def _make_forms_of(secret: str) -> frozenset[str]:
    forms = {each for each in _iter_spellings(secret) if _is_long(each)}
    for content in _iter_contents(secret):
        forms.update(each for each in _iter_codes(content) if len(each) >= _SHORTEST_CODE)
    return frozenset(form for form in forms if "\0" not in form)


def find_forms(forms: Iterable[str], text: str) -> Iterator[Span]:
    """Yield the span of each occurrence in the text, with its escapes; spans can overlap and are unordered.

    The time is linear in the text: each form is searched once in each layer of escapes.
    """
    layers: list[_Layer] = []
    while True:
        for found in _find_plain(forms, text):
            span = found
            for layer in reversed(layers):
                span = layer.map_to_outer(span)
            yield span
        layer = _Layer(text)
        if len(layers) == _LAYERS or layer.inner == text:
            return
        layers.append(layer)
        text = layer.inner


def _find_plain(forms: Iterable[str], text: str) -> Iterator[Span]:
    # str.find skips by the length of the form: searching a hundred forms is faster than compiling one regex
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + len(form))


class _Layer:
    """A text, the text with its escapes undone once, and the mapping of positions between them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.inner = _ESCAPE.sub(_unescape, text)

    def map_to_outer(self, span: Span) -> Span:
        """Return the span in the outer text for one of the inner text; escapes are included whole."""
        return self._map_position(span[0], begins=True), self._map_position(span[1] - 1, begins=False)

    def _map_position(self, position: int, *, begins: bool) -> int:
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
        """The start of each unescaped character; and its end, and start and end of its escape."""
        starts, places, shift = list[int](), list[tuple[int, int, int]](), 0
        for match in _ESCAPE.finditer(self._text):
            start, length = match.start() + shift, len(_unescape(match))
            starts.append(start)
            places.append((start + length, match.start(), match.end()))
            shift += length - len(match[0])
        return starts, places


def _unescape(escape: re.Match[str]) -> str:
    """Return the character of an escape; the escape itself if it has none."""
    text = escape[0]
    if text.startswith("%"):
        return _decode(bytes.fromhex(text.replace("%", "")))
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


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _iter_spellings(secret: str) -> Iterator[str]:
    """Yield the secret as it can occur in a layer of a text."""
    # UTF-8 can be decoded as Latin-1 and the reverse; a URL-encoded form has + for a blank
    read = (_to_bytes(secret).decode(encoding, "replace") for encoding in ("utf-8", "latin-1"))
    for spelling in {secret, secret.replace(" ", "+"), *read}:
        yield spelling
        inner = spelling
        for _ in range(_LAYERS):  # an escape sequence in a secret is undone with those around it
            inner = _ESCAPE.sub(_unescape, inner)
            yield inner


def _is_long(spelling: str) -> bool:
    return len(spelling.replace("\ufffd", "")) >= SHORTEST_SECRET


def _iter_contents(secret: str) -> Iterator[bytes]:
    """Yield the bytes that can be encoded: the secret itself, or the secret in JSON or in a URL."""
    yield _to_bytes(secret)
    yield json.dumps(secret)[1:-1].encode()
    yield _to_bytes(json.dumps(secret, ensure_ascii=False)[1:-1])
    yield quote(_to_bytes(secret), safe="").encode()
    if not secret.isascii():
        yield secret.encode("latin-1", "ignore")  # the encoding of Basic credentials


def _iter_codes(content: bytes) -> Iterator[str]:
    """Yield the content in hex, and in base64 at each of the three possible offsets."""
    yield content.hex()
    yield content.hex().upper()
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(content)) * 8 // 6  # the next character depends on what follows the content
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + content)[shared:whole].decode()


def _to_bytes(text: str) -> bytes:
    """Return the bytes of a text, also of an environment variable that is not UTF-8."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
