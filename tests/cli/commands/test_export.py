"""The request bodies of `to-obs` and `to-new-dataset`, from flags and from specs."""

import json
from pathlib import Path

import pytest

from tests.conftest import Cloud, Run

TO_OBS = {
    "path": "/test-obs/daoChu/",
    "export_type": 3,
    "export_params": {"sample_state": "", "export_dest": "DIR"},
}
TO_NEW_DATASET = {
    "path": "/test-obs/classify/input/",
    "export_type": 3,
    "export_params": {
        "sample_state": "",
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "dataset-export-test",
        "export_new_dataset_work_path": "/test-obs/classify/output/",
    },
}
NEW_DATASET_FLAGS = (
    "--new-dataset-name dataset-export-test --new-dataset-work-path /test-obs/classify/output/"
)
DOCUMENTED = [
    ("to-obs", "--path /test-obs/daoChu/", TO_OBS),
    ("to-new-dataset", f"--path /test-obs/classify/input/ {NEW_DATASET_FLAGS}", TO_NEW_DATASET),
]


@pytest.mark.parametrize(("command", "flags", "body"), DOCUMENTED)
def test_required_flags_send_the_documented_body(
    run: Run, cloud: Cloud, command: str, flags: str, body: object
) -> None:
    outcome = run(f"{command} sandbox-images {flags}", **cloud.variables)
    assert outcome.code == 0
    assert [json.loads(request_body) for request_body in cloud.created] == [body]


@pytest.mark.parametrize(("command", "_flags", "body"), DOCUMENTED)
def test_documented_body_is_a_valid_spec(
    run: Run, cloud: Cloud, tmp_path: Path, command: str, _flags: str, body: object
) -> None:
    spec = tmp_path / "body.json"
    spec.write_text(json.dumps(body, indent="\t"))
    outcome = run([command, "-f", str(spec)], **cloud.variables)
    assert outcome.code == 0
    assert [json.loads(request_body) for request_body in cloud.created] == [body]
