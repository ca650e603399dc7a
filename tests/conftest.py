"""Fixtures: a network guard, a clean environment, sandboxes, and command lines."""

import io
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from modelarts_export.cli.commands.sandbox import make_password_settings, make_settings
from modelarts_export.cli.main import main
from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalog import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox

# Runs are repeatable: the same examples each time; the profile "explore" tries others.
hypothesis_settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis_settings.register_profile("explore", max_examples=20_000, deadline=None, print_blob=True)
hypothesis_settings.load_profile("repeatable")

DEAD_PROXY = "http://127.0.0.1:9"
NO_RETRIES = {
    "MODELARTS_EXPORT_MAX_RETRIES": "0",
    "MODELARTS_EXPORT_QUEUE_TIMEOUT": "0",
    "MODELARTS_EXPORT_RECONCILE_TIMEOUT": "0",
}
"""Settings without retries: a submission ends with its first error, after one status check."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
# without PYTHONDONTWRITEBYTECODE: each of the hundreds of subprocesses would compile the program anew
_KEPT = ("PATH", "LANG", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


class BeyondLoopbackError(AssertionError):
    """A test tried to reach another machine."""


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Start half as many processes again as there are cores: many tests wait for processes and sockets."""
    cores = yield
    return cores + cores // 2


@pytest.fixture(scope="session", autouse=True)
def block_other_hosts() -> Iterator[None]:
    """Restrict the sockets and name lookups of this process to loopback."""

    def guarded(original: Callable[..., Any], host_of: Callable[..., object]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the socket module has it
            host = host_of(*arguments)
            if isinstance(host, str) and host and not _is_here(host):
                raise BeyondLoopbackError(host)
            return original(*arguments, **named)

        return call

    def in_address(_: socket.socket, *arguments: Any) -> object:  # noqa: ANN401 - the address comes last
        return arguments[-1][0] if isinstance(arguments[-1], tuple) else None

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), in_address))
        patch.setattr(socket, "getaddrinfo", guarded(socket.getaddrinfo, lambda host, *_: host))
        yield


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the HOME of the tests that need no folder; nothing may be written to it."""
    home = tmp_path_factory.mktemp("home")
    yield home
    assert list(home.iterdir()) == []


@pytest.fixture(autouse=True)
def bare_environment(
    monkeypatch: pytest.MonkeyPatch, empty_home: Path, request: pytest.FixtureRequest
) -> None:
    """Start each test without retries, with an empty HOME and with unreachable proxies.

    HOME is `tmp_path` where a test has one; pytest takes milliseconds to make it, and longer with each test.
    """
    for name in set(os.environ) - set(_KEPT):
        if not name.startswith("PYTEST_"):
            monkeypatch.delenv(name)
    has_folder = "tmp_path" in request.fixturenames
    monkeypatch.setenv("HOME", str(request.getfixturevalue("tmp_path") if has_folder else empty_home))
    for name in PROXIES:
        monkeypatch.setenv(name, DEAD_PROXY)
    for name, value in NO_RETRIES.items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Exit code and output of a command line."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line through main, as text or as a list; `variables` are added to the environment."""

    def call(line: str | list[str], *, stdin: bytes = b"", **variables: str) -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code = main(shlex.split(line) if isinstance(line, str) else line, {**os.environ, **variables})
        out, err = capfd.readouterr()
        return Outcome(code=code, out=out, err=err)

    return call


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A sandbox in this process, its exchanges, and the variables that point a client at it."""

    sandbox: Sandbox
    exchanges: list[tuple[Request, HttpReply]]

    @property
    def variables(self) -> dict[str, str]:
        """The variables that the command `sandbox` sets."""
        return make_settings(self.sandbox)

    @property
    def with_password(self) -> dict[str, str]:
        """The same with a password instead of keys, and without the project's ID."""
        places = {name: value for name, value in self.variables.items() if name.startswith("MODELARTS_")}
        return {**places, **make_password_settings(self.sandbox)}

    @property
    def created(self) -> list[bytes]:
        """The bodies of POST requests, in order."""
        return [request.body for request, _ in self.exchanges if request.method == "POST"]

    def inject(self, *faults: str) -> None:
        """Inject faults into the next calls, in the form that `sandbox --fault` takes."""
        self.sandbox.gateway.faults = make_faults(*faults)


def make_faults(*texts: str) -> Faults:
    """Return faults for a sandbox, each in the form that `sandbox --fault` takes."""
    return Faults([parse_fault(each, parse_duration) for each in texts])


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """Serve a sandbox for one test."""
    with sandboxed() as cloud:
        yield cloud


@pytest.fixture
def quick() -> Iterator[Cloud]:
    """Serve a sandbox with short tasks, for waits."""
    with sandboxed(task_duration=0.3) as cloud:
        yield cloud


@pytest.fixture
def instant() -> Iterator[Cloud]:
    """Serve a sandbox whose tasks succeed at once."""
    with sandboxed(task_duration=0.0) as cloud:
        yield cloud


@contextmanager
def sandboxed(*, task_duration: float = 3.0, clock: Callable[[], float] = time.time) -> Iterator[Cloud]:
    """Serve a sandbox; `task_duration` is in seconds of its clock."""
    exchanges: list[tuple[Request, HttpReply]] = []
    with Sandbox(
        task_duration=task_duration,
        clock=clock,
        observe=lambda request, reply: exchanges.append((request, reply)),
    ) as sandbox:
        yield Cloud(sandbox=sandbox, exchanges=exchanges)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The stub's reply to one request, unless it stalls."""

    body: bytes = b"{}"
    status: int = 200
    stalls: bool = False


@dataclass(kw_only=True)
class Stub:
    """A server with configured replies; `requests` has method, path, headers and body of each request.

    `ports` has the client's port of each, which tells connections apart.

    Each answer in `first` is sent once, then the one of the other fields. For the method `slow`, and for an
    answer that stalls, it sets `stalled` and replies when that is cleared.
    """

    url: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    first: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    slow: str = ""
    stalled: threading.Event = field(default_factory=threading.Event)

    @property
    def variables(self) -> dict[str, str]:
        """The variables that point a client at this server, with any keys."""
        return {
            "HUAWEICLOUD_SDK_AK": "AKEXAMPLE0000000TEST",
            "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
            "HUAWEICLOUD_SDK_PROJECT_ID": "0123",
            "MODELARTS_EXPORT_ENDPOINT": self.url,
            "MODELARTS_EXPORT_DATASET_ID": "abc",
        }


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Serve the configured replies."""
    configured = Stub()

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            configured.ports.append(self.client_address[1])
            configured.requests.append((self.command, self.path, dict(self.headers), body))
            now = (
                configured.first.pop(0)
                if configured.first
                else Answer(body=configured.body, status=configured.status)
            )
            if now.stalls or self.command == configured.slow:
                configured.stalled.set()
                while configured.stalled.is_set():
                    time.sleep(0.01)
            self.send_response(now.status)
            for name, value in {"Content-Length": str(len(now.body)), **configured.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(now.body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep stderr quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        configured.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.002,), daemon=True)
        thread.start()
        yield configured
        server.shutdown()
        thread.join()
