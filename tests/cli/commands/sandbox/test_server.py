"""The command `sandbox` without COMMAND: a server until a signal, with settings and commands to copy."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from modelarts_export.cli.commands.sandbox import SUGGESTED
from tests.support.program import PROGRAM

PRINTED = 6  # lines on stdout, the settings
PRINTED_WITH_TOKEN = 10  # with two alternatives, and a line of explanation for each


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_sandbox_without_a_command_serves_until_a_signal(number: signal.Signals, code: int) -> None:
    """A shell can read the printed settings, and the program uses them."""
    with subprocess.Popen([*PROGRAM, "sandbox"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        lines = [server.stdout.readline() for _ in range(PRINTED)]
        script = "".join(lines) + f"{sys.executable} -m modelarts_export to-obs --path /b/d/ -o id -q"
        done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
        server.send_signal(number)
        assert server.wait(5) == code
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().isalnum()


@pytest.mark.parametrize("variable", ["HW_AUTH_TOKEN", "HW_PASSWORD"])
def test_printed_alternative_credentials_work(tmp_path: Path, variable: str) -> None:
    command = [*PROGRAM, "sandbox", "--show-token"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        lines = [server.stdout.readline() for _ in range(PRINTED_WITH_TOKEN)]
        alternative = next(line.removeprefix("# ") for line in lines if variable in line)
        script = tmp_path / "settings"
        script.write_text("".join([*lines[3:], alternative]))
        line = f". {script}; {sys.executable} -m modelarts_export to-obs --path /b/d/ -o id -q"
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
        server.terminate()
    assert done.returncode == 0, done.stderr


class Server:
    """A sandbox without COMMAND, started as a process; `messages` are those of its start."""

    def __init__(self, *options: str, **variables: str) -> None:
        environ = {**os.environ, **variables}
        pipe = subprocess.PIPE
        command = [*PROGRAM, "sandbox", *options]
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environ)
        assert self.process.stdout
        lines = [self.process.stdout.readline() for _ in range(PRINTED)]
        pairs = (line.removeprefix("export ").rstrip().split("=", 1) for line in lines)
        self.settings = dict(pairs)
        assert self.process.stderr
        self.messages = [self.process.stderr.readline() for _ in range(2 + len(SUGGESTED))]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the program with the printed settings."""
        environ = {**os.environ, **self.settings, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
        command = ["/bin/sh", "-c", line]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)

    def stop(self) -> tuple[str, str]:
        """Stop it, and return what else it wrote to stdout and to stderr."""
        self.process.terminate()
        self.process.wait(10)
        with self.process:
            assert self.process.stdout
            assert self.process.stderr
            return self.process.stdout.read(), self.process.stderr.read()


def test_access_key_is_the_same_every_time() -> None:
    """The settings of an earlier start are known secrets in the next, and are printed all the same."""
    first = Server()
    assert first.stop()[0] == ""
    second = Server(**first.settings)
    second.stop()
    keys = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_PROJECT_ID")
    assert [second.settings[key] for key in keys] == [first.settings[key] for key in keys]
    assert "***" not in second.settings.values()


def test_random_key_is_another_every_time() -> None:
    servers = [Server("--random-key") for _ in range(2)] + [Server()]
    for name in ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"):
        assert len({server.settings[name] for server in servers}) == len(servers)
    assert servers[0].run("modelarts-export list sandbox-images -q").returncode == 0
    for server in servers:
        server.stop()


def test_server_prints_commands_to_copy_and_a_line_for_each_request() -> None:
    server = Server()
    port = server.settings["MODELARTS_EXPORT_ENDPOINT"].rpartition(":")[2]
    assert server.run("modelarts-export list sandbox-images --limit 1 -q").returncode == 0
    assert server.messages[0] == f"serving on http://127.0.0.1:{port}; press Ctrl-C to stop\n"
    assert server.messages[2:] == [f"  {command}\n" for command in SUGGESTED]
    assert len(SUGGESTED) == 3
    [request] = [line for line in server.stop()[1].splitlines() if " GET " in line]
    target = "/v2/5a4d0b0c5a4d0b0c5a4d0b0c5a4d0b0c/datasets/sandbox-images/export-tasks?"
    assert re.fullmatch(rf"[0-9:]{{8}} GET {re.escape(target)}\S+ 200", request)


def test_commands_to_copy_work_with_the_printed_settings() -> None:
    server = Server("--task-duration", "0.2s")
    codes = [(command, server.run(f"{command} -q").returncode) for command in SUGGESTED]
    server.stop()
    assert codes == [(command, 7 if "failing" in command else 0) for command in SUGGESTED]


def test_log_says_what_a_fault_does_to_a_reply() -> None:
    """Control characters of a request are escaped, and a long target is cut."""
    server = Server(
        "--fault", "drop:count=1,on=list", "--fault", "refuse:count=1,on=list", "--latency", "0.1s"
    )
    port = int(server.settings["MODELARTS_EXPORT_ENDPOINT"].rpartition(":")[2])
    for target in (*[b"/v2/p/datasets/d/export-tasks"] * 3, b"/" + b"a" * 300, b"/\x9b31m"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65536):
                    pass
    assert [line[9:] for line in server.stop()[1].splitlines() if " GET " in line] == [
        "GET /v2/p/datasets/d/export-tasks 401, dropped, after 0.1s",
        "GET /v2/p/datasets/d/export-tasks -, refused, after 0.1s",
        "GET /v2/p/datasets/d/export-tasks 401, after 0.1s",
        f"GET /{'a' * 199}… 404, after 0.1s",
        "GET /\\x9b31m 404, after 0.1s",
    ]


@pytest.mark.parametrize("options", [[], ["--show-token"]])
def test_token_and_password_are_printed_only_when_asked_for(options: list[str]) -> None:
    server = Server(*options)
    out, err = server.stop()
    assert bool(out) is bool(options)
    names = ("HW_AUTH_TOKEN", "HW_PASSWORD")
    assert all((name in out) is bool(options) and name not in err for name in names)
