"""The outcome of a wait: each combination of the table of exit codes."""

from itertools import combinations_with_replacement, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_export.api.task import ExportTask
from modelarts_export.errors import (
    AccessError,
    FailedTaskError,
    MixedOutcomesError,
    ModelArtsExportError,
    NotFinishedError,
    NotFoundError,
    RefusedError,
    StoppedTaskError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.polling.outcome import Outcome, combine_outcomes, fetch_error_of, outcome_of
from modelarts_export.polling.poller import TrackedTask

FACTS: dict[str, Any] = {"hint": "do this", "error_code": "E.1", "http_status": 418, "request_id": "r1"}
DOWN = TemporaryError("the service is in error", **FACTS)
DENIED = AccessError("access is denied", **FACTS)
GONE = NotFoundError("no such task", **FACTS)
REFUSED = RefusedError("the request is refused", **FACTS)


def make_tracked_task(error: ModelArtsExportError | None = None, **answer: Any) -> TrackedTask:  # noqa: ANN401 - as JSON
    """Return a task as it was last seen, with the error of its last poll."""
    task = ExportTask(task_id="t1", dataset_id="d", project_id="p", raw=answer)
    return TrackedTask(task=task, last_error=error, abandoned=error is not None)


def get_exit_code(result: Outcome) -> int:
    return result.exit_code if result else 0


ONE: list[tuple[TrackedTask, int]] = [
    (make_tracked_task(status="SUCCESSED"), 0),
    (make_tracked_task(status="SUCCEEDED"), 0),
    (make_tracked_task(status="COMPLETED"), 0),
    (make_tracked_task(status="SUCCESSED", finished_sample_count=0), 0),
    (make_tracked_task(DOWN, status="SUCCESSED"), 0),
    (make_tracked_task(status="FAILED"), 7),
    (make_tracked_task(DENIED, status="FAILED"), 7),
    (make_tracked_task(status="STOPPED"), 7),
    (make_tracked_task(status="stopped"), 7),
    (make_tracked_task(status="STOPPING"), 8),
    (make_tracked_task(status="INIT"), 8),
    (make_tracked_task(status="RUNNING"), 8),
    (make_tracked_task(status="PAUSED"), 8),
    (make_tracked_task(path="/b/c/"), 8),
    (make_tracked_task(), 8),
    (make_tracked_task(DOWN, status="RUNNING"), 8),
    (make_tracked_task(DENIED, status="RUNNING"), 8),
    (make_tracked_task(GONE, status="RUNNING"), 8),
    (make_tracked_task(REFUSED, status="RUNNING"), 8),
    (make_tracked_task(DENIED, path="/b/c/"), 8),
    (make_tracked_task(GONE, path="/b/c/"), 8),
    (make_tracked_task(DOWN), 8),
    (make_tracked_task(DENIED), 4),
    (make_tracked_task(GONE), 3),
    (make_tracked_task(REFUSED), 6),
]


@pytest.mark.parametrize(("each", "code"), ONE)
def test_outcome_of_one_task(each: TrackedTask, code: int) -> None:
    """A task that is not finished is 8; 3, 4 and 6 are for a task that was never seen."""
    result = outcome_of(each)
    assert get_exit_code(result) == code
    if result:
        assert type(result).exit_code == code
        assert "t1" in str(result) or each.last_error is result


# exported samples, how many are required, and whether they suffice
SAMPLES: list[tuple[object, int, bool]] = [
    (0, 0, True),
    (None, 0, True),
    (20, 20, True),
    (21, 20, True),
    (19, 20, False),
    (0, 1, False),
    (None, 1, False),
    ("20", 1, False),
]


@pytest.mark.parametrize(("exported", "required", "enough"), SAMPLES)
def test_too_few_or_unknown_samples_are_a_failure(exported: object, required: int, enough: bool) -> None:  # noqa: FBT001
    fields: dict[str, Any] = {} if exported is None else {"finished_sample_count": exported}
    result = outcome_of(make_tracked_task(status="SUCCESSED", **fields), require_samples=required)
    assert get_exit_code(result) == (0 if enough else 7)


def test_too_few_samples_are_reported_with_both_numbers() -> None:
    few = outcome_of(make_tracked_task(status="SUCCESSED", finished_sample_count=1234), require_samples=5000)
    assert str(few) == "export task t1 exported 1,234 samples; 5,000 are required"
    unknown = outcome_of(make_tracked_task(status="SUCCESSED"), require_samples=1)
    assert "an unknown number of samples" in str(unknown)
    assert few
    assert few.hint


def test_samples_are_required_of_a_success_alone() -> None:
    assert get_exit_code(outcome_of(make_tracked_task(status="RUNNING"), require_samples=5)) == 8
    failed = outcome_of(make_tracked_task(status="FAILED", error_msg="no space"), require_samples=5)
    assert "no space" in str(failed)


# answer of the API, text in the message, text in the hint
FAILURES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "export task t1 failed: the API gives no reason", "submit it again"),
    ({"error_msg": "no space"}, "failed: no space", "submit it again"),
    ({"error_code": "X.1", "error_msg": "no space"}, "failed: X.1: no space", "submit it again"),
    ({"error_code": 7}, "failed: 7", "submit it again"),
    ({"error_code": "", "error_msg": ""}, "the API gives no reason", "submit it again"),
    ({"error_code": "ModelArts.4401", "error_msg": "copy"}, "failed: ModelArts.4401: copy", "submit"),
]


BUCKET = "ModelArts.4311: OBS bucket does not exist."
# error_code and error_msg of the API, and as they are shown
SPLIT_ERRORS = [
    ((BUCKET, None), ("ModelArts.4311", "OBS bucket does not exist.")),
    ((BUCKET, ""), ("ModelArts.4311", "OBS bucket does not exist.")),
    ((BUCKET, "no bucket b"), ("ModelArts.4311", "OBS bucket does not exist.: no bucket b")),
    ((BUCKET, "OBS bucket does not exist."), ("ModelArts.4311", "OBS bucket does not exist.")),
    (("APIGW.0301 refused", None), ("APIGW.0301", "refused")),
    (("ModelArts.4311:", None), ("ModelArts.4311", "")),
    (("ModelArts.4311", None), ("ModelArts.4311", None)),
    (("something else: 4311", None), ("something else: 4311", None)),
    (("ModelArts.43111111111", None), ("ModelArts.43111111111", None)),
]


@pytest.mark.parametrize(("answer", "shown"), SPLIT_ERRORS)
def test_code_and_message_are_split(answer: tuple[str, str | None], shown: tuple[str, str | None]) -> None:
    """One field may hold both (API.md, section 4)."""
    fields = {
        name: message
        for name, message in zip(("error_code", "error_msg"), answer, strict=True)
        if message is not None
    }
    each = TrackedTask(task=ExportTask(task_id="t1", dataset_id="d", project_id="p", raw=fields))
    result = each.task.to_dict()
    assert (result["error_code"], result.get("error_msg")) == shown
    assert each.task.failure == (shown[0], shown[1] or "")


def test_hint_follows_from_a_split_code() -> None:
    result = outcome_of(make_tracked_task(status="FAILED", error_code=BUCKET))
    assert str(result) == "export task t1 failed: ModelArts.4311: OBS bucket does not exist."
    assert result
    assert (result.error_code, result.hint) == (
        "ModelArts.4311",
        "create the bucket, in the same region; then submit it again",
    )


@pytest.mark.parametrize(("answer", "message", "hint"), FAILURES)
def test_failure_has_reason_and_hint(answer: dict[str, Any], message: str, hint: str) -> None:
    result = outcome_of(make_tracked_task(status="FAILED", **answer))
    assert isinstance(result, FailedTaskError)
    assert message in str(result)
    assert hint in result.hint
    assert result.error_code == (str(answer["error_code"]) if answer.get("error_code") else None)


def test_stopped_task_is_not_reported_as_failed() -> None:
    """Nothing is wrong with the request."""
    result = outcome_of(make_tracked_task(status="STOPPED", error_code="ModelArts.4393"))
    assert str(result) == "export task t1 was stopped: ModelArts.4393"
    assert (
        str(outcome_of(make_tracked_task(status="STOPPED")))
        == "export task t1 was stopped before it was finished"
    )
    assert result
    assert "submit it again" in result.hint


def test_stopped_and_failed_tasks_are_counted_apart() -> None:
    ends = [
        outcome_of(make_tracked_task(status=status))
        for status in ("STOPPED", "FAILED", "STOPPED", "SUCCESSED")
    ]
    whole = combine_outcomes(ends)
    assert str(whole) == "4 tasks: 1 succeeded, 1 failed, 2 stopped"
    assert get_exit_code(combine_outcomes(ends[:2])) == 7


def test_unfinished_task_has_last_status_and_facts_of_the_error() -> None:
    running, paused = (
        outcome_of(make_tracked_task(status="RUNNING")),
        outcome_of(make_tracked_task(status="PAUSED")),
    )
    assert str(running) == "export task t1 is still running"
    assert str(paused) == "export task t1 is not finished: its status is PAUSED"
    assert str(outcome_of(make_tracked_task())) == "export task t1 is not finished: its status is unknown"
    result = outcome_of(make_tracked_task(DENIED, status="INIT"))
    assert result
    assert str(result) == (
        "export task t1 was queued when it was last seen; polling it failed: access is denied"
    )
    assert str(outcome_of(make_tracked_task(DOWN))).startswith(
        "export task t1 was never seen; polling it failed: "
    )
    assert {name: getattr(result, name) for name in FACTS} == FACTS


def test_fetch_error_names_the_task_that_is_not_found() -> None:
    """A refused key does not concern one task alone."""
    assert fetch_error_of(make_tracked_task()) is None
    assert fetch_error_of(make_tracked_task(DENIED)) is DENIED
    unknown = fetch_error_of(make_tracked_task(GONE))
    assert isinstance(unknown, NotFoundError)
    assert str(unknown) == "export task t1: no such task"
    assert {name: getattr(unknown, name) for name in FACTS} == FACTS


def make_outcome(code: int, name: str) -> Outcome:
    """Return an outcome with this exit code, whose message names this task."""
    kinds = (NotFoundError, AccessError, TemporaryError, RefusedError, FailedTaskError, NotFinishedError)
    by_code = {kind.exit_code: kind for kind in (*kinds, UnknownOutcomeError)}
    return by_code[code](f"task {name}", hint=f"hint {code}") if code else None


def get_expected_code(codes: set[int]) -> int:
    """Return the exit code of the table."""
    if len(codes) == 1:  # all alike
        return next(iter(codes))
    if 10 in codes:  # any unknown
        return 10
    return 8 if codes == {0, 8} else 9


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_combination_has_the_code_of_the_table(number: int) -> None:
    """In any order."""
    for codes in combinations_with_replacement([0, 3, 4, 5, 6, 7, 8, 10], number):
        for order in {codes, codes[::-1], next(iter(permutations(codes)))}:
            whole = combine_outcomes([make_outcome(code, f"n{index}") for index, code in enumerate(order)])
            assert get_exit_code(whole) == get_expected_code(set(codes)), order


@given(st.lists(st.sampled_from([0, 3, 4, 5, 6, 7, 8, 10]), max_size=12), st.booleans())
def test_any_number_of_outcomes_has_the_code_of_the_table(codes: list[int], alike: bool) -> None:  # noqa: FBT001
    whole = combine_outcomes(
        [make_outcome(code, "same" if alike else f"n{i}") for i, code in enumerate(codes)]
    )
    assert get_exit_code(whole) == (get_expected_code(set(codes)) if codes else 0)
    if whole:
        assert whole.problems == () or len(whole.problems) == sum(code != 0 for code in codes)


def test_same_error_of_all_tasks_is_returned_as_it_is() -> None:
    assert combine_outcomes([DENIED, DENIED, DENIED]) is DENIED
    assert combine_outcomes([GONE]) is GONE
    assert combine_outcomes([]) is None
    assert combine_outcomes([None, None]) is None


def test_different_outcomes_are_counted_and_listed() -> None:
    failed = [make_outcome(7, f"n{number}") for number in range(1200)]
    whole = combine_outcomes([*failed, None, make_outcome(8, "slow"), make_outcome(4, "x")])
    assert isinstance(whole, MixedOutcomesError)
    assert str(whole) == "1,203 tasks: 1 succeeded, 1,200 failed, 1 not finished, 1 not polled"
    assert whole.hint == ""
    problems = [str(problem) for problem in whole.problems]
    assert problems[:2] == ["task n0; hint 7", "task n1"]
    assert problems[-3:] == ["task n1199", "task slow; hint 8", "task x; hint 4"]
    assert len(whole.problems) == 1202


def test_shared_hint_is_kept() -> None:
    whole = combine_outcomes([make_outcome(7, "a"), None, make_outcome(7, "b")])
    assert isinstance(whole, MixedOutcomesError)
    assert whole.hint == "hint 7"
    assert str(whole) == "3 tasks: 1 succeeded, 2 failed"
    assert [str(problem) for problem in whole.problems] == ["task a", "task b"]


def test_hint_of_one_task_is_listed_with_its_error() -> None:
    """It may be wrong for the others."""
    without = FailedTaskError("task a")
    whole = combine_outcomes([without, make_outcome(7, "b")])
    assert whole
    assert whole.hint == ""
    assert [str(problem) for problem in whole.problems] == ["task a", "task b; hint 7"]


def test_failures_are_listed_first_and_each_hint_once() -> None:
    """Whatever the order of the tasks; a summary has the same order, and how long the wait took."""
    outcomes = [make_outcome(code, f"n{index}") for index, code in enumerate([8, 3, 7, 0, 7, 8])]
    outcomes += [StoppedTaskError("task s", hint="hint 7")]
    whole = combine_outcomes(outcomes, seconds=41.9)
    assert whole
    assert [str(problem) for problem in whole.problems] == [
        *("task n2; hint 7", "task n4", "task s", "task n0; hint 8", "task n5", "task n1; hint 3")
    ]
    counts = "1 succeeded, 2 failed, 1 stopped, 2 not finished, 1 not found"
    assert str(whole) == f"7 tasks: {counts} in 41s"


def test_error_with_the_message_none_is_no_success() -> None:
    assert get_exit_code(combine_outcomes([None, FailedTaskError("None")])) == 9
