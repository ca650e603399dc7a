"""The commands and pictures of the README."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from modelarts_export.cli.options.flags import format_flag
from modelarts_export.config.environment import format_variable
from modelarts_export.config.options import option_fields
from modelarts_export.config.settings import Settings
from tests.cli.commands.test_sandbox import FOREIGN

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = ["Task", "Status", "Progress", "Path", "Dataset", "Project", "Created"]
SANDBOXED = re.findall(r"^.*(\.venv/bin/modelarts-export sandbox -- .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", SANDBOXED)
@pytest.mark.parametrize("foreign", [{}, FOREIGN], ids=["bare", "foreign"])
def test_readme_commands_work_against_the_sandbox(line: str, foreign: dict[str, str]) -> None:
    """With an empty HOME, and with other credentials, profiles and proxies set."""
    command = shlex.split(
        line.replace(".venv/bin/modelarts-export", f"{sys.executable} -m modelarts_export", 1)
    )
    environ = {**os.environ, **foreign}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Created export task" in done.stderr
    assert "Status" in done.stdout


def test_readme_has_both_commands() -> None:
    """One for each kind of export."""
    assert [line.split()[4] for line in SANDBOXED] == ["to-obs", "to-new-dataset"]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """The README is the source of the expected command."""
    found = re.findall(r"^.*pytest -q$", README, re.MULTILINE)
    assert len(found) == 1
    assert "grep -m1 'pytest -q$' README.md" in (ROOT / ".ci" / "run").read_text()


def test_readme_has_every_setting() -> None:
    """With its flag and its variable."""
    missing = [
        s.name
        for s in option_fields(Settings)
        if not {f"`{format_flag(s.name)}`", f"`{format_variable(s.name)}`"} <= set(README.split())
    ]
    assert missing == []


def test_picture_of_a_submission_matches_a_real_run(tmp_path: Path) -> None:
    """The script in the repository draws the same picture again."""
    command = [sys.executable, str(ROOT / ".github" / "picture.py"), str(tmp_path), "submission"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for folder in (tmp_path, ROOT / ".github"):
        svg = (folder / "submission.svg").read_text(encoding="utf-8")
        assert [row for row in SHOWN if f">{row}" not in svg] == []


def test_picture_of_a_wait_shows_three_tasks() -> None:
    """One is finished, and the others are running, with samples and the estimated time left."""
    svg = (ROOT / ".github" / "wait.svg").read_text(encoding="utf-8")
    assert [svg.count(word) for word in ("succeeded", "running", "/20&#160;")] == [1, 2, 3]
    assert "&#160;left" in svg
