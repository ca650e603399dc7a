"""The search for a dataset by its name in a paged list."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from modelarts_export.clock import Clock
from modelarts_export.errors import AccessError, TemporaryError
from modelarts_export.transport.retry import RetryPolicy
from tests.support.raw_server import make_reply
from tests.support.simulated import (
    SimulatedTime,
    get_targets,
    make_client,
    make_error_reply,
    serve_answers,
)


def make_dataset_server(*named: tuple[str, str, object]) -> Callable[[str], bytes]:
    """Return a server of these datasets, ten a page: ID, name and time of creation."""

    def answer(target: str) -> bytes:
        start = 10 * int(parse_qs(urlsplit(target).query)["offset"][0])
        shown = [{"dataset_id": i, "dataset_name": name, "create_time": at} for i, name, at in named]
        fields = {"total_number": len(shown), "datasets": shown[start : start + 10]}
        return make_reply("200 OK", json.dumps(fields).encode())

    return answer


OTHERS: list[tuple[str, str, object]] = [(f"x{number}", f"other-{number}", number) for number in range(25)]
# the datasets that there are, and which of them has the name
NAMED: list[tuple[list[tuple[str, str, object]], str | None]] = [
    ([], None),
    (OTHERS, None),
    ([("a", "cats", 1)], "a"),
    ([*OTHERS, ("a", "cats", 1), *OTHERS], "a"),
    ([("a", "cats-2", 1), ("b", "Cats", 1), ("c", " cats", 1), ("d", "cat", 1)], None),
    ([("a", "cats", 1), *OTHERS, ("b", "cats", 3), ("c", "cats", 2)], "b"),
    ([("a", "cats", None), ("b", "cats", "5"), ("c", "cats", 1)], "c"),
    ([("a", "cats", None), ("b", "cats", None)], "a"),
]


@pytest.mark.parametrize(("there", "wanted"), NAMED)
def test_newest_dataset_of_a_name_is_found(there: list[tuple[str, str, object]], wanted: str | None) -> None:
    """On whatever page; None without one."""
    with serve_answers(make_dataset_server(*there)) as server:
        assert make_client(server.url).find_dataset_by_name("cats") == wanted
        assert get_targets(server)[0] == "/v2/0123/datasets?limit=100&offset=0"


def test_refused_list_of_datasets_is_raised() -> None:
    with (
        serve_answers(lambda _: make_error_reply("403 Forbidden", "ModelArts.0112")) as server,
        pytest.raises(AccessError),
    ):
        make_client(server.url).find_dataset_by_name("cats")


def test_retries_of_a_list_end_with_its_timeout() -> None:
    """However long the policy allows; the last error of the server says why."""
    time = SimulatedTime()
    clock = Clock(monotonic=time.monotonic, time=time.monotonic, sleep=time.sleep, random=time.rng)
    retry = RetryPolicy(timeout=120.0, max_retries=None, clock=clock)
    with serve_answers(lambda _: make_error_reply("503 Service Unavailable", "ModelArts.4302")) as server:
        client = make_client(server.url, clock=time.monotonic)
        with pytest.raises(TemporaryError, match="503"):
            client.find_dataset_by_name("cats", timeout=30.0, retry=retry)
    assert time.passed == 30.0
