"""The command `datasets`, which lists the datasets of the project."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelarts_export.cli.binding import ContextOfDatasets
from modelarts_export.cli.options.flags import describe_empty_list
from modelarts_export.cli.options.help_page import list_values
from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_bool, parse_limit
from modelarts_export.request.enums import DatasetType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelarts_export.api.dataset import Dataset, DatasetPage

_TYPES = DatasetType.labels()


def _parse_text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _parse_type(text: str) -> int:
    return int(DatasetType.parse(text).wire_value)


@dataclass(frozen=True, kw_only=True)
class DatasetFilter:
    """The conditions that a listed dataset meets."""

    name: str | None = option(
        _parse_text, "Only datasets whose name contains this, in any letter case", "TEXT"
    )
    type: int | None = option(
        _parse_type,
        f"Only datasets of this type: {list_values(_TYPES, 'dataset-type')}",
        "VALUE",
        words=_TYPES,
    )
    exportable: bool = option(parse_bool, "Only datasets of types that the API can export", default=False)
    limit: int | None = option(parse_limit, "At most N datasets", "N")

    def select(self, pages: "Iterable[DatasetPage]") -> "list[Dataset]":
        """Return the matching datasets, newest first.

        The name is compared here: how the API matches names is not documented (.github/API.md, section 1).
        """
        from modelarts_export.api.dataset import sort_by_age  # noqa: PLC0415 - with the first page

        datasets = [dataset for page in pages for dataset in page.datasets]
        part = (self.name or "").casefold()
        return sort_by_age(each for each in datasets if part in (each.name or "").casefold())[: self.limit]


def list_datasets(dataset_filter: DatasetFilter, context: ContextOfDatasets) -> None:
    """List the datasets of the project, the newest first."""
    client = context.client(context.settings)
    pages = client.iter_dataset_pages(
        dataset_type=dataset_filter.type,
        exportable=dataset_filter.exportable,
        retry=context.retry_policy,
    )
    empty = describe_empty_list("the project has no datasets", dataset_filter)
    context.printer.dataset_list(dataset_filter.select(pages), if_empty=empty)
