"""What the submissions of one process agree on, with threads that really run."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from modelarts_export.clock import Clock
from modelarts_export.errors import CanceledError
from modelarts_export.submission.coordinator import SubmissionCoordinator

SOON, NEVER = 5.0, 0.05  # seconds: what is to happen takes no time, what is not to is waited for this long

Place = AbstractContextManager[object]


def enters(there: Callable[[], Place]) -> threading.Event:
    """Return what is set once another thread has entered a place; it leaves it at once."""
    inside = threading.Event()

    def enter() -> None:
        with there():
            inside.set()

    threading.Thread(target=enter, daemon=True).start()
    return inside


@dataclass
class FakeTime:
    """A clock that only sleep moves on, and what was slept."""

    now: float = 0.0
    slept: tuple[float, ...] = ()
    short_by: float = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass, or somewhat less, as a sleep that was woken up does."""
        self.slept = (*self.slept, seconds)
        self.now += seconds - self.short_by
        self.short_by = 0.0

    @property
    def timing(self) -> Clock:
        """The same as a parameter."""
        return Clock(monotonic=lambda: self.now, sleep=self.sleep)


def test_the_next_export_to_a_path_waits_for_its_turn() -> None:
    traffic = SubmissionCoordinator()
    with traffic.one_at_a_time("abc", "/b/c/"):
        next_one = enters(lambda: traffic.one_at_a_time("abc", "/b/c/"))
        assert not next_one.wait(NEVER)
    assert next_one.wait(SOON)


@pytest.mark.parametrize("other", [("abc", "/b/d/"), ("xyz", "/b/c/")])
def test_an_export_to_another_path_or_of_another_dataset_does_not(other: tuple[str, str]) -> None:
    traffic = SubmissionCoordinator()
    with traffic.one_at_a_time("abc", "/b/c/"):
        assert enters(lambda: traffic.one_at_a_time(*other)).wait(SOON)


def test_a_turn_ends_with_an_error_too() -> None:
    """A submission that failed, or was interrupted, stands in nobody's way."""
    traffic = SubmissionCoordinator()
    with pytest.raises(CanceledError), traffic.one_at_a_time("abc", "/b/c/"):
        raise CanceledError("cancelled")
    assert enters(lambda: traffic.one_at_a_time("abc", "/b/c/")).wait(SOON)


def test_a_turn_knows_the_tasks_of_those_before() -> None:
    """Those of the same dataset and path, and no others."""
    traffic = SubmissionCoordinator()
    with traffic.one_at_a_time("abc", "/b/c/") as taken:
        taken.add("task")
    with traffic.one_at_a_time("abc", "/b/c/") as same, traffic.one_at_a_time("abc", "/b/d/") as other:
        assert (same, other) == ({"task"}, set())


def test_one_stands_at_the_head_of_the_queue_of_a_dataset() -> None:
    """Whatever the paths; the queue of another dataset is another queue, and a turn is none at all."""
    traffic = SubmissionCoordinator()
    with traffic.busy_slot("abc"):
        second = enters(lambda: traffic.busy_slot("abc"))
        assert enters(lambda: traffic.busy_slot("xyz")).wait(SOON)
        assert enters(lambda: traffic.one_at_a_time("abc", "/b/c/")).wait(SOON)
        assert not second.wait(NEVER)
    assert second.wait(SOON)


def test_many_turns_never_meet() -> None:
    """Of twenty threads, two at a time have a turn: one for each path."""
    traffic = SubmissionCoordinator()
    inside: list[int] = [0, 0]
    most: list[int] = [0, 0]
    pause = threading.Event()

    def work(path: int) -> None:
        with traffic.one_at_a_time("abc", f"/b/{path}/"):
            inside[path] += 1
            most[path] = max(most[path], inside[path])
            pause.wait(0.002)
            inside[path] -= 1

    threads = [threading.Thread(target=work, args=(number % 2,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]


def test_a_closed_gate_holds_all_threads_back() -> None:
    """One of them met a 429; nobody passes until the time it told is over, and then all do."""
    traffic = SubmissionCoordinator()
    asleep, over = threading.Semaphore(0), threading.Event()
    now = [0.0]

    def sleep(_: float) -> None:
        asleep.release()
        over.wait()

    timing = Clock(monotonic=lambda: now[0], sleep=sleep)
    traffic.throttle(2, timing)
    passed = [threading.Thread(target=traffic.wait_until_open, args=(timing,), daemon=True) for _ in range(5)]
    for thread in passed:
        thread.start()
    for _ in passed:
        assert asleep.acquire(timeout=SOON)
    assert all(thread.is_alive() for thread in passed)
    now[0] = 2.0
    over.set()
    for thread in passed:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in passed)


def test_an_open_gate_keeps_nobody() -> None:
    time = FakeTime()
    SubmissionCoordinator().wait_until_open(time.timing)
    assert time.slept == ()


def test_a_gate_is_not_opened_early_by_a_second_answer() -> None:
    """The longest time that any answer told counts."""
    traffic, time = SubmissionCoordinator(), FakeTime()
    traffic.throttle(60, time.timing)
    traffic.throttle(1, time.timing)
    traffic.wait_until_open(time.timing)
    assert time.slept == (60,)


def test_a_gate_holds_for_its_last_second() -> None:
    """However little is left, nobody passes before the time is over."""
    traffic, time = SubmissionCoordinator(), FakeTime(short_by=2**-20)
    traffic.throttle(10, time.timing)
    traffic.wait_until_open(time.timing)
    assert (time.slept, time.now) == ((10, 2**-20), 10)


def test_a_gate_that_closes_again_meanwhile_holds_on() -> None:
    """A sleep that ends early, or a later answer, is no reason to pass."""
    traffic, time = SubmissionCoordinator(), FakeTime(short_by=1.5)
    traffic.throttle(10, time.timing)
    traffic.wait_until_open(time.timing)
    assert time.slept == (10, 1.5)
