"""One status check of the tasks of a dataset, by the call that costs less: the list or the show call."""

import math
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import (
    ModelArtsExportError,
    NotFoundError,
    RefusedError,
    TemporaryError,
    ThrottledError,
)

if TYPE_CHECKING:
    from modelarts_export.api.client import Client

Fetched = tuple[str, ExportTask | ModelArtsExportError]
"""A task's ID, with the task or with why it cannot be fetched."""


class TaskFetcher:
    """Fetches tasks of one dataset, and remembers how many pages of its list they are spread over."""

    def __init__(self, client: "Client", dataset_id: str) -> None:
        """Fetch with this client."""
        self._client = client
        self._dataset_id = dataset_id
        self._pages: float = 1

    def fetch(
        self, task_ids: Collection[str], *, timeout: float, thoroughly: bool = False
    ) -> Iterator[Fetched]:
        """Yield each task as it is now, or why it cannot be fetched; show calls are made in the given order.

        `timeout` bounds all calls together, in seconds; tasks that were not read by then are not yielded.
        `thoroughly` shows each unfinished task that is listed, too, because a list may lag behind.
        Raises what Client.iter_task_pages raises, and what Client.show raises unless it is about one task.
        Of the errors by `timeout` it raises only one before anything was read.
        """
        ends = self._client.clock() + timeout
        missing = dict.fromkeys(task_ids)
        unsure: dict[str, ExportTask] = {}
        # a list of many pages in which a few old tasks are followed is read once, and then no more
        has_read = by_list = len(task_ids) > 1 and self._pages <= len(task_ids)
        for task in self._iter_listed(missing, timeout, ends) if by_list else ():
            del missing[task.task_id]
            if task.status is None or (thoroughly and not task.is_finished):
                unsure[task.task_id] = task
            else:
                yield task.task_id, task
        if not by_list and math.isinf(self._pages):
            self._pages = 1  # the next round reads the list again
        for task_id in (*missing, *unsure):  # a list may lag behind, or omit old tasks
            left = ends - self._client.clock() if has_read else timeout
            if left <= 0:
                break
            fetched = self._fetch_one(task_id, left, is_first=not has_read)
            if fetched is None:
                break
            has_read, listed = True, unsure.get(task_id)
            if listed and listed.status is not None and not isinstance(fetched, ExportTask):
                continue
            unsure.pop(task_id, None)
            yield task_id, fetched
        yield from ((task_id, task) for task_id, task in unsure.items() if task.status is not None)

    def _iter_listed(self, wanted: Collection[str], timeout: float, ends: float) -> Iterator[ExportTask]:
        """Yield the wanted tasks that the list has, and read no further than the last of them.

        The caller may remove from `wanted` what was yielded.
        """
        self._pages = 0
        try:
            for page in self._client.iter_task_pages(self._dataset_id, timeout=timeout):
                self._pages += 1
                yield from [task for task in page.tasks if task.task_id in wanted]
                if not wanted:
                    return
        except TemporaryError:
            if self._client.clock() < ends:
                raise
            was_read, self._pages = self._pages > 0, math.inf  # the next round shows what is missing
            if not was_read:
                raise

    def _fetch_one(
        self, task_id: str, timeout: float, *, is_first: bool
    ) -> ExportTask | ModelArtsExportError | None:
        """Return a task, or why it cannot be fetched; None when the time is over, save for the first call."""
        ends = self._client.clock() + timeout
        try:
            return self._client.show(self._dataset_id, task_id, timeout=timeout)
        except ModelArtsExportError as error:
            if _concerns_one_task(error):
                return error
            if isinstance(error, TemporaryError) and not is_first and self._client.clock() >= ends:
                return None
            raise


def _concerns_one_task(error: ModelArtsExportError) -> bool:
    """Tell whether an error says nothing of other tasks: a reply, and not about who asks or how often."""
    answered = isinstance(error, TemporaryError) and error.http_status is not None
    return isinstance(error, NotFoundError | RefusedError) or (
        answered and not isinstance(error, ThrottledError)
    )
