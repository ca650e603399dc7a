"""Secrets that `--debug` redacts."""

import re
import socket
from base64 import b64encode
from collections.abc import Callable

import pytest

from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.request_auth import make_auth
from modelarts_export.config.settings import Settings
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.transport.session import Transport
from modelarts_export.transport.tracing import (
    CallRecord,
    HttpMessage,
    format_call,
    hidden_values,
    redact_headers,
)
from tests.cli.output.test_debug import (
    HARMFUL,
    LONGEST,
    PASSWORD,
    PROXIES,
    SECRETS,
    SPELLINGS,
    SUBMIT,
    TOKEN,
    assert_unseen,
    format_as_gson,
    make_secret_key_variables,
    make_token_variables,
    submit_with_token,
)
from tests.conftest import Run, Stub
from tests.support.raw_server import RawServer, answer_with, make_reply, serve
from tests.transport.fault_rows import answer_then, close


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_echoed_secret_is_redacted(run: Run, secret: str, spelling: str) -> None:
    """In every JSON spelling, in bodies and headers."""
    echo = SPELLINGS[spelling](TOKEN)
    bodies = (f'{{"task_id": "t1", "heard": [{echo}]}}', f'{{"task_id": "t1", {echo}: ""}}', f"<p>{echo}</p>")
    for body in bodies:
        with serve(answer_with("200 OK", body.encode(), f"Server: {echo}")) as server:
            outcome = run(SUBMIT, **SECRETS[secret](server))
        assert outcome.code in (0, 10)
        lines = [line for line in outcome.err.splitlines() if line.startswith("< ")]
        assert_unseen(TOKEN, "\n".join(lines))
        replies = sum(line.startswith("< HTTP") for line in lines)
        assert replies >= (2 if outcome.code else 1)  # a poll, too
        assert sum("***" in line for line in lines) == 2 * replies


@pytest.mark.parametrize("spelling", ["JSON", "Gson", "numbers"])
def test_secret_in_a_cut_error_is_redacted(run: Run, spelling: str) -> None:
    """A cut JSON text is searched as text."""
    page = f'{{"error_msg": {SPELLINGS[spelling](TOKEN)}, "error_co'
    outcome = submit_with_token(run, page.encode(), status="502 Bad Gateway")
    assert outcome.code == 10
    assert_unseen(TOKEN, outcome.err)
    assert "***" in outcome.err.partition("\nerror: ")[2]


def test_secret_of_a_request_header_is_redacted_in_the_response() -> None:
    """In every spelling."""
    body = f'{{"heard": {format_as_gson(TOKEN)}}}'.encode()
    call = CallRecord(
        method="GET",
        url="https://h",
        status=200,
        request_id=None,
        seconds=0.1,
        received=HttpMessage(start="HTTP 200 OK", headers=(), body=body),
        hidden=(TOKEN,),
    )
    assert list(format_call(call)) == ["< HTTP 200 OK", "<", '< {"heard": "***"}']
    assert TOKEN not in repr(call)


def test_signature_that_comes_back_as_a_request_id_is_redacted(run: Run) -> None:
    """It is no secret that is known before the call."""
    signatures = list[str]()

    def answer(server: RawServer, peer: socket.socket) -> None:
        signatures.extend(re.findall("Signature=([0-9a-f]{64})", server.read(peer).decode()))
        body = b'{"total_count": 0, "export_tasks": []}'
        peer.sendall(make_reply("200 OK", body, f"X-Request-Id: {signatures[-1]}"))

    with serve(answer) as server:
        outcome = run("list abc -v", **server.variables)
    assert (outcome.code, len(signatures)) == (0, 1)
    assert " 200 " in outcome.err
    assert " request ***\n" in outcome.err


def test_transport_callback_gets_no_secret(stub: Stub) -> None:
    calls = list[CallRecord]()
    keys = AccessKey(access_key="ak", secret_key="sk", security_token="short")
    for credentials in (keys, Token(token="short")):
        auth = make_auth(credentials, "0123")
        with pytest.raises(UnknownOutcomeError):
            Transport(stub.url, auth, Settings(), on_call=calls.append).post("/x", b"{}")
    signed, marked = (dict(call.sent.headers) for call in calls if call.sent)
    assert signed["Authorization"].endswith(" Signature=***")
    assert signed["X-Security-Token"] == marked["X-Auth-Token"] == "***"
    signature = stub.requests[0][2]["Authorization"].rpartition("=")[2]
    assert not {"short", signature} & set(re.findall("[a-z0-9]+", repr(calls)))


def test_response_without_secret_is_unchanged(run: Run) -> None:
    """Escapes are undone only to redact."""
    body = r'{"task_id": "t1", "words": "\u4e2d\/\"\\ \ud83d"}'
    assert f"\n< {body}\n" in submit_with_token(run, body.encode()).err


@pytest.mark.parametrize("before", [0, 1, 5, 6, 10, len(TOKEN) - 1, len(TOKEN)])
def test_secret_at_the_cut_of_a_body_is_redacted(run: Run, before: int) -> None:
    """No half of a secret is left."""
    body = "x" * (LONGEST - len("< ") - before) + TOKEN + "y" * 5000
    with serve(answer_with("200 OK", body.encode())) as server:
        outcome = run(SUBMIT, **make_secret_key_variables(server))
    assert outcome.code == 10
    assert_unseen(TOKEN, outcome.err)
    line = next(line for line in outcome.err.splitlines() if line.startswith("< xxx"))
    whole = len("< ") + len(body) - len(TOKEN) + len("***")
    assert line[LONGEST:] == f"... (cut; {whole} characters in all)"


@pytest.mark.parametrize("before", [0, 1, 5, 6, 10, len(TOKEN) - 1, len(TOKEN)])
@pytest.mark.parametrize("begin", ["", "{"])
def test_secret_at_the_cut_of_an_error_is_redacted(run: Run, before: int, begin: str) -> None:
    """An error shows the beginning of a page, to the end of a word, also with -o json."""
    page = (
        begin
        + "x" * (499 - before - len(begin))
        + f" {format_as_gson(TOKEN) if begin else TOKEN} "
        + "y " * 50
    )
    outcome = submit_with_token(run, page.encode(), status="502 Bad Gateway")
    assert outcome.code == 10
    assert_unseen(TOKEN, outcome.err)
    assert "x" * 400 in outcome.err.partition("\nerror: ")[2]


def test_page_without_a_space_is_hidden(run: Run) -> None:
    """There is no end of a word to cut at."""
    outcome = submit_with_token(run, b"x" * 501, status="502 Bad Gateway")
    assert "x" * 9 not in outcome.err.partition("\nerror: ")[2]


def test_hostile_text_in_a_response_is_escaped(run: Run) -> None:
    """In the status line, headers and body, with a line each."""
    hostile = "\x1b[2J\x9b31m\x85\t\x7f[bold]"
    headers = [f"Server: {hostile}", "Date: a\r\n ::error::b", f"{hostile}: c", "X-Request-Id: \x9b"]
    body = f"{hostile}\r\n::error::b\u202e\u2028".encode()
    with serve(answer_then(make_reply(f"200 {hostile}", body, *headers), close)) as server:
        outcome = run(SUBMIT, **make_token_variables(server.url))
    assert not HARMFUL.search(outcome.err)
    assert r"\x1b[2J\x9b31m\x85\t\x7f[bold]" in outcome.err
    assert "\n::error" not in outcome.err


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", "{}".encode("utf-16"), bytes(range(256))])
def test_binary_body_is_printed_as_far_as_possible(run: Run, body: bytes) -> None:
    outcome = submit_with_token(run, body)
    assert outcome.code == 10
    assert "\n<\n< " in outcome.err
    assert not HARMFUL.search(outcome.err)


@pytest.mark.parametrize("form", ["", "--debug", "-o json"])
def test_proxy_refusal_shows_only_its_status(run: Run, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """A proxy can quote its password."""
    spelled = b64encode(f"user:{PASSWORD}".encode()).decode()
    with serve(answer_with(f"407 no to user:{PASSWORD} {PASSWORD[::-1]} {spelled}")) as server:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://user:{PASSWORD}@127.0.0.1:{server.port}")
        outcome = run(f"to-obs abc --path /b/d/ {form}", **make_token_variables("https://modelarts.invalid"))
    assert outcome.code == 5
    assert "the proxy refused to connect (HTTP 407)" in outcome.err
    for secret in (PASSWORD, PASSWORD[::-1], spelled):
        assert secret not in outcome.err


ECHOES: dict[str, Callable[[bytes], str]] = {
    "as it is": bytes.decode,
    "percent": lambda header: "".join(f"%{byte:02x}" for byte in header),
    "base64": lambda header: b64encode(header).decode(),
    "HTML": lambda header: "".join(f"&#{byte};" for byte in header),
    "hex": bytes.hex,
}


@pytest.mark.parametrize("flags", ["", "-o json", "-v", "--debug"])
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(
    "page", ['{"task_id": "t1", "error_code": "APIGW.0301", "error_msg": "%s"}', "<p>%s"]
)
def test_echoed_signature_is_redacted(run: Run, flags: str, echo: str, page: str) -> None:
    """In errors, with -v and with --debug."""
    echoed: list[str] = []
    signatures: list[str] = []

    def quote(server: RawServer, peer: socket.socket) -> None:
        signature = server.read(peer).partition(b"Signature=")[2][:64]
        signatures.append(signature.decode())
        echoed.append(ECHOES[echo](signature))
        body = page.replace("%s", echoed[-1]).encode()
        peer.sendall(make_reply("401 Unauthorized", body, f"X-Request-Id: {echoed[-1]}"))

    with serve(quote) as server:
        outcome = run(f"to-obs --path /b/d/ {flags}", **server.variables)
    assert outcome.code == 4
    assert "***" in outcome.err
    assert not [form for form in (*echoed, *signatures) if form in outcome.err]


def test_signature_in_another_header_is_redacted() -> None:
    signed = f"SDK-HMAC-SHA256 Access=ak, SignedHeaders=host, Signature={'0' * 64}"
    assert redact_headers({"X-Forwarded-Authorization": signed}) == (("X-Forwarded-Authorization", "***"),)
    assert hidden_values({"X-Forwarded-Authorization": signed}) == (signed,)
    assert hidden_values({"Authorization": signed}) == ("0" * 64,)


@pytest.mark.parametrize("line", ["407 bad {}", "200 OK\r\nServer: {}"])
def test_echoed_proxy_password_is_redacted(run: Run, line: str) -> None:
    """As in the URL, and as Basic credentials."""
    proxy = "http://user:p%40ss-word@127.0.0.1:9"
    for form in ("p%40ss-word", "p@ss-word", b64encode(b"user:p@ss-word").decode(), b"p@ss-word".hex()):
        with serve(
            answer_with(line.format(form), b'{"error_code": "x", "error_msg": "%s"}' % form.encode())
        ) as server:
            outcome = run(f"{SUBMIT} --debug", **{**server.variables, "https_proxy": proxy})
        assert form not in outcome.err
        assert "***" in outcome.err


@pytest.mark.parametrize(("proxy", "expected"), PROXIES)
def test_proxy_password_is_redacted(
    run: Run, monkeypatch: pytest.MonkeyPatch, proxy: str, expected: int
) -> None:
    """Also when the proxy refuses it or its URL is invalid."""
    with serve(answer_with("407 Proxy Authentication Required")) as server:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.format(password=PASSWORD, port=server.port))
        outcome = run(SUBMIT, **make_token_variables("https://modelarts.invalid"))
        asked = b64encode(f"user:{PASSWORD}".encode())
        assert [asked in request for request in server.requests] == ([True] if expected == 5 else [])
    assert outcome.code == expected, outcome.err
    assert PASSWORD not in outcome.err
    assert asked.decode() not in outcome.err
    assert "HTTPS_PROXY" in outcome.err.splitlines()[-1]
