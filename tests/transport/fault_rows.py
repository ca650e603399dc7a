"""Handlers of a raw server whose replies are lost or unusable: each leaves the outcome of a POST unknown."""

import socket
from collections.abc import Callable

from tests.support.raw_server import CREATED, Handler, RawServer, answer_with, make_reply, reset


def close_unread(_server: RawServer, peer: socket.socket) -> None:
    """Send a FIN before anything was read."""
    peer.shutdown(socket.SHUT_WR)


def close_after_a_part(_server: RawServer, peer: socket.socket) -> None:
    """Read the first bytes of the request, and close."""
    peer.recv(10)


def close_after_all(server: RawServer, peer: socket.socket) -> None:
    """Read the whole request, and close."""
    server.read(peer)


def reset_after_all(server: RawServer, peer: socket.socket) -> None:
    """Read the whole request, and reset the connection."""
    server.read(peer)
    reset(peer)


def never_answer(server: RawServer, peer: socket.socket) -> None:
    """Read the whole request, and send nothing."""
    server.read(peer)
    server.stall()


def reset_after_a_part(_server: RawServer, peer: socket.socket) -> None:
    """Read the first bytes of the request, and reset the connection."""
    peer.recv(10)
    reset(peer)


def answer_then(answer: bytes, after: Callable[[RawServer, socket.socket], object]) -> Handler:
    """Return a handler that reads the whole request, sends this answer, and calls `after`."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(answer)
        after(server, peer)

    return handle


def stall(server: RawServer, _peer: socket.socket) -> None:
    """Keep the connection open without sending anything."""
    server.stall()


def close(_server: RawServer, _peer: socket.socket) -> None:
    """Do nothing: the server closes the connection afterward."""


HALF = CREATED[:9]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = "Content-Encoding: gzip"
AMBIGUOUS: dict[str, Handler] = {
    "FIN before reading": close_unread,
    "closed in the headers": close_after_a_part,
    "FIN after reading": close_after_all,
    "RST after reading": reset_after_all,
    "no reply": never_answer,
    "stall in the status line": answer_then(b"HTTP/1.1 2", stall),
    "stall in the headers": answer_then(b"HTTP/1.1 200 OK\r\nContent-", stall),
    "stall in the body": answer_then(make_reply("200 OK", CREATED)[:-5], stall),
    "stall without a length": answer_then(b"HTTP/1.1 200 OK\r\n\r\n" + HALF, stall),
    "stall in a chunk": answer_then(CHUNKED + b"11\r\n" + HALF, stall),
    "cut in the status line": answer_then(b"HTTP/1.1 2", close),
    "cut in the headers": answer_then(b"HTTP/1.1 200 OK\r\nContent-", close),
    "cut with a length": answer_then(make_reply("200 OK", CREATED)[:-5], close),
    "cut without a length": answer_then(b"HTTP/1.1 200 OK\r\n\r\n" + HALF, close),
    "cut in a chunk": answer_then(CHUNKED + b"11\r\n" + HALF, close),
    "cut between chunks": answer_then(CHUNKED + b"9\r\n" + HALF + b"\r\n", close),
    "cut with a reset": answer_then(make_reply("200 OK", CREATED)[:-5], lambda _, peer: reset(peer)),
    "chunk of no size": answer_then(CHUNKED + b"xyz\r\n", close),
    "gzip that is none": answer_with("200 OK", CREATED, GZIP),
    "two lengths": answer_with("200 OK", CREATED, "Content-Length: 3"),
    "no HTTP": answer_then(b"220 smtp.example ESMTP\r\n", close),
    "many headers": answer_with("200 OK", CREATED, *(f"X-{n}: {n}" for n in range(200))),
    "a long header": answer_with("200 OK", CREATED, "X-Long: " + "x" * 70_000),
    "status 999": answer_with("999 Blocked", CREATED),
    "status 101": answer_then(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", close),
    "204 without a body": answer_then(b"HTTP/1.1 204 No Content\r\n\r\n", close),
}
