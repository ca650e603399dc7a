"""Two submissions of the same export in one process: each creates its own task."""

from modelarts_export.api.task import ExportTask
from modelarts_export.config.settings import Settings
from modelarts_export.submission.reuse_policy import ReusePolicy
from tests.e2e.simulated_environment import NO_FAULTS, CallSetup, SimulatedEnvironment

LOST = CallSetup(faults=("drop:accepted=yes",))
NOT_RECEIVED = CallSetup(faults=("drop:accepted=no",))


def test_second_submission_ignores_the_task_of_the_first() -> None:
    """It is recent and matches the request, but the first submission returned it."""
    environment = SimulatedEnvironment(posts=[NO_FAULTS, NOT_RECEIVED])
    settings = Settings()
    first, second = environment.submit(settings), environment.submit(settings)
    assert isinstance(first, ExportTask)
    assert isinstance(second, ExportTask)
    assert {first.task_id, second.task_id} == environment.tasks
    assert len(environment.tasks) == 2


def test_second_submission_ignores_a_recovered_task() -> None:
    """A task recovered after a lost reply belongs to its submission."""
    environment = SimulatedEnvironment(posts=[LOST, LOST])
    settings = Settings()
    for _ in range(2):
        environment.submit(settings)
    assert set(environment.reported_ids) == environment.tasks
    assert len(environment.tasks) == 2


def test_second_submission_ignores_a_duplicate_task() -> None:
    """The first export has two tasks, as one was not listed in time; the second has a third."""
    hidden = CallSetup(faults=("lag:for=1h",))
    environment = SimulatedEnvironment(posts=[LOST, NO_FAULTS, NOT_RECEIVED], polls=[hidden])
    settings = Settings(reconcile_timeout=0)
    first, second = environment.submit(settings), environment.submit(settings)
    assert isinstance(first, ExportTask)
    assert isinstance(second, ExportTask)
    assert len(environment.tasks) == 3
    duplicate_id = next(iter(environment.tasks - {first.task_id, second.task_id}))
    assert environment.warnings == [duplicate_id]


def test_second_submission_ignores_a_reused_task() -> None:
    """It existed before both submissions."""
    environment = SimulatedEnvironment(posts=[NOT_RECEIVED])
    there = environment.add_foreign_task("/bucket/out/", age=1)
    settings = Settings()
    environment.submit(settings, reuse=ReusePolicy(reuse_running=True))
    task = environment.submit(settings)
    assert environment.reported_ids[0] == there
    assert isinstance(task, ExportTask)
    assert task.task_id != there
