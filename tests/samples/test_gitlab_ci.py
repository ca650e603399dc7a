"""The jobs of GitLab CI: their schema, and their scripts run as the runner runs them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.ci.test_dotenv import read_report
from tests.conftest import Cloud
from tests.samples.sample_files import SAMPLES, check, read_sample, run_script

FILE = SAMPLES / "gitlab-ci" / ".gitlab-ci.yml"
JOBS: dict[str, Any] = yaml.safe_load(read_sample("gitlab-ci/.gitlab-ci.yml"))
EXPORT = JOBS["export"]
SPEC = "export_type: labeled\n"


def test_jobs_are_valid() -> None:
    done = check("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", FILE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a spec."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "ci.yaml").write_text(SPEC)
    return tmp_path


def test_retried_job_takes_the_task_of_the_first(instant: Cloud, repository: Path) -> None:
    """And the next job gets its report as variables."""
    for _ in range(2):
        outcome = run_script("\n".join(EXPORT["script"]), repository, instant, CI_PIPELINE_ID="17")
        assert outcome.code == 0, outcome.err
    assert len(instant.created) == 1
    report = read_report(repository / EXPORT["artifacts"]["reports"]["dotenv"])
    assert (report["PATH"], report["STATUS"], report["EXIT_CODE"]) == ("/bucket/ci/17/", "SUCCESSED", "0")
    variables = {f"MODELARTS_{name}": value for name, value in report.items()}
    used = run_script("\n".join(JOBS["use"]["script"]), repository, instant, **variables)
    assert used.out == "the export is in obs://bucket/ci/17/\n"


def test_report_of_an_unfinished_task_stops_the_next_job(cloud: Cloud, repository: Path) -> None:
    script = "\n".join(EXPORT["script"]).replace("--timeout 5h", "--timeout 0")
    outcome = run_script(script, repository, cloud, CI_PIPELINE_ID="17")
    assert outcome.code in EXPORT["allow_failure"]["exit_codes"]
    report = read_report(repository / "task.env")
    variables = {f"MODELARTS_{name}": value for name, value in report.items()}
    used = run_script("\n".join(JOBS["use"]["script"]), repository, cloud, **variables)
    assert used.out == f"task {report['TASK_ID']} is {report['STATUS']}\n"


def test_specs_are_checked(cloud: Cloud, repository: Path) -> None:
    """The spec of the job has no path: the command line has one, and so the check fails."""
    script = "\n".join(JOBS["validate"]["script"])
    assert run_script(script, repository, cloud).code == 2
    (repository / "exports" / "ci.yaml").write_text(SPEC + "path: /bucket/ci/\n")
    assert run_script(script, repository, cloud).code == 0


def test_codes_are_retried_where_a_job_may_run_again() -> None:
    assert EXPORT["retry"]["exit_codes"] == [5, 10]
    assert EXPORT["artifacts"]["when"] == "always"
    assert (EXPORT["timeout"], "--timeout 5h" in EXPORT["script"][0]) == ("6h", True)
    assert "SECRET" not in str(JOBS)
    assert "HUAWEICLOUD_SDK_SK" not in str(JOBS)
