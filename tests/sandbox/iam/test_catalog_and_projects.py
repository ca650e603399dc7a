"""IAM of the sandbox: its version, the catalog of services, the lists of projects, and faults."""

import pytest

from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.faults.catalog import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from tests.sandbox.iam.iam_client import IamClient


@pytest.mark.parametrize(
    ("method", "target"),
    [("PUT", "/v3/auth/tokens"), ("POST", "/v3/auth/tokens/"), ("POST", "/v3/auth"), ("GET", "/v3/users")],
)
def test_other_calls_of_iam_are_unknown(client: IamClient, method: str, target: str) -> None:
    """The reply is that of any unknown call."""
    reply, content = client.call(method, target, client.make_body())
    assert (reply.status, content["error_code"]) == (404, "APIGW.0101")


def test_version_is_found_without_credentials(client: IamClient) -> None:
    """OpenStack's clients follow its link, whether or not their URL ends with the version."""
    reply, content = client.call("GET", "/")
    assert reply.status == 300
    (version,) = content["versions"]["values"]
    assert version == client.call("GET", "/v3")[1]["version"] == client.call("GET", "/v3/")[1]["version"]
    assert (version["id"], version["status"]) == ("v3.6", "stable")
    assert version["links"] == [{"rel": "self", "href": f"{client.sandbox.url}/v3/"}]


def test_catalog_leads_to_the_service(client: IamClient) -> None:
    """API.md, section 6.4: under the type that the clients of T Cloud Public look for."""
    _, content = client.call("POST", "/v3/auth/tokens", client.make_body())
    catalog = {service["type"]: service["endpoints"] for service in content["token"]["catalog"]}
    assert catalog.keys() == {"identity", "modelartsv2"}
    (endpoint,) = catalog["modelartsv2"]
    assert (endpoint["interface"], endpoint["region_id"]) == ("public", "eu-de")
    assert endpoint["url"] == f"{client.sandbox.url}/v2/{client.sandbox.project_id}"
    _, content = client.call("POST", "/v3/auth/tokens?nocatalog=true", client.make_body())
    assert "catalog" not in content["token"]


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("/v3/projects", ["MOS", "eu-de_sandbox", "eu-de"]),
        ("/v3/projects?name=eu-de", ["eu-de"]),
        ("/v3/projects?name=eu-de_sandbox&enabled=true", ["eu-de_sandbox"]),
        ("/v3/projects?name=EU-DE", []),
        ("/v3/projects?enabled=false", []),
        ("/v3/projects?page=1&per_page=10&%zz=%ff", ["MOS", "eu-de_sandbox", "eu-de"]),
        ("/v3/auth/projects", ["MOS", "eu-de"]),
        ("/v3/users/id-of-sandbox-user/projects", ["MOS", "eu-de"]),
    ],
)
def test_projects_are_listed_for_a_token_and_for_a_key(
    client: IamClient, target: str, names: list[str]
) -> None:
    """API.md, section 7: a signature needs no X-Project-Id; the project of OBS is among them."""
    headers = [{"X_Auth_Token": client.request_token()}, client.sign(target)]
    for each in headers:
        reply, content = client.call("GET", target, b"", **each)
        assert reply.status == 200, content
        assert [project["name"] for project in content["projects"]] == names
        assert content["links"]["self"] == client.sandbox.url + target
        ids = {project["name"]: project["id"] for project in content["projects"]}
        assert ids.get("eu-de", client.sandbox.project_id) == client.sandbox.project_id


def test_projects_of_an_unknown_user_are_not_found(client: IamClient) -> None:
    target = "/v3/users/id-of-nobody/projects"
    reply, content = client.call("GET", target, X_Auth_Token=client.request_token())
    assert (reply.status, content["error"]["title"]) == (404, "Not Found")


def test_wrong_credentials_of_a_call_are_refused(client: IamClient) -> None:
    """IAM refuses a token in its own form, and the gateway a signature, whose errors lock the key."""
    reply, content = client.call("GET", "/v3/projects", X_Auth_Token="other")
    assert (reply.status, content["error"]["title"]) == (401, "Unauthorized")
    assert client.call("GET", "/v3/projects")[0].status == 401
    signed = client.sign("/v3/projects?name=other")
    for _ in range(6):
        reply, content = client.call("GET", "/v3/projects", b"", **signed)
        assert (reply.status, content["error_code"]) == (401, "APIGW.0301")
    reply, content = client.call("GET", "/v3/projects", b"", **client.sign("/v3/projects"))
    assert "AK access failed to reach the limit" in content["error_msg"]


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("403:on=projects", (201, 403, 200)),
        ("403:on=auth-projects", (201, 200, 403)),
        ("429:on=token+projects", (429, 429, 200)),
        ("500:on=all,count=2", (500, 500, 200)),
    ],
)
def test_fault_of_a_call_has_the_form_of_iam(
    client: IamClient, fault: str, statuses: tuple[int, int, int]
) -> None:
    """A user without permission to list projects can list the own ones."""
    token = client.request_token()
    client.sandbox.gateway.faults = Faults([parse_fault(fault, parse_duration)])
    calls = [("POST", "/v3/auth/tokens"), ("GET", "/v3/projects"), ("GET", "/v3/auth/projects")]
    replies = [client.call(*call, client.make_body(), X_Auth_Token=token) for call in calls]
    assert tuple(reply.status for reply, _ in replies) == statuses
    for reply, content in replies:
        if reply.status >= 400:
            assert content["error"]["code"] == reply.status
            assert reply.headers["X-IAM-Trace-Id"]
