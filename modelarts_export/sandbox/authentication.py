"""Who may call the sandbox: the credentials it knows and the gateway's refusals of all others."""

import calendar
import hmac
import math
import re
import time
from dataclasses import dataclass, field
from threading import Lock

from modelarts_export.auth import signing
from modelarts_export.sandbox.cloud.contract import ApiError
from modelarts_export.sandbox.iam import Tokens
from modelarts_export.sandbox.messages import Request

TOLERANCE = 15 * 60
"""How far X-Sdk-Date may be from the server's clock, in seconds (API.md, section 6.1)."""
MOST_FAILURES = 5
"""How often in a row an access key may fail; one failure more locks it (API.md, section 4)."""
LOCKED_FOR = 5 * 60
"""How long it is locked, in seconds."""

_UNAUTHORIZED = 401
_UNVERIFIED = "verify aksk signature fail"
_CLAIM = re.compile(
    rf"{signing.ALGORITHM} Access=(?P<access_key>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The key pair and the tokens that are good for one project; `token` is one that never ends."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    project_id: str
    tokens: Tokens = field(default_factory=Tokens, repr=False)

    def check(self, request: Request, *, project_id: str, now: float) -> ApiError | None:
        """Return why a call to a project is refused at a time, in epoch seconds, or None.

        The messages end as those of the gateway (API.md, section 4); a project other than that of the
        credentials, in the URL or in X-Project-Id, is ModelArts.0210 (section 5).
        """
        trouble = self._trouble(request, now)
        if trouble:
            return _unauthenticated(trouble)
        if {project_id, request.header("X-Project-Id") or project_id} != {self.project_id}:
            message = "The project is not that of the credentials"
            return ApiError(status=403, code="ModelArts.0210", message=message)
        return None

    def claims_access_key(self, request: Request) -> bool:
        """Return whether a request claims to be signed with the access key."""
        claim = _CLAIM.fullmatch(request.header("Authorization") or "")
        return claim is not None and claim["access_key"] == self.access_key

    def _trouble(self, request: Request, now: float) -> str | None:
        authorization = request.header("Authorization")
        if authorization is not None:
            return self._signature_trouble(authorization, request, now)
        token = request.header("X-Auth-Token")
        if token is None:
            return "x-auth-token not found"
        return None if _same(token, self.token) else self.tokens.trouble(token, now)

    def _signature_trouble(self, authorization: str, request: Request, now: float) -> str | None:
        claim = _CLAIM.fullmatch(authorization)
        if claim is None:
            return f"{_UNVERIFIED}, malformed Authorization header"
        if claim["access_key"] != self.access_key:
            return f"ak {claim['access_key']} not exist"
        signed = claim["signed"].split(";")
        missing = next((name for name in ("x-sdk-date", *signed) if request.header(name) is None), None)
        if missing or "x-sdk-date" not in signed:
            return f"{_UNVERIFIED}, signed header {missing or 'x-sdk-date'} not found"
        return _date_trouble(request, now) or self._mismatch(request, signed, claim["signature"])

    def _mismatch(self, request: Request, signed: list[str], claimed: str) -> str | None:
        """Compare the signatures; like the gateway, answer a wrong one with the text it should be of."""
        canonical = signing.make_canonical_request(
            request.method, request.target, request.headers, request.body, signed=signed
        )
        date = request.header("X-Sdk-Date") or ""
        if _same(claimed, signing.compute_signature(canonical, secret_key=self.secret_key, date=date)):
            return None
        echo = canonical.replace("\n", "|")
        return f"{_UNVERIFIED}, canonicalRequest:{echo}"


class KeyLockout:
    """The credentials and the lock of their access key; safe to use from several threads at once."""

    def __init__(self, credentials: Credentials) -> None:
        """Let pass what the credentials let pass, until the access key is locked."""
        self._credentials = credentials
        self._lock = Lock()
        self._failures = 0
        self._locked_until = -math.inf

    def refusal(self, request: Request, *, project_id: str, now: float) -> ApiError | None:
        """Return why a call is refused, as Credentials.check does, with the failures before it in mind.

        A failure is any 401 of the access key. Which of them count, and whether tries while it is locked
        do, is not documented; here the latter do not. Tokens have no lock.
        """
        refusal = self._credentials.check(request, project_id=project_id, now=now)
        if not self._credentials.claims_access_key(request):
            return refusal
        with self._lock:
            if now < self._locked_until:
                return _unauthenticated("AK access failed to reach the limit, forbidden")
            self._failures = self._failures + 1 if refusal and refusal.status == _UNAUTHORIZED else 0
            if self._failures > MOST_FAILURES:
                self._failures, self._locked_until = 0, now + LOCKED_FOR
        return refusal


def _unauthenticated(trouble: str) -> ApiError:
    message = f"Incorrect IAM authentication information: {trouble}"
    return ApiError(status=_UNAUTHORIZED, code="APIGW.0301", message=message)


def _date_trouble(request: Request, now: float) -> str | None:
    date = request.header("X-Sdk-Date") or ""
    try:
        signed_at = calendar.timegm(time.strptime(date, signing.DATE_FORMAT))
    except ValueError:
        return f"{_UNVERIFIED}, malformed X-Sdk-Date"
    if abs(now - signed_at) <= TOLERANCE:
        return None
    server_time = time.strftime(signing.DATE_FORMAT, time.gmtime(now))
    return f"signature expired, signature time:{date}, server time:{server_time}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
