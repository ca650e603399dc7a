"""How often a submission is sent while nothing was accepted, and when it gives up."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.coordinator import SubmissionCoordinator
from tests.submission.layers import instead
from tests.submission.worlds import EXPORT, Clocks, World, make_client, make_clock, make_submission, submit


@pytest.mark.parametrize(("retries", "posts"), [(0, 1), (1, 2), (4, 5), (6, 7)])
def test_max_retries(retries: int, posts: int) -> None:
    """A refused connection is tried again so often."""
    world = World(faults=("refuse",))
    end = submit(world, settings=Settings(max_retries=retries))
    assert (end.code, len(world.posts), world.looks) == (5, posts, [])


def test_pauses_are_chosen_by_chance() -> None:
    """Each is shorter than a bound that doubles, up to half a minute, so that clients do not move in step."""
    world = World(faults=("refuse",))
    submit(world, settings=Settings(max_retries=8))
    shares = [pause / bound for pause, bound in zip(world.pauses, (1, 2, 4, 8, 16, 30, 30, 30), strict=True)]
    assert all(0 <= share <= 1 for share in shares)
    assert len({round(share, 3) for share in shares}) == 8
    assert max(shares) > 0.5


def test_an_outage_of_the_whole_retry_timeout() -> None:
    """The time limits the retries, and not their number; the last is made when it is over."""
    world = World(faults=("refuse",))
    end = submit(world, settings=Settings(retry_timeout=300.0))
    assert (end.code, len(world.posts) > 10) == (5, True)
    assert world.posts[-1] - world.posts[0] == pytest.approx(300, abs=1)


@pytest.mark.parametrize("header", ["retry-after", "retry-at"])
@pytest.mark.parametrize("fault", ["429", "503"])
def test_retry_after(fault: str, header: str) -> None:
    """It is stayed away for as long as the server asks, in either form of the header."""
    world = World(faults=(f"{fault}:count=2,{header}=50s",))
    end = submit(world)
    assert (end.code, [round(pause) for pause in world.pauses]) == (0, [50, 50])


def test_the_words_of_a_429_say_when() -> None:
    """The gateway counts by the minute."""
    world = World(faults=("429:count=1",))
    submit(world)
    assert [round(pause) for pause in world.pauses] == [60]


def test_too_long_to_wait() -> None:
    """It ends at once, and says when to come again, by the clock of this machine."""
    world = World(faults=("429:retry-after=2h",))
    end = submit(world)
    assert (end.code, len(world.posts), world.pauses) == (5, 1, [])
    assert end.error
    when = datetime.fromtimestamp(world.wall() + 7200).astimezone()
    assert f"{when:%Y-%m-%d %H:%M:%S}" in end.error.hint


def test_the_retry_timeout_is_for_all_pauses_together() -> None:
    """Twice fifty seconds are in the two minutes that are the default, and a third time is too much."""
    world = World(faults=("503:retry-after=50s",))
    end = submit(world)
    assert (end.code, len(world.posts), [round(pause) for pause in world.pauses]) == (5, 3, [50] * 2)
    assert "run it again after" in (end.error.hint if end.error else "")


def test_the_queue() -> None:
    """A busy dataset is asked after 5 s, twice as long each time, up to a minute, for half an hour."""
    world = World(faults=("busy",))
    end = submit(world, settings=Settings(max_retries=0))  # which is about something else
    assert (end.code, len(world.posts)) == (5, 34)
    assert world.pauses[:-1] == [5, 10, 20, 40, *[60] * 28]
    assert round(world.posts[-1] - world.posts[0]) == 1800


def test_no_queue() -> None:
    """0 fails at once."""
    world = World(faults=("busy",))
    end = submit(world, settings=Settings(queue_timeout=0.0))
    assert (end.code, len(world.posts), world.pauses) == (5, 1, [])


def test_a_queue_that_is_told_to_wait() -> None:
    """As long as it is asked to; when that is longer than its time, it ends at once and says when."""
    busy = {"error_code": "ModelArts.4356"}
    world = World(in_front=instead(400, busy, Retry_After="90"))
    end = submit(world, settings=Settings(queue_timeout=200.0))
    assert (end.code, [round(pause) for pause in world.pauses]) == (5, [90, 90])
    assert "run it again after" in (end.error.hint if end.error else "")


@pytest.mark.parametrize(("retry_after", "pause"), [("", 60), ("5", 60), ("90", 90)])
def test_one_version_a_minute_is_waited_for(retry_after: str, pause: int) -> None:
    """4370 lasts a minute: asking after 5 s would be in vain, whatever the server asks for."""
    busy = {"error_code": "ModelArts.4370"}
    world = World(in_front=instead(400, busy, Retry_After=retry_after))
    end = submit(world, settings=Settings(queue_timeout=200.0))
    assert (end.code, [round(each) for each in world.pauses[:2]]) == (5, [pause, pause])


REFUSED = [
    ("sandbox-images", "/missing-bucket/out/", 3),
    ("no-such-dataset", "/test-obs/out/", 3),
    ("sandbox-denied", "/test-obs/out/", 4),
    ("sandbox-text", "/test-obs/out/", 6),
]


@pytest.mark.parametrize(("dataset_id", "path", "code"), REFUSED)
def test_a_refusal(dataset_id: str, path: str, code: int) -> None:
    """It is final: one POST, and nobody looks for a task that could be taken for ours."""
    request = ToObs(path=path)
    world = World(dataset_id=dataset_id)
    if dataset_id != "no-such-dataset":
        world.plant(age=10, request=request)
    end = submit(world, request)
    assert (end.code, len(world.posts), world.looks, world.ours) == (code, 1, [], [])


@pytest.mark.parametrize(
    ("code", "ends", "posts"),
    [("ModelArts.4351", 6, 1), ("ModelArts.4352", 3, 1), ("ModelArts.4409", 5, 4), ("ModelArts.9999", 10, 1)],
)
def test_a_success_with_an_error_code(code: str, ends: int, posts: int) -> None:
    """It is judged by the code; one that nobody knows says nothing."""
    world = World(in_front=instead(200, {"error_code": code}))
    end = submit(world, settings=Settings(queue_timeout=30.0, reconcile_timeout=0.0))
    assert (end.code, len(world.posts)) == (ends, posts)


@pytest.mark.parametrize("status", [301, 307, 308, 405, 414])
def test_other_refusals(status: int) -> None:
    """Redirects are not followed, and nothing is sent again."""
    world = World(in_front=instead(status, {}, Location="https://elsewhere.example/"))
    end = submit(world)
    assert (end.code, len(world.posts), world.looks) == (6, 1, [])


def test_others_stand_behind() -> None:
    """Others with the same path from the start; others with the same dataset, once it was busy."""
    world = World(faults=("busy:count=1",))
    coordinator = SubmissionCoordinator()
    seen: list[tuple[bool, ...]] = []

    def rooms() -> tuple[AbstractContextManager[object], ...]:
        one_path = coordinator.one_at_a_time(world.dataset_id, EXPORT.path)
        return one_path, coordinator.busy_slot(world.dataset_id)

    def watched(_request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        seen.append(tuple(map(is_free, rooms())))
        return answer()

    world.in_front = watched
    make_submission(world, coordinator=coordinator).run()
    assert seen == [(False, True), (False, False)]
    assert all(map(is_free, rooms()))


def is_free(room: AbstractContextManager[object]) -> bool:
    """Tell whether another thread gets in at once."""
    inside = threading.Event()

    def enter() -> None:
        with room:
            inside.set()

    threading.Thread(target=enter, daemon=True).start()
    return inside.wait(0.1)


def test_a_429_closes_the_gate_for_all() -> None:
    """The gateway counts the requests of all submissions together: one that comes meanwhile waits as well."""
    world = World(faults=("429:count=1,retry-after=40s",))
    coordinator = SubmissionCoordinator()
    begun: list[float] = []

    def sleep(seconds: float) -> None:
        if not begun:  # while the first one stays away
            begun.append(world.now)
            make_submission(world, ToObs(path="/test-obs/other/"), coordinator=coordinator).run()
        world.let_pass(seconds)

    clock = replace(make_clock(world), sleep=sleep)
    make_submission(world, coordinator=coordinator, clock=clock).run()
    assert len(world.posts) == 3
    assert world.posts[1] - begun[0] == pytest.approx(40)


def test_a_clock_that_is_too_far_off() -> None:
    """With keys that is refused, once for all, and no older task is taken for ours."""
    world = World(clocks=Clocks(ahead=7200.0))
    world.plant(age=10)
    client = make_client(world)
    for _ in range(2):  # the gateway locks a key that is refused again and again
        with pytest.raises(AccessError):
            make_submission(world, client=client).run()
    assert (len(world.posts), world.looks, world.ours) == (1, [], [])


def test_outage_of_one_submission_does_not_hold_up_another() -> None:
    """Only a 429 counts for all submissions."""
    world, coordinator = World(faults=("503:count=1,retry-after=60s",)), SubmissionCoordinator()
    make_submission(world, coordinator=coordinator).run()
    world.pauses.clear()
    world.now -= 60.0
    coordinator.wait_until_open(make_clock(world))
    assert world.pauses == []


def test_queue_of_a_busy_dataset_uses_up_no_retry() -> None:
    world = World(faults=("503:count=1", "busy:count=9", "503"))
    end = submit(world, settings=Settings(max_retries=2))
    assert (end.code, len(world.posts)) == (5, 12)
