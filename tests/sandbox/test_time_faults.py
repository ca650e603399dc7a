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
from modelarts_export.sandbox.faults.catalogue import Delivery, Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.sandbox.gateway import Gateway
from modelarts_export.sandbox.iam import Identity
from modelarts_export.sandbox.messages import Request
from tests.sandbox.faulty import BODY, START, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.sandbox:
        yield world


def test_lag_hides_a_new_task(world: World) -> None:
    old = world.sandbox.gateway.cloud.add_task(world.sandbox.dataset_id, json.loads(BODY), age=60)
    world.set_faults("lag:for=3s")
    task = json.loads(world.create()[1])["task_id"]
    world.now = START + 2.9
    assert [each["task_id"] for each in world.shown()["export_tasks"]] == [old.task_id]
    assert world.shown()["total_count"] == 1
    reply, error = world.ask("GET", f"{world.tasks}/{task}")
    assert (reply.status, json.loads(error)["error_code"]) == (400, "ModelArts.4359")
    assert world.shown(f"{world.tasks}/{old.task_id}")["task_id"] == old.task_id
    world.now = START + 3
    assert [each["task_id"] for each in world.shown()["export_tasks"]] == [task, old.task_id]
    assert world.shown(f"{world.tasks}/{task}")["status"] == "INIT"


def test_lag_can_be_limited_to_the_list_and_a_count(world: World) -> None:
    world.set_faults("lag:for=1d,on=list,count=2")
    task = json.loads(world.create()[1])["task_id"]
    assert [world.shown()["total_count"] for _ in range(4)] == [0, 0, 1, 1]
    assert world.shown(f"{world.tasks}/{task}")["task_id"] == task


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
def test_date_header_has_the_time_of_the_gateway(world: World, words: list[str], date: str | None) -> None:
    world.set_faults(*words)
    for reply in (world.create()[0], world.ask("GET")[0], world.ask("GET", "/nowhere")[0]):
        assert reply.getheader("Date") == date
    created = world.shown()["export_tasks"][0]["create_time"]
    skew = 840 if "clock:skew=14m" in words else 0
    assert created == (START + skew) * 1000


@pytest.mark.parametrize(
    ("skew", "signed", "status"),
    [("14m", 0, 200), ("-14m", 0, 200), ("16m", 0, 401), ("-16m", 0, 401), ("16m", 960, 200)],
)
def test_signatures_are_checked_by_the_clock_of_the_service(
    world: World, skew: str, signed: float, status: int
) -> None:
    world.set_faults(f"clock:skew={skew}", "date:skew=5h")
    date = time.strftime(signing.DATE_FORMAT, time.gmtime(START + signed))
    headers = {"X-Sdk-Date": date}
    canonical = signing.make_canonical_request("GET", world.tasks, headers, b"", signed=["x-sdk-date"])
    signature = signing.compute_signature(canonical, secret_key=world.sandbox.secret_key, date=date)
    headers["Authorization"] = signing.format_authorization(
        world.sandbox.access_key, ["x-sdk-date"], signature
    )
    connection = world.connect()
    connection.request("GET", world.tasks, headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_late_reply_is_complete_and_its_request_executed_at_once(world: World) -> None:
    world.set_faults("late:for=0.1,on=create")
    begin = time.monotonic()
    reply, body = world.create()
    assert time.monotonic() - begin >= 0.1
    assert (reply.status, len(json.loads(body)["task_id"])) == (200, 19)
    begin = time.monotonic()
    assert world.shown()["total_count"] == 1
    assert time.monotonic() - begin < 0.1


def test_stopping_the_sandbox_cancels_a_stalled_reply(world: World) -> None:
    world.set_faults("stall:for=1h")
    errors: list[Exception] = []

    def create() -> None:
        try:
            world.create()
        except (OSError, http.client.HTTPException) as error:
            errors.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    while not world.seen:
        time.sleep(0.005)
    world.sandbox.__exit__(None, None, None)
    thread.join(5)
    for serving in set(threading.enumerate()) - {threading.current_thread()}:
        serving.join(5)
        assert not serving.is_alive()
    assert (len(errors), world.created) == (1, 1)
    world.sandbox.__enter__()


def test_restarted_sandbox_keeps_its_state(world: World) -> None:
    """Tasks, credentials and address are kept, connections are closed."""
    task = json.loads(world.create()[1])["task_id"]
    world.set_faults("500:count=2")
    assert world.create()[0].status == 500
    before, kept = world.sandbox.url, world.connect()
    kept.request("GET", "/")
    assert kept.getresponse().read()
    for _ in range(3):
        world.sandbox.__exit__(None, None, None)
        with pytest.raises(ConnectionRefusedError):
            world.shown()
        world.sandbox.__enter__()
        world.now += 1
        assert world.shown()["export_tasks"][0]["task_id"] == task
    assert world.sandbox.url == before
    assert isinstance(kept.sock, socket.socket)
    assert kept.sock.recv(1) == b""
    kept.close()
    assert [world.create()[0].status for _ in range(2)] == [500, 200]


def test_task_of_any_age_can_be_added(world: World) -> None:
    cloud = world.sandbox.gateway.cloud
    young = json.loads(world.create()[1])["task_id"]
    body = {"path": "/test-obs/out/", "export_type": 3, "export_params": {"sample_state": ""}}
    old = cloud.add_task(world.sandbox.dataset_id, body, age=3600)
    running = cloud.add_task(world.sandbox.dataset_id, body, age=90_000, duration=100_000)
    listed = world.shown()["export_tasks"]
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
        iam=Identity(user_name="u", password="w", domain_name="d", project_id="p", project_name="n"),
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
