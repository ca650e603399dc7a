"""The documented calls over HTTP on loopback."""

import http.client
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelarts_export.auth import signing
from modelarts_export.sandbox.cloud.datasets import BUILT_IN
from modelarts_export.sandbox.server import Sandbox

START = 1_606_103_424.0
TO_OBS: dict[str, Any] = {
    "path": "/test-obs/daoChu/",
    "export_type": 3,
    "export_params": {"sample_state": "", "export_dest": "DIR"},
}
TO_NEW_DATASET: dict[str, Any] = {
    "path": "/test-obs/classify/input/",
    "export_type": 3,
    "export_params": {
        "sample_state": "",
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "dataset-export-test",
        "export_new_dataset_work_path": "/test-obs/classify/output/",
    },
}


@dataclass(kw_only=True)
class ServiceClient:
    """A sandbox whose clock is `now`, in epoch seconds, and one kept connection to it."""

    now: float = START
    sandbox: Sandbox = field(init=False)
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox without starting it; the first call connects."""
        rng = random.Random(7)  # noqa: S311 - IDs, not secrets
        self.sandbox = Sandbox(task_duration=100.0, clock=lambda: self.now, rng=rng)
        self.connection = http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)

    def call(self, method: str, target: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        """Send a request with the token and return the reply's status and parsed body."""
        self.connection.request(method, target, body=body, headers={"X-Auth-Token": self.sandbox.token})
        reply = self.connection.getresponse()
        return reply.status, json.loads(reply.read())

    def create(self, body: dict[str, Any]) -> str:
        """Create an export task and return its ID."""
        status, created = self.call("POST", self.tasks, json.dumps(body).encode())
        assert status == 200
        assert list(created) == ["task_id"]
        return str(created["task_id"])

    @property
    def datasets(self) -> str:
        """The path of the project's datasets."""
        return f"/v2/{self.sandbox.project_id}/datasets"

    @property
    def tasks(self) -> str:
        """The path of the first dataset's export tasks."""
        return f"{self.datasets}/{self.sandbox.dataset_id}/export-tasks"


@pytest.fixture
def client() -> Iterator[ServiceClient]:
    client = ServiceClient()
    with client.sandbox:
        yield client
        client.connection.close()


@pytest.mark.parametrize("body", [TO_OBS, TO_NEW_DATASET])
def test_tasks_of_documented_bodies_succeed(client: ServiceClient, body: dict[str, Any]) -> None:
    task_id = client.create(body)
    for age, expected in [(0, "INIT"), (50, "RUNNING"), (100, "SUCCESSED")]:
        client.now = START + age
        status, task = client.call("GET", f"{client.tasks}/{task_id}")
        assert (status, task["status"], task["path"]) == (200, expected, body["path"])
        assert task["export_params"].items() >= body["export_params"].items()


def test_new_dataset_is_listed_and_shown(client: ServiceClient) -> None:
    client.create(TO_NEW_DATASET)
    assert client.call("GET", client.datasets)[1]["total_number"] == len(BUILT_IN)
    client.now = START + 100
    _, listed = client.call("GET", client.datasets)
    assert listed["total_number"] == len(BUILT_IN) + 1
    new = listed["datasets"][0]
    assert new["dataset_name"] == "dataset-export-test"
    assert new["data_sources"][0]["data_path"] == "/test-obs/classify/input/"
    assert client.call("GET", f"{client.datasets}/{new['dataset_id']}") == (200, new)


def test_name_in_use_is_refused(client: ServiceClient) -> None:
    client.create(TO_NEW_DATASET)
    status, error = client.call("POST", client.tasks, json.dumps(TO_NEW_DATASET).encode())
    assert (status, error["error_code"]) == (400, "ModelArts.4351")


def test_built_in_dataset_is_shown(client: ServiceClient) -> None:
    status, dataset = client.call("GET", f"{client.datasets}/sandbox-images")
    assert (status, dataset["dataset_id"], dataset["status"]) == (200, "sandbox-images", 1)
    assert dataset["total_sample_count"] == 20


def test_every_reply_has_the_documented_headers(client: ServiceClient) -> None:
    for target in (client.datasets, "/nowhere"):
        client.connection.request("GET", target, headers={"X-Auth-Token": client.sandbox.token})
        reply = client.connection.getresponse()
        body = reply.read()
        assert reply.getheader("Content-Type") == "application/json"
        assert reply.getheader("Content-Length") == str(len(body))
        assert reply.getheader("Date") == "Mon, 23 Nov 2020 03:50:24 GMT"
        assert len(reply.getheader("X-Request-Id", "")) == 32


def test_signed_request_is_accepted(client: ServiceClient) -> None:
    date = time.strftime(signing.DATE_FORMAT, time.gmtime(START))
    host = client.sandbox.url.removeprefix("http://")
    headers = {"Host": host, "X-Sdk-Date": date, "X-Project-Id": client.sandbox.project_id}
    names = ("host", "x-project-id", "x-sdk-date")
    target = f"{client.tasks}?limit=100&offset=0"
    canonical = signing.make_canonical_request("GET", target, headers, b"", signed=names)
    signature = signing.compute_signature(canonical, secret_key=client.sandbox.secret_key, date=date)
    headers["Authorization"] = signing.format_authorization(client.sandbox.access_key, names, signature)
    client.connection.request("GET", target, headers=headers)
    reply = client.connection.getresponse()
    assert (reply.status, json.loads(reply.read())) == (200, {"total_count": 0, "export_tasks": []})


def test_six_failures_lock_the_access_key_for_five_minutes(client: ServiceClient) -> None:
    claim = signing.format_authorization(client.sandbox.access_key, ["x-sdk-date"], "0")
    ends = []
    for now in [*7 * [START], START + 299, START + 300]:
        client.now = now
        client.connection.request("GET", client.tasks, headers={"Authorization": claim})
        reply = client.connection.getresponse()
        assert reply.status == 401
        ends.append(json.loads(reply.read())["error_msg"].rpartition(", ")[2])
    assert ends == [*6 * ["signed header x-sdk-date not found"], *2 * ["forbidden"], ends[0]]
    assert client.call("GET", client.tasks)[0] == 200


def test_error_of_the_gateway_has_the_request_id_in_the_body(client: ServiceClient) -> None:
    client.connection.request("GET", client.datasets)
    reply = client.connection.getresponse()
    error = json.loads(reply.read())
    assert (reply.status, error["error_code"]) == (401, "APIGW.0301")
    assert error["request_id"] == reply.getheader("X-Request-Id")


def test_error_of_modelarts_has_no_request_id_in_the_body(client: ServiceClient) -> None:
    status, error = client.call("GET", f"{client.datasets}/nothing")
    assert (status, error) == (
        400,
        {"error_code": "ModelArts.4352", "error_msg": "Dataset does not exist"},
    )


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v2", 404, "APIGW.0101"),
        ("GET", "/v2/{project}/jobs", 404, "APIGW.0101"),
        ("GET", "/v1/{project}/datasets", 404, "APIGW.0101"),
        ("POST", "/v2/{project}/datasets", 404, "APIGW.0101"),
        ("DELETE", "{tasks}/t", 404, "APIGW.0101"),
        ("PUT", "{tasks}", 404, "APIGW.0101"),
        ("BREW", "{tasks}", 404, "APIGW.0101"),
        ("GET", "/v2/other/datasets", 403, "ModelArts.0210"),
        ("GET", "/v2/{project}/datasets/nothing", 400, "ModelArts.4352"),
        ("GET", "/v2/{project}/datasets/nothing/export-tasks", 400, "ModelArts.4352"),
        ("GET", "/v2/{project}/datasets/nothing/export-tasks/t", 400, "ModelArts.4352"),
        ("GET", "/v2/{project}/datasets/sandbox%2Fimages", 400, "ModelArts.4352"),
        ("GET", "{tasks}/nothing", 400, "ModelArts.4359"),
        ("GET", "{tasks}/%zz", 400, "ModelArts.4105"),
        ("GET", "{tasks}/%ff", 400, "ModelArts.4105"),
        ("GET", "{tasks}?limit=%", 400, "ModelArts.4105"),
        ("GET", "{tasks}?limit=%ff", 400, "ModelArts.4105"),
        ("GET", "{tasks}?limit=0", 400, "ModelArts.0104"),
        ("GET", "{tasks}?limit=101", 400, "ModelArts.0104"),
        ("GET", "{tasks}?limit=", 400, "ModelArts.0104"),
        ("GET", "{tasks}?limit=ten", 400, "ModelArts.0104"),
        ("GET", "{tasks}?limit=" + "9" * 5000, 400, "ModelArts.0104"),
        ("GET", "{tasks}?offset=-1", 400, "ModelArts.0104"),
        ("GET", "{tasks}?export_type=4", 400, "ModelArts.0104"),
        ("GET", "{tasks}?export_type=", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets?limit=101", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets?support_export=yes", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets?support_export=", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets?dataset_type=2", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets?sort_by=size", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets?order=up", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets/sandbox-images?check_running_task=1", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets/sandbox-images?running_task_type=8", 400, "ModelArts.0104"),
        ("GET", "/v2/{project}/datasets/nothing?check_running_task=1", 400, "ModelArts.4352"),
    ],
)
def test_unknown_target_is_refused(
    client: ServiceClient, method: str, target: str, status: int, code: str
) -> None:
    target = target.format(project=client.sandbox.project_id, tasks=client.tasks)
    refused, error = client.call(method, target, body=b"{}" if method == "POST" else None)
    assert (refused, error["error_code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "ModelArts.0107"),
        (b"{", 400, "ModelArts.4105"),
        (b"\xff", 400, "ModelArts.4105"),
        (b"[" * 100_000, 400, "ModelArts.4105"),
        (b'{"x": NaN}', 400, "ModelArts.4105"),
        (b"{}", 400, "ModelArts.4384"),
        (b'{"path": "/bucket"}', 400, "ModelArts.4358"),
    ],
)
def test_invalid_body_is_refused_and_the_connection_kept(
    client: ServiceClient, body: bytes, status: int, code: str
) -> None:
    refused, error = client.call("POST", client.tasks, body)
    assert (refused, error["error_code"]) == (status, code)
    assert error["error_msg"]
    kept = client.connection.sock
    assert client.call("GET", client.tasks)[1] == {"total_count": 0, "export_tasks": []}
    assert client.connection.sock is kept


def test_export_of_an_unknown_dataset_is_refused(client: ServiceClient) -> None:
    target = f"{client.datasets}/nothing/export-tasks"
    status, error = client.call("POST", target, json.dumps(TO_OBS).encode())
    assert (status, error["error_code"]) == (400, "ModelArts.4352")


def test_list_of_tasks_is_paged_by_page_number(client: ServiceClient) -> None:
    """`offset` is the page (API.md, section 3), the newest task comes first, ten are a page by default."""
    created = [client.create(TO_OBS) for _ in range(12)][::-1]

    def listed(query: str) -> list[str]:
        status, page = client.call("GET", f"{client.tasks}?{query}")
        assert (status, page["total_count"]) == (200, 12)
        return [task["task_id"] for task in page["export_tasks"]]

    assert listed("") == created[:10]
    assert listed("offset=1") == created[10:]
    assert listed("limit=5&offset=2") == created[10:]
    assert listed("limit=100&offset=1") == []
    assert listed("limit=100&offset=0") == created
    assert listed("offset=999999999") == []


def test_list_of_tasks_is_filtered_by_export_type(client: ServiceClient) -> None:
    wanted = client.create({"path": "/b/out/", "export_type": 1})
    client.create({"path": "/b/out/", "export_type": 3})
    client.create({"path": "/b/out/"})
    _, page = client.call("GET", f"{client.tasks}?export_type=1")
    assert page["total_count"] == 1
    assert page["export_tasks"] == [client.call("GET", f"{client.tasks}/{wanted}")[1]]


def test_list_of_datasets_is_paged(client: ServiceClient) -> None:
    _, page = client.call("GET", f"{client.datasets}?limit=2&offset=1")
    assert page["total_number"] == len(BUILT_IN)
    assert [dataset["dataset_id"] for dataset in page["datasets"]] == list(BUILT_IN)[2:4]
    assert client.call("GET", f"{client.datasets}?limit=10&offset=1")[1]["datasets"] == []


def test_deeply_nested_condition_is_returned(client: ServiceClient) -> None:
    nested: dict[str, Any] = {}
    for _ in range(50):
        nested = {"unknown": nested}
    task_id = client.create({"path": "/b/out/", "export_params": {"search_conditions": [nested]}})
    assert client.call("GET", f"{client.tasks}/{task_id}")[1]["export_params"]["search_conditions"] == [
        nested
    ]
