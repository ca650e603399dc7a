"""One HTTP session to one base URL, and the only translation of HTTP trouble into our errors."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Timeout, disable_warnings
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from modelarts_export import __version__
from modelarts_export.auth.request_auth import RequestAuth
from modelarts_export.config.parsers import is_loopback
from modelarts_export.config.settings import Settings
from modelarts_export.transport.attempt import Attempt
from modelarts_export.transport.deadline import DeadlineAdapter, content_of_refusal, read_body
from modelarts_export.transport.error_codes import ErrorKind
from modelarts_export.transport.failures import error_from_exception
from modelarts_export.transport.response import (
    Response,
    error_from_response,
    error_kind_of,
    is_refused_by,
    rejects_credentials,
)
from modelarts_export.transport.tracing import CallRecord, hidden_values

_HEADERS = {
    "User-Agent": f"modelarts-export/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
_SENT_WITH_A_BODY = {"Content-Type": "application/json"}
_SENT_WITHOUT = {"Cache-Control": "no-cache"}  # a cache on the way would hide the newest tasks
_FRESH = 5.0  # seconds; a connection that nobody used for longer may have been closed by the other side


class Transport:
    """Speaks HTTP to one base URL, and follows no redirect.

    Nothing is sent twice, save when the credentials were refused, so that nothing was accepted, and could be
    renewed: then once more.
    """

    def __init__(
        self,
        base_url: str,
        auth: RequestAuth,
        settings: Settings,
        *,
        on_call: Callable[[CallRecord], None] = lambda _call: None,
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
        self._last_use = clock()
        self._refused: Response | None = None
        self._session = _make_session(self._base_url, DeadlineAdapter(clock=clock))
        if not self._verify:
            disable_warnings(InsecureRequestWarning)  # who asked for it was told once, by the command

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which timeouts are measured, in seconds."""
        return self._clock

    @property
    def read_timeout(self) -> float:
        """How long the reply to one call may take, in seconds."""
        return self._settings.read_timeout

    def close(self) -> None:
        """Close the connections that nobody uses now; a call opens them anew."""
        self._session.close()

    def mount(self, adapter: HTTPAdapter) -> None:
        """Speak through this adapter from now on."""
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def get(self, path: str, *, timeout: float | None = None) -> Response:
        """Return the reply for this path, a 2xx with something in its JSON object.

        `timeout` in seconds bounds the whole of each send. Raises what error_from_response makes of any other
        reply, TemporaryError when there is none, and what the renewal of credentials raises.
        """
        within = self._make_timeout(timeout) if timeout else self._timeout
        return self._send_with_refresh(Attempt(method="GET", url=self._base_url + path, timeout=within))

    def _make_timeout(self, seconds: float) -> Timeout:
        """Return a bound for a whole send; a connection and a reply may take no longer than ever."""
        longest = self._settings.connect_timeout, self._settings.read_timeout
        connect, read = (min(seconds, each) for each in longest)
        return Timeout(connect=connect, read=read, total=seconds)

    def post(self, path: str, body: bytes, *, changing: bool = True, secret: bool = False) -> Response:
        """Send JSON and return the reply, a 2xx with something in its JSON object.

        Raises what error_from_response makes of any other reply, and what the renewal of credentials raises.
        Without a reply: TemporaryError when the request provably did not arrive, or is not `changing`
        anything; UnknownOutcomeError when it may have. The bodies of a `secret` call are told to nobody.
        """
        exchange = Attempt(
            method="POST",
            url=self._base_url + path,
            timeout=self._timeout,
            data=body,
            is_create=changing,
            secret=secret,
        )
        if self._clock() - self._last_use > _FRESH:
            self.close()  # what is sent on a dead connection may have arrived, for all we know
        return self._send_with_refresh(exchange)

    def _send_with_refresh(self, exchange: Attempt) -> Response:
        if self._refused:
            raise error_from_response(self._refused)
        reply = self._send(exchange)
        if rejects_credentials(reply) and exchange.request and self._auth.refresh(exchange.request):
            reply = self._send(replace(exchange))
        if not reply.succeeded and error_kind_of(reply) is ErrorKind.CREDENTIALS:
            self._refused = reply  # the gateway locks a key that is refused again and again
        if reply.succeeded and reply.fields:
            return reply
        raise error_from_response(reply)

    def _send(self, exchange: Attempt) -> Response:
        with self._report_call(exchange):
            try:
                return self._perform(exchange)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise error_from_exception(error, exchange) from error

    def _perform(self, exchange: Attempt) -> Response:
        """Send the request and read the reply; what has come of it is in the exchange, however it ends."""
        exchange.request = self._session.prepare_request(
            requests.Request(
                exchange.method,
                exchange.url,
                data=exchange.body,
                headers=_SENT_WITH_A_BODY if exchange.body else _SENT_WITHOUT,
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
            read = content_of_refusal if is_refused_by(response.status_code) else read_body
            exchange.content = read(response, exchange.received)
        return Response(
            url=exchange.url,
            status=response.status_code,
            headers=response.headers,
            content=exchange.content,
            changing=exchange.is_create,
            secrets=hidden_values(exchange.request.headers),
        )

    @contextmanager
    def _report_call(self, exchange: Attempt) -> Iterator[None]:
        """Tell of the call however it ends."""
        begun = self._clock()
        try:
            yield
        finally:
            self._last_use = self._clock()
            self._on_call(exchange.to_record(self._last_use - begun))


class _Session(requests.Session):
    """A session that never looks where a redirect points; requests parses it even when told not to follow."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Return nowhere."""


def _make_session(base_url: str, adapter: DeadlineAdapter) -> requests.Session:
    session = _Session()
    session.headers.clear()
    session.headers.update(_HEADERS)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # to this machine nothing goes through a proxy, which would be handed the credentials in plain text
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session
