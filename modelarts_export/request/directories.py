"""OBS directories: their normalized form and its validation (.github/API.md, section 2)."""

import re
import unicodedata
from urllib.parse import unquote

from modelarts_export.quoting import InterpolatedString, quote

_SCHEMES = ("obs://", "s3://")
_PATH_LENGTH = range(3, 701)
_CHINESE_BLOCKS = ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff")  # a rarer ideograph is sent with a warning
CHINESE = "".join(map("-".join, _CHINESE_BLOCKS))
"""Chinese characters, for a character class of JSON Schema; Python takes 5 ms to compile one."""
SCHEME_PATTERN = "(/|[oO][bB][sS]://|[sS]3://)"
"""The beginning of a directory, for JSON Schema."""
NAME_PATTERN = r"[^/\u0000-\u001f\u007f-\u009f!-,:-@\[-^`{-~]+"
"""A name in a directory, for JSON Schema, which cannot tell letters beyond ASCII from emoji."""
_IN_BUCKET = re.compile(r"/[^/]+/")
_BUCKET_ROOT = re.compile(r"/[^/]+/?")
_UNUSUAL_IN_PATHS = re.compile("[^A-Za-z0-9_/-]")
_LETTERS_AND_DIGITS = "LMN"
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\u20e3]")


def normalize_directory(value: str) -> str:
    """Return an OBS directory in the form `/bucket/dir/`. Raises ValueError for an invalid one.

    obs:// and s3:// are replaced, and a missing slash at the end is added.
    """
    path = _remove_scheme(value)
    if not path.startswith("/"):
        raise ValueError(f"{quote(value)} is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/")
    path = path if path.endswith("/") else path + "/"
    _check_path(path, value)
    return path


def _check_path(path: str, value: str) -> None:
    if "//" in path:
        shown = _quote_path(path, value)
        raise ValueError(f"{shown} has an empty directory name (//); the API refuses it (ModelArts.4315)")
    if not _IN_BUCKET.match(path):
        raise ValueError(f"{quote(value)} has no bucket; write /bucket/dir/ or obs://bucket/dir/")
    if len(path) not in _PATH_LENGTH:
        raise ValueError(f"the path has {len(path)} characters; the API accepts 3 to 700")
    invalid = [c for c in _find_unusual_characters(path) if not _is_undocumented(c)]
    if invalid:
        is_hidden = isinstance(value, InterpolatedString)
        character = "a character that is not allowed" if is_hidden else repr(invalid[0])
        shown = _quote_path(path, value)
        raise ValueError(f"{shown} has {character}; use letters, digits, -, _ and / (ModelArts.4313)")


def _quote_path(path: str, value: str) -> str:
    return quote(value if isinstance(value, InterpolatedString) else path)


def normalize_directory_in_bucket(value: str) -> str:
    """Normalize an OBS directory that must not be the root of a bucket (API.md, section 5, 4205)."""
    path = normalize_directory(value)
    if is_bucket_root(path):
        raise ValueError(
            f"{_quote_path(path, value)} is the root of a bucket; write /bucket/dir/ (ModelArts.4205)"
        )
    return path


def is_bucket_root(value: str) -> bool:
    """Return whether an OBS directory, in any form, is the root of a bucket."""
    return bool(_BUCKET_ROOT.fullmatch(_remove_scheme(value)))


def parse_directory(value: object) -> str | None:
    """Return an OBS directory in the form `/bucket/dir/`, or None for an invalid one."""
    try:
        return normalize_directory(value) if isinstance(value, str) else None
    except ValueError:
        return None


def parse_any_directory(text: str) -> str:
    """Return a directory that the API may list, also with characters that it refuses in a request.

    Raises ValueError for a text that is no OBS directory.
    """
    if not _remove_scheme(text).startswith("/") or not to_directory(text).strip("/"):
        raise ValueError(f"{quote(text)} is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/")
    return to_directory(text)


def to_directory(text: str) -> str:
    """Return a directory of a response in the form `/bucket/dir/`, percent-decoded and not validated."""
    return f"/{_remove_scheme(unquote(text)).strip('/')}/"


def _remove_scheme(text: str) -> str:
    """Return obs://bucket/dir as /bucket/dir, and any other text unchanged."""
    for scheme in _SCHEMES:
        if text.lower().startswith(scheme):
            return "/" + text[len(scheme) :]
    return text


def find_undocumented_characters(path: str) -> list[str]:
    """Return the characters of a path that the documents neither allow nor clearly refuse.

    They are dots, spaces, and letters that are neither Latin nor Chinese. Emoji are refused.
    """
    return [c for c in _find_unusual_characters(path) if _is_undocumented(c)]


def _is_undocumented(character: str) -> bool:
    return character in ". " or _is_letter(character)


def _find_unusual_characters(path: str) -> list[str]:
    return [c for c in _UNUSUAL_IN_PATHS.findall(path) if not is_chinese(c)]


def is_chinese(character: str) -> bool:
    """Return whether a character is in one of the two common blocks."""
    return any(first <= character <= last for first, last in _CHINESE_BLOCKS)


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)[0]
    return category in _LETTERS_AND_DIGITS and not _VARIATION_SELECTORS.match(character)
