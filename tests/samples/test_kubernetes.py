"""The CronJob of Kubernetes, checked against the schema of its API, and its container run."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cronsim import CronSim

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
    assert JOB["activeDeadlineSeconds"] > 6 * 3600
    assert "--timeout=6h" in CONTAINER["args"]
    assert next(CronSim(CRON_JOB["spec"]["schedule"], datetime(2026, 11, 24, tzinfo=UTC))).hour == 2


def test_container_has_no_rights_and_no_secret_in_its_text() -> None:
    security = CONTAINER["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
    assert CONTAINER["envFrom"] == [{"secretRef": {"name": "modelarts-export"}}]
    assert [each["name"] for each in CONTAINER["env"]] == ["MODELARTS_EXPORT_REGION"]
