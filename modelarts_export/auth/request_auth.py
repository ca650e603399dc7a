"""Authentication of a prepared request: signed with an access key, or with an IAM token."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.renewal import Renewal
from modelarts_export.auth.secret import reveal
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
    credentials: AccessKey | Token,
    project_id: str | None,
    *,
    renew: Callable[[], AccessKey] | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> "RequestAuth":
    """Return the authentication of all requests to this project, None for calls to IAM.

    `renew` returns a new key before one expires.
    """
    if isinstance(credentials, Token):
        return TokenAuth(credentials)
    return AccessKeyAuth(credentials, project_id, renew=renew, now=now)


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

    def __init__(
        self,
        keys: AccessKey,
        project_id: str | None,
        *,
        renew: Callable[[], AccessKey] | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`now` returns the time in UTC; the API rejects a signature that is off by 15 minutes."""
        self._keys = Renewal(keys, renew or (lambda: keys), now=lambda: now().timestamp())
        self._project_id = project_id
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers that identify, date and sign the request."""
        keys = self._keys.get()
        date = self._now().strftime(DATE_FORMAT)
        headers = {"Host": _get_host(str(request.url)), "X-Sdk-Date": date}
        if self._project_id:
            headers["X-Project-Id"] = self._project_id
        if keys.security_token:
            headers["X-Security-Token"] = _check_header_value(keys.security_token, "security token")
        request.headers.update(headers)
        signed = [name for name in _SIGNED if name in request.headers]
        canonical = make_canonical_request(
            str(request.method), str(request.url), request.headers, _get_body(request), signed=signed
        )
        signature = compute_signature(
            canonical, secret_key=_check_header_value(keys.secret_key, "secret key"), date=date
        )
        request.headers["Authorization"] = format_authorization(
            _check_header_value(keys.access_key, "access key"), signed, signature
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


class RenewableTokenAuth(RequestAuth):
    """Sends a token that is renewed before it expires and after it was rejected."""

    def __init__(
        self, token: Token, renew: Callable[[], Token], *, now: Callable[[], datetime] = _utc_now
    ) -> None:
        """Start with this token; `renew` returns a new one."""
        self._tokens = Renewal(token, renew, now=lambda: now().timestamp())

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token's header."""
        return TokenAuth(self._tokens.get())(request)

    def refresh(self, refused: PreparedRequest) -> bool:
        """Get a new token, unless the rejected one was replaced already. Raises what `renew` raises."""
        self._tokens.replace(lambda token: token.token == refused.headers[_TOKEN])
        return True


class HeaderAuth(RequestAuth):
    """Sends headers as they are; their values are secrets."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers."""
        request.headers.update(
            {name: _check_header_value(value, name) for name, value in self._headers.items()}
        )
        return request


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
    value = reveal(value)
    if not value.isascii() or not value.isprintable():
        raise AccessError(f"the {what} contains an invalid character", hint="copy it again")
    return value
