"""Faults of time: lags, clock skew and late replies; also restarts, and tasks of any age."""

import calendar
import email.utils
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from modelarts_export.auth import signing
from modelarts_export.config.parsers import parse_duration
from modelarts_export.sandbox.authentication import Credentials
from modelarts_export.sandbox.faults.catalog import Delivery, Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.gateway import Gateway
from modelarts_export.sandbox.iam import Iam
from modelarts_export.sandbox.messages import Request
from modelarts_export.sandbox.tokens import Tokens
from tests.sandbox.fault_client import BODY, START, FaultClient


@pytest.fixture
def client() -> Iterator[FaultClient]:
    client = FaultClient()
    with client.sandbox:
        yield client


def test_lag_hides_a_new_task(client: FaultClient) -> None:
    old = client.sandbox.gateway.cloud.add_task(client.sandbox.dataset_id, json.loads(BODY), age=60)
    client.set_faults("lag:for=3s")
    task = json.loads(client.create_task()[1])["task_id"]
    client.now = START + 2.9
    assert [each["task_id"] for each in client.get()["export_tasks"]] == [old.task_id]
    assert client.get()["total_count"] == 1
    reply, error = client.send("GET", f"{client.tasks}/{task}")
    assert (reply.status, json.loads(error)["error_code"]) == (400, "ModelArts.4359")
    assert client.get(f"{client.tasks}/{old.task_id}")["task_id"] == old.task_id
    client.now = START + 3
    assert [each["task_id"] for each in client.get()["export_tasks"]] == [task, old.task_id]
    assert client.get(f"{client.tasks}/{task}")["status"] == "INIT"


def test_lag_can_be_limited_to_the_list_and_a_count(client: FaultClient) -> None:
    client.set_faults("lag:for=1d,on=list,count=2")
    task = json.loads(client.create_task()[1])["task_id"]
    assert [client.get()["total_count"] for _ in range(4)] == [0, 0, 1, 1]
    assert client.get(f"{client.tasks}/{task}")["task_id"] == task


@pytest.mark.parametrize(
    ("words", "date"),
    [
        (["date:skew=14m"], "Mon, 23 Nov 2020 04:04:24 GMT"),
        (["date:skew=-2s"], "Mon, 23 Nov 2020 03:50:22 GMT"),
        (["no-date"], None),
        (["clock:skew=14m"], "Mon, 23 Nov 2020 03:50:24 GMT"),
        (["clock:skew=14m", "date:skew=-14m"], "Mon, 23 Nov 2020 03:36:24 GMT"),
    ],
)
def test_date_header_has_the_time_of_the_gateway(
    client: FaultClient, words: list[str], date: str | None
) -> None:
    client.set_faults(*words)
    for reply in (client.create_task()[0], client.send("GET")[0], client.send("GET", "/nowhere")[0]):
        assert reply.getheader("Date") == date
    created = client.get()["export_tasks"][0]["create_time"]
    skew = 840 if "clock:skew=14m" in words else 0
    assert created == (START + skew) * 1000


@pytest.mark.parametrize(
    ("skew", "signed", "status"),
    [("14m", 0, 200), ("-14m", 0, 200), ("16m", 0, 401), ("-16m", 0, 401), ("16m", 960, 200)],
)
def test_signatures_are_checked_by_the_clock_of_the_service(
    client: FaultClient, skew: str, signed: float, status: int
) -> None:
    client.set_faults(f"clock:skew={skew}", "date:skew=5h")
    date = time.strftime(signing.DATE_FORMAT, time.gmtime(START + signed))
    headers = {"X-Sdk-Date": date}
    canonical = signing.make_canonical_request("GET", client.tasks, headers, b"", signed=["x-sdk-date"])
    signature = signing.compute_signature(canonical, secret_key=client.sandbox.secret_key, date=date)
    headers["Authorization"] = signing.format_authorization(
        client.sandbox.access_key, ["x-sdk-date"], signature
    )
    connection = client.connect()
    connection.request("GET", client.tasks, headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_late_reply_is_complete_and_its_request_executed_at_once(client: FaultClient) -> None:
    client.set_faults("late:for=0.1,on=create")
    begin = time.monotonic()
    reply, body = client.create_task()
    assert time.monotonic() - begin >= 0.1
    assert (reply.status, len(json.loads(body)["task_id"])) == (200, 19)
    begin = time.monotonic()
    assert client.get()["total_count"] == 1
    assert time.monotonic() - begin < 0.1


def test_stopping_the_sandbox_cancels_a_stalled_reply(client: FaultClient) -> None:
    client.set_faults("stall:for=1h")
    errors: list[Exception] = []

    def create() -> None:
        try:
            client.create_task()
        except (OSError, http.client.HTTPException) as error:
            errors.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    while not client.exchanges:
        time.sleep(0.005)
    client.sandbox.__exit__(None, None, None)
    thread.join(5)
    for serving in set(threading.enumerate()) - {threading.current_thread()}:
        serving.join(5)
        assert not serving.is_alive()
    assert (len(errors), client.created) == (1, 1)
    client.sandbox.__enter__()


def test_restarted_sandbox_keeps_its_state(client: FaultClient) -> None:
    """Tasks, credentials and address are kept, connections are closed."""
    task = json.loads(client.create_task()[1])["task_id"]
    client.set_faults("500:count=2")
    assert client.create_task()[0].status == 500
    before, kept = client.sandbox.url, client.connect()
    kept.request("GET", "/")
    assert kept.getresponse().read()
    for _ in range(3):
        client.sandbox.__exit__(None, None, None)
        with pytest.raises(ConnectionRefusedError):
            client.get()
        client.sandbox.__enter__()
        client.now += 1
        assert client.get()["export_tasks"][0]["task_id"] == task
    assert client.sandbox.url == before
    assert isinstance(kept.sock, socket.socket)
    assert kept.sock.recv(1) == b""
    kept.close()
    assert [client.create_task()[0].status for _ in range(2)] == [500, 200]


def test_task_of_any_age_can_be_added(client: FaultClient) -> None:
    cloud = client.sandbox.gateway.cloud
    young = json.loads(client.create_task()[1])["task_id"]
    body = {"path": "/test-obs/out/", "export_type": 3, "export_params": {"sample_state": ""}}
    old = cloud.add_task(client.sandbox.dataset_id, body, age=3600)
    running = cloud.add_task(client.sandbox.dataset_id, body, age=90_000, duration=100_000)
    listed = client.get()["export_tasks"]
    assert [each["task_id"] for each in listed] == [young, old.task_id, running.task_id]
    assert [each["status"] for each in listed] == ["INIT", "SUCCESSED", "RUNNING"]
    assert [each["create_time"] for each in listed] == [(START - age) * 1000 for age in (0, 3600, 90_000)]


def test_gateway_returns_the_delivery_without_sockets() -> None:
    """A caller without sockets can deliver each reply as the server does."""
    credentials = Credentials(access_key="a", secret_key="s", token="t", project_id="p")
    some = Faults(
        parse_fault(each, parse_duration)
        for each in ("drop:by=rst,count=1", "cut:at=3,count=1", "stall:for=9")
    )
    gateway = Gateway(
        credentials=credentials,
        iam=Iam([], Tokens()),
        clock=lambda: START,
        rng=random.Random(7),  # noqa: S311 - IDs, not secrets
        faults=some,
    )
    target = "/v2/p/datasets/sandbox-images/export-tasks"
    request = Request(method="POST", target=target, headers={"X-Auth-Token": "t"}, body=BODY)
    dropped, cut, stalled = (gateway.answer(request) for _ in range(3))
    assert (dropped.delivery, dropped.reset, dropped.delay, dropped.status) == (
        Delivery.DROPPED,
        True,
        0,
        200,
    )
    assert (cut.delivery, cut.reset, cut.cut_at, cut.delay) == (Delivery.CUT, False, 3, 0)
    assert (stalled.delivery, stalled.delay) == (Delivery.DROPPED, 9)
    assert len(gateway.cloud.list_tasks("sandbox-images")) == 3
    date = email.utils.parsedate(dropped.headers["Date"])
    assert date is not None
    assert calendar.timegm(date) == START
