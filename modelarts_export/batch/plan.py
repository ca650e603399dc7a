"""What a batch consists of: the planned exports, and how they are submitted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_bool, parse_int
from modelarts_export.errors import Problem

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


def find_shared_directories(exports: Sequence[PlannedExport]) -> Iterator[Problem]:
    """Yield a problem for each export that writes to, or below, a directory of another one of its dataset."""
    from modelarts_export.submission.matching import find_directories  # noqa: PLC0415 - for a check alone

    writers: dict[tuple[str, str], PlannedExport] = {}
    directories = [find_directories(export.request.to_dict()) for export in exports]
    for export, own in zip(exports, directories, strict=True):
        for directory in own:
            writers.setdefault((export.dataset_id, directory), export)
    for export, own in zip(exports, directories, strict=True):
        pairs = ((directory, above) for directory in own for above in _iter_with_parents(directory))
        for directory, above in pairs:
            other = writers.get((export.dataset_id, above), export)
            if other is not export:
                relation = "the same directory" if above == directory else "above it"
                message = f"{directory} is used already: {other.spec} writes to {above}, {relation}"
                file, line = split_place(export.spec)
                yield Problem(message=message, place=export.spec, file=file, line=line)
                break


def _iter_with_parents(directory: str) -> Iterator[str]:
    """Yield the directories that have a directory in them, from the bucket on, and the directory itself."""
    end = directory.find("/", 1)
    while end != -1:
        yield directory[: end + 1]
        end = directory.find("/", end + 1)


def split_place(spec: str) -> tuple[str, int | None]:
    """Return the file of a spec, and the line at which it begins, from 1."""
    file, _, line = spec.rpartition(":")
    return file, int(line) if line.isdecimal() else None
