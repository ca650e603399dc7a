"""Outages of the service during a wait."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.sandbox.server import Sandbox

WAIT = "to-obs --path /b/d/ --wait --poll-interval 0.05s -o json"


def start_wait(sandbox: Sandbox, flags: str) -> "subprocess.Popen[str]":
    """Start a process that submits and waits."""
    command = [sys.executable, "-m", "modelarts_export", *f"{WAIT} {flags}".split()]
    return subprocess.Popen(
        command,
        env={**os.environ, **make_settings(sandbox)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def iter_lines_until(process: "subprocess.Popen[str]", text: str) -> Iterator[str]:
    """Yield the lines of stderr up to the first that contains this text."""
    assert process.stderr
    for line in process.stderr:
        yield line
        if text in line:
            return


@pytest.mark.parametrize("recovers", [True, False], ids=["recovers", "stays down"])
def test_wait_survives_an_outage_within_its_budget(*, recovers: bool) -> None:
    """After a longer outage it exits with 8 and shows the command to resume."""
    sandbox = Sandbox(task_duration=1.0)
    with sandbox:
        process = start_wait(sandbox, f"--max-outage {30 if recovers else 0.3}s")
        err_before = "".join(iter_lines_until(process, "running"))
    err_before += "".join(iter_lines_until(process, "not seen"))
    if recovers:
        with sandbox:
            out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err_before + err
        assert "seen again" in err
        assert '"status": "SUCCESSED"' in out
    else:
        out, err = process.communicate(timeout=20)
        assert process.returncode == 8, err_before + err
        assert '"status": "RUNNING"' in out
        assert "modelarts-export wait sandbox-images" in err
