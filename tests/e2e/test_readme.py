"""What the README tells people to type works as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from modelarts_export.config import Settings, declared, flag, variable
from tests.cli.test_sandbox_command import FOREIGN

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = ["Task", "Status", "Progress", "Path", "Dataset", "Project", "Created"]
SANDBOXED = re.findall(r"^.*(\.venv/bin/modelarts-export sandbox -- .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", SANDBOXED)
@pytest.mark.parametrize("foreign", [{}, FOREIGN], ids=["bare", "foreign"])
def test_the_commands_against_the_sandbox(line: str, foreign: dict[str, str]) -> None:
    """In an empty HOME, and on a machine full of other credentials, profiles and proxies."""
    command = shlex.split(
        line.replace(".venv/bin/modelarts-export", f"{sys.executable} -m modelarts_export", 1)
    )
    environ = {**os.environ, **foreign}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Created export task" in done.stderr
    assert "Status" in done.stdout


def test_there_are_the_two_commands() -> None:
    """One for each kind of export."""
    assert [line.split()[4] for line in SANDBOXED] == ["to-obs", "to-new-dataset"]


def test_ci_runs_the_readmes_test_command() -> None:
    """It is read from the README, so that the two cannot differ."""
    found = re.findall(r"^.*pytest -q$", README, re.MULTILINE)
    assert len(found) == 1
    assert "grep -m1 'pytest -q$' README.md" in (ROOT / ".ci" / "run").read_text()


def test_every_setting_is_in_the_readme() -> None:
    """With its flag and its variable."""
    missing = [
        s.name
        for s in declared(Settings)
        if not {f"`{flag(s.name)}`", f"`{variable(s.name)}`"} <= set(README.split())
    ]
    assert missing == []


def test_the_pictures_are_of_real_runs(tmp_path: Path) -> None:
    """The script in the repository draws them anew, and those that are kept show the same."""
    script = ROOT / ".github" / "picture.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    for folder in (tmp_path, ROOT / ".github"):
        submission = (folder / "submission.svg").read_text(encoding="utf-8")
        assert [row for row in SHOWN if f">{row}" not in submission] == []
        wait = (folder / "wait.svg").read_text(encoding="utf-8")
        assert wait.count("/20&#160;") == wait.count("running") + wait.count("succeeded") == 3
