"""What becomes of a reply on its way, as handlers of a raw server: each leaves the end of a POST unknown."""

import socket
from collections.abc import Callable

from tests.support.raw_server import CREATED, Handler, RawServer, replies, reply, reset


def close_unread(_server: RawServer, peer: socket.socket) -> None:
    """Send a FIN before anything was read."""
    peer.shutdown(socket.SHUT_WR)


def close_after_a_part(_server: RawServer, peer: socket.socket) -> None:
    """Take a part of what the client sends first, and close."""
    peer.recv(10)


def close_after_all(server: RawServer, peer: socket.socket) -> None:
    """Take the whole request, and send a FIN."""
    server.read(peer)


def reset_after_all(server: RawServer, peer: socket.socket) -> None:
    """Take the whole request, and send a RST."""
    server.read(peer)
    reset(peer)


def never_answer(server: RawServer, peer: socket.socket) -> None:
    """Take the whole request, and say nothing."""
    server.read(peer)
    server.stall()


def reset_after_a_part(_server: RawServer, peer: socket.socket) -> None:
    """Take a part of what the client sends first, and send a RST."""
    peer.recv(10)
    reset(peer)


def answers_then(answer: bytes, after: Callable[[RawServer, socket.socket], object]) -> Handler:
    """Return a handler that takes the whole request, sends this, and does something."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(answer)
        after(server, peer)

    return handle


def stall(server: RawServer, _peer: socket.socket) -> None:
    """Keep the connection open, and send no more."""
    server.stall()


def close(_server: RawServer, _peer: socket.socket) -> None:
    """Let the connection be closed."""


HALF = CREATED[:9]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = "Content-Encoding: gzip"
AMBIGUOUS: dict[str, Handler] = {
    "FIN before reading": close_unread,
    "closed in the headers": close_after_a_part,
    "FIN after reading": close_after_all,
    "RST after reading": reset_after_all,
    "no reply": never_answer,
    "stall in the status line": answers_then(b"HTTP/1.1 2", stall),
    "stall in the headers": answers_then(b"HTTP/1.1 200 OK\r\nContent-", stall),
    "stall in the body": answers_then(reply("200 OK", CREATED)[:-5], stall),
    "stall without a length": answers_then(b"HTTP/1.1 200 OK\r\n\r\n" + HALF, stall),
    "stall in a chunk": answers_then(CHUNKED + b"11\r\n" + HALF, stall),
    "cut in the status line": answers_then(b"HTTP/1.1 2", close),
    "cut in the headers": answers_then(b"HTTP/1.1 200 OK\r\nContent-", close),
    "cut with a length": answers_then(reply("200 OK", CREATED)[:-5], close),
    "cut without a length": answers_then(b"HTTP/1.1 200 OK\r\n\r\n" + HALF, close),
    "cut in a chunk": answers_then(CHUNKED + b"11\r\n" + HALF, close),
    "cut between chunks": answers_then(CHUNKED + b"9\r\n" + HALF + b"\r\n", close),
    "cut with a reset": answers_then(reply("200 OK", CREATED)[:-5], lambda _, peer: reset(peer)),
    "chunk of no size": answers_then(CHUNKED + b"xyz\r\n", close),
    "gzip that is none": replies("200 OK", CREATED, GZIP),
    "two lengths": replies("200 OK", CREATED, "Content-Length: 3"),
    "no HTTP": answers_then(b"220 smtp.example ESMTP\r\n", close),
    "many headers": replies("200 OK", CREATED, *(f"X-{n}: {n}" for n in range(200))),
    "a long header": replies("200 OK", CREATED, "X-Long: " + "x" * 70_000),
    "status 999": replies("999 Blocked", CREATED),
    "status 101": answers_then(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", close),
    "204 without a body": answers_then(b"HTTP/1.1 204 No Content\r\n\r\n", close),
}
