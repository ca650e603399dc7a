"""Faults that lose, cut or replace a reply, over sockets."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from modelarts_export.sandbox.faults.catalog import KINDS, Delivery
from tests.sandbox.fault_client import BODY, FaultClient

TOLD = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute"


@pytest.fixture
def client() -> Iterator[FaultClient]:
    client = FaultClient()
    with client.sandbox:
        yield client


LOST = [
    ("refuse", ConnectionResetError, 0),
    ("refuse:by=fin", http.client.RemoteDisconnected, 0),
    ("drop", http.client.RemoteDisconnected, 1),
    ("drop:by=rst", ConnectionResetError, 1),
    ("drop:accepted=no", http.client.RemoteDisconnected, 0),
    ("drop:accepted=no,by=rst", ConnectionResetError, 0),
    ("stall:for=0.02", http.client.RemoteDisconnected, 1),
    ("stall:for=0.02,accepted=no,by=rst", ConnectionResetError, 0),
    ("cut", http.client.IncompleteRead, 1),
    ("cut:by=rst", (http.client.IncompleteRead, ConnectionResetError), 1),
]


@pytest.mark.parametrize(("words", "error", "created"), LOST, ids=[words for words, *_ in LOST])
def test_reply_is_lost_once_and_the_next_call_succeeds(
    client: FaultClient, words: str, error: type[Exception], created: int
) -> None:
    client.set_faults(f"{words}{',' if ':' in words else ':'}count=1")
    with pytest.raises(error) as caught:
        client.create_task()
    # A closed connection is an error of the same family as a reset one.
    assert isinstance(caught.value, http.client.RemoteDisconnected) == (
        error is http.client.RemoteDisconnected
    )
    assert client.created == created
    assert client.create_task()[0].status == 200
    assert client.created == created + 1


@pytest.mark.parametrize(
    ("words", "size"), [("cut", 17), ("cut:at=0", 0), ("cut:at=5", 5), ("cut:at=99", 34)]
)
def test_cut_reply_has_head_and_part_of_the_body(client: FaultClient, words: str, size: int) -> None:
    client.set_faults(words)
    with socket.create_connection(("127.0.0.1", client.connect().port), timeout=10) as connection:
        head = f"POST {client.tasks} HTTP/1.1\r\nX-Auth-Token: {client.sandbox.token}\r\n"
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        whole = b"".join(iter(lambda: connection.recv(65536), b""))
    head_back, _, body = whole.partition(b"\r\n\r\n")
    assert head_back.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 34\r\n" in head_back + b"\r\n"
    assert b"Connection: close" not in head_back
    (_, reply), *_ = client.exchanges
    assert body == reply.body[:size]
    assert len(body) == size


ANSWERS = [
    ("busy", 400, "ModelArts.4409", 0),
    ("400:code=ModelArts.4420", 400, "ModelArts.4420", 0),
    ("busy:code=ModelArts.4370", 400, "ModelArts.4370", 0),
    ("500:code=ModelArts.0109", 500, "ModelArts.0109", 0),
    ("403", 403, "ModelArts.0112", 0),
    ("408", 408, "ModelArts.4205", 0),
    ("408:accepted=yes", 408, "ModelArts.4205", 1),
    ("429", 429, "APIGW.0308", 0),
    ("429:code=ModelArts.4206", 429, "ModelArts.4206", 0),
    ("500", 500, "ModelArts.0010", 0),
    ("500:accepted=yes", 500, "ModelArts.0010", 1),
    ("502", 502, None, 1),
    ("502:accepted=no", 502, None, 0),
    ("503", 503, "ModelArts.4302", 0),
    ("503:code=none", 503, None, 0),
    ("503:accepted=yes,code=none", 503, None, 1),
    ("504", 504, None, 1),
    ("504:code=APIGW.0201", 504, "APIGW.0201", 1),
    ("504:accepted=no", 504, None, 0),
]


def test_every_fault_of_a_reply_has_a_test_of_its_effect() -> None:
    tested = {words.partition(":")[0] for words in (*(row[0] for row in LOST), *(row[0] for row in ANSWERS))}
    assert tested == {name for name, kind in KINDS.items() if kind.aspect == "answer"}


def test_message_of_a_fault_fits_its_code(client: FaultClient) -> None:
    """It is the API's message for this code, not that of the kind."""
    client.set_faults("busy:code=ModelArts.4370")
    assert json.loads(client.create_task()[1])["error_msg"] == (
        "Only one dataset version can be published in a minute"
    )


@pytest.mark.parametrize(
    ("words", "status", "code", "created"), ANSWERS, ids=[words for words, *_ in ANSWERS]
)
def test_fault_replies_instead_of_the_service(
    client: FaultClient, words: str, status: int, code: str | None, created: int
) -> None:
    client.set_faults(words)
    reply, body = client.create_task()
    assert (reply.status, client.created) == (status, created)
    assert reply.getheader("Date") == "Mon, 23 Nov 2020 03:50:24 GMT"
    assert reply.getheader("Retry-After") is None
    if code is None:
        assert reply.getheader("Content-Type") == "text/html"
        assert reply.getheader("X-Request-Id") is None
        assert f"<h1>{status} ".encode() in body
    else:
        error = json.loads(body)
        assert error["error_code"] == code
        assert ("request_id" in error) == code.startswith("APIGW.")


def test_throttling_has_the_message_of_the_gateway(client: FaultClient) -> None:
    client.set_faults("429")
    assert json.loads(client.create_task()[1])["error_msg"] == TOLD


@pytest.mark.parametrize(
    ("words", "header"),
    [
        ("429:retry-after=3", "3"),
        ("429:retry-after=2.1s", "3"),
        ("503:retry-after=2m", "120"),
        ("503:code=none,retry-after=0", "0"),
        ("429:retry-at=1m", "Mon, 23 Nov 2020 03:51:24 GMT"),
    ],
)
def test_fault_sets_retry_after(client: FaultClient, words: str, header: str) -> None:
    client.set_faults(words)
    assert client.create_task()[0].getheader("Retry-After") == header


def test_date_in_retry_after_is_relative_to_the_header_date(client: FaultClient) -> None:
    client.set_faults("429:retry-at=1m", "date:skew=1h")
    reply, _ = client.create_task()
    assert reply.getheader("Date") == "Mon, 23 Nov 2020 04:50:24 GMT"
    assert reply.getheader("Retry-After") == "Mon, 23 Nov 2020 04:51:24 GMT"


def test_fault_applies_to_its_calls_only(client: FaultClient) -> None:
    task = json.loads(client.create_task()[1])["task_id"]
    targets = {
        "list": f"{client.tasks}?limit=5",
        "show": f"{client.tasks}/{task}",
        "datasets": f"/v2/{client.sandbox.project_id}/datasets",
    }
    for name in targets:
        client.set_faults(f"500:on={name}")
        assert client.create_task()[0].status == 200
        assert {other: client.send("GET", targets[other])[0].status for other in targets} == {
            other: 500 if other == name else 200 for other in targets
        }


def test_request_on_a_refused_connection_is_not_read(client: FaultClient) -> None:
    """The server does not wait for the body, and the observer receives none."""
    client.set_faults("refuse")
    connection = client.connect()
    connection.putrequest("POST", client.tasks)
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
    (request, reply), *others = client.exchanges
    assert (request.method, request.body, reply.delivery, others) == ("POST", b"", Delivery.REFUSED, [])


def test_observer_receives_lost_replies(client: FaultClient) -> None:
    client.set_faults("drop")
    with pytest.raises(http.client.RemoteDisconnected):
        client.create_task()
    (_, reply), *_ = client.exchanges
    (task,) = client.sandbox.gateway.cloud.list_tasks(client.sandbox.dataset_id)
    assert (reply.delivery, json.loads(reply.body)) == (Delivery.DROPPED, {"task_id": task.task_id})


def test_faults_apply_to_kept_connections(client: FaultClient) -> None:
    client.set_faults("refuse:on=list,after=1,count=1")
    connection, headers = client.connect(), {"X-Auth-Token": client.sandbox.token}
    connection.request("GET", client.tasks, headers=headers)
    assert connection.getresponse().read()
    connection.request("GET", client.tasks, headers=headers)
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
