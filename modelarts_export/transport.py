"""One HTTP session to one base URL, and the only translation of HTTP trouble into our errors."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import disable_warnings
from urllib3.exceptions import HTTPError, InsecureRequestWarning, LocationParseError

from modelarts_export import __version__
from modelarts_export.config import Settings, is_loopback
from modelarts_export.errors import (
    InvalidInputError,
    ModelArtsExportError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.replies import Reply, failure, look_before_resending

_HEADERS = {
    "User-Agent": f"modelarts-export/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP call that was made; `status` is None when no reply came. `seconds` is how long it took."""

    method: str
    url: str
    status: int | None
    request_id: str | None
    seconds: float


class Body:
    """A request body that counts what was taken of it.

    The exceptions of requests do not tell whether a request left this machine; a body of which not all was
    taken provably did not.
    """

    def __init__(self, content: bytes) -> None:
        """Hold the bytes to send."""
        self.content = content
        self._taken = 0

    def __len__(self) -> int:
        """Return the length of the whole body, in bytes."""
        return len(self.content)

    def read(self, size: int = -1) -> bytes:
        """Hand over the next bytes."""
        end = len(self.content) if size < 0 else self._taken + size
        chunk = self.content[self._taken : end]
        self._taken += len(chunk)
        return chunk

    @property
    def left(self) -> bool:
        """Whether all of the body was handed over, so that the request may have arrived."""
        return self._taken >= len(self.content)


class Transport:
    """Speaks HTTP to one base URL. Nothing is sent twice here, and no redirect is followed."""

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        settings: Settings,
        *,
        on_call: Callable[[Call], None] = lambda _call: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take timeouts and trust from the settings; `on_call` hears of every call; `clock` tells seconds."""
        self._base_url = base_url
        self._timeouts = (settings.connect_timeout, settings.read_timeout)
        self._verify = settings.ca_bundle or not settings.insecure
        self._auth = auth
        self._on_call = on_call
        self._clock = clock
        self._session = _session(self._base_url)
        if not self._verify:
            disable_warnings(InsecureRequestWarning)  # who asked for it was told once, by the command

    def get(self, path: str, *, timeout: float | None = None) -> Reply:
        """Return the reply for this path, a 2xx with something in its JSON object.

        `timeout` in seconds bounds connecting and each read. Raises what replies.failure makes of any other
        reply, and TemporaryError when there is none.
        """
        return self._call("GET", path, None, (timeout, timeout) if timeout else self._timeouts)

    def post(self, path: str, content: bytes) -> Reply:
        """Send JSON once and return the reply, a 2xx with something in its JSON object.

        Raises what replies.failure makes of any other reply. Without one: TemporaryError when the request
        provably did not arrive, UnknownOutcomeError when it may have.
        """
        return self._call("POST", path, Body(content), self._timeouts)

    def _call(self, method: str, path: str, body: Body | None, timeouts: tuple[float, float]) -> Reply:
        url = self._base_url + path
        with self._told(method, url) as heard:
            try:
                response = self._session.request(
                    method,
                    url,
                    data=body,
                    headers={"Content-Type": "application/json"} if body else None,
                    auth=self._auth,
                    timeout=timeouts,
                    verify=self._verify,  # by request: an environment variable would override the session's
                    allow_redirects=False,
                )
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _no_reply(error, url, body) from error
            heard.append(response)
        return _usable(response, url, changing=body is not None)

    @contextmanager
    def _told(self, method: str, url: str) -> Iterator[list[requests.Response]]:
        """Tell of the call however it ends."""
        begun, heard = self._clock(), list[requests.Response]()
        try:
            yield heard
        finally:
            status = heard[0].status_code if heard else None
            request_id = heard[0].headers.get("X-Request-Id") if heard else None
            seconds = self._clock() - begun
            self._on_call(Call(method=method, url=url, status=status, request_id=request_id, seconds=seconds))


class _Session(requests.Session):
    """A session that never looks where a redirect points; requests parses it even when told not to follow."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Return nowhere."""


def _session(base_url: str) -> requests.Session:
    session = _Session()
    session.headers.clear()
    session.headers.update(_HEADERS)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # to this machine nothing goes through a proxy, which would be handed the credentials in plain text
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=0))
    return session


def _usable(response: requests.Response, url: str, *, changing: bool) -> Reply:
    reply = Reply(
        url=url,
        status=response.status_code,
        headers=response.headers,
        content=response.content,
        changing=changing,
    )
    if reply.succeeded and reply.fields:
        return reply
    raise failure(reply)


def _no_reply(error: Exception, url: str, body: Body | None) -> ModelArtsExportError:
    reason = _reason(error)
    if body is not None and body.left:
        return UnknownOutcomeError(
            f"the request was sent, but no usable reply came: {reason}", hint=look_before_resending(url)
        )
    host = urlsplit(url).netloc
    if isinstance(error, requests.exceptions.InvalidURL | LocationParseError):
        return InvalidInputError(
            f"{host} is not the name of a host", hint="correct the endpoint or the region"
        )
    return TemporaryError(f"no answer from {host}: {reason}", hint=_hint(error))


def _reason(error: BaseException) -> str:
    """Return the innermost cause in words; the outer ones repeat addresses and names of classes."""
    inner = error.__cause__ or error.__context__
    if inner:
        return _reason(inner)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _hint(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "check the endpoint; for a private certificate authority give --ca-bundle FILE"
    if isinstance(error, requests.exceptions.ProxyError):
        return "check the proxy in HTTPS_PROXY, and NO_PROXY"
    return "check the endpoint, the region and the network, then run it again; nothing was accepted"
