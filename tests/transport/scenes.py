"""Where a test sends a request: to nobody, over plain HTTP or TLS, into a handshake, through a proxy."""

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
from tests.support.raw_server import Handler, RawServer, reply, reset, serving

ELSEWHERE = "modelarts.invalid"  # a name that nobody looks up: a proxy is asked for it
PLAIN, SECURE = "http://127.0.0.1:{}", "https://127.0.0.1:{}"
_VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
_SMALL = 4096  # bytes of a receive buffer that holds hardly anything which the server does not read


class Sender(RequestAuth):
    """Adds nothing to a request and keeps its body, so that a test sees what was taken of it."""

    body: TrackedBody | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Keep the body."""
        body: object = request.body  # requests knows of no bodies but bytes and text
        assert isinstance(body, TrackedBody)
        self.body = body
        return request

    @property
    def left(self) -> bool:
        """What the transport goes by."""
        return self.body is not None and self.body.fully_sent


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to send to, and through which proxy; `heard` are the requests that were read there as a whole."""

    url: str
    proxy: str = ""
    heard: list[bytes] = field(default_factory=list)


Scene = Callable[[Sender], AbstractContextManager[Target]]
Scenes = dict[str, Scene]  # by what is spoken there
Context = Callable[[str], ssl.SSLContext]


@cache
def authority() -> trustme.CA:
    """Return whose certificates are trusted."""
    return trustme.CA()


def _context(version: str, authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = _VERSIONS[version]
    authority.issue_cert(name).configure_cert(context)
    return context


@cache
def good(version: str) -> ssl.SSLContext:
    """Return the context of a server that is who it says."""
    return _context(version, authority(), "127.0.0.1")


def behind(version: str) -> ssl.SSLContext:
    """Return the context of the server behind a proxy; for any other it is that of a wrong name."""
    return _context(version, authority(), ELSEWHERE)


def untrusted(version: str) -> ssl.SSLContext:
    """Return the context of a server whose certificate was signed by a stranger."""
    return _context(version, trustme.CA(), "127.0.0.1")


def wanting_certificate(version: str) -> ssl.SSLContext:
    """Return the context of a server that wants a certificate of the client."""
    context = _context(version, authority(), "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(context)
    return context


def http(handle: Handler, *, slow: bool = False) -> Scenes:
    """Return the scene of a server without TLS; a slow one holds hardly anything that it does not read."""
    return {"HTTP": at(PLAIN, handle, _SMALL if slow else 0)}


def tls(handle: Handler, *versions: str, context: Context = good, slow: bool = False) -> Scenes:
    """Return the scenes of a server with TLS, in every version unless some are named."""
    return {
        version: at(SECURE, _secured(context, version, handle), _SMALL if slow else 0)
        for version in versions or _VERSIONS
    }


def everywhere(handle: Handler, *, slow: bool = False) -> Scenes:
    """Return the scenes of a server without TLS and with it."""
    return http(handle, slow=slow) | tls(handle, slow=slow)


def handshake(handle: Handler) -> Scenes:
    """Return the scenes of a server that hears the beginning of a handshake."""
    return {"TLS": at(SECURE, handle), "TLS through a proxy": _connected(handle)}


def proxy(handle: Handler) -> Scenes:
    """Return the scene of a proxy that hears a CONNECT."""
    return as_proxy(http(handle))


def through_proxy(handle: Handler, *, context: Context = behind) -> Scenes:
    """Return the scene of a server with TLS behind a proxy that connects."""
    return {"TLS through a proxy": _connected(_secured(context, "TLS 1.3", handle))}


def _connected(handle: Handler) -> Scene:
    def connected(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(reply("200 Connection established"))
        handle(server, peer)

    return proxy(connected)["CONNECT"]


def at(url: str, handle: Handler, receive_buffer: int = 0) -> Scene:
    """Return the scene of a server that handles what goes to this URL, its port left open."""

    @contextmanager
    def scene(_sender: Sender) -> Iterator[Target]:
        with serving(handle, receive_buffer=receive_buffer) as server:
            yield Target(url=url.format(server.port), heard=server.requests)

    return scene


def _secured(context: Context, version: str, handle: Handler) -> Handler:
    def secured(server: RawServer, peer: socket.socket) -> None:
        with context(version).wrap_socket(peer, server_side=True) as secure:
            handle(server, secure)

    return secured


def nobody() -> Scenes:
    """Return the scenes of a port on which nobody listens."""

    @contextmanager
    def closed() -> Iterator[int]:
        with socket.socket() as bound:  # bound, so that nobody else has the port, but it does not listen
            bound.bind(("127.0.0.1", 0))
            yield bound.getsockname()[1]

    return _ports(closed)


def full() -> Scenes:
    """Return the scenes of a port with as many connections waiting as may wait."""

    @contextmanager
    def queued() -> Iterator[int]:
        with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for client in (first, second):
                client.settimeout(0)
                client.connect_ex(listener.getsockname())
            yield listener.getsockname()[1]

    return _ports(queued)


def _ports(opened: Callable[[], AbstractContextManager[int]]) -> Scenes:
    def scene(url: str) -> Scene:
        @contextmanager
        def at(_sender: Sender) -> Iterator[Target]:
            with opened() as port:
                yield Target(url=url.format(port))

        return at

    return {"HTTP": scene(PLAIN), "TLS": scene(SECURE)}


def nameless() -> Scenes:
    """Return the scenes of a host that no name server knows, in the resolver's own words; none is asked."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def scene(scheme: str) -> Scene:
        @contextmanager
        def unresolved(_sender: Sender) -> Iterator[Target]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(socket, "getaddrinfo", unknown)
                yield Target(url=f"{scheme}://{ELSEWHERE}")

        return unresolved

    return {"HTTP": scene("http"), "TLS": scene("https")}


def as_proxy(scenes: Scenes) -> Scenes:
    """Return the scene of a proxy that is where a server without TLS would be."""

    @contextmanager
    def scene(sender: Sender) -> Iterator[Target]:
        with scenes["HTTP"](sender) as target:
            yield Target(url=f"https://{ELSEWHERE}", proxy=target.url, heard=target.heard)

    return {"CONNECT": scene}


def buffered() -> Scenes:
    """Return the scenes of a server that reads nothing, and resets when all of the body was taken."""

    def scene(url: str, context: Context | None) -> Scene:
        @contextmanager
        def waiting(sender: Sender) -> Iterator[Target]:
            def handle(server: RawServer, peer: socket.socket) -> None:
                while not (sender.left or server.over.is_set()):
                    time.sleep(0.001)
                reset(peer)

            inner = _secured(context, "TLS 1.3", handle) if context else handle
            with at(url, inner, _SMALL)(sender) as target:
                yield target

        return waiting

    return {"HTTP": scene(PLAIN, None), "TLS 1.3": scene(SECURE, good)}
