"""Numbers, counts and times in replies of the API, which may be of another type or implausible."""

from datetime import UTC, datetime
from typing import TypeGuard

_TOO_LARGE = 10**15  # for a count of samples, and as milliseconds since 1970 beyond the calendar
# Milliseconds since 1970 of the years 2010, before ModelArts existed, and 2100: a time in seconds, 0 or a
# negative number is no time of a task.
_EARLIEST, _LATEST = 1_262_304_000_000, 4_102_444_800_000


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a plausible number: neither a bool nor NaN nor too large."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE


def to_seconds(milliseconds: object) -> float | None:
    """Return a time of the API in epoch seconds, or None for a value that is no time."""
    if is_number(milliseconds) and _EARLIEST <= milliseconds < _LATEST:
        return milliseconds / 1000
    return None


def format_utc(seconds: float | None) -> str | None:
    """Return epoch seconds as in 2026-11-24T05:19:50Z (RFC 3339)."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def to_count(value: object) -> int | None:
    """Return a number of the API as a count, or None for a value that is none."""
    return int(value) if is_number(value) and value >= 0 else None
