"""The coordination of submissions in one process, with real threads."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from modelarts_export.clock import Clock
from modelarts_export.errors import CanceledError
from modelarts_export.submission.coordinator import SubmissionCoordinator

SOON, TOO_LONG = (
    5.0,
    0.05,
)  # seconds: the limit for what must happen, and the time in which something else must not

Guard = AbstractContextManager[object]


def start_entering(make_guard: Callable[[], Guard]) -> threading.Event:
    """Return an event that is set once another thread has entered a context; the thread leaves it at once."""
    inside = threading.Event()

    def enter() -> None:
        with make_guard():
            inside.set()

    threading.Thread(target=enter, daemon=True).start()
    return inside


@dataclass
class SimulatedTime:
    """A clock that only `sleep` advances; the last sleep may be `short_by` some seconds."""

    now: float = 0.0
    sleeps: tuple[float, ...] = ()
    short_by: float = 0.0

    def sleep(self, seconds: float) -> None:
        """Advance the clock, the first time by less."""
        self.sleeps = (*self.sleeps, seconds)
        self.now += seconds - self.short_by
        self.short_by = 0.0

    @property
    def clock(self) -> Clock:
        """The clock as a parameter."""
        return Clock(monotonic=lambda: self.now, sleep=self.sleep)


def test_exports_to_one_path_are_submitted_one_at_a_time() -> None:
    coordinator = SubmissionCoordinator()
    with coordinator.one_at_a_time("abc", "/b/c/"):
        second = start_entering(lambda: coordinator.one_at_a_time("abc", "/b/c/"))
        assert not second.wait(TOO_LONG)
    assert second.wait(SOON)


@pytest.mark.parametrize("other", [("abc", "/b/d/"), ("xyz", "/b/c/")])
def test_exports_to_other_paths_or_of_other_datasets_do_not_wait(other: tuple[str, str]) -> None:
    coordinator = SubmissionCoordinator()
    with coordinator.one_at_a_time("abc", "/b/c/"):
        assert start_entering(lambda: coordinator.one_at_a_time(*other)).wait(SOON)


def test_failed_submission_does_not_block_the_next_one() -> None:
    """A canceled submission does not block the next one."""
    coordinator = SubmissionCoordinator()
    with pytest.raises(CanceledError), coordinator.one_at_a_time("abc", "/b/c/"):
        raise CanceledError("canceled")
    assert start_entering(lambda: coordinator.one_at_a_time("abc", "/b/c/")).wait(SOON)


def test_earlier_tasks_of_the_same_path_are_known() -> None:
    """Those of the same dataset and path only."""
    coordinator = SubmissionCoordinator()
    with coordinator.one_at_a_time("abc", "/b/c/") as task_ids:
        task_ids.add("task")
    with (
        coordinator.one_at_a_time("abc", "/b/c/") as same,
        coordinator.one_at_a_time("abc", "/b/d/") as other,
    ):
        assert (same, other) == ({"task"}, set())


def test_tasks_are_forgotten_when_they_are_too_old_for_a_new_submission() -> None:
    """Each at its time, also while submissions to their path go on."""
    coordinator, time = SubmissionCoordinator(), SimulatedTime()
    seen = []
    for number in range(4):
        with coordinator.one_at_a_time("abc", "/b/c/", clock=time.clock) as task_ids:
            seen.append(sorted(task_ids))
            task_ids.add(f"task-{number}")
        time.now += 1800
    assert seen == [[], ["task-0"], ["task-0", "task-1"], ["task-0", "task-1", "task-2"]]
    time.now += 1801
    with coordinator.one_at_a_time("abc", "/b/c/", clock=time.clock) as task_ids:
        assert sorted(task_ids) == ["task-3"]


def test_coordinator_of_a_long_process_does_not_grow() -> None:
    """It keeps neither the locks of submissions that are over nor the tasks of paths of yesterday."""
    coordinator, time = SubmissionCoordinator(), SimulatedTime()
    for number in range(100):
        with coordinator.one_at_a_time("abc", f"/b/{number}/", clock=time.clock) as task_ids:
            task_ids.add(f"task-{number}")
        with coordinator.busy_slot(f"dataset-{number}"), coordinator.authenticate(lambda: False):
            time.now += 900
    kept = vars(coordinator)
    assert (kept["_locks"], len(kept["_claimed_ids"])) == ({}, 5)


def test_lock_is_kept_while_a_submission_waits_for_it() -> None:
    """The third waits as well, although the first has left."""
    coordinator, go_on = SubmissionCoordinator(), threading.Event()
    inside = threading.Event()

    def enter() -> None:
        with coordinator.one_at_a_time("abc", "/b/c/"):
            inside.set()
            go_on.wait()

    with coordinator.one_at_a_time("abc", "/b/c/"):
        threading.Thread(target=enter, daemon=True).start()
        assert not inside.wait(TOO_LONG)
    assert inside.wait(SOON)
    third = start_entering(lambda: coordinator.one_at_a_time("abc", "/b/c/"))
    assert not third.wait(TOO_LONG)
    go_on.set()
    assert third.wait(SOON)


def test_one_submission_has_the_busy_slot_of_a_dataset() -> None:
    """For any path; it blocks neither another dataset nor a submission that is not busy."""
    coordinator = SubmissionCoordinator()
    with coordinator.busy_slot("abc"):
        second = start_entering(lambda: coordinator.busy_slot("abc"))
        assert start_entering(lambda: coordinator.busy_slot("xyz")).wait(SOON)
        assert start_entering(lambda: coordinator.one_at_a_time("abc", "/b/c/")).wait(SOON)
        assert not second.wait(TOO_LONG)
    assert second.wait(SOON)


def test_one_submission_at_a_time_until_the_credentials_are_accepted() -> None:
    """Those that waited go on together: the second is inside, while the third enters."""
    coordinator, accepted = SubmissionCoordinator(), threading.Event()
    with coordinator.authenticate(accepted.is_set):
        second = start_entering(lambda: coordinator.authenticate(accepted.is_set))
        assert not second.wait(TOO_LONG)
        accepted.set()
    assert second.wait(SOON)
    with coordinator.authenticate(accepted.is_set):
        assert start_entering(lambda: coordinator.authenticate(accepted.is_set)).wait(SOON)


def test_submission_that_has_waited_for_the_first_reply_holds_up_no_other() -> None:
    coordinator, accepted, go_on = SubmissionCoordinator(), threading.Event(), threading.Event()
    inside = threading.Semaphore(0)

    def enter() -> None:
        with coordinator.authenticate(accepted.is_set):
            inside.release()
            go_on.wait()

    with coordinator.authenticate(accepted.is_set):
        for _ in range(2):
            threading.Thread(target=enter, daemon=True).start()
        assert not inside.acquire(timeout=TOO_LONG)
        accepted.set()
    assert inside.acquire(timeout=SOON)
    assert inside.acquire(timeout=SOON)
    go_on.set()


def test_no_two_threads_submit_to_one_path_at_once() -> None:
    """Twenty threads submit to two paths."""
    coordinator = SubmissionCoordinator()
    inside: list[int] = [0, 0]
    most: list[int] = [0, 0]
    pause = threading.Event()

    def work(path: int) -> None:
        with coordinator.one_at_a_time("abc", f"/b/{path}/"):
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


def test_throttling_pauses_all_threads() -> None:
    """All continue when the pause is over."""
    coordinator = SubmissionCoordinator()
    asleep, is_over = threading.Semaphore(0), threading.Event()
    now = [0.0]

    def sleep(_: float) -> None:
        asleep.release()
        is_over.wait()

    clock = Clock(monotonic=lambda: now[0], sleep=sleep)
    coordinator.throttle(2, clock)
    threads = [
        threading.Thread(target=coordinator.wait_until_open, args=(clock,), daemon=True) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert asleep.acquire(timeout=SOON)
    assert all(thread.is_alive() for thread in threads)
    now[0] = 2.0
    is_over.set()
    for thread in threads:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in threads)


def test_no_pause_without_throttling() -> None:
    time = SimulatedTime()
    SubmissionCoordinator().wait_until_open(time.clock)
    assert time.sleeps == ()


def test_shorter_retry_after_does_not_end_throttling_early() -> None:
    """The longest Retry-After counts."""
    coordinator, time = SubmissionCoordinator(), SimulatedTime()
    coordinator.throttle(60, time.clock)
    coordinator.throttle(1, time.clock)
    coordinator.wait_until_open(time.clock)
    assert time.sleeps == (60,)


def test_throttling_lasts_for_its_whole_time() -> None:
    """Also when a sleep ends slightly early."""
    coordinator, time = SubmissionCoordinator(), SimulatedTime(short_by=2**-20)
    coordinator.throttle(10, time.clock)
    coordinator.wait_until_open(time.clock)
    assert (time.sleeps, time.now) == ((10, 2**-20), 10)


def test_sleep_that_ends_early_is_continued() -> None:
    """The rest is slept."""
    coordinator, time = SubmissionCoordinator(), SimulatedTime(short_by=1.5)
    coordinator.throttle(10, time.clock)
    coordinator.wait_until_open(time.clock)
    assert time.sleeps == (10, 1.5)
