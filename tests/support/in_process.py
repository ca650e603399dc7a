"""HTTP to a sandbox without sockets and in simulated time, with the real HTTP libraries.

Only the connection below urllib3 and http.client is simulated, so that they raise the same errors as over a
real one (tests/transport/sent_or_not_rows.py).
"""

import errno
import io
import os
from http import HTTPStatus
from typing import Any, Protocol

from requests import PreparedRequest, Response
from urllib3.exceptions import NewConnectionError

from modelarts_export.sandbox.faults.catalog import ActiveFaults, Delivery, refuses_connection
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.transport.deadline import DeadlineAdapter


class SimulatedNetwork(Protocol):
    """A simulated network with a server."""

    def monotonic(self) -> float:
        """Return seconds of the monotonic clock of the client."""

    def pass_time(self, seconds: float) -> None:
        """Advance all clocks."""

    def next_faults(self, method: str, target: str) -> ActiveFaults:
        """Return the faults that affect a request."""

    def answer(self, request: Request, active_faults: ActiveFaults) -> HttpReply:
        """Return the reply to a request that has arrived."""


class SimulatedAdapter(DeadlineAdapter):
    """Send each request to a simulated server, on a connection of its own; for one thread."""

    def __init__(self, network: SimulatedNetwork) -> None:
        """Use the clock of the simulation."""
        super().__init__(clock=network.monotonic)
        self._world = network
        self._active_faults: ActiveFaults = {}

    def send(self, request: PreparedRequest, *arguments: Any, **named: Any) -> Response:  # noqa: ANN401 - passed on
        """Send a request as requests does, after its faults are determined."""
        self._active_faults = self._world.next_faults(str(request.method), request.path_url)
        return super().send(request, *arguments, **named)

    def get_connection_with_tls_context(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        """Return a pool whose connections lead to the simulated server."""
        pool = super().get_connection_with_tls_context(*arguments, **named)
        kind = pool.ConnectionCls
        if "_new_conn" not in vars(kind):
            pool.ConnectionCls = type(kind.__name__, (kind,), {"_new_conn": self._connect})
        return pool

    def _connect(self) -> "_SimulatedSocket":
        if refuses_connection(self._active_faults):
            error = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            raise NewConnectionError(None, f"Failed to establish a new connection: {error}") from error  # type: ignore[arg-type]
        return _SimulatedSocket(self._world, self._active_faults)


class _SimulatedSocket:
    """A socket for http.client, which takes one request and returns its reply."""

    def __init__(self, network: SimulatedNetwork, active_faults: ActiveFaults) -> None:
        self._world = network
        self._active_faults = active_faults
        self._timeout = 0.0
        self._sent = bytearray()
        self._incoming: io.BytesIO | None = None
        self._reset = False

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def settimeout(self, seconds: float) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float:
        return self._timeout

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self))

    def close(self) -> None:
        """Do nothing: there is no socket."""

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer of any kind
        """Return how much of the reply was read; the first read sends the request."""
        if self._incoming is None:
            self._incoming = self._receive()
        count = self._incoming.readinto(buffer)
        if not count and self._reset:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return count

    def _receive(self) -> io.BytesIO:
        reply = self._world.answer(_parse_request(bytes(self._sent)), self._active_faults)
        self._world.pass_time(min(reply.delay, self._timeout))
        if reply.delay > self._timeout:
            raise TimeoutError("timed out")
        self._reset = reply.reset
        return io.BytesIO(_format_reply(reply))


class _Stream(io.RawIOBase):
    """The file that http.client opens on a socket."""

    def __init__(self, simulated_socket: _SimulatedSocket) -> None:
        self._wire = simulated_socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer of any kind
        return self._wire.readinto(buffer)


def _parse_request(sent: bytes) -> Request:
    head, _, body = sent.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = start.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(body) == int(headers.get("Content-Length", "0"))
    return Request(method=method, target=target, headers=headers, body=body)


def _format_reply(reply: HttpReply) -> bytes:
    """Return as much of a reply as arrives; each is the last one on its connection."""
    if reply.delivery is Delivery.DROPPED:
        return b""
    headers = {**reply.headers, "Connection": "close"}
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join((*lines, "", "")).encode("latin-1")
    return head + (reply.body[: reply.cut_at] if reply.delivery is Delivery.CUT else reply.body)
