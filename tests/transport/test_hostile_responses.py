"""Replies of broken servers: invalid headers, too much JSON, long messages, broken bodies, wrong tasks."""

import json
from typing import Any

import pytest

from modelarts_export.errors import ModelArtsExportError, TemporaryError, ThrottledError, UnknownOutcomeError
from modelarts_export.polling.outcome import outcome_of
from modelarts_export.polling.poller import TrackedTask
from modelarts_export.transport.response import Response, error_from_response
from tests.conftest import Run, Stub
from tests.support.raw_server import (
    CREATED,
    Handler,
    answer_in_sequence,
    make_reply,
    make_transport,
    reset,
    serve,
)
from tests.support.simulated import make_client, make_task
from tests.transport.fault_rows import answer_then, close, stall

TO_OBS = "to-obs --path /test-obs/daoChu/"

ABSURD = [
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Fri, 31 Dec 9999 23:59:59 +2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 0001 00:00:00 -9999",
    "Fri, 99 Dec 9999 99:99:99 GMT",
    "Fri, 31 Dec 99999999999 23:59:59 GMT",
    "9" * 5000,
    "-1",
    "1e999",
    "nan",
    "١٢",
    "\xa0",
    ", ,",
]


@pytest.mark.parametrize("name", ["Retry-After", "Date"])
@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "200 OK"])
def test_invalid_times_in_headers_are_ignored(run: Run, status: str, name: str, value: str) -> None:
    """No value leads to a traceback."""
    headers = {"Retry-After": "Wed, 25 Nov 2026 00:00:00 GMT", "Date": "Tue, 24 Nov 2026 00:00:00 GMT"}
    lines = [
        f"{header}: {each}" for header, each in {**headers, name: value.encode().decode("latin-1")}.items()
    ]
    with serve(answer_in_sequence(make_reply(status, b"{}", *lines))) as server:
        outcome = run(TO_OBS, **server.variables)
    assert outcome.code == (5 if status.startswith("429") else 10), outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("value", [ABSURD[0], "9" * 5000])
def test_retry_after_of_centuries_exits_with_5(run: Run, value: str) -> None:
    """At once; the hint says when to run it again, after a year at most."""
    lines = [f"Retry-After: {value}", "Date: Tue, 24 Nov 2026 00:00:00 GMT"]
    with serve(answer_in_sequence(make_reply("429 Too Many Requests", b"{}", *lines))) as server:
        outcome = run(f"{TO_OBS} --max-retries 9", **server.variables)
        assert (outcome.code, len(server.requests)) == (5, 1)
    assert "run it again after 20" in outcome.err


def test_throttling_window_of_a_day_is_read_from_the_message() -> None:
    """It is the pause before the next call."""
    words = "policy user over ratelimit,limit:5,time:1 day"
    found = error_from_response(make_response({"error_code": "APIGW.0308", "error_msg": words}, status=429))
    assert isinstance(found, ThrottledError)
    assert found.retry_after == 86_400.0


def make_response(content: object, status: int = 400, **headers: str) -> Response:
    """Return a response to a request that changes something."""
    return Response(
        url="u", status=status, headers=headers, content=json.dumps(content).encode(), changing=True
    )


def test_refusal_with_a_location_is_no_redirect() -> None:
    """Only a 3xx redirects."""
    reply = make_response(
        {"error_code": "ModelArts.4358", "error_msg": "words"}, Location="https://h.example/"
    )
    assert "words (ModelArts.4358, HTTP 400)" in str(error_from_response(reply))


def nest(value: object, levels: int) -> Any:  # noqa: ANN401 - JSON
    """Return a value within `levels` objects."""
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("value", [1, "text", True, None])
def test_json_is_cut_at_the_depth_limit(value: object) -> None:
    """A scalar at the limit is kept."""
    assert make_response(nest(value, 32)).fields == nest(value, 32)
    assert make_response(nest({"b": value}, 32)).fields == nest("...", 32)


MILLION = 1_000_000


def make_list(count: int) -> bytes:
    """Return an object with so many values: objects, lists, numbers, and strings with the marks of others."""
    few = b'{"a,":"b"},[1],[],{},"' + b',[{\\",' * MILLION + b'",'  # 7 values
    return b'{"task_id": "t1", "a": [' + few + b",".join([b"1"] * (count - 10)) + b"]}"


OVERFULL = {
    "values of all kinds": make_list(MILLION + 1),
    "list": b"\xef\xbb\xbf \n[" + b"0," * MILLION + b"0]",
    "brackets": b"[" * (MILLION + 9),
}


def test_a_million_json_values_are_read() -> None:
    """The content of a string is not counted."""
    with serve(answer_in_sequence(make_reply("200 OK", make_list(MILLION)))) as server:
        assert make_transport(server.url).get("/x").fields["task_id"] == "t1"


@pytest.mark.parametrize("form", OVERFULL)
def test_more_than_a_million_json_values_are_refused(form: str) -> None:
    """Before they are parsed."""
    with serve(answer_in_sequence(make_reply("200 OK", OVERFULL[form]))) as server:
        with pytest.raises(TemporaryError, match="more than 1,000,000 JSON values"):
            make_transport(server.url).get("/x")
        with pytest.raises(UnknownOutcomeError, match="more than 1,000,000 JSON values"):
            make_transport(server.url).post("/x", b"{}")


def test_strings_without_commas_are_refused_early() -> None:
    """They are not JSON, and a reply may have thirty million of them."""
    strings = b'["' + b"," * MILLION + b'"' + b'""' * (3 * MILLION)
    with (
        serve(answer_in_sequence(make_reply("200 OK", strings))) as server,
        # not made before: an error that outlives the server keeps the connection open for 5 s
        pytest.raises(TemporaryError, match="more than 1,000,000 JSON values"),
    ):
        make_transport(server.url).get("/x")


LONG = ["word " * 200_000, "w" * 1_000_000, "字" * 1_000_000]


@pytest.mark.parametrize("words", LONG, ids=["words", "one word", "no spaces"])
@pytest.mark.parametrize(
    ("key", "form"), [("error_msg", "table"), ("error_code", "table"), ("error_msg", "json")]
)
def test_long_message_of_a_server_is_cut(run: Run, stub: Stub, key: str, words: str, form: str) -> None:
    """At 500 characters."""
    stub.status, stub.body = 400, json.dumps({key: words}).encode()
    outcome = run(f"{TO_OBS} -o {form}", **stub.variables)
    assert outcome.code == 6
    assert len(outcome.err) < 8000  # in JSON, an escaped character has six
    assert "..." in outcome.err


def test_long_message_of_a_failed_task_is_cut() -> None:
    """At 500 characters."""
    error = outcome_of(
        TrackedTask(task=make_task(status="FAILED", error_code="4401", error_msg="word " * 1000))
    )
    assert 450 < len(str(error)) < 600


def test_message_of_500_characters_is_not_cut() -> None:
    """One of 501 characters is cut."""
    words = "w" * 500
    assert f"{words} (" in str(error_from_response(make_response({"error_msg": words})))
    assert f"{words} (" not in str(error_from_response(make_response({"error_msg": words + "w"})))


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints", "199 Any"])
@pytest.mark.parametrize("number", [1, 20])
def test_interim_replies_are_skipped(run: Run, status: str, number: int) -> None:
    """On a new connection and on a reused one."""
    before = f"HTTP/1.1 {status}\r\nLink: </x>; rel=preload\r\n\r\n".encode() * number
    with serve(answer_in_sequence(before + make_reply("200 OK", CREATED))) as server:
        outcome = run(f"{TO_OBS} -o id", **server.variables)
        assert (outcome.code, outcome.out) == (0, "t1\n"), outcome.err
        client = make_transport(server.url)
        assert [client.get("/x").fields for _ in range(3)] == [{"task_id": "t1"}] * 3
        assert server.connections == 2
        client.close()


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 103 Early Hints\r\n\r\n" * 21, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"]
)
def test_too_many_interim_replies_are_an_unknown_outcome(run: Run, before: bytes) -> None:
    """So is a switch to another protocol."""
    with serve(answer_in_sequence(before + make_reply("200 OK", CREATED))) as server:
        outcome = run(TO_OBS, **server.variables)
        assert outcome.code == 10, outcome.err
        assert sum(request.startswith(b"POST") for request in server.requests) == 1
        with pytest.raises(TemporaryError):
            make_transport(server.url).get("/x")


def test_reply_about_another_task_is_a_transient_error() -> None:
    """Its connection is not used again."""
    other = make_reply("200 OK", json.dumps({"task_id": "B1", "status": "SUCCESSED"}).encode())
    with serve(answer_in_sequence(other)) as server:
        client = make_client(server.url)
        with pytest.raises(TemporaryError, match="about export task B1, not about A1") as caught:
            client.show("abc", "A1")
        assert caught.value.http_status == 200
        assert client.show("abc", "B1").status == "SUCCESSED"
        assert server.connections == 2
        client.close()


@pytest.mark.parametrize(("reported_id", "task_id"), [(7, "7"), (None, "7"), ("", "7")])
def test_reply_with_a_numeric_or_missing_id_is_accepted(
    stub: Stub, reported_id: object, task_id: str
) -> None:
    """A numeric ID equals the same digits as text."""
    stub.body = json.dumps({"task_id": reported_id, "status": "RUNNING"}).encode()
    assert make_client(stub.url).show("abc", task_id).status == "RUNNING"


def test_wait_ignores_a_reply_about_another_task(run: Run, stub: Stub) -> None:
    """The poll counts as failed."""
    stub.body = json.dumps({"task_id": "B1", "status": "SUCCESSED"}).encode()
    outcome = run("wait abc A1 -o json --timeout 0", **stub.variables)
    assert (outcome.code, json.loads(outcome.out)[0]["status"]) == (8, None)


REFUSED = {
    "400 Bad Request": 6,
    "403 Forbidden": 4,
    "404 Not Found": 3,
    "429 Too Many Requests": 5,
    "307 Temporary Redirect": 6,
}
BUSY = b'{"error_code": "ModelArts.4409", "error_msg": "busy"}'


def make_broken_servers(status: str) -> dict[str, Handler]:
    """Return handlers whose reply with this status has a broken body."""
    whole = make_reply(status, BUSY)
    chunks = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n".encode()
    return {
        "cut": answer_then(whole[:-5], close),
        "reset": answer_then(whole[:-5], lambda _, peer: reset(peer)),
        "cut chunk": answer_then(chunks + b"{", close),
        "unknown encoding": answer_in_sequence(make_reply(status, BUSY, "Content-Encoding: br")),
        "no gzip": answer_in_sequence(make_reply(status, BUSY, "Content-Encoding: gzip")),
        "stall": answer_then(whole[:-5], stall),
    }


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("fault", make_broken_servers(""))
def test_refusal_with_a_broken_body_has_the_exit_code_of_its_status(
    run: Run, status: str, fault: str
) -> None:
    """The body could only add a message: nothing was accepted."""
    with serve(make_broken_servers(status)[fault]) as server:
        outcome = run(f"{TO_OBS} --read-timeout 0.3s", **server.variables)
        assert [request.split()[0] for request in server.requests] == [b"POST"]
    assert outcome.code == REFUSED[status], outcome.err


@pytest.mark.parametrize("status", ["408 Request Timeout", "500 Internal Server Error", "503 Down", "200 OK"])
def test_other_reply_with_a_broken_body_is_an_unknown_outcome(status: str) -> None:
    """The status does not show whether the request was accepted."""
    with serve(make_broken_servers(status)["cut"]) as server, pytest.raises(UnknownOutcomeError):
        make_transport(server.url).post("/x", b"{}")


def test_code_of_a_truncated_refusal_is_found(run: Run) -> None:
    """Busy must not be mistaken for refused."""
    longer = make_reply("400 Bad Request", BUSY).replace(b"Content-Length: ", b"Content-Length: 9")
    with serve(answer_then(longer, close)) as server:
        outcome = run(TO_OBS, **server.variables)
    assert outcome.code == 5
    assert "ModelArts.4409" in outcome.err


def test_refusal_of_64_mib_shows_its_beginning() -> None:
    """The rest of the body is not read."""
    begin = b"HTTP/1.1 400 Bad Request\r\n\r\n[" + b"1," * (33 * 2**20)

    with serve(answer_then(begin, close)) as server, pytest.raises(ModelArtsExportError) as caught:
        make_transport(server.url).get("/x")
    assert caught.value.http_status == 400
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html><head><title>404 Not\n Here</title></head><body>nginx <b>x</b></body>", "Not Here"),
        ("<!DOCTYPE html>\n<TITLE lang=en>a &lt;b&gt;</TITLE>secret-body", "a <b>"),
        ("<html><body>nothing but a body</body></html>", "not found"),
    ],
)
def test_html_page_shows_its_title_alone(run: Run, stub: Stub, page: str, words: str) -> None:
    """And its status; the page is printed with --debug only."""
    stub.status, stub.body = 404, page.encode()
    outcome = run("list abc", **stub.variables)
    assert f"error: {words} (HTTP 404)\n" in outcome.err
    assert "body" not in outcome.err


XML = (
    '<?xml version="1.0"?>\n<!-- a proxy -->\n<html><title>Bad Gateway</title><body>inner-body</body></html>'
)


@pytest.mark.parametrize("content", [XML, json.dumps({"error_msg": XML})], ids=["page", "in JSON"])
def test_html_behind_a_prolog_or_in_json_shows_its_title_alone(run: Run, stub: Stub, content: str) -> None:
    stub.status, stub.body = 404, content.encode()
    outcome = run("list abc", **stub.variables)
    assert "error: Bad Gateway (HTTP 404)" in outcome.err
    assert "inner-body" not in outcome.err


def test_debug_shows_the_whole_html_page(run: Run, stub: Stub) -> None:
    stub.status, stub.body = 404, XML.encode()
    assert "inner-body" in run("list abc --debug", **stub.variables).err


def test_title_does_not_reveal_an_escaped_secret() -> None:
    escaped = "".join(f"&#{ord(character)};" for character in "made-up-signature")
    page = f"<html><title>refused {escaped}</title></html>".encode()
    found = Response(
        url="u", status=404, headers={}, content=page, changing=False, secrets=("made-up-signature",)
    )
    assert str(error_from_response(found)) == "refused *** (HTTP 404)"
