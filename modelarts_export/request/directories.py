"""OBS directories: the form in which they are sent, and the checks of it (.github/API.md, section 2)."""

import re
import unicodedata
from urllib.parse import unquote

from modelarts_export.quoting import InterpolatedString, quote

_SCHEMES = ("obs://", "s3://")
_PATH_LENGTH = range(3, 701)
CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
"""The two blocks in use, for a character class; a rarer ideograph is sent with a warning."""
_IN_BUCKET = re.compile(r"/[^/]+/")
_BUCKET_ROOT = re.compile(r"/[^/]+/?")
_UNDOCUMENTED_IN_PATHS = re.compile(f"[^A-Za-z0-9_/{CHINESE}-]")
_LETTERS_AND_DIGITS = "LMN"
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\u20e3]")


def normalize_directory(value: str) -> str:
    """Return an OBS directory as `/bucket/dir/`.

    Accepts obs:// and s3:// before it and adds a missing last slash (.github/API.md, section 2).
    """
    path = _remove_scheme(value)
    if not path.startswith("/"):
        raise ValueError(f"{quote(value)} is not an OBS directory; write /bucket/dir/ or obs://bucket/dir/")
    path = path if path.endswith("/") else path + "/"
    _check_path(path, value)
    return path


def _check_path(path: str, value: str) -> None:
    shown = quote(value if isinstance(value, InterpolatedString) else path)
    if "//" in path:
        raise ValueError(f"{shown} has an empty directory name (//); the API refuses it (ModelArts.4315)")
    if not _IN_BUCKET.match(path):
        raise ValueError(f"{quote(value)} names no bucket; write /bucket/dir/ or obs://bucket/dir/")
    if len(path) not in _PATH_LENGTH:
        raise ValueError(f"the path has {len(path)} characters; the API takes 3 to 700")
    doubtful = find_undocumented_characters(path)
    bad = [c for c in _UNDOCUMENTED_IN_PATHS.findall(path) if c not in doubtful]
    if bad:
        what = "a character that is not allowed" if isinstance(value, InterpolatedString) else repr(bad[0])
        raise ValueError(f"{shown} has {what}; use letters, digits, -, _ and / (ModelArts.4313)")


def normalize_directory_in_bucket(value: str) -> str:
    """Return an OBS directory that is not the root of a bucket (API.md, section 5, 4205)."""
    path = normalize_directory(value)
    if is_bucket_root(path):
        shown = quote(value if isinstance(value, InterpolatedString) else path)
        raise ValueError(f"{shown} names no directory in the bucket; write /bucket/dir/ (ModelArts.4205)")
    return path


def is_bucket_root(value: str) -> bool:
    """Tell whether an OBS directory is a bucket's root, in any of its spellings."""
    return bool(_BUCKET_ROOT.fullmatch(_remove_scheme(value)))


def parse_directory(value: object) -> str | None:
    """Return a valid OBS directory as `/bucket/dir/`, or None for anything else."""
    try:
        return normalize_directory(value) if isinstance(value, str) else None
    except ValueError:
        return None


def to_directory(text: str) -> str:
    """Return any text that an API shows as a directory as `/bucket/dir/`, percent-decoded and unchecked."""
    return f"/{_remove_scheme(unquote(text)).strip('/')}/"


def _remove_scheme(text: str) -> str:
    """Return obs://bucket/dir as /bucket/dir, and any other text as it is."""
    for scheme in _SCHEMES:
        if text.lower().startswith(scheme):
            return "/" + text[len(scheme) :]
    return text


def find_undocumented_characters(path: str) -> list[str]:
    """Return the characters of a path that the documents neither list nor clearly refuse.

    Dots, spaces and letters that are neither Latin nor Chinese; emoji and control characters are refused.
    """
    return [c for c in _UNDOCUMENTED_IN_PATHS.findall(path) if c in ". " or _is_letter(c)]


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)[0]
    return category in _LETTERS_AND_DIGITS and not _VARIATION_SELECTORS.match(character)
