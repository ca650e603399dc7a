"""The jobs of GitLab CI: their schema, and their scripts run as the runner runs them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.ci.test_dotenv import read_report
from tests.cli.ci.test_junit import parse as parse_junit
from tests.conftest import Cloud
from tests.samples.sample_files import SAMPLES, check, read_sample, run_script

FILE = SAMPLES / "gitlab-ci" / ".gitlab-ci.yml"
JOBS: dict[str, Any] = yaml.safe_load(read_sample("gitlab-ci/.gitlab-ci.yml"))
EXPORT = JOBS["export"]
SPEC = "export_type: labeled\n"
PIPELINE = {"CI_PIPELINE_ID": "17"}


def test_jobs_are_valid() -> None:
    done = check("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", FILE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with two specs."""
    (tmp_path / "exports").mkdir()
    for name in ("cats", "dogs"):
        path = f"path: /bucket/ci/${{CI_PIPELINE_ID}}/{name}/\n"
        (tmp_path / "exports" / f"{name}.yaml").write_text(path + SPEC)
    return tmp_path


def run_use(repository: Path, cloud: Cloud) -> str:
    """Run the job that gets the report as variables, and return what it prints."""
    report = read_report(repository / EXPORT["artifacts"]["reports"]["dotenv"])
    variables = {f"MODELARTS_{name}": value for name, value in report.items()}
    return run_script("\n".join(JOBS["use"]["script"]), repository, cloud, **variables).out


def test_retried_job_takes_the_tasks_of_the_first(instant: Cloud, repository: Path) -> None:
    for _ in range(2):
        outcome = run_script("\n".join(EXPORT["script"]), repository, instant, **PIPELINE)
        assert outcome.code == 0, outcome.err
    assert len(instant.created) == 2
    assert (
        run_use(repository, instant)
        == "the exports are in obs://bucket/ci/17/cats/,obs://bucket/ci/17/dogs/\n"
    )
    _, cases = parse_junit((repository / EXPORT["artifacts"]["reports"]["junit"]).read_text(encoding="utf-8"))
    assert cases == [(f"exports/{name}.yaml:1", "passed", "") for name in ("cats", "dogs")]


def test_report_of_unfinished_tasks_stops_the_next_job(cloud: Cloud, repository: Path) -> None:
    script = "\n".join(EXPORT["script"]).replace("--timeout 5h", "--timeout 0")
    outcome = run_script(script, repository, cloud, **PIPELINE)
    assert outcome.code in EXPORT["allow_failure"]["exit_codes"]
    assert re.fullmatch(r"\w+,\w+ is (INIT|RUNNING),(INIT|RUNNING)\n", run_use(repository, cloud))


def test_specs_are_checked(cloud: Cloud, repository: Path) -> None:
    script = "\n".join(JOBS["validate"]["script"])
    assert run_script(script, repository, cloud, **PIPELINE).code == 0
    (repository / "exports" / "cats.yaml").write_text("exprt_type: all")
    assert run_script(script, repository, cloud, **PIPELINE).code == 2


def test_codes_are_retried_where_a_job_may_run_again() -> None:
    assert EXPORT["retry"]["exit_codes"] == [5, 10]
    assert EXPORT["artifacts"]["when"] == "always"
    assert (EXPORT["timeout"], "--timeout 5h" in EXPORT["script"][0]) == ("6h", True)
    assert "SECRET" not in str(JOBS)
    assert "HUAWEICLOUD_SDK_SK" not in str(JOBS)
