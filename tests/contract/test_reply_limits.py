"""A reply may take so long and be so large, whatever a server does; and any reply at all has an end."""

import gzip
import itertools
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from modelarts_export.auth import TokenAuth
from modelarts_export.config import Settings
from modelarts_export.credentials import Token
from modelarts_export.errors import TemporaryError, UnknownOutcomeError
from modelarts_export.transport import Transport
from tests.conftest import Run, Stub
from tests.contract.raw_server import CREATED, Handler, RawServer, replies, reply, serving

TO_OBS = "to-obs --path /test-obs/daoChu/"
LARGEST = 64 * 1024 * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def transport(
    url: str, clock: Callable[[], float] = time.monotonic, connect: float = 10.0, read: float = 90.0
) -> Transport:
    """Return a transport to this URL with a token that nobody checks; timeouts are in seconds."""
    settings = Settings(connect_timeout=connect, read_timeout=read)
    return Transport(url, TokenAuth(Token(token="any")), settings, clock=clock)


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
    "body of an error": dripping(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
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
        assert server.connections == 1
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


def answering(*answers: bytes) -> Handler:
    """Return a handler that gives each of these answers once, and closes the connection after the last."""
    left = list(answers)

    def handle(server: RawServer, peer: socket.socket) -> None:
        while left and server.read(peer):
            peer.sendall(left.pop(0))

    return handle


def test_deadline_of_the_clock() -> None:
    """By default a reply has 90 seconds, however many reads it takes; the next has as many again."""
    good = reply("200 OK", CREATED)
    with serving(answering(good, good, good)) as server:
        patient = transport(server.url, itertools.count(0.0, 20.0).__next__)
        for _ in range(3):
            assert patient.post("/x", b"{}").fields == {"task_id": "t1"}
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
        assert sum(sent) < LARGEST + 16 * 2**20
        assert server.connections == 1
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


PACKED = {
    "gzip": gzip.compress(CREATED),
    "X-GZip": gzip.compress(CREATED),
    "deflate": zlib.compress(CREATED),
    "identity": CREATED,
    " Identity ": CREATED,
    "": CREATED,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_reply_that_a_proxy_has_packed(run: Run, encoding: str) -> None:
    """An ID is not lost because a proxy packs what was asked for plain."""
    packed = replies("200 OK", PACKED[encoding], f"Content-Encoding: {encoding}")
    with serving(packed) as server:
        assert run(f"{TO_OBS} -o id", **server.variables).out == "t1\n"


UNUSABLE = {
    "br": (CREATED, "the reply is encoded as br, which was not asked for"),
    "gzip, gzip": (gzip.compress(gzip.compress(CREATED)), "the reply is encoded as gzip, gzip"),
    "gzip": (gzip.compress(bytes(LARGEST + 1), 1), "the reply is larger than 64 MiB"),
    "x-gzip": (gzip.compress(CREATED)[:-1], "the reply's x-gzip is cut"),
    "deflate": (CREATED, "the reply is not the deflate that it says it is"),
}


@pytest.mark.parametrize("encoding", UNUSABLE)
def test_reply_that_cannot_be_unpacked(run: Run, encoding: str) -> None:
    """Then nobody knows of a POST; a look has failed."""
    body, said = UNUSABLE[encoding]
    with serving(replies("200 OK", body, f"Content-Encoding: {encoding}")) as server:
        outcome = run(TO_OBS, **server.variables)
        assert (outcome.code, outcome.out, len(server.heard)) == (10, "", 1)
        assert said in outcome.err
        with pytest.raises(TemporaryError, match=said):
            transport(server.url).get("/x")


def test_nothing_is_packed_as_nothing(run: Run, stub: Stub) -> None:
    """A reply without a body has its status, whatever its encoding."""
    stub.status, stub.body, stub.headers = 403, b"", {"Content-Encoding": "br"}
    assert run(TO_OBS, **stub.variables).code == 4


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xef\xbb\xbf" + CREATED, 0),
        (CREATED.decode().encode("utf-16"), 10),
        (CREATED.decode().encode("utf-32"), 10),
        (b'{"task_id": "\xe9"}', 10),
        (b'{"task_id": "\xed\xa0\x80"}', 10),
    ],
)
def test_charset_of_a_success(run: Run, stub: Stub, body: bytes, expected: int) -> None:
    """UTF-8, with a mark of byte order or without: an ID in any other would be another ID."""
    stub.body, stub.headers = body, {"Content-Type": "application/json; charset=no-such-charset"}
    assert run(f"{TO_OBS} -o id", **stub.variables).code == expected


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gbk", "latin-1"])
def test_charset_of_an_error(run: Run, stub: Stub, charset: str) -> None:
    """The code of an error is found in any charset that has ASCII in it: busy is not refused."""
    error = {"error_code": "ModelArts.4409", "error_msg": "é" if charset == "latin-1" else "忙"}
    stub.status, stub.body = 400, json.dumps(error, ensure_ascii=False).encode(charset)
    outcome = run(TO_OBS, **stub.variables)
    assert (outcome.code, "ModelArts.4409" in outcome.err) == (5, True)


def test_page_without_its_byte_order_mark(run: Run, stub: Stub) -> None:
    """The mark is no part of what a page says."""
    stub.status, stub.body = 400, b"\xef\xbb\xbfno such thing"
    assert ": no such thing (HTTP 400)" in run(TO_OBS, **stub.variables).err


NAMES = ["error_code", "error_msg", "errorCode", "errorMsg", "code", "message", "error", "request_id"]
SHOWN = ["task_id", "status", "progress", "path", "export_type", "create_time", "export_params"]
WORDS = ["ModelArts.4409", "ModelArts.4352", "APIGW.0301", "IAM.0002", "RUNNING", "FAILED", "t1", "\x1b[2J"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-1, 10**30)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(st.characters(codec=None, categories=None), max_size=5)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES + SHOWN), inner, max_size=4)
    ),
    max_leaves=8,
)
ANSWERS = st.dictionaries(st.sampled_from(NAMES + SHOWN), JSON, max_size=6)
BODIES = (ANSWERS | JSON).map(json.dumps).map(str.encode) | st.binary(max_size=30)
CHARSETS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gbk"])
HEADERS = st.sampled_from(
    [
        b"Content-Encoding: gzip",
        b"Content-Type: application/json; charset=\xff",
        b"X-Request-Id: \x9b\xff",
        b"Location: http://[::",
        b"Location: //user:pass@elsewhere/",
        b"Retry-After: never",
        b"Content-Length: many",
        b"Transfer-Encoding: chunked",
        b"Set-Cookie: a=b; Domain=\xff",
        b"Connection: close",
        b": nameless",
        b"no colon",
    ]
)


@st.composite
def any_reply(draw: st.DrawFn) -> bytes:
    """Draw a reply: any status, some headers, any JSON, and all of it cut at any byte."""
    body = draw(BODIES)
    body = body[: draw(st.none() | st.integers(0, len(body)))]
    status = draw(st.integers(200, 599) | st.sampled_from([101, 200, 200, 200, 400, 401, 500]))
    lines = [b"HTTP/1.1 %d \xe9" % status, *draw(st.lists(HEADERS, max_size=2))]
    declared = len(body) + draw(st.sampled_from([0, 0, 0, -1, 1]))
    lines += [b"Content-Length: %d" % declared] if draw(st.booleans()) else []
    answer = b"\r\n".join([*lines, b"", body])
    cut = draw(st.none() | st.none() | st.integers(0, len(answer)))
    return answer[:cut]


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[RawServer, list[bytes]]]:
    """Serve what a list says, an answer a connection, the last again and again."""
    left: list[bytes] = []

    def handle(server: RawServer, peer: socket.socket) -> None:
        if server.read(peer):
            peer.sendall(left.pop(0) if len(left) > 1 else left[0])

    with serving(handle) as server:
        yield server, left


@hypothesis_settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(post=any_reply(), look=any_reply(), form=st.sampled_from(["table", "json", "yaml", "id"]))
@example(post=reply("200 OK", CREATED), look=reply("200 OK", b'{"status": [NaN, 1e999]}'), form="json")
def test_any_reply(
    run: Run, told: tuple[RawServer, list[bytes]], post: bytes, look: bytes, form: str
) -> None:
    """Whatever comes back, to the submission and to the look: one POST, a documented end, no traceback."""
    server, left = told
    server.heard.clear()
    for answers in ([post, look], [reply("200 OK", CREATED), look]):
        left[:] = answers
        outcome = run(f"{TO_OBS} -o {form}", **server.variables)
        methods = [request.split()[0] for request in server.heard]
        server.heard.clear()
        assert outcome.code in {0, 3, 4, 5, 6, 8, 10}, outcome.err
        assert "Traceback" not in outcome.err
        assert methods == [b"POST", b"GET"][: len(methods)] != []
        assert bool(outcome.out) == (outcome.code == 0)
        _assert_readable(outcome.out, form)


def _assert_readable(written: str, form: str) -> None:
    if written and form == "json":
        task: Any = json.loads(written, parse_constant=pytest.fail)
        assert task["task_id"]
