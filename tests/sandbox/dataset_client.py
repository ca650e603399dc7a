"""A sandbox with a manual clock, called over HTTP."""

import http.client
import json
import random
from dataclasses import dataclass, field
from typing import Any

from modelarts_export.sandbox.cloud.datasets import BUILT_IN, DATASET_ID
from modelarts_export.sandbox.server import Sandbox

START = 1_606_103_424.0
DURATION = 100.0
TO_OBS: dict[str, Any] = {"path": "/b/out/", "export_type": 3, "export_params": {"sample_state": ""}}
DATASET_NAMES = [behavior.name or dataset_id for dataset_id, behavior in BUILT_IN.items()]

NO_VERSION = (400, "ModelArts.4353")
NO_BUCKET = (400, "ModelArts.4311")
NAME_TAKEN = (400, "ModelArts.4351")
WORK_PATH_TAKEN = (400, "ModelArts.4364")
BUSY = (400, "ModelArts.4409")
DENIED = (403, "ModelArts.0112")
NO_EXPORT = (501, "ModelArts.4383")
ACCEPTED = (200, None)


@dataclass(kw_only=True)
class DatasetClient:
    """A sandbox whose clock is set by its age; both times are in seconds."""

    age: float = 0
    task_duration: float = DURATION
    sandbox: Sandbox = field(init=False)
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox without starting it; the first call connects."""
        rng = random.Random(7)  # noqa: S311 - IDs, not secrets
        self.sandbox = Sandbox(task_duration=self.task_duration, clock=lambda: START + self.age, rng=rng)
        self.connection = http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)

    def call(self, method: str, target: str = "", body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        """Send a request to a target below the project's datasets and return status and parsed body."""
        target = f"/v2/{self.sandbox.project_id}/datasets{target}"
        self.connection.request(method, target, body=body, headers={"X-Auth-Token": self.sandbox.token})
        reply = self.connection.getresponse()
        return reply.status, json.loads(reply.read())

    def create(
        self, dataset: str = DATASET_ID, body: dict[str, Any] | None = None
    ) -> tuple[tuple[int, str | None], str]:
        """Try to create an export task; return status and error code, and task ID or error message."""
        status, reply = self.call("POST", f"/{dataset}/export-tasks", json.dumps(body or TO_OBS).encode())
        assert reply.keys() in ({"task_id"}, {"error_code", "error_msg"})
        return (status, reply.get("error_code")), reply.get("task_id") or reply["error_msg"]

    def try_create(
        self, dataset: str = DATASET_ID, body: dict[str, Any] | None = None
    ) -> tuple[int, str | None]:
        """Try to create an export task; return status and error code."""
        return self.create(dataset, body)[0]

    def get_task(self, dataset: str, task_id: str) -> dict[str, Any]:
        """Return a task as it is shown."""
        status, task = self.call("GET", f"/{dataset}/export-tasks/{task_id}")
        assert status == 200
        return task

    def list_names(self, query: str = "") -> list[str]:
        """Return the names of the datasets, the newest first."""
        status, page = self.call("GET", f"?limit=100{query}")
        assert (status, page["total_number"]) == (200, len(page["datasets"]))
        return [dataset["dataset_name"] for dataset in page["datasets"]]


def make_new_dataset_body(name: str = "copy", work_path: str = "/b/work/", **top: object) -> dict[str, Any]:
    params = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": name,
        "export_new_dataset_work_path": work_path,
    }
    return {"path": "/b/in/", "export_type": 3, "export_params": params, **top}
