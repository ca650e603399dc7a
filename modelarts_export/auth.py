"""How a prepared request shows who sends it: signed with a key, or with a token of IAM."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from modelarts_export.credentials import AkSk, Credentials, Token
from modelarts_export.errors import AccessError
from modelarts_export.signing import DATE_FORMAT, authorization, canonical_request, signature

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Enough to be safe and few enough that a proxy's changes do no harm; only x-sdk-date must be signed
# (.github/API.md, section 6.1).
_SIGNED = ("content-type", "host", "x-project-id", "x-sdk-date", "x-security-token")


def _now() -> datetime:
    return datetime.now(UTC)


def auth_for(credentials: Credentials, project_id: str, *, now: Callable[[], datetime] = _now) -> AuthBase:
    """Return what signs, or marks with a token, every request to this project."""
    if isinstance(credentials, Token):
        return TokenAuth(credentials)
    return AkSkAuth(credentials, project_id, now=now)


class AkSkAuth(AuthBase):
    """Signs a request with SDK-HMAC-SHA256, over the very bytes that are sent."""

    def __init__(self, keys: AkSk, project_id: str, *, now: Callable[[], datetime] = _now) -> None:
        """`now` tells the time in UTC; the API refuses a signature that is 15 minutes off."""
        self._keys = keys
        self._project_id = project_id
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers that identify, date and sign the request."""
        date = self._now().strftime(DATE_FORMAT)
        headers = {"Host": _host(str(request.url)), "X-Project-Id": self._project_id, "X-Sdk-Date": date}
        if self._keys.security_token:
            headers["X-Security-Token"] = _header(self._keys.security_token, "security token")
        request.headers.update(headers)
        signed = [name for name in _SIGNED if name in request.headers]
        canonical = canonical_request(
            str(request.method), str(request.url), request.headers, _content(request), signed=signed
        )
        proof = signature(canonical, secret_key=self._keys.secret_key, date=date)
        request.headers["Authorization"] = authorization(
            _header(self._keys.access_key, "access key"), signed, proof
        )
        return request


class TokenAuth(AuthBase):
    """Sends the token along."""

    def __init__(self, token: Token) -> None:
        """Keep the token."""
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers["X-Auth-Token"] = _header(self._token.token, "token")
        return request


def _content(request: PreparedRequest) -> bytes:
    """Return the body as bytes; a body that counts what was taken of it has them in `content`."""
    body = getattr(request.body, "content", request.body) or b""
    return body.encode() if isinstance(body, str) else body


def _host(url: str) -> str:
    """Return the Host header that http.client sends: with the port, unless it is the scheme's own."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    default = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return host if default else f"{host}:{parts.port}"


def _header(value: str, what: str) -> str:
    """Return a value that can stand in a header; a pasted line feed or a non-ASCII letter cannot."""
    if not value.isascii() or not value.isprintable():
        raise AccessError(f"the {what} has a character that no {what} has", hint="copy it once more")
    return value
