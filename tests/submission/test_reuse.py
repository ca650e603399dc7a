"""Which of several older tasks stands in for a new one, in whatever order they are listed."""

from itertools import permutations
from typing import Any

import pytest

from modelarts_export.api.task import ExportTask
from modelarts_export.submission.reuse import ReuseDecision, ReusePolicy, select_reusable

NOW = 1_700_000_000.0
BODY: dict[str, Any] = {"path": "/b/d/", "export_type": 3}


def task(task_id: str, status: object, age: float | None, **shown: object) -> ExportTask:
    """Return a task of the usual export that was created so many seconds ago."""
    created = {} if age is None else {"create_time": (NOW - age) * 1000}
    answer = {**BODY, "status": status, **created, **shown}
    return ExportTask(task_id=task_id, dataset_id="abc", project_id="0123", raw=answer)


def chosen(*tasks: ExportTask, within: float | None = 3600.0, now: float | None = NOW) -> ReuseDecision:
    """Return the choice among tasks, which is the same for every order of them."""
    reuse = ReusePolicy(reuse_running=True, reuse_within=within)
    choices = [select_reusable(order, BODY, reuse, now=now) for order in permutations(tasks)]
    assert len({choice.task.task_id if choice.task else None for choice in choices}) == 1
    return choices[0]


def id_of(choice: ReuseDecision) -> str | None:
    """Return the ID of the task that was chosen."""
    return choice.task.task_id if choice.task else None


def test_the_newest_that_goes_on() -> None:
    """Before any that has ended, however new that is."""
    tasks = [task("old", "RUNNING", 200), task("new", "INIT", 100), task("ended", "SUCCESSED", 10)]
    assert id_of(chosen(*tasks)) == "new"


def test_the_newest_success() -> None:
    """Of several that are recent enough; the bound belongs to them."""
    tasks = [task("bound", "SUCCESSED", 3600), task("late", "SUCCESSED", 3601), task("bad", "FAILED", 1)]
    assert id_of(chosen(*tasks)) == "bound"
    assert id_of(chosen(*tasks[1:])) is None


def test_an_unknown_age_is_not_recent() -> None:
    """A success of which nobody knows the age is not reused; one that goes on is."""
    assert id_of(chosen(task("a", "SUCCESSED", None))) is None
    assert id_of(chosen(task("a", "SUCCESSED", 10), now=None)) is None
    assert id_of(chosen(task("a", "RUNNING", None), now=None)) == "a"


def test_stopped_task_is_not_reused() -> None:
    """Neither while it is being stopped nor after: it will not export all that is asked for."""
    assert id_of(chosen(task("a", "STOPPED", 10), task("b", "STOPPING", 10))) is None


def test_an_unknown_status_is_not_reused() -> None:
    """Nobody knows whether such a task goes on."""
    assert id_of(chosen(task("a", "PAUSED", 10))) is None


def test_one_that_shows_all_wins_over_one_that_does_not() -> None:
    """And nothing is said of the other, as nothing depends on it."""
    choice = chosen(task("hidden", "RUNNING", 5, export_type=None), task("shown", "RUNNING", 50))
    assert (id_of(choice), choice.notes) == ("shown", ())
    alone = chosen(task("hidden", "RUNNING", 5, export_type=None))
    assert (id_of(alone), len(alone.notes)) == (None, 1)


def test_the_task_is_marked() -> None:
    """Whoever reads the result can tell that it is no new one."""
    choice = chosen(task("a", "RUNNING", 10))
    assert choice.task
    assert choice.task.reused


def skipped(*tasks: ExportTask) -> ReuseDecision:
    """Return the choice among tasks when one that is unfinished below /b/ is to skip."""
    return select_reusable(tasks, BODY, ReusePolicy(skip_if_running="/b/"), now=NOW)


@pytest.mark.parametrize("status", ["INIT", "RUNNING", "STOPPING", "PAUSED", "", None, 3])
def test_every_state_but_the_last_ones_is_unfinished(status: object) -> None:
    """A state that no document has may go on; so may one that is not shown."""
    choice = skipped(task("a", status, 10, path="/b/x%20y/"))
    assert choice.task
    assert (choice.task.skipped, choice.task.reused) == (True, False)


@pytest.mark.parametrize("status", ["FAILED", "SUCCESSED", "completed", "STOPPED"])
def test_a_last_state_does_not_skip(status: str) -> None:
    """Such a task writes nothing any more."""
    assert skipped(task("a", status, 10)).task is None


@pytest.mark.parametrize(
    ("status", "is_used"), [("STOPPED", True), ("PAUSED", True), (None, True), ("FAILED", False)]
)
def test_only_a_failed_task_frees_its_path(status: object, *, is_used: bool) -> None:
    """What a stopped one has written is not known; nor is one reused, whose export is not whole."""
    reuse = ReusePolicy(reuse_running=True, reuse_within=3600.0, if_path_used="fail")
    choice = select_reusable([task("a", status, 10)], BODY, reuse, now=NOW)
    assert choice.task is None
    assert (choice.path_used is not None) == is_used


def test_without_the_options_other_tasks_do_not_matter() -> None:
    """Neither does an identical one, where reuse was not asked for."""
    running = task("a", "RUNNING", 10)
    assert select_reusable([running], BODY, ReusePolicy(if_path_used="warn"), now=NOW).task is None
    assert select_reusable([running], BODY, ReusePolicy(skip_if_running="/c/"), now=NOW) == ReuseDecision(
        task=None
    )
    assert not ReusePolicy().wanted


def test_the_newest_user_of_a_path_is_named_and_the_others_counted() -> None:
    """So that the warning stays one line."""
    tasks = [
        task("old", "SUCCESSED", 200),
        task("new", "SUCCESSED", 100, path="/b/d/e/"),
        task("ok", "FAILED", 1),
    ]
    said = select_reusable(tasks, BODY, ReusePolicy(if_path_used="warn"), now=NOW).path_used
    assert (
        said == "/b/d/ is used already: export task new (succeeded) writes to /b/d/e/, below it, and 1 more"
    )
