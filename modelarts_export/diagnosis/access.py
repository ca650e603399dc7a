"""Checks whether the API accepts the credentials, by calls that change nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelarts_export.api.client import Client, TaskPage
from modelarts_export.api.dataset import DatasetPage, select_id
from modelarts_export.diagnosis.check import Check, Checks, fail, skip, succeed
from modelarts_export.errors import ModelArtsExportError, NotFoundError
from modelarts_export.identifiers import get_dataset_name
from modelarts_export.transport.retry import RetryPolicy

_ACCEPTED = "the credentials are accepted"


@dataclass(frozen=True, kw_only=True)
class DatasetAccess:
    """A dataset whose tasks can be listed; `task_pages` have them, and are read on demand."""

    dataset_id: str
    task_pages: Iterator[TaskPage]


def check_access(client: Client, given: str | None, retry: RetryPolicy) -> Checks[DatasetAccess | None]:
    """Check whether a dataset, given by its ID or as name:NAME, and its tasks can be listed.

    Without one, the datasets are listed. Rejected credentials cost one call.
    """
    if given is None:
        try:
            next(client.iter_dataset_pages(retry=retry))
        except ModelArtsExportError as error:
            yield fail("access", error)
        else:
            yield succeed("access", f"{_ACCEPTED}, and datasets can be listed")
        return None
    name = get_dataset_name(given)
    dataset_id = given if name is None else (yield from _find_by_name(client, name, retry))
    return (yield from _list_tasks(client, dataset_id, retry)) if dataset_id else None


def _find_by_name(client: Client, name: str, retry: RetryPolicy) -> Checks[str | None]:
    pages: list[DatasetPage] = []
    try:
        pages = list(client.iter_dataset_pages(retry=retry))
        dataset_id = select_id(pages, name)
    except ModelArtsExportError as error:
        yield from _blame(error, is_accepted=bool(pages))
        return None
    return dataset_id


def _list_tasks(client: Client, dataset_id: str, retry: RetryPolicy) -> Checks[DatasetAccess | None]:
    pages = client.iter_task_pages(dataset_id, retry=retry)
    try:
        first = next(pages)
    except ModelArtsExportError as error:
        is_accepted = client.is_authenticated and isinstance(error, NotFoundError)
        yield from _blame(error, is_accepted=is_accepted)
        return None
    yield succeed("access", f"{_ACCEPTED}, and the dataset's export tasks can be listed")
    return DatasetAccess(dataset_id=dataset_id, task_pages=_chain(first, pages))


def _chain(first: TaskPage, others: Iterator[TaskPage]) -> Iterator[TaskPage]:
    yield first
    yield from others


def _blame(error: ModelArtsExportError, *, is_accepted: bool) -> Iterator[Check]:
    """Yield the failed check: that of the dataset, if the API has accepted the credentials."""
    if is_accepted:
        yield succeed("access", _ACCEPTED)
    yield fail("dataset" if is_accepted else "access", error)
    if not is_accepted:
        yield skip("dataset", "it could not be read")
