"""Lists of tasks, read page by page from servers that count, repeat, lie and never end."""

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.api.client import TaskPage
from modelarts_export.api.pagination import Page, iter_pages
from modelarts_export.errors import NotFoundError, RefusedError, TemporaryError
from tests.support.raw_server import reply
from tests.support.simulated import answering, client_of, error, listed, targets

LIST = "/v2/0123/datasets/abc/export-tasks"
Answer = Callable[[int], bytes]


def entries(number: int, first: int = 0) -> list[dict[str, object]]:
    """Return as many entries, the newest first."""
    return [{"task_id": f"n{each}", "status": "SUCCESSED"} for each in range(first, first + number)]


def offset_of(target: str) -> int:
    """Return the offset that was asked for."""
    return int(parse_qs(urlsplit(target).query)["offset"][0])


def read(answer: Answer, *, export_type: int | None = None) -> tuple[list[TaskPage], list[str]]:
    """Return the pages of a list whose pages these are, and what was asked for."""
    with answering(lambda target: answer(offset_of(target))) as server:
        found = list(client_of(server.url).iter_task_pages("abc", export_type=export_type))
        return found, targets(server)


def ids(found: list[TaskPage]) -> list[str]:
    """Return the IDs of all tasks."""
    return [task.task_id for page in found for task in page.tasks]


def names(number: int) -> list[str]:
    """Return the IDs of as many entries."""
    return [str(entry["task_id"]) for entry in entries(number)]


def numbering(number: int, total: object = None, size: int = 100) -> Answer:
    """Answer by page numbers, as the documents have it."""
    return lambda offset: listed(entries(number)[offset * size : (offset + 1) * size], total)


def counting(number: int, total: object = None, size: int = 100) -> Answer:
    """Answer by the number of the first entry, as other lists of the API do."""
    return lambda offset: listed(entries(number)[offset : offset + size], total)


def constantly(answer: bytes, _offset: int) -> bytes:
    """Return the same answer whatever was asked."""
    return answer


def test_what_is_sent() -> None:
    """A hundred entries a page, which is the most, page numbers from 0, and the filter."""
    _, asked = read(numbering(250, 250))
    assert asked == [f"{LIST}?limit=100&offset={offset}" for offset in range(3)]
    _, asked = read(numbering(150, 150), export_type=3)
    assert asked == [f"{LIST}?export_type=3&limit=100&offset={offset}" for offset in range(2)]


# entries, the total that is told, and the calls that a server of page numbers and one of entry numbers cost
LENGTHS = [
    (0, 0, 1, 1),
    (0, None, 1, 1),
    (1, 1, 1, 1),
    (1, None, 2, 2),
    (99, 99, 1, 1),
    (100, 100, 1, 1),
    (100, None, 2, 2),
    (101, 101, 2, 2),
    (101, None, 3, 3),
    (199, 199, 2, 3),
    (200, 200, 2, 3),
    (200, None, 3, 4),
    (250, 250, 3, 4),
    (1000, 1000, 10, 11),
    (250, 1000, 4, 5),
    (250, "250", 4, 5),
    (250, -1, 4, 5),
    (250, True, 4, 5),
]


@pytest.mark.parametrize(("number", "total", "by_page", "by_entry"), LENGTHS)
def test_every_task_is_found_once_and_in_order(
    number: int, total: object, by_page: int, by_entry: int
) -> None:
    """However the server counts, with a total, without one, or with one that is too large or no number."""
    for answer, calls in ((numbering(number, total), by_page), (counting(number, total), by_entry)):
        found, asked = read(answer)
        assert ids(found) == names(number)
        assert len(asked) == calls


def test_a_server_that_gives_shorter_pages() -> None:
    """Fewer entries than asked for are no end of the list."""
    assert ids(read(numbering(35, 35, size=10))[0]) == names(35)
    assert ids(read(counting(35, 35, size=10))[0]) == names(35)


def test_a_total_that_is_too_small_ends_the_list() -> None:
    """The total is believed; whoever misses a task asks for it by its ID."""
    found, asked = read(numbering(250, 150))
    assert (ids(found), len(asked)) == (names(200), 2)


@pytest.mark.parametrize("server", [numbering, counting])
@pytest.mark.parametrize(("number", "total"), [(100, 100), (250, 100), (250, 0), (250, 150), (201, 200)])
def test_a_total_that_lags_ends_no_list_that_is_read_past_it(
    server: Callable[[int, int], Answer], number: int, total: int
) -> None:
    """A full page is followed by the next one, where a task that is missed would be made again."""
    with answering(lambda target: server(number, total)(offset_of(target))) as raw:
        found = list(client_of(raw.url).iter_task_pages("abc", past_total=True))
    assert ids(found) == names(number)


def test_the_same_page_again_and_again() -> None:
    """A server that does not know offsets is asked once more, and twice when its total is not reached."""
    for reply_of_all, calls in ((listed(entries(100)), 2), (listed(entries(100), 5000), 3)):
        found, asked = read(partial(constantly, reply_of_all))
        assert (ids(found), len(asked)) == (names(100), calls)


@pytest.mark.parametrize(("number", "calls"), [(1, 1), (100, 1), (101, 3), (250, 4), (1000, 11)])
def test_a_server_that_counts_pages_from_one(number: int, calls: int) -> None:
    """Its page 0 is its first; by its total one knows that there is more than page 1 repeats."""
    found, asked = read(lambda offset: numbering(number, number)(max(offset - 1, 0)))
    assert (ids(found), [offset_of(target) for target in asked]) == (names(number), list(range(calls)))


@pytest.mark.parametrize("growth", [1, 10, 49])
def test_a_list_that_grows_while_it_is_read(growth: int) -> None:
    """What has moved to the next page is there once; what is new comes with the next reading."""

    def answer(offset: int) -> bytes:
        now = [*entries(growth * offset, 1000), *entries(250)]
        return listed(now[100 * offset :][:100], len(now))

    assert ids(read(answer)[0]) == names(250)


def test_a_list_of_entry_numbers_that_grows_while_it_is_read() -> None:
    """The overlap is a little less than a page, and no task is lost."""
    times = count()

    def answer(offset: int) -> bytes:
        now = [*entries(3 * next(times), 1000), *entries(250)]
        return listed(now[offset : offset + 100], len(now))

    assert set(ids(read(answer)[0])) >= set(names(250))


def test_a_list_that_shrinks_while_it_is_read() -> None:
    """What is gone is not missed for ever."""
    found, _ = read(lambda offset: numbering(250 - 100 * offset, 250 - 100 * offset)(offset))
    assert ids(found) == names(150)


ODD: list[object] = [
    None,
    5,
    "text",
    [],
    {},
    {"task_id": None},
    {"task_id": ""},
    {"task_id": True},
    {"task_id": {}},
    {"status": 1},
]


def test_entries_that_are_none() -> None:
    """What is no object or has no ID is passed over; a number is as good an ID as text."""
    found, asked = read(lambda offset: listed([*ODD, {"task_id": 7}, *entries(2)] if offset == 0 else []))
    assert ids(found) == ["7", "n0", "n1"]
    assert len(asked) == 2


def test_a_page_of_nothing_but_odd_entries_ends_the_list() -> None:
    found, asked = read(lambda _: listed(ODD * 10, 5000))
    assert (ids(found), len(asked)) == ([], 1)


def test_a_task_is_there_once_on_one_page_too() -> None:
    found, _ = read(lambda _: listed([*entries(3), *entries(3)], 3))
    assert ids(found) == names(3)


def test_a_page_has_the_time_of_its_server() -> None:
    body = json.dumps({"total_count": 0, "export_tasks": []}).encode()
    for headers, date in (
        (["Date: Sun, 06 Nov 1994 08:49:37 GMT"], 784_111_777.0),
        (["Date: now"], None),
        ([], None),
    ):
        (page,), _ = read(partial(constantly, reply("200 OK", body, *headers)))
        assert (page.date, page.tasks) == (date, ())


@pytest.mark.parametrize(
    "body", [b'{"total_count": 0}', b'{"export_tasks": []}', b'{"export_tasks": null, "total_count": 4}']
)
def test_an_empty_list_needs_not_be_complete(body: bytes) -> None:
    found, asked = read(lambda _: reply("200 OK", body))
    assert (ids(found), len(asked)) == ([], 1)


@pytest.mark.parametrize(
    "body", [b'{"hello": 1}', b'{"export_tasks": {}}', b'{"total_count": "0"}', b"[]", b"", b"{}"]
)
def test_what_is_no_list_is_trouble(body: bytes) -> None:
    """It may pass, as a proxy's page does, and is never taken for an empty list."""
    with pytest.raises(TemporaryError):
        read(lambda _: reply("200 OK", body))


def test_trouble_on_a_later_page_keeps_what_was_yielded() -> None:
    found: list[TaskPage] = []

    def answer(target: str) -> bytes:
        return (
            listed(entries(100), 200)
            if offset_of(target) == 0
            else error("400 Bad Request", "ModelArts.4352")
        )

    with answering(answer) as server, pytest.raises(NotFoundError):  # noqa: PT012 - what came before is asserted
        for page in client_of(server.url).iter_task_pages("abc"):
            found.append(page)  # noqa: PERF402 - a list would be lost with the error
    assert ids(found) == names(100)


def test_pages_are_read_only_as_they_are_asked_for() -> None:
    with answering(lambda target: numbering(1000, 1000)(offset_of(target))) as server:
        reading = client_of(server.url).iter_task_pages("abc")
        assert server.heard == []
        next(reading)
        next(reading)
        assert len(server.heard) == 2


def test_an_endless_list_is_cut() -> None:
    """A server that makes up new entries for ever does not keep us for ever, and is not believed."""
    read_pages = count()
    with pytest.raises(RefusedError, match="the list does not end: 100,000 entries"):  # noqa: PT012
        for _ in iter_pages(lambda offset: Page(entries=({"task_id": offset},)), "task_id"):
            next(read_pages)
    assert 1000 < next(read_pages) <= 100_000


@pytest.mark.parametrize(("name", "size"), [("", 400_000), ("long" * 4_000_000, 1)])
def test_an_endless_list_does_not_take_all_memory(name: str, size: int) -> None:
    """Large pages end it sooner: what must be remembered of each entry is its ID."""
    asked: list[int] = []

    def fetch(offset: int) -> Page:
        asked.append(offset)
        return Page(entries=tuple({"task_id": f"{name}{offset}-{each}"} for each in range(size)))

    with pytest.raises(RefusedError, match="the list does not end"):
        list(map(bool, iter_pages(fetch, "task_id")))
    assert len(asked) <= 5


def test_a_list_has_one_deadline_for_all_of_its_pages() -> None:
    """Each page takes a second of the clock, and there is always another one."""
    seconds = count()
    read_pages: list[TaskPage] = []
    with answering(lambda target: listed(entries(1, first=offset_of(target)))) as server:
        client = client_of(server.url, clock=lambda: float(next(seconds)))
        with pytest.raises(TemporaryError, match="not complete after 30 s"):  # noqa: PT012 - as above
            for page in client.iter_task_pages("abc", timeout=30.0):
                read_pages.append(page)  # noqa: PERF402 - as above
    assert 1 <= len(read_pages) < 30


@st.composite
def servers(draw: st.DrawFn) -> list[Page]:
    """Return what a server says to one call after the other, whatever it was asked for."""
    entry = st.dictionaries(
        st.sampled_from(["task_id", "x"]),
        st.one_of(st.integers(0, 30), st.none(), st.sampled_from(["", "a", "5"])),
    )
    page = st.builds(
        lambda found, total: Page(entries=tuple(found), total=total),
        st.lists(entry, max_size=12),
        st.one_of(st.none(), st.integers(0, 60)),
    )
    return draw(st.lists(page, max_size=12))


@given(servers())
def test_whatever_a_server_says_each_entry_comes_once_and_there_is_an_end(told: list[Page]) -> None:
    """Offsets only grow, and what was yielded was told."""
    asked: list[int] = []

    def fetch(offset: int) -> Page:
        asked.append(offset)
        return told[len(asked) - 1] if len(asked) <= len(told) else Page(entries=())

    found = [str(entry["task_id"]) for page in iter_pages(fetch, "task_id") for entry in page.entries]
    assert len(asked) <= len(told) + 1
    assert max(Counter(found).values(), default=0) <= 1
    assert set(found) <= {str(entry.get("task_id")) for page in told for entry in page.entries}
    assert asked == sorted(set(asked))
    assert asked[0] == 0


@given(st.integers(0, 60), st.integers(1, 12), st.booleans(), st.booleans())
def test_any_length_and_any_page_is_read_to_its_end(
    number: int,
    size: int,
    by_page: bool,  # noqa: FBT001 - drawn by hypothesis
    with_total: bool,  # noqa: FBT001
) -> None:
    """Of a server that is honest nothing is missed, however it counts."""
    told = tuple(entries(number))

    def fetch(offset: int) -> Page:
        start = offset * size if by_page else offset
        return Page(entries=told[start : start + size], total=number if with_total else None)

    found = [str(entry["task_id"]) for page in iter_pages(fetch, "task_id") for entry in page.entries]
    assert found == names(number)
