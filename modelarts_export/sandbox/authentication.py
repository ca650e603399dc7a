"""Authentication of requests: signatures, tokens and the lockout of an access key."""

import calendar
import hmac
import math
import re
import time
from dataclasses import dataclass, field
from threading import Lock

from modelarts_export.auth import signing
from modelarts_export.sandbox.cloud.contract import ApiError
from modelarts_export.sandbox.messages import Request
from modelarts_export.sandbox.tokens import Tokens

TOLERANCE = 15 * 60
"""How far X-Sdk-Date may be from the server's clock, in seconds (API.md, section 6.1)."""
MOST_FAILURES = 5
"""Consecutive failures that an access key may have; one more locks it (API.md, section 4)."""
LOCKED_FOR = 5 * 60
"""Duration of the lock, in seconds."""

_UNAUTHORIZED = 401
_UNVERIFIED = "verify aksk signature fail"
_CLAIM = re.compile(
    rf"{signing.ALGORITHM} Access=(?P<access_key>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """An access key and its secret key."""

    access_key: str
    secret_key: str = field(repr=False)


EXAMPLE_KEY = KeyPair(
    access_key="SANDBOX0EXAMPLE0KEY0",
    secret_key="sandboxExampleSecretKeyForLoopbackOnly00",  # noqa: S106 - it is public
)
"""The same key in every sandbox that uses it, so that the settings of one work with the next."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The key pair, the tokens and the temporary keys of one project; `token` never expires."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    project_id: str
    tokens: Tokens = field(default_factory=Tokens, repr=False)

    def check(self, request: Request, *, project_id: str | None, now: float) -> ApiError | None:
        """Return the error of a call to a project at `now`, in epoch seconds, or None.

        IAM has calls to no project: `project_id` is None, and X-Project-Id is not looked at.

        The messages end as those of the gateway (API.md, section 4); a project other than that of the
        credentials, in the URL or in X-Project-Id, is ModelArts.0210 (section 5).
        """
        reason = self._find_error(request, now)
        if reason:
            return _make_unauthenticated_error(reason)
        if project_id is None:
            return None
        if {project_id, request.get_header("X-Project-Id") or project_id} != {self.project_id}:
            message = "The project is not that of the credentials"
            return ApiError(status=403, code="ModelArts.0210", message=message)
        return None

    def claims_access_key(self, request: Request) -> bool:
        """Return whether a request claims to be signed with the access key."""
        claim = _CLAIM.fullmatch(request.get_header("Authorization") or "")
        return claim is not None and claim["access_key"] == self.access_key

    def _find_error(self, request: Request, now: float) -> str | None:
        authorization = request.get_header("Authorization")
        if authorization is not None:
            return self._check_signature(authorization, request, now)
        token = request.get_header("X-Auth-Token")
        if token is None:
            return "x-auth-token not found"
        return None if _is_same(token, self.token) else self.tokens.find_error(token, now)

    def _check_signature(self, authorization: str, request: Request, now: float) -> str | None:
        claim = _CLAIM.fullmatch(authorization)
        if claim is None:
            return f"{_UNVERIFIED}, malformed Authorization header"
        temporary = self.tokens.find_key(claim["access_key"])
        if claim["access_key"] != self.access_key and temporary is None:
            return f"ak {claim['access_key']} not exist"
        signed = claim["signed"].split(";")
        missing = next((name for name in ("x-sdk-date", *signed) if request.get_header(name) is None), None)
        if missing or "x-sdk-date" not in signed:
            return f"{_UNVERIFIED}, signed header {missing or 'x-sdk-date'} not found"
        return (
            _check_date(request, now)
            or (temporary and temporary.find_error(request.get_header("X-Security-Token") or "", now))
            or _compare_signature(
                request, signed, claim["signature"], temporary.secret_key if temporary else self.secret_key
            )
        )


class KeyLockout:
    """Checks credentials and locks the access key after repeated failures; thread-safe."""

    def __init__(self, credentials: Credentials) -> None:
        """Begin without failures."""
        self._credentials = credentials
        self._lock = Lock()
        self._failures = 0
        self._locked_until = -math.inf

    def check(self, request: Request, *, project_id: str | None, now: float) -> ApiError | None:
        """Return the error of a call as Credentials.check does, or that of a locked access key.

        A failure is any 401 of the access key. Which of them count, and whether calls while it is locked
        do, is not documented; here the latter do not. Tokens and temporary keys are never locked.
        """
        refusal = self._credentials.check(request, project_id=project_id, now=now)
        if not self._credentials.claims_access_key(request):
            return refusal
        with self._lock:
            if now < self._locked_until:
                return _make_unauthenticated_error("AK access failed to reach the limit, forbidden")
            self._failures = self._failures + 1 if refusal and refusal.status == _UNAUTHORIZED else 0
            if self._failures > MOST_FAILURES:
                self._failures, self._locked_until = 0, now + LOCKED_FOR
        return refusal


def _compare_signature(request: Request, signed: list[str], claimed: str, secret_key: str) -> str | None:
    """Compare the signatures; as the gateway does, report the canonical request of a wrong one."""
    canonical = signing.make_canonical_request(
        request.method, request.target, request.headers, request.body, signed=signed
    )
    date = request.get_header("X-Sdk-Date") or ""
    if _is_same(claimed, signing.compute_signature(canonical, secret_key=secret_key, date=date)):
        return None
    echo = canonical.replace("\n", "|")
    return f"{_UNVERIFIED}, canonicalRequest:{echo}"


def _make_unauthenticated_error(reason: str) -> ApiError:
    message = f"Incorrect IAM authentication information: {reason}"
    return ApiError(status=_UNAUTHORIZED, code="APIGW.0301", message=message)


def _check_date(request: Request, now: float) -> str | None:
    date = request.get_header("X-Sdk-Date") or ""
    try:
        signed_at = calendar.timegm(time.strptime(date, signing.DATE_FORMAT))
    except ValueError:
        return f"{_UNVERIFIED}, malformed X-Sdk-Date"
    if abs(now - signed_at) <= TOLERANCE:
        return None
    server_time = time.strftime(signing.DATE_FORMAT, time.gmtime(now))
    return f"signature expired, signature time:{date}, server time:{server_time}"


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
