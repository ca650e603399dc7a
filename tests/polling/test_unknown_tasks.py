"""What becomes of a wait for a task that the server does not know: for how long it may yet hear of it."""

import pytest

from modelarts_export.errors import NotFoundError
from tests.polling.test_outages import DOWN, GONE, RUNNING, SUCCESSED, followed
from tests.support.raw_server import reply
from tests.support.simulated import accepted, error, task

UNKNOWN = {
    "unknown task": GONE,
    "unknown dataset": error("400 Bad Request", "ModelArts.4352"),
    "not found": reply("404 Not Found"),
    "unknown, and yet 200": reply("200 OK", GONE.partition(b"\r\n\r\n")[2]),
}
for_any_unknown = pytest.mark.parametrize("fault", UNKNOWN)
SEEN = task(status="RUNNING", path="/b/out/")


@for_any_unknown
@pytest.mark.parametrize("given", [accepted(), SEEN])
def test_a_task_that_exists_may_be_unknown_for_a_minute(given: object, fault: str) -> None:
    """It was accepted or seen, so that the server that does not know it will hear of it."""
    seen = followed({0: UNKNOWN[fault], 55: RUNNING, 75: SUCCESSED}, given, poll_interval=10.0)
    assert seen[-1][0] == 80.0
    assert [at for at, each in seen if each.last_error] == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert all(isinstance(each.last_error, NotFoundError) for at, each in seen if at < 55)
    assert not any(each.abandoned for _, each in seen)


@for_any_unknown
@pytest.mark.parametrize("given", [accepted(), SEEN])
def test_a_task_that_stays_unknown_is_lost_after_a_minute(given: object, fault: str) -> None:
    """However patient the wait is with an outage."""
    seen = followed({0: UNKNOWN[fault]}, given, poll_interval=10.0, max_outage=0.0)
    assert [(at, each.abandoned) for at, each in seen][-2:] == [(50.0, False), (60.0, True)]
    assert isinstance(seen[-1][1].last_error, NotFoundError)
    assert seen[-1][1].task.raw["path"] == "/b/out/"


def test_a_task_may_be_unknown_to_one_server_of_several() -> None:
    """Seen, unknown and seen again, at any time: each minute begins with the first look that fails."""
    course = {0: RUNNING, 20: GONE, 70: RUNNING, 110: GONE, 160: RUNNING, 3000: GONE}
    seen = followed(course, poll_interval=10.0)
    unknown = [*range(20, 70, 10), *range(110, 160, 10), *range(3000, 3061, 10)]
    assert [at for at, each in seen if each.last_error] == unknown
    assert [at for at, each in seen if each.abandoned] == [3060.0]


def test_an_outage_before_it_does_not_make_a_task_unknown_for_longer() -> None:
    """The minute begins with the first look that says so, and an outage has its own time."""
    seen = followed({0: RUNNING, 20: DOWN, 220: GONE, 270: SUCCESSED}, poll_interval=10.0)
    assert (seen[-1][0], seen[-1][1].task.status) == (270.0, "SUCCESSED")
    seen = followed({0: RUNNING, 20: DOWN, 220: GONE}, poll_interval=10.0)
    assert [at for at, each in seen if each.abandoned] == [280.0]


def test_a_task_that_nobody_has_seen_may_be_known_after_seconds() -> None:
    """Its ID may be that of a task that was accepted just now, by somebody else."""
    seen = followed({0: GONE, 3: RUNNING, 20: SUCCESSED}, poll_interval=1.0)
    assert [at for at, each in seen if each.last_error] == [0.0, 1.0, 2.0]
    assert (seen[-1][0], seen[-1][1].task.status) == (20.0, "SUCCESSED")


@pytest.mark.parametrize(("max_outage", "end"), [(900.0, 5.0), (5.0, 5.0), (2.0, 2.0), (0.0, 0.0)])
@for_any_unknown
def test_a_task_that_nobody_has_seen_is_lost_after_seconds(fault: str, max_outage: float, end: float) -> None:
    """There is none, as far as one can know."""
    seen = followed({0: UNKNOWN[fault]}, poll_interval=1.0, max_outage=max_outage)
    assert [at for at, each in seen if each.abandoned] == [seen[-1][0]] == [end]
    assert isinstance(seen[-1][1].last_error, NotFoundError)
    assert seen[-1][1].task.status is None


def test_one_look_at_a_task_that_is_unknown_is_one_look() -> None:
    ((at, last),) = followed({0: GONE}, timeout=0.0)
    assert (at, type(last.last_error)) == (0.0, NotFoundError)
