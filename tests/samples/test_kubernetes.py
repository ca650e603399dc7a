"""The CronJob of Kubernetes, checked against the schema of its API, and its container run."""

import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cronsim import CronSim

from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from tests.conftest import Cloud
from tests.samples.sample_files import read_sample, run_script

DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(read_sample("kubernetes/cronjob.yaml")))
CONFIG_MAP, CRON_JOB = DOCUMENTS
JOB = CRON_JOB["spec"]["jobTemplate"]["spec"]
[CONTAINER] = JOB["template"]["spec"]["containers"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each["kind"])
def test_document_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.30", strict=True)


def test_unknown_field_is_found() -> None:
    """The check of the documents can fail."""
    wrong = {**CRON_JOB, "spec": {**CRON_JOB["spec"], "concurencyPolicy": "Forbid"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.30", strict=True)


def test_pod_that_replaces_another_takes_its_task(instant: Cloud, tmp_path: Path) -> None:
    """The container's command line with the spec of the ConfigMap, twice."""
    for name, text in CONFIG_MAP["data"].items():
        (tmp_path / name).write_text(text)
    [mount] = CONTAINER["volumeMounts"]
    words = [*CONTAINER["command"], *CONTAINER["args"]]
    line = shlex.join(words).replace(mount["mountPath"], str(tmp_path))
    for _ in range(2):
        outcome = run_script(line, tmp_path, instant)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert len(instant.created) == 1


def test_policies_agree_with_the_exit_codes() -> None:
    [ignored, final] = JOB["podFailurePolicy"]["rules"]
    assert ignored["action"] == "Ignore"
    assert final["onExitCodes"]["containerName"] == CONTAINER["name"]
    assert {5, 8, 10} < set(final["onExitCodes"]["values"])
    assert not {1, 2, 3, 4, 6, 7} & set(final["onExitCodes"]["values"])
    assert next(CronSim(CRON_JOB["spec"]["schedule"], datetime(2026, 11, 24, tzinfo=UTC))).hour == 2


def test_all_pods_have_time_for_their_timeouts() -> None:
    """The job ends on the day that its path names, and --reuse-within covers the task of its first Pod."""
    flags = dict(word.removeprefix("--").split("=") for word in CONTAINER["args"] if "=" in word)
    defaults = Settings()
    submission = defaults.queue_timeout + defaults.retry_timeout + defaults.reconcile_timeout
    pauses = sum(10.0 * 2**number for number in range(JOB["backoffLimit"]))  # of Kubernetes
    pods = 1 + JOB["backoffLimit"]
    longest = pods * (submission + parse_duration(flags["timeout"])) + pauses
    deadline = JOB["activeDeadlineSeconds"]
    assert longest + 30 * 60 < deadline < parse_duration(flags["reuse-within"]) < 24 * 3600
    assert 2.25 * 3600 + CRON_JOB["spec"]["startingDeadlineSeconds"] + deadline < 24 * 3600


def test_image_of_the_comment_is_that_of_the_container(tmp_path: Path) -> None:
    """The command is run with a docker that writes down what it is given."""
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.log"\n[ "$1" = push ] || cat >> "$0.log"\n')
    program.chmod(0o755)
    comment = read_sample("kubernetes/cronjob.yaml").partition("apiVersion")[0]
    build = "\n".join(re.findall("^#   (.+)", comment, re.MULTILINE)[:2])
    subprocess.run(["/bin/sh", "-ec", build], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    image = CONTAINER["image"]
    assert (tmp_path / "docker.log").read_text().splitlines() == [
        f"build -t {image} -f - .",
        "FROM python:3.13-slim",
        "COPY . /src",
        "RUN pip install --no-cache-dir /src",
        f"push {image}",
    ]


def test_container_has_no_rights_and_no_secret_in_its_text() -> None:
    security = CONTAINER["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
    assert CONTAINER["envFrom"] == [{"secretRef": {"name": "modelarts-export"}}]
    assert "env" not in CONTAINER
    assert "MODELARTS_EXPORT_REGION=" in read_sample("cron/export.env")
