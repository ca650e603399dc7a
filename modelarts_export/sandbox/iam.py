"""IAM: one user of one project, and tokens for a password."""

import email.utils
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any

from modelarts_export.sandbox.cloud.contract import JsonObject
from modelarts_export.sandbox.messages import HttpReply, Request

LIFETIME = 24 * 60 * 60
"""Lifetime of a token, in seconds."""

_TOKEN_BYTES = 300  # tokens of the real IAM are longer than any other header, too


class Tokens:
    """The issued tokens with their expiry; thread-safe."""

    def __init__(self) -> None:
        """Begin without tokens."""
        self._ends: dict[str, float] = {}
        self._lock = Lock()

    def issue(self, now: float) -> str:
        """Return a new token; older ones stay valid. `now` is in epoch seconds."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._ends[token] = now + LIFETIME
        return token

    def expire(self, now: float) -> None:
        """Expire every token issued so far; `now` is in epoch seconds."""
        with self._lock:
            self._ends = dict.fromkeys(self._ends, now)

    def find_error(self, token: str, now: float) -> str | None:
        """Return the gateway's message for an invalid or expired token (API.md, section 4), or None."""
        with self._lock:
            end = self._ends.get(token)
        if end is None:
            return "decrypt token fail"
        return f"token expires, expires_at:{_format_time(end)}" if now >= end else None


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The user of the sandbox and the project of its tokens."""

    user_name: str
    password: str = field(repr=False)
    domain_name: str
    project_id: str
    project_name: str
    tokens: Tokens = field(default_factory=Tokens, repr=False)

    def answer(self, request: Request, *, now: float) -> HttpReply:
        """Return the reply to a call for a token (API.md, section 6.4); `now` is in epoch seconds.

        The reply for another user's project is not documented; here it is the 401 of a wrong password.
        """
        try:
            user, project = _parse_token_request(request.body)
        except (ValueError, RecursionError) as error:
            return _make_error(HTTPStatus.BAD_REQUEST, str(error), now)
        if not self._is_user(user):
            return _make_error(HTTPStatus.UNAUTHORIZED, "The username or password is wrong.", now)
        if not project.items() <= {"id": self.project_id, "name": self.project_name}.items():
            return _make_error(HTTPStatus.UNAUTHORIZED, "The user has no such project.", now)
        return _make_reply(HTTPStatus.CREATED, self._describe_token(now), now, token=self.tokens.issue(now))

    def _is_user(self, user: tuple[str, ...]) -> bool:
        known = (self.user_name, self.password, self.domain_name)
        return hmac.compare_digest(_to_bytes(user), _to_bytes(known))

    def _describe_token(self, now: float) -> JsonObject:
        domain = {"name": self.domain_name}
        return {
            "token": {
                "methods": ["password"],
                "expires_at": _format_time(now + LIFETIME),
                "issued_at": _format_time(now),
                "project": {"id": self.project_id, "name": self.project_name, "domain": domain},
                "user": {"name": self.user_name, "domain": domain},
            }
        }


def is_token_request(request: Request) -> bool:
    """Tell whether a request asks IAM for a token; such a request carries no other credentials."""
    return request.method == "POST" and request.target.partition("?")[0] == "/v3/auth/tokens"


def _parse_token_request(body: bytes) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return name, password and domain of the user, and the project as ID, name or both.

    Raises ValueError for any other body. ModelArts needs tokens of a project, so the project is required.
    """
    content = json.loads(body)
    if _get_value(content, list, "auth", "identity", "methods") != ["password"]:
        raise ValueError("auth.identity.methods must be password.")
    user = ("auth", "identity", "password", "user")
    paths = [(*user, "name"), (*user, "password"), (*user, "domain", "name")]
    project = _get_value(content, dict, "auth", "scope", "project")
    if not project or not all(isinstance(value, str) for value in project.values()):
        raise ValueError("auth.scope.project must have an id or a name.")
    return tuple(_get_value(content, str, *path) for path in paths), project


def _get_value(content: object, kind: type[Any], *path: str) -> Any:  # noqa: ANN401 - of the type `kind`
    """Return the value at a path; raises ValueError if it is missing or of another type."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    if isinstance(content, kind):
        return content
    raise ValueError(f"{'.'.join(path)} is missing or malformed.")


def _to_bytes(user: tuple[str, ...]) -> bytes:
    return "\0".join(user).encode(errors="surrogatepass")  # JSON can have lone surrogates


def _make_error(status: HTTPStatus, message: str, now: float) -> HttpReply:
    """Return an error in IAM's format (API.md, section 4)."""
    error = {"code": status.value, "message": message, "title": status.phrase}
    return _make_reply(status, {"error": error}, now)


def _make_reply(status: HTTPStatus, content: JsonObject, now: float, *, token: str = "") -> HttpReply:
    body = json.dumps(content).encode()
    headers = {
        "Date": email.utils.formatdate(now, usegmt=True),
        "X-IAM-Trace-Id": f"token_sandbox_{secrets.token_hex(16)}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    return HttpReply(
        status=status, headers=headers | ({"X-Subject-Token": token} if token else {}), body=body
    )


def _format_time(seconds: float) -> str:
    """Return epoch seconds as IAM writes a time: UTC, with microseconds."""
    whole, fraction = divmod(seconds, 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(fraction * 1e6):06}Z"
