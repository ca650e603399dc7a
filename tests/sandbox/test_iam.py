"""IAM of the sandbox: tokens for a password, their project and expiry, and the list of projects."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelarts_export.auth import signing
from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.account import User
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.server import Sandbox
from modelarts_export.sandbox.tokens import LIFETIME
from tests.conftest import Run

NOW = 1_767_322_245.25  # 2026-01-02T02:50:45.25Z
DAY = 24 * 60 * 60


@dataclass(kw_only=True)
class IamClient:
    """A sandbox whose clock is `now`, in epoch seconds."""

    now: float = NOW
    sandbox: Sandbox = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox without starting it."""
        self.sandbox = Sandbox(clock=lambda: self.now)

    def call(
        self, method: str, target: str, body: object = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, Any]:
        """Send a request and return the reply and its parsed body; a body that is no bytes becomes JSON."""
        connection = http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body=content, headers=named)
        reply = connection.getresponse()
        parsed = json.loads(reply.read())
        connection.close()
        return reply, parsed

    def make_body(
        self, user: User | None = None, *, project: object = None, **changes: object
    ) -> dict[str, Any]:
        """Return the body of a valid call with changes to user or project."""
        user = user or self.sandbox.user
        domain = {"name": user.domain_name}
        known = {"name": user.user_name, "password": user.password, "domain": domain, **changes}
        scope = {"project": {"name": user.project_name} if project is None else project}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": known}}, "scope": scope}}

    def sign(self, target: str, *, key: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers of a signed GET call; `key` is a temporary key, in IAM's form."""
        own = {"access": self.sandbox.access_key, "secret": self.sandbox.secret_key}
        key = key or own
        date = time.strftime(signing.DATE_FORMAT, time.gmtime(self.now))
        canonical = signing.make_canonical_request(
            "GET", target, {"X-Sdk-Date": date}, b"", signed=["x-sdk-date"]
        )
        signature = signing.compute_signature(canonical, secret_key=key["secret"], date=date)
        claim = signing.format_authorization(key["access"], ["x-sdk-date"], signature)
        security = {"X_Security_Token": key["securitytoken"]} if "securitytoken" in key else {}
        return {"X_Sdk_Date": date, "Authorization": claim, **security}

    def request_key(self, **identity: Any) -> tuple[http.client.HTTPResponse, Any]:  # noqa: ANN401 - any JSON
        """Ask for a temporary key, with the sandbox's own token; return the reply and its parsed body."""
        body = {"auth": {"identity": {"methods": ["token"], **identity}}}
        target = "/v3.0/OS-CREDENTIAL/securitytokens"
        return self.call("POST", target, body, X_Auth_Token=self.sandbox.token)

    def request_token(self) -> str:
        """Return a new token."""
        reply, _ = self.call("POST", "/v3/auth/tokens", self.make_body())
        return str(reply.headers["X-Subject-Token"])

    def find_refusal(self, token: str) -> tuple[int, str] | None:
        """Return status and message if ModelArts refuses a token."""
        path = f"/v2/{self.sandbox.project_id}/datasets"
        reply, content = self.call("GET", path, X_Auth_Token=token)
        return None if reply.status == 200 else (reply.status, content["error_msg"])


@pytest.fixture
def client() -> Iterator[IamClient]:
    client = IamClient()
    with client.sandbox:
        yield client


def test_password_is_exchanged_for_a_token(client: IamClient) -> None:
    """API.md, section 6.4: 201, the token in a header, and the project and the end in the body."""
    user = client.sandbox.user
    within = {"name": user.project_name, "domain": {"name": user.domain_name}}
    for project in ({"name": user.project_name}, {"id": user.project_id}, within):
        body = client.make_body(project=project)
        reply, content = client.call("POST", "/v3/auth/tokens?nocatalog=true", body)
        assert reply.status == 201
        assert client.find_refusal(str(reply.headers["X-Subject-Token"])) is None
        assert reply.headers["X-IAM-Trace-Id"]
        token = content["token"]
        assert (token["project"]["id"], token["project"]["name"]) == (user.project_id, user.project_name)
        assert token["issued_at"] == "2026-01-02T02:50:45.250000Z"
        assert token["expires_at"] == "2026-01-03T02:50:45.250000Z"
        assert user.password not in json.dumps(content)


def test_each_token_has_its_own_expiry(client: IamClient) -> None:
    """A new token does not expire an older one; each is valid for a day."""
    assert LIFETIME == DAY
    first = client.request_token()
    client.now += 60
    second = client.request_token()
    assert first != second
    client.now = NOW + DAY - 1
    assert (client.find_refusal(first), client.find_refusal(second)) == (None, None)
    client.now = NOW + DAY
    words = "Incorrect IAM authentication information: token expires, expires_at:2026-01-03T02:50:45.250000Z"
    assert (client.find_refusal(first), client.find_refusal(second)) == ((401, words), None)


def test_issued_tokens_can_be_expired(client: IamClient) -> None:
    """Not later ones, and not the sandbox's own token."""
    before = client.request_token()
    client.sandbox.expire_tokens()
    assert "token expires, expires_at:2026-01-02T02:50:45" in str(client.find_refusal(before))
    assert client.find_refusal(client.request_token()) is None
    assert client.find_refusal(client.sandbox.token) is None
    assert client.find_refusal("never given out") == (
        401,
        "Incorrect IAM authentication information: decrypt token fail",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "somebody"},
        {"password": "guessed"},
        {"password": ""},
        {"password": "\ud800"},
        {"domain": {"name": "elsewhere"}},
        {"project": {"name": "elsewhere"}},
        {"project": {"id": "0124"}},
        {"project": {"name": "eu-de", "id": "0124"}},
        {"project": {"name": "eu-de", "domain": {"name": "elsewhere"}}},
    ],
)
def test_wrong_user_or_project_is_refused_in_the_form_of_keystone(
    client: IamClient, wrong: dict[str, Any]
) -> None:
    """API.md, section 4: code, message and title within error."""
    reply, content = client.call("POST", "/v3/auth/tokens", client.make_body(**wrong))
    assert reply.status == 401
    assert "X-Subject-Token" not in reply.headers
    assert content["error"].keys() == {"code", "message", "title"}
    assert (content["error"]["code"], content["error"]["title"]) == (401, "Unauthorized")
    assert ("password is wrong" in content["error"]["message"]) == ("project" not in wrong)


def iter_malformed_bodies(client: IamClient) -> Iterator[object]:

    yield from (b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000, {}, {"auth": []})
    good = client.make_body()["auth"]
    yield {"auth": {**good, "identity": {**good["identity"], "methods": ["token"]}}}
    yield {"auth": {**good, "identity": {**good["identity"], "methods": ["password", "totp"]}}}
    yield {"auth": {**good, "identity": {**good["identity"], "methods": ["password", {}]}}}
    yield {"auth": {"identity": good["identity"]}}
    yield {"auth": {**good, "scope": {"domain": {"name": "sandbox-domain"}}}}
    users: list[dict[str, Any]] = [{"name": None}, {"password": 7}, {"domain": "d"}, {"domain": {}}]
    users += [{"id": 7}, {"id": client.sandbox.user.user_id, "domain": 7}, {"domain": {"id": None}}]
    yield from (client.make_body(**wrong) for wrong in users)
    projects: list[Any] = [{}, [], "eu-de", {"name": 7}, {"domain": {}}, {"name": "eu-de", "domain": "d"}]
    yield from (client.make_body(project=wrong) for wrong in projects)


def test_malformed_body_is_refused_with_400(client: IamClient) -> None:
    """The error has IAM's format."""
    bodies = list(iter_malformed_bodies(client))
    replies = [client.call("POST", "/v3/auth/tokens", body) for body in bodies]
    assert [reply.status for reply, _ in replies] == [400] * len(bodies)
    assert {content["error"]["title"] for _, content in replies} == {"Bad Request"}


@pytest.mark.parametrize(
    ("method", "target"),
    [("PUT", "/v3/auth/tokens"), ("POST", "/v3/auth/tokens/"), ("POST", "/v3/auth"), ("GET", "/v3/users")],
)
def test_other_calls_of_iam_are_unknown(client: IamClient, method: str, target: str) -> None:
    """The reply is that of any unknown call."""
    reply, content = client.call(method, target, client.make_body())
    assert (reply.status, content["error_code"]) == (404, "APIGW.0101")


def test_repr_of_the_user_has_no_password(client: IamClient) -> None:
    """The output of a failing test would contain it."""
    assert client.sandbox.user.password not in repr(client.sandbox.user)


def test_user_and_account_can_be_given_by_id(client: IamClient) -> None:
    """The ID of a user needs no account; a wrong one of either is refused."""
    user = client.sandbox.user
    by_id = {"id": user.user_id, "password": user.password}
    domain = {"id": user.domain_id}
    for change, status in ({}, 201), ({"id": "0"}, 401), ({"password": "guessed"}, 401):
        body = client.make_body()
        body["auth"]["identity"]["password"]["user"] = {**by_id, **change}
        assert client.call("POST", "/v3/auth/tokens", body)[0].status == status
    assert client.call("POST", "/v3/auth/tokens", client.make_body(domain=domain))[0].status == 201
    assert client.call("POST", "/v3/auth/tokens", client.make_body(domain={"id": "0"}))[0].status == 401


def test_user_with_mfa_needs_a_passcode(client: IamClient) -> None:
    """API.md, section 6.4: the method totp and the ID of the user."""
    user = client.sandbox.mfa_user
    body = client.make_body(user)
    reply, content = client.call("POST", "/v3/auth/tokens", body)
    assert (reply.status, content["error"]["title"]) == (401, "Unauthorized")
    assert "MFA" in content["error"]["message"]
    identity = body["auth"]["identity"]
    identity["methods"].append("totp")
    for second, status in (
        ({"id": user.user_id, "passcode": user.passcode}, 201),
        ({"name": user.user_name, "passcode": user.passcode}, 201),
        ({"id": user.user_id, "passcode": "none"}, 401),
        ({"id": client.sandbox.user.user_id, "passcode": user.passcode}, 401),
        ({"id": [], "passcode": []}, 401),
    ):
        identity["totp"] = {"user": second}
        reply, content = client.call("POST", "/v3/auth/tokens", body)
        assert reply.status == status, content
        if status == 201:
            assert content["token"]["methods"] == ["password", "totp"]
            assert content["token"]["user"]["id"] == user.user_id
            assert client.find_refusal(str(reply.headers["X-Subject-Token"])) is None


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


def test_issued_token_is_described_to_its_user(client: IamClient) -> None:
    token = client.request_token()
    reply, content = client.call("GET", "/v3/auth/tokens", X_Auth_Token=token, X_Subject_Token=token)
    assert (reply.status, reply.headers["X-Subject-Token"]) == (200, token)
    assert content["token"]["user"]["name"] == client.sandbox.user.user_name
    assert content["token"]["expires_at"] == "2026-01-03T02:50:45.250000Z"
    reply, content = client.call("GET", "/v3/auth/tokens", X_Auth_Token=token, X_Subject_Token="other")
    assert (reply.status, content["error"]["title"]) == (404, "Not Found")


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


def test_temporary_key_needs_its_security_token(client: IamClient) -> None:
    """API.md, section 6.5: it is valid for 15 minutes, and at ModelArts as well as at IAM."""
    reply, content = client.request_key()
    key = content["credential"]
    assert (reply.status, key["expires_at"]) == (201, "2026-01-02T03:05:45.250000Z")
    datasets = f"/v2/{client.sandbox.project_id}/datasets"
    for target in (datasets, "/v3/projects"):
        signed = client.sign(target, key=key)
        assert client.call("GET", target, b"", **signed)[0].status == 200
        for wrong, reason in (
            ({"X_Security_Token": "other"}, "decrypt token fail"),
            ({"X_Security_Token": ""}, "decrypt token fail"),
            (client.sign(target, key=key | {"secret": "wrong"}), "verify aksk signature fail"),
        ):
            reply, content = client.call("GET", target, b"", **signed | wrong)
            assert (reply.status, content["error_code"]) == (401, "APIGW.0301")
            assert reason in content["error_msg"]
    client.now += 15 * 60
    reply, content = client.call("GET", datasets, b"", **client.sign(datasets, key=key))
    assert "token expires, expires_at:2026-01-02T03:05:45" in content["error_msg"]


def test_temporary_key_is_issued_for_a_token_in_the_body(client: IamClient) -> None:
    """That of the header wins."""
    target = "/v3.0/OS-CREDENTIAL/securitytokens"
    token = {"id": client.request_token(), "duration_seconds": 86400}
    body = {"auth": {"identity": {"methods": ["token"], "token": token}}}
    reply, content = client.call("POST", target, body)
    assert (reply.status, content["credential"]["expires_at"]) == (201, "2026-01-03T02:50:45.250000Z")
    reply, content = client.call("POST", target, body, X_Auth_Token="other")
    assert (reply.status, content["error"]["title"]) == (401, "Unauthorized")
    assert client.call("POST", target, {"auth": {"identity": {"methods": ["token"]}}})[0].status == 401


@pytest.mark.parametrize(
    "identity",
    [
        {"methods": ["assume_role"]},
        {"methods": "token"},
        {"token": []},
        {"token": {"id": 7}},
        {"token": {"duration_seconds": 899}},
        {"token": {"duration_seconds": 86401}},
        {"token": {"duration_seconds": "900"}},
    ],
)
def test_malformed_call_for_a_temporary_key_is_refused(client: IamClient, identity: dict[str, Any]) -> None:
    reply, content = client.request_key(**identity)
    assert (reply.status, content["error"]["title"]) == (400, "Bad Request")


def test_command_signs_with_a_temporary_key(run: Run) -> None:
    """The security token is sent, and without it the key is refused."""
    client = IamClient(now=time.time())
    with client.sandbox as sandbox:
        key = client.request_key()[1]["credential"]
        variables = make_settings(sandbox) | {
            "HUAWEICLOUD_SDK_AK": key["access"],
            "HUAWEICLOUD_SDK_SK": key["secret"],
            "HUAWEICLOUD_SDK_SECURITY_TOKEN": key["securitytoken"],
        }
        assert run("to-obs --path /b/d/", **variables).code == 0
        del variables["HUAWEICLOUD_SDK_SECURITY_TOKEN"]
        assert run("to-obs --path /b/d/", **variables).code == 4
