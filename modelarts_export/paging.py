"""Reading a list page by page, however the server counts its pages (.github/API.md, section 3)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelarts_export.replies import Reply, failure, is_word

LIMIT = 100
"""Entries that are asked for with one page, the most that the API gives."""
_TOTALS = ("total_count", "total_number")  # of export tasks, and of datasets
_MOST_PAGES = 100_000  # a server that makes up new entries for ever must not keep us for ever


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one call brought: the entries, how many the server says there are, and the time there.

    `date` is in epoch seconds by the server's clock; None where it was not told.
    """

    entries: tuple[Mapping[str, Any], ...]
    total: int | None = None
    date: float | None = None


def page_of(reply: Reply, name: str) -> Page:
    """Return the page that a reply holds under a name. Raises what a reply that is none stands for."""
    entries = reply.fields.get(name)
    total = next(filter(_is_total, map(reply.fields.get, _TOTALS)), None)
    if not isinstance(entries, list) and total is None:
        raise failure(reply)
    listed = entries if isinstance(entries, list) else []
    found = tuple(entry for entry in listed if isinstance(entry, dict))
    return Page(entries=found, total=total, date=reply.date)


def _is_total(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def pages(fetch: Callable[[int], Page], key: str) -> Iterator[Page]:
    """Yield each page, the last and empty one too, with those of its entries that no page before it had.

    `fetch` gets an offset, which is documented as a page number. A second page that repeats most of the first
    one comes from a server that counts entries instead, and is read on in steps of a whole page; one that
    repeats all of it may come of a count that begins with 1. The end is where the server's total is reached,
    a page is empty, or a page brings nothing new.
    """
    known: set[str] = set()
    offset, step = 0, 1
    for _ in range(_MOST_PAGES):
        page = fetch(offset)
        fresh = {str(entry[key]): entry for entry in page.entries if is_word(entry.get(key))}
        repeated = len(fresh.keys() & known)
        counts_entries = offset == 1 and len(fresh) / 2 < repeated < len(fresh)
        yield Page(
            entries=tuple(entry for name, entry in fresh.items() if name not in known),
            total=page.total,
            date=page.date,
        )
        known.update(fresh)  # in place: `|=` with keys would copy all of it for each page
        more = page.total is not None and len(known) < page.total
        again = offset == 1 and more and bool(fresh)  # a server may count from 1, and have no page 0
        if (repeated == len(fresh) and not again) or (page.total is not None and not more):
            return
        step = len(page.entries) if counts_entries else step
        offset += step
