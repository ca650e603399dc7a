"""How far a task is and how fast it goes, whatever the API says of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.api.task import ExportTask
from modelarts_export.polling.estimator import ProgressEstimator

Look = dict[str, Any]


def looked(*looks: Look, every: float = 10.0) -> ProgressEstimator:
    """Return the pace after these answers, one every so many seconds from 0 on."""
    pace = ProgressEstimator()
    for index, answer in enumerate(looks):
        pace.update(ExportTask(task_id="t", dataset_id="d", project_id="p", raw=answer), index * every)
    return pace


def counts(finished: object = None, total: object = None, **more: object) -> Look:
    """Return an answer with these samples, of which None is left out."""
    told = {"finished_sample_count": finished, "total_sample_count": total, **more}
    return {name: value for name, value in told.items() if value is not None}


PERCENT: list[tuple[list[Look], float | None]] = [
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
    ([{"status": "SUCCESSED", **counts(7, 20)}], 100.0),
    ([{"status": "FAILED", "progress": 50}], 50.0),
    ([counts(5, 20)], 25.0),
    ([counts(5, 20, progress=90)], 25.0),
    ([counts(0, 20, progress=90)], 0.0),
    ([counts(30, 20)], 100.0),
    ([counts(5)], None),
    ([counts(5, progress=90)], 90.0),
    ([counts(None, 20, progress=90)], 90.0),
    ([counts(5, 0, progress=90)], 90.0),
    ([counts(5, 0)], None),
    ([counts(0, 0)], None),
    ([counts(-5, 20, progress=30)], 30.0),
    ([counts("5", 20, progress=30)], 30.0),
    ([counts(5, 20), counts(3, 20)], 25.0),
    ([counts(5, 20), {}], 25.0),
    ([counts(5, 20), {"progress": 90}], 25.0),
    ([counts(5, 20), counts(6, 60)], 25.0),
    ([counts(5, 20), counts(30, 60)], 50.0),
    ([counts(5, 20), counts(5, 10)], 50.0),
    ([counts(5), counts(None, 20)], 25.0),
]


@pytest.mark.parametrize(("looks", "percent"), PERCENT)
def test_percent(looks: list[Look], percent: float | None) -> None:
    """The share of samples where it is known, else the API's figure; from 0 to 100, and never back."""
    assert looked(*looks).percent == percent


COUNTS: list[tuple[list[Look], int | None, int | None]] = [
    ([{}], None, None),
    ([counts(5, 20)], 5, 20),
    ([counts(5, 20), {}], 5, 20),
    ([counts(5, 20), counts(3)], 5, 20),
    ([counts(5, 20), counts(None, 30)], 5, 30),
    ([counts(5, 20), counts(9, 10)], 9, 10),
    ([counts(25, 20)], 25, 20),
    ([counts(5, 20), counts(0, 0)], 5, 0),
    ([counts(5.0, 20.9)], 5, 20),
    ([counts("5", [])], None, None),
]


@pytest.mark.parametrize(("looks", "finished", "total"), COUNTS)
def test_samples(looks: list[Look], finished: int | None, total: int | None) -> None:
    """Exported samples never become fewer; the total is the last that was told."""
    pace = looked(*looks)
    assert (pace.finished, pace.total) == (finished, total)


# looks ten seconds apart, and the seconds that are left at the last of them
LEFT: list[tuple[list[Look], float | None]] = [
    ([], None),
    ([counts(5, 20)], None),
    ([counts(5, 20), counts(5, 20)], None),
    ([counts(5, 20), counts(10, 20)], 20.0),
    ([counts(0, 100), counts(10, 100)], 90.0),
    ([counts(0, 100), counts(10, 100), counts(40, 100)], 30.0),
    ([counts(0, 100), {}, counts(40, 100)], 30.0),
    ([counts(0, 100), counts(40, 100), {}], 5.0),
    ([counts(0, 100), counts(90, 100), {}, {}, {}], 0.0),
    ([counts(0), counts(10)], None),
    ([counts(0), counts(10), counts(None, 100)], 80.0),
    ([counts(0, 100), counts(10, 0)], None),
    ([counts(0, 100), counts(10, 200)], 190.0),
    ([counts(0, 100), counts(100, 100)], 0.0),
    ([counts(0, 100), counts(120, 100)], 0.0),
    ([counts(50, 100), counts(10, 100)], None),
    ([counts(50, 100), counts(10, 100), counts(75, 100)], 20.0),
    ([{"progress": 1}, {"progress": 50}], None),
]


@pytest.mark.parametrize(("looks", "left"), LEFT)
def test_seconds_left(looks: list[Look], left: float | None) -> None:
    """By the samples a second since the first count; None while they do not tell."""
    found = looked(*looks).eta_seconds((len(looks) - 1) * 10.0)
    assert found == (None if left is None else pytest.approx(left))


def test_the_time_left_runs_down_between_looks() -> None:
    """But not below nothing."""
    pace = looked(counts(0, 100), counts(50, 100))
    assert [pace.eta_seconds(at) for at in (10.0, 14.0, 20.0, 99.0)] == [10.0, 6.0, 0.0, 0.0]


def test_two_looks_at_one_instant_tell_no_rate() -> None:
    assert looked(counts(0, 100), counts(50, 100), every=0.0).eta_seconds(0.0) is None


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.integers(0, 100),
    st.sampled_from(["", "7", [], {}]),
)
STATUS = st.one_of(st.none(), st.sampled_from(["INIT", "RUNNING", "SUCCESSED", "FAILED", "PAUSED"]))
LOOK = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUS,
        "progress": ANYTHING,
        "finished_sample_count": ANYTHING,
        "total_sample_count": ANYTHING,
    },
)


@given(st.lists(LOOK, max_size=8), st.floats(0, 1000))
def test_whatever_is_said_it_is_a_share_that_grows(looks: list[Look], every: float) -> None:
    """Neither NaN nor infinity comes out, nor anything that shrinks."""
    pace, percent, finished = ProgressEstimator(), 0.0, 0
    for index, answer in enumerate(looks):
        now = index * every
        pace.update(ExportTask(task_id="t", dataset_id="d", project_id="p", raw=answer), now)
        assert pace.percent is None or percent <= pace.percent <= 100
        assert pace.finished is None or finished <= pace.finished
        percent, finished = pace.percent or 0.0, pace.finished or 0
        left = pace.eta_seconds(now)
        assert left is None or 0 <= left < float("inf")
