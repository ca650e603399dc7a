"""A server on loopback whose handlers control each connection, and a transport to it."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.config.settings import Settings
from modelarts_export.transport.session import Transport
from tests.conftest import Stub

_LONGEST_STALL = 5.0  # seconds; no client may wait for that long
CREATED = b'{"task_id": "t1"}'


@dataclass(kw_only=True)
class RawServer:
    """The received requests; `over` is set at the end of the test, `gave_up` if a stall lasted too long."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    gave_up: bool = False

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """The settings of a client for this server."""
        return Stub(url=self.url).variables

    def read(self, peer: socket.socket) -> bytes:
        """Read and record one request with its body; return nothing at the end of the stream."""
        request = b""
        while not _is_whole(request):
            chunk = peer.recv(65536)
            if not chunk:
                return b""
            request += chunk
        self.requests.append(request)
        return request

    def stall(self) -> None:
        """Do nothing until the test is over."""
        self.gave_up = not self.over.wait(_LONGEST_STALL)


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


Handler = Callable[[RawServer, socket.socket], object]


@contextmanager
def serve(handle: Handler, *, receive_buffer: int = 0) -> Iterator[RawServer]:
    """Call the handler for each connection in turn, and close it; no client may hang."""
    with socket.socket() as listener:
        if receive_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = RawServer(port=listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, server, handle), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            thread.join(_LONGEST_STALL)
    assert not server.gave_up


def _accept(listener: socket.socket, server: RawServer, handle: Handler) -> None:
    while not server.over.is_set():
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        with peer:
            peer.settimeout(_LONGEST_STALL)
            try:
                handle(server, peer)
            except OSError:
                continue


def answer_with(status: str, body: bytes = b"", *headers: str) -> Handler:
    """Return a handler that answers every request of a connection with this."""
    return answer_in_sequence(make_reply(status, body, *headers))


def answer_in_sequence(*answers: bytes) -> Handler:
    """Return a handler that gives one answer after the other on each connection, the last one repeatedly."""

    def handle(server: RawServer, peer: socket.socket) -> None:
        remaining = list(answers)
        while server.read(peer):
            peer.sendall(remaining.pop(0) if len(remaining) > 1 else remaining[0])

    return handle


def answer_each_once(*answers: bytes) -> Handler:
    """Return a handler that gives each of these answers once, and then closes the connection."""
    remaining = list(answers)

    def handle(server: RawServer, peer: socket.socket) -> None:
        while remaining and server.read(peer):
            peer.sendall(remaining.pop(0))

    return handle


def answer_connections(*answers: bytes) -> Handler:
    """Return a handler that gives one answer to each connection, the last one repeatedly, or no answer.

    For clients that outlive the server: it does not wait until they close their connections.
    """
    remaining = list(answers)

    def handle(server: RawServer, peer: socket.socket) -> None:
        server.read(peer)
        answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        peer.sendall(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    return handle


def make_reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a whole reply, such as `200 OK`."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def reset(peer: socket.socket) -> None:
    """Close the connection with a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def make_transport(
    url: str, clock: Callable[[], float] = time.monotonic, connect: float = 10.0, read: float = 90.0
) -> Transport:
    """Return a transport to this URL with a token that is not checked; timeouts are in seconds."""
    settings = Settings(connect_timeout=connect, read_timeout=read)
    return Transport(url, TokenAuth(Token(token="any")), settings, clock=clock)
