"""The clients of others against the sandbox: OpenStack's with otcextensions, and the vendor's SDK.

Their readings of the API are independent of both of ours. OpenStack's client brings sixty packages, and has
an environment of its own: .ci/run makes it and starts this file by its name, and a plain run of pytest does
not find it.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.client import Client, ClientBuilder
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkException
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.sdk_response import SdkResponse

from modelarts_export.sandbox.account import User
from tests.conftest import Cloud, Outcome, Run

OPENSTACK = Path(__file__).parents[2] / ".venv" / "contract" / "bin" / "openstack"
LIST = "ma dataset export task list sandbox-images"
SHOW = "ma dataset export task show sandbox-images"
TASKS = "/v2/{project_id}/datasets/{dataset_id}/export-tasks"
BODY = {"path": "/b/桶/", "export_type": 3, "export_params": {"sample_state": "", "export_dest": "DIR"}}

Call = Callable[[str], Outcome]


class Created(SdkResponse):  # type: ignore[misc]
    """The reply to a create call, as a model of the vendor's clients."""

    openapi_types: ClassVar = {"task_id": "str"}
    attribute_map: ClassVar = {"task_id": "task_id"}

    def __init__(self, task_id: str = "") -> None:
        """Keep the ID."""
        super().__init__()
        self.task_id = task_id


@pytest.fixture
def clouds(quick: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clouds.yaml of the sandbox, which a variable names for every client."""
    sandbox, user, mfa_user = quick.sandbox, quick.sandbox.user, quick.sandbox.mfa_user
    by_override = {"modelartsv2_endpoint_override": f"{sandbox.url}/v2/%(project_id)s"}
    with_code = {"passcode": mfa_user.passcode, "project_domain_name": mfa_user.domain_name}
    factors = {"auth_type": "v3multifactor", "auth_methods": ["v3password", "v3totp"]}
    content: dict[str, dict[str, object]] = {
        "both": {"auth": make_auth(f"{sandbox.url}/v3", user), **by_override},
        "catalog": {"auth": {**make_auth(sandbox.url, user), "project_domain_name": user.domain_name}},
        "password": {"auth": make_auth(f"{sandbox.url}/v3", mfa_user), **by_override},
        "totp": {"auth": {**make_auth(f"{sandbox.url}/v3", mfa_user), **with_code}, **factors},
    }
    file = tmp_path / "clouds.yaml"
    file.touch(mode=0o600)
    clouds = {name: {**cloud, "region_name": "eu-de"} for name, cloud in content.items()}
    file.write_text(json.dumps({"clouds": clouds}), encoding="utf-8")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # the proxies of tests are unreachable: all else fails
    return file


def make_auth(url: str, user: User) -> dict[str, str | None]:
    return {
        "auth_url": url,
        "username": user.user_name,
        "password": user.password,
        "user_domain_name": user.domain_name,
        "project_name": user.project_name,
    }


def run_openstack(line: str, *, cloud: str = "both") -> Outcome:
    """Run OpenStack's client, with a result in JSON."""
    done = subprocess.run(
        [str(OPENSTACK), *line.split(), "-f", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OS_CLOUD": cloud},
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def parse_result(outcome: Outcome) -> Any:  # noqa: ANN401 - any JSON
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def make_vendor_client(quick: Cloud, *, secret_key: str | None = None) -> Client:
    """Return the vendor's client, which looks up the project of the region."""
    sandbox = quick.sandbox
    BasicCredentials._CACHE.clear()  # of the IDs of projects
    keys = BasicCredentials(sandbox.access_key, secret_key or sandbox.secret_key)
    keys.with_iam_endpoint(sandbox.url)
    builder = ClientBuilder(Client).with_credentials(keys)
    client = builder.with_region(Region("eu-de", sandbox.url)).build()
    client.model_package = SimpleNamespace(Created=Created)
    return client


@pytest.mark.usefixtures("clouds")
def test_openstack_lists_and_shows_our_tasks(run: Run) -> None:
    """Both clients read the same cloud of the same clouds.yaml, with a password.

    otcextensions declares the status as a number, and shows 0 for every one (API.md, section 1).
    """
    created = [
        parse_result(run(f"to-obs sandbox-images --path /b/{name}/ --wait -o json", OS_CLOUD="both"))
        for name in ("one", "two")
    ]
    listed = parse_result(run_openstack(LIST))
    assert [each["Task Id"] for each in listed] == [each["task_id"] for each in reversed(created)]
    assert [each["Created At"] for each in listed] == [each["create_time"] for each in reversed(created)]
    shown = parse_result(run_openstack(f"{SHOW} {created[0]['task_id']}"))
    for name in ("task_id", "path", "progress", "export_type", "export_format", "version_format"):
        assert shown[name] == created[0][name]
    assert (shown["finished_sample_count"], shown["total_sample_count"]) == (20, 20)
    assert shown["updated_at"] == created[0]["update_time"]
    given = {name: value for name, value in shown["export_params"].items() if value is not None}
    assert given == created[0]["export_params"]


@pytest.mark.usefixtures("clouds")
def test_openstack_finds_the_service_by_the_catalog(quick: Cloud) -> None:
    """Without an override, and from a URL of IAM without its version."""
    task = quick.sandbox.gateway.cloud.add_task("sandbox-images", BODY, age=60)
    (listed,) = parse_result(run_openstack(LIST, cloud="catalog"))
    assert listed["Task Id"] == task.task_id
    assert [request.target for request, _ in quick.exchanges][:2] == ["/", "/v3/auth/tokens"]


@pytest.mark.usefixtures("clouds")
def test_user_with_mfa_is_refused_to_both_clients(run: Run) -> None:
    """With a passcode, which ours cannot take, OpenStack's client logs in."""
    ours, theirs = run("list sandbox-images", OS_CLOUD="password"), run_openstack(LIST, cloud="password")
    assert (ours.code, theirs.code) == (4, 1)
    assert "MFA" in ours.err
    assert "MFA" in theirs.err
    assert "(HTTP 401)" in theirs.err
    assert parse_result(run_openstack(LIST, cloud="totp")) == []


@pytest.mark.usefixtures("clouds")
def test_openstack_understands_the_errors(quick: Cloud) -> None:
    """The code of an unknown task; and who may not list projects lists the own ones."""
    unknown = run_openstack(f"{SHOW} nothing")
    assert unknown.code == 1
    assert "ModelArts.4359" in unknown.err
    quick.inject("403:on=projects")
    own = parse_result(run_openstack("project list"))
    assert [project["Name"] for project in own] == ["MOS", "eu-de"]


@pytest.mark.usefixtures("clouds")
def test_task_of_the_vendor_client_is_seen_by_all(run: Run, quick: Cloud) -> None:
    """It signs all of its headers, the project of its region is looked up, and its body is escaped."""
    client = make_vendor_client(quick)
    reply = client.do_http_request(
        "POST", TASKS, path_params={"dataset_id": "sandbox-images"}, body=BODY, response_type="Created"
    )
    (ours,) = parse_result(run("list sandbox-images -o json", OS_CLOUD="both"))
    (theirs,) = parse_result(run_openstack(LIST))
    assert reply.task_id == ours["task_id"] == theirs["Task Id"]
    assert ours["path"] == "/b/桶/"
    targets = [request.target for request, _ in quick.exchanges]
    assert targets[0] == "/v3/projects?name=eu-de"


@pytest.mark.usefixtures("clouds")
def test_vendor_client_understands_the_errors(quick: Cloud) -> None:
    """Those of ModelArts, of the gateway and of IAM."""
    client = make_vendor_client(quick)
    with pytest.raises(ClientRequestException) as caught:
        client.do_http_request("GET", TASKS, path_params={"dataset_id": "d"}, response_type="Created")
    assert (caught.value.status_code, caught.value.error_code) == (400, "ModelArts.4352")
    assert caught.value.request_id
    with pytest.raises(SdkException, match=r"APIGW\.0301"):
        make_vendor_client(quick, secret_key="wrong")
    quick.inject("403:on=projects")
    with pytest.raises(SdkException, match="The user is not authorized to perform this operation"):
        make_vendor_client(quick)
