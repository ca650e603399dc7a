"""Authentication of a prepared request: signed with an access key, or with an IAM token."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.signing import (
    DATE_FORMAT,
    compute_signature,
    format_authorization,
    make_canonical_request,
)
from modelarts_export.errors import AccessError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = "X-Auth-Token"  # noqa: S105 - the name of a header
# Few enough that the changes of a proxy do not break the signature; only x-sdk-date must be signed
# (.github/API.md, section 6.1).
_SIGNED = ("content-type", "host", "x-project-id", "x-sdk-date", "x-security-token")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def make_auth(
    credentials: AccessKey | Token, project_id: str, *, now: Callable[[], datetime] = _utc_now
) -> "RequestAuth":
    """Return the authentication of all requests to this project."""
    if isinstance(credentials, Token):
        return TokenAuth(credentials)
    return AccessKeyAuth(credentials, project_id, now=now)


class RequestAuth(AuthBase):
    """No authentication, and the base of the others."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request unchanged."""
        return request

    def refresh(self, _refused: PreparedRequest) -> bool:
        """Renew the credentials of a rejected request if possible, and tell whether they have changed."""
        return False


class AccessKeyAuth(RequestAuth):
    """Signs a request with SDK-HMAC-SHA256 over the bytes that are sent."""

    def __init__(self, keys: AccessKey, project_id: str, *, now: Callable[[], datetime] = _utc_now) -> None:
        """`now` returns the time in UTC; the API rejects a signature that is off by 15 minutes."""
        self._keys = keys
        self._project_id = project_id
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers that identify, date and sign the request."""
        date = self._now().strftime(DATE_FORMAT)
        headers = {"Host": _get_host(str(request.url)), "X-Project-Id": self._project_id, "X-Sdk-Date": date}
        if self._keys.security_token:
            headers["X-Security-Token"] = _check_header_value(self._keys.security_token, "security token")
        request.headers.update(headers)
        signed = [name for name in _SIGNED if name in request.headers]
        canonical = make_canonical_request(
            str(request.method), str(request.url), request.headers, _get_body(request), signed=signed
        )
        signature = compute_signature(
            canonical, secret_key=_check_header_value(self._keys.secret_key, "secret key"), date=date
        )
        request.headers["Authorization"] = format_authorization(
            _check_header_value(self._keys.access_key, "access key"), signed, signature
        )
        return request


class TokenAuth(RequestAuth):
    """Sends a token in a header."""

    def __init__(self, token: Token) -> None:
        self._token = token.token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token's header."""
        request.headers[_TOKEN] = _check_header_value(self._token, "token")
        return request


class RenewableTokenAuth(TokenAuth):
    """Sends a token that can be renewed; safe to share between threads."""

    def __init__(self, token: Token, renewed: Callable[[], Token]) -> None:
        """Start with this token; `renewed` returns a new one."""
        super().__init__(token)
        self._renewed = renewed
        self._refusal: AccessError | None = None
        self._lock = Lock()

    def refresh(self, refused: PreparedRequest) -> bool:
        """Get a new token, unless the rejected one was replaced already.

        Raises what `renewed` raises. An AccessError is raised again without a new call: IAM locks a user.
        """
        with self._lock:
            if self._refusal:
                raise self._refusal
            if refused.headers[_TOKEN] == self._token:
                try:
                    self._token = self._renewed().token
                except AccessError as error:
                    self._refusal = error
                    raise
        return True


def _get_body(request: PreparedRequest) -> bytes:
    """Return the body as bytes, which a TrackedBody has in `content`."""
    body = getattr(request.body, "content", request.body) or b""
    return body.encode() if isinstance(body, str) else body


def _get_host(url: str) -> str:
    """Return the Host header that http.client sends: with the port, unless it is the scheme's own."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    default = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return host if default else f"{host}:{parts.port}"


def _check_header_value(value: str, what: str) -> str:
    """Return a value if it fits a header; raise AccessError for a control or a non-ASCII character."""
    if not value.isascii() or not value.isprintable():
        raise AccessError(f"the {what} contains an invalid character", hint="copy it again")
    return value
