"""Sockets of the sandbox: kept, incomplete and malformed connections, without output on stderr."""

import contextlib
import http.client
import json
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import CONNECTIONS, Sandbox
from modelarts_export.sandbox.service import BODY_LIMIT, Service

BODY = b'{"path": "/test-obs/out/"}'


@dataclass(kw_only=True)
class SocketClient:
    """One kept connection to a sandbox."""

    sandbox: Sandbox
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Connect with the first call."""
        self.connection = http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)

    @property
    def tasks(self) -> str:
        """The path of the dataset's export tasks."""
        return f"/v2/{self.sandbox.project_id}/datasets/{self.sandbox.dataset_id}/export-tasks"

    def call(self, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request with the token and return the reply's status and body."""
        self.connection.request(method, target, body=body, headers={"X-Auth-Token": self.sandbox.token})
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def count_tasks(self) -> int:
        """Return how many export tasks there are, by the kept connection."""
        return int(json.loads(self.call("GET", self.tasks)[1])["total_count"])

    def format_head(self, *headers: str) -> bytes:
        """Return the head of a create call with further header lines."""
        lines = [f"POST {self.tasks} HTTP/1.1", f"X-Auth-Token: {self.sandbox.token}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    def open(self) -> socket.socket:
        """Return a second connection, without HTTP."""
        return socket.create_connection((self.connection.host, self.connection.port), timeout=10)

    def send_raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return all that comes back until the server closes."""
        with self.open() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def join_threads() -> None:
    """Wait for the threads of a sandbox that has ended: a traceback comes after the close of its socket."""
    for thread in set(threading.enumerate()) - {threading.current_thread()}:
        thread.join(timeout=10)


@pytest.fixture
def exchanges() -> list[tuple[Request, HttpReply]]:
    return []


@pytest.fixture
def client(exchanges: list[tuple[Request, HttpReply]]) -> Iterator[SocketClient]:
    with Sandbox(observe=lambda request, reply: exchanges.append((request, reply))) as sandbox:
        client = SocketClient(sandbox=sandbox)
        yield client
        client.connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 411),
        (["Content-Length: "], 411),
        (["Transfer-Encoding: chunked"], 411),
        (["Transfer-Encoding: chunked", "Content-Length: 2"], 411),
        (["Content-Length: two"], 400),
        (["Content-Length: -2"], 400),
        (["Content-Length: " + "9" * 5000], 400),
    ],
)
def test_body_of_unknown_length_is_refused_and_the_connection_closed(
    client: SocketClient, headers: list[str], status: int
) -> None:
    # More than the sockets hold, so that a server that closes without reading resets the connection.
    reply = client.send_raw(client.format_head(*headers) + b"2\r\n{}\r\n0\r\n\r\n" * 1_000_000)
    assert reply.startswith(f"HTTP/1.1 {status} ".encode())
    assert reply.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in reply
    assert b"APIGW.0201" in reply


def test_too_large_body_is_read_and_the_connection_kept(client: SocketClient) -> None:
    status, error = client.call("POST", client.tasks, b" " * (BODY_LIMIT + 200_000))
    assert (status, json.loads(error)["error_code"]) == (413, "ModelArts.4104")
    kept = client.connection.sock
    assert client.count_tasks() == 0
    assert client.connection.sock is kept


def test_incomplete_body_is_not_executed(
    client: SocketClient, exchanges: list[tuple[Request, HttpReply]]
) -> None:
    assert client.send_raw(client.format_head("Content-Length: 9999") + BODY) == b""
    assert exchanges == []


def test_expect_header_gets_100_continue(client: SocketClient) -> None:
    head = client.format_head(f"Content-Length: {len(BODY)}", "Expect: 100-continue", "Connection: close")
    reply = client.send_raw(head + BODY)
    assert reply.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 " in reply
    assert b"task_id" in reply
    assert client.count_tasks() == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x00garbage\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf",
    ],
)
def test_malformed_request_causes_no_traceback(garbage: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox() as sandbox:
        SocketClient(sandbox=sandbox).send_raw(garbage)
    join_threads()
    assert capfd.readouterr() == ("", "")


def test_disconnect_before_the_reply_causes_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox() as sandbox:
        client = SocketClient(sandbox=sandbox)
        for _ in range(5):
            with client.open() as connection:
                # Lingering for no time makes the close a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                connection.sendall((client.format_head(f"Content-Length: {len(BODY)}") + BODY) * 50)
    join_threads()
    assert capfd.readouterr() == ("", "")


def test_reply_to_head_has_no_body(client: SocketClient) -> None:
    assert client.call("HEAD", client.tasks) == (404, b"")
    assert client.count_tasks() == 0


def test_kept_connection_does_not_wait_for_acknowledgments(client: SocketClient) -> None:
    """Without disable_nagle_algorithm every second call takes 40 ms."""

    def seconds() -> float:
        begin = time.perf_counter()
        client.count_tasks()
        return time.perf_counter() - begin

    # Without the slowest quarter: another process may have had the machine.
    assert statistics.mean(sorted(seconds() for _ in range(20))[:15]) < 0.01


def test_observer_receives_each_exchange_as_sent(
    client: SocketClient, exchanges: list[tuple[Request, HttpReply]]
) -> None:
    _, created = client.call("POST", client.tasks, BODY)
    target = f"{client.tasks}?x=%20"
    client.call("GET", target)
    (first, accepted), (second, shown) = exchanges
    assert (first.method, first.target, first.body) == ("POST", client.tasks, BODY)
    assert accepted.body == created
    assert (second.method, second.target, second.body) == ("GET", target, b"")
    assert second.get_header("x-auth-token") == client.sandbox.token
    assert (shown.status, shown.headers["Content-Length"]) == (200, str(len(shown.body)))


def test_exception_in_the_service_is_the_documented_500(
    client: SocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Service, __: Request, **___: object) -> HttpReply:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Service, "answer", broken)
    status, error = client.call("GET", client.tasks)
    assert (status, json.loads(error)["error_code"]) == (500, "ModelArts.0010")
    assert b"a bug" in error


def test_exception_in_the_observer_shows_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_: Request, __: HttpReply) -> NoReturn:
        raise ZeroDivisionError("a bug")

    with Sandbox(observe=broken) as sandbox, pytest.raises(http.client.RemoteDisconnected):
        SocketClient(sandbox=sandbox).count_tasks()
    join_threads()
    assert "a bug" in capfd.readouterr().err


def test_each_sandbox_has_its_own_credentials() -> None:
    with Sandbox() as one, Sandbox() as other:
        assert (len(one.access_key), len(one.secret_key)) == (20, 40)
        assert one.access_key == one.access_key.upper()
        assert one.url.startswith("http://127.0.0.1:")
        secrets = {one.access_key, one.secret_key, one.token}
        assert secrets.isdisjoint({other.access_key, other.secret_key, other.token})
        assert (one.project_id, one.dataset_id) == (other.project_id, "sandbox-images")


def test_kept_connections_end_with_the_block() -> None:
    with Sandbox() as sandbox:
        client = SocketClient(sandbox=sandbox)
        assert client.count_tasks() == 0
    kept = client.connection.sock
    assert isinstance(kept, socket.socket)
    assert kept.recv(1) == b""
    client.connection.close()


@pytest.mark.parametrize("sent", [b"", b"POST /v2/", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"])
def test_silent_connection_is_closed(sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """Before, within and after the head of a request."""
    with Sandbox(idle_timeout=0.2) as sandbox, SocketClient(sandbox=sandbox).open() as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""
    assert capfd.readouterr().err == ""


def test_connections_beyond_the_limit_wait(client: SocketClient) -> None:
    """One more than the limit is served as soon as another is closed."""
    crowd = [SocketClient(sandbox=client.sandbox) for _ in range(CONNECTIONS)]
    for each in crowd:
        each.count_tasks()
    with client.open() as late:
        late.sendall(b"GET /v2 HTTP/1.1\r\n\r\n")
        late.settimeout(0.3)
        with pytest.raises(TimeoutError):
            late.recv(1)
        crowd[0].connection.close()
        late.settimeout(10)
        assert late.recv(12) == b"HTTP/1.1 404"
    for each in crowd[1:]:
        each.connection.close()


def test_sandbox_ends_while_a_connection_waits() -> None:
    sandbox = Sandbox()
    with sandbox, contextlib.ExitStack() as kept:
        for _ in range(CONNECTIONS + 1):
            kept.enter_context(SocketClient(sandbox=sandbox).open())


def test_port_in_use_is_an_error() -> None:
    with Sandbox() as sandbox, pytest.raises(OSError, match="in use"):
        Sandbox(port=int(sandbox.url.rpartition(":")[2]))
