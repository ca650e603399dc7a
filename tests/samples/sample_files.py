"""The sample configurations, and how the tests run what is in them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import Cloud, Outcome

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample-configs"
PROGRAMS = Path(sys.executable).parent
"""The directory of modelarts-export and of the programs that check configurations."""


def read_sample(name: str) -> str:
    """Return the text of a sample."""
    return (SAMPLES / name).read_text(encoding="utf-8")


def run_script(
    script: str, folder: Path, cloud: Cloud, *, interpreter: str = "sh", **variables: str
) -> Outcome:
    """Run a script against a sandbox as a step of a CI system does; it stops at the first error."""
    environ = {"PATH": f"{PROGRAMS}{os.pathsep}/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(
        [interpreter, "-ec", script],
        cwd=folder,
        env={**environ, **cloud.variables, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def check(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program that checks configurations."""
    path = PROGRAMS / program
    return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)
