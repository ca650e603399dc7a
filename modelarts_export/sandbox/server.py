"""HTTP server of the sandbox, on 127.0.0.1 only."""

import contextlib
import random
import re
import secrets
import socket
import string
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Self

from modelarts_export.sandbox.account import PROJECT, User
from modelarts_export.sandbox.authentication import Credentials, KeyPair
from modelarts_export.sandbox.cloud.contract import ApiError
from modelarts_export.sandbox.cloud.datasets import DATASET_ID
from modelarts_export.sandbox.faults.catalog import ActiveFaults, Delivery, Faults, refuses_connection
from modelarts_export.sandbox.gateway import Gateway
from modelarts_export.sandbox.iam import Iam
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.service import BODY_LIMIT
from modelarts_export.sandbox.tokens import Tokens

Observer = Callable[[Request, HttpReply], None]

_ALPHANUMERIC = string.ascii_letters + string.digits
_CHUNK = 1 << 16  # bytes
_LINGER = 1.0  # seconds
CONNECTIONS = 64
"""Connections that are served at once; others wait until one of these is closed."""
_IDLE = 75.0  # seconds without a byte, after which a connection is closed
_SLOT_CHECK = 0.05  # seconds


class Sandbox:
    """An emulator on loopback: `with Sandbox() as sandbox:` serves in a thread until the block ends.

    `url` is the endpoint of ModelArts and of IAM; `access_key` with `secret_key`, `token`, and the tokens
    that IAM issues to `user`, or to `mfa_user` with a passcode, are valid for `project_id`. That project has
    the datasets of `datasets.BUILT_IN`; `dataset_id` is the one whose exports succeed.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, and most have a default
        self,
        *,
        port: int = 0,
        task_duration: float = 3.0,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        observe: Observer | None = None,
        faults: Faults | None = None,
        key: KeyPair | None = None,
        idle_timeout: float = _IDLE,
    ) -> None:
        """Make new credentials and bind the port, any free one for 0; raises OSError if it is in use.

        A `key` is used in place of a new one; the token and the password are always new.
        `task_duration` is in seconds, and so is `idle_timeout`, after which an idle connection is closed;
        `clock` gives epoch seconds, `rng` makes IDs. `observe` is called once per exchange, in the thread
        that serves it, before the reply is delayed or written; a request that is refused unread has no
        body.
        """
        key = key or _make_key()
        self.access_key, self.secret_key = key.access_key, key.secret_key
        self.token = _make_secret(_ALPHANUMERIC, 400)
        self.project_id = PROJECT.project_id
        self.dataset_id = DATASET_ID
        self.user = _make_user("sandbox-user")
        self.mfa_user = _make_user("sandbox-mfa-user", passcode=_make_secret(string.digits, 6))
        self._tokens = Tokens()
        self._clock = clock
        rng = rng or random.SystemRandom()
        credentials = Credentials(
            access_key=self.access_key,
            secret_key=self.secret_key,
            token=self.token,
            project_id=self.project_id,
            tokens=self._tokens,
        )
        self.gateway = Gateway(
            credentials=credentials,
            iam=Iam([self.user, self.mfa_user], self._tokens),
            clock=clock,
            rng=rng,
            task_duration=task_duration,
            faults=faults,
        )
        self._observe = observe
        self._idle_timeout = idle_timeout
        self._server = _Server(port, self.gateway, observe, idle_timeout)
        self._port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def expire_tokens(self) -> None:
        """Expire the tokens that IAM issued so far, as a change of the password does."""
        self._tokens.expire(self._clock())

    def __enter__(self) -> Self:
        """Start serving; after an earlier block, on the same port and with the same state.

        Raises OSError when another process has bound the port in between.
        """
        if self._server.stopped.is_set():
            self._server = _Server(self._port, self.gateway, self._observe, self._idle_timeout)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving, kept connections included."""
        self._server.stop()


def _make_user(name: str, passcode: str | None = None) -> User:
    password = _make_secret(_ALPHANUMERIC, 24)
    return User(user_id=f"id-of-{name}", user_name=name, password=password, passcode=passcode)


def _make_key() -> KeyPair:
    return KeyPair(
        access_key=_make_secret(string.ascii_uppercase + string.digits, 20),
        secret_key=_make_secret(_ALPHANUMERIC, 40),
    )


def _make_secret(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a batch opens many connections at once

    def __init__(self, port: int, gateway: Gateway, observe: Observer | None, idle_timeout: float) -> None:
        self.gateway = gateway
        self.idle_timeout = idle_timeout
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._ending = threading.Event()
        self.observe = observe
        self.stopped = threading.Event()
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        # serve_forever polls for the shutdown; its default interval is half a second.
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        _shut_down(self.socket)  # wakes the thread, which otherwise polls for the shutdown
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve a connection in a thread once there is a slot for it; others queue in the kernel."""
        while not self._slots.acquire(timeout=_SLOT_CHECK):
            if self._ending.is_set():
                self.shutdown_request(request)
                return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the name service for the name of the address.
        TCPServer.server_bind(self)

    def server_close(self) -> None:
        super().server_close()
        self.stopped.set()
        # Otherwise kept connections would be served until their clients close them.
        for connection in tuple(self.connections):
            _shut_down(connection)

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        # A client that disconnects is no error; anything else is a bug and shows its traceback.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Headers and body are written apart; with Nagle's algorithm every second reply waits 40 ms.
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        # http.server calls do_GET, do_POST …; here the service answers every method.
        if name.startswith("do_"):
            return self._handle_request
        raise AttributeError(name)

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.idle_timeout)
        self.server.connections.add(self.connection)
        if self.server.stopped.is_set():  # while the thread of this connection was being started
            _shut_down(self.connection)

    def finish(self) -> None:
        super().finish()
        # Closing with unread bytes would reset the connection, and the client would lose the reply.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER)
            while self.connection.recv(_CHUNK):
                pass
        self.server.connections.discard(self.connection)

    def log_message(self, *_: object) -> None:
        """Keep stderr quiet; `observe` is the log."""

    def _handle_request(self) -> None:
        active_faults = self.server.gateway.next_faults(self.command, self.path)
        length = 0 if refuses_connection(active_faults) else self._parse_length()
        body = b"" if isinstance(length, ApiError) else self._read_body(length)
        request = Request(method=self.command, target=self.path, headers=dict(self.headers), body=body)
        reply = self._make_reply(request, length, active_faults)
        if self.server.observe:
            self.server.observe(request, reply)
        self._deliver(reply)

    def _parse_length(self) -> int | ApiError:
        """Return the length of the body in bytes, or the refusal of a body whose end is unknown."""
        given = self.headers.get("Content-Length", "" if self.command == "POST" else "0")
        if not given or "Transfer-Encoding" in self.headers:
            return ApiError(status=411, code="APIGW.0201", message="Content-Length is required")
        if not re.fullmatch("[0-9]{1,18}", given):
            return ApiError(code="APIGW.0201", message="Content-Length is not a number")
        return int(given)

    def _read_body(self, length: int) -> bytes:
        """Read the body to its end, as the reply comes after it, but keep no more than the limit."""
        kept = bytearray()
        while length and (chunk := self.rfile.read(min(length, _CHUNK))):
            length -= len(chunk)
            if len(kept) <= BODY_LIMIT:
                kept += chunk
        if length:
            raise ConnectionAbortedError("the client disconnected within the body")
        return bytes(kept)

    def _make_reply(self, request: Request, length: int | ApiError, active_faults: ActiveFaults) -> HttpReply:
        gateway = self.server.gateway
        if isinstance(length, ApiError):
            self.close_connection = True  # the start of the next request is unknown
            return gateway.refuse(length)
        try:
            return gateway.answer(request, active_faults)
        except Exception as error:  # noqa: BLE001 - whatever the bug is, the client gets the API's own 500
            message = f"Internal error: {error!r}"
            return gateway.refuse(ApiError(status=500, code="ModelArts.0010", message=message))

    def _deliver(self, reply: HttpReply) -> None:
        """Send a reply as its delivery says; the end of the sandbox cancels a delayed one."""
        if reply.delay and self.server.stopped.wait(reply.delay):
            return
        if reply.delivery in {Delivery.DELIVERED, Delivery.CUT}:
            self._write_reply(reply)
        if reply.delivery is not Delivery.DELIVERED:
            self.close_connection = True
        if reply.reset:
            self._reset()

    def _reset(self) -> None:
        # SO_LINGER 0 makes the close a reset; the socket closes when its last file is closed.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _write_reply(self, reply: HttpReply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: reply.cut_at] if reply.delivery is Delivery.CUT else reply.body)
