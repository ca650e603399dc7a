"""Interceptors that replace or change replies of the simulated service."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelarts_export.sandbox.messages import HttpReply, Request
from tests.submission.simulated_service import Interceptor, SimulatedService


def answer_posts_with(status: int, body: dict[str, Any], *, first: int = 1, **headers: str) -> Interceptor:
    """Answer each POST from the one with the number `first` on; the service does not receive them."""
    count = 0

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        nonlocal count
        count += request.method == "POST"
        if request.method != "POST" or count < first:
            return answer()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace_body(HttpReply(status=status, headers=named, body=b""), body)

    return intercept


def replace_body(reply: HttpReply, body: dict[str, Any]) -> HttpReply:
    """Return a reply with another body."""
    content = json.dumps(body).encode()
    return replace(reply, body=content, headers={**reply.headers, "Content-Length": str(len(content))})


def change_listed_tasks(change: Callable[[dict[str, Any]], object]) -> Interceptor:
    """Call `change` with each task of a list."""

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        shown = json.loads(reply.body) if request.method == "GET" else {}
        for task in shown.get("export_tasks", ()):
            change(task)
        return replace_body(reply, shown) if shown else reply

    return intercept


def create_during_post(service: SimulatedService, *ages: float) -> Interceptor:
    """Create a task of another client for each of these ages during each POST.

    Ages are in seconds; a task of a negative age is created later.
    """

    def intercept(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        for age in ages if request.method == "POST" else ():
            service.add_foreign_task(age=age)
        return answer()

    return intercept
