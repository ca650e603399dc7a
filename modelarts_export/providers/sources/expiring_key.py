"""A key from a source that answers with JSON: its fields, and when it expires."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.errors import AccessError


def make_expiring_key(found: Mapping[str, Any], names: Mapping[str, str], source: str) -> AccessKey:
    """Return the key in an object; `names` has its field for each of ours.

    Raises AccessError that names a field which is missing or invalid, and never shows a value.
    """
    values = {ours: found.get(theirs) for ours, theirs in names.items()}
    for ours, value in values.items():
        if value is not None and not isinstance(value, str):
            raise AccessError(f"{names[ours]} of {source} is not text", hint="use another source")
    missing = [names[ours] for ours in ("access_key", "secret_key") if not values[ours]]
    if missing:
        raise AccessError(
            f"{source} is incomplete: {' and '.join(missing)} missing", hint="use another source"
        )
    expires_at = values["expires_at"]
    return AccessKey(
        access_key=str(values["access_key"]),
        secret_key=str(values["secret_key"]),
        security_token=values["security_token"] or None,
        expires_at=parse_time(expires_at, f"{names['expires_at']} of {source}") if expires_at else None,
    )


def parse_time(text: str, what: str) -> float:
    """Return a time of ISO 8601, in UTC unless it says otherwise, in epoch seconds. Raises AccessError."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        raise AccessError(f"{what} is not a time", hint="it must be as 2026-01-31T12:00:00Z") from None
