"""Failed polls: how long an outage may last, and which errors end a wait at once."""

import json
from collections.abc import Mapping

import pytest

from modelarts_export.errors import (
    AccessError,
    ModelArtsExportError,
    RefusedError,
    TemporaryError,
)
from modelarts_export.polling.poller import TrackedTask
from tests.conftest import DEAD_PROXY, Stub
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    SimulatedTime,
    make_client,
    make_error_reply,
    make_list_reply,
    make_show_body,
    make_task,
    serve_answers,
)

DOWN = make_error_reply("503 Service Unavailable", "ModelArts.4302")
GONE = make_error_reply("400 Bad Request", "ModelArts.4359")
RUNNING, SUCCESSED = make_reply("200 OK", make_show_body()), make_reply("200 OK", make_show_body("SUCCESSED"))


class TimedServer:
    """A server whose answer depends on the time: each one holds from its second on."""

    def __init__(self, time: SimulatedTime, answers: Mapping[int, bytes]) -> None:
        self._time = time
        self._answers = answers

    def __call__(self, _target: str) -> bytes:
        """Return the answer of this second."""
        return [answer for begin, answer in self._answers.items() if begin <= self._time.passed][-1]


def poll_one(
    answers: Mapping[int, bytes], given: object = None, **settings: object
) -> list[tuple[float, TrackedTask]]:
    """Return each snapshot of the one task, with its time."""
    time = SimulatedTime()
    tasks = [given] if isinstance(given, type(make_task())) else [make_task()]
    with serve_answers(TimedServer(time, answers)) as server:
        seen = [
            (at, snapshot[0]) for at, snapshot in time.iter_wait(make_client(server.url), tasks, **settings)
        ]
        assert len(server.requests) == len(seen)
    return seen


PASSING = {
    "internal": make_error_reply("500 Internal Server Error", "ModelArts.0010"),
    "page of a proxy": make_reply("502 Bad Gateway", b"<html>Bad Gateway</html>"),
    "down": DOWN,
    "gateway timeout": make_reply("504 Gateway Timeout"),
    "timeout": make_reply("408 Request Timeout"),
    "throttled": make_error_reply("429 Too Many Requests", "APIGW.0308"),
    "busy": make_error_reply("400 Bad Request", "ModelArts.4409"),
    "nothing": make_reply("200 OK"),
    "no object": make_reply("200 OK", b"[]"),
    "other object": make_reply("200 OK", b'{"hello": "world"}'),
    "cut": make_reply("200 OK", make_show_body())[:-3],
    "no HTTP": b"220 smtp.example ESMTP\r\n",
    "hung up": b"",
}


@pytest.mark.parametrize("fault", PASSING)
def test_short_outage_does_not_end_the_wait(fault: str) -> None:
    """The task keeps its status, and has the error until a poll succeeds."""
    course = {0: RUNNING, 100: PASSING[fault], 800: RUNNING, 1000: SUCCESSED}
    seen = poll_one(course, poll_interval=50.0)
    for at, each in seen:
        assert each.task.status == ("SUCCESSED" if at >= 1000 else "RUNNING")
        assert isinstance(each.last_error, TemporaryError) == (100 <= at < 800)
        assert not each.abandoned
    assert seen[-1][0] == 1000.0


@pytest.mark.parametrize("fault", PASSING)
def test_outage_beyond_max_outage_ends_the_wait(fault: str) -> None:
    """It starts with the first failed poll; the last poll is made when the maximum is reached."""
    seen = poll_one({0: RUNNING, 100: PASSING[fault]}, poll_interval=80.0, max_outage=300.0)
    assert [at for at, _ in seen] == [0.0, 80.0, 160.0, 240.0, 320.0, 400.0, 460.0]
    assert [each.abandoned for _, each in seen] == [False] * 6 + [True]
    _, last = seen[-1]
    assert last.task.status == "RUNNING"
    assert isinstance(last.last_error, TemporaryError)
    assert not last.is_unfinished


def test_refused_connection_is_an_outage() -> None:
    time = SimulatedTime()
    snapshots = list(time.iter_wait(make_client(DEAD_PROXY), [make_task()]))
    assert [at for at, _ in snapshots][-1] == 900.0
    assert len(snapshots) > 30
    assert [snapshot[0].abandoned for _, snapshot in snapshots] == [False] * (len(snapshots) - 1) + [True]
    assert "refused" in str(snapshots[-1][1][0].last_error)


def test_successful_poll_ends_an_outage() -> None:
    """The next outage may last for the maximum again."""
    course = {0: DOWN, 250: RUNNING, 300: DOWN, 550: RUNNING, 600: DOWN, 850: SUCCESSED}
    seen = poll_one(course, poll_interval=50.0, max_outage=300.0)
    assert seen[-1][0] == 850.0
    assert [at for at, each in seen if not each.last_error] == [250.0, 550.0, 850.0]


@pytest.mark.parametrize("outage", [0.1, 0.3, 0.7, 1.1, 299.9, 900.1])
@pytest.mark.parametrize("start", [0.1, 1e3 / 3, 1e6 / 7, 1_606_103_424.7])
def test_end_of_an_outage_is_reached_despite_rounding(outage: float, start: float) -> None:
    """A difference of floats must not lead to endless polls without a pause."""
    time = SimulatedTime(now=start)
    waits = time.iter_wait(make_client(DEAD_PROXY), [make_task()], timeout=None, max_outage=outage)
    assert all(snapshots < 60 for snapshots, _ in enumerate(waits))
    assert time.now == pytest.approx(start + outage)


def test_max_outage_of_0_ends_the_wait_at_the_first_error() -> None:
    ((at, last),) = poll_one({0: DOWN}, max_outage=0.0)
    assert (at, last.abandoned, last.task.status) == (0.0, True, None)
    assert isinstance(last.last_error, TemporaryError)


@pytest.mark.parametrize("slow", [0.5, 1000.0])
def test_slow_consumer_of_snapshots_causes_no_negative_sleep(stub: Stub, slow: float) -> None:
    """A terminal may be stopped during an outage."""
    stub.status = 503
    time = SimulatedTime()
    lost = []
    for _, (each,) in time.iter_wait(make_client(stub.url), [make_task()], max_outage=600.0):
        time.now += slow
        lost.append(each.abandoned)
    assert lost.index(True) == len(lost) - 1 > 0


def test_slow_poll_counts_toward_the_outage_of_another_dataset() -> None:
    time = SimulatedTime()

    def answer(target: str) -> bytes:
        if "/slow/" in target:
            time.now += 700
            return make_reply("200 OK", make_show_body(task_id="b"))
        return DOWN

    with serve_answers(answer) as server:
        tasks = [make_task("a", "down"), make_task("b", "slow")]
        *_, (at, (down, slow)) = time.iter_wait(
            make_client(server.url), tasks, max_outage=600.0, timeout=3000.0
        )
    assert (down.abandoned, slow.abandoned) == (True, False)
    assert at >= 3000


FINAL: dict[str, tuple[bytes, type[ModelArtsExportError]]] = {
    "no permission": (make_error_reply("403 Forbidden", "ModelArts.0112"), AccessError),
    "refused key": (make_error_reply("401 Unauthorized", "APIGW.0301"), AccessError),
    "bad request": (make_error_reply("400 Bad Request", "ModelArts.4384"), RefusedError),
    "redirect": (make_reply("302 Found", b"", "Location: http://127.0.0.1:9/"), RefusedError),
}


@pytest.mark.parametrize("fault", FINAL)
def test_refused_poll_ends_the_wait_at_once(fault: str) -> None:
    """Above all, a refused key is not used again."""
    answer, kind = FINAL[fault]
    seen = poll_one({0: RUNNING, 100: answer}, poll_interval=50.0)
    assert [(at, each.abandoned) for at, each in seen] == [(0.0, False), (50.0, False), (100.0, True)]
    assert type(seen[-1][1].last_error) is kind
    assert seen[-1][1].task.status == "RUNNING"


def answer_for_two(target: str, refusal: bytes) -> bytes:
    """Return a list with the good task alone, and the refusal for the bad one."""
    if "?" in target:
        return make_list_reply([{"task_id": "good", "status": "RUNNING"}], 1)
    return refusal if target.endswith("/bad") else make_reply("200 OK", make_show_body(task_id="good"))


@pytest.mark.parametrize("refusal", [GONE, make_error_reply("400 Bad Request", "ModelArts.0104")])
@pytest.mark.parametrize("listed_too", [False, True])
def test_refused_poll_of_one_task_does_not_end_the_wait_for_others(refusal: bytes, listed_too: bool) -> None:  # noqa: FBT001
    """Its ID may be misspelled."""
    time = SimulatedTime()
    nothing = make_list_reply([], 0)
    with serve_answers(
        lambda target: nothing if "?" in target and not listed_too else answer_for_two(target, refusal)
    ) as server:
        tasks = [make_task("bad"), make_task("good")]
        *_, (at, (bad, good)) = time.iter_wait(make_client(server.url), tasks, timeout=60.0)
    assert at == 60.0
    assert (bad.abandoned, good.abandoned, good.task.status) == (True, False, "RUNNING")


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Service Unavailable"])
def test_outage_of_one_task_does_not_end_the_wait_for_others(status: str) -> None:
    """The others are still polled."""
    time, nothing = SimulatedTime(), make_list_reply([], 0)
    down = make_error_reply(status, "ModelArts.0010")
    with serve_answers(lambda target: nothing if "?" in target else answer_for_two(target, down)) as server:
        tasks = [make_task("bad"), make_task("good")]
        snapshots = [
            (at, bad.abandoned, good.task.status)
            for at, (bad, good) in time.iter_wait(
                make_client(server.url), tasks, timeout=60.0, max_outage=20.0, poll_interval=10.0
            )
        ]
    assert snapshots == [(at, at >= 20.0, "RUNNING") for at in range(0, 61, 10)]


@pytest.mark.parametrize(
    "fault", [make_error_reply("429 Too Many Requests", "APIGW.0308"), make_reply("403 Forbidden"), b""]
)
def test_error_that_concerns_all_tasks_ends_the_round(fault: bytes) -> None:
    """After throttling, a refusal or no reply the next task is not asked for."""
    time, nothing = SimulatedTime(), make_list_reply([], 0)
    with serve_answers(lambda target: nothing if "?" in target else fault) as server:
        _, (bad, good) = next(time.iter_wait(make_client(server.url), [make_task("bad"), make_task("good")]))
        assert len(server.requests) == 2
    assert bad.last_error is good.last_error is not None


def test_refused_list_ends_the_wait_for_the_tasks_of_its_dataset() -> None:
    time = SimulatedTime()
    denied = make_error_reply("403 Forbidden", "ModelArts.0112")
    running = make_list_reply([{"task_id": name, "status": "RUNNING"} for name in "ab"], 2)
    with serve_answers(lambda target: denied if "/denied/" in target else running) as server:
        tasks = [make_task(name, dataset) for name in "ab" for dataset in ("denied", "fine")]
        *_, (at, last) = time.iter_wait(make_client(server.url), tasks, timeout=60.0)
        asked = [request for request in server.requests if b"/denied/" in request]
    assert at == 60.0
    assert [each.abandoned for each in last] == [True, False, True, False]
    assert len(asked) == 1


def test_tasks_listed_before_an_error_are_updated() -> None:
    """Only the tasks of the later pages have the error."""
    first = [{"task_id": f"n{number}", "status": "SUCCESSED"} for number in range(100)]
    time = SimulatedTime()
    with serve_answers(
        lambda target: make_list_reply(first, 200) if target.endswith("=0") else DOWN
    ) as server:
        tasks = [make_task("n7"), make_task("old"), make_task("n8")]
        *_, (_, last) = time.iter_wait(make_client(server.url), tasks, max_outage=20.0)
    assert [(each.task.status, each.abandoned) for each in last] == [
        ("SUCCESSED", False),
        (None, True),
        ("SUCCESSED", False),
    ]
    assert json.loads(json.dumps(last[0].task.raw)) == first[7]
