"""A broken reply that names a task: its ID is a candidate, and is never lost."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.faults.catalogue import Delivery
from modelarts_export.sandbox.messages import HttpReply, Request
from tests.submission.worlds import EXPORT, Layer, World, submit

Break = Callable[[HttpReply, str], HttpReply]
HIDDEN = "lag:for=1h,on=list"


def too_long(reply: HttpReply, _location: str) -> HttpReply:
    """Return a reply of which the last five bytes never come."""
    return replace(reply, headers={**reply.headers, "Content-Length": str(len(reply.body) + 5)})


def stalling(reply: HttpReply, _location: str) -> HttpReply:
    """Return the same behind a comma: JSON that is cut."""
    return too_long(replace(reply, body=reply.body.replace(b"}", b",")), _location)


def in_chunks(reply: HttpReply, _location: str) -> HttpReply:
    """Return a reply in chunks, of which the last one is missing."""
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
    chunk = f"{len(reply.body):x}\r\n".encode() + reply.body + b"\r\n"
    return replace(reply, headers={**headers, "Transfer-Encoding": "chunked"}, body=chunk)


def located(reply: HttpReply, location: str) -> HttpReply:
    """Return a reply that says only where the task is."""
    headers = {**reply.headers, "Location": location, "Content-Length": "2"}
    return replace(reply, status=201, body=b"{}", headers=headers)


def located_and_cut(reply: HttpReply, location: str) -> HttpReply:
    """Return the same without its body."""
    return replace(located(reply, location), delivery=Delivery.CUT, cut_at=0)


def failing(reply: HttpReply, _location: str) -> HttpReply:
    """Return an internal error that names the task all the same."""
    return replace(reply, status=500)


BREAKS = {each.__name__: each for each in (too_long, stalling, in_chunks, located, located_and_cut, failing)}


def breaking(break_reply: Break, task_id: str = "") -> Layer:
    """Return a layer that breaks the reply to a POST; it names the task that was made, or this one."""

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        if request.method != "POST":
            return reply
        made = reply.body.decode().split('"')[3]
        named = task_id or made
        reply = replace(reply, body=reply.body.replace(made.encode(), named.encode()))
        return break_reply(reply, f"https://modelarts.example.com{request.target}/{named}")

    return layer


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_the_task_is_taken_although_the_list_does_not_show_it(broken: Break) -> None:
    """It is asked for by its ID, and nothing is sent again."""
    world = World(faults=(HIDDEN,), in_front=breaking(broken))
    end = submit(world)
    assert (end.code, len(world.posts), len(world.looks)) == (0, 1, 1)
    assert end.task
    assert [end.task.task_id] == [task.task_id for task in world.ours] == world.heard.found_ids


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_the_id_is_told_when_nothing_shows_the_task(broken: Break) -> None:
    """Exit 10 names it, and nothing is sent again: the server has made that task, for all that is known."""
    world = World(faults=("lag:for=1h",), in_front=breaking(broken))
    end = submit(world)
    (task,) = world.ours
    assert (end.code, len(world.posts)) == (10, 1)
    assert isinstance(end.error, UnknownOutcomeError)
    assert end.error.task_ids == (task.task_id,)
    assert task.task_id in str(end.error)


def test_a_task_that_does_not_fit_is_not_taken() -> None:
    """A gateway that mixes up its replies names somebody else's; ours is in the list."""
    world = World()
    other = world.plant(age=3600, request=ToObs(path="/test-obs/other/"))
    world.in_front = breaking(too_long, other.task_id)
    end = submit(world)
    assert end.task
    assert [end.task.task_id] == [task.task_id for task in world.ours]


def test_an_id_that_is_cut_is_none() -> None:
    """Half an ID is another ID."""
    world = World(faults=("cut:count=1", "lag:for=1h"))
    end = submit(world, settings=Settings(reconcile_timeout=0.0))
    assert isinstance(end.error, UnknownOutcomeError)
    assert (end.error.task_ids, end.error.path) == ((), EXPORT.path)
