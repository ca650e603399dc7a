"""Lists of tasks from servers that count differently, repeat pages, report wrong totals or never end."""

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
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    get_targets,
    make_client,
    make_error_reply,
    make_list_reply,
    serve_answers,
)

LIST = "/v2/0123/datasets/abc/export-tasks"
Answer = Callable[[int], bytes]


def make_entries(number: int, first: int = 0) -> list[dict[str, object]]:
    """Return as many entries, the newest first."""
    return [{"task_id": f"n{each}", "status": "SUCCESSED"} for each in range(first, first + number)]


def get_offset(target: str) -> int:
    """Return the offset of a request."""
    return int(parse_qs(urlsplit(target).query)["offset"][0])


def read_list(answer: Answer, *, export_type: int | None = None) -> tuple[list[TaskPage], list[str]]:
    """Return the pages of a list with these answers, and the targets that were requested."""
    with serve_answers(lambda target: answer(get_offset(target))) as server:
        found = list(make_client(server.url).iter_task_pages("abc", export_type=export_type))
        return found, get_targets(server)


def get_ids(found: list[TaskPage]) -> list[str]:
    """Return the IDs of all tasks."""
    return [task.task_id for page in found for task in page.tasks]


def make_ids(number: int) -> list[str]:
    """Return the IDs of as many entries."""
    return [str(entry["task_id"]) for entry in make_entries(number)]


def make_page_server(number: int, total: object = None, size: int = 100) -> Answer:
    """Answer by page numbers, as the API is documented."""
    return lambda offset: make_list_reply(make_entries(number)[offset * size : (offset + 1) * size], total)


def make_entry_server(number: int, total: object = None, size: int = 100) -> Answer:
    """Answer by the number of the first entry, as other lists of the API do."""
    return lambda offset: make_list_reply(make_entries(number)[offset : offset + size], total)


def answer_always(answer: bytes, _offset: int) -> bytes:
    """Return the same answer for every offset."""
    return answer


def test_request_has_limit_offset_and_filter() -> None:
    """A hundred entries per page, the maximum, and page numbers from 0."""
    _, asked = read_list(make_page_server(250, 250))
    assert asked == [f"{LIST}?limit=100&offset={offset}" for offset in range(3)]
    _, asked = read_list(make_page_server(150, 150), export_type=3)
    assert asked == [f"{LIST}?export_type=3&limit=100&offset={offset}" for offset in range(2)]


# entries, the total that is pages, and the calls that a server of page numbers and one of entry numbers cost
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
def test_each_task_is_yielded_once_and_in_order(
    number: int, total: object, by_page: int, by_entry: int
) -> None:
    """However the server counts, without a total, and with one that is too large or no number."""
    for answer, calls in (
        (make_page_server(number, total), by_page),
        (make_entry_server(number, total), by_entry),
    ):
        found, asked = read_list(answer)
        assert get_ids(found) == make_ids(number)
        assert len(asked) == calls


def test_short_pages_do_not_end_the_list() -> None:
    assert get_ids(read_list(make_page_server(35, 35, size=10))[0]) == make_ids(35)
    assert get_ids(read_list(make_entry_server(35, 35, size=10))[0]) == make_ids(35)


def test_total_that_is_too_small_ends_the_list() -> None:
    """A task that is missing is shown by its ID."""
    found, asked = read_list(make_page_server(250, 150))
    assert (get_ids(found), len(asked)) == (make_ids(200), 2)


@pytest.mark.parametrize("server", [make_page_server, make_entry_server])
@pytest.mark.parametrize(("number", "total"), [(100, 100), (250, 100), (250, 0), (250, 150), (201, 200)])
def test_full_page_past_the_total_is_followed_by_the_next(
    server: Callable[[int, int], Answer], number: int, total: int
) -> None:
    """A task that is missed would be created again."""
    with serve_answers(lambda target: server(number, total)(get_offset(target))) as raw:
        found = list(make_client(raw.url).iter_task_pages("abc", past_total=True))
    assert get_ids(found) == make_ids(number)


def test_repeated_page_ends_the_list() -> None:
    """One more page is read, and two while the total is not reached."""
    for reply_of_all, calls in (
        (make_list_reply(make_entries(100)), 2),
        (make_list_reply(make_entries(100), 5000), 3),
    ):
        found, asked = read_list(partial(answer_always, reply_of_all))
        assert (get_ids(found), len(asked)) == (make_ids(100), calls)


@pytest.mark.parametrize(("number", "calls"), [(1, 1), (100, 1), (101, 3), (250, 4), (1000, 11)])
def test_server_that_counts_pages_from_1_is_read_to_the_end(number: int, calls: int) -> None:
    """Its page 0 is its first; the total shows that page 1, a repetition, is not the last."""
    found, asked = read_list(lambda offset: make_page_server(number, number)(max(offset - 1, 0)))
    assert (get_ids(found), [get_offset(target) for target in asked]) == (
        make_ids(number),
        list(range(calls)),
    )


@pytest.mark.parametrize("growth", [1, 10, 49])
def test_list_that_grows_while_it_is_read(growth: int) -> None:
    """An entry that has moved to the next page is yielded once; new ones appear in the next reading."""

    def answer(offset: int) -> bytes:
        now = [*make_entries(growth * offset, 1000), *make_entries(250)]
        return make_list_reply(now[100 * offset :][:100], len(now))

    assert get_ids(read_list(answer)[0]) == make_ids(250)


def test_growing_list_by_entry_number_loses_no_task() -> None:
    times = count()

    def answer(offset: int) -> bytes:
        now = [*make_entries(3 * next(times), 1000), *make_entries(250)]
        return make_list_reply(now[offset : offset + 100], len(now))

    assert set(get_ids(read_list(answer)[0])) >= set(make_ids(250))


def test_list_that_shrinks_while_it_is_read() -> None:
    found, _ = read_list(lambda offset: make_page_server(250 - 100 * offset, 250 - 100 * offset)(offset))
    assert get_ids(found) == make_ids(150)


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


def test_invalid_entries_are_skipped() -> None:
    """They are no objects or have no ID; a number is a valid ID."""
    found, asked = read_list(
        lambda offset: make_list_reply([*ODD, {"task_id": 7}, *make_entries(2)] if offset == 0 else [])
    )
    assert get_ids(found) == ["7", "n0", "n1"]
    assert len(asked) == 2


def test_page_of_invalid_entries_ends_the_list() -> None:
    found, asked = read_list(lambda _: make_list_reply(ODD * 10, 5000))
    assert (get_ids(found), len(asked)) == ([], 1)


def test_task_twice_on_a_page_is_yielded_once() -> None:
    found, _ = read_list(lambda _: make_list_reply([*make_entries(3), *make_entries(3)], 3))
    assert get_ids(found) == make_ids(3)


def test_page_has_the_date_of_the_server() -> None:
    body = json.dumps({"total_count": 0, "export_tasks": []}).encode()
    for headers, date in (
        (["Date: Sun, 06 Nov 1994 08:49:37 GMT"], 784_111_777.0),
        (["Date: now"], None),
        ([], None),
    ):
        (page,), _ = read_list(partial(answer_always, make_reply("200 OK", body, *headers)))
        assert (page.date, page.tasks) == (date, ())


@pytest.mark.parametrize(
    "body", [b'{"total_count": 0}', b'{"export_tasks": []}', b'{"export_tasks": null, "total_count": 4}']
)
def test_empty_list_may_lack_total_or_entries(body: bytes) -> None:
    found, asked = read_list(lambda _: make_reply("200 OK", body))
    assert (get_ids(found), len(asked)) == ([], 1)


@pytest.mark.parametrize(
    "body", [b'{"hello": 1}', b'{"export_tasks": {}}', b'{"total_count": "0"}', b"[]", b"", b"{}"]
)
def test_reply_without_a_list_is_a_transient_error(body: bytes) -> None:
    """It may be the page of a proxy, and is no empty list."""
    with pytest.raises(TemporaryError):
        read_list(lambda _: make_reply("200 OK", body))


def test_error_on_a_later_page_is_raised_after_the_first_pages() -> None:
    found: list[TaskPage] = []

    def answer(target: str) -> bytes:
        return (
            make_list_reply(make_entries(100), 200)
            if get_offset(target) == 0
            else make_error_reply("400 Bad Request", "ModelArts.4352")
        )

    with serve_answers(answer) as server, pytest.raises(NotFoundError):  # noqa: PT012 - what came before is asserted
        for page in make_client(server.url).iter_task_pages("abc"):
            found.append(page)  # noqa: PERF402 - a list would be lost with the error
    assert get_ids(found) == make_ids(100)


def test_pages_are_read_lazily() -> None:
    with serve_answers(lambda target: make_page_server(1000, 1000)(get_offset(target))) as server:
        reading = make_client(server.url).iter_task_pages("abc")
        assert server.requests == []
        next(reading)
        next(reading)
        assert len(server.requests) == 2


def test_endless_list_is_refused() -> None:
    """A server may make up new entries for ever."""
    read_pages = count()
    with pytest.raises(RefusedError, match="the list does not end: 100,000 entries"):  # noqa: PT012
        for _ in iter_pages(lambda offset: Page(entries=({"task_id": offset},)), "task_id"):
            next(read_pages)
    assert 1000 < next(read_pages) <= 100_000


@pytest.mark.parametrize(("name", "size"), [("", 400_000), ("long" * 4_000_000, 1)])
def test_endless_list_is_refused_before_memory_is_used_up(name: str, size: int) -> None:
    """The IDs of all entries are kept."""
    asked: list[int] = []

    def fetch(offset: int) -> Page:
        asked.append(offset)
        return Page(entries=tuple({"task_id": f"{name}{offset}-{each}"} for each in range(size)))

    with pytest.raises(RefusedError, match="the list does not end"):
        list(map(bool, iter_pages(fetch, "task_id")))
    assert len(asked) <= 5


def test_list_has_one_deadline_for_all_pages() -> None:
    """Each page takes a second, and there is always another one."""
    seconds = count()
    read_pages: list[TaskPage] = []
    with serve_answers(lambda target: make_list_reply(make_entries(1, first=get_offset(target)))) as server:
        client = make_client(server.url, clock=lambda: float(next(seconds)))
        with pytest.raises(TemporaryError, match="not complete after 30 s"):  # noqa: PT012 - as above
            for page in client.iter_task_pages("abc", timeout=30.0):
                read_pages.append(page)  # noqa: PERF402 - as above
    assert 1 <= len(read_pages) < 30


@st.composite
def draw_pages(draw: st.DrawFn) -> list[Page]:
    """Return the pages of one call after the other, whatever the offset."""
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


@given(draw_pages())
def test_any_list_ends_and_yields_each_entry_once(pages: list[Page]) -> None:
    """Offsets only grow, and every entry comes from the server."""
    asked: list[int] = []

    def fetch(offset: int) -> Page:
        asked.append(offset)
        return pages[len(asked) - 1] if len(asked) <= len(pages) else Page(entries=())

    found = [str(entry["task_id"]) for page in iter_pages(fetch, "task_id") for entry in page.entries]
    assert len(asked) <= len(pages) + 1
    assert max(Counter(found).values(), default=0) <= 1
    assert set(found) <= {str(entry.get("task_id")) for page in pages for entry in page.entries}
    assert asked == sorted(set(asked))
    assert asked[0] == 0


@given(st.integers(0, 60), st.integers(1, 12), st.booleans(), st.booleans())
def test_list_of_any_length_and_page_size_is_read_completely(
    number: int,
    size: int,
    by_page: bool,  # noqa: FBT001 - drawn by hypothesis
    with_total: bool,  # noqa: FBT001
) -> None:
    """However the server counts."""
    listed_entries = tuple(make_entries(number))

    def fetch(offset: int) -> Page:
        start = offset * size if by_page else offset
        return Page(entries=listed_entries[start : start + size], total=number if with_total else None)

    found = [str(entry["task_id"]) for page in iter_pages(fetch, "task_id") for entry in page.entries]
    assert found == make_ids(number)
