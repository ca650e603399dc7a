"""The calls of the API, as .github/API.md, section 1, lists them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from modelarts_export.api.endpoints import dataset_path, datasets_path, task_path, tasks_path
from modelarts_export.api.pagination import LIMIT, Page, iter_pages, parse_page
from modelarts_export.api.task import ExportTask
from modelarts_export.config.settings import Settings
from modelarts_export.errors import RefusedError, TemporaryError
from modelarts_export.request.models import ExportRequest
from modelarts_export.sanitize import truncate
from modelarts_export.transport.response import Response, error_from_response, is_text_or_number
from modelarts_export.transport.retry import ONE_TRY, Retries, RetryPolicy
from modelarts_export.transport.session import Transport

if TYPE_CHECKING:
    from modelarts_export.api.dataset import Dataset, DatasetPage

EXPORT_TASK = 2
"""The type of export tasks among the running tasks of a dataset (.github/API.md, section 1)."""
_ID_FIELDS = {"export_tasks": "task_id", "datasets": "dataset_id"}  # by the field that holds the list


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """A page of a dataset's export tasks; `date` is the server's time in epoch seconds, where it is known."""

    tasks: tuple[ExportTask, ...]
    date: float | None


class Client:
    """Calls the API for one project."""

    def __init__(self, transport: Transport, project_id: str) -> None:
        """Send by this transport, whose credentials belong to this project."""
        self._transport = transport
        self._project_id = project_id

    @property
    def project_id(self) -> str:
        """The ID of the project."""
        return self._project_id

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the idle connections."""
        self.close()

    @property
    def base_url(self) -> str:
        """The endpoint."""
        return self._transport.base_url

    @property
    def settings(self) -> Settings:
        """The settings of the connection and of submissions by this client."""
        return self._transport.settings

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which timeouts are measured, in seconds."""
        return self._transport.clock

    @property
    def read_timeout(self) -> float:
        """How long the reply to one call may take, in seconds."""
        return self._transport.read_timeout

    @property
    def is_authenticated(self) -> bool:
        """Whether a reply has shown that the credentials are accepted."""
        return self._transport.is_authenticated

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def make_unseen_task(self, dataset_id: str, task_id: str) -> ExportTask:
        """Return a task of which only the ID is known, without a call."""
        return self._make_task(dataset_id, task_id, {})

    def create(self, dataset_id: str, request: ExportRequest) -> ExportTask:
        """Create an export task and return it, with the fields that the API answers: little but its ID.

        Sends once. Raises what Transport.post raises; a 2xx without a task ID is classified by its error
        code, and is an UnknownOutcomeError without one.
        """
        reply = self._transport.post(tasks_path(self._project_id, dataset_id), request.to_bytes())
        task_id = reply.fields.get("task_id")
        if not is_text_or_number(task_id):
            raise error_from_response(reply)
        return self._make_task(dataset_id, str(task_id), {"path": request.path, **reply.fields})

    def show(self, dataset_id: str, task_id: str, *, timeout: float | None = None) -> ExportTask:
        """Return the task as it is now. `timeout` is in seconds.

        Raises what Transport.get raises, TemporaryError for a reply about another task, and RefusedError for
        an ID that no URL can hold.
        """
        _check_segment("task", task_id)
        reply = self._transport.get(task_path(self._project_id, dataset_id, task_id), timeout=timeout)
        if not {"task_id", "status"} & reply.fields.keys():
            raise error_from_response(reply)
        self._check_id("export task", task_id, reply)
        return self._make_task(dataset_id, task_id, reply.fields)

    def _check_id(self, noun: str, wanted: str, reply: Response) -> None:
        """Raise TemporaryError for a reply about another one, such as the late reply to an earlier call."""
        received = reply.fields.get(f"{noun.rpartition(' ')[2]}_id")
        if is_text_or_number(received) and str(received) != wanted:
            self._transport.close()  # the next reply on this connection may be to an earlier call, too
            raise TemporaryError(
                f"the reply is about {noun} {truncate(str(received))}, not about {wanted}",
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

        `timeout` bounds the whole list with its retries, in seconds; `retry` applies to each page. With
        `past_total` a full page is followed by the next one, whatever total the server reports.
        Raises what Transport.get raises, and TemporaryError when the list is not complete in time, after the
        pages that were.
        """
        path = tasks_path(self._project_id, dataset_id)
        query = {} if export_type is None else {"export_type": export_type}
        reader = _ListReader(self._transport, path, "export_tasks", query, timeout=timeout, retry=retry)
        for page in reader.iter_pages(past_total=past_total):
            tasks = tuple(self._make_task(dataset_id, str(entry["task_id"]), entry) for entry in page.entries)
            yield TaskPage(tasks=tasks, date=page.date)

    def show_dataset(
        self, dataset_id: str, *, running_task_type: int | None = None, timeout: float | None = None
    ) -> "Dataset":
        """Return the dataset as it is now. `timeout` is in seconds.

        With `running_task_type`, such as EXPORT_TASK, it tells whether a task of this type is running.
        Raises what `show` raises.
        """
        from modelarts_export.api.dataset import Dataset  # noqa: PLC0415 - a submission does not need it

        _check_segment("dataset", dataset_id)
        query = "" if running_task_type is None else f"?{urlencode(_ask_for_tasks(running_task_type))}"
        path = dataset_path(self._project_id, dataset_id) + query
        reply = self._transport.get(path, timeout=timeout)
        if not {"dataset_id", "dataset_name"} & reply.fields.keys():
            raise error_from_response(reply)
        self._check_id("dataset", dataset_id, reply)
        return Dataset(dataset_id=dataset_id, project_id=self._project_id, raw=reply.fields)

    def iter_dataset_pages(
        self,
        *,
        dataset_type: int | None = None,
        exportable: bool = False,
        timeout: float | None = None,
        retry: RetryPolicy = ONE_TRY,
    ) -> Iterator["DatasetPage"]:
        """Yield the project's datasets page by page, each dataset once, in the server's order.

        The server filters by `dataset_type`, and by the types that it can export (.github/API.md, section 1).
        `timeout`, `retry` and errors are those of `iter_task_pages`.
        """
        from modelarts_export.api.dataset import Dataset, DatasetPage  # noqa: PLC0415 - as above

        query: dict[str, object] = {} if dataset_type is None else {"dataset_type": dataset_type}
        query |= {"support_export": "true"} if exportable else {}
        path = datasets_path(self._project_id)
        reader = _ListReader(self._transport, path, "datasets", query, timeout=timeout, retry=retry)
        for page in reader.iter_pages():
            datasets = (
                Dataset(dataset_id=str(entry["dataset_id"]), project_id=self._project_id, raw=entry)
                for entry in page.entries
            )
            yield DatasetPage(datasets=tuple(datasets), date=page.date)

    def find_dataset(self, name: str, *, timeout: float | None = None) -> "Dataset":
        """Return the one dataset with exactly this name. `timeout` bounds the search, in seconds.

        Its pages are retried as the client's settings say. Raises DatasetNameError for no or several datasets
        of this name, and what `iter_dataset_pages` raises.
        """
        from modelarts_export.api.dataset import select_named  # noqa: PLC0415 - as above

        retry = RetryPolicy.from_settings(self.settings)
        pages = list(self.iter_dataset_pages(timeout=timeout, retry=retry))
        return select_named(pages, name)

    def _make_task(self, dataset_id: str, task_id: str, raw: Mapping[str, Any]) -> ExportTask:
        return ExportTask(task_id=task_id, dataset_id=dataset_id, project_id=self._project_id, raw=raw)


def _check_segment(noun: str, value: str) -> None:
    """Raise RefusedError for an ID that HTTP libraries take for a step in a path."""
    if value in (".", ".."):
        raise RefusedError(f"no URL can hold the {noun} ID {value!r}: HTTP libraries take it for a path")


def _ask_for_tasks(kind: int) -> dict[str, object]:
    return {"check_running_task": "true", "running_task_type": kind}


class _ListReader:
    """Reads one list within a timeout, from now on, and retries its pages."""

    def __init__(  # noqa: PLR0913 - what is listed, and how long that may take
        self,
        transport: Transport,
        path: str,
        field: str,
        query: Mapping[str, object],
        *,
        timeout: float | None,
        retry: RetryPolicy,
    ) -> None:
        self._transport = transport
        self._path = path
        self._field = field
        self._query = query
        self._timeout = timeout
        self._retry = retry
        self._ends = None if timeout is None else transport.clock() + timeout

    def iter_pages(self, *, past_total: bool = False) -> Iterator[Page]:
        return iter_pages(self._fetch, _ID_FIELDS[self._field], past_total=past_total)

    def _fetch(self, offset: int) -> Page:
        query = urlencode({**self._query, "limit": LIMIT, "offset": offset})
        retries: Retries | None = None
        failure: TemporaryError | None = None
        while True:
            left = self._seconds_left()
            if left is not None and left <= 0:
                raise failure or TemporaryError(f"the list was not complete after {self._timeout:g} s")
            try:
                return parse_page(self._transport.get(f"{self._path}?{query}", timeout=left), self._field)
            except TemporaryError as error:
                failure = error
                retries = retries or self._start_retries()
                retries.wait_or_raise(error)

    def _start_retries(self) -> Retries:
        """Return retries that do not outlast the time for the list."""
        left = self._seconds_left()
        policy = self._retry if left is None else replace(self._retry, timeout=min(self._retry.timeout, left))
        return policy.start()

    def _seconds_left(self) -> float | None:
        return None if self._ends is None else self._ends - self._transport.clock()
