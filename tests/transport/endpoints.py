"""Servers, proxies and closed ports that tests send requests to, over plain HTTP and TLS."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache

import pytest
import trustme
from requests import PreparedRequest

from modelarts_export.auth.request_auth import RequestAuth
from modelarts_export.transport.attempt import TrackedBody
from tests.support.raw_server import Handler, RawServer, make_reply, reset, serve

UNRESOLVED_HOST = "modelarts.invalid"  # only a proxy is asked to connect to it
HTTP_URL, HTTPS_URL = "http://127.0.0.1:{}", "https://127.0.0.1:{}"
_VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
_SMALL = 4096  # bytes: a receive buffer that is full long before a large body was sent


class RecordingAuth(RequestAuth):
    """An auth that adds nothing, and keeps the body to show how much of it was sent."""

    body: TrackedBody | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Keep the body."""
        body: object = request.body  # requests declares bytes and text only
        assert isinstance(body, TrackedBody)
        self.body = body
        return request

    @property
    def fully_sent(self) -> bool:
        """Whether all of the body was sent, as the transport determines it."""
        return self.body is not None and self.body.fully_sent


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL and the proxy on the way to it; `requests` are those that were read there completely."""

    url: str
    proxy: str = ""
    requests: list[bytes] = field(default_factory=list)


Endpoint = Callable[[RecordingAuth], AbstractContextManager[Target]]
Endpoints = dict[str, Endpoint]  # by protocol
MakeContext = Callable[[str], ssl.SSLContext]


@cache
def make_authority() -> trustme.CA:
    """Return the authority whose certificates are trusted."""
    return trustme.CA()


def _make_context(version: str, authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = _VERSIONS[version]
    authority.issue_cert(name).configure_cert(context)
    return context


@cache
def make_trusted_context(version: str) -> ssl.SSLContext:
    """Return the context of a server with a valid certificate."""
    return _make_context(version, make_authority(), "127.0.0.1")


def make_proxied_context(version: str) -> ssl.SSLContext:
    """Return the context of the server behind a proxy; its certificate is invalid for any other host."""
    return _make_context(version, make_authority(), UNRESOLVED_HOST)


def make_untrusted_context(version: str) -> ssl.SSLContext:
    """Return the context of a server whose certificate was signed by an unknown authority."""
    return _make_context(version, trustme.CA(), "127.0.0.1")


def make_client_certificate_context(version: str) -> ssl.SSLContext:
    """Return the context of a server that requires a certificate of the client."""
    context = _make_context(version, make_authority(), "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    make_authority().configure_trust(context)
    return context


def serve_http(handle: Handler, *, slow: bool = False) -> Endpoints:
    """Return a server without TLS; a slow one has a small receive buffer."""
    return {"HTTP": serve_at(HTTP_URL, handle, _SMALL if slow else 0)}


def serve_tls(
    handle: Handler, *versions: str, context: MakeContext = make_trusted_context, slow: bool = False
) -> Endpoints:
    """Return a server with TLS, for each of these versions or for all."""
    return {
        version: serve_at(HTTPS_URL, _wrap_in_tls(context, version, handle), _SMALL if slow else 0)
        for version in versions or _VERSIONS
    }


def serve_http_and_tls(handle: Handler, *, slow: bool = False) -> Endpoints:
    """Return a server without TLS and with each version of TLS."""
    return serve_http(handle, slow=slow) | serve_tls(handle, slow=slow)


def serve_handshake(handle: Handler) -> Endpoints:
    """Return a server that handles the TLS handshake itself, reached directly and through a proxy."""
    return {"TLS": serve_at(HTTPS_URL, handle), "TLS through a proxy": _serve_after_connect(handle)}


def serve_proxy(handle: Handler) -> Endpoints:
    """Return a proxy that handles CONNECT itself."""
    return use_as_proxy(serve_http(handle))


def serve_tls_through_proxy(handle: Handler, *, context: MakeContext = make_proxied_context) -> Endpoints:
    """Return a server with TLS behind a proxy that connects."""
    return {"TLS through a proxy": _serve_after_connect(_wrap_in_tls(context, "TLS 1.3", handle))}


def _serve_after_connect(handle: Handler) -> Endpoint:
    def answer_connect(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(make_reply("200 Connection established"))
        handle(server, peer)

    return serve_proxy(answer_connect)["CONNECT"]


def serve_at(url: str, handle: Handler, receive_buffer: int = 0) -> Endpoint:
    """Return a server for this URL, whose port is a placeholder."""

    @contextmanager
    def endpoint(_sender: RecordingAuth) -> Iterator[Target]:
        with serve(handle, receive_buffer=receive_buffer) as server:
            yield Target(url=url.format(server.port), requests=server.requests)

    return endpoint


def _wrap_in_tls(context: MakeContext, version: str, handle: Handler) -> Handler:
    def handle_in_tls(server: RawServer, peer: socket.socket) -> None:
        with context(version).wrap_socket(peer, server_side=True) as secure:
            handle(server, secure)

    return handle_in_tls


def refuse_connections() -> Endpoints:
    """Return a port without a listener."""

    @contextmanager
    def open_closed_port() -> Iterator[int]:
        with socket.socket() as bound:  # bound, so that no other process gets the port
            bound.bind(("127.0.0.1", 0))
            yield bound.getsockname()[1]

    return _open_port(open_closed_port)


def fill_backlog() -> Endpoints:
    """Return a port whose backlog is full, so that connecting takes for ever."""

    @contextmanager
    def open_full_port() -> Iterator[int]:
        with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for client in (first, second):
                client.settimeout(0)
                client.connect_ex(listener.getsockname())
            yield listener.getsockname()[1]

    return _open_port(open_full_port)


def _open_port(opened: Callable[[], AbstractContextManager[int]]) -> Endpoints:
    def endpoint(url: str) -> Endpoint:
        @contextmanager
        def endpoint_at_port(_sender: RecordingAuth) -> Iterator[Target]:
            with opened() as port:
                yield Target(url=url.format(port))

        return endpoint_at_port

    return {"HTTP": endpoint(HTTP_URL), "TLS": endpoint(HTTPS_URL)}


def fail_name_lookup() -> Endpoints:
    """Return a host name that is not resolved; no name server is asked."""

    def raise_unknown_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def endpoint(scheme: str) -> Endpoint:
        @contextmanager
        def endpoint_without_address(_sender: RecordingAuth) -> Iterator[Target]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(socket, "getaddrinfo", raise_unknown_host)
                yield Target(url=f"{scheme}://{UNRESOLVED_HOST}")

        return endpoint_without_address

    return {"HTTP": endpoint("http"), "TLS": endpoint("https")}


def use_as_proxy(endpoints: Endpoints) -> Endpoints:
    """Return the endpoint over HTTP as the proxy for a request over HTTPS."""

    @contextmanager
    def endpoint(sender: RecordingAuth) -> Iterator[Target]:
        with endpoints["HTTP"](sender) as target:
            yield Target(url=f"https://{UNRESOLVED_HOST}", proxy=target.url, requests=target.requests)

    return {"CONNECT": endpoint}


def reset_once_sent() -> Endpoints:
    """Return a server that reads nothing, and resets the connection once all of the body was sent."""

    def endpoint(url: str, context: MakeContext | None) -> Endpoint:
        @contextmanager
        def wait_until_sent(sender: RecordingAuth) -> Iterator[Target]:
            def handle(server: RawServer, peer: socket.socket) -> None:
                while not (sender.fully_sent or server.over.is_set()):
                    time.sleep(0.001)
                reset(peer)

            wrapped = _wrap_in_tls(context, "TLS 1.3", handle) if context else handle
            with serve_at(url, wrapped, _SMALL)(sender) as target:
                yield target

        return wait_until_sent

    return {"HTTP": endpoint(HTTP_URL, None), "TLS 1.3": endpoint(HTTPS_URL, make_trusted_context)}
