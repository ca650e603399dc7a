"""What a transport does not do: send on a connection that may be dead, or with a key that was refused."""

import json
import time

import pytest

from modelarts_export.auth.credentials import Token
from modelarts_export.auth.request_auth import TokenAuth
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, ModelArtsExportError
from modelarts_export.transport.session import Transport
from tests.conftest import Stub
from tests.support.raw_server import CREATED, reply, serving, transport, turns

GOOD = reply("200 OK", CREATED)


class Clock:
    """A clock that stands still until a test sets it."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


@pytest.mark.parametrize(("idle", "connections"), [(0.0, 1), (5.0, 1), (5.1, 2), (3600.0, 2)])
def test_a_post_goes_on_a_fresh_connection(idle: float, connections: int) -> None:
    """One that nobody used for 5 s may have been closed: a POST on it might have arrived, for all we know."""
    clock = Clock()
    with serving(turns(GOOD)) as server:
        client = transport(server.url, clock)
        client.get("/x")
        clock.now += idle
        client.post("/x", b"{}")
        assert server.connections == connections
        client.close()


def test_a_look_goes_on_any_connection() -> None:
    """A GET that is lost has changed nothing, so that nothing is in doubt."""
    clock = Clock()
    with serving(turns(GOOD)) as server:
        client = transport(server.url, clock)
        for _ in range(3):
            client.get("/x")
            clock.now += 3600.0
        assert server.connections == 1
        client.close()


def test_each_call_keeps_a_connection_fresh() -> None:
    """It is the last use that counts, not the first."""
    clock = Clock()
    with serving(turns(GOOD)) as server:
        client = transport(server.url, clock)
        for _ in range(4):
            client.get("/x")
            clock.now += 4.0
        client.post("/x", b"{}")
        assert server.connections == 1
        client.close()


def test_closing_hangs_up_at_once() -> None:
    """Also while somebody holds an error; a later call connects anew."""
    with serving(turns(reply("404 Not Found"), GOOD)) as server:
        client = transport(server.url)
        with pytest.raises(ModelArtsExportError) as held:
            client.get("/x")
        client.close()
        begun = time.monotonic()
        with pytest.raises(ModelArtsExportError):
            client.get("/x")  # which the server hears only when the first connection has ended
        assert time.monotonic() - begun < 2
        client.close()
    assert held.value.http_status == 404


REFUSALS = [(401, "APIGW.0301"), (401, "APIGW.0307"), (401, "ModelArts.0206"), (403, "ModelArts.0203")]
OTHERS = [(401, "ModelArts.0112"), (401, "ModelArts.4713"), (401, "ModelArts.9"), (401, None), (403, None)]


def keyed(stub: Stub, status: int, code: str | None) -> Transport:
    """Return a transport to a server that refuses with this."""
    stub.status, stub.body = status, json.dumps({"error_code": code} if code else {}).encode()
    return Transport(stub.url, TokenAuth(Token(token="any")), Settings())


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_refused_key_is_used_no_more(stub: Stub, status: int, code: str) -> None:
    """The gateway locks a key after five refusals: every later call ends as the first did, unsent."""
    client = keyed(stub, status, code)
    for path in ("/x", "/x", "/y"):
        with pytest.raises(AccessError, match=code):
            client.post(path, b"{}")
        with pytest.raises(AccessError, match=code):
            client.get(path)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(("status", "code"), OTHERS)
def test_other_refusals_are_about_one_call(stub: Stub, status: int, code: str | None) -> None:
    """No permission for one call says nothing of the next, whatever its status is."""
    client = keyed(stub, status, code)
    for _ in range(3):
        with pytest.raises(ModelArtsExportError):
            client.get("/x")
    assert len(stub.requests) == 3


def test_another_transport_has_its_own_key(stub: Stub) -> None:
    """What one key is refused another may be granted."""
    with pytest.raises(AccessError):
        keyed(stub, 401, "APIGW.0301").get("/x")
    with pytest.raises(AccessError):
        keyed(stub, 401, "APIGW.0301").get("/x")
    assert len(stub.requests) == 2
