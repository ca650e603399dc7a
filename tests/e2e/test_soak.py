"""Submissions from many threads with faults; tests/bench/soak.py is the full run."""

from tests.bench.soak import soak


def test_every_task_is_returned_by_one_submission() -> None:
    """The tasks on the server are those of exit 0, and those accepted with exit 10."""
    record = soak(200, seed=7)
    assert len(record.ends) == 200
    assert record.adds_up, (record.exits, record.accepted_unknown, len(record.made))
    assert (record.lost, record.strange, record.twins) == ([], [], 0)
    assert set(record.exits) <= {0, 5, 10}
    assert record.exits[0] > 100
    assert record.accepted_unknown > 0  # because of the outage of the list
    assert record.calls["POST"] > 200
