"""Progress and estimated time left, whatever the API reports."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.api.task import ExportTask
from modelarts_export.polling.estimator import ProgressEstimator

Status = dict[str, Any]


def estimate(*statuses: Status, every: float = 10.0) -> ProgressEstimator:
    """Return the estimator after these statuses, the first one at 0 s."""
    estimator = ProgressEstimator()
    for index, answer in enumerate(statuses):
        estimator.update(ExportTask(task_id="t", dataset_id="d", project_id="p", raw=answer), index * every)
    return estimator


def make_status(finished: object = None, total: object = None, **more: object) -> Status:
    """Return a status with these counts, without those that are None."""
    fields = {"finished_sample_count": finished, "total_sample_count": total, **more}
    return {name: value for name, value in fields.items() if value is not None}


PERCENT: list[tuple[list[Status], float | None]] = [
    ([], None),
    ([{}], None),
    ([{"status": "RUNNING"}], None),
    ([{"progress": 0.0}], 0.0),
    ([{"progress": 42.5}], 42.5),
    ([{"progress": 148}], 100.0),
    ([{"progress": -7}], 0.0),
    ([{"progress": "42"}], None),
    ([{"progress": True}], None),
    ([{"progress": 10**15}], None),
    ([{"progress": 60}, {"progress": 40}], 60.0),
    ([{"progress": 60}, {}], 60.0),
    ([{"progress": 148}, {"progress": 1}], 100.0),
    ([{"status": "SUCCESSED"}], 100.0),
    ([{"status": "succeeded", "progress": 3}], 100.0),
    ([{"status": "SUCCESSED", **make_status(7, 20)}], 100.0),
    ([{"status": "FAILED", "progress": 50}], 50.0),
    ([make_status(5, 20)], 25.0),
    ([make_status(5, 20, progress=90)], 25.0),
    ([make_status(0, 20, progress=90)], 0.0),
    ([make_status(30, 20)], 100.0),
    ([make_status(5)], None),
    ([make_status(5, progress=90)], 90.0),
    ([make_status(None, 20, progress=90)], 90.0),
    ([make_status(5, 0, progress=90)], 90.0),
    ([make_status(5, 0)], None),
    ([make_status(0, 0)], None),
    ([make_status(-5, 20, progress=30)], 30.0),
    ([make_status("5", 20, progress=30)], 30.0),
    ([make_status(5, 20), make_status(3, 20)], 25.0),
    ([make_status(5, 20), {}], 25.0),
    ([make_status(5, 20), {"progress": 90}], 25.0),
    ([make_status(5, 20), make_status(6, 60)], 25.0),
    ([make_status(5, 20), make_status(30, 60)], 50.0),
    ([make_status(5, 20), make_status(5, 10)], 50.0),
    ([make_status(5), make_status(None, 20)], 25.0),
]


@pytest.mark.parametrize(("statuses", "percent"), PERCENT)
def test_percent_is_share_of_samples_or_progress(statuses: list[Status], percent: float | None) -> None:
    """It is from 0 to 100 and never goes back."""
    assert estimate(*statuses).percent == percent


COUNTS: list[tuple[list[Status], int | None, int | None]] = [
    ([{}], None, None),
    ([make_status(5, 20)], 5, 20),
    ([make_status(5, 20), {}], 5, 20),
    ([make_status(5, 20), make_status(3)], 5, 20),
    ([make_status(5, 20), make_status(None, 30)], 5, 30),
    ([make_status(5, 20), make_status(9, 10)], 9, 10),
    ([make_status(25, 20)], 25, 20),
    ([make_status(5, 20), make_status(0, 0)], 5, 0),
    ([make_status(5.0, 20.9)], 5, 20),
    ([make_status("5", [])], None, None),
]


@pytest.mark.parametrize(("statuses", "finished", "total"), COUNTS)
def test_samples_never_decrease(statuses: list[Status], finished: int | None, total: int | None) -> None:
    """The total is the last one that was reported."""
    estimator = estimate(*statuses)
    assert (estimator.finished, estimator.total) == (finished, total)


# statuses ten seconds apart, and the seconds that are left at the last of them
LEFT: list[tuple[list[Status], float | None]] = [
    ([], None),
    ([make_status(5, 20)], None),
    ([make_status(5, 20), make_status(5, 20)], None),
    ([make_status(5, 20), make_status(10, 20)], 20.0),
    ([make_status(0, 100), make_status(10, 100)], 90.0),
    ([make_status(0, 100), make_status(10, 100), make_status(40, 100)], 30.0),
    ([make_status(0, 100), {}, make_status(40, 100)], 30.0),
    ([make_status(0, 100), make_status(40, 100), {}], 5.0),
    ([make_status(0, 100), make_status(90, 100), {}, {}, {}], 0.0),
    ([make_status(0), make_status(10)], None),
    ([make_status(0), make_status(10), make_status(None, 100)], 80.0),
    ([make_status(0, 100), make_status(10, 0)], None),
    ([make_status(0, 100), make_status(10, 200)], 190.0),
    ([make_status(0, 100), make_status(100, 100)], 0.0),
    ([make_status(0, 100), make_status(120, 100)], 0.0),
    ([make_status(50, 100), make_status(10, 100)], None),
    ([make_status(50, 100), make_status(10, 100), make_status(75, 100)], 20.0),
    ([{"progress": 1}, {"progress": 50}], None),
]


@pytest.mark.parametrize(("statuses", "left"), LEFT)
def test_eta_follows_from_samples_a_second(statuses: list[Status], left: float | None) -> None:
    """It is None while there is no rate."""
    found = estimate(*statuses).eta_seconds((len(statuses) - 1) * 10.0)
    assert found == (None if left is None else pytest.approx(left))


def test_eta_decreases_between_polls() -> None:
    """It does not become negative."""
    estimator = estimate(make_status(0, 100), make_status(50, 100))
    assert [estimator.eta_seconds(at) for at in (10.0, 14.0, 20.0, 99.0)] == [10.0, 6.0, 0.0, 0.0]


def test_two_polls_at_one_instant_give_no_eta() -> None:
    assert estimate(make_status(0, 100), make_status(50, 100), every=0.0).eta_seconds(0.0) is None


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.integers(0, 100),
    st.sampled_from(["", "7", [], {}]),
)
STATUS = st.one_of(st.none(), st.sampled_from(["INIT", "RUNNING", "SUCCESSED", "FAILED", "PAUSED"]))
REPORT = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUS,
        "progress": ANYTHING,
        "finished_sample_count": ANYTHING,
        "total_sample_count": ANYTHING,
    },
)


@given(st.lists(REPORT, max_size=8), st.floats(0, 1000))
def test_percent_never_decreases_whatever_is_reported(statuses: list[Status], every: float) -> None:
    """Neither NaN nor infinity comes out."""
    estimator, percent, finished = ProgressEstimator(), 0.0, 0
    for index, answer in enumerate(statuses):
        now = index * every
        estimator.update(ExportTask(task_id="t", dataset_id="d", project_id="p", raw=answer), now)
        assert estimator.percent is None or percent <= estimator.percent <= 100
        assert estimator.finished is None or finished <= estimator.finished
        percent, finished = estimator.percent or 0.0, estimator.finished or 0
        left = estimator.eta_seconds(now)
        assert left is None or 0 <= left < float("inf")
