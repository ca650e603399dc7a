"""Encodings and charsets of replies, and properties that hold for any reply."""

import gzip
import json
import logging
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from modelarts_export.errors import TemporaryError
from modelarts_export.transport.response import Response
from tests.conftest import Run, Stub
from tests.support.raw_server import CREATED, RawServer, answer_with, make_reply, make_transport, serve

TO_OBS = "to-obs --path /test-obs/daoChu/"
LARGEST = 64 * 1024 * 1024

ENCODED = {
    "gzip": gzip.compress(CREATED),
    "X-GZip": gzip.compress(CREATED),
    "deflate": zlib.compress(CREATED),
    "identity": CREATED,
    " Identity ": CREATED,
    "": CREATED,
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_compressed_reply_is_decoded(run: Run, encoding: str) -> None:
    """A proxy may compress a reply although no encoding was accepted."""
    encoded = answer_with("200 OK", ENCODED[encoding], f"Content-Encoding: {encoding}")
    with serve(encoded) as server:
        assert run(f"{TO_OBS} -o id", **server.variables).out == "t1\n"


UNUSABLE = {
    "br": (CREATED, "the reply is encoded as br, which was not asked for"),
    "gzip, gzip": (gzip.compress(gzip.compress(CREATED)), "the reply is encoded as gzip, gzip"),
    "gzip": (gzip.compress(bytes(LARGEST + 1), 1), "the reply is larger than 64 MiB"),
    "x-gzip": (gzip.compress(CREATED)[:-1], "the reply's x-gzip is cut"),
    "deflate": (CREATED, "the reply is not the deflate that it says it is"),
}


@pytest.mark.parametrize("encoding", UNUSABLE)
def test_reply_that_cannot_be_decoded_is_an_unknown_outcome(run: Run, encoding: str) -> None:
    """For a GET it is a transient error."""
    body, words = UNUSABLE[encoding]
    with serve(answer_with("200 OK", body, f"Content-Encoding: {encoding}")) as server:
        outcome = run(TO_OBS, **server.variables)
        assert (outcome.code, outcome.out) == (10, "")
        methods = [request.split()[0] for request in server.requests]
        is_readable = CREATED in body  # the body has a task ID, so the task is checked too
        assert methods == [b"POST", *[b"GET"] * (2 if is_readable else 1)]
        assert words in outcome.err
        with pytest.raises(TemporaryError, match=words):
            make_transport(server.url).get("/x")


def test_empty_body_with_an_unknown_encoding_is_ignored(run: Run, stub: Stub) -> None:
    """The status decides."""
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
def test_success_is_read_as_utf8_only(run: Run, stub: Stub, body: bytes, expected: int) -> None:
    """With or without a byte order mark: in another charset the ID would be another one."""
    stub.body, stub.headers = body, {"Content-Type": "application/json; charset=no-such-charset"}
    assert run(f"{TO_OBS} -o id", **stub.variables).code == expected


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gbk", "latin-1"])
def test_error_code_is_found_in_any_ascii_based_charset(run: Run, stub: Stub, charset: str) -> None:
    """Busy must not be mistaken for refused."""
    error = {"error_code": "ModelArts.4409", "error_msg": "é" if charset == "latin-1" else "忙"}
    stub.status, stub.body = 400, json.dumps(error, ensure_ascii=False).encode(charset)
    outcome = run(TO_OBS, **stub.variables)
    assert (outcome.code, "ModelArts.4409" in outcome.err) == (5, True)


def test_byte_order_mark_is_not_shown(run: Run, stub: Stub) -> None:
    """It is removed from an error page."""
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
def draw_reply(draw: st.DrawFn) -> bytes:
    """Draw a reply with any status, headers and JSON, cut at any byte."""
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
def scripted_server() -> Iterator[tuple[RawServer, list[bytes]]]:
    """Yield a server and the list of its answers, one for each connection, the last one repeatedly."""
    left: list[bytes] = []

    def handle(server: RawServer, peer: socket.socket) -> None:
        if server.read(peer):
            peer.sendall(left.pop(0) if len(left) > 1 else left[0])

    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # its warnings quote headers, and xdist cannot send surrogates
    with serve(handle) as server:
        yield server, left
    logger.setLevel(level)


@hypothesis_settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(post=draw_reply(), check=draw_reply(), form=st.sampled_from(["table", "json", "yaml", "id"]))
@example(
    post=make_reply("200 OK", CREATED), check=make_reply("200 OK", b'{"status": [NaN, 1e999]}'), form="json"
)
def test_any_reply_has_a_documented_exit_code(
    run: Run, scripted_server: tuple[RawServer, list[bytes]], post: bytes, check: bytes, form: str
) -> None:
    """Whatever the replies to POST and status check are, there is one POST and no traceback."""
    server, left = scripted_server
    server.requests.clear()
    for answers in ([post, check], [make_reply("200 OK", CREATED), check]):
        left[:] = answers
        outcome = run(f"{TO_OBS} -o {form}", **server.variables)
        methods = [request.split()[0] for request in server.requests]
        server.requests.clear()
        assert outcome.code in {0, 3, 4, 5, 6, 8, 10}, outcome.err
        assert "Traceback" not in outcome.err
        assert methods[0] == b"POST"
        assert b"POST" not in methods[1:]
        assert outcome.code == 10 or len(methods) < 3
        assert bool(outcome.out) == (outcome.code == 0)
        _assert_readable(outcome.out, form)


def _assert_readable(written: str, form: str) -> None:
    if written and form == "json":
        task: Any = json.loads(written, parse_constant=pytest.fail)
        assert task["task_id"]


def test_escapes_of_json_do_not_hide_a_secret() -> None:
    """JSON that quotes a URL in a URL in a URL: one layer more than are searched in the text as a whole."""
    content = json.dumps({"name": "%252561bcdefghijkl"}).replace("%", "\\u0025").encode()
    reply = Response(
        url="http://h", status=200, headers={}, content=content, changing=False, secrets=("abcdefghijkl",)
    )
    assert reply.fields == {"name": "***"}
