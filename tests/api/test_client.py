"""The headers and messages of each call, and the status check after a submission."""

import json
import re
import socket

import pytest

from modelarts_export import __version__
from tests.conftest import Run, Stub
from tests.support.raw_server import (
    CREATED,
    Handler,
    RawServer,
    answer_in_sequence,
    answer_with,
    make_reply,
    reset,
    serve,
)

TO_OBS = "to-obs --path /test-obs/daoChu/"
TASKS = "/v2/0123/datasets/abc/export-tasks"


def test_headers_of_a_signed_request(run: Run, stub: Stub) -> None:
    """The POST has a user agent, a content type, and accepts plain JSON."""
    stub.body = CREATED
    assert run(TO_OBS, **stub.variables).code == 0
    (post, _, post_headers, body), (get, path, get_headers, _) = stub.requests
    assert (post, get, path) == ("POST", "GET", f"{TASKS}/t1")
    assert post_headers["Content-Type"] == "application/json"
    assert "Content-Type" not in get_headers
    assert post_headers["Content-Length"] == str(len(body))
    for headers in (post_headers, get_headers):
        assert headers["User-Agent"] == f"modelarts-export/{__version__}"
        assert headers["Accept-Encoding"] == "identity"
        assert headers["Accept"] == "application/json"
        assert headers["Host"] == stub.url.removeprefix("http://")
        assert headers["X-Project-Id"] == "0123"
        proof = re.fullmatch(
            r"SDK-HMAC-SHA256 Access=AKEXAMPLE0000000TEST, SignedHeaders=([a-z;-]+), Signature=[0-9a-f]{64}",
            headers["Authorization"],
        )
        assert proof
        assert {"host", "x-sdk-date"} <= set(proof[1].split(";"))
        assert not {"X-Auth-Token", "X-Security-Token", "Cookie"} & headers.keys()


def test_headers_of_a_request_with_a_token(run: Run, stub: Stub) -> None:
    """The token is sent as it is, and nothing is signed."""
    stub.body = CREATED
    settings = {name: value for name, value in stub.variables.items() if "SDK" not in name}
    outcome = run(TO_OBS, **settings, HW_AUTH_TOKEN="TOKEN0123456789", HW_PROJECT_ID="0123")
    assert outcome.code == 0
    assert len(stub.requests) == 2
    for _, _, headers, _ in stub.requests:
        assert headers["X-Auth-Token"] == "TOKEN0123456789"
        assert not {"Authorization", "X-Sdk-Date"} & headers.keys()


def test_verbose_shows_each_call(run: Run, stub: Stub) -> None:
    """With method, URL, status, time and request ID."""
    stub.body, stub.headers = CREATED, {"X-Request-Id": "req-7"}
    quiet = run(TO_OBS, **stub.variables)
    assert "HTTP" not in quiet.err
    assert stub.url not in quiet.err
    outcome = run(f"{TO_OBS} -v", **stub.variables)
    url = re.escape(stub.url + TASKS)
    assert re.search(rf"^POST {url} 200 [0-9.]+s request req-7$", outcome.err, re.MULTILINE)
    assert re.search(rf"^GET {url}/t1 200 [0-9.]+s request req-7$", outcome.err, re.MULTILINE)


def test_verbose_shows_a_call_without_a_reply(run: Run) -> None:
    with serve(lambda server, peer: server.read(peer)) as server:
        outcome = run(f"{TO_OBS} -v", **server.variables)
    assert re.search(rf"^POST {re.escape(server.url + TASKS)} no reply [0-9.]+s$", outcome.err, re.MULTILINE)


def make_error(status: str, code: str) -> bytes:
    """Return the reply of an error with this code."""
    return make_reply(status, json.dumps({"error_code": code, "error_msg": "as the API puts it"}).encode())


def accept_then(answer: bytes) -> Handler:
    """Return a handler that accepts the POST, and gives this answer to the GET."""
    return answer_in_sequence(make_reply("200 OK", CREATED), answer)


def accept_then_cut(answer: bytes, *, with_reset: bool = False) -> Handler:
    """Return a handler that accepts the POST, and closes its connection within the answer to the GET."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        peer.sendall(make_reply("200 OK", CREATED))
        server.read(peer)
        peer.sendall(answer)
        if with_reset:
            reset(peer)

    return handle


# fmt: off
FAILED_LOOKS: dict[str, Handler] = {
    "unknown task": accept_then(make_error("400 Bad Request", "ModelArts.4359")),
    "busy": accept_then(make_error("400 Bad Request", "ModelArts.4409")),
    "refused key": accept_then(make_error("401 Unauthorized", "APIGW.0301")),
    "no permission": accept_then(make_error("403 Forbidden", "ModelArts.0108")),
    "not found": accept_then(make_reply("404 Not Found")),
    "timeout": accept_then(make_reply("408 Request Timeout")),
    "throttled": accept_then(make_error("429 Too Many Requests", "APIGW.0308")),
    "internal": accept_then(make_error("500 Internal Server Error", "ModelArts.0010")),
    "page of a proxy": accept_then(make_reply("502 Bad Gateway", b"<html>Bad Gateway</html>")),
    "down": accept_then(make_error("503 Service Unavailable", "ModelArts.4302")),
    "gateway timeout": accept_then(make_reply("504 Gateway Timeout")),
    "redirect": accept_then(make_reply("302 Found", b"", "Location: http://127.0.0.1:9/")),
    "redirect to nowhere": accept_then(make_reply("302 Found", b"", "Location: http://[bad")),
    "unsupported": accept_then(make_error("501 Not Implemented", "ModelArts.4383")),
    "code in a 200": accept_then(make_error("200 OK", "ModelArts.4359")),
    "nothing": accept_then(make_reply("200 OK")),
    "no object": accept_then(make_reply("200 OK", b"[]")),
    "empty object": accept_then(make_reply("200 OK", b"{}")),
    "page": accept_then(make_reply("200 OK", b"<html>hello</html>")),
    "no JSON": accept_then(make_reply("200 OK", b'{"task_id": "t1"')),
    "not UTF-8": accept_then(make_reply("200 OK", b'{"task_id": "\xff"}')),
    "204": accept_then(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "FIN": accept_then_cut(b""),
    "RST": accept_then_cut(b"", with_reset=True),
    "cut status line": accept_then_cut(b"HTTP/1."),
    "cut body": accept_then_cut(make_reply("200 OK", b'{"task_id": "t1"}')[:-3]),
    "cut chunk": accept_then_cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"),
    "no HTTP": accept_then_cut(b"220 smtp.example ESMTP\r\n"),
}
# fmt: on


@pytest.mark.parametrize("fault", FAILED_LOOKS)
def test_failed_status_check_is_a_warning(run: Run, fault: str) -> None:
    """The task is shown without a status, and the check is not repeated."""
    with serve(FAILED_LOOKS[fault]) as server:
        outcome = run(f"{TO_OBS} -o json", **server.variables)
        calls = [request.split(b" HTTP")[0].decode() for request in server.requests]
    assert outcome.code == 0, outcome.err
    task = json.loads(outcome.out)
    assert (task["task_id"], task["dataset_id"], task["project_id"]) == ("t1", "abc", "0123")
    assert (task["status"], task["path"], task["reused"]) == (None, "/test-obs/daoChu/", False)
    assert calls == [f"POST {TASKS}", f"GET {TASKS}/t1"]
    created, warning = outcome.err.splitlines()
    assert created == "Created export task t1"
    assert warning.startswith("warning: the task was accepted, but its status check failed: ")


def test_failed_status_check_shows_the_error_of_the_api(run: Run) -> None:
    """The table shows only that the task was accepted."""
    with serve(FAILED_LOOKS["no permission"]) as server:
        outcome = run(TO_OBS, **server.variables)
    assert outcome.code == 0
    assert "as the API puts it (ModelArts.0108, HTTP 403)" in outcome.err
    assert "Status   accepted" in outcome.out


def test_failed_status_check_is_silent_when_quiet(run: Run) -> None:
    with serve(FAILED_LOOKS["down"]) as server:
        outcome = run(f"{TO_OBS} -q -o json", **server.variables)
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["task_id"] == "t1"


@pytest.mark.parametrize("status", ["INIT", "RUNNING", "SUCCESSED", "FAILED", "UNHEARD_OF"])
def test_status_check_shows_the_status(run: Run, status: str) -> None:
    """A task that has failed already is a warning; its submission succeeded."""
    shown = {"status": status, "error_code": "ModelArts.4401", "error_msg": "no space"}
    with serve(accept_then(make_reply("200 OK", json.dumps(shown).encode()))) as server:
        outcome = run(f"{TO_OBS} -o json", **server.variables)
    assert outcome.code == 0
    assert json.loads(outcome.out)["status"] == status
    warned = "warning: the task has failed already" in outcome.err
    assert warned == (status == "FAILED")
    assert ("no space" in outcome.err) == warned


def test_status_check_opens_a_new_connection(run: Run) -> None:
    """The server closes each connection after its reply."""
    with serve(
        answer_with("200 OK", b'{"task_id": "t1", "status": "RUNNING"}', "Connection: close")
    ) as server:
        outcome = run(f"{TO_OBS} -o json", **server.variables)
        assert len(server.requests) == 2
    assert (outcome.code, json.loads(outcome.out)["status"]) == (0, "RUNNING")


def test_output_of_the_id_alone_needs_no_status_check(run: Run) -> None:
    with serve(accept_then(make_reply("500 Internal Server Error"))) as server:
        outcome = run(f"{TO_OBS} -o id", **server.variables)
        assert len(server.requests) == 1
    assert (outcome.code, outcome.out) == (0, "t1\n")


@pytest.mark.parametrize("task_id", ["a/b", "a b", "a?b#c", "ü", "%2e"])
def test_status_check_quotes_any_id(run: Run, task_id: str) -> None:
    """The URL stays below the list of tasks."""
    with serve(answer_in_sequence(make_reply("200 OK", json.dumps({"task_id": task_id}).encode()))) as server:
        outcome = run(f"{TO_OBS} -o json", **server.variables)
        gets = [request for request in server.requests if request.startswith(b"GET")]
    assert (outcome.code, json.loads(outcome.out)["task_id"]) == (0, task_id)
    path = gets[0].split(b" ")[1].decode()
    assert path.startswith(f"{TASKS}/")
    assert not set("/?#") & set(path.removeprefix(f"{TASKS}/"))
