"""SIGINT and SIGTERM before the first request to ModelArts, in subprocesses."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.commands.test_password import make_password_variables
from tests.cli.signals.test_interrupted_submissions import NOTHING, RESUMED, SIGNALS
from tests.conftest import Stub
from tests.support.interruption import interrupt


@pytest.mark.parametrize(("line", "messages"), [("to-obs --path /b/d/", [NOTHING]), ("list", [])])
def test_signal_does_not_wait_for_the_list_of_datasets(stub: Stub, line: str, messages: list[str]) -> None:
    stub.slow = "GET"
    variables = {**stub.variables, "MODELARTS_EXPORT_DATASET_ID": "name:cats"}
    outcome = interrupt(line, variables, stub.stalled.is_set, signal.SIGINT)
    stub.stalled.clear()
    assert (outcome.code, outcome.out, outcome.err.splitlines()) == (130, "", messages)
    assert [path for _, path, _, _ in stub.requests] == ["/v2/0123/datasets?limit=100&offset=0"]


@pytest.mark.parametrize(
    ("line", "messages", "number", "code"),
    [
        ("to-obs --path /b/d/", [NOTHING], *SIGNALS[0]),
        ("to-obs --path /b/d/ --wait", [NOTHING], *SIGNALS[1]),
        ("wait abc t1", RESUMED, *SIGNALS[0]),
        ("status abc t1", [], *SIGNALS[1]),
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


# The program, with a finder of modules that sends a signal when one of them is imported, and then lets the
# thread of the command import nothing.
INTERRUPTED_IMPORT = """
import os, sys, threading
from modelarts_export.__main__ import run

module, number = sys.argv[1], int(sys.argv[2])
del sys.argv[1:3]

class Finder:
    sent = False

    def find_spec(self, name, *_):
        if name == module:
            self.sent = True
            os.kill(os.getpid(), number)
        if self.sent and threading.current_thread() is not threading.main_thread():
            threading.Event().wait()

sys.meta_path.insert(0, Finder())
run()
"""


@pytest.mark.parametrize(
    ("module", "number", "code"),
    [
        ("modelarts_export.errors", *SIGNALS[0]),
        ("typer", *SIGNALS[1]),
        ("modelarts_export.config.settings", *SIGNALS[0]),
        ("modelarts_export.cli.output.console", *SIGNALS[1]),
    ],
)
def test_signal_during_imports_prints_no_traceback(module: str, number: int, code: int) -> None:
    """The import is never finished: the command can exit neither before the signal nor in spite of it."""
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, module, str(int(number)), "list", "abc"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
