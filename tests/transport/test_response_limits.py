"""A reply may take so long and be so large, whatever a server does."""

import itertools
import socket
import threading
import time

import pytest

from modelarts_export.errors import TemporaryError, UnknownOutcomeError
from tests.conftest import Run, Stub
from tests.support.raw_server import CREATED, Handler, RawServer, answering, reply, serving, transport
from tests.transport.fault_rows import CHUNKED

TO_OBS = "to-obs --path /test-obs/daoChu/"
LARGEST = 64 * 1024 * 1024


def dripping(begin: bytes, drop: bytes = b" ") -> Handler:
    """Return a handler that sends the begin of a reply, and then a drop now and then, as long as it may."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(begin)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            time.sleep(0.02)
            peer.sendall(drop)

    return handle


DRIPS = {
    "status line": dripping(b"HTTP/1.1 200 OK"),
    "headers": dripping(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "interim replies": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    "body without a length": dripping(b"HTTP/1.1 200 OK\r\n\r\n"),
    "body of an error": dripping(b"HTTP/1.1 500 Internal Server Error\r\n\r\n"),
    "chunks": dripping(CHUNKED, b"1\r\n \r\n"),
    "chunk": dripping(CHUNKED + b"fffff\r\n"),
    "chunk size": dripping(CHUNKED, b"0"),
    "trailers": dripping(CHUNKED + b"0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_reply_that_drips(run: Run, drip: str) -> None:
    """A reply has the read timeout for all of it, in however many pieces it comes."""
    with serving(DRIPS[drip]) as server:
        begun = time.monotonic()
        outcome = run(f"{TO_OBS} --read-timeout 0.2s", **server.variables)
        assert time.monotonic() - begun < 1.5
        assert sum(request.startswith(b"POST") for request in server.requests) == 1
    assert (outcome.code, outcome.out) == (10, ""), outcome.err
    assert "the reply was not complete after 0.2 s" in outcome.err or "timed out" in outcome.err


@pytest.mark.parametrize("drip", DRIPS)
def test_look_that_drips(drip: str) -> None:
    """A look has its own time, and passes."""
    with serving(DRIPS[drip]) as server:
        begun = time.monotonic()
        with pytest.raises(TemporaryError):
            transport(server.url).get("/x", timeout=0.2)
        assert time.monotonic() - begun < 1.5


def test_reply_that_stalls_late() -> None:
    """Where a reply stalls it has what is left of its time, and not all of it again."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        time.sleep(0.6)
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        server.stall()

    with serving(handle) as server:
        begun = time.monotonic()
        with pytest.raises(TemporaryError):
            transport(server.url, read=0.8).get("/x")
        assert time.monotonic() - begun < 1.3


def test_proxy_that_drips(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that never finishes its answer to CONNECT has the connect timeout; nothing was sent."""
    with serving(dripping(b"HTTP/1.1 200 Connection established\r\nX: ")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        begun = time.monotonic()
        flags = "--connect-timeout 0.2s --read-timeout 0.2s"
        outcome = run(f"{TO_OBS} {flags}", **Stub(url="https://modelarts.invalid").variables)
        assert time.monotonic() - begun < 1.5
    assert (outcome.code, outcome.out) == (5, ""), outcome.err


def test_deadline_of_the_clock() -> None:
    """By default a reply has 90 seconds, however many reads it takes; the next has as many again."""
    good = reply("200 OK", CREATED)
    with serving(answering(good, good, good)) as server:
        patient = transport(server.url, itertools.count(0.0, 20.0).__next__)
        for _ in range(3):
            assert patient.get("/x").fields == {"task_id": "t1"}
        assert server.connections == 1
    with serving(answering(good)) as server, pytest.raises(UnknownOutcomeError, match="complete after 90 s"):
        transport(server.url, itertools.count(0.0, 95.0).__next__).post("/x", b"{}")


def drain(peer: socket.socket, size: int) -> None:
    """Read at least so many bytes, at most 20 MB a second."""
    while size > 0:
        chunk = len(peer.recv(65536))
        if size // 2**20 > (size - chunk) // 2**20:
            time.sleep(0.05)
        size -= chunk


def test_slow_upload_is_not_a_slow_reply() -> None:
    """The time of a reply begins when the request has left; an upload is bounded by each of its writes."""

    def handle(_server: RawServer, peer: socket.socket) -> None:
        drain(peer, 16_000_000)
        peer.sendall(reply("200 OK", CREATED))

    with serving(handle, receive_buffer=65536) as server:
        begun = time.monotonic()
        slow = transport(server.url, connect=0.5, read=0.5)
        assert slow.post("/x", b" " * 16_000_000).fields == {"task_id": "t1"}
        assert time.monotonic() - begun > 0.5


def test_next_request_has_its_own_time() -> None:
    """What was left of the time for one reply does not bound how the next request is written."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(reply("200 OK", CREATED)[:-1])
        time.sleep(0.4)
        peer.sendall(CREATED[-1:])
        time.sleep(0.4)  # a request that is larger than the buffers waits for that long
        drain(peer, 16_000_000)
        peer.sendall(reply("200 OK", CREATED))

    with serving(handle, receive_buffer=65536) as server:
        kept = transport(server.url, read=0.6)
        for body in (b"{}", b" " * 16_000_000):
            assert kept.post("/x", body).fields == {"task_id": "t1"}
        assert server.connections == 1


def padded(size: int) -> bytes:
    """Return a good reply's body of this size."""
    return CREATED + b" " * (size - len(CREATED))


def flooding(begin: bytes, piece: bytes, sent: list[int]) -> Handler:
    """Return a handler that sends pieces for as long as anyone takes them, and counts their bytes."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(begin)
        while True:
            peer.sendall(piece)
            sent.append(len(piece))

    return handle


MEGABYTE = b" " * 2**20
FLOODS = {
    "without a length": (b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE),
    "with a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", MEGABYTE),
    "chunks": (CHUNKED, b"100000\r\n" + MEGABYTE + b"\r\n"),
    "one chunk": (CHUNKED + b"ffffffffff\r\n", MEGABYTE),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_reply_without_an_end(run: Run, flood: str) -> None:
    """No more than 64 MiB are read, and the connection is not used again."""
    sent: list[int] = []
    with serving(flooding(*FLOODS[flood], sent)) as server:
        outcome = run(TO_OBS, **server.variables)
        assert sum(sent) < 2 * (LARGEST + 16 * 2**20)
        assert server.connections == 2  # of the request, and of the look
    assert (outcome.code, outcome.out) == (10, "")
    assert "the reply is larger than 64 MiB" in outcome.err


def test_connection_of_a_reply_without_an_end() -> None:
    """It is closed at once, also while somebody holds the error."""
    closed = threading.Event()
    flood = flooding(b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE, [])

    def handle(server: RawServer, peer: socket.socket) -> None:
        try:
            flood(server, peer)
        except OSError:
            closed.set()

    with serving(handle) as server:
        looker = transport(server.url)
        with pytest.raises(TemporaryError) as held:
            looker.get("/x")
        assert closed.wait(2)
    assert "64 MiB" in str(held.value)


def test_largest_reply() -> None:
    """64 MiB are read and more is not; the call after that is on a new connection."""
    answers = [reply("200 OK", padded(size)) for size in (LARGEST, LARGEST + 2**20, 100)]
    with serving(answering(*answers)) as server:
        looker = transport(server.url)
        assert looker.get("/x").fields == {"task_id": "t1"}
        with pytest.raises(TemporaryError, match="larger than 64 MiB"):
            looker.get("/x")
        assert server.connections == 1
        assert looker.get("/x").fields == {"task_id": "t1"}
        assert server.connections == 2
