"""A command line in a process of its own that gets a signal at a certain moment."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

from tests.conftest import Outcome, Stub
from tests.support.program import PROGRAM

TIMEOUT = 10.0  # seconds until a test fails


def interrupt(
    line: str,
    variables: dict[str, str],
    is_ready: Callable[[], object],
    number: int = signal.SIGINT,
    *,
    stdin: str = "",
) -> Outcome:
    """Run a command line, send a signal when `is_ready`, and assert that it exits within a second."""
    command = [*PROGRAM, *line.split()]
    environ, pipe = {**os.environ, **variables}, subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # or communicate would flush it
        wait_until(is_ready)
        start_time = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
        assert time.monotonic() - start_time < 1.0
    return Outcome(code=process.returncode, out=out, err=err)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def make_sleep_check(stub: Stub, requests: int = 1) -> Callable[[], bool]:
    """Return a function that tells whether so many requests were made and the client sleeps."""

    def is_asleep() -> bool:
        done = len(stub.requests) >= requests
        time.sleep(0.1 if done else 0.0)
        return done

    return is_asleep
