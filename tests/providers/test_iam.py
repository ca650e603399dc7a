"""Tokens for a password: the request to IAM, and renewal at most once per request."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import AccessKey, Password, Token
from modelarts_export.auth.request_auth import RenewableTokenAuth, RequestAuth, make_auth
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, ModelArtsExportError, TemporaryError, UnknownOutcomeError
from modelarts_export.providers.iam import authenticate
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.server import Sandbox
from modelarts_export.transport.response import Response as ClientReply
from modelarts_export.transport.session import Transport
from modelarts_export.transport.tracing import CallRecord
from tests.conftest import Cloud, Stub
from tests.support.raw_server import CREATED, RawServer, answer_connections, make_reply, serve

TOKENS = "/v3/auth/tokens?nocatalog=true"
USER = Password(user_name="user", password="made-up-password", domain_name="domain")
REQUEST = ToObs(path="/b/d/")
WRONG = {"error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}}


def make_token_reply(token: str = "made-up-token") -> bytes:  # noqa: S107 - made up
    """Return IAM's reply with a token for the project 0123."""
    body = json.dumps({"token": {"project": {"id": "0123"}}}).encode()
    return make_reply("201 Created", body, f"X-Subject-Token: {token}")


def make_error_reply(status: str, content: object) -> bytes:
    """Return the reply of an error."""
    return make_reply(status, json.dumps(content).encode())


EXPIRED = make_error_reply("401 Unauthorized", {"error_code": "APIGW.0301", "error_msg": "token expires"})


@dataclass(kw_only=True)
class AuthenticatedClient:
    """A client that authenticated with a password, with its tokens and calls."""

    client: Client
    tokens: list[str] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)

    @property
    def statuses(self) -> list[tuple[str, int | None]]:
        """The last path segment and the status of each call since this was read last."""
        text = [(call.url.partition("?")[0].rpartition("/")[2], call.status) for call in self.calls]
        self.calls.clear()
        return text


def authenticate_client(user: Password, iam_url: str, url: str) -> AuthenticatedClient:
    """Authenticate at IAM for the region r-1, and return a client for `url`."""
    tokens, calls = list[str](), list[CallRecord]()
    settings = Settings(region="r-1", iam_endpoint=iam_url, endpoint=url, read_timeout=5.0)
    auth, project_id = authenticate(user, settings, on_call=calls.append, on_token=tokens.append)
    client = Client(Transport(url, auth, settings, on_call=calls.append), project_id or "")
    return AuthenticatedClient(client=client, tokens=tokens, calls=calls)


def authenticate_at_sandbox(sandbox: Sandbox) -> AuthenticatedClient:
    """Authenticate at the sandbox."""
    sandbox_user = sandbox.user
    user = Password(
        user_name=sandbox_user.user_name,
        password=sandbox_user.password,
        domain_name=sandbox_user.domain_name,
        project_name=sandbox_user.project_name,
    )
    return authenticate_client(user, sandbox.url, sandbox.url)


@contextmanager
def serve_iam(*answers: bytes) -> Iterator[RawServer]:
    """Serve an IAM with these answers, the last one repeatedly."""
    with serve(answer_connections(*answers)) as server:
        yield server


def test_token_request_has_the_documented_body(cloud: Cloud) -> None:
    """API.md, section 6.4; the reply has the project."""
    user_client = authenticate_at_sandbox(cloud.sandbox)
    (request, answer), *more = cloud.exchanges
    assert (request.method, request.target, answer.status, more) == ("POST", TOKENS, 201, [])
    sandbox_user = cloud.sandbox.user
    user = {
        "name": sandbox_user.user_name,
        "password": sandbox_user.password,
        "domain": {"name": sandbox_user.domain_name},
    }
    assert json.loads(request.body) == {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": sandbox_user.project_name}},
        }
    }
    assert not {"X-Auth-Token", "Authorization"} & request.headers.keys()
    assert user_client.tokens == [answer.headers["X-Subject-Token"]]
    task = user_client.client.create(cloud.sandbox.dataset_id, REQUEST)
    assert task.project_id == cloud.sandbox.project_id
    assert cloud.exchanges[1][0].headers["X-Auth-Token"] == user_client.tokens[0]


@pytest.mark.parametrize(
    ("settings", "name", "scope"),
    [
        (Settings(project_id="mine", region="r-1"), "named", {"id": "mine"}),
        (Settings(project_id="mine"), None, {"id": "mine"}),
        (Settings(region="r-1"), "named", {"name": "named"}),
        (Settings(), "named", {"name": "named"}),
        (Settings(region="r-1"), None, {"name": "r-1"}),
    ],
)
def test_token_is_scoped_to_the_project(settings: Settings, name: str | None, scope: dict[str, str]) -> None:
    """Its ID takes precedence over its name, and that over the region."""
    user = Password(user_name="user", password="made-up-pässwörd", domain_name="domain", project_name=name)
    with serve_iam(make_token_reply()) as iam:
        _, project_id = authenticate(user, replace(settings, iam_endpoint=iam.url))
        auth = json.loads(iam.requests[0].partition(b"\r\n\r\n")[2])["auth"]
    assert auth["scope"] == {"project": scope}
    assert auth["identity"]["password"]["user"]["password"] == "made-up-pässwörd"
    assert project_id == scope.get("id", "0123")


def test_expired_token_is_renewed_for_a_post_and_a_get(cloud: Cloud) -> None:
    """Once for each request, which is then sent again; also when the new token has expired."""
    sandbox = cloud.sandbox
    user_client = authenticate_at_sandbox(sandbox)
    assert user_client.statuses == [("tokens", 201)]
    sandbox.expire_tokens()
    task = user_client.client.create(sandbox.dataset_id, REQUEST)
    assert user_client.statuses == [("export-tasks", 401), ("tokens", 201), ("export-tasks", 200)]
    first, second = cloud.created[1], cloud.created[3]
    assert first == second != b""
    sandbox.expire_tokens()
    user_client.client.show(sandbox.dataset_id, task.task_id)
    assert user_client.statuses == [(task.task_id, 401), ("tokens", 201), (task.task_id, 200)]
    user_client.client.show(sandbox.dataset_id, task.task_id)
    assert user_client.statuses == [(task.task_id, 200)]
    assert len(set(user_client.tokens)) == 3


CREDENTIALS = ["ModelArts.0201", "ModelArts.0202", "ModelArts.4119", "APIGW.0301", "APIG.0307", "IAM.0067"]
OTHERS = [(401, "ModelArts.0112"), (401, "ModelArts.7000"), (403, "ModelArts.0203"), (200, "APIGW.0301")]


@pytest.mark.parametrize(
    ("status", "code", "sends"), [*((401, code, 2) for code in CREDENTIALS), *((*pair, 1) for pair in OTHERS)]
)
def test_refused_credentials_are_renewed_once(stub: Stub, status: int, code: str, sends: int) -> None:
    """Only a refusal of the credentials is retried with a new token, once."""
    stub.status, stub.body = status, json.dumps({"error_code": code}).encode()
    with serve_iam(make_token_reply()) as iam:
        user_client = authenticate_client(USER, iam.url, stub.url)
        with pytest.raises(AccessError) as caught:
            user_client.client.create("abc", REQUEST)
        assert (len(stub.requests), len(iam.requests)) == (sends, sends)
    assert caught.value.error_code == code


@pytest.mark.parametrize(
    "auth",
    [
        RequestAuth(),
        make_auth(Token(token="handed-in"), "0123"),
        make_auth(AccessKey(access_key="AK", secret_key="made-up-secret"), "0123"),
    ],
    ids=["none", "token", "key"],
)
def test_given_token_or_key_is_not_renewed(stub: Stub, auth: RequestAuth) -> None:
    """The gateway locks a key after five refusals, so it is not used again."""
    stub.status, stub.body = 401, b'{"error_code": "APIGW.0301"}'
    client = Client(Transport(stub.url, auth, Settings()), "0123")
    with pytest.raises(AccessError):
        client.create("abc", REQUEST)
    with pytest.raises(AccessError):
        client.show("abc", "t1")
    assert [method for method, *_ in stub.requests] == ["POST"]


def test_refused_renewal_is_final(stub: Stub) -> None:
    """The password is not sent again, because IAM locks a user after several failures."""
    stub.status, stub.body = 401, b'{"error_code": "APIGW.0301"}'
    with serve_iam(make_token_reply(), make_error_reply("401 Unauthorized", WRONG)) as iam:
        user_client = authenticate_client(USER, iam.url, stub.url)
        for _ in range(3):
            with pytest.raises(AccessError, match=r"The username or password is wrong\. \(HTTP 401[,)]"):
                user_client.client.create("abc", REQUEST)
        assert (len(stub.requests), len(iam.requests)) == (3, 2)


def test_renewal_after_a_transient_error_is_retried_by_the_next_call() -> None:
    """Nothing was accepted; the next call renews the token again."""
    with (
        serve_iam(make_token_reply("old"), make_error_reply("503 Down", {}), make_token_reply("new")) as iam,
        serve(answer_connections(EXPIRED, EXPIRED, make_reply("200 OK", CREATED))) as server,
    ):
        user_client = authenticate_client(USER, iam.url, server.url)
        with pytest.raises(TemporaryError) as caught:
            user_client.client.create("abc", REQUEST)
        assert caught.value.http_status == 503
        assert user_client.client.create("abc", REQUEST).task_id == "t1"
        tokens = [word for request in server.requests for word in (b"old", b"new") if b": " + word in request]
    assert tokens == [b"old", b"old", b"new"]


def test_lost_reply_to_the_second_post_is_an_unknown_outcome() -> None:
    """There is no third one."""
    with serve_iam(make_token_reply()) as iam, serve(answer_connections(EXPIRED, b"")) as server:
        user_client = authenticate_client(USER, iam.url, server.url)
        with pytest.raises(UnknownOutcomeError):
            user_client.client.create("abc", REQUEST)
        assert len(server.requests) == 2


def test_two_threads_share_one_renewal() -> None:
    """Both requests are refused before the token is renewed."""
    both_refused, renewals = threading.Barrier(2, timeout=5), list[float]()

    def observe(request: Request, answer: HttpReply) -> None:
        if answer.status == 401:
            both_refused.wait()
        if request.target == TOKENS:
            renewals.append(time.monotonic())
            time.sleep(0.05 * len(renewals[1:]))  # seconds in which the other thread could renew it too

    with Sandbox(observe=observe) as sandbox:
        user_client = authenticate_at_sandbox(sandbox)
        sandbox.expire_tokens()
        failures = list[ModelArtsExportError]()

        def submit() -> None:
            try:
                user_client.client.create(sandbox.dataset_id, REQUEST)
            except ModelArtsExportError as error:
                failures.append(error)

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert failures == []
    assert len(user_client.tokens) == len(renewals) == 2
    assert sorted(user_client.statuses[1:]) == sorted(
        [*2 * [("export-tasks", 401)], ("tokens", 201), *2 * [("export-tasks", 200)]]
    )


def test_no_secret_in_reprs_and_calls(cloud: Cloud) -> None:
    """A callback may log them."""
    user_client = authenticate_at_sandbox(cloud.sandbox)
    text = repr(user_client.calls)
    for secret in (cloud.sandbox.user.password, *user_client.tokens):
        assert secret not in text
    auth = RenewableTokenAuth(Token(token="made-up-token"), lambda: Token(token="another"))
    headers = {"X-Subject-Token": "made-up-token"}
    answer = ClientReply(url="u", status=201, headers=headers, content=b"made-up-token", changing=False)
    assert "made-up-token" not in repr([auth, answer])


def test_token_is_renewed_before_it_expires(cloud: Cloud) -> None:
    """IAM says when that is; here it is within ten minutes, so each call gets a new one."""
    body = {
        "token": {"project": {"id": cloud.sandbox.project_id}, "expires_at": "2026-01-01T00:00:00.000000Z"}
    }
    reply = make_reply("201 Created", json.dumps(body).encode(), f"X-Subject-Token: {cloud.sandbox.token}")
    with serve_iam(reply) as iam:
        user_client = authenticate_client(USER, iam.url, cloud.sandbox.url)
        user_client.client.create(cloud.sandbox.dataset_id, REQUEST)
        assert len(iam.requests) == 2


@pytest.mark.parametrize("expires_at", ["soon", 5, None, ""])
def test_end_of_a_token_that_is_no_time_is_ignored(expires_at: object) -> None:
    """A rejection tells it, too."""
    body = json.dumps({"token": {"project": {"id": "0123"}, "expires_at": expires_at}}).encode()
    with serve_iam(make_reply("201 Created", body, "X-Subject-Token: made-up-token")) as iam:
        _, project_id = authenticate(USER, Settings(region="r-1", iam_endpoint=iam.url))
    assert project_id == "0123"


@pytest.mark.parametrize(
    "message", ["MFA is required for this user.", "Additional authentication steps required: totp."]
)
def test_second_factor_is_refused(message: str) -> None:
    refusal = {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
    with (
        serve_iam(
            make_reply("401 Unauthorized", json.dumps(refusal).encode(), "X-IAM-Trace-Id: trace-1")
        ) as iam,
        pytest.raises(AccessError, match=r"IAM asks for a second factor \(MFA\)") as caught,
    ):
        authenticate_client(USER, iam.url, iam.url)
    assert caught.value.hint == "use an access key, or a user without MFA"
    assert (caught.value.http_status, caught.value.request_id) == (401, "trace-1")
