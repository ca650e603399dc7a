"""Retries of a submission that was not accepted, and their limits."""

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
from tests.submission.interceptors import answer_posts_with
from tests.submission.simulated_service import (
    EXPORT,
    Clocks,
    SimulatedService,
    make_client,
    make_clock,
    make_submission,
    submit,
)


@pytest.mark.parametrize(("retries", "posts"), [(0, 1), (1, 2), (4, 5), (6, 7)])
def test_max_retries_limits_the_posts(retries: int, posts: int) -> None:
    service = SimulatedService(faults=("refuse",))
    result = submit(service, settings=Settings(max_retries=retries))
    assert (result.exit_code, len(service.posts), service.polls) == (5, posts, [])


def test_pauses_are_random() -> None:
    """Each is below a limit that doubles up to half a minute."""
    service = SimulatedService(faults=("refuse",))
    submit(service, settings=Settings(max_retries=8))
    shares = [
        pause / bound for pause, bound in zip(service.pauses, (1, 2, 4, 8, 16, 30, 30, 30), strict=True)
    ]
    assert all(0 <= share <= 1 for share in shares)
    assert len({round(share, 3) for share in shares}) == 8
    assert max(shares) > 0.5


def test_retries_end_with_the_retry_timeout() -> None:
    """Their number is not limited; the last one is made when the time is over."""
    service = SimulatedService(faults=("refuse",))
    result = submit(service, settings=Settings(retry_timeout=300.0))
    assert (result.exit_code, len(service.posts) > 10) == (5, True)
    assert service.posts[-1] - service.posts[0] == pytest.approx(300, abs=1)


@pytest.mark.parametrize("header", ["retry-after", "retry-at"])
@pytest.mark.parametrize("fault", ["429", "503"])
def test_retry_after_is_honored(fault: str, header: str) -> None:
    """In both forms of the header."""
    service = SimulatedService(faults=(f"{fault}:count=2,{header}=50s",))
    result = submit(service)
    assert (result.exit_code, [round(pause) for pause in service.pauses]) == (0, [50, 50])


def test_throttling_window_is_the_pause_after_a_429() -> None:
    """It is a minute in the message of the gateway."""
    service = SimulatedService(faults=("429:count=1",))
    submit(service)
    assert [round(pause) for pause in service.pauses] == [60]


def test_retry_after_beyond_the_retry_timeout_exits_with_5() -> None:
    """At once; the hint has the time by the clock of this machine."""
    service = SimulatedService(faults=("429:retry-after=2h",))
    result = submit(service)
    assert (result.exit_code, len(service.posts), service.pauses) == (5, 1, [])
    assert result.error
    when = datetime.fromtimestamp(service.wall_time() + 7200).astimezone()
    assert f"{when:%Y-%m-%d %H:%M:%S}" in result.error.hint


def test_retry_timeout_limits_the_sum_of_pauses() -> None:
    """Two pauses of 50 s are within the default of two minutes, and a third is not."""
    service = SimulatedService(faults=("503:retry-after=50s",))
    result = submit(service)
    assert (result.exit_code, len(service.posts), [round(pause) for pause in service.pauses]) == (
        5,
        3,
        [50] * 2,
    )
    assert "run it again after" in (result.error.hint if result.error else "")


def test_busy_dataset_is_retried_until_the_queue_timeout() -> None:
    """Pauses grow from 5 s to a minute, for half an hour."""
    service = SimulatedService(faults=("busy",))
    result = submit(service, settings=Settings(max_retries=0))  # does not limit the queue
    assert (result.exit_code, len(service.posts)) == (5, 34)
    assert service.pauses[:-1] == [5, 10, 20, 40, *[60] * 28]
    assert round(service.posts[-1] - service.posts[0]) == 1800


def test_queue_timeout_of_0_makes_one_post() -> None:
    """It fails at once."""
    service = SimulatedService(faults=("busy",))
    result = submit(service, settings=Settings(queue_timeout=0.0))
    assert (result.exit_code, len(service.posts), service.pauses) == (5, 1, [])


def test_queue_honors_retry_after() -> None:
    """A pause beyond the queue timeout ends the queue, and the hint says when to run it again."""
    busy = {"error_code": "ModelArts.4356"}
    service = SimulatedService(intercept=answer_posts_with(400, busy, Retry_After="90"))
    result = submit(service, settings=Settings(queue_timeout=200.0))
    assert (result.exit_code, [round(pause) for pause in service.pauses]) == (5, [90, 90])
    assert "run it again after" in (result.error.hint if result.error else "")


@pytest.mark.parametrize(("retry_after", "pause"), [("", 60), ("5", 60), ("90", 90)])
def test_version_limit_pauses_for_a_minute(retry_after: str, pause: int) -> None:
    """The limit of one version a minute lasts longer than the first pauses of the queue."""
    busy = {"error_code": "ModelArts.4370"}
    service = SimulatedService(intercept=answer_posts_with(400, busy, Retry_After=retry_after))
    result = submit(service, settings=Settings(queue_timeout=200.0))
    assert (result.exit_code, [round(each) for each in service.pauses[:2]]) == (5, [pause, pause])


REFUSED = [
    ("sandbox-images", "/missing-bucket/out/", 3),
    ("no-such-dataset", "/test-obs/out/", 3),
    ("sandbox-denied", "/test-obs/out/", 4),
    ("sandbox-text", "/test-obs/out/", 6),
]


@pytest.mark.parametrize(("dataset_id", "path", "code"), REFUSED)
def test_refusal_is_final(dataset_id: str, path: str, code: int) -> None:
    """There is one POST, and the list is not polled."""
    request = ToObs(path=path)
    service = SimulatedService(dataset_id=dataset_id)
    if dataset_id != "no-such-dataset":
        service.add_foreign_task(age=10, request=request)
    result = submit(service, request)
    assert (result.exit_code, len(service.posts), service.polls, service.our_tasks) == (code, 1, [], [])


@pytest.mark.parametrize(
    ("code", "exit_code", "posts"),
    [("ModelArts.4351", 6, 1), ("ModelArts.4352", 3, 1), ("ModelArts.4409", 5, 4), ("ModelArts.9999", 10, 1)],
)
def test_2xx_with_an_error_code_is_classified_by_the_code(code: str, exit_code: int, posts: int) -> None:
    """With an unknown code, the outcome is unknown."""
    service = SimulatedService(intercept=answer_posts_with(200, {"error_code": code}))
    result = submit(service, settings=Settings(queue_timeout=30.0, reconcile_timeout=0.0))
    assert (result.exit_code, len(service.posts)) == (exit_code, posts)


@pytest.mark.parametrize("status", [301, 307, 308, 405, 414])
def test_redirect_and_other_4xx_are_final(status: int) -> None:
    """Redirects are not followed, and nothing is sent again."""
    service = SimulatedService(intercept=answer_posts_with(status, {}, Location="https://elsewhere.example/"))
    result = submit(service)
    assert (result.exit_code, len(service.posts), service.polls) == (6, 1, [])


def test_other_submissions_wait() -> None:
    """Those with the same path from the start; those with the same dataset once it was busy."""
    service = SimulatedService(faults=("busy:count=1",))
    coordinator = SubmissionCoordinator()
    seen: list[tuple[bool, ...]] = []

    def guards() -> tuple[AbstractContextManager[object], ...]:
        one_path = coordinator.one_at_a_time(service.dataset_id, EXPORT.path)
        return one_path, coordinator.busy_slot(service.dataset_id)

    def record(_request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        seen.append(tuple(map(is_free, guards())))
        return answer()

    service.intercept = record
    make_submission(service, coordinator=coordinator).run()
    assert seen == [(False, True), (False, False)]
    assert all(map(is_free, guards()))


def is_free(guard: AbstractContextManager[object]) -> bool:
    """Return whether another thread can enter at once."""
    inside = threading.Event()

    def enter() -> None:
        with guard:
            inside.set()

    threading.Thread(target=enter, daemon=True).start()
    return inside.wait(0.1)


def test_429_pauses_all_submissions() -> None:
    """The gateway counts the requests of all submissions together."""
    service = SimulatedService(faults=("429:count=1,retry-after=40s",))
    coordinator = SubmissionCoordinator()
    started: list[float] = []

    def sleep(seconds: float) -> None:
        if not started:  # during the pause of the first one
            started.append(service.now)
            make_submission(service, ToObs(path="/test-obs/other/"), coordinator=coordinator).run()
        service.pass_time(seconds)

    clock = replace(make_clock(service), sleep=sleep)
    make_submission(service, coordinator=coordinator, clock=clock).run()
    assert len(service.posts) == 3
    assert service.posts[1] - started[0] == pytest.approx(40)


def test_clock_that_is_hours_ahead_exits_with_4() -> None:
    """Signed requests are refused, and the key is not used again."""
    service = SimulatedService(clocks=Clocks(ahead=7200.0))
    service.add_foreign_task(age=10)
    client = make_client(service)
    for _ in range(2):  # the gateway locks a key after repeated refusals
        with pytest.raises(AccessError):
            make_submission(service, client=client).run()
    assert (len(service.posts), service.polls, service.our_tasks) == (1, [], [])


def test_outage_of_one_submission_does_not_pause_another() -> None:
    """Only a 429 counts for all submissions."""
    service, coordinator = SimulatedService(faults=("503:count=1,retry-after=60s",)), SubmissionCoordinator()
    make_submission(service, coordinator=coordinator).run()
    service.pauses.clear()
    service.now -= 60.0
    coordinator.wait_until_open(make_clock(service))
    assert service.pauses == []


def test_queue_of_a_busy_dataset_uses_up_no_retry() -> None:
    service = SimulatedService(faults=("503:count=1", "busy:count=9", "503"))
    result = submit(service, settings=Settings(max_retries=2))
    assert (result.exit_code, len(service.posts)) == (5, 12)
