"""Reading a list page by page, however the server counts its pages (.github/API.md, section 3)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelarts_export.errors import RefusedError
from modelarts_export.transport.response import Response, error_from_response, is_identifier

LIMIT = 100
"""Entries that are asked for with one page, the most that the API gives."""
_TOTALS = ("total_count", "total_number")  # of export tasks, and of datasets
# A server that makes up new entries for ever must keep us neither for ever nor in all of our memory.
_MOST_PAGES = 100_000
_MOST_ENTRIES = 1_000_000
_MOST_CHARACTERS = 64 * 1024 * 1024  # of all IDs together


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one call brought: the entries, how many the server says there are, and the time there.

    `date` is in epoch seconds by the server's clock; None where it was not told.
    """

    entries: tuple[Mapping[str, Any], ...]
    total: int | None = None
    date: float | None = None


def parse_page(reply: Response, name: str) -> Page:
    """Return the page that a reply holds under a name. Raises what a reply that is none stands for."""
    entries = reply.fields.get(name)
    total = next(filter(_is_total, map(reply.fields.get, _TOTALS)), None)
    if not isinstance(entries, list) and total is None:
        raise error_from_response(reply)
    listed = entries if isinstance(entries, list) else []
    found = tuple(entry for entry in listed if isinstance(entry, dict))
    return Page(entries=found, total=total, date=reply.date)


def _is_total(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def iter_pages(fetch: Callable[[int], Page], key: str, *, past_total: bool = False) -> Iterator[Page]:
    """Yield each page, the last and empty one too, with those of its entries that no page before it had.

    `fetch` gets an offset, which is documented as a page number. A second page that repeats most of the first
    one comes from a server that counts entries instead, and is read on in steps of a whole page; one that
    repeats all of it may come of a count that begins with 1. The end is where the server's total is reached,
    a page is empty, or a page brings nothing new; with `past_total` a full page is not the last one, whatever
    the total. Raises RefusedError for a list that does not end.
    """
    known: set[str] = set()
    offset, step, characters = 0, 1, 0
    for _ in range(_MOST_PAGES):
        page = fetch(offset)
        fresh = {str(entry[key]): entry for entry in page.entries if is_identifier(entry.get(key))}
        repeated = len(fresh.keys() & known)
        counts_entries = offset == 1 and len(fresh) / 2 < repeated < len(fresh)
        yield Page(
            entries=tuple(entry for name, entry in fresh.items() if name not in known),
            total=page.total,
            date=page.date,
        )
        characters += sum(len(name) for name in fresh if name not in known)
        known.update(fresh)  # in place: `|=` with keys would copy all of it for each page
        is_full = past_total and len(page.entries) >= LIMIT
        more = is_full or (page.total is not None and len(known) < page.total)
        again = offset == 1 and more and bool(fresh)  # a server may count from 1, and have no page 0
        if (repeated == len(fresh) and not again) or (page.total is not None and not more):
            return
        if len(known) > _MOST_ENTRIES or characters > _MOST_CHARACTERS:
            break
        step = len(page.entries) if counts_entries else step
        offset += step
    raise RefusedError(f"the list does not end: {len(known):,} entries were read")
