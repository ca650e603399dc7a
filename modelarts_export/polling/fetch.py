"""One look at the tasks of a dataset: by the show call or by the list call, whichever costs fewer calls."""

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

Seen = tuple[str, ExportTask | ModelArtsExportError]


class TaskFetcher:
    """Looks at tasks of one dataset, and remembers how many pages of its list they are spread over."""

    def __init__(self, client: "Client", dataset_id: str) -> None:
        """Look through this client."""
        self._client = client
        self._dataset_id = dataset_id
        self._pages = 1

    def fetch(
        self, task_ids: Collection[str], *, timeout: float | None = None, thoroughly: bool = False
    ) -> Iterator[Seen]:
        """Yield each task as it is now, or why it cannot be seen.

        `timeout` bounds the list and all show calls together, in seconds; what was not asked for by then is
        a TemporaryError. `thoroughly` asks for each unfinished task that is listed, too: lists may lag.
        Raises what Client.iter_task_pages raises, and what Client.show raises unless it is about one task.
        """
        ends = math.inf if timeout is None else self._client.clock() + timeout
        # a list of many pages in which a few old tasks are followed is read once, and then no more
        by_list = len(task_ids) > 1 and self._pages <= len(task_ids)
        missing = dict.fromkeys(task_ids)
        unsure: dict[str, ExportTask] = {}
        for task in self._fetch_listed(missing, timeout) if by_list else ():
            del missing[task.task_id]
            if task.status is None or (thoroughly and not task.is_finished):
                unsure[task.task_id] = task
            else:
                yield task.task_id, task
        left = timeout
        for task_id in (*missing, *unsure):  # a list may lag, or forget what is old: the task itself knows
            if timeout is not None and (by_list or task_id != next(iter(missing), None)):
                left = ends - self._client.clock()
            seen = self._fetch_one(task_id, left) if left is None or left > 0 else _not_asked()
            listed = unsure.get(task_id)
            is_known = listed is not None and listed.status is not None
            yield task_id, listed if listed and is_known and not isinstance(seen, ExportTask) else seen

    def _fetch_listed(self, wanted: Collection[str], timeout: float | None) -> Iterator[ExportTask]:
        """Yield those of the wanted tasks that the list has, and read no further than the last of them.

        `wanted` may lose what was yielded.
        """
        self._pages = 0
        for page in self._client.iter_task_pages(self._dataset_id, timeout=timeout):
            self._pages += 1
            yield from [task for task in page.tasks if task.task_id in wanted]
            if not wanted:
                return

    def _fetch_one(self, task_id: str, timeout: float | None) -> ExportTask | ModelArtsExportError:
        try:
            return self._client.show(self._dataset_id, task_id, timeout=timeout)
        except ModelArtsExportError as error:
            if _concerns_one_task(error):
                return error
            raise


def _not_asked() -> TemporaryError:
    return TemporaryError("there was no time to ask for it")


def _concerns_one_task(error: ModelArtsExportError) -> bool:
    """Tell whether an error says nothing of other tasks: the server has answered, and not about who asks."""
    answered = isinstance(error, TemporaryError) and error.http_status is not None
    return isinstance(error, NotFoundError | RefusedError) or (
        answered and not isinstance(error, ThrottledError)
    )
