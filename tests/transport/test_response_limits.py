"""Limits of the duration and the size of a reply."""

import itertools
import socket
import threading
import time

import pytest

from modelarts_export.errors import TemporaryError, UnknownOutcomeError
from tests.conftest import Run, Stub
from tests.support.raw_server import (
    CREATED,
    Handler,
    RawServer,
    answer_each_once,
    make_reply,
    make_transport,
    serve,
)
from tests.transport.fault_rows import CHUNKED

TO_OBS = "to-obs --path /test-obs/daoChu/"
LARGEST = 64 * 1024 * 1024


def send_slowly(begin: bytes, drop: bytes = b" ") -> Handler:
    """Return a handler that sends the beginning of a reply, and then a drop every 20 ms for 3 s."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(begin)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            time.sleep(0.02)
            peer.sendall(drop)

    return handle


SLOW_PARTS = {
    "status line": send_slowly(b"HTTP/1.1 200 OK"),
    "headers": send_slowly(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "interim replies": send_slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": send_slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    "body without a length": send_slowly(b"HTTP/1.1 200 OK\r\n\r\n"),
    "body of an error": send_slowly(b"HTTP/1.1 500 Internal Server Error\r\n\r\n"),
    "chunks": send_slowly(CHUNKED, b"1\r\n \r\n"),
    "chunk": send_slowly(CHUNKED + b"fffff\r\n"),
    "chunk size": send_slowly(CHUNKED, b"0"),
    "trailers": send_slowly(CHUNKED + b"0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("part", ["headers", "body"])
def test_slow_reply_ends_with_the_read_timeout(run: Run, part: str) -> None:
    """The timeout holds for the whole reply, however many pieces it has."""
    with serve(SLOW_PARTS[part]) as server:
        started = time.monotonic()
        outcome = run(f"{TO_OBS} --read-timeout 0.2s", **server.variables)
        assert time.monotonic() - started < 1.5
        assert sum(request.startswith(b"POST") for request in server.requests) == 1
    assert (outcome.code, outcome.out) == (10, ""), outcome.err
    assert "the reply was not complete after 0.2 s" in outcome.err or "timed out" in outcome.err


@pytest.mark.parametrize("part", SLOW_PARTS)
def test_slow_reply_to_a_get_is_a_transient_error(part: str) -> None:
    """A call may have a timeout of its own."""
    with serve(SLOW_PARTS[part]) as server:
        started = time.monotonic()
        with pytest.raises(TemporaryError):
            make_transport(server.url).get("/x", timeout=0.2)
        assert time.monotonic() - started < 1.5


def test_late_stall_ends_with_the_read_timeout_of_the_whole_reply() -> None:
    """Bytes that arrived before do not extend it."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        time.sleep(0.6)
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        server.stall()

    with serve(handle) as server:
        started = time.monotonic()
        with pytest.raises(TemporaryError):
            make_transport(server.url, read=0.8).get("/x")
        assert time.monotonic() - started < 1.3


def test_slow_reply_to_connect_ends_with_the_connect_timeout(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent."""
    with serve(send_slowly(b"HTTP/1.1 200 Connection established\r\nX: ")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        started = time.monotonic()
        flags = "--connect-timeout 0.2s --read-timeout 0.2s"
        outcome = run(f"{TO_OBS} {flags}", **Stub(url="https://modelarts.invalid").variables)
        assert time.monotonic() - started < 1.5
    assert (outcome.code, outcome.out) == (5, ""), outcome.err


def test_read_timeout_is_90_seconds_by_default() -> None:
    """It holds for all reads of one reply, and starts anew with the next."""
    good = make_reply("200 OK", CREATED)
    with serve(answer_each_once(good, good, good)) as server:
        client = make_transport(server.url, itertools.count(0.0, 20.0).__next__)
        for _ in range(3):
            assert client.get("/x").fields == {"task_id": "t1"}
        assert server.connections == 1
    with (
        serve(answer_each_once(good)) as server,
        pytest.raises(UnknownOutcomeError, match="complete after 90 s"),
    ):
        make_transport(server.url, itertools.count(0.0, 95.0).__next__).post("/x", b"{}")


def read_slowly(peer: socket.socket, size: int) -> None:
    """Read at least `size` bytes, at most 20 MB a second."""
    while size > 0:
        chunk = len(peer.recv(65536))
        if size // 2**20 > (size - chunk) // 2**20:
            time.sleep(0.05)
        size -= chunk


def test_upload_does_not_count_toward_the_read_timeout() -> None:
    """The timeout starts when the request was sent; each write of an upload has one of its own."""

    def handle(_server: RawServer, peer: socket.socket) -> None:
        read_slowly(peer, 16_000_000)
        peer.sendall(make_reply("200 OK", CREATED))

    with serve(handle, receive_buffer=65536) as server:
        started = time.monotonic()
        client = make_transport(server.url, connect=0.5, read=0.5)
        assert client.post("/x", b" " * 16_000_000).fields == {"task_id": "t1"}
        assert time.monotonic() - started > 0.5


def test_each_request_has_the_whole_read_timeout() -> None:
    """The rest of the time for one reply does not limit the next upload."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(make_reply("200 OK", CREATED)[:-1])
        time.sleep(0.4)
        peer.sendall(CREATED[-1:])
        time.sleep(0.4)  # a request that is larger than the buffers blocks meanwhile
        read_slowly(peer, 16_000_000)
        peer.sendall(make_reply("200 OK", CREATED))

    with serve(handle, receive_buffer=65536) as server:
        client = make_transport(server.url, read=0.6)
        for body in (b"{}", b" " * 16_000_000):
            assert client.post("/x", body).fields == {"task_id": "t1"}
        assert server.connections == 1


def pad_reply(size: int) -> bytes:
    """Return the body of a valid reply with this size."""
    return CREATED + b" " * (size - len(CREATED))


def send_without_end(begin: bytes, piece: bytes, sent: list[int]) -> Handler:
    """Return a handler that sends pieces until the connection is closed; `sent` has their sizes."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(begin)
        while True:
            peer.sendall(piece)
            sent.append(len(piece))

    return handle


MEGABYTE = b" " * 2**20
ENDLESS_FORMS = {
    "without a length": (b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE),
    "with a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", MEGABYTE),
    "chunks": (CHUNKED, b"100000\r\n" + MEGABYTE + b"\r\n"),
    "one chunk": (CHUNKED + b"ffffffffff\r\n", MEGABYTE),
}


@pytest.mark.parametrize("form", ENDLESS_FORMS)
def test_endless_reply_is_read_to_64_mib(run: Run, form: str) -> None:
    """The connection is not used again."""
    sent: list[int] = []
    with serve(send_without_end(*ENDLESS_FORMS[form], sent)) as server:
        outcome = run(TO_OBS, **server.variables)
        assert sum(sent) < 2 * (LARGEST + 16 * 2**20)
        assert server.connections == 2  # for the POST, and for the status check
    assert (outcome.code, outcome.out) == (10, "")
    assert "the reply is larger than 64 MiB" in outcome.err


def test_connection_of_an_endless_reply_is_closed() -> None:
    """At once, also while the error is referenced."""
    closed = threading.Event()
    send_pieces = send_without_end(b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE, [])

    def handle(server: RawServer, peer: socket.socket) -> None:
        try:
            send_pieces(server, peer)
        except OSError:
            closed.set()

    with serve(handle) as server:
        client = make_transport(server.url)
        with pytest.raises(TemporaryError) as raised:
            client.get("/x")
        assert closed.wait(2)
    assert "64 MiB" in str(raised.value)


def test_reply_of_64_mib_is_read() -> None:
    """A larger one is an error, and the next call opens a connection."""
    answers = [make_reply("200 OK", pad_reply(size)) for size in (LARGEST, LARGEST + 2**20, 100)]
    with serve(answer_each_once(*answers)) as server:
        client = make_transport(server.url)
        assert client.get("/x").fields == {"task_id": "t1"}
        with pytest.raises(TemporaryError, match="larger than 64 MiB"):
            client.get("/x")
        assert server.connections == 1
        assert client.get("/x").fields == {"task_id": "t1"}
        assert server.connections == 2
