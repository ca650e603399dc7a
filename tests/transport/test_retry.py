"""How calls that change nothing are retried, to IAM and to the list, by clocks that a test moves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.clock import Clock
from modelarts_export.config.settings import Settings
from modelarts_export.errors import CertificateError, ModelArtsExportError, TemporaryError
from modelarts_export.providers.iam import authenticate
from modelarts_export.transport.retry import RetryPolicy
from modelarts_export.transport.session import Transport
from tests.conftest import Stub
from tests.providers.test_iam import USER, granted
from tests.support.raw_server import Handler, RawServer, in_turn, reply, serving
from tests.support.simulated import Simulated, answering, client_of, error, listed
from tests.transport.scenes import Sender, tls, untrusted

DOWN = reply("503 Service Unavailable")


def policy(time: Simulated, **limits: float) -> RetryPolicy:
    """Return the default policy, or one with other limits, by a clock that a sleep moves."""
    clock = Clock(monotonic=time.clock, time=time.clock, sleep=time.sleep, random=time.chance)
    return RetryPolicy(timeout=limits.get("timeout", 120.0), max_retries=None, clock=clock)


PASSING = {
    "408": reply("408 Request Timeout"),
    "429": error("429 Too Many Requests", "APIGW.0308", "Retry-After: 7"),
    "500": error("500 Internal Server Error", "IAM.0006"),
    "502": reply("502 Bad Gateway", b"<html>"),
    "503": DOWN,
    "504": reply("504 Gateway Timeout"),
    "closed": b"",
    "cut": reply("200 OK", b"{}")[:-1],
}
FINAL = {
    "400": error("400 Bad Request", "IAM.0011"),
    "401": error("401 Unauthorized", "IAM.0061"),
    "403": error("403 Forbidden", "IAM.0003"),
    "404": reply("404 Not Found"),
    "307": reply("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/"),
    "busy": error("400 Bad Request", "ModelArts.4409"),
}


@contextmanager
def token_from(server: Handler, time: Simulated, **limits: float) -> Iterator[Callable[[], RawServer]]:
    """Yield a call that signs in to a server, and returns what that heard."""
    with serving(server) as iam:

        def ask() -> RawServer:
            settings = Settings(region="r-1", iam_endpoint=iam.url, read_timeout=5.0)
            authenticate(USER, settings, retry=policy(time, **limits))
            return iam

        yield ask


@pytest.mark.parametrize("trouble", PASSING)
def test_iam_is_asked_again(trouble: str) -> None:
    """Transient errors of IAM for some seconds end nothing."""
    time = Simulated()
    with token_from(in_turn(*[PASSING[trouble]] * 3, granted()), time) as ask:
        assert len(ask().requests) == 4
    assert len(time.naps) == 3


@pytest.mark.parametrize("refusal", FINAL)
def test_a_refusal_of_iam_is_final(refusal: str) -> None:
    """What no time mends is not asked again; IAM locks a user after some wrong passwords."""
    time = Simulated()
    with token_from(in_turn(FINAL[refusal], granted()), time) as ask, pytest.raises(ModelArtsExportError):
        ask()
    assert time.naps == []


def test_iam_that_stays_down() -> None:
    """The retries end when their time is over."""
    time = Simulated()
    with token_from(in_turn(DOWN), time, timeout=20.0) as ask, pytest.raises(TemporaryError, match="503"):
        ask()
    assert time.passed == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("trouble", PASSING)
def test_each_page_of_a_list_is_retried(trouble: str) -> None:
    """A transient error on a late page does not begin the list anew, nor use up the time of another page."""
    time, failures = Simulated(), {"0": 2, "1": 2, "2": 2}

    def answer(target: str) -> bytes:
        offset = target.rpartition("offset=")[2]
        failures[offset] -= 1
        if failures[offset] >= 0:
            return PASSING[trouble]
        return listed([{"task_id": f"t{offset}-{each}"} for each in range(100)], 300)

    with answering(answer) as server:
        pages = list(client_of(server.url).iter_task_pages("abc", retry=policy(time)))
    assert [len(page.tasks) for page in pages] == [100, 100, 100]
    assert len(server.requests) == 9


@pytest.mark.parametrize("refusal", FINAL)
def test_a_refused_list_is_final(refusal: str) -> None:
    """It ends at once."""
    time = Simulated()
    with answering(lambda _: FINAL[refusal]) as server, pytest.raises(ModelArtsExportError):
        list(client_of(server.url).iter_task_pages("abc", retry=policy(time)))
    assert (len(server.requests), time.naps) == (1, [])


def test_a_certificate_that_cannot_be_verified_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time mends it; it exits with 5 at once."""
    monkeypatch.setenv("NO_PROXY", "*")
    time, handled = Simulated(), list[str]()
    (scene,) = tls(lambda *_: handled.append("read"), "TLS 1.3", context=untrusted).values()
    with scene(Sender()) as target:
        client = Client(Transport(target.url, TokenAuth(Token(token="any")), Settings()), "0123")
        with pytest.raises(CertificateError) as caught:
            list(client.iter_task_pages("abc", retry=policy(time)))
    assert (caught.value.exit_code, time.naps, handled) == (5, [], [])


def test_a_list_call_bypasses_caches(stub: Stub) -> None:
    """A stale list would hide the newest tasks."""
    stub.body = b'{"total_count": 0, "export_tasks": []}'
    list(client_of(stub.url).iter_task_pages("abc"))
    assert [headers["Cache-Control"] for _, _, headers, _ in stub.requests] == ["no-cache"]
