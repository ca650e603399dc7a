"""The tokens that IAM issued, with their expiry."""

import secrets
import time
from dataclasses import dataclass, field
from threading import Lock

from modelarts_export.sandbox.account import User

LIFETIME = 24 * 60 * 60
"""Lifetime of a token, in seconds."""

_TOKEN_BYTES = 300  # tokens of the real IAM are longer than any other header, too


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A token of a user; the times are in epoch seconds."""

    token: str = field(repr=False)
    user: User
    methods: tuple[str, ...]
    issued_at: float
    expires_at: float


class Tokens:
    """The issued tokens; thread-safe."""

    def __init__(self) -> None:
        """Begin without tokens."""
        self._issued: dict[str, IssuedToken] = {}
        self._expired_at: dict[str, float] = {}
        self._lock = Lock()

    def issue(self, user: User, now: float, *, methods: tuple[str, ...] = ("password",)) -> IssuedToken:
        """Return a new token; older ones stay valid. `now` is in epoch seconds."""
        issued = IssuedToken(
            token=secrets.token_urlsafe(_TOKEN_BYTES),
            user=user,
            methods=methods,
            issued_at=now,
            expires_at=now + LIFETIME,
        )
        with self._lock:
            self._issued[issued.token] = issued
        return issued

    def expire(self, now: float) -> None:
        """Expire every token issued so far; `now` is in epoch seconds."""
        with self._lock:
            self._expired_at |= dict.fromkeys(self._issued, now)

    def find(self, token: str, now: float) -> IssuedToken | None:
        """Return a token that is valid at `now`, in epoch seconds, or None."""
        with self._lock:
            return self._issued[token] if token in self._issued and now < self._find_end(token) else None

    def find_error(self, token: str, now: float) -> str | None:
        """Return the gateway's message for an invalid or expired token (API.md, section 4), or None."""
        with self._lock:
            if token not in self._issued:
                return "decrypt token fail"
            end = self._find_end(token)
        return f"token expires, expires_at:{format_time(end)}" if now >= end else None

    def _find_end(self, token: str) -> float:
        return self._expired_at.get(token, self._issued[token].expires_at)


def format_time(seconds: float) -> str:
    """Return epoch seconds as IAM writes a time: UTC, with microseconds."""
    whole, fraction = divmod(seconds, 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(fraction * 1e6):06}Z"
