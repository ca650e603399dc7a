"""Whatever goes wrong, whatever the clocks say and however late the list is: one task, or an honest 10."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import pytest

from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.reuse import ReusePolicy
from tests.submission.matrix_rows import (
    ACCEPTED,
    CLOCKS,
    EMPTY,
    LAGS,
    LONG,
    NOT_ACCEPTED,
    PATIENCE,
    READ_BEFORE,
    TIMELESS,
    TWINS,
    Row,
)
from tests.submission.worlds import World, submit

ROWS = {
    **{f"{name}, accepted": row for name, row in ACCEPTED.items()},
    **{f"{name}, not accepted": row for name, row in NOT_ACCEPTED.items()},
}
ALL_CLOCKS = {**CLOCKS, **TIMELESS, **READ_BEFORE}
CELLS = list(product(ALL_CLOCKS, LAGS, TWINS))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_fault(row: Row) -> None:
    """Every cell ends as its row says, and all that do not are shown together."""
    wrong = [
        f"{clocks}, lag {lag}, twins {twins}: {end}; {wanted} is wanted"
        for clocks, lag, twins in CELLS
        if (end := ended(row, clocks, lag, twins)) != (wanted := expected(row, clocks, lag))
    ]
    assert wrong == []


def test_how_many_cells_there_are() -> None:
    """Nobody takes some away unseen."""
    assert len(ROWS) * len(CELLS) == 31 * 108


def expected(row: Row, clocks: str, lag: str) -> str:
    """Return the end that the row has for a cell."""
    if clocks in TIMELESS:
        return row.undated
    return row.unlisted if lag == LONG else row.listed


def ended(row: Row, clocks: str, lag: str, twins: tuple[float, ...]) -> str:
    """Return how a submission ended in a world like that, with whatever there is to remark."""
    faults = [row.fault] if row.fault not in ("", EMPTY) else []
    faults += [] if lag == "0s" else [f"lag:for={lag}"]
    world = World(clocks=ALL_CLOCKS[clocks], faults=tuple(faults))
    if row.fault == EMPTY:
        world.in_front = losing_its_body
    for age in twins:
        world.plant(age=age)
    reuse = ReusePolicy(reuse_running=clocks in READ_BEFORE)
    end = submit(world, reuse=reuse, settings=PATIENCE)
    found = f"{end.code} {len(world.posts)} {len(world.ours)}"
    task_id = end.task.task_id if end.task else None
    told = [name for name, _ in world.heard.resends]
    twice = [task_id] if task_id and len(world.posts) > 1 and row.listed != row.undated else []
    resends = [] if told == twice else [f"told of a second send {told}, not {twice}"]
    return "; ".join((found, *remarks(world, task_id), *resends))


def remarks(world: World, task_id: str | None) -> Iterator[str]:
    """Yield what is wrong beside the end itself."""
    heard, last = world.heard, world.ours[-1].task_id if world.ours else None
    if task_id not in (None, last):
        yield f"{task_id} is not the last task of ours, {last}"
    if heard.accepted_ids + heard.found_ids != [task_id] * (task_id is not None):
        yield f"told of {heard.accepted_ids} and {heard.found_ids}, but it is {task_id}"
    if heard.reused_ids:
        yield f"reused {heard.reused_ids}"
    yield from heard.warnings


def losing_its_body(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
    """Return the reply to a POST without the ID."""
    reply = answer()
    if request.method != "POST":
        return reply
    return replace(reply, body=b"{}", headers={**reply.headers, "Content-Length": "2"})
