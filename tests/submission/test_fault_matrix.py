"""A fault with any state of the clocks and any lag of the list creates one task, or exits with 10."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import pytest

from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.submission.reuse_policy import ReusePolicy
from tests.submission.matrix_rows import (
    ACCEPTED,
    CLOCKS,
    EMPTY_REPLY,
    LAGS,
    LIMITS,
    LISTED_BEFORE,
    LONG_LAG,
    NOT_ACCEPTED,
    OLDER_EXPORTS,
    UNDATED,
    Row,
)
from tests.submission.simulated_service import SimulatedService, submit

ROWS = {
    **{f"{name}, accepted": row for name, row in ACCEPTED.items()},
    **{f"{name}, not accepted": row for name, row in NOT_ACCEPTED.items()},
}
ALL_CLOCKS = {**CLOCKS, **UNDATED, **LISTED_BEFORE}
# one of each kind; without older tasks there is none to be taken for ours
FEW_CLOCKS = ("right", "no Date", "no Date, list read before")
Cell = tuple[str, str, tuple[float, ...]]
CELLS: list[Cell] = [*product(ALL_CLOCKS, LAGS, [OLDER_EXPORTS]), *product(FEW_CLOCKS, LAGS, [()])]
FEW_CELLS: list[Cell] = list(product(FEW_CLOCKS, ("0s", LONG_LAG), [OLDER_EXPORTS]))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_fault_has_the_expected_result_in_its_cells(row: Row) -> None:
    """All cells with another result are shown together."""
    wrong = [
        f"{clocks}, lag {lag}, older tasks {ages}: {result}; expected {wanted}"
        for clocks, lag, ages in list_cells(row)
        if (result := submit_in_cell(row, clocks, lag, ages))
        != (wanted := get_expected_outcome(row, clocks, lag))
    ]
    assert wrong == []


def test_number_of_cells() -> None:
    """A removed row must not go unnoticed."""
    assert sum(len(list_cells(row)) for row in ROWS.values()) == 10 * 63 + 21 * 6


def list_cells(row: Row) -> list[Cell]:
    """Return the clocks, the lag and the older tasks of each cell of a row."""
    return CELLS if row.in_all_cells else FEW_CELLS


def get_expected_outcome(row: Row, clocks: str, lag: str) -> str:
    """Return the expected result of a cell."""
    if clocks in UNDATED:
        return row.undated
    return row.unlisted if lag == LONG_LAG else row.listed


def submit_in_cell(row: Row, clocks: str, lag: str, ages: tuple[float, ...]) -> str:
    """Return the result of a submission with these clocks and this lag, and any discrepancies."""
    faults = [row.fault] if row.fault not in ("", EMPTY_REPLY) else []
    faults += [] if lag == "0s" else [f"lag:for={lag}"]
    service = SimulatedService(clocks=ALL_CLOCKS[clocks], faults=tuple(faults))
    if row.fault == EMPTY_REPLY:
        service.intercept = empty_post_replies
    for age in ages:
        service.add_foreign_task(age=age)
    reuse = ReusePolicy(reuse_running=clocks in LISTED_BEFORE)
    result = submit(service, reuse=reuse, settings=LIMITS)
    counts = f"{result.exit_code} {len(service.posts)} {len(service.our_tasks)}"
    task_id = result.task.task_id if result.task else None
    reported = [name for name, _ in service.events.resends]
    expected_ids = [task_id] if task_id and len(service.posts) > 1 and row.listed != row.undated else []
    resends = [] if reported == expected_ids else [f"possible duplicates {reported}, not {expected_ids}"]
    return "; ".join((counts, *find_discrepancies(service, task_id), *resends))


def find_discrepancies(service: SimulatedService, task_id: str | None) -> Iterator[str]:
    """Yield discrepancies between the events and the tasks."""
    events, last = service.events, service.our_tasks[-1].task_id if service.our_tasks else None
    if task_id not in (None, last):
        yield f"{task_id} is not our last task, {last}"
    if events.accepted_ids + events.recovered_ids != [task_id] * (task_id is not None):
        yield f"events have {events.accepted_ids} and {events.recovered_ids}, but it is {task_id}"
    if events.reused_ids:
        yield f"reused {events.reused_ids}"
    yield from events.warnings


def empty_post_replies(request: Request, answer: Callable[[], HttpReply]) -> HttpReply:
    """Remove the body of each reply to a POST."""
    reply = answer()
    if request.method != "POST":
        return reply
    return replace(reply, body=b"{}", headers={**reply.headers, "Content-Length": "2"})
