"""The project of a region or a name, looked up in IAM."""

import json
import threading
from socket import socket

import pytest

from modelarts_export.auth.credentials import AccessKey, Password
from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.providers.iam import authenticate
from modelarts_export.providers.projects import find_project_id
from tests.conftest import Answer, Cloud, Run, Stub
from tests.support.raw_server import RawServer, serve
from tests.support.raw_server import make_reply as raw_reply

LIST = "list sandbox-images -o id --region r-1"
FORBIDDEN = Answer(
    status=403, body=b'{"error": {"code": 403, "message": "not authorized", "title": "Forbidden"}}'
)


def make_reply(*projects: tuple[str, str]) -> Answer:
    """Return IAM's reply with projects, each an ID and a name."""
    listed = [{"id": project_id, "name": name, "enabled": True} for project_id, name in projects]
    return Answer(body=json.dumps({"projects": listed, "links": {}}).encode())


def make_variables(cloud: Cloud, stub: Stub) -> dict[str, str]:
    """Return the settings of a sandbox without its project; the stub is IAM."""
    return {
        "HW_ACCESS_KEY": cloud.sandbox.access_key,
        "HW_SECRET_KEY": cloud.sandbox.secret_key,
        "MODELARTS_EXPORT_ENDPOINT": cloud.sandbox.url,
        "MODELARTS_EXPORT_IAM_ENDPOINT": stub.url,
    }


def test_project_of_the_region_is_looked_up_once(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [make_reply((cloud.sandbox.project_id, "r-1"), ("p2", "r-1_sub"), ("p3", "MOS"))]
    outcome = run("to-obs sandbox-images --path /b/d/ --region r-1", **make_variables(cloud, stub))
    assert outcome.code == 0, outcome.err
    ((method, path, headers, _),) = stub.requests
    assert (method, path) == ("GET", "/v3/projects?name=r-1")
    assert "warning: region r-1 is not a known region of ModelArts\n" in outcome.err
    assert headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=")
    assert "X-Project-Id" not in headers
    assert all(f"/v2/{cloud.sandbox.project_id}/" in request.target for request, _ in cloud.exchanges)


def test_project_name_wins_over_the_region(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [make_reply((cloud.sandbox.project_id, "r-1 sub/é"))]
    variables = make_variables(cloud, stub) | {"HW_PROJECT_NAME": "r-1 sub/é"}
    assert run(LIST, **variables).code == 0
    assert stub.requests[0][1] == "/v3/projects?name=r-1+sub%2F%C3%A9"


def test_project_name_needs_no_region(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [make_reply((cloud.sandbox.project_id, "named"))]
    variables = make_variables(cloud, stub) | {"HW_PROJECT_NAME": "named"}
    assert run("list sandbox-images -o id", **variables).code == 0
    assert stub.requests[0][1] == "/v3/projects?name=named"


def test_look_up_is_retried(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [Answer(status=503), make_reply((cloud.sandbox.project_id, "r-1"))]
    outcome = run(f"{LIST} --max-retries 1 --retry-timeout 0.05s", **make_variables(cloud, stub))
    assert (outcome.code, stub.first) == (0, [])


def look_up(kind: str, settings: Settings) -> None:
    """Call IAM for the project of a key, or for a token."""
    if kind == "key":
        find_project_id(AccessKey(access_key="AK", secret_key="made-up-secret"), settings)
    else:
        authenticate(Password(user_name="u", password="made-up", domain_name="d"), settings)


@pytest.mark.parametrize("kind", ["key", "password"])
def test_connection_to_iam_is_closed_after_an_error(kind: str) -> None:
    """Also while the error is held, with which all that the call used is kept."""
    closed = threading.Event()

    def keep_alive(server: RawServer, peer: socket) -> None:
        while server.read(peer):
            peer.sendall(raw_reply("200 OK", b'{"projects": [{"name": "r-2"}]}'))
        closed.set()

    with serve(keep_alive) as server:
        settings = Settings(region="r-1", iam_endpoint=server.url)
        with pytest.raises(ModelArtsExportError) as caught:
            look_up(kind, settings)
        assert closed.wait(2), caught.value


def test_token_looks_the_project_up_as_well(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [make_reply((cloud.sandbox.project_id, "r-1"))]
    variables = make_variables(cloud, stub) | {"HW_ACCESS_KEY": "", "HW_SECRET_KEY": ""}
    assert run(LIST, **variables, HW_AUTH_TOKEN=cloud.sandbox.token).code == 0
    assert stub.requests[0][2]["X-Auth-Token"] == cloud.sandbox.token


def test_user_who_may_not_list_projects_lists_own_ones(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [FORBIDDEN, make_reply(("p0", "r-0"), (cloud.sandbox.project_id, "r-1"), ("p3", "MOS"))]
    assert run(LIST, **make_variables(cloud, stub)).code == 0
    assert [path for _, path, *_ in stub.requests] == ["/v3/projects?name=r-1", "/v3/auth/projects"]


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ([[], []], "IAM has no project of the name 'r-1'\n"),
        ([[], [("p1", "r-2"), ("p2", "r-11")]], "IAM has no project of the name 'r-1'\n"),
        (
            [[], [("p1", "r-1_a"), ("p2", "r-1_b"), ("p3", "r-2_c")]],
            "; its sub-projects are 'r-1_a', 'r-1_b'\n",
        ),
        ([[], [(f"p{n}", f"r-1_{n}") for n in range(11)]], "'r-1_8', 'r-1_9' and 1 more\n"),
        ([[("p1", "r-1"), ("p2", "r-1")]], "2 projects have the name 'r-1': 'p1', 'p2'\n"),
        ([[("../p", "r-1")]], "the project 'r-1' of IAM: "),
    ],
)
def test_none_or_several_projects_exit_with_2(
    run: Run, cloud: Cloud, stub: Stub, replies: list[list[tuple[str, str]]], message: str
) -> None:
    """Without any the other projects of the user are listed, as the filter shows no sub-projects."""
    stub.first = [make_reply(*projects) for projects in replies]
    outcome = run(LIST, **make_variables(cloud, stub))
    assert stub.first == []
    assert (outcome.code, cloud.exchanges) == (2, [])
    assert message in outcome.err
    assert "give the ID of the project" in outcome.err


def test_reply_without_a_list_has_no_project(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [Answer(body=b'{"projects": [1, "a", null]}'), Answer(body=b'{"projects": {}}')]
    assert "no project of the name" in run(LIST, **make_variables(cloud, stub)).err


def test_project_that_is_disabled_does_not_count(run: Run, cloud: Cloud, stub: Stub) -> None:
    old = {"id": "old", "name": "r-1", "enabled": False}
    new = {"id": cloud.sandbox.project_id, "name": "r-1"}
    stub.first = [Answer(body=json.dumps({"projects": [old, new]}).encode())]
    assert run(LIST, **make_variables(cloud, stub)).code == 0


def test_rejected_key_is_not_used_again(run: Run, cloud: Cloud, stub: Stub) -> None:
    """The gateway locks a key after several refusals."""
    stub.first = [Answer(status=401, body=b'{"error_code": "APIGW.0301", "error_msg": "ak not exist"}')]
    outcome = run("to-obs sandbox-images --path /b/d/ --region r-1", **make_variables(cloud, stub))
    assert (outcome.code, len(stub.requests), cloud.exchanges) == (4, 1, [])


def test_dry_run_does_not_look_up(run: Run, cloud: Cloud, stub: Stub) -> None:
    outcome = run("to-obs d --path /b/d/ --dry-run --region r-1", **make_variables(cloud, stub))
    assert outcome.code == 0
    assert "/v2/{project_id}/" in outcome.out + outcome.err
    assert stub.requests == []


def test_without_region_or_name_the_project_is_missing(run: Run, cloud: Cloud, stub: Stub) -> None:
    outcome = run("list sandbox-images", **make_variables(cloud, stub))
    assert (outcome.code, stub.requests) == (2, [])
    assert "no project ID" in outcome.err
    assert "the console shows the ID under My Credentials" in outcome.err
