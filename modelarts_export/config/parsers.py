"""Parsers of setting values; each returns the value of a text or raises ValueError."""

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

_SECONDS_PER_UNIT = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MAX_DURATION = 366 * 86400.0  # seconds; the timeout of a socket cannot be much longer
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")
_MAX_DIGITS = 9
_WITHOUT_MODELARTS = ("eu-nl",)  # .github/API.md, section 7
METADATA_HOST = "169.254.169.254"
"""The address of the metadata service of a cloud server (.github/API.md, section 6.6)."""
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_BOOLEANS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def parse_duration(text: str) -> float:
    """Return seconds: `90s`, `20m`, `2h`, `1d`, or a bare number; up to a year."""
    match = _DURATION.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(f"{text!r} is not a duration, such as 90s, 20m or 2h")
    seconds = float(match[1]) * _SECONDS_PER_UNIT[match[2]]
    if seconds > _MAX_DURATION:
        raise ValueError(f"{text!r} is longer than a year")
    return seconds


def parse_positive_duration(text: str) -> float:
    """Return seconds; zero is refused."""
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError("must be longer than zero")
    return seconds


def parse_int(text: str) -> int:
    """Return a whole number of at most nine digits, without a sign."""
    if not text.isdecimal() or not text.isascii() or len(text) > _MAX_DIGITS:
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def parse_limit(text: str) -> int:
    """Return a whole number of 1 or more."""
    limit = parse_int(text)
    if not limit:
        raise ValueError("must be 1 or more")
    return limit


def parse_bool(text: str) -> bool:
    """Return the value of 1, true, yes, on, 0, false, no or off, in any letter case."""
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _BOOLEANS[text.lower()]


def parse_region(text: str) -> str:
    """Check the name of a region, which becomes a part of host names."""
    if not _REGION.fullmatch(text):
        raise ValueError(f"{text!r} is not a region, such as cn-north-4 or eu-de")
    if text in _WITHOUT_MODELARTS:
        raise ValueError(f"the region {text} has no ModelArts; eu-de has")
    return text


def parse_file(text: str) -> str:
    """Check that a file exists."""
    if not Path(text).is_file():
        raise ValueError(f"{text!r} is not a file")
    return text


def parse_base_url(text: str) -> str:
    """Return an endpoint without its trailing slash.

    It must use https, or http to a loopback address, and have no user, query or fragment.
    """
    try:
        url = urlsplit(text)
        host, is_plain, _ = url.hostname or "", url.scheme == "http", url.port
    except ValueError:
        raise ValueError(f"{text!r} is not a URL") from None
    if url.scheme not in ("http", "https") or not host or re.search(r"[\s\\\x00-\x20\x7f]", text):
        raise ValueError(f"{text!r} is not a URL that begins with https://")
    if "@" in url.netloc:
        raise ValueError("an endpoint must not contain a user or a password")
    if "?" in text or "#" in text:
        raise ValueError(f"{text!r} has a query or a fragment; leave it out")
    if is_plain and not is_loopback(host):
        raise ValueError(f"plain http:// is for this machine only, not for {host}; use https://")
    return text.rstrip("/")


def parse_iam_url(text: str) -> str:
    """Return the endpoint of IAM without the API version `/v3`, which other tools append."""
    return parse_base_url(text).removesuffix("/v3")


def parse_metadata_url(text: str) -> str:
    """Return the address of the metadata service: a loopback URL, https, or its own literal address."""
    url = urlsplit(text.rstrip("/"))
    if (url.scheme, url.netloc, url.path + url.query) == ("http", METADATA_HOST, ""):
        return f"http://{METADATA_HOST}"
    return parse_base_url(text)


def is_local(host: str) -> bool:
    """Return whether calls to a host never leave this machine's hypervisor, and never use a proxy."""
    return host == METADATA_HOST or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Return whether a host is localhost or a loopback address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
