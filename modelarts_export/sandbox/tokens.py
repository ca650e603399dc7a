"""The tokens and temporary keys that IAM issued, with their expiry."""

import hmac
import secrets
import string
import time
from dataclasses import dataclass, field
from threading import Lock

from modelarts_export.sandbox.account import User

LIFETIME = 24 * 60 * 60
"""Lifetime of a token, in seconds."""

_KEY_CHARACTERS = string.ascii_uppercase + string.digits
_TOKEN_BYTES = 300  # tokens of the real IAM are longer than any other header, too


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A token of a user; the times are in epoch seconds."""

    token: str = field(repr=False)
    user: User
    methods: tuple[str, ...]
    issued_at: float
    expires_at: float


@dataclass(frozen=True, kw_only=True)
class TemporaryKey:
    """A key that is valid only together with its security token, until a time in epoch seconds."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str = field(repr=False)
    expires_at: float

    def find_error(self, security_token: str, now: float) -> str | None:
        """Return the gateway's message for a wrong security token or an expired key, or None.

        Neither is documented; here they are those of a token (API.md, section 4).
        """
        if not hmac.compare_digest(security_token.encode(), self.security_token.encode()):
            return "decrypt token fail"
        return f"token expires, expires_at:{format_time(self.expires_at)}" if now >= self.expires_at else None


class Tokens:
    """The issued tokens and temporary keys; thread-safe."""

    def __init__(self) -> None:
        """Begin without any."""
        self._keys: dict[str, TemporaryKey] = {}
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

    def issue_key(self, now: float, duration: float) -> TemporaryKey:
        """Return a new temporary key, valid for a duration in seconds."""
        key = TemporaryKey(
            access_key="".join(secrets.choice(_KEY_CHARACTERS) for _ in range(20)),
            secret_key=secrets.token_urlsafe(30),
            security_token=secrets.token_urlsafe(_TOKEN_BYTES),
            expires_at=now + duration,
        )
        with self._lock:
            self._keys[key.access_key] = key
        return key

    def find_key(self, access_key: str) -> TemporaryKey | None:
        """Return the temporary key of an ID, valid or not, or None."""
        with self._lock:
            return self._keys.get(access_key)

    def _find_end(self, token: str) -> float:
        return self._expired_at.get(token, self._issued[token].expires_at)


def format_time(seconds: float) -> str:
    """Return epoch seconds as IAM writes a time: UTC, with microseconds."""
    whole, fraction = divmod(seconds, 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(fraction * 1e6):06}Z"
