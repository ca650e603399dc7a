"""Failures of a POST: what is raised, whether all of the body was sent, and the error of the transport.

CONTRIBUTING has these rows as a table. Where a cell has an "or", chance or the release of Python decides.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from ssl import MemoryBIO, SSLError, SSLSocket

from tests.support.raw_server import CREATED, Handler, RawServer, answer_with, make_reply, reset
from tests.transport.endpoints import (
    HTTPS_URL,
    Endpoints,
    fail_name_lookup,
    fill_backlog,
    make_client_certificate_context,
    make_proxied_context,
    make_untrusted_context,
    refuse_connections,
    reset_once_sent,
    serve_at,
    serve_handshake,
    serve_http,
    serve_http_and_tls,
    serve_proxy,
    serve_tls,
    serve_tls_through_proxy,
    use_as_proxy,
)
from tests.transport.fault_rows import (
    AMBIGUOUS,
    close,
    close_after_a_part,
    close_after_all,
    never_answer,
    reset_after_a_part,
    reset_after_all,
    stall,
)

LARGE = 12_000_000  # bytes, the maximum of a request body
NONE, NO, YES, CHANCE = "none", "no", "yes", "no or yes"
TEMPORARY, UNKNOWN, REFUSED = "TemporaryError", "UnknownOutcomeError", "RefusedError"
BAD_CERTIFICATE = "CertificateError"  # a TemporaryError that is not retried
NOT_CONNECTED = "ConnectionError ← NewConnectionError"
ABORTED = "ConnectionError ← ProtocolError"
PROXY = "ProxyError ← ProxyError"
TLS = "SSLError ← SSLError"
UNREAD = "ReadTimeout ← ReadTimeoutError"
STALLED = "ReadTimeoutError ← TimeoutError"
RESET = "ProtocolError ← ConnectionResetError"
CUT = "ProtocolError ← IncompleteRead"


@dataclass(frozen=True)
class Row:
    """Endpoints with one outcome: the cause of the error and its own cause, whether the body was sent, the error.

    `size` is that of the body in bytes, and the timeouts are in seconds.
    """

    endpoints: Endpoints
    raised: str
    sent: str
    error: str
    _: KW_ONLY
    size: int = 100
    connect: float = 5.0
    read: float = 5.0


def reset_at_once(_server: RawServer, peer: socket.socket) -> None:
    """Reset the connection before anything was read."""
    reset(peer)


def close_with_notice(server: RawServer, peer: socket.socket) -> None:
    """Read the whole request, and end TLS with a close_notify."""
    server.read(peer)
    assert isinstance(peer, SSLSocket)
    peer.unwrap()


def answer_unencrypted(server: RawServer, peer: socket.socket) -> None:
    """Read the whole request, and answer with a record that is not encrypted."""
    server.read(peer)
    os.write(peer.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))


def close_after_half(_server: RawServer, peer: socket.socket) -> None:
    """Read half of a large body, and close."""
    _read_at_least(LARGE // 2, peer)


def close_after_hello(_server: RawServer, peer: socket.socket) -> None:
    """Read the first message of the client, and close."""
    peer.recv(65536)


def answer_early(answer: bytes, after: Callable[[RawServer, socket.socket], object] = close) -> Handler:
    """Return a handler that reads the beginning of a request, sends this answer, and calls `after`."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(answer)
        after(server, peer)

    return handle


def require_certificate_late(_server: RawServer, peer: socket.socket) -> None:
    """Require a certificate of the client, but send the alert only after its request has arrived."""
    received, outgoing = MemoryBIO(), MemoryBIO()
    secure = make_client_certificate_context("TLS 1.3").wrap_bio(received, outgoing, server_side=True)
    for size in (1, 8192):
        received.write(_read_at_least(size, peer))
        with suppress(SSLError):  # the first call needs more bytes, the second writes an alert
            secure.do_handshake()
        peer.sendall(outgoing.read())
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(65536):  # closing with unread bytes would send a reset
        pass


def _read_at_least(size: int, peer: socket.socket) -> bytes:
    received = bytearray()
    while len(received) < size and (chunk := peer.recv(65536)):
        received += chunk
    return bytes(received)


def serve_fault(fault: str) -> Endpoints:
    """Return servers whose reply has this fault."""
    return serve_http_and_tls(AMBIGUOUS[fault])


def serve_slowly(handle: Handler) -> Endpoints:
    """Return servers that receive only a part of a large body."""
    return serve_http_and_tls(handle, slow=True)


ACCEPTED = make_reply("200 OK", CREATED, "Connection: close")
TOO_LARGE = make_reply("413 Content Too Large", b'{"error_code": "ModelArts.4104"}', "Connection: close")

BEFORE = {
    "closed port": Row(refuse_connections(), NOT_CONNECTED, NO, TEMPORARY),
    "unknown host name": Row(fail_name_lookup(), "ConnectionError ← NameResolutionError", NO, TEMPORARY),
    "no connection in time": Row(
        fill_backlog(), "ConnectTimeout ← ConnectTimeoutError", NO, TEMPORARY, connect=0.3
    ),
    "closed port of the proxy": Row(use_as_proxy(refuse_connections()), PROXY, NO, TEMPORARY),
    "no connection to the proxy in time": Row(
        use_as_proxy(fill_backlog()), PROXY, NO, TEMPORARY, connect=0.3
    ),
    "403 to CONNECT": Row(serve_proxy(answer_with("403 Forbidden")), PROXY, NO, TEMPORARY),
    "407 to CONNECT": Row(
        serve_proxy(answer_with("407 Proxy Authentication Required")), PROXY, NO, TEMPORARY
    ),
    "502 to CONNECT": Row(serve_proxy(answer_with("502 Bad Gateway", b"<html>")), PROXY, NO, TEMPORARY),
    "FIN after CONNECT": Row(serve_proxy(close_after_all), ABORTED, NO, TEMPORARY),
    "RST after CONNECT": Row(serve_proxy(reset_after_all), ABORTED, NO, TEMPORARY),
    "no reply to CONNECT": Row(serve_proxy(never_answer), UNREAD, NO, TEMPORARY, connect=0.3),
    "stall in the handshake": Row(serve_handshake(stall), UNREAD, NO, TEMPORARY, connect=0.3),
    "FIN in the handshake": Row(serve_handshake(close_after_hello), TLS, NO, TEMPORARY),
    "RST in the handshake": Row(serve_handshake(reset_after_a_part), ABORTED, NO, TEMPORARY),
    "no TLS": Row(serve_handshake(answer_early(make_reply("400 Bad Request"), stall)), TLS, NO, TEMPORARY),
    "untrusted certificate": Row(serve_tls(close, context=make_untrusted_context), TLS, NO, BAD_CERTIFICATE),
    "certificate of another host": Row(
        serve_tls(close, context=make_proxied_context), TLS, NO, BAD_CERTIFICATE
    ),
    "client certificate required": Row(
        serve_tls(close, "TLS 1.2", context=make_client_certificate_context), TLS, NO, TEMPORARY
    ),
}
BY_CHANCE = {
    "FIN at once": Row(serve_http_and_tls(close), f"{ABORTED} or {TLS}", CHANCE, f"{TEMPORARY} or {UNKNOWN}"),
    "RST at once": Row(
        serve_http_and_tls(reset_at_once),
        f"{NOT_CONNECTED} or {ABORTED} or {TLS}",
        CHANCE,
        f"{TEMPORARY} or {UNKNOWN}",
    ),
}
AFTER = {
    "client certificate required, alert after the request": Row(
        {"TLS 1.3": serve_at(HTTPS_URL, require_certificate_late)}, TLS, YES, UNKNOWN, size=8192
    ),
    "RST with all of it in the buffers": Row(reset_once_sent(), ABORTED, YES, UNKNOWN, size=100_000),
    "FIN after reading": Row(serve_http_and_tls(close_after_all), ABORTED, YES, UNKNOWN),
    "FIN after reading, behind a proxy": Row(serve_tls_through_proxy(close_after_all), PROXY, YES, UNKNOWN),
    "close_notify after reading": Row(serve_tls(close_with_notice), ABORTED, YES, UNKNOWN),
    "RST after reading": Row(serve_http_and_tls(reset_after_all), ABORTED, YES, UNKNOWN),
    "RST after reading, behind a proxy": Row(serve_tls_through_proxy(reset_after_all), PROXY, YES, UNKNOWN),
    "bad record after reading": Row(serve_tls(answer_unencrypted), TLS, YES, UNKNOWN),
    "no reply": Row(
        serve_http_and_tls(never_answer) | serve_tls_through_proxy(never_answer),
        UNREAD,
        YES,
        UNKNOWN,
        read=0.4,
    ),
    "stall in the headers": Row(serve_fault("stall in the headers"), UNREAD, YES, UNKNOWN, read=0.4),
    "stall in the body": Row(serve_fault("stall in the body"), STALLED, YES, UNKNOWN, read=0.4),
    "stall in a chunk": Row(serve_fault("stall in a chunk"), STALLED, YES, UNKNOWN, read=0.4),
    "cut in the status line": Row(serve_fault("cut in the status line"), ABORTED, YES, UNKNOWN),
    "cut in the headers": Row(serve_fault("cut in the headers"), NONE, YES, UNKNOWN),
    "cut with a length": Row(serve_fault("cut with a length"), CUT, YES, UNKNOWN),
    "cut without a length": Row(serve_fault("cut without a length"), NONE, YES, UNKNOWN),
    "cut in a chunk": Row(serve_fault("cut in a chunk"), CUT, YES, UNKNOWN),
    "cut with a reset": Row(serve_fault("cut with a reset"), f"{ABORTED} or {CUT} or {RESET}", YES, UNKNOWN),
}
PARTLY = {
    "12 MB, stall": Row(serve_slowly(stall), ABORTED, NO, TEMPORARY, size=LARGE, connect=0.3),
    "12 MB, FIN after a part": Row(
        serve_slowly(close_after_a_part), f"{ABORTED} or {TLS}", NO, TEMPORARY, size=LARGE
    ),
    "12 MB, RST after a part": Row(
        serve_slowly(reset_after_a_part), f"{ABORTED} or {TLS}", NO, TEMPORARY, size=LARGE
    ),
    "12 MB, FIN after half": Row(
        serve_slowly(close_after_half), f"{ABORTED} or {TLS}", NO, TEMPORARY, size=LARGE
    ),
    "12 MB, 413 and FIN": Row(serve_http(answer_early(TOO_LARGE), slow=True), NONE, NO, REFUSED, size=LARGE),
    "12 MB, 413 and FIN over TLS": Row(
        serve_tls(answer_early(TOO_LARGE), slow=True),
        f"{TLS} or none",
        NO,
        f"{TEMPORARY} or {REFUSED}",
        size=LARGE,
    ),
    "12 MB, half a 413 and FIN": Row(
        serve_http(answer_early(TOO_LARGE[:-5]), slow=True), NONE, NO, REFUSED, size=LARGE
    ),
    "12 MB, 502 and FIN": Row(
        serve_http(answer_early(make_reply("502 Bad Gateway")), slow=True), NONE, NO, UNKNOWN, size=LARGE
    ),
    "12 MB, 200 and FIN": Row(serve_http(answer_early(ACCEPTED), slow=True), NONE, NO, NONE, size=LARGE),
    "12 MB, half a 200 and FIN": Row(
        serve_http(answer_early(ACCEPTED[:-5]), slow=True), CUT, NO, UNKNOWN, size=LARGE
    ),
}
ROWS = {**BEFORE, **BY_CHANCE, **AFTER, **PARTLY}
