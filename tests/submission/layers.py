"""What stands in front of the service of a made-up world, and says or does something else."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelarts_export.sandbox.messages import HttpReply, Request
from tests.submission.worlds import Layer, World


def instead(status: int, body: dict[str, Any], *, first: int = 1, **headers: str) -> Layer:
    """Return a layer that answers POSTs itself, from the one with this number on; nothing is made of them."""
    count = 0

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        nonlocal count
        count += request.method == "POST"
        if request.method != "POST" or count < first:
            return answer()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return saying(HttpReply(status=status, headers=named, body=b""), body)

    return layer


def saying(reply: HttpReply, body: dict[str, Any]) -> HttpReply:
    """Return a reply with another body."""
    content = json.dumps(body).encode()
    return replace(reply, body=content, headers={**reply.headers, "Content-Length": str(len(content))})


def changing_lists(change: Callable[[dict[str, Any]], object]) -> Layer:
    """Return a layer that changes each task of a list."""

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        reply = answer()
        shown = json.loads(reply.body) if request.method == "GET" else {}
        for task in shown.get("export_tasks", ()):
            change(task)
        return saying(reply, shown) if shown else reply

    return layer


def meanwhile(world: World, *ages: float) -> Layer:
    """Return a layer in which others make such tasks during the POST.

    They are so many seconds old by then; with a minus they are created so much later.
    """

    def layer(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
        for age in ages if request.method == "POST" else ():
            world.plant(age=age)
        return answer()

    return layer
