"""The verbs of the API, as .github/API.md, section 1, lists them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from modelarts_export.api.pagination import LIMIT, Page, iter_pages, parse_page
from modelarts_export.api.task import ExportTask, is_number
from modelarts_export.errors import RefusedError, TemporaryError
from modelarts_export.request.models import ExportRequest, datasets_path, tasks_path
from modelarts_export.sanitize import truncate
from modelarts_export.transport.response import Response, error_from_response, is_identifier
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy
from modelarts_export.transport.session import Transport

_KEYS = {"export_tasks": "task_id", "datasets": "dataset_id"}  # what tells the entries of a list apart


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """A part of a dataset's list of tasks, and the server's time, in epoch seconds, where it was told."""

    tasks: tuple[ExportTask, ...]
    date: float | None


class Client:
    """The calls for one project."""

    def __init__(self, transport: Transport, project_id: str) -> None:
        """Speak through this transport, whose credentials are of this project."""
        self._transport = transport
        self._project_id = project_id

    @property
    def project_id(self) -> str:
        """The ID of the project."""
        return self._project_id

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        self._transport.close()

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which timeouts are measured, in seconds."""
        return self._transport.clock

    @property
    def read_timeout(self) -> float:
        """How long the reply to one call may take, in seconds."""
        return self._transport.read_timeout

    def make_unseen_task(self, dataset_id: str, task_id: str) -> ExportTask:
        """Return a task of which nothing is known but its ID."""
        return self._make_task(dataset_id, task_id, {})

    def create(self, dataset_id: str, request: ExportRequest) -> ExportTask:
        """Create an export task and return it; of its fields the API gives the ID alone.

        Sends once. Raises what Transport.post raises; a 2xx without a task ID is judged by its error code,
        and is an UnknownOutcomeError when it has none.
        """
        reply = self._transport.post(tasks_path(self._project_id, dataset_id), request.to_bytes())
        task_id = reply.fields.get("task_id")
        if not is_identifier(task_id):
            raise error_from_response(reply)
        return self._make_task(dataset_id, str(task_id), {"path": request.path, **reply.fields})

    def show(self, dataset_id: str, task_id: str, *, timeout: float | None = None) -> ExportTask:
        """Return the task as it is now. `timeout` is in seconds.

        Raises what Transport.get raises, TemporaryError for a reply about another task, and RefusedError for
        an ID that cannot be asked for.
        """
        if task_id in (".", ".."):
            raise RefusedError(f"no URL can have the task ID {task_id!r}: HTTP libraries take it for a step")
        task = quote(task_id, safe="", errors="replace")  # an ID from the API may be any text
        path = f"{tasks_path(self._project_id, dataset_id)}/{task}"
        reply = self._transport.get(path, timeout=timeout)
        if not {"task_id", "status"} & reply.fields.keys():
            raise error_from_response(reply)
        self._check_is_about(task_id, reply)
        return self._make_task(dataset_id, task_id, reply.fields)

    def _check_is_about(self, task_id: str, reply: Response) -> None:
        """Raise TemporaryError for a reply about another task, such as one that came late to another call."""
        told = reply.fields.get("task_id")
        if is_identifier(told) and str(told) != task_id:
            self._transport.close()  # the next reply on this connection may be another's, too
            raise TemporaryError(
                f"the reply is about export task {truncate(str(told))}, not about {task_id}",
                hint="try again later",
                http_status=reply.status,
                request_id=reply.request_id,
            )

    def iter_task_pages(
        self,
        dataset_id: str,
        *,
        export_type: int | None = None,
        timeout: float | None = None,
        retry: RetryPolicy = ONE_TRY,
        past_total: bool = False,
    ) -> Iterator[TaskPage]:
        """Yield the dataset's export tasks page by page, each task once, in the server's order.

        With `past_total` a full page is followed by the next one, whatever total the server tells.

        `timeout` bounds the whole list, in seconds, however many pages it has; `retry` is for each of them.
        Raises what Transport.get raises, and TemporaryError when the list is not complete in time; the pages
        before it were yielded.
        """
        query = {} if export_type is None else {"export_type": export_type}
        path = tasks_path(self._project_id, dataset_id)
        listed = self._iter_pages(
            path, "export_tasks", query, timeout=timeout, retry=retry, past_total=past_total
        )
        for page in listed:
            tasks = tuple(self._make_task(dataset_id, str(entry["task_id"]), entry) for entry in page.entries)
            yield TaskPage(tasks=tasks, date=page.date)

    def find_dataset_by_name(
        self, name: str, *, timeout: float | None = None, retry: RetryPolicy = ONE_TRY
    ) -> str | None:
        """Return the ID of the dataset with exactly this name, the newest of several, or None.

        `timeout` bounds the whole search, in seconds; `retry` is for each page. Raises what Transport.get
        raises, and TemporaryError when the list of datasets is not complete in time.
        """
        listed = self._iter_pages(
            datasets_path(self._project_id), "datasets", {}, timeout=timeout, retry=retry
        )
        named = [entry for page in listed for entry in page.entries if entry.get("dataset_name") == name]
        newest = max(named, key=_get_create_time, default=None)
        return None if newest is None else str(newest["dataset_id"])

    def _iter_pages(  # noqa: PLR0913 - each says what is listed, or how far
        self,
        path: str,
        name: str,
        query: Mapping[str, object],
        *,
        timeout: float | None,
        retry: RetryPolicy,
        past_total: bool = False,
    ) -> Iterator[Page]:
        clock = self._transport.clock
        deadline = None if timeout is None else clock() + timeout

        def fetch(offset: int) -> Page:
            left = None if deadline is None else deadline - clock()
            if left is not None and left <= 0:
                raise TemporaryError(f"the list was not complete after {timeout:g} s")
            asked = urlencode({**query, "limit": LIMIT, "offset": offset})
            return parse_page(self._transport.get(f"{path}?{asked}", timeout=left), name)

        return iter_pages(
            lambda offset: retry.call(lambda: fetch(offset)), _KEYS[name], past_total=past_total
        )

    def _make_task(self, dataset_id: str, task_id: str, answer: Mapping[str, Any]) -> ExportTask:
        return ExportTask(task_id=task_id, dataset_id=dataset_id, project_id=self._project_id, raw=answer)


def _get_create_time(entry: Mapping[str, Any]) -> float:
    created = entry.get("create_time")
    return created if is_number(created) else 0.0
