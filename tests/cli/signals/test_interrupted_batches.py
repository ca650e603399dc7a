"""SIGINT and SIGTERM while many exports are submitted or waited for, in subprocesses."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.cli.main import main
from modelarts_export.cli.supervision import FinalOutput, Interruption
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from tests.batch.scripted_server import Answer, ScriptedServer, accept, serve
from tests.cli.ci.test_junit import parse
from tests.cli.signals.test_interrupted_submissions import SIGNALS, WAITING
from tests.conftest import Cloud, Run, Stub

COUNT = 30
LIMIT = 10.0  # seconds


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a directory with a file of specs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("---\n".join(f"path: /b/{number}/\n" for number in range(COUNT)))
    return tmp_path


@contextmanager
def start(line: str, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a command line in a subprocess, and kill it at the end of the block."""
    command, pipe = [sys.executable, "-m", "modelarts_export", *shlex.split(line)], subprocess.PIPE
    with subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Gate:
    """Accepts some requests, and keeps the next ones until it is opened; `is_lost`: one of those is lost."""

    def __init__(self, free: int) -> None:
        """Let so many requests pass."""
        self._free = threading.Semaphore(free)
        self.kept = threading.Semaphore(0)
        self.opened = threading.Event()
        self.is_lost = False

    def answer(self, dataset_id: str, path: str) -> Answer:
        """Answer a request, perhaps later."""
        if not self._free.acquire(blocking=False):
            self.kept.release()
            self.opened.wait(LIMIT)
            if self.is_lost:
                self.is_lost = False
                return None
        return accept(dataset_id, path)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signal_awaits_replies_and_every_id_is_printed(number: int, code: int) -> None:
    """Ten are accepted before it and three after it, of which one is lost; nothing new is sent."""
    gate = Gate(free=10)
    gate.is_lost = True
    with serve(gate.answer) as server, start("apply a.yaml --concurrency 3 -o json", make(server)) as process:
        for _ in range(3):
            assert gate.kept.acquire(timeout=LIMIT)
        process.send_signal(number)
        assert process.stderr
        seen = next(line for line in process.stderr if line.strip() == WAITING)
        gate.opened.set()
        out, err = process.communicate(timeout=LIMIT)
    assert seen
    assert (process.returncode, len(server.posts)) == (code, 13)
    rows = json.loads(out)
    sent = {path for _, path in server.posts}
    assert [row["exit_code"] for row in rows].count(10) == 1
    assert {row["path"] for row in rows if row["exit_code"] == 0} < sent
    assert sum(row["task_id"] is not None for row in rows) == 12
    assert all(row["exit_code"] is None for row in rows if row["path"] not in sent)
    error = json.loads(err.splitlines()[-1])
    assert error["error"] == "interrupted; accepted tasks continue; 1 more may have been accepted"
    assert "modelarts-export apply --reuse-running --reuse-within 2h a.yaml" in error["hint"]


def make(server: ScriptedServer) -> dict[str, str]:
    """Return the variables of a client of this server."""
    return Stub(url=server.url).variables


def test_second_signal_exits_at_once() -> None:
    """The replies are not awaited: those exports may have been accepted."""
    gate = Gate(free=1)
    line = "apply a.yaml --concurrency 13 -o json"
    with serve(gate.answer) as server, start(line, make(server)) as process:
        for _ in range(13):
            assert gate.kept.acquire(timeout=LIMIT)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert next(line for line in process.stderr if line.strip() == WAITING)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT)
        gate.opened.set()
    assert process.returncode == 130
    codes = [row["exit_code"] for row in json.loads(out)]
    assert (codes.count(0), codes.count(10), codes.count(None)) == (1, 13, COUNT - 14)
    hint = json.loads(err.splitlines()[-1])["hint"]
    assert (hint.count("find out whether there is"), "and for 3 more paths" in hint) == (10, True)


def test_signal_before_any_reply_says_what_may_exist() -> None:
    gate = Gate(free=0)
    with serve(gate.answer) as server, start("apply a.yaml", make(server)) as process:
        assert gate.kept.acquire(timeout=LIMIT)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert next(line for line in process.stderr if line.strip() == WAITING)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
        gate.opened.set()
    assert process.returncode == 130
    assert err.splitlines()[0] == "warning: interrupted; an export task may have been accepted"
    assert "modelarts-export list abc --path /b/0/" in err


def test_interrupted_batch_that_is_run_again_submits_only_what_is_missing(run: Run, cloud: Cloud) -> None:
    """After Ctrl-C, the second run reuses each task of the first one."""
    seen = threading.Event()
    with start("apply a.yaml --concurrency 2 -o json", cloud.variables) as process:
        assert process.stderr
        for line in process.stderr:
            if "Created" in line:
                seen.set()
                process.send_signal(signal.SIGINT)
                break
        out, _ = process.communicate(timeout=LIMIT)
    assert seen.is_set()
    first = [row["task_id"] for row in json.loads(out) if row["task_id"]]
    assert process.returncode == 130
    assert 0 < len(first) < COUNT
    again = run("apply a.yaml --reuse-running --reuse-within 1h -o json", **cloud.variables)
    assert again.code == 0
    rows = json.loads(again.out)
    assert {row["task_id"] for row in rows if row["reused"]} == set(first)
    assert len(cloud.created) == COUNT
    assert len({row["task_id"] for row in rows}) == COUNT


def test_interrupted_wait_prints_the_commands_to_resume(cloud: Cloud) -> None:
    Path("b.yaml").write_text("dataset_id: sandbox-slow\npath: /b/x/\n")
    Path("a.yaml").write_text("path: /b/y/\n")
    with start("apply a.yaml b.yaml --wait", cloud.variables) as process:
        assert process.stderr
        assert next(line for line in process.stderr if "export task" in line and ": queued" in line)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 143
    assert len(out.splitlines()) == 3
    lines = err.splitlines()
    assert "warning: interrupted; accepted tasks continue" in lines
    assert [line.split()[:6] for line in lines[-2:]] == [
        ["hint:", "wait", "with:", "modelarts-export", "wait", "sandbox-images"],
        ["hint:", "wait", "with:", "modelarts-export", "wait", "sandbox-slow"],
    ]


@pytest.mark.parametrize("is_early", [True, False])
def test_signal_before_the_first_send_prints_rows_that_were_never_sent(
    *, is_early: bool, directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is handled while the names of datasets are looked up, or when the first request would be sent."""
    (directory / "b.yaml").write_text(
        "dataset_id: name:cats-and-dogs\npath: /b/1/\n---\ndataset_id: name:sandbox-slow\npath: /b/2/\n"
    )
    interruption, seen, left = Interruption(), list[Request](), list[Callable[[], None]]()

    def interrupt(request: Request, _reply: HttpReply) -> None:
        seen.append(request)
        if len(seen) == 1:
            interruption.request()
            if is_early:  # otherwise when the command has ended; the last one keeps stderr
                show, report, message = make_output(interruption)
                show()
                report()
                left.append(message)

    line = "apply b.yaml -o json --junit report.xml"
    with Sandbox(observe=interrupt) as sandbox:
        assert main(line.split(), {**os.environ, **make_settings(sandbox)}, interruption) == 130
    for write in left or make_output(interruption):
        write()
    out, err = capfd.readouterr()
    null = ("task_id", "status", "exit_code")
    assert [[row["path"], *map(row.get, null)] for row in json.loads(out)] == [
        ["/b/1/", None, None, None],
        ["/b/2/", None, None, None],
    ]
    assert json.loads(err.splitlines()[-1])["error"] == "interrupted; no export task was accepted"
    _, cases = parse((directory / "report.xml").read_text())
    assert [outcome for _, outcome, _ in cases] == ["skipped", "skipped"]
    assert {request.method for request in seen} == {"GET"}


def make_output(interruption: Interruption) -> FinalOutput:
    """Return what writes the final output of a command after SIGINT."""
    assert interruption.make_final_output
    return interruption.make_final_output(signal.SIGINT)
