"""Waiting for export tasks, for callers in Python."""

from collections.abc import Iterable

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.arguments import check_seconds, check_type
from modelarts_export.cancellation import CancelToken
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.polling.options import PollOptions
from modelarts_export.polling.outcome import combine_outcomes, outcome_of
from modelarts_export.polling.poller import Snapshot, TrackedTask, poll


def wait(  # noqa: PLR0913 - the tasks, and the options of a wait
    client: Client,
    tasks: Iterable[ExportTask],
    *,
    timeout: float | None = 7200.0,
    poll_interval: float | None = None,
    max_outage: float = 900.0,
    cancel: CancelToken | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> list[ExportTask]:
    """Poll tasks until all are finished or the timeout has passed, and return them in their order.

    Times are in seconds; a `timeout` of None is for ever, and `poll_interval` grows by default. A task that
    failed, was stopped or is not finished in time is returned as it is. Raises NotFinishedError or the error
    of the API when polls of a task were refused, or failed for longer than `max_outage`, and CanceledError
    after `cancel`; `tasks` of the error has the tasks as they were seen last. Raises InvalidInputError for an
    argument of another type.
    """
    check_type("client", client, Client)
    check_type("tasks", tasks, Iterable)
    tasks = tuple(tasks)
    for task in tasks:
        check_type("tasks", task, ExportTask)
    check_seconds("timeout", timeout, optional=True)
    check_seconds("poll_interval", poll_interval, optional=True)
    check_seconds("max_outage", max_outage)
    check_type("cancel", cancel, CancelToken, optional=True)
    options = PollOptions(timeout=timeout, poll_interval=poll_interval, max_outage=max_outage)
    guarded = cancel.guard(clock) if cancel else clock
    snapshot: Snapshot = tuple(TrackedTask(task=task) for task in tasks)
    try:
        for snapshot in poll(client, tasks, options, clock=guarded):  # noqa: B007 - the last one counts
            pass
        error = combine_outcomes([outcome_of(each) for each in snapshot if each.abandoned])
        if error:
            raise error
    except ModelArtsExportError as error:
        raise error.copy_with(tasks=[each.task for each in snapshot]) from error.__cause__
    return [each.task for each in snapshot]
