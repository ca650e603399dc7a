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
class World:
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

    def body(self, *, project: object = None, **user: object) -> dict[str, Any]:
        """Return the body of a valid call with changes to user or project."""
        mine = self.sandbox.user
        domain = {"name": mine.domain_name}
        known = {"name": mine.user_name, "password": mine.password, "domain": domain, **user}
        scope = {"project": {"name": mine.project_name} if project is None else project}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": known}}, "scope": scope}}

    def token(self) -> str:
        """Return a new token."""
        reply, _ = self.call("POST", "/v3/auth/tokens", self.body())
        return str(reply.headers["X-Subject-Token"])

    def refused(self, token: str) -> tuple[int, str] | None:
        """Return status and message if ModelArts refuses a token."""
        path = f"/v2/{self.sandbox.project_id}/datasets"
        reply, shown = self.call("GET", path, X_Auth_Token=token)
        return None if reply.status == 200 else (reply.status, shown["error_msg"])


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.sandbox:
        yield world


def test_password_is_exchanged_for_a_token(world: World) -> None:
    """API.md, section 6.4: 201, the token in a header, and the project and the end in the body."""
    mine = world.sandbox.user
    for project in ({"name": mine.project_name}, {"id": mine.project_id}):
        body = world.body(project=project)
        reply, shown = world.call("POST", "/v3/auth/tokens?nocatalog=true", body)
        assert reply.status == 201
        assert world.refused(str(reply.headers["X-Subject-Token"])) is None
        assert reply.headers["X-IAM-Trace-Id"]
        token = shown["token"]
        assert (token["project"]["id"], token["project"]["name"]) == (mine.project_id, mine.project_name)
        assert token["issued_at"] == "2026-01-02T02:50:45.250000Z"
        assert token["expires_at"] == "2026-01-03T02:50:45.250000Z"
        assert mine.password not in json.dumps(shown)


def test_each_token_has_its_own_expiry(world: World) -> None:
    """A new token does not expire an older one; each is valid for a day."""
    assert LIFETIME == DAY
    first = world.token()
    world.now += 60
    second = world.token()
    assert first != second
    world.now = NOW + DAY - 1
    assert (world.refused(first), world.refused(second)) == (None, None)
    world.now = NOW + DAY
    words = "Incorrect IAM authentication information: token expires, expires_at:2026-01-03T02:50:45.250000Z"
    assert (world.refused(first), world.refused(second)) == ((401, words), None)


def test_issued_tokens_can_be_expired(world: World) -> None:
    """Not later ones, and not the sandbox's own token."""
    before = world.token()
    world.sandbox.expire_tokens()
    assert "token expires, expires_at:2026-01-02T02:50:45" in str(world.refused(before))
    assert world.refused(world.token()) is None
    assert world.refused(world.sandbox.token) is None
    assert world.refused("never given out") == (
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
    world: World, wrong: dict[str, object]
) -> None:
    """API.md, section 4: code, message and title within error."""
    reply, shown = world.call("POST", "/v3/auth/tokens", world.body(**wrong))
    assert reply.status == 401
    assert "X-Subject-Token" not in reply.headers
    assert shown["error"].keys() == {"code", "message", "title"}
    assert (shown["error"]["code"], shown["error"]["title"]) == (401, "Unauthorized")
    assert ("password is wrong" in shown["error"]["message"]) == ("project" not in wrong)


def malformed(world: World) -> Iterator[object]:
    """Yield malformed bodies of a token call."""
    yield from (b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000, {}, {"auth": []})
    good = world.body()["auth"]
    yield {"auth": {**good, "identity": {**good["identity"], "methods": ["token"]}}}
    yield {"auth": {**good, "identity": {**good["identity"], "methods": ["password", "totp"]}}}
    yield {"auth": {"identity": good["identity"]}}
    yield {"auth": {**good, "scope": {"domain": {"name": "sandbox-domain"}}}}
    users: list[dict[str, Any]] = [{"name": None}, {"password": 7}, {"domain": "d"}, {"domain": {}}]
    yield from (world.body(**wrong) for wrong in users)
    projects: list[Any] = [{}, [], "sandbox-project", {"name": 7}]
    yield from (world.body(project=wrong) for wrong in projects)


def test_malformed_body_is_refused_with_400(world: World) -> None:
    """The error has IAM's format."""
    bodies = list(malformed(world))
    replies = [world.call("POST", "/v3/auth/tokens", body) for body in bodies]
    assert [reply.status for reply, _ in replies] == [400] * len(bodies)
    assert {shown["error"]["title"] for _, shown in replies} == {"Bad Request"}


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/v3/auth/tokens"), ("POST", "/v3/auth/tokens/"), ("POST", "/v3/auth"), ("GET", "/v3/projects")],
)
def test_other_calls_of_iam_are_unknown(world: World, method: str, target: str) -> None:
    """The reply is that of any unknown call."""
    reply, shown = world.call(method, target, world.body())
    assert (reply.status, shown["error_code"]) == (404, "APIGW.0101")


def test_repr_of_the_user_has_no_password(world: World) -> None:
    """The output of a failing test would contain it."""
    assert world.sandbox.user.password not in repr(world.sandbox.user)
