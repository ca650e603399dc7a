"""Polls of a list that is endless, slow or strange: each is bounded, and what was not read is unknown."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.reuse import ReusePolicy
from tests.submission.layers import changing_lists, saying
from tests.submission.worlds import Layer, World, submit

LOST, LOST_UNREAD = "drop:count=1", "drop:count=1,accepted=no"
OTHER = ToObs(path="/test-obs/other/")


def endless(world: World, seconds: float) -> Layer:
    """Return a layer whose lists have a full page of other tasks after each page, in so many seconds."""
    made = 0

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        nonlocal made
        reply = answer()
        if request.method != "GET" or "export-tasks?" not in request.target:
            return reply
        world.let_pass(seconds)
        made += 1
        entries = [{"task_id": f"t{made}-{each}", "path": "/b/x/"} for each in range(100)]
        return saying(reply, {"total_count": 10**9, "export_tasks": entries})

    return layer


def burying(world: World, others: int) -> Layer:
    """Return a layer in which so many other tasks are created just after each of ours."""

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        for _ in range(others if request.method == "POST" else 0):
            world.plant(age=-0.01, request=OTHER)
        return reply

    return layer


@pytest.mark.parametrize(("seconds", "limit"), [(0.0, 1.0), (0.0, 2.0), (4.0, 2.0), (4.0, 60.0)])
def test_an_endless_list(seconds: float, limit: float) -> None:
    """It takes as long as it may, and not a poll longer; whether the task is there is unknown."""
    world = World(faults=(LOST,))
    world.in_front = endless(world, seconds)
    end = submit(world, settings=Settings(reconcile_timeout=limit))
    assert (end.code, len(world.posts)) == (10, 1)
    assert "polling the list failed" in str(end.error)
    assert world.now - world.posts[0] <= limit + seconds + 1


@pytest.mark.parametrize(("limit", "code"), [(2.0, 10), (60.0, 10), (0.0, 10)])
def test_a_slow_list_of_a_thousand_tasks(limit: float, code: int) -> None:
    """Four seconds a page, ours on the last of ten: a poll that is cut finds nothing out."""
    world = World(faults=(LOST, "late:on=list,for=4s"))
    world.in_front = burying(world, 999)
    end = submit(world, settings=Settings(reconcile_timeout=limit))
    assert (end.code, len(world.posts)) == (code, 1)
    assert world.now - world.posts[0] <= (limit or 5.0) + 1


def test_a_slow_list_that_can_be_read_in_time() -> None:
    """Each page has a Date of its own, so that a slow list tells new tasks from old ones as well."""
    world = World(faults=(LOST, "late:on=list,for=4s"))
    world.plant(age=60.0)
    world.in_front = burying(world, 550)
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours)) == (0, 1, 1)


@pytest.mark.parametrize("total", [100, 0, 101])
def test_a_total_that_lags_behind(total: int) -> None:
    """A full page is followed by the next one, whatever the total: our task is on it."""
    world = World(faults=(LOST,))
    bury = burying(world, 150)

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = bury(request, answer)
        shown: dict[str, Any] = json.loads(reply.body) if request.method == "GET" else {}
        return saying(reply, {**shown, "total_count": total}) if shown else reply

    world.in_front = layer
    end = submit(world)
    assert (end.code, len(world.posts), len(world.ours)) == (0, 1, 1)


@pytest.mark.parametrize("told", [0, -1, 1_606_103_424, 5.0, 1_606_103_424_662_000, 10**14])
@pytest.mark.parametrize(("was_read", "code"), [(False, 10), (True, 0)])
def test_a_time_that_is_none(told: float, was_read: bool, code: int) -> None:  # noqa: FBT001 - a row
    """In seconds, 0, negative or of another century, a create_time is unknown: the task is not an old one."""
    world = World(faults=(LOST,), in_front=changing_lists(lambda task: task.update(create_time=told)))
    end = submit(world, reuse=ReusePolicy(reuse_running=was_read))
    assert (end.code, len(world.posts), len(world.ours)) == (code, 1, 1)
