"""Faults of the network and of the environment, with real sockets."""

import json
import re
import socket
import stat
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tests.conftest import PROXIES, Outcome, Run, Stub
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
from tests.transport.fault_rows import (
    AMBIGUOUS,
    close,
    close_after_all,
    reset_after_a_part,
    reset_after_all,
    stall,
)

TO_OBS = "to-obs --path /test-obs/daoChu/"
TASKS = "/v2/0123/datasets/abc/export-tasks"
SHORT = "--read-timeout 0.3s --connect-timeout 5s"


def find_calls(outcome: Outcome) -> list[str]:
    """Return the methods of the calls that -v prints, without status checks of a task."""
    return re.findall(r"^(POST|GET) http\S*/export-tasks(?:\?\S*)? ", outcome.err, re.MULTILINE)


def assert_failed(outcome: Outcome, expected: int) -> None:
    """Check that there is one error and one hint; only for an unknown outcome it names the list command."""
    assert outcome.code == expected, outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert len(re.findall("^(?:error|hint): .+", outcome.err, re.MULTILINE)) == (3 if expected == 10 else 2)
    assert ("modelarts-export list abc" in outcome.err) == (expected == 10)


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_post_with_a_lost_reply_is_not_sent_again(run: Run, fault: str) -> None:
    """The server read the whole request and gave no usable reply, so the outcome is unknown."""
    with serve(AMBIGUOUS[fault]) as server:
        outcome = run(f"{TO_OBS} {SHORT} -v", **server.variables)
    assert find_calls(outcome) == ["POST", "GET"]
    assert_failed(outcome, 10)


def test_reset_before_reading_exits_with_5_or_10(run: Run) -> None:
    """By chance, the reset arrives before or after the request was sent."""
    with serve(lambda _, peer: reset(peer)) as server:
        outcome = run(f"{TO_OBS} {SHORT} -v", **server.variables)
    assert outcome.code in (5, 10)
    assert find_calls(outcome) == ["POST", "GET"][: 1 if outcome.code == 5 else 2]
    assert_failed(outcome, outcome.code)


def test_lost_reply_is_a_json_error(run: Run) -> None:
    """Fields that come from a reply are null."""
    with serve(close_after_all) as server:
        outcome = run(f"{TO_OBS} -o json", **server.variables)
    error = json.loads(outcome.err.splitlines()[-1])
    assert (outcome.code, outcome.out, error["exit_code"]) == (10, "", 10)
    assert error["error_code"] is error["http_status"] is error["request_id"] is None
    assert "modelarts-export list abc" in error["hint"]


def test_refused_connection_exits_with_5(run: Run) -> None:
    """Nothing was sent."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, so that no other process gets the port
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        outcome = run(TO_OBS, **Stub(url=url).variables)
    assert_failed(outcome, 5)
    assert "nothing was accepted" in outcome.err


def test_connecting_ends_with_the_connect_timeout(run: Run) -> None:
    """Nothing was sent."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for client in (first, second):  # fills the backlog
            client.settimeout(0)
            client.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        outcome = run(f"{TO_OBS} --connect-timeout 0.3s", **Stub(url=url).variables)
    assert_failed(outcome, 5)


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(stall, id="handshake stalls"),
        pytest.param(close, id="handshake is cut"),
        pytest.param(reset_after_a_part, id="handshake is reset"),
        pytest.param(lambda _, peer: peer.sendall(make_reply("400 Bad Request")), id="no TLS"),
    ],
)
def test_failed_handshake_exits_with_5(run: Run, handle: Handler) -> None:
    """Nothing of the request is sent before TLS is established."""
    with serve(handle) as server:
        url = server.url.replace("http:", "https:")
        flags = "--read-timeout 0.3s --connect-timeout 0.3s"
        outcome = run(f"{TO_OBS} {flags}", **Stub(url=url).variables)
        assert server.requests == []
    assert_failed(outcome, 5)


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(answer_with("403 Forbidden"), id="refuses"),
        pytest.param(answer_with("502 Bad Gateway", b"<html>"), id="bad gateway"),
        pytest.param(close_after_all, id="closes"),
        pytest.param(reset_after_all, id="resets"),
    ],
)
def test_refused_connect_of_a_proxy_exits_with_5(
    run: Run, monkeypatch: pytest.MonkeyPatch, handle: Handler
) -> None:
    """A reply to CONNECT is none of the API, and nothing was sent."""
    url = "https://modelarts.invalid"
    with serve(handle) as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        outcome = run(f"{TO_OBS} {SHORT}", **Stub(url=url).variables)
        assert [request.split(b" HTTP")[0] for request in proxy.requests] == [
            b"CONNECT modelarts.invalid:443"
        ]
        assert b"SDK-HMAC" not in proxy.requests[0]
    assert_failed(outcome, 5)


def test_loopback_is_reached_without_a_proxy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the variables for proxies are."""
    with serve(answer_with("200 OK", CREATED)) as proxy, serve(answer_with("200 OK", CREATED)) as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        outcome = run(f"{TO_OBS} -o id", **server.variables)
        assert (proxy.connections, len(server.requests)) == (0, 1)
    assert (outcome.code, outcome.out) == (0, "t1\n")


@pytest.fixture
def large_request_flags(tmp_path: Path) -> str:
    """Return flags for a request of almost 12 MB."""
    file = tmp_path / "samples.txt"
    file.write_text("".join(f"{number:032x}\n" for number in range(320_000)))
    return f"--samples-file {file}"


def test_partly_sent_body_exits_with_5(run: Run, large_request_flags: str) -> None:
    """An incomplete request was not accepted; the other ways it ends are in sent_or_not_rows.py."""
    with serve(reset_after_a_part, receive_buffer=4096) as server:
        flags = "--read-timeout 0.3s --connect-timeout 0.3s"
        outcome = run(f"{TO_OBS} {large_request_flags} {flags}", **server.variables)
        assert server.connections == 1
    assert_failed(outcome, 5)


def test_refusal_before_the_end_of_the_body_is_final(run: Run, large_request_flags: str) -> None:
    """A server may refuse a request after reading its headers."""

    def refuse(_server: RawServer, peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(make_reply("413 Too Large", b'{"error_code": "ModelArts.4104"}', "Connection: close"))

    with serve(refuse, receive_buffer=4096) as server:
        outcome = run(f"{TO_OBS} {large_request_flags}", **server.variables)
    assert_failed(outcome, 6)
    assert "ModelArts.4104" in outcome.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused(run: Run, status: int) -> None:
    """Neither body nor signature are sent to its target, which the error names."""
    with serve(answer_with("200 OK", CREATED)) as target:
        location = f"Location: http://name:word@127.0.0.1:{target.port}/elsewhere"
        with serve(answer_with(f"{status} Elsewhere", b"", location)) as server:
            outcome = run(f"{TO_OBS} {SHORT}", **server.variables)
            assert len(server.requests) == 1
        assert target.connections == 0
    assert_failed(outcome, 6)
    assert f"the endpoint redirects to 127.0.0.1:{target.port}" in outcome.err
    assert "word" not in outcome.err


@pytest.mark.parametrize(
    "location",
    ["", "/here", "//", "http://", "http:///x", "foo:bar", "http://[bad", "http://a:99999/", "http://\xff/"],
)
def test_redirect_to_an_invalid_location_is_refused(run: Run, location: str) -> None:
    """The error names the status."""
    with serve(answer_with("302 Found", b"", f"Location: {location}")) as server:
        outcome = run(f"{TO_OBS} {SHORT}", **server.variables)
        assert len(server.requests) == 1
    assert_failed(outcome, 6)
    assert "302" in outcome.err


def test_netrc_is_not_read(run: Run, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its passwords belong to other programs."""
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
    """No request has a cookie after a reply has set one."""
    with serve(answer_with("200 OK", CREATED, "Set-Cookie: a=b; Path=/")) as server:
        assert run(TO_OBS, **server.variables).code == 0
    assert len(server.requests) == 2
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_ca_variables_are_ignored_without_tls(
    run: Run, stub: Stub, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A missing CA file is no error for HTTP on loopback."""
    monkeypatch.setenv(name, "/nonexistent/ca.pem")
    stub.body = CREATED
    assert run(TO_OBS, **stub.variables).code == 0


@pytest.mark.parametrize(
    "flags", ["--insecure", f"--ca-bundle {DEFAULT_CA_BUNDLE_PATH}"], ids=["insecure", "ca-bundle"]
)
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_ca_options_take_precedence_over_variables(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, flags: str
) -> None:
    """The missing file of the variable is not read."""
    with serve(answer_with("403 Forbidden")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv(name, "/nonexistent/ca.pem")
        outcome = run(f"{TO_OBS} {flags}", **Stub(url="https://modelarts.invalid").variables)
        assert (outcome.code, len(proxy.requests)) == (5, 1)


@pytest.mark.parametrize("file", ["/nonexistent/ca.pem", "/"])
def test_missing_ca_bundle_exits_with_2(run: Run, stub: Stub, file: str) -> None:
    """Before anything is sent."""
    outcome = run(f"{TO_OBS} --ca-bundle {file}", **stub.variables)
    assert (outcome.code, outcome.out, stub.requests) == (2, "", [])
    assert f"--ca-bundle: '{file}'" in outcome.err


def test_unusable_ca_bundle_exits_with_2(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither an invalid file nor the missing file of a variable is retried."""
    broken = tmp_path / "ca.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with serve(stall) as server:
        url = server.url.replace("http:", "https:")
        outcome = run(f"{TO_OBS} --ca-bundle {broken} --max-retries 9", **Stub(url=url).variables)
    assert outcome.code == 2, outcome.err
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent/ca.pem")
    outcome = run(f"{TO_OBS} --max-retries 9", **Stub(url="https://modelarts.invalid").variables)
    assert (outcome.code, "REQUESTS_CA_BUNDLE" in outcome.err) == (2, True), outcome.err


def test_interim_reply_is_skipped(run: Run) -> None:
    """A 100 precedes the reply."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    with serve(answer_in_sequence(interim + make_reply("200 OK", CREATED))) as server:
        assert run(f"{TO_OBS} -o id", **server.variables).out == "t1\n"
