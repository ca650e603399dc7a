"""The hook of pre-commit and the install line of CI systems, tried from a clone of this repository.

The program is installed for that, which takes a while: .ci/run starts this file by its name, and a
plain run of pytest does not find it.
"""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

import modelarts_export
from tests.conftest import Run
from tests.samples.sample_files import PROGRAMS, ROOT, SAMPLES, check, read_sample

ENVIRON = dict(os.environ)  # with the settings of pip, which tests do not have
HOOK = "modelarts-export-validate"
GOOD, BAD = "path: /b/d/\n", "path: /b/d/\nexprt_type: all\n"


@pytest.mark.usefixtures("tmp_path")  # a HOME for the cache of pre-commit
def test_hook_and_its_configuration_are_valid() -> None:
    config = SAMPLES / "pre-commit" / ".pre-commit-config.yaml"
    assert check("pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml").returncode == 0
    assert check("pre-commit", "validate-config", config).returncode == 0
    assert f"- id: {HOOK}\n" in config.read_text(encoding="utf-8")


def test_arguments_of_the_comment_fill_in_variables(run: Run, tmp_path: Path) -> None:
    text = read_sample("pre-commit/.pre-commit-config.yaml").replace("# args:", "args:")
    [hook] = yaml.safe_load(text)["repos"][0]["hooks"]
    (tmp_path / "a.yaml").write_text("path: /b/${DAY}/\n")
    assert run(["validate", *hook["args"], str(tmp_path / "a.yaml")]).code == 0


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of this repository."""
    folder = tmp_path_factory.mktemp("clone") / "modelarts-export"
    command = ["git", "clone", "--quiet", str(ROOT), str(folder)]
    subprocess.run(command, check=True)
    return folder


def test_hook_finds_the_problem_of_a_spec(clone: Path, tmp_path: Path) -> None:
    """One file passes, and two of which one is wrong do not."""
    command = ["git", "init", "--quiet", str(tmp_path)]
    subprocess.run(command, check=True)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    program = [str(PROGRAMS / "pre-commit"), "try-repo", str(clone), HOOK, "--files"]
    environ = {**ENVIRON, "PRE_COMMIT_HOME": str(clone.parent / "cache"), "HOME": str(tmp_path)}
    good, bad = (
        subprocess.run(
            [*program, *files], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        for files in (["good.yaml"], ["good.yaml", "bad.yaml"])
    )
    assert good.returncode == 0, good.stdout + good.stderr
    assert "Passed" in good.stdout
    assert bad.returncode == 1
    assert "bad.yaml:2:1: exprt_type: unknown field; did you mean 'export_type'?" in bad.stdout


def test_install_line_of_ci_systems_works_with_an_address(clone: Path, tmp_path: Path) -> None:
    command = ["git", "-C", str(clone), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    [line] = yaml.safe_load(read_sample("gitlab-ci/.gitlab-ci.yml"))["default"]["before_script"]
    places = {
        "pip install": f"{PROGRAMS}/pip install --dry-run --no-deps",
        "https://git.example.com/modelarts-export": f"file://{clone}",
        "COMMIT": commit,
    }
    for place, actual in places.items():
        line = line.replace(place, actual)
    command = ["/bin/sh", "-ec", line]
    done = subprocess.run(command, env=ENVIRON, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"Would install modelarts-export-{modelarts_export.__version__}\n" in done.stdout, done.stderr
