"""SIGINT and SIGTERM before the first request to ModelArts, in subprocesses."""

import os
import subprocess
import sys

import pytest

from tests.cli.commands.test_password import make_password_variables
from tests.cli.signals.test_interrupted_submissions import NOTHING, RESUMED, SIGNALS
from tests.cli.signals.test_interrupted_waits import interrupt
from tests.conftest import Stub


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize(
    ("line", "messages"),
    [
        ("to-obs --path /b/d/", [NOTHING]),
        ("to-obs --path /b/d/ --wait", [NOTHING]),
        ("wait abc t1", RESUMED),
        ("status abc t1", []),
    ],
)
def test_signal_does_not_wait_for_the_token_request(
    stub: Stub, line: str, messages: list[str], number: int, code: int
) -> None:
    stub.slow = "POST"
    outcome = interrupt(line, make_password_variables(stub.url, stub.url), stub.stalled.is_set, number)
    stub.stalled.clear()
    assert (outcome.code, outcome.out, outcome.err.splitlines()) == (code, "", messages)
    assert [path for _, path, _, _ in stub.requests] == ["/v3/auth/tokens?nocatalog=true"]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize(
    "module",
    [
        "modelarts_export.errors",
        "typer",
        "modelarts_export.config.settings",
        "modelarts_export.cli.output.console",
    ],
)
def test_signal_during_imports_prints_no_traceback(module: str, number: int, code: int) -> None:
    """Python prints when a module is imported."""
    command = [sys.executable, "-X", "importtime", "-m", "modelarts_export", "list", "abc"]
    with subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                process.send_signal(number)
                break
        err = process.stderr.read()
    assert process.returncode == code
    assert [line for line in err.splitlines() if not line.startswith("import time:")] == []
