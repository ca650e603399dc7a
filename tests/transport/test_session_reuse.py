"""Reuse of connections, and of credentials that were refused."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, ModelArtsExportError
from modelarts_export.transport.session import Transport
from tests.conftest import Stub
from tests.support.raw_server import CREATED, answer_in_sequence, make_reply, make_transport, serve

GOOD = make_reply("200 OK", CREATED)


class Clock:
    """A clock that only the test advances."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


@pytest.mark.parametrize(("idle", "connections"), [(0.0, 1), (5.0, 1), (5.1, 2), (3600.0, 2)])
def test_post_opens_a_connection_after_5_idle_seconds(idle: float, connections: int) -> None:
    """The server may have closed an idle connection, and the outcome of a POST on it would be unknown."""
    clock = Clock()
    with serve(answer_in_sequence(GOOD)) as server:
        client = make_transport(server.url, clock)
        client.get("/x")
        clock.now += idle
        client.post("/x", b"{}")
        assert server.connections == connections
        client.close()


def test_each_connection_counts_its_own_idle_time(stub: Stub) -> None:
    """Of two connections, one is used every four seconds; the other one must not take a POST afterward."""
    clock = Clock()
    stub.body = CREATED
    client = make_transport(stub.url, clock)
    _send_two_at_once(stub, client)
    for _ in range(2):
        clock.now += 4.0
        client.post("/x", b"{}")
    _send_two_at_once(stub, client)
    used = stub.ports[2]
    idle = next(port for port in stub.ports[:2] if port != used)
    assert stub.ports[2:4] == [used, used]
    assert used in stub.ports[4:]
    assert idle not in stub.ports[4:]
    client.close()


def _send_two_at_once(stub: Stub, client: Transport) -> None:
    stub.slow, before = "POST", len(stub.requests)
    with ThreadPoolExecutor(2) as pool:
        replies = [pool.submit(client.post, "/x", b"{}") for _ in range(2)]
        while len(stub.requests) < before + 2:
            time.sleep(0.001)
        stub.slow = ""
        stub.stalled.wait()
        while not all(reply.done() for reply in replies):
            stub.stalled.clear()
            time.sleep(0.001)


def test_get_reuses_an_idle_connection() -> None:
    """A lost GET can be sent again."""
    clock = Clock()
    with serve(answer_in_sequence(GOOD)) as server:
        client = make_transport(server.url, clock)
        for _ in range(3):
            client.get("/x")
            clock.now += 3600.0
        assert server.connections == 1
        client.close()


def test_idle_time_starts_with_the_last_call() -> None:
    """GETs every 4 s keep the connection usable for a POST."""
    clock = Clock()
    with serve(answer_in_sequence(GOOD)) as server:
        client = make_transport(server.url, clock)
        for _ in range(4):
            client.get("/x")
            clock.now += 4.0
        client.post("/x", b"{}")
        assert server.connections == 1
        client.close()


def test_close_closes_the_connection_at_once() -> None:
    """Also while an error is referenced; a later call opens a connection."""
    with serve(answer_in_sequence(make_reply("404 Not Found"), GOOD)) as server:
        client = make_transport(server.url)
        with pytest.raises(ModelArtsExportError) as raised:
            client.get("/x")
        client.close()
        started = time.monotonic()
        with pytest.raises(ModelArtsExportError):
            client.get("/x")  # the server accepts it only after the first connection was closed
        assert time.monotonic() - started < 2
        client.close()
    assert raised.value.http_status == 404


REFUSALS = [(401, "APIGW.0301"), (401, "APIGW.0307"), (401, "ModelArts.0206"), (403, "ModelArts.0203")]
OTHERS = [(401, "ModelArts.0112"), (401, "ModelArts.4713"), (401, "ModelArts.9"), (401, None), (403, None)]


def make_refused_transport(stub: Stub, status: int, code: str | None) -> Transport:
    """Return a transport to a server that refuses every call."""
    stub.status, stub.body = status, json.dumps({"error_code": code} if code else {}).encode()
    return Transport(stub.url, TokenAuth(Token(token="any")), Settings())


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_refused_key_is_not_used_again(stub: Stub, status: int, code: str) -> None:
    """The gateway locks a key after five refusals: later calls raise the same error, unsent."""
    client = make_refused_transport(stub, status, code)
    for path in ("/x", "/x", "/y"):
        with pytest.raises(AccessError, match=code):
            client.post(path, b"{}")
        with pytest.raises(AccessError, match=code):
            client.get(path)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(("status", "code"), OTHERS)
def test_other_refusal_does_not_block_the_next_call(stub: Stub, status: int, code: str | None) -> None:
    """Missing permission concerns one call, whatever the status is."""
    client = make_refused_transport(stub, status, code)
    for _ in range(3):
        with pytest.raises(ModelArtsExportError):
            client.get("/x")
    assert len(stub.requests) == 3


@pytest.mark.parametrize(
    ("status", "code", "is_authenticated"),
    [
        (200, None, True),
        (400, "ModelArts.4352", True),
        (403, "ModelArts.0010", True),
        (401, "ModelArts.9", False),
        (401, "APIGW.0301", False),
        (400, None, False),
        (429, "APIGW.0308", False),
        (500, "ModelArts.0001", False),
        (502, None, False),
    ],
)
def test_what_shows_that_credentials_are_accepted(
    stub: Stub, status: int, code: str | None, *, is_authenticated: bool
) -> None:
    client = make_refused_transport(stub, status, code)
    assert not client.is_authenticated
    with suppress(ModelArtsExportError):
        client.get("/x")
    assert client.is_authenticated is is_authenticated


def test_refused_key_does_not_block_another_transport(stub: Stub) -> None:
    """It may have another key."""
    with pytest.raises(AccessError):
        make_refused_transport(stub, 401, "APIGW.0301").get("/x")
    with pytest.raises(AccessError):
        make_refused_transport(stub, 401, "APIGW.0301").get("/x")
    assert len(stub.requests) == 2
