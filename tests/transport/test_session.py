"""What a network can do to a call, and an environment, done by real sockets."""

import json
import re
import socket
import stat
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tests.conftest import PROXIES, Outcome, Run, Stub
from tests.support.raw_server import CREATED, Handler, RawServer, replies, reply, reset, serving, turns
from tests.transport.fault_rows import (
    AMBIGUOUS,
    close,
    close_after_a_part,
    close_after_all,
    reset_after_a_part,
    reset_after_all,
    stall,
)

TO_OBS = "to-obs --path /test-obs/daoChu/"
TASKS = "/v2/0123/datasets/abc/export-tasks"
SHORT = "--read-timeout 0.3s --connect-timeout 5s"


def calls(outcome: Outcome) -> list[str]:
    """Return the methods of the calls that -v tells of, but for status checks of a task."""
    return re.findall(r"^(POST|GET) http\S*/export-tasks(?:\?\S*)? ", outcome.err, re.MULTILINE)


def assert_ended(outcome: Outcome, expected: int) -> None:
    """No result and no traceback; what lists the tasks is named exactly when the end is unknown."""
    assert outcome.code == expected, outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert len(re.findall("^(?:error|hint): .+", outcome.err, re.MULTILINE)) == 2
    assert ("modelarts-export list abc" in outcome.err) == (expected == 10)


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_lost_reply(run: Run, fault: str) -> None:
    """All of the request was taken and no usable reply came: nobody knows, and it is sent once."""
    with serving(AMBIGUOUS[fault]) as server:
        outcome = run(f"{TO_OBS} {SHORT} -v", **server.variables)
    assert calls(outcome) == ["POST", "GET"]
    assert_ended(outcome, 10)


def test_reset_before_reading(run: Run) -> None:
    """A reset at once comes before or after the request has left, by chance."""
    with serving(lambda _, peer: reset(peer)) as server:
        outcome = run(f"{TO_OBS} {SHORT} -v", **server.variables)
    assert outcome.code in (5, 10)
    assert calls(outcome) == ["POST", "GET"][: 1 if outcome.code == 5 else 2]
    assert_ended(outcome, outcome.code)


def test_lost_reply_as_json(run: Run) -> None:
    """With -o json the unknown end is one object, and what no reply told is null."""
    with serving(close_after_all) as server:
        outcome = run(f"{TO_OBS} -o json", **server.variables)
    error = json.loads(outcome.err.splitlines()[-1])
    assert (outcome.code, outcome.out, error["exit_code"]) == (10, "", 10)
    assert error["error_code"] is error["http_status"] is error["request_id"] is None
    assert "modelarts-export list abc" in error["hint"]


def test_refused_connection(run: Run) -> None:
    """Without a connection nothing was sent."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, so that nobody else has the port, but it does not listen
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        outcome = run(TO_OBS, **Stub(url=url).variables)
    assert_ended(outcome, 5)
    assert "nothing was accepted" in outcome.err


def test_connection_that_is_never_made(run: Run) -> None:
    """Connecting takes no longer than it may."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for client in (first, second):  # the queue of connections that nobody accepts is full now
            client.settimeout(0)
            client.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        outcome = run(f"{TO_OBS} --connect-timeout 0.3s", **Stub(url=url).variables)
    assert_ended(outcome, 5)


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(stall, id="handshake stalls"),
        pytest.param(close, id="handshake is cut"),
        pytest.param(reset_after_a_part, id="handshake is reset"),
        pytest.param(lambda _, peer: peer.sendall(reply("400 Bad Request")), id="no TLS"),
    ],
)
def test_failed_handshake(run: Run, handle: Handler) -> None:
    """Before TLS is there, nothing of the request leaves."""
    with serving(handle) as server:
        url = server.url.replace("http:", "https:")
        flags = "--read-timeout 0.3s --connect-timeout 0.3s"
        outcome = run(f"{TO_OBS} {flags}", **Stub(url=url).variables)
        assert server.requests == []
    assert_ended(outcome, 5)


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(replies("403 Forbidden"), id="refuses"),
        pytest.param(replies("502 Bad Gateway", b"<html>"), id="finds nobody"),
        pytest.param(close_after_all, id="closes"),
        pytest.param(reset_after_all, id="resets"),
    ],
)
def test_proxy_that_does_not_connect(run: Run, monkeypatch: pytest.MonkeyPatch, handle: Handler) -> None:
    """What a proxy says to CONNECT is no answer of the API: nothing was sent."""
    url = "https://modelarts.invalid"
    with serving(handle) as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        outcome = run(f"{TO_OBS} {SHORT}", **Stub(url=url).variables)
        assert [request.split(b" HTTP")[0] for request in proxy.requests] == [
            b"CONNECT modelarts.invalid:443"
        ]
        assert b"SDK-HMAC" not in proxy.requests[0]
    assert_ended(outcome, 5)


def test_proxy_is_never_told_what_goes_to_this_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says, a call to this machine goes there directly."""
    with serving(replies("200 OK", CREATED)) as proxy, serving(replies("200 OK", CREATED)) as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        outcome = run(f"{TO_OBS} -o id", **server.variables)
        assert (proxy.connections, len(server.requests)) == (0, 1)
    assert (outcome.code, outcome.out) == (0, "t1\n")


@pytest.fixture
def large(tmp_path: Path) -> str:
    """Return flags for a request of almost 12 MB."""
    file = tmp_path / "samples.txt"
    file.write_text("".join(f"{number:032x}\n" for number in range(320_000)))
    return f"--samples-file {file}"


@pytest.mark.parametrize("handle", [stall, close_after_a_part, reset_after_a_part])
def test_body_of_which_only_a_part_was_taken(run: Run, large: str, handle: Handler) -> None:
    """A request that did not leave as a whole was not accepted."""
    with serving(handle, receive_buffer=4096) as server:
        flags = "--read-timeout 0.3s --connect-timeout 0.3s"
        outcome = run(f"{TO_OBS} {large} {flags}", **server.variables)
        assert server.connections == 1
    assert_ended(outcome, 5)


def test_answer_before_the_whole_body_was_taken(run: Run, large: str) -> None:
    """A server that refuses the headers is believed, though the body did not leave."""

    def refuse(_server: RawServer, peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(reply("413 Too Large", b'{"error_code": "ModelArts.4104"}', "Connection: close"))

    with serving(refuse, receive_buffer=4096) as server:
        outcome = run(f"{TO_OBS} {large}", **server.variables)
    assert_ended(outcome, 6)
    assert "ModelArts.4104" in outcome.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(run: Run, status: int) -> None:
    """A redirect is refused by name; neither body nor signature go where it points."""
    with serving(replies("200 OK", CREATED)) as target:
        location = f"Location: http://name:word@127.0.0.1:{target.port}/elsewhere"
        with serving(replies(f"{status} Elsewhere", b"", location)) as server:
            outcome = run(f"{TO_OBS} {SHORT}", **server.variables)
            assert len(server.requests) == 1
        assert target.connections == 0
    assert_ended(outcome, 6)
    assert f"redirected to 127.0.0.1:{target.port}" in outcome.err
    assert "word" not in outcome.err


@pytest.mark.parametrize(
    "location",
    ["", "/here", "//", "http://", "http:///x", "foo:bar", "http://[bad", "http://a:99999/", "http://\xff/"],
)
def test_redirect_to_nowhere(run: Run, location: str) -> None:
    """A redirect that points nowhere is refused like any other."""
    with serving(replies("302 Found", b"", f"Location: {location}")) as server:
        outcome = run(f"{TO_OBS} {SHORT}", **server.variables)
        assert len(server.requests) == 1
    assert_ended(outcome, 6)
    assert "302" in outcome.err


def test_netrc_is_not_read(run: Run, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other programs keep in ~/.netrc for this host is not ours to send."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("NETRC", str(netrc))
    stub.body = CREATED
    token = {"HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": "", "HW_AUTH_TOKEN": "TOKEN0123456789"}
    for variables in (stub.variables, {**stub.variables, **token, "HW_PROJECT_ID": "0123"}):
        assert run(TO_OBS, **variables).code == 0
    assert len(stub.requests) == 4
    assert not any("Basic" in headers.get("Authorization", "") for _, _, headers, _ in stub.requests)


def test_cookies_are_not_kept(run: Run) -> None:
    """A cookie that comes with a reply is never sent back."""
    with serving(replies("200 OK", CREATED, "Set-Cookie: a=b; Path=/")) as server:
        assert run(TO_OBS, **server.variables).code == 0
    assert len(server.requests) == 2
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_do_not_matter_without_tls(
    run: Run, stub: Stub, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file of certificates that is not there is nothing to plain HTTP on this machine."""
    monkeypatch.setenv(name, "/nonexistent/ca.pem")
    stub.body = CREATED
    assert run(TO_OBS, **stub.variables).code == 0


@pytest.mark.parametrize(
    "flags", ["--insecure", f"--ca-bundle {DEFAULT_CA_BUNDLE_PATH}"], ids=["insecure", "ca-bundle"]
)
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_of_the_command_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, flags: str
) -> None:
    """No variable overrides what the command line says of trust: the broken file is not even looked at."""
    with serving(replies("403 Forbidden")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv(name, "/nonexistent/ca.pem")
        outcome = run(f"{TO_OBS} {flags}", **Stub(url="https://modelarts.invalid").variables)
        assert (outcome.code, len(proxy.requests)) == (5, 1)


@pytest.mark.parametrize("file", ["/nonexistent/ca.pem", "/"])
def test_certificates_that_are_not_there(run: Run, stub: Stub, file: str) -> None:
    """--ca-bundle that is no file is the user's to correct, before anything is sent."""
    outcome = run(f"{TO_OBS} --ca-bundle {file}", **stub.variables)
    assert (outcome.code, outcome.out, stub.requests) == (2, "", [])
    assert f"--ca-bundle: '{file}'" in outcome.err


def test_certificates_that_cannot_be_used(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that holds none, or the file of a variable that is not there, is not retried: exit 2."""
    broken = tmp_path / "ca.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with serving(stall) as server:
        url = server.url.replace("http:", "https:")
        outcome = run(f"{TO_OBS} --ca-bundle {broken} --max-retries 9", **Stub(url=url).variables)
    assert outcome.code == 2, outcome.err
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent/ca.pem")
    outcome = run(f"{TO_OBS} --max-retries 9", **Stub(url="https://modelarts.invalid").variables)
    assert (outcome.code, "REQUESTS_CA_BUNDLE" in outcome.err) == (2, True), outcome.err


def test_interim_reply_is_no_reply(run: Run) -> None:
    """A 100 before the reply is passed over."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    with serving(turns(interim + reply("200 OK", CREATED))) as server:
        assert run(f"{TO_OBS} -o id", **server.variables).out == "t1\n"
