"""Submissions from many threads through faults, in small: tests/bench/soak.py has the whole of it."""

from tests.bench.soak import soak


def test_every_task_has_an_owner_who_knows_of_it() -> None:
    """Tasks on the server are exits 0, and exits 10 that were accepted; nobody has the ID of another."""
    record = soak(200, seed=7)
    assert len(record.ends) == 200
    assert record.adds_up, (record.exits, record.accepted_unknown, len(record.made))
    assert (record.lost, record.strange, record.twins) == ([], [], 0)
    assert set(record.exits) <= {0, 5, 10}
    assert record.exits[0] > 100
    assert record.accepted_unknown > 0  # the outage of the list saw to that
    assert record.calls["POST"] > 200
