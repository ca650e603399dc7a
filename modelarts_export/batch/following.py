"""The tasks of a batch after their submission: one status check, or their end, in the rows of the report."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from modelarts_export.api.client import Client
from modelarts_export.api.task import ExportTask
from modelarts_export.batch.report import ReportRow
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.polling.fetch import TaskFetcher
from modelarts_export.polling.outcome import outcome_of
from modelarts_export.polling.poller import Snapshot
from modelarts_export.submission.submit import STATUS_TIMEOUT


def list_followed(rows: Sequence[ReportRow]) -> list[ExportTask]:
    """Return the tasks whose end counts: all but those because of which an export was skipped."""
    return [row.task for row in rows if row.task and not row.task.skipped]


def update_rows(
    rows: Sequence[ReportRow], snapshot: Snapshot, *, require_samples: int = 0, timed_out: str = ""
) -> list[ReportRow]:
    """Return the rows with their tasks as they were seen last, and with the outcome of each.

    `require_samples` and `timed_out` are those of outcome_of.
    """
    seen = {(each.task.dataset_id, each.task.task_id): each for each in snapshot}

    def update(row: ReportRow) -> ReportRow:
        tracked = seen.get((row.dataset_id, row.task.task_id)) if row.task and not row.task.skipped else None
        if tracked is None:
            return row
        outcome = outcome_of(tracked, require_samples=require_samples, timed_out=timed_out)
        return replace(row, task=tracked.task, error=outcome)

    return [update(row) for row in rows]


def fetch_statuses(
    client: Client, rows: Sequence[ReportRow], *, concurrency: int
) -> tuple[list[ReportRow], ModelArtsExportError | None]:
    """Return the rows with the current status of new tasks, by the list call where that costs less.

    All calls together take 5 s at most, with those of some datasets at the same time. The error is that of
    one that failed, if any.
    """
    datasets: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.task and row.task.status is None:
            datasets[row.dataset_id].append(row.task.task_id)
    ends = client.clock() + STATUS_TIMEOUT
    fetched: dict[tuple[str, str], ExportTask] = {}
    errors: list[ModelArtsExportError] = []

    def fetch(dataset_id: str) -> None:
        left = ends - client.clock()
        try:
            results = TaskFetcher(client, dataset_id).fetch(datasets[dataset_id], timeout=left)
            for task_id, result in results if left > 0 else ():
                if isinstance(result, ExportTask):
                    fetched[dataset_id, task_id] = result
                else:
                    errors.append(result)
        except ModelArtsExportError as error:
            errors.append(error)

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(fetch, datasets))
    return [_add_status(row, fetched) for row in rows], next(iter(errors), None)


def _add_status(row: ReportRow, fetched: dict[tuple[str, str], ExportTask]) -> ReportRow:
    newer = fetched.get((row.dataset_id, row.task.task_id)) if row.task else None
    return replace(row, task=row.task.updated_with(newer)) if row.task and newer else row
