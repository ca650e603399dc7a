"""Pauses between polls, and the deadline of a wait: HTTP in simulated time."""

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from modelarts_export.transport.response import Response
from tests.conftest import Stub
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    FixedRandom,
    SimulatedTime,
    make_client,
    make_error_reply,
    make_list_reply,
    make_show_body,
    make_task,
    serve_answers,
)

GROWING = [0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 5.6953125, 8.54296875, 12.814453125, 19.2216796875]


@pytest.mark.parametrize(("random_number", "factor"), [(0.0, 0.9), (0.5, 1.0), (1.0, 1.1)])
def test_pauses_grow_from_half_a_second_to_thirty(stub: Stub, random_number: float, factor: float) -> None:
    """Each is half as long again as the one before, with a tenth of jitter."""
    stub.body = make_show_body()
    time = SimulatedTime(rng=FixedRandom(random_number))
    snapshots = list(time.iter_wait(make_client(stub.url), [make_task()], timeout=200.0))
    wanted = [pause * factor for pause in [*GROWING, 28.83251953125, *[30.0] * 5]]
    fitting = len(time.sleeps) - 1  # the last is cut by the deadline
    assert time.sleeps[:fitting] == pytest.approx(wanted[:fitting])
    assert fitting >= 12
    assert len(stub.requests) == len(snapshots) == len(time.sleeps) + 1


def test_jitter_is_random(stub: Stub) -> None:
    """Waits that began together do not poll together."""
    stub.body = make_show_body()
    time = SimulatedTime(rng=random.Random(1))  # noqa: S311 - spreads load, and keeps no secret
    list(time.iter_wait(make_client(stub.url), [make_task()], timeout=3600.0, poll_interval=20.0))
    pauses = time.sleeps[:-1]
    assert len(set(pauses)) == len(pauses) > 150
    assert 18.0 <= min(pauses) < 18.2
    assert 21.8 < max(pauses) <= 22.0


@pytest.mark.parametrize(
    ("interval", "random_number", "wanted"), [(7.0, 0.5, 7.0), (7.0, 0.0, 6.3), (120.0, 1.0, 132.0)]
)
def test_given_interval_is_fixed(stub: Stub, interval: float, random_number: float, wanted: float) -> None:
    """It neither grows nor depends on the estimate; the tenth of jitter stays."""
    time = SimulatedTime(rng=FixedRandom(random_number))
    stub.body = make_show_body(total_sample_count=10**6, finished_sample_count=0)

    def export(passed: float) -> None:
        stub.body = make_show_body(total_sample_count=10**6, finished_sample_count=int(passed))

    time.meanwhile = export
    list(time.iter_wait(make_client(stub.url), [make_task()], timeout=10.5 * wanted, poll_interval=interval))
    assert time.sleeps[:-1] == pytest.approx([wanted] * 10)


def make_throttled_server(passed: Callable[[], float], *headers: str) -> Callable[[str], bytes]:
    """Return a server that is throttled for the first ten seconds."""
    busy = make_error_reply("429 Too Many Requests", "APIGW.0308", *headers)
    return lambda _target: busy if passed() < 10 else make_reply("200 OK", make_show_body())


DATE = "Date: Sun, 06 Nov 2033 08:49:37 GMT"
# what the server asks for, and the first pauses
ASKED = [
    (["Retry-After: 17"], [17.0, 0.75]),
    (["Retry-After: 0"], [0.5, 0.75]),
    (["Retry-After:  17 "], [17.0, 0.75]),
    ([DATE, "Retry-After: Sun, 06 Nov 2033 08:50:07 GMT"], [30.0, 0.75]),
    ([DATE, "Retry-After: Sunday, 06-Nov-33 08:50:07 GMT"], [30.0, 0.75]),
    ([DATE, "Retry-After: Sun, 06 Nov 2033 08:49:30 GMT"], [0.5, 0.75]),
    (["Retry-After: Sun, 06 Nov 2033 08:50:07 GMT"], [0.5, 0.75]),
    (["Date: yesterday", "Retry-After: Sun, 06 Nov 2033 08:50:07 GMT"], [0.5, 0.75]),
    ([DATE, "Retry-After: soon"], [0.5, 0.75]),
    ([DATE, "Retry-After: -5"], [0.5, 0.75]),
    (["Retry-After: 1.5"], [0.5, 0.75]),
]


@pytest.mark.parametrize(("headers", "wanted"), ASKED)
def test_retry_after_is_honored(headers: list[str], wanted: list[float]) -> None:
    """In seconds, or until a time by the server's clock."""
    time = SimulatedTime()
    with serve_answers(make_throttled_server(lambda: time.passed, *headers)) as server:
        list(time.iter_wait(make_client(server.url), [make_task()], timeout=60.0))
    assert time.sleeps[:2] == wanted


@pytest.mark.parametrize("interval", [None, 2.0])
@pytest.mark.parametrize("random_number", [0.0, 1.0])
def test_jitter_does_not_shorten_retry_after(interval: float | None, random_number: float) -> None:
    time = SimulatedTime(rng=FixedRandom(random_number))
    with serve_answers(make_throttled_server(lambda: time.passed, "Retry-After: 2")) as server:
        list(time.iter_wait(make_client(server.url), [make_task()], timeout=5.0, poll_interval=interval))
    assert time.sleeps[0] == (2.2 if interval and random_number else 2.0)


def test_retry_after_does_not_exceed_deadline_or_outage() -> None:
    """There is a last poll at the deadline, and one at the end of the longest outage."""
    for settings, wanted in [({"timeout": 50.0}, [50.0]), ({"max_outage": 70.0}, [70.0])]:
        time = SimulatedTime()
        with serve_answers(
            lambda _: make_error_reply("503 Service Unavailable", "x", "Retry-After: 999999999")
        ) as server:
            list(time.iter_wait(make_client(server.url), [make_task()], **settings))
            assert len(server.requests) == 2
        assert time.sleeps == wanted


def test_longest_retry_after_of_several_datasets_is_honored() -> None:
    time = SimulatedTime()
    busy = make_error_reply("429 Too Many Requests", "APIGW.0308", "Retry-After: 40")
    with serve_answers(
        lambda target: busy if "/busy/" in target else make_reply("200 OK", make_show_body())
    ) as server:
        tasks = [make_task("a", "busy"), make_task("b", "fine")]
        list(time.iter_wait(make_client(server.url), tasks, timeout=100.0))
    assert time.sleeps == [40.0, 40.0, 20.0]


class ExportingTasks:
    """A server of tasks, each with samples a second by its ID, or without counts when that is 0."""

    def __init__(self, time: SimulatedTime, total: int) -> None:
        """Have as many samples for each."""
        self._time = time
        self._total = total

    def __call__(self, target: str) -> bytes:
        """Return the list, or one task."""
        if "?" in target:
            return make_list_reply([self._task(rate) for rate in ("0", "1", "5")], 3)
        return make_reply("200 OK", make_show_body(**self._task(target[-1])))

    def _task(self, rate: str) -> dict[str, object]:
        done = int(self._time.passed * int(rate))
        counts = {"total_sample_count": self._total, "finished_sample_count": min(done, self._total)}
        ended = "SUCCESSED" if done >= self._total else "RUNNING"
        return {"task_id": rate, "status": ended, **(counts if rate != "0" else {})}


def measure_pauses(*rates: str, total: int, timeout: float = 7200.0) -> list[float]:
    """Return the pauses of a wait for tasks with these rates."""
    time = SimulatedTime()
    with serve_answers(ExportingTasks(time, total)) as server:
        list(time.iter_wait(make_client(server.url), [make_task(rate) for rate in rates], timeout=timeout))
    return time.sleeps


def test_pauses_grow_with_the_estimated_time_left() -> None:
    """To a tenth of it, but to thirty seconds at most."""
    assert measure_pauses("1", total=100_000, timeout=100.0)[:4] == [0.5, 0.75, 30.0, 30.0]
    pauses = measure_pauses("1", total=101)
    assert pauses[1] == 0.75
    assert pauses[2] == pytest.approx((101 - 1) / (1 / 1.25) / 10)  # 1 sample in the first 1.25 s
    assert pauses[3] < pauses[2]


def test_end_of_a_task_is_noticed_soon() -> None:
    """Within little more than a tenth of its duration."""
    for total in (5, 60, 400, 2000):
        waited = sum(measure_pauses("1", total=total))
        assert total <= waited <= min(1.5 * total, total + 31) + 1


def test_pauses_follow_the_task_with_the_least_time_left() -> None:
    assert measure_pauses("1", total=500)[2] == 30.0
    assert measure_pauses("1", "5", total=500)[2] == pytest.approx((500 - 6) / (6 / 1.25) / 10)


def test_task_without_an_estimate_keeps_pauses_short() -> None:
    """It may end at any moment."""
    assert measure_pauses("0", "1", total=10**6, timeout=60.0)[:10] == GROWING


def test_long_pauses_have_jitter_too() -> None:
    time = SimulatedTime(rng=FixedRandom(1.0))
    with serve_answers(ExportingTasks(time, 10**6)) as server:
        list(time.iter_wait(make_client(server.url), [make_task("1")], timeout=3600.0))
    assert max(time.sleeps) == pytest.approx(33.0)


@pytest.mark.parametrize("timeout", [0.25, 0.5, 1.0, 1.25, 59.0, 60.0, 3600.0])
@pytest.mark.parametrize("settings", [{}, {"poll_interval": 60.0}])
def test_one_last_poll_at_the_deadline(stub: Stub, timeout: float, settings: dict[str, float]) -> None:
    stub.body = make_show_body()
    time = SimulatedTime()
    snapshots = [
        at for at, _ in time.iter_wait(make_client(stub.url), [make_task()], timeout=timeout, **settings)
    ]
    assert snapshots[-1] == timeout
    assert [at for at in snapshots if at >= timeout] == [timeout]
    assert all(later > earlier for earlier, later in pairwise(snapshots))
    assert len(stub.requests) == len(snapshots)


def test_task_that_ends_at_the_deadline_is_a_success(stub: Stub) -> None:
    stub.body = make_show_body()
    time = SimulatedTime()

    def end(passed: float) -> None:
        stub.body = make_show_body("SUCCESSED" if passed >= 60 else "RUNNING")

    time.meanwhile = end
    *_, (at, (seen,)) = time.iter_wait(make_client(stub.url), [make_task()], timeout=60.0)
    assert (at, seen.task.status) == (60.0, "SUCCESSED")


def test_timeout_of_0_is_one_poll(stub: Stub) -> None:
    stub.body = make_show_body()
    time = SimulatedTime()
    (snapshot,) = time.iter_wait(make_client(stub.url), [make_task()], timeout=0.0)
    assert (snapshot[0], snapshot[1][0].task.status) == (0.0, "RUNNING")
    assert (len(stub.requests), time.sleeps) == (1, [])


def test_wait_without_a_timeout_lasts_for_a_week(stub: Stub) -> None:
    stub.body = make_show_body()
    time = SimulatedTime()
    week = 7 * 86400

    def end(passed: float) -> None:
        stub.body = make_show_body("SUCCESSED" if passed >= week else "RUNNING")

    time.meanwhile = end
    *_, (at, (seen,)) = time.iter_wait(
        make_client(stub.url), [make_task()], timeout=None, poll_interval=3600.0
    )
    assert week <= at <= week + 3600
    assert seen.task.is_finished


def test_finished_task_is_not_polled(stub: Stub) -> None:
    time = SimulatedTime()
    ended = [make_task("a", status="SUCCESSED"), make_task("b", status="FAILED")]
    (snapshot,) = time.iter_wait(make_client(stub.url), ended)
    assert [each.task for each in snapshot[1]] == ended
    assert (stub.requests, time.sleeps) == ([], [])
    assert [each for _, each in time.iter_wait(make_client(stub.url), [])] == [()]


def iter_leaps(seconds: float) -> Iterator[float]:
    """Yield times that are far from each other."""
    now = 0.0
    while True:
        yield now
        now += seconds


# the timeout of a wait, and the seconds within which each of its first snapshots has to be answered
BOUNDS = [
    (None, [90.0, 90.0]),
    (7200.0, [90.0, 90.0]),
    (40.0, [40.0, 39.5, 38.75]),
    (12.0, [12.0, 11.5, 10.75, 10.0]),
    (3.0, [10.0, 10.0]),
    (0.0, [90.0]),
]


@pytest.mark.parametrize(("timeout", "bounds"), BOUNDS)
def test_poll_has_the_time_until_the_deadline(timeout: float | None, bounds: list[float]) -> None:
    """It has at least ten seconds and at most the read timeout; a wait of 0 s has the read timeout.

    The clock of the connection leaps, so that each reply comes too late and its error names the bound.
    """
    time, leaps = SimulatedTime(), iter_leaps(10_000.0)
    with serve_answers(lambda _: make_reply("200 OK", make_show_body())) as server:
        client = make_client(server.url, clock=lambda: next(leaps))
        waits = time.iter_wait(client, [make_task()], timeout=timeout)
        errors = [str(next(waits)[1][0].last_error) for _ in bounds]
    seconds = [float(words.rpartition("after ")[2].removesuffix(" s")) for words in errors]
    assert seconds == pytest.approx(bounds, abs=0.4)


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
@example("Sun, 06 Nov 0001 08:49:37 +2359", "Sun, 06 Nov 9999 08:49:37 -2359")
@example("Sun, 99 Nov 2033 08:49:37 GMT", "-")
@example("1 Jan 99999999999999999999 00:00:00", "0")
def test_headers_with_any_text_are_parsed(date: str, asked: str) -> None:
    """An invalid time is none, and no pause is negative."""
    headers = CaseInsensitiveDict({"date": date, "retry-after": asked})
    response = Response(url="", status=503, headers=headers, content=b"", changing=False)
    assert response.retry_after is None or response.retry_after >= 0
    assert response.date is None or isinstance(response.date, float)
