"""Durations, counts and sums as text."""

from dataclasses import replace

import pytest

from modelarts_export.cli.progress import messages as progress
from modelarts_export.clock import format_duration
from modelarts_export.errors import NotFoundError
from modelarts_export.polling.poller import TrackedTask
from tests.cli.progress.snapshots import OUTAGE, make_snapshot, make_tracked_task, poll_task

DURATIONS = [
    (-1.0, "0s"),
    (0.0, "0s"),
    (0.9, "0s"),
    (45.9, "45s"),
    (60.0, "1m"),
    (125.0, "2m 5s"),
    (3599.0, "59m 59s"),
    (3600.0, "1h"),
    (3605.0, "1h"),
    (3780.0, "1h 3m"),
    (86_399.0, "23h 59m"),
    (90_000.0, "1d 1h"),
    (86_400.0 * 366, "366d"),
]


@pytest.mark.parametrize(("seconds", "words"), DURATIONS)
def test_duration_has_at_most_two_units(seconds: float, words: str) -> None:
    """It is rounded down."""
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0, ""),
        (0.9, ""),
        (1.0, "1s left"),
        (1.9, "1s left"),
        (240.0, "4m left"),
        (1e9, ""),
        (1e300, ""),
    ],
)
def test_eta_is_omitted_below_a_second_and_above_a_year(seconds: float | None, words: str) -> None:
    assert progress.format_eta(seconds) == words


SAMPLES = [
    (None, None, ""),
    (7, None, "7 samples"),
    (None, 20, "? of 20 samples"),
    (7_100, 20_000, "7,100 of 20,000 samples"),
    (30, 20, "20 of 20 samples"),
    (0, 0, "0 of 0 samples"),
]


@pytest.mark.parametrize(("done", "total", "words"), SAMPLES)
def test_samples_are_never_more_than_all(done: int | None, total: int | None, words: str) -> None:
    assert progress.format_samples(done, total) == words


PROGRESS = [
    (make_tracked_task(status="INIT"), "queued"),
    (make_tracked_task(status=None), "unknown"),
    (make_tracked_task(progress=99.99), "running, 99 %"),
    (make_tracked_task(progress=148.0), "running, 100 %"),
    (make_tracked_task(progress=-3.0), "running, 0 %"),
    (make_tracked_task(done=7), "running (7 samples)"),
    (make_tracked_task(done=7, total=20, progress=99.0), "running, 35 % (7 of 20 samples)"),
    (make_tracked_task(status="COMPLETED", done=20, total=20), "succeeded (20 of 20 samples)"),
    (make_tracked_task(status="FAILED", error_code="ModelArts.4401"), "failed"),
    (make_tracked_task(error_msg="left over"), "running"),
    (make_tracked_task(status="STOPPING", progress=40), "stopping, 40 %"),
    (make_tracked_task(status="STOPPED", error_msg="by a user"), "stopped"),
    (make_tracked_task(status="PAUSED", progress=5), "PAUSED, 5 %"),
]


@pytest.mark.parametrize(("each", "words"), PROGRESS)
def test_progress_of_a_task(each: TrackedTask, words: str) -> None:
    assert progress.format_progress(each) == words


def test_progress_never_decreases() -> None:
    """The API reports 148, then 0, then nothing."""
    each = make_tracked_task(progress=148.0)
    assert progress.format_progress(each) == "running, 100 %"
    each = poll_task(each, 1.0, progress=0.0)
    assert progress.format_progress(each) == "running, 100 %"
    assert progress.format_progress(poll_task(each, 2.0)) == "running, 100 %"


def test_sums_of_several_tasks() -> None:
    """Counts by state, and the samples of tasks with a known total."""
    states = {"INIT": 3, "FAILED": 1, "SUCCESSED": 1, "PAUSED": 1, "STOPPED": 1, "STOPPING": 1}
    snapshot = (*make_snapshot(10, **states), make_tracked_task(done=3))
    counts = "1 succeeded, 1 failed, 1 stopped, 3 running, 1 stopping, 3 queued, 1 unknown"
    assert progress.count_states(snapshot) == counts
    assert progress.sum_samples(snapshot) == (50, 200)
    assert progress.sum_samples((make_tracked_task(done=3),)) == (None, None)
    lost = replace(make_tracked_task(), last_error=OUTAGE, abandoned=True)
    assert progress.count_states((lost, make_tracked_task())) == "1 given up, 1 running"


def test_task_that_is_not_found_has_its_reason_at_the_end_only() -> None:
    missing = NotFoundError("Export task does not exist")
    assert progress.explain_outage(replace(make_tracked_task(), last_error=missing)) == "not found yet"
    assert progress.explain_outage(replace(make_tracked_task(), last_error=OUTAGE)) == str(OUTAGE)


SHARES = [
    ([], 25.0),  # 5 of 20 each
    ([make_tracked_task(done=0, total=40)], 5 * 100 / 60),
    ([make_tracked_task()], 12.5),  # an unknown number counts as the mean
    ([make_tracked_task(progress=75.0)], 50.0),
    ([make_tracked_task(status="FAILED", done=7, total=20)], 62.5),  # it is not polled any more
    ([replace(make_tracked_task(), last_error=OUTAGE, abandoned=True)], 62.5),
]


@pytest.mark.parametrize(("others", "share"), SHARES)
def test_share_of_a_wait_is_by_samples(others: list[TrackedTask], share: float) -> None:
    assert progress.measure_share((*make_snapshot(1), *others)) == pytest.approx(share)
    assert progress.measure_share((make_tracked_task(),)) == 0.0


def test_eta_of_several_tasks_is_the_longest() -> None:
    """It is unknown while it is unknown for one task."""
    slow = poll_task(make_tracked_task("slow", done=0, total=100), 10.0, done=10, total=100)
    fast = poll_task(make_tracked_task("fast", done=0, total=100), 10.0, done=50, total=100)
    over = make_tracked_task("over", "SUCCESSED")
    assert progress.seconds_left((slow, fast, over), 10.0) == pytest.approx(90.0)
    assert progress.seconds_left((slow, make_tracked_task("new")), 10.0) is None
    assert progress.seconds_left((over,), 10.0) is None


def test_time_of_a_finished_task_stops_and_each_outage_starts_at_zero() -> None:
    now = 0.0
    times = progress.WaitTimes(lambda: now)
    unseen, over = replace(make_tracked_task("a"), last_error=OUTAGE), make_tracked_task("b", "SUCCESSED")
    now = 10.0
    times.update((unseen, over))
    now = 20.0
    times.update((unseen, over))
    now = 25.0
    assert (times.outage(unseen), times.elapsed(over), times.elapsed(unseen)) == ("15s", "10s", "25s")
    assert times.elapsed() == "25s"
    times.update((make_tracked_task("a"), over))
    now = 30.0
    times.update((unseen, over))
    now = 33.0
    assert times.outage(unseen) == "3s"
