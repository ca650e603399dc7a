"""The program as a command line of the interpreter that runs the tests."""

import os
import subprocess
import sys

PROGRAM = [sys.executable, "-m", "modelarts_export"]


def run_in_bash(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash to its end."""
    environ = {**os.environ, **variables}
    line = ["/bin/bash", "-c", command]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environ)
