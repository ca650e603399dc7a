"""The workflow of GitHub Actions: its schema, and its steps run as the runner runs them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.ci.test_github import Files
from tests.conftest import Cloud
from tests.samples.sample_files import SAMPLES, check, read_sample, run_script

FILE = SAMPLES / "github-actions" / "export.yml"
JOB: dict[str, Any] = yaml.safe_load(read_sample("github-actions/export.yml"))["jobs"]["export"]
STEPS = {step["name"]: step for step in JOB["steps"] if "name" in step}
EXPORT = STEPS["Export the dataset"]
SPEC: str = JOB["env"]["SPEC"]
RUNNER = {
    "GITHUB_RUN_ID": "17",
    "MODELARTS_EXPORT_CI": JOB["env"]["MODELARTS_EXPORT_CI"],
    "SPEC": SPEC,
}


def test_workflow_is_valid() -> None:
    done = check("check-jsonschema", "--builtin-schema", "vendor.github-workflows", FILE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(autouse=True)
def spec(tmp_path: Path) -> Path:
    """Return the spec of the repository, which is the one in the comment of the workflow."""
    comment = re.findall("^#   (.+)", read_sample("github-actions/export.yml"), re.MULTILINE)
    assert comment[0] == f"# {SPEC}"
    file = tmp_path / SPEC
    file.parent.mkdir()
    file.write_text("\n".join(comment))
    return file


def test_repeated_run_takes_the_task_of_its_first_attempt(instant: Cloud, tmp_path: Path) -> None:
    files = Files(tmp_path)
    for _ in range(2):
        outcome = run_script(EXPORT["run"], tmp_path, instant, interpreter="bash", **RUNNER, **files)
        assert outcome.code == 0, outcome.err
        assert (files.outputs["path"], files.outputs["status"]) == ("/bucket/ci/17/", "SUCCESSED")
    assert len(instant.created) == 1
    used = run_script(STEPS["Use the export"]["run"], tmp_path, instant, LOCATION=files.outputs["location"])
    assert used.out == "the export is in obs://bucket/ci/17/\n"


def test_unfinished_task_is_a_warning(cloud: Cloud, tmp_path: Path) -> None:
    """A step that follows sees the status. Any other error stays one."""
    files = Files(tmp_path)
    script = EXPORT["run"].replace("--timeout 5h", "--timeout 0")
    outcome = run_script(script, tmp_path, cloud, interpreter="bash", **RUNNER, **files)
    assert (outcome.code, "::warning::" in outcome.out) == (0, True)
    assert files.outputs["status"] in ("INIT", "RUNNING")
    wrong = {**RUNNER, **files, "MODELARTS_EXPORT_DATASET_ID": "nope"}
    assert run_script(script, tmp_path, cloud, interpreter="bash", **wrong).code == 3


def test_spec_is_checked_with_annotations(cloud: Cloud, tmp_path: Path, spec: Path) -> None:
    """The same spec that is exported, with the same variables."""
    script = STEPS["Check the spec"]["run"]
    assert run_script(script, tmp_path, cloud, interpreter="bash", **RUNNER).code == 0
    spec.write_text("path: /b/${GITHUB_RUN_ID}/\nexprt_type: all\n")
    outcome = run_script(script, tmp_path, cloud, interpreter="bash", **RUNNER)
    assert outcome.code == 2
    assert f"::error file={spec},line=2,col=1::" in outcome.err


def test_program_is_installed_from_one_address() -> None:
    """It is that of the hook of pre-commit, marked for replacement; pre_commit_hook.py runs the command."""
    [repository] = yaml.safe_load(read_sample("pre-commit/.pre-commit-config.yaml"))["repos"]
    command = f'pip install "git+{repository["repo"]}@{repository["rev"]}"'
    assert STEPS["Install modelarts-export"]["run"] == command
    gitlab = yaml.safe_load(read_sample("gitlab-ci/.gitlab-ci.yml"))["default"]
    assert gitlab["before_script"] == [command]
    assert not gitlab["image"].endswith("-slim")  # these have no git
    for name in ("github-actions/export.yml", "gitlab-ci/.gitlab-ci.yml", "airflow/export_datasets.py"):
        before, found, _ = read_sample(name).partition(command)
        assert found
        assert "REPLACE the address " in before[-200:]


def test_secrets_are_those_of_the_repository_and_of_one_step() -> None:
    assert not any("secrets." in str(step) for step in JOB["steps"] if step is not EXPORT)
    assert "secrets." not in str(JOB["env"])
    assert EXPORT["env"]["HUAWEICLOUD_SDK_SK"] == "${{ secrets.HUAWEICLOUD_SDK_SK }}"
    assert JOB["timeout-minutes"] > 5 * 60
    assert EXPORT["id"] == "export"
    assert STEPS["Use the export"]["env"] == {"LOCATION": "${{ steps.export.outputs.location }}"}
    assert STEPS["Use the export"]["if"] == "steps.export.outputs.status == 'SUCCESSED'"
