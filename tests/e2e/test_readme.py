"""The commands and pictures of the README."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands.sandbox.foreign_environment import FOREIGN
from tests.conftest import Outcome, Run

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = ["Task", "Status", "Progress", "Path", "Dataset", "Project", "Created"]
SANDBOXED = re.findall(r"^.*(\.venv/bin/modelarts-export sandbox -- .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", SANDBOXED)
def test_readme_commands_work_against_the_sandbox(line: str) -> None:
    """With an empty HOME, and with other credentials, profiles and proxies set."""
    command = shlex.split(
        line.replace(".venv/bin/modelarts-export", f"{sys.executable} -m modelarts_export", 1)
    )
    environ = {**os.environ, **FOREIGN}
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


RunScript = Callable[[str], Outcome]


@pytest.fixture
def run_script(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunScript:
    """Run a shell script against a sandbox, in a folder that has the sample specs."""
    (tmp_path / "sample-configs").symlink_to(ROOT / "sample-configs")
    monkeypatch.chdir(tmp_path)
    return lambda script: run(["sandbox", "--task-duration", "0s", "--", "bash", "-ec", script])


def read_blocks(language: str) -> list[str]:
    """Return the code blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def list_command_lines() -> list[str]:
    """Return the command lines of shell blocks that do not set the program up."""
    lines = [line for block in read_blocks("sh") for line in block.splitlines()]
    return [line for line in lines if not line.startswith(("export ", "python3 ", ".venv/"))]


def test_recipe_of_a_dataset_by_name_works(run_script: RunScript) -> None:
    """After the recipe that makes the dataset, whose ID is not known before."""
    lines = list_command_lines()
    new = next(line for line in lines if "--new-dataset-name cats" in line)
    listed, export = (line for line in lines if "name:" in line or " datasets " in line)
    export = export.partition(" #")[0]
    outcome = run_script(f"{new} --wait -q; {listed}; {export} -o json")
    assert outcome.code == 0, outcome.err
    heading, row, built_in, *result = outcome.out.splitlines()
    assert (heading.split()[:2], row.split()[1]) == (["ID", "NAME"], "cats")
    assert built_in.split()[:2] == ["sandbox-images", "cats-and-dogs"]
    task = json.loads("\n".join(result))
    assert task["dataset_id"] == row.split()[0]
    assert task["state"] == "succeeded"


@pytest.mark.parametrize("line", [line for line in list_command_lines() if "name:" not in line])
def test_command_line_of_the_readme_works(run_script: RunScript, line: str) -> None:
    outcome = run_script(line)
    assert outcome.code == 0, outcome.err


def test_every_sample_is_in_the_readme() -> None:
    files = [path for path in (ROOT / "sample-configs").rglob("*") if path.is_file()]
    assert [str(path) for path in files if path.relative_to(ROOT).as_posix() not in README] == []


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_links_and_pictures_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if not target.startswith("https://")]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_picture_of_a_submission_matches_a_real_run(tmp_path: Path) -> None:
    """The script in the repository draws the same picture again."""
    command = [sys.executable, str(ROOT / ".github" / "picture.py"), str(tmp_path), "submission"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for folder in (tmp_path, ROOT / ".github"):
        svg = (folder / "submission.svg").read_text(encoding="utf-8")
        assert [row for row in SHOWN if f">{row}" not in svg] == []


def test_picture_of_a_wait_shows_three_tasks_and_their_end() -> None:
    svg = (ROOT / ".github" / "wait.svg").read_text(encoding="utf-8")
    assert "&#160;left" in svg
    assert "3&#160;tasks:&#160;3&#160;succeeded" in svg


@pytest.mark.parametrize(("name", "words"), [("problems", "did&#160;you&#160;mean"), ("list", "SAMPLES")])
def test_other_pictures_show_their_subject(name: str, words: str) -> None:
    assert words in (ROOT / ".github" / f"{name}.svg").read_text(encoding="utf-8")
