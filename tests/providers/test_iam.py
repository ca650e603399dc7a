"""A token for a password: how it is asked for, and that it is renewed once for a request and no more."""

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
from tests.support.raw_server import CREATED, RawServer, in_turn, reply, serving

TOKENS = "/v3/auth/tokens?nocatalog=true"
USER = Password(user_name="user", password="made-up-password", domain_name="domain")
ORDER = ToObs(path="/b/d/")
WRONG = {"error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}}


def granted(token: str = "made-up-token") -> bytes:  # noqa: S107 - nobody's
    """Return IAM's reply with a token for the project 0123."""
    body = json.dumps({"token": {"project": {"id": "0123"}}}).encode()
    return reply("201 Created", body, f"X-Subject-Token: {token}")


def refused(status: str, content: object) -> bytes:
    """Return the reply of an error."""
    return reply(status, json.dumps(content).encode())


EXPIRED = refused("401 Unauthorized", {"error_code": "APIGW.0301", "error_msg": "token expires"})


@dataclass(kw_only=True)
class SignedIn:
    """A client that came by its token with a password, and what was heard of it."""

    client: Client
    tokens: list[str] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)

    @property
    def statuses(self) -> list[tuple[str, int | None]]:
        """The last word of each URL that was called, and the status, since the last look at it."""
        told = [(call.url.partition("?")[0].rpartition("/")[2], call.status) for call in self.calls]
        self.calls.clear()
        return told


def signed_in(user: Password, iam_url: str, url: str) -> SignedIn:
    """Sign in there, for the region r-1, and return a client for here."""
    tokens, calls = list[str](), list[CallRecord]()
    settings = Settings(region="r-1", iam_endpoint=iam_url, endpoint=url, read_timeout=5.0)
    auth, project_id = authenticate(user, settings, on_call=calls.append, on_token=tokens.append)
    client = Client(Transport(url, auth, settings, on_call=calls.append), project_id or "")
    return SignedIn(client=client, tokens=tokens, calls=calls)


def to_sandbox(sandbox: Sandbox) -> SignedIn:
    """Sign in to the sandbox."""
    mine = sandbox.user
    user = Password(
        user_name=mine.user_name,
        password=mine.password,
        domain_name=mine.domain_name,
        project_name=mine.project_name,
    )
    return signed_in(user, sandbox.url, sandbox.url)


@contextmanager
def iam_that_says(*answers: bytes) -> Iterator[RawServer]:
    """Serve an IAM that gives one answer after the other, the last again and again."""
    with serving(in_turn(*answers)) as server:
        yield server


def test_first_token(cloud: Cloud) -> None:
    """API.md, section 6.4: what is asked, and that the answer tells the project."""
    person = to_sandbox(cloud.sandbox)
    (request, answer), *more = cloud.exchanges
    assert (request.method, request.target, answer.status, more) == ("POST", TOKENS, 201, [])
    mine = cloud.sandbox.user
    user = {"name": mine.user_name, "password": mine.password, "domain": {"name": mine.domain_name}}
    assert json.loads(request.body) == {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": mine.project_name}},
        }
    }
    assert not {"X-Auth-Token", "Authorization"} & request.headers.keys()
    assert person.tokens == [answer.headers["X-Subject-Token"]]
    task = person.client.create(cloud.sandbox.dataset_id, ORDER)
    assert task.project_id == cloud.sandbox.project_id
    assert cloud.exchanges[1][0].headers["X-Auth-Token"] == person.tokens[0]


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
def test_project_that_is_asked_for(settings: Settings, name: str | None, scope: dict[str, str]) -> None:
    """Its ID, then its name, then that of the region; an ID that was given is used as it was."""
    user = Password(user_name="user", password="made-up-pässwörd", domain_name="domain", project_name=name)
    with iam_that_says(granted()) as iam:
        _, project_id = authenticate(user, replace(settings, iam_endpoint=iam.url))
        auth = json.loads(iam.requests[0].partition(b"\r\n\r\n")[2])["auth"]
    assert auth["scope"] == {"project": scope}
    assert auth["identity"]["password"]["user"]["password"] == "made-up-pässwörd"
    assert project_id == scope.get("id", "0123")


def test_expired_token_is_renewed_for_a_post_and_a_get(cloud: Cloud) -> None:
    """Once for a request, which is then sent once more; and again when the new token has expired too."""
    sandbox = cloud.sandbox
    person = to_sandbox(sandbox)
    assert person.statuses == [("tokens", 201)]
    sandbox.expire_tokens()
    task = person.client.create(sandbox.dataset_id, ORDER)
    assert person.statuses == [("export-tasks", 401), ("tokens", 201), ("export-tasks", 200)]
    first, second = cloud.created[1], cloud.created[3]
    assert first == second != b""
    sandbox.expire_tokens()
    person.client.show(sandbox.dataset_id, task.task_id)
    assert person.statuses == [(task.task_id, 401), ("tokens", 201), (task.task_id, 200)]
    person.client.show(sandbox.dataset_id, task.task_id)
    assert person.statuses == [(task.task_id, 200)]
    assert len(set(person.tokens)) == 3


CREDENTIALS = ["ModelArts.0201", "ModelArts.0202", "ModelArts.4119", "APIGW.0301", "APIG.0307", "IAM.0067"]
OTHERS = [(401, "ModelArts.0112"), (401, "ModelArts.7000"), (403, "ModelArts.0203"), (200, "APIGW.0301")]


@pytest.mark.parametrize(
    ("status", "code", "sends"), [*((401, code, 2) for code in CREDENTIALS), *((*pair, 1) for pair in OTHERS)]
)
def test_refused_again(stub: Stub, status: int, code: str, sends: int) -> None:
    """A refusal of the credentials is tried with a new token, once; for any other 401 it is of no use."""
    stub.status, stub.body = status, json.dumps({"error_code": code}).encode()
    with iam_that_says(granted()) as iam:
        person = signed_in(USER, iam.url, stub.url)
        with pytest.raises(AccessError) as caught:
            person.client.create("abc", ORDER)
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
def test_what_was_handed_in_is_never_renewed(stub: Stub, auth: RequestAuth) -> None:
    """The gateway locks a key after five refusals, and nobody can get another token: it is used no more."""
    stub.status, stub.body = 401, b'{"error_code": "APIGW.0301"}'
    client = Client(Transport(stub.url, auth, Settings()), "0123")
    with pytest.raises(AccessError):
        client.create("abc", ORDER)
    with pytest.raises(AccessError):
        client.show("abc", "t1")
    assert [method for method, *_ in stub.requests] == ["POST"]


def test_renewal_that_is_refused(stub: Stub) -> None:
    """It ends in what IAM said; the password is not tried again, as IAM locks a user after a few failures."""
    stub.status, stub.body = 401, b'{"error_code": "APIGW.0301"}'
    with iam_that_says(granted(), refused("401 Unauthorized", WRONG)) as iam:
        person = signed_in(USER, iam.url, stub.url)
        for _ in range(3):
            with pytest.raises(AccessError, match=r"The username or password is wrong\. \(401, HTTP 401\)"):
                person.client.create("abc", ORDER)
        assert (len(stub.requests), len(iam.requests)) == (3, 2)


def test_renewal_in_temporary_trouble() -> None:
    """Nothing was accepted; the next refusal tries again."""
    with (
        iam_that_says(granted("old"), refused("503 Down", {}), granted("new")) as iam,
        serving(in_turn(EXPIRED, EXPIRED, reply("200 OK", CREATED))) as server,
    ):
        person = signed_in(USER, iam.url, server.url)
        with pytest.raises(TemporaryError) as caught:
            person.client.create("abc", ORDER)
        assert caught.value.http_status == 503
        assert person.client.create("abc", ORDER).task_id == "t1"
        tokens = [word for request in server.requests for word in (b"old", b"new") if b": " + word in request]
    assert tokens == [b"old", b"old", b"new"]


def test_lost_reply_to_the_second_send() -> None:
    """The first was not accepted; what became of the second is unknown, and it is not sent a third time."""
    with iam_that_says(granted()) as iam, serving(in_turn(EXPIRED, b"")) as server:
        person = signed_in(USER, iam.url, server.url)
        with pytest.raises(UnknownOutcomeError):
            person.client.create("abc", ORDER)
        assert len(server.requests) == 2


def test_two_threads_and_one_renewal() -> None:
    """Both are refused with the old token before either has a new one."""
    both_refused, asked = threading.Barrier(2, timeout=5), list[float]()

    def observe(request: Request, answer: HttpReply) -> None:
        if answer.status == 401:
            both_refused.wait()
        if request.target == TOKENS:
            asked.append(time.monotonic())
            time.sleep(0.05 * len(asked[1:]))  # seconds, in which the other could ask as well

    with Sandbox(observe=observe) as sandbox:
        person = to_sandbox(sandbox)
        sandbox.expire_tokens()
        failures = list[ModelArtsExportError]()

        def submit() -> None:
            try:
                person.client.create(sandbox.dataset_id, ORDER)
            except ModelArtsExportError as error:
                failures.append(error)

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert failures == []
    assert len(person.tokens) == len(asked) == 2
    assert sorted(person.statuses[1:]) == sorted(
        [*2 * [("export-tasks", 401)], ("tokens", 201), *2 * [("export-tasks", 200)]]
    )


def test_nothing_secret_in_reprs_and_calls(cloud: Cloud) -> None:
    """Whoever listens, and writes down what it hears, gives nothing away."""
    person = to_sandbox(cloud.sandbox)
    told = repr(person.calls)
    for secret in (cloud.sandbox.user.password, *person.tokens):
        assert secret not in told
    auth = RenewableTokenAuth(Token(token="made-up-token"), lambda: Token(token="another"))
    headers = {"X-Subject-Token": "made-up-token"}
    answer = ClientReply(url="u", status=201, headers=headers, content=b"made-up-token", changing=False)
    assert "made-up-token" not in repr([auth, answer])
