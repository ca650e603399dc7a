"""One HTTP session to one base URL, and the only translation of HTTP trouble into our errors."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3 import Timeout, disable_warnings
from urllib3.exceptions import HTTPError, InsecureRequestWarning, LocationParseError

from modelarts_export import __version__
from modelarts_export.auth import Auth
from modelarts_export.config import Settings, is_loopback
from modelarts_export.connection import DeadlineAdapter, content
from modelarts_export.errors import (
    InvalidInputError,
    ModelArtsExportError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.replies import (
    Reply,
    failure,
    look_before_resending,
    refuses_credentials,
    request_id_in,
)
from modelarts_export.text import REDACTED
from modelarts_export.trace import Call, Message, hidden, shown

_HEADERS = {
    "User-Agent": f"modelarts-export/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}


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


@dataclass(kw_only=True, repr=False)
class _Exchange:
    """A call, and what has become of it so far; `content` is None until the reply was read as a whole.

    It is `changing` when something may be another way afterwards, and `secret` when its bodies are; a copy
    made by `replace` was not sent yet.
    """

    method: str
    url: str
    timeout: Timeout
    data: bytes | None = None
    changing: bool = False
    secret: bool = False
    body: Body | None = field(init=False)
    request: requests.PreparedRequest | None = field(default=None, init=False)
    response: requests.Response | None = field(default=None, init=False)
    content: bytes | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.body = None if self.data is None else Body(self.data)

    @property
    def arrived(self) -> bool:
        """Whether a change may have been made: the body has left, or a reply that is no error has begun."""
        begun = self.response is not None and self.response.ok
        return self.changing and self.body is not None and (self.body.left or begun)

    def call(self, seconds: float) -> Call:
        """Return what may be told of it."""
        headers = {} if self.request is None else self.request.headers
        sent = Message(
            start=f"{self.method} {self.url}", headers=shown(headers), body=self._shown(self.data or b"")
        )
        response = self.response
        answered = response.headers if self.secret and response is not None else {}
        return Call(
            method=self.method,
            url=self.url,
            status=None if response is None else response.status_code,
            request_id=None if response is None else request_id_in(response.headers),
            seconds=seconds,
            sent=sent,
            received=None if response is None else self._received(response),
            hidden=(*hidden(headers), *hidden(answered)),
        )

    def _received(self, response: requests.Response) -> Message:
        start = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
        return Message(start=start, headers=shown(response.headers), body=self._shown(self.content))

    def _shown(self, body: bytes | None) -> bytes | None:
        return REDACTED.encode() if body and self.secret else body


class Transport:
    """Speaks HTTP to one base URL, and follows no redirect.

    Nothing is sent twice, save when the credentials were refused, so that nothing was accepted, and could be
    renewed: then once more.
    """

    def __init__(
        self,
        base_url: str,
        auth: Auth,
        settings: Settings,
        *,
        on_call: Callable[[Call], None] = lambda _call: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take timeouts and trust from the settings; `on_call` hears of every call; `clock` tells seconds."""
        self._base_url = base_url
        self._timeout = Timeout(connect=settings.connect_timeout, read=settings.read_timeout)
        self._settings = settings
        self._verify = settings.ca_bundle or not settings.insecure
        self._auth = auth
        self._on_call = on_call
        self._clock = clock
        self._session = _session(self._base_url, DeadlineAdapter(clock=clock))
        if not self._verify:
            disable_warnings(InsecureRequestWarning)  # who asked for it was told once, by the command

    def get(self, path: str, *, timeout: float | None = None) -> Reply:
        """Return the reply for this path, a 2xx with something in its JSON object.

        `timeout` in seconds bounds the whole of each send. Raises what replies.failure makes of any other
        reply, TemporaryError when there is none, and what the renewal of credentials raises.
        """
        within = self._within(timeout) if timeout else self._timeout
        return self._call(_Exchange(method="GET", url=self._base_url + path, timeout=within))

    def _within(self, seconds: float) -> Timeout:
        """Return a bound for a whole send; a connection and a reply may take no longer than ever."""
        longest = self._settings.connect_timeout, self._settings.read_timeout
        connect, read = (min(seconds, each) for each in longest)
        return Timeout(connect=connect, read=read, total=seconds)

    def post(self, path: str, body: bytes, *, changing: bool = True, secret: bool = False) -> Reply:
        """Send JSON and return the reply, a 2xx with something in its JSON object.

        Raises what replies.failure makes of any other reply, and what the renewal of credentials raises.
        Without a reply: TemporaryError when the request provably did not arrive, or is not `changing`
        anything; UnknownOutcomeError when it may have. The bodies of a `secret` call are told to nobody.
        """
        exchange = _Exchange(
            method="POST",
            url=self._base_url + path,
            timeout=self._timeout,
            data=body,
            changing=changing,
            secret=secret,
        )
        return self._call(exchange)

    def _call(self, exchange: _Exchange) -> Reply:
        reply = self._reply(exchange)
        if refuses_credentials(reply) and exchange.request and self._auth.renew(exchange.request):
            reply = self._reply(replace(exchange))
        if reply.succeeded and reply.fields:
            return reply
        raise failure(reply)

    def _reply(self, exchange: _Exchange) -> Reply:
        with self._told(exchange):
            try:
                return self._exchanged(exchange)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _no_reply(error, exchange) from error

    def _exchanged(self, exchange: _Exchange) -> Reply:
        """Send the request and read the reply; what has come of it is in the exchange, however it ends."""
        exchange.request = self._session.prepare_request(
            requests.Request(
                exchange.method,
                exchange.url,
                data=exchange.body,
                headers={"Content-Type": "application/json"} if exchange.body else None,
                auth=self._auth,
            )
        )
        # trust goes with the request: an environment variable would override the session's
        environment = self._session.merge_environment_settings(
            url=exchange.url, proxies={}, stream=True, verify=self._verify, cert=None
        )
        options: dict[str, Any] = {**environment, "timeout": exchange.timeout, "allow_redirects": False}
        with self._session.send(exchange.request, **options) as response:
            exchange.response = response
            exchange.content = content(response)
        return Reply(
            url=exchange.url,
            status=response.status_code,
            headers=response.headers,
            content=exchange.content,
            changing=exchange.changing,
        )

    @contextmanager
    def _told(self, exchange: _Exchange) -> Iterator[None]:
        """Tell of the call however it ends."""
        begun = self._clock()
        try:
            yield
        finally:
            self._on_call(exchange.call(self._clock() - begun))


class _Session(requests.Session):
    """A session that never looks where a redirect points; requests parses it even when told not to follow."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Return nowhere."""


def _session(base_url: str, adapter: DeadlineAdapter) -> requests.Session:
    session = _Session()
    session.headers.clear()
    session.headers.update(_HEADERS)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # to this machine nothing goes through a proxy, which would be handed the credentials in plain text
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def _no_reply(error: Exception, exchange: _Exchange) -> ModelArtsExportError:
    reason = _reason(error)
    if exchange.arrived:
        return UnknownOutcomeError(
            f"the request was sent, but no usable reply came: {reason}",
            hint=look_before_resending(exchange.url),
        )
    host = urlsplit(exchange.url).netloc
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return InvalidInputError(
            "the proxy in the environment cannot be used",
            hint="correct HTTPS_PROXY: a URL such as http://proxy.example:3128; socks5:// needs PySocks",
        )
    if isinstance(error, requests.exceptions.InvalidURL | LocationParseError):
        return InvalidInputError(
            f"{host} is not the name of a host", hint="correct the endpoint or the region"
        )
    return TemporaryError(
        f"no usable answer from {host}: {reason}", hint=_hint(error, changing=exchange.changing)
    )


def _reason(error: BaseException) -> str:
    """Return the innermost cause in words; the outer ones repeat addresses and names of classes."""
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if inner:
        return _reason(inner)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _hint(error: Exception, *, changing: bool) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "check the endpoint; for a private certificate authority give --ca-bundle FILE"
    if isinstance(error, requests.exceptions.ProxyError):
        return "check the proxy in HTTPS_PROXY, and NO_PROXY"
    check = "check the endpoint, the region and the network"
    # a look may be one at a task that was accepted: who ran its command again would submit another
    return f"{check}, then run it again; nothing was accepted" if changing else check
