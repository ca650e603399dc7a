"""A second task that is avoided, or told of, where clocks disagree or others are quicker."""

from collections.abc import Callable

import pytest

from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.reuse import ReusePolicy
from modelarts_export.transport.response import Response as OwnReply
from tests.submission.worlds import EXPORT, World, submit


@pytest.mark.parametrize("clock", ["date:skew=15m", "clock:skew=-6s"])
def test_a_twin_is_told_by_the_clock_of_the_service(clock: str) -> None:
    """Our first task looks older than its send, by the Date; beside the second it does not."""
    world = World(faults=("drop:count=1", clock))
    end = submit(world)
    assert end.code == 0
    assert len(world.ours) == 2
    assert all(task.task_id in " ".join(world.heard.warnings) for task in world.ours)


@pytest.mark.parametrize("fault", ["busy:count=1", "429:count=1,retry-after=3s"])
def test_another_host_is_quicker(fault: str) -> None:
    """Whoever wants no second task looks again after each pause before a send."""

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        if request.method == "POST":
            task = world.gateway.cloud.add_task(world.dataset_id, EXPORT.to_dict(), age=0, duration=9000)
            world.planted.append(task)
        return reply

    world = World(faults=(fault,), in_front=layer)
    end = submit(world, reuse=ReusePolicy(reuse_running=True))
    assert end.task
    assert end.task.reused
    assert (len(world.posts), world.ours) == (1, [])


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 18:21:15 GMT", "Mon Nov 23 18:21:15 2026"])
@pytest.mark.parametrize("zone", [" -0000", " +0000", ""])
def test_a_date_without_a_zone_is_that_of_utc(monkeypatch: pytest.MonkeyPatch, date: str, zone: str) -> None:
    """Wherever this machine is."""
    monkeypatch.setenv("TZ", "America/New_York")
    told = date if date.endswith("GMT") else date + zone
    reply = OwnReply(url="", status=200, headers={"Date": told}, content=b"", changing=False)
    assert reply.date == 1795458075.0


@pytest.mark.parametrize("fault", ["no-date", "date:skew=21m", "date:skew=-21m", "date:skew=-300d"])
def test_without_a_usable_date_no_success_is_reused_and_a_note_says_so(fault: str) -> None:
    """How old it is cannot be told: by a Date of last year, a task of 60 days ago is a new one."""
    world = World(faults=(fault,))
    world.plant(age=600)
    end = submit(world, reuse=ReusePolicy(reuse_within=3600.0))
    assert len(world.posts) == 1
    assert end.code == 0
    assert "no succeeded task is reused" in " ".join(world.heard.warnings)


@pytest.mark.parametrize(
    "reuse",
    [ReusePolicy(reuse_running=True), ReusePolicy(skip_if_running="/b/"), ReusePolicy(if_path_used="fail")],
)
def test_a_list_that_is_not_complete_in_time_sends_nothing(reuse: ReusePolicy) -> None:
    """The read timeout bounds all of its pages together; what was not read is unknown, not absent."""
    world = World(faults=("late:on=list,for=40s",))
    for _ in range(250):
        world.plant(age=3600, request=ToObs(path="/test-obs/other/"))
    end = submit(world, reuse=reuse)
    assert (end.code, world.posts) == (5, [])
