"""What the end of a wait means: each combination that the table of exit codes names."""

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
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.polling.outcome import Outcome, combine_outcomes, fetch_error_of, outcome_of
from modelarts_export.polling.poller import TrackedTask

FACTS: dict[str, Any] = {"hint": "do this", "error_code": "E.1", "http_status": 418, "request_id": "r1"}
DOWN = TemporaryError("the service is in trouble", **FACTS)
DENIED = AccessError("access is denied", **FACTS)
GONE = NotFoundError("no such task", **FACTS)
REFUSED = RefusedError("the request is refused", **FACTS)


def followed(trouble: ModelArtsExportError | None = None, **answer: Any) -> TrackedTask:  # noqa: ANN401 - as JSON
    """Return a task as it was last seen, by its answer, and what keeps it from being seen."""
    task = ExportTask(task_id="t1", dataset_id="d", project_id="p", raw=answer)
    return TrackedTask(task=task, last_error=trouble, abandoned=trouble is not None)


def code_of(end: Outcome) -> int:
    """Return the exit code."""
    return end.exit_code if end else 0


ONE: list[tuple[TrackedTask, int]] = [
    (followed(status="SUCCESSED"), 0),
    (followed(status="SUCCEEDED"), 0),
    (followed(status="COMPLETED"), 0),
    (followed(status="SUCCESSED", finished_sample_count=0), 0),
    (followed(DOWN, status="SUCCESSED"), 0),
    (followed(status="FAILED"), 7),
    (followed(DENIED, status="FAILED"), 7),
    (followed(status="STOPPED"), 7),
    (followed(status="stopped"), 7),
    (followed(status="STOPPING"), 8),
    (followed(status="INIT"), 8),
    (followed(status="RUNNING"), 8),
    (followed(status="PAUSED"), 8),
    (followed(path="/b/c/"), 8),
    (followed(), 8),
    (followed(DOWN, status="RUNNING"), 8),
    (followed(DENIED, status="RUNNING"), 8),
    (followed(GONE, status="RUNNING"), 8),
    (followed(REFUSED, status="RUNNING"), 8),
    (followed(DENIED, path="/b/c/"), 8),
    (followed(GONE, path="/b/c/"), 8),
    (followed(DOWN), 8),
    (followed(DENIED), 4),
    (followed(GONE), 3),
    (followed(REFUSED), 6),
]


@pytest.mark.parametrize(("each", "code"), ONE)
def test_the_end_of_one_task(each: TrackedTask, code: int) -> None:
    """Accepted and not seen to end is 8; 3, 4 and 6 are for a task that nobody ever saw."""
    end = outcome_of(each)
    assert code_of(end) == code
    if end:
        assert type(end).exit_code == code
        assert "t1" in str(end) or each.last_error is end


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
def test_samples_that_are_required(exported: object, required: int, enough: bool) -> None:  # noqa: FBT001
    """Fewer, or nobody knows how many, is a failure."""
    told: dict[str, Any] = {} if exported is None else {"finished_sample_count": exported}
    end = outcome_of(followed(status="SUCCESSED", **told), require_samples=required)
    assert code_of(end) == (0 if enough else 7)


def test_too_few_samples_are_told() -> None:
    few = outcome_of(followed(status="SUCCESSED", finished_sample_count=1234), require_samples=5000)
    assert str(few) == "export task t1 exported 1,234 samples; 5,000 are required"
    unknown = outcome_of(followed(status="SUCCESSED"), require_samples=1)
    assert "an unknown number of samples" in str(unknown)
    assert few
    assert few.hint


def test_samples_are_required_of_a_success_alone() -> None:
    assert code_of(outcome_of(followed(status="RUNNING"), require_samples=5)) == 8
    failed = outcome_of(followed(status="FAILED", error_msg="no space"), require_samples=5)
    assert "no space" in str(failed)


# what the API says of a failure, and what must be in the message and in the hint
FAILURES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "export task t1 failed: the API gives no reason", "submit it again"),
    ({"error_msg": "no space"}, "failed: no space", "submit it again"),
    ({"error_code": "X.1", "error_msg": "no space"}, "failed: X.1: no space", "submit it again"),
    ({"error_code": 7}, "failed: 7", "submit it again"),
    ({"error_code": "", "error_msg": ""}, "the API gives no reason", "submit it again"),
    ({"error_code": "ModelArts.4401", "error_msg": "copy"}, "failed: ModelArts.4401: copy", "submit"),
]


BUCKET = "ModelArts.4311: OBS bucket does not exist."
# error_code and error_msg as the API says them, and both as they are shown
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
def test_code_with_words_is_split(answer: tuple[str, str | None], shown: tuple[str, str | None]) -> None:
    """One field may hold both (API.md, section 4); what is no code stays as it is."""
    told = {
        name: said for name, said in zip(("error_code", "error_msg"), answer, strict=True) if said is not None
    }
    each = TrackedTask(task=ExportTask(task_id="t1", dataset_id="d", project_id="p", raw=told))
    result = each.task.to_dict()
    assert (result["error_code"], result.get("error_msg")) == shown
    assert each.task.failure == (shown[0], shown[1] or "")


def test_hint_follows_from_a_code_with_words() -> None:
    end = outcome_of(followed(status="FAILED", error_code=BUCKET))
    assert str(end) == "export task t1 failed: ModelArts.4311: OBS bucket does not exist."
    assert end
    assert (end.error_code, end.hint) == (
        "ModelArts.4311",
        "create the bucket, in the same region; then submit it again",
    )


@pytest.mark.parametrize(("answer", "said", "hint"), FAILURES)
def test_a_failure_says_why_and_what_to_do(answer: dict[str, Any], said: str, hint: str) -> None:
    end = outcome_of(followed(status="FAILED", **answer))
    assert isinstance(end, FailedTaskError)
    assert said in str(end)
    assert hint in end.hint
    assert end.error_code == (str(answer["error_code"]) if answer.get("error_code") else None)


def test_stopped_task_says_so() -> None:
    """It did not fail: nothing is wrong with the request, and somebody may have stopped it on purpose."""
    end = outcome_of(followed(status="STOPPED", error_code="ModelArts.4393"))
    assert str(end) == "export task t1 was stopped: ModelArts.4393"
    assert str(outcome_of(followed(status="STOPPED"))) == "export task t1 was stopped before it was finished"
    assert end
    assert "submit it again" in end.hint


def test_stopped_and_failed_tasks_are_counted_apart() -> None:
    ends = [outcome_of(followed(status=status)) for status in ("STOPPED", "FAILED", "STOPPED", "SUCCESSED")]
    whole = combine_outcomes(ends)
    assert str(whole) == "of 4 export tasks: 2 stopped, 1 failed"
    assert code_of(combine_outcomes(ends[:2])) == 7


def test_an_unseen_end_says_what_is_known() -> None:
    """The last status, and the facts of what kept it from being seen."""
    running, paused = outcome_of(followed(status="RUNNING")), outcome_of(followed(status="PAUSED"))
    assert str(running) == "export task t1 is not finished: its status is running"
    assert str(paused) == "export task t1 is not finished: its status is PAUSED"
    assert str(outcome_of(followed())) == "export task t1 is not finished: its status is unknown"
    end = outcome_of(followed(DENIED, status="INIT"))
    assert end
    assert str(end) == (
        "export task t1 was queued when it was last seen; polling it failed: access is denied"
    )
    assert str(outcome_of(followed(DOWN))).startswith("export task t1 was never seen; polling it failed: ")
    assert {name: getattr(end, name) for name in FACTS} == FACTS


def test_trouble_names_the_task_that_alone_is_unknown() -> None:
    """Of a refused key it is no use to say for which task it was refused."""
    assert fetch_error_of(followed()) is None
    assert fetch_error_of(followed(DENIED)) is DENIED
    unknown = fetch_error_of(followed(GONE))
    assert isinstance(unknown, NotFoundError)
    assert str(unknown) == "export task t1: no such task"
    assert {name: getattr(unknown, name) for name in FACTS} == FACTS


def end(code: int, name: str) -> Outcome:
    """Return an end with this exit code, which tells of a task of this name."""
    kinds = (NotFoundError, AccessError, TemporaryError, RefusedError, FailedTaskError, NotFinishedError)
    by_code = {kind.exit_code: kind for kind in (*kinds, UnknownOutcomeError)}
    return by_code[code](f"task {name}", hint=f"hint {code}") if code else None


def by_the_table(codes: set[int]) -> int:
    """Return what the documents say: a second reading, in their words."""
    if len(codes) == 1:  # all alike
        return next(iter(codes))
    if 10 in codes:  # any unknown
        return 10
    return 8 if codes == {0, 8} else 9


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_combination(number: int) -> None:
    """Of all exit codes that a task can have, in any order."""
    for codes in combinations_with_replacement([0, 3, 4, 5, 6, 7, 8, 10], number):
        for order in {codes, codes[::-1], next(iter(permutations(codes)))}:
            whole = combine_outcomes([end(code, f"n{index}") for index, code in enumerate(order)])
            assert code_of(whole) == by_the_table(set(codes)), order


@given(st.lists(st.sampled_from([0, 3, 4, 5, 6, 7, 8, 10]), max_size=12), st.booleans())
def test_many_have_a_code_of_the_table(codes: list[int], alike: bool) -> None:  # noqa: FBT001
    """However many there are, and whether or not they have the same words."""
    whole = combine_outcomes([end(code, "same" if alike else f"n{i}") for i, code in enumerate(codes)])
    assert code_of(whole) == (by_the_table(set(codes)) if codes else 0)
    if whole:
        assert whole.problems == () or len(whole.problems) == sum(code != 0 for code in codes)


def test_the_same_trouble_of_all_is_told_once() -> None:
    """A refused key is refused for each task; one task has its own words."""
    assert combine_outcomes([DENIED, DENIED, DENIED]) is DENIED
    assert combine_outcomes([GONE]) is GONE
    assert combine_outcomes([]) is None
    assert combine_outcomes([None, None]) is None


def test_several_ends_are_counted_and_told() -> None:
    failed = [end(7, f"n{number}") for number in range(1200)]
    whole = combine_outcomes([*failed, None, end(8, "slow"), end(4, "x")])
    assert isinstance(whole, MixedOutcomesError)
    assert str(whole) == "of 1,203 export tasks: 1,200 failed, 1 not finished, 1 not polled"
    assert whole.hint == ""
    assert [str(problem) for problem in whole.problems][-3:] == [
        "task n1199; hint 7",
        "task slow; hint 8",
        "task x; hint 4",
    ]
    assert len(whole.problems) == 1202


def test_a_hint_that_all_share_is_kept() -> None:
    whole = combine_outcomes([end(7, "a"), None, end(7, "b")])
    assert isinstance(whole, MixedOutcomesError)
    assert whole.hint == "hint 7"
    assert str(whole) == "of 3 export tasks: 2 failed"
    assert [str(problem) for problem in whole.problems] == ["task a", "task b"]


def test_a_hint_of_one_alone_is_told_beside_it() -> None:
    """It is not said of the other, for which it may be wrong."""
    without = FailedTaskError("task a")
    whole = combine_outcomes([without, end(7, "b")])
    assert whole
    assert whole.hint == ""
    assert [str(problem) for problem in whole.problems] == ["task a", "task b; hint 7"]


def test_a_success_and_an_end_with_the_words_of_none() -> None:
    """An error is never taken for a success, whatever its words are."""
    assert code_of(combine_outcomes([None, FailedTaskError("None")])) == 9
