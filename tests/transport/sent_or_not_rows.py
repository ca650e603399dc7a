"""What a network can do to a POST: what is raised, whether all of the body was taken, and our error.

CONTRIBUTING has these rows as a table. Where a cell has an "or", chance or the release of Python decides.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from ssl import MemoryBIO, SSLError, SSLSocket

from tests.support.raw_server import CREATED, Handler, RawServer, replies, reply, reset
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
from tests.transport.scenes import (
    SECURE,
    Scenes,
    as_proxy,
    at,
    behind,
    buffered,
    everywhere,
    full,
    handshake,
    http,
    nameless,
    nobody,
    proxy,
    through_proxy,
    tls,
    untrusted,
    wanting_certificate,
)

LARGE = 12_000_000  # bytes, as large as a request body may be
NONE, NO, YES, CHANCE = "none", "no", "yes", "no or yes"
AGAIN, LOOK, REFUSED = "TemporaryError", "UnknownOutcomeError", "RefusedError"
UNTRUSTED = "CertificateError"  # a TemporaryError that is not retried
UNMADE = "ConnectionError ← NewConnectionError"
ABORTED = "ConnectionError ← ProtocolError"
PROXY = "ProxyError ← ProxyError"
TLS = "SSLError ← SSLError"
UNREAD = "ReadTimeout ← ReadTimeoutError"
STALLED = "ReadTimeoutError ← TimeoutError"
TORN = "ProtocolError ← ConnectionResetError"
CUT = "ProtocolError ← IncompleteRead"


@dataclass(frozen=True)
class Row:
    """Scenes with one end: what our error was raised from and its cause, whether the body left, our error.

    `size` is that of the body in bytes, and the timeouts are in seconds.
    """

    scenes: Scenes
    raised: str
    left: str
    error: str
    _: KW_ONLY
    size: int = 100
    connect: float = 5.0
    read: float = 5.0


def reset_at_once(_server: RawServer, peer: socket.socket) -> None:
    """Send a RST before anything was read."""
    reset(peer)


def close_with_notice(server: RawServer, peer: socket.socket) -> None:
    """Take the whole request, and end TLS as it should be ended, with a close_notify."""
    server.read(peer)
    assert isinstance(peer, SSLSocket)
    peer.unwrap()


def spoil(server: RawServer, peer: socket.socket) -> None:
    """Take the whole request, and answer with a record that nobody has encrypted."""
    server.read(peer)
    os.write(peer.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))


def close_after_half(_server: RawServer, peer: socket.socket) -> None:
    """Take half of a large body, and close."""
    _at_least(LARGE // 2, peer)


def close_after_hello(_server: RawServer, peer: socket.socket) -> None:
    """Take what the client says first, all of it, and close."""
    peer.recv(65536)


def answers_early(answer: bytes, after: Callable[[RawServer, socket.socket], object] = close) -> Handler:
    """Return a handler that takes what comes first, sends this, and does something."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(answer)
        after(server, peer)

    return handle


def refuse_certificate_late(_server: RawServer, peer: socket.socket) -> None:
    """See that the client has no certificate only when its request has come as well."""
    heard, said = MemoryBIO(), MemoryBIO()
    secure = wanting_certificate("TLS 1.3").wrap_bio(heard, said, server_side=True)
    for size in (1, 8192):
        heard.write(_at_least(size, peer))
        with suppress(SSLError):  # the first time more is wanted, the second an alert is to be said
            secure.do_handshake()
        peer.sendall(said.read())
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(65536):  # what is unread would make a reset of the close
        pass


def _at_least(size: int, peer: socket.socket) -> bytes:
    heard = bytearray()
    while len(heard) < size and (chunk := peer.recv(65536)):
        heard += chunk
    return bytes(heard)


def faulty(fault: str) -> Scenes:
    """Return the scenes in which this becomes of the reply."""
    return everywhere(AMBIGUOUS[fault])


def slowly(handle: Handler) -> Scenes:
    """Return the scenes in which a large body cannot leave as a whole."""
    return everywhere(handle, slow=True)


ACCEPTED = reply("200 OK", CREATED, "Connection: close")
TOO_LARGE = reply("413 Content Too Large", b'{"error_code": "ModelArts.4104"}', "Connection: close")

BEFORE = {
    "nobody listens": Row(nobody(), UNMADE, NO, AGAIN),
    "no such name": Row(nameless(), "ConnectionError ← NameResolutionError", NO, AGAIN),
    "no connection in time": Row(full(), "ConnectTimeout ← ConnectTimeoutError", NO, AGAIN, connect=0.3),
    "no proxy listens": Row(as_proxy(nobody()), PROXY, NO, AGAIN),
    "no connection to the proxy in time": Row(as_proxy(full()), PROXY, NO, AGAIN, connect=0.3),
    "403 to CONNECT": Row(proxy(replies("403 Forbidden")), PROXY, NO, AGAIN),
    "407 to CONNECT": Row(proxy(replies("407 Proxy Authentication Required")), PROXY, NO, AGAIN),
    "502 to CONNECT": Row(proxy(replies("502 Bad Gateway", b"<html>")), PROXY, NO, AGAIN),
    "FIN after CONNECT": Row(proxy(close_after_all), ABORTED, NO, AGAIN),
    "RST after CONNECT": Row(proxy(reset_after_all), ABORTED, NO, AGAIN),
    "no reply to CONNECT": Row(proxy(never_answer), UNREAD, NO, AGAIN, connect=0.3),
    "stall in the handshake": Row(handshake(stall), UNREAD, NO, AGAIN, connect=0.3),
    "FIN in the handshake": Row(handshake(close_after_hello), TLS, NO, AGAIN),
    "RST in the handshake": Row(handshake(reset_after_a_part), ABORTED, NO, AGAIN),
    "no TLS there": Row(handshake(answers_early(reply("400 Bad Request"), stall)), TLS, NO, AGAIN),
    "untrusted certificate": Row(tls(close, context=untrusted), TLS, NO, UNTRUSTED),
    "certificate of another host": Row(tls(close, context=behind), TLS, NO, UNTRUSTED),
    "client certificate wanted": Row(tls(close, "TLS 1.2", context=wanting_certificate), TLS, NO, AGAIN),
}
BY_CHANCE = {
    "FIN at once": Row(everywhere(close), f"{ABORTED} or {TLS}", CHANCE, f"{AGAIN} or {LOOK}"),
    "RST at once": Row(
        everywhere(reset_at_once), f"{UNMADE} or {ABORTED} or {TLS}", CHANCE, f"{AGAIN} or {LOOK}"
    ),
}
AFTER = {
    "client certificate wanted, but told late": Row(
        {"TLS 1.3": at(SECURE, refuse_certificate_late)}, TLS, YES, LOOK, size=8192
    ),
    "RST with all of it in the buffers": Row(buffered(), ABORTED, YES, LOOK, size=100_000),
    "FIN after reading": Row(everywhere(close_after_all), ABORTED, YES, LOOK),
    "FIN after reading, behind a proxy": Row(through_proxy(close_after_all), PROXY, YES, LOOK),
    "close_notify after reading": Row(tls(close_with_notice), ABORTED, YES, LOOK),
    "RST after reading": Row(everywhere(reset_after_all), ABORTED, YES, LOOK),
    "RST after reading, behind a proxy": Row(through_proxy(reset_after_all), PROXY, YES, LOOK),
    "bad record after reading": Row(tls(spoil), TLS, YES, LOOK),
    "no reply": Row(everywhere(never_answer) | through_proxy(never_answer), UNREAD, YES, LOOK, read=0.4),
    "stall in the headers": Row(faulty("stall in the headers"), UNREAD, YES, LOOK, read=0.4),
    "stall in the body": Row(faulty("stall in the body"), STALLED, YES, LOOK, read=0.4),
    "stall in a chunk": Row(faulty("stall in a chunk"), STALLED, YES, LOOK, read=0.4),
    "cut in the status line": Row(faulty("cut in the status line"), ABORTED, YES, LOOK),
    "cut in the headers": Row(faulty("cut in the headers"), NONE, YES, LOOK),
    "cut with a length": Row(faulty("cut with a length"), CUT, YES, LOOK),
    "cut without a length": Row(faulty("cut without a length"), NONE, YES, LOOK),
    "cut in a chunk": Row(faulty("cut in a chunk"), CUT, YES, LOOK),
    "cut with a reset": Row(faulty("cut with a reset"), f"{ABORTED} or {CUT} or {TORN}", YES, LOOK),
}
PARTLY = {
    "12 MB, stall": Row(slowly(stall), ABORTED, NO, AGAIN, size=LARGE, connect=0.3),
    "12 MB, FIN after a part": Row(slowly(close_after_a_part), f"{ABORTED} or {TLS}", NO, AGAIN, size=LARGE),
    "12 MB, RST after a part": Row(slowly(reset_after_a_part), f"{ABORTED} or {TLS}", NO, AGAIN, size=LARGE),
    "12 MB, FIN after half": Row(slowly(close_after_half), f"{ABORTED} or {TLS}", NO, AGAIN, size=LARGE),
    "12 MB, 413 and FIN": Row(http(answers_early(TOO_LARGE), slow=True), NONE, NO, REFUSED, size=LARGE),
    "12 MB, 413 and FIN over TLS": Row(
        tls(answers_early(TOO_LARGE), slow=True), f"{TLS} or none", NO, f"{AGAIN} or {REFUSED}", size=LARGE
    ),
    "12 MB, half a 413 and FIN": Row(
        http(answers_early(TOO_LARGE[:-5]), slow=True), NONE, NO, REFUSED, size=LARGE
    ),
    "12 MB, 502 and FIN": Row(
        http(answers_early(reply("502 Bad Gateway")), slow=True), NONE, NO, LOOK, size=LARGE
    ),
    "12 MB, 200 and FIN": Row(http(answers_early(ACCEPTED), slow=True), NONE, NO, NONE, size=LARGE),
    "12 MB, half a 200 and FIN": Row(
        http(answers_early(ACCEPTED[:-5]), slow=True), CUT, NO, LOOK, size=LARGE
    ),
}
ROWS = {**BEFORE, **BY_CHANCE, **AFTER, **PARTLY}
