"""Which of several older tasks is reused, in any order of the list."""

from itertools import permutations
from typing import Any

import pytest

from modelarts_export.api.task import ExportTask
from modelarts_export.submission.reuse import ReuseDecision, select_reusable
from modelarts_export.submission.reuse_policy import ReusePolicy

NOW = 1_700_000_000.0
BODY: dict[str, Any] = {"path": "/b/d/", "export_type": 3}


def make_task(task_id: str, status: object, age: float | None, **shown: object) -> ExportTask:
    """Return a task of the usual export that was created `age` seconds ago."""
    created = {} if age is None else {"create_time": (NOW - age) * 1000}
    answer = {**BODY, "status": status, **created, **shown}
    return ExportTask(task_id=task_id, dataset_id="abc", project_id="0123", raw=answer)


def select(*tasks: ExportTask, within: float | None = 3600.0, now: float | None = NOW) -> ReuseDecision:
    """Return the decision about these tasks, and check that their order does not matter."""
    reuse = ReusePolicy(reuse_running=True, reuse_within=within)
    decisions = [select_reusable(order, BODY, reuse, now=now) for order in permutations(tasks)]
    assert len({decision.task.task_id if decision.task else None for decision in decisions}) == 1
    return decisions[0]


def selected_id(decision: ReuseDecision) -> str | None:
    """Return the ID of the selected task."""
    return decision.task.task_id if decision.task else None


def test_newest_running_task_is_reused() -> None:
    """It takes precedence over a newer finished task."""
    tasks = [
        make_task("old", "RUNNING", 200),
        make_task("new", "INIT", 100),
        make_task("ended", "SUCCESSED", 10),
    ]
    assert selected_id(select(*tasks)) == "new"


def test_newest_recent_success_is_reused() -> None:
    """The age may equal the limit."""
    tasks = [
        make_task("bound", "SUCCESSED", 3600),
        make_task("late", "SUCCESSED", 3601),
        make_task("bad", "FAILED", 1),
    ]
    assert selected_id(select(*tasks)) == "bound"
    assert selected_id(select(*tasks[1:])) is None


def test_success_of_unknown_age_is_not_reused() -> None:
    """A running task of unknown age is."""
    assert selected_id(select(make_task("a", "SUCCESSED", None))) is None
    assert selected_id(select(make_task("a", "SUCCESSED", 10), now=None)) is None
    assert selected_id(select(make_task("a", "RUNNING", None), now=None)) == "a"


def test_stopped_task_is_not_reused() -> None:
    """Neither is a stopping one: its export is incomplete."""
    assert selected_id(select(make_task("a", "STOPPED", 10), make_task("b", "STOPPING", 10))) is None


def test_task_of_unknown_status_is_not_reused() -> None:
    """It may not be running."""
    assert selected_id(select(make_task("a", "PAUSED", 10))) is None


def test_verifiable_task_takes_precedence() -> None:
    """Then there is no note about the other one."""
    decision = select(make_task("hidden", "RUNNING", 5, export_type=None), make_task("shown", "RUNNING", 50))
    assert (selected_id(decision), decision.notes) == ("shown", ())
    alone = select(make_task("hidden", "RUNNING", 5, export_type=None))
    assert (selected_id(alone), len(alone.notes)) == (None, 1)


def test_reused_task_is_marked() -> None:
    """In the result."""
    decision = select(make_task("a", "RUNNING", 10))
    assert decision.task
    assert decision.task.reused


def select_to_skip(*tasks: ExportTask) -> ReuseDecision:
    """Return the decision with skip_if_running for /b/."""
    return select_reusable(tasks, BODY, ReusePolicy(skip_if_running="/b/"), now=NOW)


@pytest.mark.parametrize("status", ["INIT", "RUNNING", "STOPPING", "PAUSED", "", None, 3])
def test_unfinished_or_unknown_state_skips(status: object) -> None:
    """An undocumented or missing state may be that of a running task."""
    decision = select_to_skip(make_task("a", status, 10, path="/b/x%20y/"))
    assert decision.task
    assert (decision.task.skipped, decision.task.reused) == (True, False)


@pytest.mark.parametrize("status", ["FAILED", "SUCCESSED", "completed", "STOPPED"])
def test_finished_state_does_not_skip(status: str) -> None:
    """It writes nothing any more."""
    assert select_to_skip(make_task("a", status, 10)).task is None


@pytest.mark.parametrize(
    ("status", "is_used"), [("STOPPED", True), ("PAUSED", True), (None, True), ("FAILED", False)]
)
def test_every_task_but_a_failed_one_uses_its_path(status: object, *, is_used: bool) -> None:
    """A stopped task may have written a part of the export."""
    reuse = ReusePolicy(reuse_running=True, reuse_within=3600.0, if_path_used="fail")
    decision = select_reusable([make_task("a", status, 10)], BODY, reuse, now=NOW)
    assert decision.task is None
    assert (decision.path_used is not None) == is_used


def test_other_tasks_are_ignored_without_the_options() -> None:
    """Not even an identical one."""
    running = make_task("a", "RUNNING", 10)
    assert select_reusable([running], BODY, ReusePolicy(if_path_used="warn"), now=NOW).task is None
    assert select_reusable([running], BODY, ReusePolicy(skip_if_running="/c/"), now=NOW) == ReuseDecision(
        task=None
    )
    assert not ReusePolicy().wanted


def test_newest_task_of_a_used_path_is_named_and_others_are_counted() -> None:
    """In one line."""
    tasks = [
        make_task("old", "SUCCESSED", 200),
        make_task("new", "SUCCESSED", 100, path="/b/d/e/"),
        make_task("ok", "FAILED", 1),
    ]
    message = select_reusable(tasks, BODY, ReusePolicy(if_path_used="warn"), now=NOW).path_used
    assert (
        message
        == "/b/d/ is used already: export task new (succeeded) writes to /b/d/e/, below it, and 1 more"
    )
