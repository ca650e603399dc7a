"""Submissions from many threads with faults; tests/bench/soak.py is the full run."""

from tests.bench.soak import run_batch_soak, run_soak


def test_every_task_is_returned_by_one_submission() -> None:
    """The tasks on the server are those of exit 0, and those accepted with exit 10."""
    record = run_soak(200, seed=7)
    assert len(record.exit_codes) == 200
    assert record.is_consistent, (record.exit_counts, record.accepted_unknown, len(record.created))
    assert (record.lost_ids, record.wrong_ids, record.duplicates) == ([], [], 0)
    assert set(record.exit_counts) <= {0, 5, 10}
    assert record.exit_counts[0] > 100
    assert record.accepted_unknown > 0  # because of the outage of the list
    assert record.calls["POST"] > 200


def test_every_task_of_a_batch_is_in_the_row_of_its_export() -> None:
    """A dataset that is busy, and replies that are lost, among 200 exports; no export is left out."""
    record = run_batch_soak(200, seed=7)
    assert len(record.exit_codes) == 200
    assert record.is_consistent, (record.exit_counts, record.accepted_unknown, len(record.created))
    assert (record.lost_ids, record.wrong_ids, record.duplicates) == ([], [], 0)
    assert set(record.exit_counts) <= {0, 5, 10}
    assert record.exit_counts[0] > 100
    assert record.calls["POST"] > 200
