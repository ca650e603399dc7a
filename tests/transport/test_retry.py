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
from tests.conftest import Run, Stub
from tests.providers.test_iam import USER, make_token_reply
from tests.support.raw_server import Handler, RawServer, answer_connections, make_reply, serve
from tests.support.simulated import (
    SimulatedTime,
    make_client,
    make_error_reply,
    make_list_reply,
    serve_answers,
)
from tests.transport.endpoints import RecordingAuth, make_untrusted_context, serve_tls

DOWN = make_reply("503 Service Unavailable")


def make_policy(time: SimulatedTime, **limits: float) -> RetryPolicy:
    """Return the default policy, or one with other limits, in simulated time."""
    clock = Clock(monotonic=time.monotonic, time=time.monotonic, sleep=time.sleep, random=time.rng)
    return RetryPolicy(timeout=limits.get("timeout", 120.0), max_retries=None, clock=clock)


TRANSIENT = {
    "408": make_reply("408 Request Timeout"),
    "429": make_error_reply("429 Too Many Requests", "APIGW.0308", "Retry-After: 7"),
    "500": make_error_reply("500 Internal Server Error", "IAM.0006"),
    "502": make_reply("502 Bad Gateway", b"<html>"),
    "503": DOWN,
    "504": make_reply("504 Gateway Timeout"),
    "closed": b"",
    "cut": make_reply("200 OK", b"{}")[:-1],
}
FINAL = {
    "400": make_error_reply("400 Bad Request", "IAM.0011"),
    "401": make_error_reply("401 Unauthorized", "IAM.0061"),
    "403": make_error_reply("403 Forbidden", "IAM.0003"),
    "404": make_reply("404 Not Found"),
    "307": make_reply("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/"),
    "busy": make_error_reply("400 Bad Request", "ModelArts.4409"),
}


@contextmanager
def open_iam(server: Handler, time: SimulatedTime, **limits: float) -> Iterator[Callable[[], RawServer]]:
    """Yield a function that requests a token from a server, and returns the server."""
    with serve(server) as iam:

        def request_token() -> RawServer:
            settings = Settings(region="r-1", iam_endpoint=iam.url, read_timeout=5.0)
            authenticate(USER, settings, retry=make_policy(time, **limits))
            return iam

        yield request_token


@pytest.mark.parametrize("fault", TRANSIENT)
def test_transient_error_of_iam_is_retried(fault: str) -> None:
    """Three replies with an error are followed by one with a token."""
    time = SimulatedTime()
    with open_iam(answer_connections(*[TRANSIENT[fault]] * 3, make_token_reply()), time) as request_token:
        assert len(request_token().requests) == 4
    assert len(time.sleeps) == 3


@pytest.mark.parametrize("refusal", FINAL)
def test_refusal_of_iam_is_not_retried(refusal: str) -> None:
    """IAM locks a user after several wrong passwords."""
    time = SimulatedTime()
    with (
        open_iam(answer_connections(FINAL[refusal], make_token_reply()), time) as request_token,
        pytest.raises(ModelArtsExportError),
    ):
        request_token()
    assert time.sleeps == []


def test_retries_of_iam_end_with_the_retry_timeout() -> None:
    """The error is that of the last reply."""
    time = SimulatedTime()
    with (
        open_iam(answer_connections(DOWN), time, timeout=20.0) as request_token,
        pytest.raises(TemporaryError, match="503"),
    ):
        request_token()
    assert time.passed == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("fault", TRANSIENT)
def test_each_page_of_a_list_is_retried(fault: str) -> None:
    """A transient error on a late page does not restart the list; each page has the whole retry timeout."""
    time, failures = SimulatedTime(), {"0": 2, "1": 2, "2": 2}

    def answer(target: str) -> bytes:
        offset = target.rpartition("offset=")[2]
        failures[offset] -= 1
        if failures[offset] >= 0:
            return TRANSIENT[fault]
        return make_list_reply([{"task_id": f"t{offset}-{each}"} for each in range(100)], 300)

    with serve_answers(answer) as server:
        pages = list(make_client(server.url).iter_task_pages("abc", retry=make_policy(time)))
    assert [len(page.tasks) for page in pages] == [100, 100, 100]
    assert len(server.requests) == 9


@pytest.mark.parametrize("refusal", FINAL)
def test_refused_list_is_not_retried(refusal: str) -> None:
    time = SimulatedTime()
    with serve_answers(lambda _: FINAL[refusal]) as server, pytest.raises(ModelArtsExportError):
        list(make_client(server.url).iter_task_pages("abc", retry=make_policy(time)))
    assert (len(server.requests), time.sleeps) == (1, [])


def test_certificate_error_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It exits with 5 at once."""
    monkeypatch.setenv("NO_PROXY", "*")
    time, handled = SimulatedTime(), list[str]()
    (endpoint,) = serve_tls(
        lambda *_: handled.append("read"), "TLS 1.3", context=make_untrusted_context
    ).values()
    with endpoint(RecordingAuth()) as target:
        client = Client(Transport(target.url, TokenAuth(Token(token="any")), Settings()), "0123")
        with pytest.raises(CertificateError) as caught:
            list(client.iter_task_pages("abc", retry=make_policy(time)))
    assert (caught.value.exit_code, time.sleeps, handled) == (5, [], [])


def test_list_call_bypasses_caches(stub: Stub) -> None:
    """A stale list would hide the newest tasks."""
    stub.body = b'{"total_count": 0, "export_tasks": []}'
    list(make_client(stub.url).iter_task_pages("abc"))
    assert [headers["Cache-Control"] for _, _, headers, _ in stub.requests] == ["no-cache"]


def test_server_without_tls_on_its_port_is_named(run: Run, stub: Stub) -> None:
    variables = {"HUAWEICLOUD_SDK_AK": "AK", "HUAWEICLOUD_SDK_SK": "SK0123456789"}
    endpoint = stub.url.replace("http:", "https:")
    outcome = run(f"list d --project-id p --endpoint {endpoint} --retry-timeout 0", **variables)
    assert outcome.code == 5
    assert "the server does not speak TLS on that port" in outcome.err
