"""Retries of calls that change nothing, to IAM and to the list, in simulated time."""

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
from tests.transport.endpoints import RecordingAuth, make_untrusted_context, serve_tls

DOWN = reply("503 Service Unavailable")


def make_policy(time: Simulated, **limits: float) -> RetryPolicy:
    """Return the default policy, or one with other limits, in simulated time."""
    clock = Clock(monotonic=time.clock, time=time.clock, sleep=time.sleep, random=time.chance)
    return RetryPolicy(timeout=limits.get("timeout", 120.0), max_retries=None, clock=clock)


TRANSIENT = {
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
def open_iam(server: Handler, time: Simulated, **limits: float) -> Iterator[Callable[[], RawServer]]:
    """Yield a function that requests a token from a server, and returns the server."""
    with serving(server) as iam:

        def request_token() -> RawServer:
            settings = Settings(region="r-1", iam_endpoint=iam.url, read_timeout=5.0)
            authenticate(USER, settings, retry=make_policy(time, **limits))
            return iam

        yield request_token


@pytest.mark.parametrize("fault", TRANSIENT)
def test_transient_error_of_iam_is_retried(fault: str) -> None:
    """Three replies with an error are followed by one with a token."""
    time = Simulated()
    with open_iam(in_turn(*[TRANSIENT[fault]] * 3, granted()), time) as request_token:
        assert len(request_token().requests) == 4
    assert len(time.naps) == 3


@pytest.mark.parametrize("refusal", FINAL)
def test_refusal_of_iam_is_not_retried(refusal: str) -> None:
    """IAM locks a user after several wrong passwords."""
    time = Simulated()
    with (
        open_iam(in_turn(FINAL[refusal], granted()), time) as request_token,
        pytest.raises(ModelArtsExportError),
    ):
        request_token()
    assert time.naps == []


def test_retries_of_iam_end_with_the_retry_timeout() -> None:
    """The error is that of the last reply."""
    time = Simulated()
    with (
        open_iam(in_turn(DOWN), time, timeout=20.0) as request_token,
        pytest.raises(TemporaryError, match="503"),
    ):
        request_token()
    assert time.passed == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_each_page_of_a_list_is_retried(fault: str) -> None:
    """A transient error on a late page does not restart the list; each page has the whole retry timeout."""
    time, failures = Simulated(), {"0": 2, "1": 2, "2": 2}

    def answer(target: str) -> bytes:
        offset = target.rpartition("offset=")[2]
        failures[offset] -= 1
        if failures[offset] >= 0:
            return TRANSIENT[fault]
        return listed([{"task_id": f"t{offset}-{each}"} for each in range(100)], 300)

    with answering(answer) as server:
        pages = list(client_of(server.url).iter_task_pages("abc", retry=make_policy(time)))
    assert [len(page.tasks) for page in pages] == [100, 100, 100]
    assert len(server.requests) == 9


@pytest.mark.parametrize("refusal", FINAL)
def test_refused_list_is_not_retried(refusal: str) -> None:
    time = Simulated()
    with answering(lambda _: FINAL[refusal]) as server, pytest.raises(ModelArtsExportError):
        list(client_of(server.url).iter_task_pages("abc", retry=make_policy(time)))
    assert (len(server.requests), time.naps) == (1, [])


def test_certificate_error_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It exits with 5 at once."""
    monkeypatch.setenv("NO_PROXY", "*")
    time, handled = Simulated(), list[str]()
    (endpoint,) = serve_tls(
        lambda *_: handled.append("read"), "TLS 1.3", context=make_untrusted_context
    ).values()
    with endpoint(RecordingAuth()) as target:
        client = Client(Transport(target.url, TokenAuth(Token(token="any")), Settings()), "0123")
        with pytest.raises(CertificateError) as caught:
            list(client.iter_task_pages("abc", retry=make_policy(time)))
    assert (caught.value.exit_code, time.naps, handled) == (5, [], [])


def test_list_call_bypasses_caches(stub: Stub) -> None:
    """A stale list would hide the newest tasks."""
    stub.body = b'{"total_count": 0, "export_tasks": []}'
    list(client_of(stub.url).iter_task_pages("abc"))
    assert [headers["Cache-Control"] for _, _, headers, _ in stub.requests] == ["no-cache"]
