"""A round of polls has a deadline of its own, and tasks that it did not reach come first in the next one."""

from collections.abc import Callable
from functools import partial
from itertools import count, pairwise

import pytest

from tests.support.raw_server import reply
from tests.support.simulated import Simulated, answering, client_of, listed, shown, targets, task

TWELVE = tuple(f"n{number}" for number in range(12))
NO_TIME = "there was no time to ask for it"


def slow_shows(time: Simulated, seconds: float) -> Callable[[str], bytes]:
    """Return a server whose list is empty, and whose show calls take a time."""

    def answer(target: str) -> bytes:
        if "?" in target:
            return listed([], 0)
        time.now += seconds
        return reply("200 OK", shown(task_id=target.rpartition("/")[2]))

    return answer


@pytest.mark.parametrize(
    ("timeout", "read_timeout", "show", "longest"),
    [(3.0, 90.0, 4.0, 14.0), (3.0, 5.0, 2.0, 7.0), (0.0, 90.0, 20.0, 110.0), (0.0, 30.0, 20.0, 50.0)],
)
def test_wait_ends_soon_after_its_timeout(
    timeout: float, read_timeout: float, show: float, longest: float
) -> None:
    """At most 10 s or the read timeout later; a wait of 0 s is one round, which takes the read timeout."""
    time = Simulated()
    with answering(slow_shows(time, show)) as server:
        client = client_of(server.url, clock=time.clock, read_timeout=read_timeout)
        *_, (at, last) = time.waits(client, [task(name) for name in TWELVE], timeout=timeout)
    assert at <= longest
    assert [each.may_be_listed for each in last] == [True] * 12
    assert last[0].task.status == "RUNNING"
    assert (last[-1].task.status, str(last[-1].last_error)) == (None, NO_TIME)


def test_tasks_not_reached_come_first_in_the_next_round() -> None:
    """A wait without a timeout has rounds of 90 s, and that a round was too short is no outage."""
    time = Simulated()
    with answering(slow_shows(time, 20.0)) as server:
        client = client_of(server.url, clock=time.clock)
        waits = time.waits(
            client, [task(name) for name in TWELVE], timeout=None, max_outage=60.0, poll_interval=1.0
        )
        rounds = [next(waits) for _ in range(4)]
        shows = [target.rpartition("/")[2] for target in targets(server) if "?" not in target]
    assert shows[:12] == [*TWELVE]
    assert all(later - earlier <= 120 for (earlier, _), (later, _) in pairwise(rounds))
    assert not any(each.abandoned or each.last_error for _, snapshot in rounds for each in snapshot)
    assert [each.task.status for each in rounds[-1][1]] == ["RUNNING"] * 12


def test_dataset_not_reached_comes_first_in_the_next_round() -> None:
    time = Simulated()
    with answering(slow_shows(time, 50.0)) as server:
        tasks = [task(name, dataset) for dataset in ("a", "b") for name in ("n1", "n2", "n3")]
        waits = time.waits(client_of(server.url, clock=time.clock), tasks, timeout=None)
        next(waits), next(waits)
        asked = [target.split("/")[4] for target in targets(server) if "?" not in target]
    assert asked == ["a", "a", "b", "b"]


def test_tasks_on_pages_that_take_too_long_are_shown_in_the_next_round() -> None:
    """A list that cannot be read within a round would otherwise hide the tasks at its end for ever."""
    time = Simulated()
    entries = [{"task_id": f"n{number}", "status": "RUNNING"} for number in range(400)]

    def answer(target: str) -> bytes:
        if "?" not in target:
            return reply("200 OK", shown(task_id=target.rpartition("/")[2]))
        time.now += 40.0
        start = 100 * int(target.rpartition("=")[2])
        return listed(entries[start : start + 100], 400)

    with answering(answer) as server:
        tasks = [task(f"n{number}") for number in (1, 101, 201, 301)]
        client = client_of(server.url, clock=time.clock)
        (_, first), (_, second) = map(partial(next), [time.waits(client, tasks, timeout=None)] * 2)
    assert [each.task.status for each in first] == ["RUNNING", "RUNNING", "RUNNING", None]
    assert [each.task.status for each in second] == ["RUNNING"] * 4
    assert not any(each.last_error for each in (*first, *second))


def test_list_without_a_reply_is_an_error_of_its_tasks() -> None:
    """Only a list of which a part came in time leaves the rest unknown without an error."""
    leaps = count(0.0, 1000.0)
    with answering(lambda _: listed([], 0)) as server:
        client = client_of(server.url, clock=lambda: next(leaps))
        _, snapshot = next(Simulated().waits(client, [task("n1"), task("n2")], timeout=None))
    assert all("not complete after 90 s" in str(each.last_error) for each in snapshot)
