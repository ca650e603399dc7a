"""The service goes away in the middle of a wait, and comes back or does not."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.sandbox.server import Sandbox

WAIT = "to-obs --path /b/d/ --wait --poll-interval 0.05s -o json"


def waiting(box: Sandbox, flags: str) -> "subprocess.Popen[str]":
    """Start to submit and to wait, in a process of its own."""
    command = [sys.executable, "-m", "modelarts_export", *f"{WAIT} {flags}".split()]
    return subprocess.Popen(
        command,
        env={**os.environ, **make_settings(box)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_up_to(process: "subprocess.Popen[str]", word: str) -> Iterator[str]:
    """Yield what is said until this word is."""
    assert process.stderr
    for line in process.stderr:
        yield line
        if word in line:
            return


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays away"])
def test_the_sandbox_is_killed_in_mid_wait(*, comes_back: bool) -> None:
    """Within the budget for outages the wait goes on; beyond it, it ends with 8 and the command to resume."""
    box = Sandbox(task_duration=1.0)
    with box:
        process = waiting(box, f"--max-outage {30 if comes_back else 0.3}s")
        told = "".join(lines_up_to(process, "running"))
    told += "".join(lines_up_to(process, "not seen"))
    if comes_back:
        with box:
            out, err = process.communicate(timeout=20)
        assert process.returncode == 0, told + err
        assert "seen again" in err
        assert '"status": "SUCCESSED"' in out
    else:
        out, err = process.communicate(timeout=20)
        assert process.returncode == 8, told + err
        assert '"status": "RUNNING"' in out
        assert "modelarts-export wait sandbox-images" in err
