"""Broken replies that name a task: its ID is a candidate for recovery."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import UnknownOutcomeError
from modelarts_export.request.models import ToObs
from modelarts_export.sandbox.faults.catalog import Delivery
from modelarts_export.sandbox.messages import HttpReply, Request
from tests.submission.simulated_service import EXPORT, Interceptor, SimulatedService, submit

Break = Callable[[HttpReply, str], HttpReply]
HIDDEN = "lag:for=1h,on=list"


def cut_with_length(reply: HttpReply, _location: str) -> HttpReply:
    """Return a reply that lacks the last five bytes."""
    return replace(reply, headers={**reply.headers, "Content-Length": str(len(reply.body) + 5)})


def cut_json(reply: HttpReply, _location: str) -> HttpReply:
    """Return a reply with incomplete JSON."""
    return cut_with_length(replace(reply, body=reply.body.replace(b"}", b",")), _location)


def cut_chunks(reply: HttpReply, _location: str) -> HttpReply:
    """Return a chunked reply without its last chunk."""
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
    chunk = f"{len(reply.body):x}\r\n".encode() + reply.body + b"\r\n"
    return replace(reply, headers={**headers, "Transfer-Encoding": "chunked"}, body=chunk)


def reply_with_location(reply: HttpReply, location: str) -> HttpReply:
    """Return a reply that names the task only in its Location header."""
    headers = {**reply.headers, "Location": location, "Content-Length": "2"}
    return replace(reply, status=201, body=b"{}", headers=headers)


def cut_with_location(reply: HttpReply, location: str) -> HttpReply:
    """Return a reply with a Location header and an incomplete body."""
    return replace(reply_with_location(reply, location), delivery=Delivery.CUT, cut_at=0)


def fail_with_500(reply: HttpReply, _location: str) -> HttpReply:
    """Return an internal error that names the task."""
    return replace(reply, status=500)


BREAKS = {
    each.__name__: each
    for each in (cut_with_length, cut_json, cut_chunks, reply_with_location, cut_with_location, fail_with_500)
}


def break_post_reply(break_reply: Break, task_id: str = "") -> Interceptor:
    """Break each reply to a POST, which names the created task or `task_id`."""

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        if request.method != "POST":
            return reply
        created = reply.body.decode().split('"')[3]
        named = task_id or created
        reply = replace(reply, body=reply.body.replace(created.encode(), named.encode()))
        return break_reply(reply, f"https://modelarts.example.com{request.target}/{named}")

    return intercept


@pytest.mark.parametrize("break_reply", BREAKS.values(), ids=BREAKS)
def test_named_task_is_recovered_without_the_list(break_reply: Break) -> None:
    """It is fetched by its ID, and nothing is sent again."""
    service = SimulatedService(faults=(HIDDEN,), intercept=break_post_reply(break_reply))
    result = submit(service)
    assert (result.exit_code, len(service.posts), len(service.polls)) == (0, 1, 1)
    assert result.task
    assert (
        [result.task.task_id] == [task.task_id for task in service.our_tasks] == service.events.recovered_ids
    )


@pytest.mark.parametrize("break_reply", BREAKS.values(), ids=BREAKS)
def test_error_names_the_task_that_is_not_found(break_reply: Break) -> None:
    """It exits with 10, and nothing is sent again."""
    service = SimulatedService(faults=("lag:for=1h",), intercept=break_post_reply(break_reply))
    result = submit(service)
    (task,) = service.our_tasks
    assert (result.exit_code, len(service.posts)) == (10, 1)
    assert isinstance(result.error, UnknownOutcomeError)
    assert result.error.task_ids == (task.task_id,)
    assert task.task_id in str(result.error)


def test_named_task_of_another_request_is_not_recovered() -> None:
    """A gateway may mix up replies; our task is in the list."""
    service = SimulatedService()
    other = service.add_foreign_task(age=3600, request=ToObs(path="/test-obs/other/"))
    service.intercept = break_post_reply(cut_with_length, other.task_id)
    result = submit(service)
    assert result.task
    assert [result.task.task_id] == [task.task_id for task in service.our_tasks]


def test_incomplete_id_is_ignored() -> None:
    """Half of an ID is another ID."""
    service = SimulatedService(faults=("cut:count=1", "lag:for=1h"))
    result = submit(service, settings=Settings(reconcile_timeout=0.0))
    assert isinstance(result.error, UnknownOutcomeError)
    assert (result.error.task_ids, result.error.path) == ((), EXPORT.path)
