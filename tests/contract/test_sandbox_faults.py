"""The sandbox's faults as they arrive: over sockets, by a clock set by hand, and through a restart."""

import calendar
import email.utils
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelarts_export import signing
from modelarts_export.config import duration
from modelarts_export.sandbox.access import Credentials
from modelarts_export.sandbox.exchange import Fate, Reply, Request
from modelarts_export.sandbox.fault_words import read
from modelarts_export.sandbox.faults import Faults
from modelarts_export.sandbox.gateway import Gateway
from modelarts_export.sandbox.identity import Identity
from modelarts_export.sandbox.server import Sandbox

START = 1_606_103_424.0
BODY = b'{"path": "/test-obs/out/"}'
TOLD = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 minute"


@dataclass(kw_only=True)
class World:
    """A sandbox whose clock is `now`, in epoch seconds, and what was said to it."""

    now: float = START
    seen: list[tuple[Request, Reply]] = field(default_factory=list)
    sandbox: Sandbox = field(init=False)

    def __post_init__(self) -> None:
        """Make the sandbox, still to be started."""
        chance = random.Random(7)  # noqa: S311 - IDs, not secrets
        self.sandbox = Sandbox(
            task_duration=100.0,
            clock=lambda: self.now,
            chance=chance,
            observe=lambda request, reply: self.seen.append((request, reply)),
        )

    def go_wrong(self, *words: str) -> None:
        """Let these faults happen from now on, and no others."""
        self.sandbox.gateway.faults = Faults(read(each, duration) for each in words)

    @property
    def tasks(self) -> str:
        """The path of the first dataset's export tasks."""
        return f"/v2/{self.sandbox.project_id}/datasets/{self.sandbox.dataset_id}/export-tasks"

    @property
    def created(self) -> int:
        """How many tasks there are, whatever is shown of them."""
        return len(self.sandbox.gateway.cloud.tasks(self.sandbox.dataset_id))

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that is made with the first request."""
        return http.client.HTTPConnection(self.sandbox.url.removeprefix("http://"), timeout=10)

    def ask(
        self, method: str, target: str = "", body: bytes | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request with the token, by a connection of its own, and return reply and body."""
        connection = self.connect()
        try:
            headers = {"X-Auth-Token": self.sandbox.token}
            connection.request(method, target or self.tasks, body=body, headers=headers)
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()

    def create(self) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask for a task."""
        return self.ask("POST", body=BODY)

    def shown(self, target: str = "") -> dict[str, Any]:
        """Return what a look shows."""
        return dict(json.loads(self.ask("GET", target)[1]))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.sandbox:
        yield world


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
def test_a_reply_is_lost_once_and_the_next_call_is_well(
    world: World, words: str, error: type[Exception], created: int
) -> None:
    world.go_wrong(f"{words}{',' if ':' in words else ':'}count=1")
    with pytest.raises(error) as caught:
        world.create()
    # A closed connection is an error of the same family as a reset one.
    assert isinstance(caught.value, http.client.RemoteDisconnected) == (
        error is http.client.RemoteDisconnected
    )
    assert world.created == created
    assert world.create()[0].status == 200
    assert world.created == created + 1


@pytest.mark.parametrize(
    ("words", "size"), [("cut", 17), ("cut:at=0", 0), ("cut:at=5", 5), ("cut:at=99", 34)]
)
def test_a_cut_reply_has_its_head_and_a_part_of_its_body(world: World, words: str, size: int) -> None:
    world.go_wrong(words)
    with socket.create_connection(("127.0.0.1", world.connect().port), timeout=10) as connection:
        head = f"POST {world.tasks} HTTP/1.1\r\nX-Auth-Token: {world.sandbox.token}\r\n"
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        whole = b"".join(iter(lambda: connection.recv(65536), b""))
    head_back, _, body = whole.partition(b"\r\n\r\n")
    assert head_back.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 34\r\n" in head_back + b"\r\n"
    assert b"Connection: close" not in head_back
    (_, reply), *_ = world.seen
    assert body == reply.body[:size]
    assert len(body) == size


ANSWERS = [
    ("busy", 400, "ModelArts.4409", 0),
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


@pytest.mark.parametrize(
    ("words", "status", "code", "created"), ANSWERS, ids=[words for words, *_ in ANSWERS]
)
def test_another_answer_than_the_services(
    world: World, words: str, status: int, code: str | None, created: int
) -> None:
    world.go_wrong(words)
    reply, body = world.create()
    assert (reply.status, world.created) == (status, created)
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


def test_throttling_is_told_in_the_gateways_words(world: World) -> None:
    world.go_wrong("429")
    assert json.loads(world.create()[1])["error_msg"] == TOLD


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
def test_a_reply_says_when_to_come_again(world: World, words: str, header: str) -> None:
    world.go_wrong(words)
    assert world.create()[0].getheader("Retry-After") == header


def test_a_date_to_come_again_is_by_the_header_date(world: World) -> None:
    world.go_wrong("429:retry-at=1m", "date:skew=1h")
    reply, _ = world.create()
    assert reply.getheader("Date") == "Mon, 23 Nov 2020 04:50:24 GMT"
    assert reply.getheader("Retry-After") == "Mon, 23 Nov 2020 04:51:24 GMT"


def test_a_fault_is_for_its_calls_alone(world: World) -> None:
    task = json.loads(world.create()[1])["task_id"]
    targets = {
        "list": f"{world.tasks}?limit=5",
        "show": f"{world.tasks}/{task}",
        "datasets": f"/v2/{world.sandbox.project_id}/datasets",
    }
    for name in targets:
        world.go_wrong(f"500:on={name}")
        assert world.create()[0].status == 200
        assert {other: world.ask("GET", targets[other])[0].status for other in targets} == {
            other: 500 if other == name else 200 for other in targets
        }


def test_a_refused_request_is_not_read(world: World) -> None:
    """A body that never comes does not hold it up, and what watches the sandbox sees none."""
    world.go_wrong("refuse")
    connection = world.connect()
    connection.putrequest("POST", world.tasks)
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
    (request, reply), *others = world.seen
    assert (request.method, request.body, reply.fate, others) == ("POST", b"", Fate.REFUSED, [])


def test_the_observer_sees_what_was_lost(world: World) -> None:
    world.go_wrong("drop")
    with pytest.raises(http.client.RemoteDisconnected):
        world.create()
    (_, reply), *_ = world.seen
    (task,) = world.sandbox.gateway.cloud.tasks(world.sandbox.dataset_id)
    assert (reply.fate, json.loads(reply.body)) == (Fate.DROPPED, {"task_id": task.task_id})


def test_a_kept_connection_is_no_way_around(world: World) -> None:
    world.go_wrong("refuse:on=list,after=1,count=1")
    connection, headers = world.connect(), {"X-Auth-Token": world.sandbox.token}
    connection.request("GET", world.tasks, headers=headers)
    assert connection.getresponse().read()
    connection.request("GET", world.tasks, headers=headers)
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()


def test_a_lag_hides_a_new_task(world: World) -> None:
    old = world.sandbox.gateway.cloud.plant(world.sandbox.dataset_id, json.loads(BODY), age=60)
    world.go_wrong("lag:for=3s")
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


def test_a_lag_of_the_list_alone_for_so_many_looks(world: World) -> None:
    world.go_wrong("lag:for=1d,on=list,count=2")
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
def test_the_date_is_the_gateways_own(world: World, words: list[str], date: str | None) -> None:
    world.go_wrong(*words)
    for reply in (world.create()[0], world.ask("GET")[0], world.ask("GET", "/nowhere")[0]):
        assert reply.getheader("Date") == date
    created = world.shown()["export_tasks"][0]["create_time"]
    skew = 840 if "clock:skew=14m" in words else 0
    assert created == (START + skew) * 1000


@pytest.mark.parametrize(
    ("skew", "signed", "status"),
    [("14m", 0, 200), ("-14m", 0, 200), ("16m", 0, 401), ("-16m", 0, 401), ("16m", 960, 200)],
)
def test_signatures_are_checked_by_the_services_clock(
    world: World, skew: str, signed: float, status: int
) -> None:
    world.go_wrong(f"clock:skew={skew}", "date:skew=5h")
    date = time.strftime(signing.DATE_FORMAT, time.gmtime(START + signed))
    headers = {"X-Sdk-Date": date}
    canonical = signing.canonical_request("GET", world.tasks, headers, b"", signed=["x-sdk-date"])
    signature = signing.signature(canonical, secret_key=world.sandbox.secret_key, date=date)
    headers["Authorization"] = signing.authorization(world.sandbox.access_key, ["x-sdk-date"], signature)
    connection = world.connect()
    connection.request("GET", world.tasks, headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_a_late_reply_is_whole_and_its_request_done_at_once(world: World) -> None:
    world.go_wrong("late:for=0.1,on=create")
    begin = time.monotonic()
    reply, body = world.create()
    assert time.monotonic() - begin >= 0.1
    assert (reply.status, len(json.loads(body)["task_id"])) == (200, 19)
    begin = time.monotonic()
    assert world.shown()["total_count"] == 1
    assert time.monotonic() - begin < 0.1


def test_the_end_of_the_sandbox_does_not_wait_for_a_stalled_reply(world: World) -> None:
    world.go_wrong("stall:for=1h")
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


def test_a_sandbox_goes_on_where_it_was(world: World) -> None:
    """The block may end and begin again: tasks, credentials and address stay, connections do not."""
    task = json.loads(world.create()[1])["task_id"]
    world.go_wrong("500:count=2")
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


def test_a_task_of_any_age_can_be_planted(world: World) -> None:
    cloud = world.sandbox.gateway.cloud
    young = json.loads(world.create()[1])["task_id"]
    body = {"path": "/test-obs/out/", "export_type": 3, "export_params": {"sample_state": ""}}
    old = cloud.plant(world.sandbox.dataset_id, body, age=3600)
    running = cloud.plant(world.sandbox.dataset_id, body, age=90_000, duration=100_000)
    listed = world.shown()["export_tasks"]
    assert [each["task_id"] for each in listed] == [young, old.task_id, running.task_id]
    assert [each["status"] for each in listed] == ["INIT", "SUCCESSED", "RUNNING"]
    assert [each["create_time"] for each in listed] == [(START - age) * 1000 for age in (0, 3600, 90_000)]


def test_the_gateway_says_without_sockets_what_is_to_happen() -> None:
    """What carries requests by itself can do to each reply what the server does."""
    credentials = Credentials(access_key="a", secret_key="s", token="t", project_id="p")
    some = Faults(read(each, duration) for each in ("drop:by=rst,count=1", "cut:at=3,count=1", "stall:for=9"))
    gateway = Gateway(
        credentials=credentials,
        iam=Identity(user_name="u", password="w", domain_name="d", project_id="p", project_name="n"),
        clock=lambda: START,
        chance=random.Random(7),  # noqa: S311 - IDs, not secrets
        faults=some,
    )
    target = "/v2/p/datasets/sandbox-images/export-tasks"
    request = Request(method="POST", target=target, headers={"X-Auth-Token": "t"}, body=BODY)
    dropped, cut, stalled = (gateway.answer(request) for _ in range(3))
    assert (dropped.fate, dropped.reset, dropped.delay, dropped.status) == (Fate.DROPPED, True, 0, 200)
    assert (cut.fate, cut.reset, cut.cut_at, cut.delay) == (Fate.CUT, False, 3, 0)
    assert (stalled.fate, stalled.delay) == (Fate.DROPPED, 9)
    assert len(gateway.cloud.tasks("sandbox-images")) == 3
    date = email.utils.parsedate(dropped.headers["Date"])
    assert date is not None
    assert calendar.timegm(date) == START
