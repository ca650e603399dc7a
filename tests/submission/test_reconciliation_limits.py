"""Reconciliation with a list that is endless, slow or invalid: polls are limited in time."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.reuse_policy import ReusePolicy
from tests.submission.interceptors import change_listed_tasks, replace_body
from tests.submission.simulated_service import Interceptor, SimulatedService, submit

LOST, LOST_NOT_ACCEPTED = "drop:count=1", "drop:count=1,accepted=no"
OTHER = ToObs(path="/test-obs/other/")


def list_without_end(service: SimulatedService, seconds: float) -> Interceptor:
    """Follow each page of a list with a full page of other tasks, after so many seconds."""
    pages = 0

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        nonlocal pages
        reply = answer()
        if request.method != "GET" or "export-tasks?" not in request.target:
            return reply
        service.pass_time(seconds)
        pages += 1
        entries = [{"task_id": f"t{pages}-{each}", "path": "/b/x/"} for each in range(100)]
        return replace_body(reply, {"total_count": 10**9, "export_tasks": entries})

    return intercept


def create_others_after_post(service: SimulatedService, others: int) -> Interceptor:
    """Create so many other tasks just after each of ours."""

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        for _ in range(others if request.method == "POST" else 0):
            service.add_foreign_task(age=-0.01, request=OTHER)
        return reply

    return intercept


@pytest.mark.parametrize(("seconds", "limit"), [(0.0, 1.0), (0.0, 2.0), (4.0, 2.0), (4.0, 60.0)])
def test_endless_list_is_read_until_the_reconcile_timeout(seconds: float, limit: float) -> None:
    """Whether the task is listed is unknown."""
    service = SimulatedService(faults=(LOST,))
    service.intercept = list_without_end(service, seconds)
    result = submit(service, settings=Settings(reconcile_timeout=limit))
    assert (result.exit_code, len(service.posts)) == (10, 1)
    assert "polling the list failed" in str(result.error)
    assert service.now - service.posts[0] <= limit + seconds + 1


@pytest.mark.parametrize(("limit", "code"), [(2.0, 10), (60.0, 10), (0.0, 10)])
def test_incomplete_poll_keeps_the_outcome_unknown(limit: float, code: int) -> None:
    """A page takes four seconds, and our task is on the last of ten."""
    service = SimulatedService(faults=(LOST, "late:on=list,for=4s"))
    service.intercept = create_others_after_post(service, 999)
    result = submit(service, settings=Settings(reconcile_timeout=limit))
    assert (result.exit_code, len(service.posts)) == (code, 1)
    assert service.now - service.posts[0] <= (limit or 5.0) + 1


def test_slow_list_that_is_complete_in_time_recovers_the_task() -> None:
    """Each page has a Date of its own, which separates new tasks from old ones."""
    service = SimulatedService(faults=(LOST, "late:on=list,for=4s"))
    service.add_foreign_task(age=60.0)
    service.intercept = create_others_after_post(service, 550)
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (0, 1, 1)


@pytest.mark.parametrize("total", [100, 0, 101])
def test_full_page_past_the_total_is_followed_by_the_next(total: int) -> None:
    """The total is too small, and our task is on the second page."""
    service = SimulatedService(faults=(LOST,))
    create_others = create_others_after_post(service, 150)

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = create_others(request, answer)
        shown: dict[str, Any] = json.loads(reply.body) if request.method == "GET" else {}
        return replace_body(reply, {**shown, "total_count": total}) if shown else reply

    service.intercept = intercept
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (0, 1, 1)


@pytest.mark.parametrize("create_time", [0, -1, 1_606_103_424, 5.0, 1_606_103_424_662_000, 10**14])
@pytest.mark.parametrize(("was_read", "code"), [(False, 10), (True, 0)])
def test_invalid_create_time_is_unknown(create_time: float, was_read: bool, code: int) -> None:  # noqa: FBT001 - a row
    """A create_time in seconds, of 0, negative or of another century does not show that the task is older."""
    service = SimulatedService(
        faults=(LOST,), intercept=change_listed_tasks(lambda task: task.update(create_time=create_time))
    )
    result = submit(service, reuse=ReusePolicy(reuse_running=was_read))
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (code, 1, 1)
