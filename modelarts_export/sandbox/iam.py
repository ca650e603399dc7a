"""IAM as far as the sandbox needs it: one user and one project, and tokens for a password."""

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
"""How long a token is good for, in seconds."""

_TOKEN_BYTES = 300  # those of the real IAM are longer than any other header, too


class Tokens:
    """The tokens that were given out, and when each of them ends; safe to use from several threads."""

    def __init__(self) -> None:
        """Begin without any."""
        self._ends: dict[str, float] = {}
        self._lock = Lock()

    def issue(self, now: float) -> str:
        """Return a new token, which leaves the older ones as they are; `now` is in epoch seconds."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._ends[token] = now + LIFETIME
        return token

    def expire(self, now: float) -> None:
        """Let every token end that was given out so far; `now` is in epoch seconds."""
        with self._lock:
            self._ends = dict.fromkeys(self._ends, now)

    def trouble(self, token: str, now: float) -> str | None:
        """Return why a token is no good at a time, in the gateway's words (API.md, section 4), or None."""
        with self._lock:
            end = self._ends.get(token)
        if end is None:
            return "decrypt token fail"
        return f"token expires, expires_at:{_instant(end)}" if now >= end else None


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The user of the sandbox, and the project that its tokens are for."""

    user_name: str
    password: str = field(repr=False)
    domain_name: str
    project_id: str
    project_name: str
    tokens: Tokens = field(default_factory=Tokens, repr=False)

    def answer(self, request: Request, *, now: float) -> HttpReply:
        """Return the reply to a call for a token (API.md, section 6.4); `now` is in epoch seconds.

        No document says what a project that is not the user's is told; here it is the 401 of a password.
        """
        try:
            user, project = _asked(request.body)
        except (ValueError, RecursionError) as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error), now)
        if not self._knows(user):
            return _refused(HTTPStatus.UNAUTHORIZED, "The username or password is wrong.", now)
        if not project.items() <= {"id": self.project_id, "name": self.project_name}.items():
            return _refused(HTTPStatus.UNAUTHORIZED, "The user has no such project.", now)
        return _reply(HTTPStatus.CREATED, self._shown(now), now, token=self.tokens.issue(now))

    def _knows(self, user: tuple[str, ...]) -> bool:
        known = (self.user_name, self.password, self.domain_name)
        return hmac.compare_digest(_bytes(user), _bytes(known))

    def _shown(self, now: float) -> JsonObject:
        domain = {"name": self.domain_name}
        return {
            "token": {
                "methods": ["password"],
                "expires_at": _instant(now + LIFETIME),
                "issued_at": _instant(now),
                "project": {"id": self.project_id, "name": self.project_name, "domain": domain},
                "user": {"name": self.user_name, "domain": domain},
            }
        }


def is_asked(request: Request) -> bool:
    """Return whether a request is a call for a token, which no other credentials come with."""
    return request.method == "POST" and request.target.partition("?")[0] == "/v3/auth/tokens"


def _asked(body: bytes) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return name, password and domain of the user, and the project as ID, name or both.

    Raises ValueError for any other body. A token without a project is of no use to ModelArts, so that the
    sandbox gives none.
    """
    content = json.loads(body)
    if _within(content, list, "auth", "identity", "methods") != ["password"]:
        raise ValueError("auth.identity.methods must be password.")
    user = ("auth", "identity", "password", "user")
    paths = [(*user, "name"), (*user, "password"), (*user, "domain", "name")]
    project = _within(content, dict, "auth", "scope", "project")
    if not project or not all(isinstance(value, str) for value in project.values()):
        raise ValueError("auth.scope.project must have an id or a name.")
    return tuple(_within(content, str, *path) for path in paths), project


def _within(content: object, kind: type[Any], *path: str) -> Any:  # noqa: ANN401 - of the kind
    """Return what stands at the end of a path; raises ValueError where it is missing or of another kind."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    if isinstance(content, kind):
        return content
    raise ValueError(f"{'.'.join(path)} is missing or malformed.")


def _bytes(user: tuple[str, ...]) -> bytes:
    return "\0".join(user).encode(errors="surrogatepass")  # JSON can have half a character


def _refused(status: HTTPStatus, message: str, now: float) -> HttpReply:
    """Return an error as IAM words it (API.md, section 4)."""
    error = {"code": status.value, "message": message, "title": status.phrase}
    return _reply(status, {"error": error}, now)


def _reply(status: HTTPStatus, content: JsonObject, now: float, *, token: str = "") -> HttpReply:
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


def _instant(seconds: float) -> str:
    """Return epoch seconds as IAM writes a time: UTC, with microseconds."""
    whole, fraction = divmod(seconds, 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(fraction * 1e6):06}Z"
