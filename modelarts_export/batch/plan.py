"""What a batch consists of: the planned exports, and how they are submitted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_bool, parse_int

if TYPE_CHECKING:
    from modelarts_export.request.models import ExportRequest

_MAX_CONCURRENCY = 64  # as many connections are kept


def _parse_concurrency(text: str) -> int:
    count = parse_int(text)
    if not 1 <= count <= _MAX_CONCURRENCY:
        raise ValueError(f"must be from 1 to {_MAX_CONCURRENCY}")
    return count


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How the exports of a batch are submitted."""

    concurrency: int = option(
        _parse_concurrency, "How many exports are submitted at the same time", "N", default=8
    )
    fail_fast: bool = option(parse_bool, "Submit no further export after the first failure", default=False)


@dataclass(frozen=True, kw_only=True)
class PlannedExport:
    """A valid request, its dataset, and its spec: its position as file:line, and its label if it has one."""

    spec: str
    name: str | None
    dataset_id: str
    request: "ExportRequest"
