"""Outages of the service during a wait."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.sandbox.server import Sandbox

WAIT = "to-obs --path /b/d/ --wait --poll-interval 0.05s -o json"


def waiting(box: Sandbox, flags: str) -> "subprocess.Popen[str]":
    """Start a process that submits and waits."""
    command = [sys.executable, "-m", "modelarts_export", *f"{WAIT} {flags}".split()]
    return subprocess.Popen(
        command,
        env={**os.environ, **make_settings(box)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_up_to(process: "subprocess.Popen[str]", word: str) -> Iterator[str]:
    """Yield the lines of stderr up to the first with this word."""
    assert process.stderr
    for line in process.stderr:
        yield line
        if word in line:
            return


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays away"])
def test_wait_survives_an_outage_within_its_budget(*, comes_back: bool) -> None:
    """After a longer outage it exits with 8 and shows the command to resume."""
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
