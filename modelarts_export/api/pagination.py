"""Lists in pages, whichever way the server counts them (.github/API.md, section 3)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelarts_export.errors import RefusedError
from modelarts_export.transport.response import Response, error_from_response, is_text_or_number

LIMIT = 100
"""Entries of one page, the most that the API allows."""
_TOTALS = ("total_count", "total_number")  # of export tasks, and of datasets
# A list that never ends must use up neither all time nor all memory.
_MOST_PAGES = 100_000
_MOST_ENTRIES = 1_000_000
_MOST_CHARACTERS = 64 * 1024 * 1024  # of all IDs together


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list, and the total that the server reports.

    `date` is in epoch seconds by the server's clock; None where it is not known.
    """

    entries: tuple[Mapping[str, Any], ...]
    total: int | None = None
    date: float | None = None


def parse_page(reply: Response, field: str) -> Page:
    """Return the page in a field of a reply. Raises the error of the reply when it has no page."""
    entries = reply.fields.get(field)
    totals = map(reply.fields.get, _TOTALS)
    total = next((each for each in totals if type(each) is int and each >= 0), None)  # True is no total
    if not isinstance(entries, list) and total is None:
        raise error_from_response(reply)
    listed = entries if isinstance(entries, list) else []
    objects = tuple(entry for entry in listed if isinstance(entry, dict))
    return Page(entries=objects, total=total, date=reply.date)


def iter_pages(fetch: Callable[[int], Page], id_field: str, *, past_total: bool = False) -> Iterator[Page]:
    """Yield each page, also the last and empty one, without the entries that an earlier page had.

    `fetch` takes an offset, which is documented as a page number. When the second page repeats most of the
    first one, the server counts entries instead, and the offset then grows by a whole page; when it repeats
    all of it, the server may count pages from 1. The list ends where the server's total is reached, or a page
    is empty or has nothing new; with `past_total` a full page is not the last one, whatever the total.
    Raises RefusedError for a list that does not end.
    """
    known: set[str] = set()
    offset, step, characters = 0, 1, 0
    for _ in range(_MOST_PAGES):
        page = fetch(offset)
        by_id = {
            str(entry[id_field]): entry for entry in page.entries if is_text_or_number(entry.get(id_field))
        }
        repeated = len(by_id.keys() & known)
        counts_entries = offset == 1 and len(by_id) / 2 < repeated < len(by_id)
        yield Page(
            entries=tuple(entry for entry_id, entry in by_id.items() if entry_id not in known),
            total=page.total,
            date=page.date,
        )
        characters += sum(len(entry_id) for entry_id in by_id if entry_id not in known)
        known.update(by_id)  # in place, without a copy for each page
        is_full = past_total and len(page.entries) >= LIMIT
        more = is_full or (page.total is not None and len(known) < page.total)
        may_count_from_1 = offset == 1 and more and bool(by_id)
        if (repeated == len(by_id) and not may_count_from_1) or (page.total is not None and not more):
            return
        if len(known) > _MOST_ENTRIES or characters > _MOST_CHARACTERS:
            break
        step = len(page.entries) if counts_entries else step
        offset += step
    raise RefusedError(f"the list does not end: {len(known):,} entries were read")
