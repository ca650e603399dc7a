"""The status check after a submission: one call of at most five seconds."""

import pytest

from modelarts_export.submission.submit import fetch_status
from tests.submission.worlds import World, desk, submit


@pytest.mark.parametrize(("late", "status"), [("4s", "INIT"), ("6s", None)])
def test_status_check_takes_five_seconds_at_most(late: str, status: str | None) -> None:
    world = World(faults=(f"late:for={late},on=show",))
    task = submit(world).task
    assert task
    begun = world.clock()
    checked = fetch_status(desk(world).client, task, world.heard)
    assert checked.status == status
    assert world.clock() - begun <= 5.5
