"""Duplicate tasks: reported when clocks differ, and avoided when another client was faster."""

from collections.abc import Callable

import pytest

from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.reuse_policy import ReusePolicy
from modelarts_export.transport.response import Response as OwnReply
from tests.submission.simulated_service import (
    EXPORT,
    LATE,
    LOST,
    LOST_NOT_ACCEPTED,
    SimulatedService,
    get_our_ids,
    make_submission,
    submit,
)


@pytest.mark.parametrize("clock", ["date:skew=15m", "clock:skew=-6s"])
def test_duplicate_is_found_by_the_clock_of_the_service(clock: str) -> None:
    """By the Date header, the first task is older than its POST; compared with the second task, it is not."""
    service = SimulatedService(faults=("drop:count=1", clock))
    result = submit(service)
    assert result.exit_code == 0
    assert len(service.our_tasks) == 2
    assert all(task.task_id in " ".join(service.events.warnings) for task in service.our_tasks)


@pytest.mark.parametrize("fault", ["busy:count=1", "429:count=1,retry-after=3s"])
def test_task_of_a_faster_client_is_reused(fault: str) -> None:
    """With reuse, the list is read again after each pause before a POST."""

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        if request.method == "POST":
            task = service.gateway.cloud.add_task(service.dataset_id, EXPORT.to_dict(), age=0, duration=9000)
            service.foreign_tasks.append(task)
        return reply

    service = SimulatedService(faults=(fault,), intercept=intercept)
    result = submit(service, reuse=ReusePolicy(reuse_running=True))
    assert result.task
    assert result.task.reused
    assert (len(service.posts), service.our_tasks) == (1, [])


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 18:21:15 GMT", "Mon Nov 23 18:21:15 2026"])
@pytest.mark.parametrize("zone", [" -0000", " +0000", ""])
def test_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch, date: str, zone: str) -> None:
    """Whatever the local time zone is."""
    monkeypatch.setenv("TZ", "America/New_York")
    header = date if date.endswith("GMT") else date + zone
    reply = OwnReply(url="", status=200, headers={"Date": header}, content=b"", changing=False)
    assert reply.date == 1795458075.0


@pytest.mark.parametrize("fault", ["no-date", "date:skew=21m", "date:skew=-21m", "date:skew=-300d"])
def test_succeeded_task_is_not_reused_without_a_usable_date(fault: str) -> None:
    """Its age is unknown, and a warning says so."""
    service = SimulatedService(faults=(fault,))
    service.add_foreign_task(age=600)
    result = submit(service, reuse=ReusePolicy(reuse_within=3600.0))
    assert len(service.posts) == 1
    assert result.exit_code == 0
    assert "no succeeded task is reused" in " ".join(service.events.warnings)


@pytest.mark.parametrize(
    "reuse",
    [ReusePolicy(reuse_running=True), ReusePolicy(skip_if_running="/b/"), ReusePolicy(if_path_used="fail")],
)
def test_incomplete_list_prevents_the_submission(reuse: ReusePolicy) -> None:
    """The read timeout holds for all pages together."""
    service = SimulatedService(faults=("late:on=list,for=40s",))
    for _ in range(250):
        service.add_foreign_task(age=3600, request=ToObs(path="/test-obs/other/"))
    result = submit(service, reuse=reuse)
    assert (result.exit_code, service.posts) == (5, [])


def test_duplicate_that_is_listed_late_is_reported_by_a_later_check() -> None:
    """A possible duplicate is reported at once, and the duplicate by a later check."""
    service = SimulatedService(faults=(LOST, LATE))
    submission = make_submission(service)
    second = submission.run().task_id
    first, other = get_our_ids(service)
    assert (second, service.events.warnings) == (other, [])
    assert [name for name, _ in service.events.resends] == [second]
    service.pass_time(7200.0)
    submission.check_for_duplicates()
    submission.check_for_duplicates()
    assert service.events.warnings == [f"{first} is a duplicate of {second}"]


def test_older_task_is_no_duplicate_after_a_long_wait() -> None:
    """Only tasks of the time between the two POSTs count."""
    service = SimulatedService(faults=(LOST, LATE))
    service.add_foreign_task(age=1800.0)
    submission = make_submission(service)
    submission.run()
    service.pass_time(7200.0)
    submission.check_for_duplicates()
    assert [line.count(service.foreign_tasks[0].task_id) for line in service.events.warnings] == [0]


def test_refused_resend_is_not_reported_as_a_possible_duplicate() -> None:
    """The refused POST created no task."""
    service = SimulatedService(faults=(LOST, "busy", LATE))
    submit(service)
    assert (len(service.posts), service.events.resends) == (2, [])


def test_failed_duplicate_check_is_a_warning() -> None:
    """The task is returned."""
    service = SimulatedService(faults=(LOST_NOT_ACCEPTED, "500:on=list,after=8"))
    result = submit(service)
    assert (result.exit_code, len(service.polls), result.task and result.task.task_id) == (
        0,
        9,
        get_our_ids(service)[0],
    )
    (warning,) = service.events.warnings
    assert warning.startswith("Internal error")
