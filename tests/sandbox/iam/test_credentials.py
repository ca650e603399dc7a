"""IAM of the sandbox: tokens for a password, temporary keys for a token, and their expiry."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelarts_export.cli.commands.sandbox import make_settings
from modelarts_export.sandbox.tokens import LIFETIME
from tests.conftest import Run
from tests.sandbox.iam.iam_client import NOW, IamClient

DAY = 24 * 60 * 60


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


def test_issued_token_is_described_to_its_user(client: IamClient) -> None:
    token = client.request_token()
    reply, content = client.call("GET", "/v3/auth/tokens", X_Auth_Token=token, X_Subject_Token=token)
    assert (reply.status, reply.headers["X-Subject-Token"]) == (200, token)
    assert content["token"]["user"]["name"] == client.sandbox.user.user_name
    assert content["token"]["expires_at"] == "2026-01-03T02:50:45.250000Z"
    reply, content = client.call("GET", "/v3/auth/tokens", X_Auth_Token=token, X_Subject_Token="other")
    assert (reply.status, content["error"]["title"]) == (404, "Not Found")


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
