"""How a prepared request shows who sends it: signed with a key, or with a token of IAM."""

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
# Enough to be safe and few enough that a proxy's changes do no harm; only x-sdk-date must be signed
# (.github/API.md, section 6.1).
_SIGNED = ("content-type", "host", "x-project-id", "x-sdk-date", "x-security-token")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def make_auth(
    credentials: AccessKey | Token, project_id: str, *, now: Callable[[], datetime] = _utc_now
) -> "RequestAuth":
    """Return what signs, or marks with a token, every request to this project."""
    if isinstance(credentials, Token):
        return TokenAuth(credentials)
    return AccessKeyAuth(credentials, project_id, now=now)


class RequestAuth(AuthBase):
    """Shows nothing; what the others are kinds of."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Leave the request as it is."""
        return request

    def refresh(self, _refused: PreparedRequest) -> bool:
        """Tell whether the same request would show something else now than this one, which was refused."""
        return False


class AccessKeyAuth(RequestAuth):
    """Signs a request with SDK-HMAC-SHA256, over the very bytes that are sent."""

    def __init__(self, keys: AccessKey, project_id: str, *, now: Callable[[], datetime] = _utc_now) -> None:
        """`now` tells the time in UTC; the API refuses a signature that is 15 minutes off."""
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
        proof = compute_signature(
            canonical, secret_key=_check_header_value(self._keys.secret_key, "secret key"), date=date
        )
        request.headers["Authorization"] = format_authorization(
            _check_header_value(self._keys.access_key, "access key"), signed, proof
        )
        return request


class TokenAuth(RequestAuth):
    """Sends the token along."""

    def __init__(self, token: Token) -> None:
        """Keep the token."""
        self._token = token.token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers[_TOKEN] = _check_header_value(self._token, "token")
        return request


class RenewableTokenAuth(TokenAuth):
    """Sends a token along that a password can renew; several threads may share it."""

    def __init__(self, token: Token, renewed: Callable[[], Token]) -> None:
        """Begin with this token; `renewed` gets another one."""
        super().__init__(token)
        self._renewed = renewed
        self._refusal: AccessError | None = None
        self._lock = Lock()

    def refresh(self, refused: PreparedRequest) -> bool:
        """Get a new token, unless the refused one was replaced already.

        Raises what `renewed` raises, and an AccessError again without another try: IAM locks a user.
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
    """Return the body as bytes; a body that counts what was taken of it has them in `content`."""
    body = getattr(request.body, "content", request.body) or b""
    return body.encode() if isinstance(body, str) else body


def _get_host(url: str) -> str:
    """Return the Host header that http.client sends: with the port, unless it is the scheme's own."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    default = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    return host if default else f"{host}:{parts.port}"


def _check_header_value(value: str, what: str) -> str:
    """Return a value for a header or a signature; a pasted line feed or a non-ASCII letter is none."""
    if not value.isascii() or not value.isprintable():
        raise AccessError(f"the {what} has a character that no {what} has", hint="copy it once more")
    return value
