"""Tasks that the server does not find: how long a wait keeps polling them."""

import pytest

from modelarts_export.errors import NotFoundError
from tests.polling.test_outages import DOWN, GONE, RUNNING, SUCCESSED, poll_one
from tests.support.raw_server import make_reply
from tests.support.simulated import make_accepted_task, make_error_reply, make_task

UNKNOWN = {
    "unknown task": GONE,
    "unknown dataset": make_error_reply("400 Bad Request", "ModelArts.4352"),
    "not found": make_reply("404 Not Found"),
    "unknown, and yet 200": make_reply("200 OK", GONE.partition(b"\r\n\r\n")[2]),
}
for_any_unknown = pytest.mark.parametrize("fault", UNKNOWN)
SEEN = make_task(status="RUNNING", path="/b/out/")


@for_any_unknown
@pytest.mark.parametrize("given", [make_accepted_task(), SEEN])
def test_created_or_seen_task_may_be_missing_for_a_minute(given: object, fault: str) -> None:
    """Replicas of the server may lag behind."""
    seen = poll_one({0: UNKNOWN[fault], 55: RUNNING, 75: SUCCESSED}, given, poll_interval=10.0)
    assert seen[-1][0] == 80.0
    assert [at for at, each in seen if each.last_error] == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert all(isinstance(each.last_error, NotFoundError) for at, each in seen if at < 55)
    assert not any(each.abandoned for _, each in seen)


@for_any_unknown
@pytest.mark.parametrize("given", [make_accepted_task(), SEEN])
def test_created_or_seen_task_is_abandoned_after_a_minute(given: object, fault: str) -> None:
    """Whatever the longest outage is."""
    seen = poll_one({0: UNKNOWN[fault]}, given, poll_interval=10.0, max_outage=0.0)
    assert [(at, each.abandoned) for at, each in seen][-2:] == [(50.0, False), (60.0, True)]
    assert isinstance(seen[-1][1].last_error, NotFoundError)
    assert seen[-1][1].task.raw["path"] == "/b/out/"


def test_each_minute_starts_with_the_first_failed_poll() -> None:
    """One replica of several may not have the task."""
    course = {0: RUNNING, 20: GONE, 70: RUNNING, 110: GONE, 160: RUNNING, 3000: GONE}
    seen = poll_one(course, poll_interval=10.0)
    unknown = [*range(20, 70, 10), *range(110, 160, 10), *range(3000, 3061, 10)]
    assert [at for at, each in seen if each.last_error] == unknown
    assert [at for at, each in seen if each.abandoned] == [3060.0]


def test_outage_does_not_count_as_time_without_the_task() -> None:
    """Each kind of error has its own start."""
    seen = poll_one({0: RUNNING, 20: DOWN, 220: GONE, 270: SUCCESSED}, poll_interval=10.0)
    assert (seen[-1][0], seen[-1][1].task.status) == (270.0, "SUCCESSED")
    seen = poll_one({0: RUNNING, 20: DOWN, 220: GONE}, poll_interval=10.0)
    assert [at for at, each in seen if each.abandoned] == [280.0]


def test_task_never_seen_may_appear_after_seconds() -> None:
    """Another process may have created it just now."""
    seen = poll_one({0: GONE, 3: RUNNING, 20: SUCCESSED}, poll_interval=1.0)
    assert [at for at, each in seen if each.last_error] == [0.0, 1.0, 2.0]
    assert (seen[-1][0], seen[-1][1].task.status) == (20.0, "SUCCESSED")


@pytest.mark.parametrize(("max_outage", "end"), [(900.0, 5.0), (5.0, 5.0), (2.0, 2.0), (0.0, 0.0)])
@for_any_unknown
def test_task_never_seen_is_abandoned_after_seconds(fault: str, max_outage: float, end: float) -> None:
    seen = poll_one({0: UNKNOWN[fault]}, poll_interval=1.0, max_outage=max_outage)
    assert [at for at, each in seen if each.abandoned] == [seen[-1][0]] == [end]
    assert isinstance(seen[-1][1].last_error, NotFoundError)
    assert seen[-1][1].task.status is None


def test_single_poll_of_a_missing_task_is_not_repeated() -> None:
    ((at, last),) = poll_one({0: GONE}, timeout=0.0)
    assert (at, type(last.last_error)) == (0.0, NotFoundError)
