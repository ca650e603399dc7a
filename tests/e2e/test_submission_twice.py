"""Two submissions of the same export in one process: each creates its own task."""

from modelarts_export.api.task import ExportTask
from modelarts_export.config.settings import Settings
from modelarts_export.submission.reuse import ReusePolicy
from tests.e2e.world import CALM, Meeting, World

LOST = Meeting(words=("drop:accepted=yes",))
NEVER_CAME = Meeting(words=("drop:accepted=no",))


def test_second_submission_ignores_the_task_of_the_first() -> None:
    """It is recent and matches the request, but the first submission returned it."""
    world = World(posts=[CALM, NEVER_CAME])
    settings = Settings()
    first, second = world.submit(settings), world.submit(settings)
    assert isinstance(first, ExportTask)
    assert isinstance(second, ExportTask)
    assert {first.task_id, second.task_id} == world.tasks
    assert len(world.tasks) == 2


def test_second_submission_ignores_a_recovered_task() -> None:
    """A task recovered after a lost reply belongs to its submission."""
    world = World(posts=[LOST, LOST])
    settings = Settings()
    for _ in range(2):
        world.submit(settings)
    assert set(world.told) == world.tasks
    assert len(world.tasks) == 2


def test_second_submission_ignores_a_duplicate_task() -> None:
    """The first export has two tasks, as one was not listed in time; the second has a third."""
    hidden = Meeting(words=("lag:for=1h",))
    world = World(posts=[LOST, CALM, NEVER_CAME], looks=[hidden])
    settings = Settings(reconcile_timeout=0)
    first, second = world.submit(settings), world.submit(settings)
    assert isinstance(first, ExportTask)
    assert isinstance(second, ExportTask)
    assert len(world.tasks) == 3
    duplicate_id = next(iter(world.tasks - {first.task_id, second.task_id}))
    assert world.warnings == [duplicate_id]


def test_second_submission_ignores_a_reused_task() -> None:
    """It existed before both submissions."""
    world = World(posts=[NEVER_CAME])
    there = world.plant("/bucket/out/", age=1)
    settings = Settings()
    world.submit(settings, reuse=ReusePolicy(reuse_running=True))
    task = world.submit(settings)
    assert world.told[0] == there
    assert isinstance(task, ExportTask)
    assert task.task_id != there
