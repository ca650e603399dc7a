"""A round of polls has a deadline of its own, and tasks that it did not reach come first in the next one."""

from collections.abc import Callable
from functools import partial
from itertools import count, pairwise

import pytest

from tests.support.raw_server import make_reply
from tests.support.simulated import (
    SimulatedTime,
    get_targets,
    make_client,
    make_list_reply,
    make_show_body,
    make_task,
    serve_answers,
)

TWELVE = tuple(f"n{number}" for number in range(12))
NO_TIME = "there was no time to ask for it"


def make_slow_server(time: SimulatedTime, seconds: float) -> Callable[[str], bytes]:
    """Return a server whose list is empty, and whose show calls take a time."""

    def answer(target: str) -> bytes:
        if "?" in target:
            return make_list_reply([], 0)
        time.now += seconds
        return make_reply("200 OK", make_show_body(task_id=target.rpartition("/")[2]))

    return answer


@pytest.mark.parametrize(
    ("timeout", "read_timeout", "show", "longest"),
    [(3.0, 90.0, 4.0, 14.0), (3.0, 5.0, 2.0, 7.0), (0.0, 90.0, 20.0, 110.0), (0.0, 30.0, 20.0, 50.0)],
)
def test_wait_ends_soon_after_its_timeout(
    timeout: float, read_timeout: float, show: float, longest: float
) -> None:
    """At most 10 s or the read timeout later; a wait of 0 s is one round, which takes the read timeout."""
    time = SimulatedTime()
    with serve_answers(make_slow_server(time, show)) as server:
        client = make_client(server.url, clock=time.monotonic, read_timeout=read_timeout)
        *_, (at, last) = time.iter_wait(client, [make_task(name) for name in TWELVE], timeout=timeout)
    assert at <= longest
    assert [each.may_be_listed for each in last] == [True] * 12
    assert last[0].task.status == "RUNNING"
    assert (last[-1].task.status, str(last[-1].last_error)) == (None, NO_TIME)


def test_tasks_not_reached_come_first_in_the_next_round() -> None:
    """A wait without a timeout has rounds of 90 s, and that a round was too short is no outage."""
    time = SimulatedTime()
    with serve_answers(make_slow_server(time, 20.0)) as server:
        client = make_client(server.url, clock=time.monotonic)
        waits = time.iter_wait(
            client, [make_task(name) for name in TWELVE], timeout=None, max_outage=60.0, poll_interval=1.0
        )
        rounds = [next(waits) for _ in range(4)]
        shows = [target.rpartition("/")[2] for target in get_targets(server) if "?" not in target]
    assert shows[:12] == [*TWELVE]
    assert all(later - earlier <= 120 for (earlier, _), (later, _) in pairwise(rounds))
    assert not any(each.abandoned or each.last_error for _, snapshot in rounds for each in snapshot)
    assert [each.task.status for each in rounds[-1][1]] == ["RUNNING"] * 12


def test_dataset_not_reached_comes_first_in_the_next_round() -> None:
    time = SimulatedTime()
    with serve_answers(make_slow_server(time, 50.0)) as server:
        tasks = [make_task(name, dataset) for dataset in ("a", "b") for name in ("n1", "n2", "n3")]
        waits = time.iter_wait(make_client(server.url, clock=time.monotonic), tasks, timeout=None)
        next(waits), next(waits)
        asked = [target.split("/")[4] for target in get_targets(server) if "?" not in target]
    assert asked == ["a", "a", "b", "b"]


def test_tasks_on_pages_that_take_too_long_are_shown_in_the_next_round() -> None:
    """A list that cannot be read within a round would otherwise hide the tasks at its end for ever."""
    time = SimulatedTime()
    entries = [{"task_id": f"n{number}", "status": "RUNNING"} for number in range(400)]

    def answer(target: str) -> bytes:
        if "?" not in target:
            return make_reply("200 OK", make_show_body(task_id=target.rpartition("/")[2]))
        time.now += 40.0
        start = 100 * int(target.rpartition("=")[2])
        return make_list_reply(entries[start : start + 100], 400)

    with serve_answers(answer) as server:
        tasks = [make_task(f"n{number}") for number in (1, 101, 201, 301)]
        client = make_client(server.url, clock=time.monotonic)
        (_, first), (_, second) = map(partial(next), [time.iter_wait(client, tasks, timeout=None)] * 2)
    assert [each.task.status for each in first] == ["RUNNING", "RUNNING", "RUNNING", None]
    assert [each.task.status for each in second] == ["RUNNING"] * 4
    assert not any(each.last_error for each in (*first, *second))


def test_list_without_a_reply_is_an_error_of_its_tasks() -> None:
    """Only a list of which a part came in time leaves the rest unknown without an error."""
    leaps = count(0.0, 1000.0)
    with serve_answers(lambda _: make_list_reply([], 0)) as server:
        client = make_client(server.url, clock=lambda: next(leaps))
        _, snapshot = next(
            SimulatedTime().iter_wait(client, [make_task("n1"), make_task("n2")], timeout=None)
        )
    assert all("not complete after 90 s" in str(each.last_error) for each in snapshot)
