"""`--debug` prints requests and responses without secrets."""

import json
import re
import socket
from collections.abc import Callable

import pytest

from tests.conftest import Cloud, Outcome, Run, Stub
from tests.support.raw_server import CREATED, RawServer, answer_with, make_reply, serve
from tests.transport.fault_rows import answer_then, close

SUBMIT = "to-obs --path /b/d/ -o id --debug"
TOKEN = 'MIIab+c/d="e\\f&<g>longer=='
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u202a-\u202e\u2028\u2029]")
LONGEST = 4096


def make_token_variables(url: str) -> dict[str, str]:
    """Return variables that point a client with a token at a server."""
    return {
        "HW_AUTH_TOKEN": TOKEN,
        "HW_PROJECT_ID": "0123",
        "MODELARTS_EXPORT_ENDPOINT": url,
        "MODELARTS_EXPORT_DATASET_ID": "abc",
    }


def submit_with_token(run: Run, body: bytes, *headers: str, status: str = "200 OK") -> Outcome:
    """Submit with a token to a server that answers this."""
    with serve(answer_with(status, body, *headers)) as server:
        return run(SUBMIT, **make_token_variables(server.url))


def make_secret_key_variables(server: RawServer) -> dict[str, str]:
    """Return variables that have the token for a secret key, which never leaves this machine."""
    return {**server.variables, "HUAWEICLOUD_SDK_SK": TOKEN}


def test_debug_prints_request_and_response(run: Run, stub: Stub) -> None:
    """The line of -v follows them; that of the source of credentials comes first."""
    stub.body, stub.headers = CREATED, {"X-Request-Id": "req-7"}
    outcome = run(SUBMIT, **stub.variables)
    assert (outcome.code, outcome.out) == (0, "t1\n")
    url = f"{stub.url}/v2/0123/datasets/abc/export-tasks"
    sent = stub.requests[0][3].decode()
    source, *lines = outcome.err.splitlines()
    assert source == "no profile; credentials: HUAWEICLOUD_SDK_* variables"
    assert lines[0] == f"> POST {url}"
    for line in ("Content-Type: application/json", f"Content-Length: {len(sent)}", "X-Project-Id: 0123"):
        assert f"> {line}" in lines
    assert lines[lines.index(">") + 1] == f"> {sent}"
    reply_begins = lines.index("< HTTP 200 OK")
    assert lines.index(f"> {sent}") == reply_begins - 1
    assert "< X-Request-Id: req-7" in lines[reply_begins:]
    assert lines[lines.index("<") + 1] == f"< {CREATED.decode()}"
    assert re.fullmatch(rf"POST {re.escape(url)} 200 [0-9.]+s request req-7", lines[-2])
    assert lines[-1] == "Created export task t1"


def test_debug_prints_every_call(run: Run, cloud: Cloud) -> None:
    """The status check has no body."""
    outcome = run("to-obs --path /b/d/ --debug", **cloud.variables)
    assert [line[:6] for line in outcome.err.splitlines() if line.startswith("> ") and "http" in line] == [
        "> POST",
        "> GET ",
    ]
    assert outcome.err.count("\n>\n") == 1
    assert outcome.err.count("\n<\n") == 2


@pytest.mark.parametrize(
    ("flags", "variables", "shown"),
    [
        ("", {}, False),
        ("-v", {}, False),
        ("--debug", {}, True),
        ("-q --debug", {}, True),
        ("", {"MODELARTS_EXPORT_DEBUG": "1"}, True),
        ("", {"MODELARTS_EXPORT_DEBUG": "0"}, False),
    ],
)
def test_debug_is_printed_only_on_request(
    run: Run, cloud: Cloud, flags: str, variables: dict[str, str], *, shown: bool
) -> None:
    """-q does not disable it."""
    outcome = run(f"to-obs --path /b/d/ {flags}", **cloud.variables, **variables)
    assert outcome.code == 0
    assert ("\n< HTTP 200" in outcome.err) is shown
    assert ("Created export task" in outcome.err) is ("-q" not in flags)


def test_json_error_is_the_last_line(run: Run, stub: Stub) -> None:
    stub.status, stub.body = 400, b'{"error_code": "ModelArts.4352"}'
    outcome = run("to-obs --path /b/d/ -o json --debug", **stub.variables)
    assert json.loads(outcome.err.splitlines()[-1])["error_code"] == "ModelArts.4352"


def test_debug_prints_a_request_without_reply(run: Run) -> None:
    with serve(lambda server, peer: server.read(peer)) as server:
        outcome = run(SUBMIT, **server.variables)
    assert outcome.code == 10
    assert '> {"path":"/b/d/"' in outcome.err
    assert "\n<" not in outcome.err
    assert " no reply " in outcome.err


def test_incomplete_body_is_not_printed(run: Run) -> None:
    """It can end in half a secret; status and headers are printed."""
    cut = make_reply("200 OK", f'{{"token": "{TOKEN}"}}'.encode(), "X-Request-Id: req-7")[:-10]
    with serve(answer_then(cut, close)) as server:
        outcome = run(SUBMIT, **make_token_variables(server.url))
    assert outcome.code == 10
    assert "< X-Request-Id: req-7\n<\n< (the body is incomplete)\n" in outcome.err
    assert TOKEN[:8] not in outcome.err


SHOWN = {
    "Date": "Mon, 23 Nov 2026 14:49:59 GMT",
    "Server": "api-gateway",
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=x",
    "Retry-After": "120",
    "x-iam-trace-id": "trace",
    "Location": "https://elsewhere.example/p/q",
}
HIDDEN = {
    "X-Subject-Token": "MIIanother",
    "Set-Cookie": "session=abcdef; Path=/",
    "WWW-Authenticate": "Basic realm=abcdef",
    "Authorization": "Bearer abcdefgh",
    "Proxy-Authorization": "Basic abcdefgh",
    "X-Security-Token": "abcdefgh",
    "X-Not-Thought-Of": "abcdefgh",
    "Date-": "abcdefgh",
}


def test_values_of_unknown_headers_are_hidden(run: Run) -> None:
    headers = [f"{name}: {value}" for name, value in {**SHOWN, **HIDDEN}.items()]
    outcome = submit_with_token(run, b"", *headers, status="403 Forbidden")
    assert outcome.code == 4
    for name, value in SHOWN.items():
        assert f"< {name}: {value}\n" in outcome.err
    for name, value in HIDDEN.items():
        assert f"< {name}: ***\n" in outcome.err
        assert value not in outcome.err


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:abcdefgh@h.example:8/p", "https://h.example:8/p"),
        ("//user:abcdefgh@h.example/p", "//h.example/p"),
        ("https://a@b:abcdefgh@h.example", "https://h.example"),
        ("https://h.example/p?Signature=abcdefgh", "https://h.example/p?***"),
        ("https://h.example/p#token=abcdefgh", "https://h.example/p?***"),
        ("http://user:abcdefgh@[bad", "***"),
    ],
)
def test_location_is_printed_without_user_and_query(run: Run, location: str, shown: str) -> None:
    """The query can be signed."""
    outcome = submit_with_token(run, b"", f"Location: {location}", status="302 Found")
    assert outcome.code == 6
    assert f"< Location: {shown}\n" in outcome.err
    assert "abcdefgh" not in outcome.err


def test_signature_is_hidden(run: Run) -> None:
    """In the request and in an echo of the server; the access key stays visible."""
    signatures: list[str] = []

    def quote(server: RawServer, peer: socket.socket) -> None:
        request = server.read(peer).decode()
        signatures.append(request.partition("Signature=")[2][:64])
        peer.sendall(make_reply("401 Unauthorized", json.dumps({"message": "?", "heard": request}).encode()))

    with serve(quote) as server:
        outcome = run(SUBMIT, **server.variables, HUAWEICLOUD_SDK_SECURITY_TOKEN=TOKEN)
    assert outcome.code == 4
    sent = "SDK-HMAC-SHA256 Access=AKEXAMPLE0000000TEST, "
    sent += "SignedHeaders=content-type;host;x-project-id;x-sdk-date;x-security-token, Signature=***"
    assert f"> Authorization: {sent}\n" in outcome.err
    assert "> X-Security-Token: ***\n" in outcome.err
    assert sent in outcome.err.partition("\n< {")[2]
    assert re.fullmatch("[0-9a-f]{64}", signatures[0])
    assert signatures[0] not in outcome.err
    assert_unseen(TOKEN, outcome.err)


def assert_unseen(secret: str, written: str) -> None:
    """Assert that no six characters of the secret in a row are left, also with escapes undone."""
    pieces = {secret[start : start + 6] for start in range(len(secret) - 5)}
    for _ in range(4):
        assert [piece for piece in pieces if piece in written] == []
        written = re.sub(
            r"\\(?:u(....)|(.))",
            lambda m: chr(int(m[1], 16)) if m[1] else str(m[2]),
            written.replace("\\\\", "\\"),
        )


def format_as_gson(text: str) -> str:
    """Return JSON as Java's Gson writes it."""
    return re.sub("[=<>&']", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text))


def escape_every_character(text: str) -> str:
    """Return JSON with an escape for each character."""
    return '"' + "".join(f"\\u{ord(letter):04X}" for letter in text) + '"'


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "Gson": format_as_gson,
    "numbers": escape_every_character,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "Gson in JSON": lambda text: json.dumps(format_as_gson(text)),
    "Gson in Gson": lambda text: format_as_gson(format_as_gson(text)),
}


SECRETS = {"was sent": lambda server: make_token_variables(server.url), "is known": make_secret_key_variables}


PASSWORD = "pr0xysecret"
PROXIES = [
    ("http://user:{password}@127.0.0.1:{port}", 5),
    ("http://user:{password}@127.0.0.1:notaport", 2),
    ("http://user:{password}@127.0.0.1:99999", 2),
    ("http://user:{password}@", 2),
    ("http://user:{password}@[::1", 2),
    ("foo://user:{password}@127.0.0.1:{port}", 2),
    ("user:{password}@127.0.0.1:{port}", 2),
    ("http://user:{password} @exa mple:{port}", 2),
]
