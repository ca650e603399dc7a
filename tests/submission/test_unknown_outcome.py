"""Submissions after a POST with an unknown outcome, beyond the cases of the fault matrix."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, UnknownOutcomeError
from modelarts_export.request.models import NewDatasetParams, ToNewDataset, ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.coordinator import SubmissionCoordinator
from modelarts_export.submission.reuse_policy import ReusePolicy
from tests.submission.interceptors import (
    answer_posts_with,
    change_listed_tasks,
    create_during_post,
    replace_body,
)
from tests.submission.simulated_service import (
    EXPORT,
    LATE,
    LOST,
    LOST_NOT_ACCEPTED,
    NEVER,
    Interceptor,
    SimulatedService,
    get_our_ids,
    make_clock,
    make_submission,
    submit,
)

NEW = ToNewDataset(
    path="/test-obs/out/",
    export_params=NewDatasetParams(
        export_new_dataset_name="cats", export_new_dataset_work_path="/test-obs/work/"
    ),
)


@pytest.mark.parametrize("code", ["ModelArts.4351", "ModelArts.4364"])
@pytest.mark.parametrize(("lag", "exit_code"), [(LATE, 0), (NEVER, 10)])
def test_resend_refused_because_of_our_first_task_is_reconciled(code: str, lag: str, exit_code: int) -> None:
    """The task of the first POST creates the dataset, so the second POST is refused."""

    def change_code(_: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        return replace(reply, body=reply.body.replace(b"ModelArts.4351", code.encode()))

    service = SimulatedService(faults=(LOST, lag), intercept=change_code)
    service.add_foreign_task(age=3600)
    result = submit(service, NEW)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (exit_code, 2, 1)
    assert service.events.recovered_ids == (get_our_ids(service) if exit_code == 0 else [])
    assert result.task is None or result.task.task_id == get_our_ids(service)[0]


@pytest.mark.parametrize(("lag", "exit_code"), [(LATE, 0), (NEVER, 10)])
def test_resend_to_a_busy_dataset_is_reconciled(lag: str, exit_code: int) -> None:
    """The list is polled instead of waiting in the queue."""
    service = SimulatedService(faults=(LOST, "busy", lag))
    result = submit(service)
    assert (result.exit_code, len(service.posts), service.events.recovered_ids) == (
        exit_code,
        2,
        get_our_ids(service) if exit_code == 0 else [],
    )
    assert service.now - service.posts[-1] < 61


LATER_FAULTS = {
    "busy": "busy",
    "refuse": "refuse",
    "429": "429",
    "429 for an hour": "429:retry-after=1h",
    "503": "503:retry-after=1s",
}


@pytest.mark.parametrize("fault", LATER_FAULTS.values(), ids=LATER_FAULTS)
def test_later_fault_keeps_the_outcome_unknown(fault: str) -> None:
    """It exits with 10, because the first POST may have been accepted; an older task is not returned."""
    service = SimulatedService(faults=(LOST_NOT_ACCEPTED, fault))
    service.add_foreign_task(age=10)
    result = submit(service)
    assert (result.exit_code, len(service.our_tasks)) == (10, 0)
    assert isinstance(result.error, UnknownOutcomeError)
    assert result.error.path == EXPORT.path
    assert result.error.since == pytest.approx(service.posts[0] - 5, abs=1.5)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 413])
def test_later_refusal_keeps_the_outcome_unknown(status: int) -> None:
    """The error has the status of the refusal."""
    service = SimulatedService(
        faults=(LOST_NOT_ACCEPTED,),
        intercept=answer_posts_with(status, {"error_code": "ModelArts.4358"}, first=2),
    )
    service.add_foreign_task(age=10)
    result = submit(service)
    assert (result.exit_code, len(service.posts)) == (10, 2)
    assert result.error
    assert result.error.http_status == status


def test_lost_reply_after_a_refusal_is_reconciled() -> None:
    """The refused POST created no task, so a task before the second POST is not ours."""
    service = SimulatedService(faults=("429:count=1,retry-after=30s", LOST_NOT_ACCEPTED))
    service.add_foreign_task(age=-15.0)  # by another client, between the two
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (0, 3, 1)
    assert result.task
    assert result.task.task_id == get_our_ids(service)[0]


PAUSES = ["429:count=1,retry-after=30s", "503:count=1,retry-after=30s", "refuse:count=4", "429:count=2"]


@pytest.mark.parametrize("pause", PAUSES)
def test_list_is_polled_before_each_resend(pause: str) -> None:
    """The first task is listed after the pause, so there is no further POST."""
    service = SimulatedService(faults=(LOST, pause, "lag:for=61.5s"))
    result = submit(service, settings=Settings(max_retries=9))
    assert (result.exit_code, len(service.our_tasks), service.events.resends) == (0, 1, [])
    assert result.task
    assert [result.task.task_id] == get_our_ids(service) == service.events.recovered_ids


@pytest.mark.parametrize(("polls", "code"), [("500:on=list,after=8,count=2", 0), ("500:on=list,after=8", 10)])
def test_no_resend_while_polls_fail(polls: str, code: int) -> None:
    """A failed poll before another POST is repeated within the reconcile timeout."""
    service = SimulatedService(faults=(LOST_NOT_ACCEPTED, "429:count=1,retry-after=9s", polls))
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (
        code,
        3 if code == 0 else 2,
        int(code == 0),
    )
    assert service.polls[8] - service.posts[1] >= 9


def test_list_is_polled_after_the_pause_of_a_throttled_resend() -> None:
    """Another submission was throttled meanwhile, and a list that was read before the pause is outdated."""
    service = SimulatedService(faults=(LOST, "lag:for=80s"))
    coordinator, clock = SubmissionCoordinator(), make_clock(service)

    def throttle_on_poll(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        if request.method == "GET":
            coordinator.throttle(30.0, clock)
        return answer()

    service.intercept = throttle_on_poll
    task = make_submission(service, coordinator=coordinator).run()
    assert [task.task_id] == get_our_ids(service)


@pytest.mark.parametrize("fault", [LOST, LOST_NOT_ACCEPTED, "500:count=1", "502:count=1"])
def test_on_lost_reply_stop_does_not_send_again(fault: str) -> None:
    """It exits with 10."""
    service = SimulatedService(faults=(fault, NEVER))
    result = submit(service, settings=Settings(on_lost_reply="stop"))
    assert (result.exit_code, len(service.posts)) == (10, 1)


@pytest.mark.parametrize(("retry_after", "code"), [(90, 0), (20, 0), (600, 10)])
def test_resend_after_an_uncoded_503_honors_retry_after(retry_after: int, code: int) -> None:
    """Polls take the first minute; a pause beyond the retry timeout exits with 10."""
    service = SimulatedService(faults=(f"503:count=1,code=none,retry-after={retry_after}s",))
    result = submit(service)
    assert (result.exit_code, len(service.posts)) == (code, 1 + (code == 0))
    if code == 0:
        assert max(retry_after, 55) <= service.posts[1] - service.posts[0] <= max(retry_after, 60) + 1
        assert service.polls[-1] > service.posts[1]  # the check
        assert service.posts[1] - max(poll for poll in service.polls if poll < service.posts[1]) < 2


@pytest.mark.parametrize(
    ("fault", "ages"), [(LOST, (-20.0,)), (LOST, (4.0, -20.0)), (LOST_NOT_ACCEPTED, (-20.0, -30.0, 2.0))]
)
def test_candidate_nearest_to_the_post_is_recovered(fault: str, ages: tuple[float, ...]) -> None:
    """All are named, and nothing is sent again."""
    service = SimulatedService(faults=(fault,))
    service.intercept = create_during_post(service, *ages)
    result = submit(service)
    others = sorted(service.foreign_tasks, key=lambda task: abs(task.created - service.posts[0]))
    nearest_first = [*get_our_ids(service), *(task.task_id for task in others)]
    assert len(service.posts) == 1
    assert result.task
    assert result.task.task_id == nearest_first[0]
    assert service.events.warnings == [f"one of {', '.join(nearest_first)}"]


def test_at_most_a_hundred_candidates_are_named() -> None:
    """The others are not kept in memory."""
    service = SimulatedService(faults=(LOST,))
    service.intercept = create_during_post(service, *(250 * [-1.0]))
    result = submit(service)
    assert result.task
    assert [result.task.task_id] == get_our_ids(service)
    assert service.events.warnings[0].count(", ") == 99


@pytest.mark.parametrize(("fault", "posts"), [(LOST, 1), (LOST_NOT_ACCEPTED, 2)])
@pytest.mark.parametrize("no_date", [(), ("no-date",)], ids=["dated", "no Date"])
def test_task_that_was_listed_before_the_post_is_not_recovered(
    fault: str, posts: int, no_date: tuple[str, ...]
) -> None:
    """If the list was read before the POST, also without a Date header."""
    service = SimulatedService(faults=(fault, *no_date))
    service.add_foreign_task(age=3.5, request=NEW.model_copy(update={"path": "/test-obs/other/"}))
    older = service.add_foreign_task(age=3.5)  # it is finished
    result = submit(service, reuse=ReusePolicy(reuse_running=True))
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (0, posts, 1)
    assert result.task
    assert result.task.task_id == get_our_ids(service)[0] != older.task_id
    assert service.events.warnings == []


@pytest.mark.parametrize(
    ("was_listed", "exit_code"), [(False, 10), (True, 0)], ids=["list not read before", "list read before"]
)
@pytest.mark.parametrize("fault", [LOST, LOST_NOT_ACCEPTED])
def test_older_task_without_a_create_time_keeps_the_outcome_unknown(
    fault: str,
    was_listed: bool,  # noqa: FBT001 - a row
    exit_code: int,
) -> None:
    """Unless the list that was read before the POST has it."""
    service = SimulatedService(
        faults=(fault,), intercept=change_listed_tasks(lambda task: task.pop("create_time"))
    )
    service.add_foreign_task(age=3600)
    result = submit(service, reuse=ReusePolicy(reuse_running=was_listed))
    assert result.exit_code == exit_code
    assert len(service.posts) == (2 if fault == LOST_NOT_ACCEPTED and was_listed else 1)
    assert result.task is None or result.task.task_id == get_our_ids(service)[0]


@pytest.mark.parametrize("fault", [LOST, LOST_NOT_ACCEPTED])
@pytest.mark.parametrize("polls", ["500:on=list", "refuse:on=list", "stall:on=list,for=2m", "429:on=list"])
def test_request_is_not_sent_again_when_all_polls_fail(fault: str, polls: str) -> None:
    """It exits with 10."""
    service = SimulatedService(faults=(fault, polls))
    result = submit(service)
    assert (result.exit_code, len(service.posts)) == (10, 1)
    assert 50 <= service.now - service.posts[0] <= 61
    assert "polling the list failed" in str(result.error)


def refuse_polls(status: int, code: str) -> Interceptor:
    """Refuse every call but POSTs."""

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        denial = HttpReply(status=status, headers={}, body=b"")
        return replace_body(denial, {"error_code": code}) if request.method == "GET" else answer()

    return intercept


@pytest.mark.parametrize(
    ("status", "code"), [(404, "APIGW.0101"), (403, "ModelArts.0112"), (403, "APIGW.0302")]
)
def test_refused_poll_is_repeated(status: int, code: str) -> None:
    """The last poll decides."""
    service = SimulatedService(faults=(LOST,), intercept=refuse_polls(status, code))
    result = submit(service)
    assert (result.exit_code, len(service.posts)) == (10, 1)
    assert 50 <= service.now - service.posts[0] <= 61
    refusing = refuse_polls(status, code)
    service = SimulatedService(faults=(LOST,))
    service.intercept = lambda request, answer: (
        refusing(request, answer) if len(service.polls) == 1 else answer()
    )
    assert (submit(service).exit_code, len(service.posts), len(service.polls)) == (0, 1, 2)


def test_poll_with_refused_credentials_is_not_repeated() -> None:
    """The gateway locks a key after repeated refusals."""
    service = SimulatedService(faults=(LOST,), intercept=refuse_polls(401, "APIGW.0301"))
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.polls), service.pauses) == (10, 1, 1, [])


@pytest.mark.parametrize(("fault", "posts"), [(LOST, 1), (LOST_NOT_ACCEPTED, 2)])
def test_failed_polls_are_repeated(fault: str, posts: int) -> None:
    """Later polls find the task."""
    service = SimulatedService(faults=(fault, "500:on=list,count=3", "no-date:on=list,count=1"))
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks), service.events.warnings) == (
        0,
        posts,
        1,
        [],
    )


@pytest.mark.parametrize(("fault", "posts"), [(LOST, 1), (LOST_NOT_ACCEPTED, 2)])
def test_poll_during_suspension_is_repeated(fault: str, posts: int) -> None:
    """Its Date is outdated and cannot separate new tasks from old ones, so the list is polled again."""
    service = SimulatedService(faults=(fault,))

    def suspend_on_first_poll(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        if request.method == "GET" and len(service.polls) == 1:
            service.suspend(600.0)
        return reply

    service.intercept = suspend_on_first_poll
    service.add_foreign_task(age=180)
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks), service.events.warnings) == (
        0,
        posts,
        1,
        [],
    )
    assert result.task
    assert result.task.task_id == get_our_ids(service)[0]


def test_slow_poll_of_many_pages_finds_the_task() -> None:
    """Each page has a Date header of its own."""
    service = SimulatedService(faults=(LOST, "late:on=list,for=12s"))
    for _ in range(250):
        service.add_foreign_task(age=3600, request=ToObs(path="/test-obs/other/"))
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.polls), service.pauses) == (0, 1, 3, [])


def test_pauses_between_polls_grow() -> None:
    """They last a minute by default, and honor Retry-After."""
    service = SimulatedService(faults=("504:accepted=no",))
    submit(service)
    assert [round(pause) for pause in service.pauses] == [1, 2, 4, 8, 15, 15, 13]
    service = SimulatedService(faults=("504:accepted=no", "429:on=list,count=1,retry-after=20s"))
    submit(service, settings=Settings(reconcile_timeout=30.0))
    assert [round(pause) for pause in service.pauses] == [20, 2, 4, 3]


def test_polls_end_when_the_task_is_found() -> None:
    """The rest of the reconcile timeout is not used."""
    service = SimulatedService(faults=(LOST, "lag:for=3s"))
    submit(service)
    assert service.pauses == [1, 2]


def test_reconcile_timeout_of_0_is_one_poll() -> None:
    """It exits with 0 when that poll finds the task."""
    service = SimulatedService(faults=(LOST,))
    result = submit(service, settings=Settings(reconcile_timeout=0.0))
    assert (result.exit_code, len(service.polls)) == (0, 1)


def test_late_drop_within_the_read_timeout_is_sent_again() -> None:
    """The server closed the connection before the read timeout, so it is done."""
    service = SimulatedService(faults=("stall:for=80s,count=1,accepted=no",))
    service.add_foreign_task(age=10)
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (0, 2, 1)


def test_first_task_is_recovered_after_two_lost_replies() -> None:
    """The polls after the second POST find the task of the first."""
    service = SimulatedService(faults=("drop:count=2", LATE))
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.our_tasks)) == (0, 2, 2)
    assert service.events.recovered_ids == get_our_ids(service)[:1]


@pytest.mark.parametrize(
    ("faults", "unknown"),
    [
        ((), False),
        (("refuse",), False),
        (("busy",), False),
        ((LOST,), False),
        ((LOST, NEVER), False),  # the second was accepted
        (("504",), False),
        (("504", NEVER), True),
        ((LOST_NOT_ACCEPTED, "busy"), True),
    ],
)
def test_outcome_is_unknown_until_a_reply(faults: tuple[str, ...], *, unknown: bool) -> None:
    service = SimulatedService(faults=faults)
    seen: list[tuple[str, bool]] = []

    def record(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        seen.append((request.method, submission.outcome_unknown))
        return answer()

    service.intercept = record
    submission = make_submission(service)
    assert not submission.outcome_unknown
    with suppress(ModelArtsExportError):
        submission.run()
    assert submission.outcome_unknown == unknown
    assert ("POST", False) not in seen
