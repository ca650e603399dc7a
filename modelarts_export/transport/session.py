"""One HTTP session to one base URL; every failure is raised as an error of this package."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import Timeout, disable_warnings
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from modelarts_export import __version__
from modelarts_export.auth.request_auth import RequestAuth
from modelarts_export.config.parsers import is_local
from modelarts_export.config.settings import Settings
from modelarts_export.sanitize import REDACTED
from modelarts_export.transport.attempt import Attempt
from modelarts_export.transport.deadline import DeadlineAdapter, read_body, read_error_body
from modelarts_export.transport.error_codes import ErrorKind
from modelarts_export.transport.failures import error_from_exception
from modelarts_export.transport.response import (
    Response,
    error_from_response,
    error_kind_of,
    is_refused_by,
    rejects_credentials,
    shows_authentication,
)
from modelarts_export.transport.tracing import CallRecord, hidden_values

_HEADERS = {
    "User-Agent": f"modelarts-export/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
_BODY_HEADERS = {"Content-Type": "application/json"}
_NO_BODY_HEADERS = {"Cache-Control": "no-cache"}  # a cache would hide the newest tasks


class Transport:
    """An HTTP session to one base URL that follows no redirect.

    A request is sent once, and once more after its credentials were rejected and could be renewed.
    """

    def __init__(
        self,
        base_url: str,
        auth: RequestAuth,
        settings: Settings,
        *,
        on_call: Callable[[CallRecord], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the timeouts and certificates of the settings; `on_call` receives every call."""
        self._base_url = base_url
        self._timeout = Timeout(connect=settings.connect_timeout, read=settings.read_timeout)
        self._settings = settings
        self._auth = auth
        self._on_call = on_call
        self._clock = clock
        self._refused: Response | None = None
        self._is_authenticated = False
        # an adapter alone: a session would merge its settings into each of a thousand requests
        self._adapter: HTTPAdapter = DeadlineAdapter(clock=clock)
        verify = settings.ca_bundle or not settings.insecure
        self._environment = _load_environment(base_url, verify=verify)
        if not verify:
            disable_warnings(InsecureRequestWarning)  # the command has warned once

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which timeouts are measured, in seconds."""
        return self._clock

    @property
    def base_url(self) -> str:
        """The URL that all paths are below."""
        return self._base_url

    @property
    def settings(self) -> Settings:
        """The settings that it was made with."""
        return self._settings

    @property
    def read_timeout(self) -> float:
        """How long the reply to one call may take, in seconds."""
        return self._settings.read_timeout

    @property
    def is_authenticated(self) -> bool:
        """Whether a response has shown that the credentials are accepted."""
        return self._is_authenticated

    def close(self) -> None:
        """Close the idle connections; the next call opens a new one."""
        self._adapter.close()

    def mount(self, adapter: HTTPAdapter) -> None:
        """Use this adapter for all further calls."""
        self._adapter = adapter

    def get(self, path: str, *, timeout: float | None = None) -> Response:
        """Return the response for this path, a 2xx with a non-empty JSON object.

        `timeout` in seconds limits each send as a whole. Raises what error_from_response returns for any
        other response, TemporaryError without one, and what the renewal of credentials raises.
        """
        within = self._make_timeout(timeout) if timeout else self._timeout
        return self._send_with_refresh(Attempt(method="GET", url=self._base_url + path, timeout=within))

    def _make_timeout(self, seconds: float) -> Timeout:
        """Return a timeout for a whole send, within the configured connect and read timeouts."""
        longest = self._settings.connect_timeout, self._settings.read_timeout
        connect, read = (min(seconds, each) for each in longest)
        return Timeout(connect=connect, read=read, total=seconds)

    def post(self, path: str, body: bytes, *, changing: bool = True, secret: bool = False) -> Response:
        """Send JSON and return the response, a 2xx with a non-empty JSON object.

        Raises what error_from_response returns for any other response, and what the renewal of credentials
        raises. Without a response: TemporaryError if the request did not arrive or is not `changing`
        anything, UnknownOutcomeError if it may have arrived. The bodies of a `secret` call are
        redacted in traces.
        """
        attempt = Attempt(
            method="POST",
            url=self._base_url + path,
            timeout=self._timeout,
            data=body,
            changing=changing,
            secret=secret,
        )
        return self._send_with_refresh(attempt)

    def fetch(self, method: str, path: str) -> Response:
        """Return the response to a call whose bodies are secret, whatever its status and content.

        Raises TemporaryError without a response.
        """
        url = self._base_url + path
        return self._send(Attempt(method=method, url=url, timeout=self._timeout, secret=True))

    def _send_with_refresh(self, attempt: Attempt) -> Response:
        if self._refused:
            raise error_from_response(self._refused)
        reply = self._send(attempt)
        if rejects_credentials(reply) and attempt.request and self._auth.refresh(attempt.request):
            reply = self._send(replace(attempt))
        if not reply.succeeded and error_kind_of(reply) is ErrorKind.CREDENTIALS:
            self._refused = reply  # the gateway locks a key after repeated rejections
        elif shows_authentication(reply):
            self._is_authenticated = True
        if reply.succeeded and reply.fields:
            return reply
        raise error_from_response(reply)

    def _send(self, attempt: Attempt) -> Response:
        with self._report_call(attempt):
            try:
                return self._perform(attempt)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise error_from_exception(error, attempt) from error

    def _perform(self, attempt: Attempt) -> Response:
        """Send the request and read the response; the attempt records the outcome, also of a failure."""
        request = requests.PreparedRequest()
        request.prepare(
            method=attempt.method,
            url=attempt.url,
            data=attempt.body,
            headers=_HEADERS | (_BODY_HEADERS if attempt.body else _NO_BODY_HEADERS),
            auth=self._auth,
        )
        attempt.request = request
        options: dict[str, Any] = {**self._environment, "timeout": attempt.timeout}
        with self._adapter.send(request, **options) as response:
            attempt.response = response
            read = read_error_body if is_refused_by(response.status_code) else read_body
            attempt.content = read(response, attempt.received)
        return Response(
            url=attempt.url,
            status=response.status_code,
            headers=response.headers,
            content=attempt.content,
            changing=attempt.changing,
            secrets=hidden_values(request.headers),
        )

    @contextmanager
    def _report_call(self, attempt: Attempt) -> Iterator[None]:
        """Report the call, also after a failure."""
        begun = self._clock()
        try:
            yield
        finally:
            if self._on_call:
                self._on_call(attempt.to_record(self._clock() - begun))


def find_proxy(base_url: str) -> str | None:
    """Return the URL of the proxy for calls to this URL, its user redacted; None if they use none."""
    proxy = None
    if not is_local(urlsplit(base_url).hostname or ""):
        proxy = select_proxy(base_url, get_environ_proxies(base_url))
    if not proxy:
        return None
    scheme, _, rest = proxy.rpartition("://")  # not parsed: the URL may be invalid
    user, _, host = rest.rpartition("@")
    return f"{scheme or 'http'}://{REDACTED + '@' if user else ''}{host}"


def _load_environment(base_url: str, *, verify: bool | str) -> Mapping[str, Any]:
    """Return the proxies and the certificates for a URL that environment variables name.

    `verify` belongs to each call: an environment variable would override that of a session.
    """
    session = requests.Session()
    # calls to this machine bypass proxies, which would receive the credentials in plain text
    session.trust_env = not is_local(urlsplit(base_url).hostname or "")
    return session.merge_environment_settings(base_url, proxies={}, stream=True, verify=verify, cert=None)
