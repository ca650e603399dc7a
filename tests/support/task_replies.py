"""Replies of the API about export tasks, and a function that creates a task in a sandbox."""

import json
from typing import Any

from tests.conftest import Answer, Cloud, Run

NEW = "--path /b/in/ --new-dataset-name cats --new-dataset-work-path /b/work/"
OFTEN = "--poll-interval 0.02s"
ACCEPTED = Answer(body=b'{"task_id":"t1"}')


def make_task_reply(status: str | None, task_id: str = "t1", **fields: Any) -> Answer:  # noqa: ANN401 - as JSON
    """Return the reply of the show call."""
    return Answer(body=json.dumps({"task_id": task_id, "status": status, **fields}).encode())


def make_list_reply(**statuses: str) -> Answer:
    """Return the reply of the list call, with a status for each task."""
    tasks = [
        {"task_id": name, "status": status, "update_time": 1_606_103_424_000 + place}
        for place, (name, status) in enumerate(statuses.items())
    ]
    return Answer(body=json.dumps({"total_count": len(tasks), "export_tasks": tasks}).encode())


def make_error_reply(status: int, code: str) -> Answer:
    """Return an error of the API."""
    return Answer(body=json.dumps({"error_code": code, "error_msg": "no"}).encode(), status=status)


def create_task(run: Run, cloud: Cloud, dataset: str = "sandbox-images", flags: str = "") -> str:
    """Create an export task in a sandbox and return its ID."""
    outcome = run(f"to-obs {dataset} --path /b/d/ -q -o id {flags}", **cloud.variables)
    assert outcome.code == 0, outcome.err
    return outcome.out.strip()
