"""Which of several older tasks stands in for a new one, in whatever order they are listed."""

from itertools import permutations
from typing import Any

from modelarts_export.reuse import Choice, Reuse, choose
from modelarts_export.task import ExportTask

NOW = 1_700_000_000.0
BODY: dict[str, Any] = {"path": "/b/d/", "export_type": 3}


def task(task_id: str, status: str, age: float | None, **shown: object) -> ExportTask:
    """Return a task of the usual export that was created so many seconds ago."""
    created = {} if age is None else {"create_time": (NOW - age) * 1000}
    answer = {**BODY, "status": status, **created, **shown}
    return ExportTask(task_id=task_id, dataset_id="abc", project_id="0123", answer=answer)


def chosen(*tasks: ExportTask, within: float | None = 3600.0, now: float | None = NOW) -> Choice:
    """Return the choice among tasks, which is the same for every order of them."""
    reuse = Reuse(reuse_running=True, reuse_within=within)
    choices = [choose(order, BODY, reuse, now=now) for order in permutations(tasks)]
    assert len({choice.task.task_id if choice.task else None for choice in choices}) == 1
    return choices[0]


def id_of(choice: Choice) -> str | None:
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
    """A success of which nobody knows the age is not adopted; one that goes on is."""
    assert id_of(chosen(task("a", "SUCCESSED", None))) is None
    assert id_of(chosen(task("a", "SUCCESSED", 10), now=None)) is None
    assert id_of(chosen(task("a", "RUNNING", None), now=None)) == "a"


def test_an_unknown_status_is_not_adopted() -> None:
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
