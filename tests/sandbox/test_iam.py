"""IAM of the sandbox: tokens for a password, their project and expiry."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelarts_export.sandbox.iam import LIFETIME
from modelarts_export.sandbox.server import Sandbox

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

    def make_body(self, *, project: object = None, **changes: object) -> dict[str, Any]:
        """Return the body of a valid call with changes to user or project."""
        user = self.sandbox.user
        domain = {"name": user.domain_name}
        known = {"name": user.user_name, "password": user.password, "domain": domain, **changes}
        scope = {"project": {"name": user.project_name} if project is None else project}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": known}}, "scope": scope}}

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
    for project in ({"name": user.project_name}, {"id": user.project_id}):
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
        {"project": {"name": "sandbox-project", "id": "0124"}},
    ],
)
def test_wrong_user_or_project_is_refused_in_the_form_of_keystone(
    client: IamClient, wrong: dict[str, object]
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
    yield {"auth": {"identity": good["identity"]}}
    yield {"auth": {**good, "scope": {"domain": {"name": "sandbox-domain"}}}}
    users: list[dict[str, Any]] = [{"name": None}, {"password": 7}, {"domain": "d"}, {"domain": {}}]
    yield from (client.make_body(**wrong) for wrong in users)
    projects: list[Any] = [{}, [], "sandbox-project", {"name": 7}]
    yield from (client.make_body(project=wrong) for wrong in projects)


def test_malformed_body_is_refused_with_400(client: IamClient) -> None:
    """The error has IAM's format."""
    bodies = list(iter_malformed_bodies(client))
    replies = [client.call("POST", "/v3/auth/tokens", body) for body in bodies]
    assert [reply.status for reply, _ in replies] == [400] * len(bodies)
    assert {content["error"]["title"] for _, content in replies} == {"Bad Request"}


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/v3/auth/tokens"), ("POST", "/v3/auth/tokens/"), ("POST", "/v3/auth"), ("GET", "/v3/projects")],
)
def test_other_calls_of_iam_are_unknown(client: IamClient, method: str, target: str) -> None:
    """The reply is that of any unknown call."""
    reply, content = client.call(method, target, client.make_body())
    assert (reply.status, content["error_code"]) == (404, "APIGW.0101")


def test_repr_of_the_user_has_no_password(client: IamClient) -> None:
    """The output of a failing test would contain it."""
    assert client.sandbox.user.password not in repr(client.sandbox.user)
