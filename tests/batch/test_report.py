"""The report of a batch: rows, labels, and the outcome of all exports together."""

from dataclasses import replace

import pytest

from modelarts_export.api.task import ExportTask
from modelarts_export.batch.report import BatchReport, ReportRow
from modelarts_export.errors import (
    AccessError,
    BusyError,
    CertificateError,
    FailedTaskError,
    ModelArtsExportError,
    NotFinishedError,
    RefusedError,
    StoppedTaskError,
    TemporaryError,
    UnknownOutcomeError,
)

TASK = ExportTask(task_id="t1", dataset_id="d1", project_id="p1", raw={"status": "RUNNING", "path": "/b/c/"})
NOT_SENT = object()


def make_row(number: int, outcome: object = None) -> ReportRow:
    """Return the row of an accepted export, of one that was not sent, or of one that has this error."""
    error = outcome if isinstance(outcome, ModelArtsExportError) else None
    has_task = outcome is None or isinstance(error, FailedTaskError | NotFinishedError)
    return ReportRow(
        spec=f"a.yaml:{number}",
        name=None,
        dataset_id="d1",
        project_id="p1",
        path=f"/b/{number}/",
        task=TASK if has_task else None,
        error=error,
    )


def combine(*outcomes: object) -> ModelArtsExportError | None:
    return BatchReport(
        rows=[make_row(number, each) for number, each in enumerate(outcomes, start=1)]
    ).combine()


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([None, None], 0),
        ([None, NOT_SENT], 9),
        ([NOT_SENT, NOT_SENT], 9),
        ([RefusedError("a"), NOT_SENT], 9),
        ([RefusedError("a"), RefusedError("b")], 6),
        ([RefusedError("a"), None], 9),
        ([TemporaryError("a"), BusyError("b")], 5),
        ([NotFinishedError("a"), None], 8),
        ([NotFinishedError("a"), NOT_SENT], 9),
        ([FailedTaskError("a"), StoppedTaskError("b")], 7),
        ([UnknownOutcomeError("a"), None, RefusedError("b")], 10),
        ([UnknownOutcomeError("a"), NOT_SENT], 10),
    ],
)
def test_exit_codes_compose(outcomes: list[object], code: int) -> None:
    error = combine(*outcomes)
    assert (error.exit_code if error else 0) == code


def test_same_error_of_all_is_told_once() -> None:
    error = combine(AccessError("refused", hint="check"), AccessError("refused", hint="check"))
    assert error
    assert (str(error), error.hint, error.problems) == ("refused", "check", ())


def test_failures_come_first_and_each_hint_once() -> None:
    error = combine(
        None,
        RefusedError("no", hint="fix it"),
        FailedTaskError("it failed", hint="look"),
        RefusedError("never", hint="fix it"),
        RefusedError("no", hint="fix it"),
        NOT_SENT,
    )
    assert error
    assert str(error) == "6 exports: 1 created, 1 failed, 3 not created, 1 not sent"
    assert list(map(str, error.problems)) == [
        "a.yaml:3: it failed; look",
        "a.yaml:2, a.yaml:5: no; fix it",
        "a.yaml:4: never",
    ]
    assert [(each.file, each.line) for each in error.problems] == [
        ("a.yaml", 3),
        ("a.yaml", 2),
        ("a.yaml", 4),
    ]


def deny(request_id: str) -> AccessError:
    """Return what the server says to each of many requests."""
    source = f"ModelArts.4999, HTTP 403, request {request_id}"
    return AccessError(
        f"no permission ({source})", error_code="ModelArts.4999", http_status=403, request_id=request_id
    )


def test_same_words_of_the_server_are_one_problem() -> None:
    error = combine(*(deny(f"r{number}") for number in range(5)), None)
    assert error
    assert list(map(str, error.problems)) == [
        "a.yaml:1, a.yaml:2, a.yaml:3 and 2 more: no permission (ModelArts.4999, HTTP 403, request r0)"
    ]
    alike = combine(deny("r1"), deny("r2"))
    assert (str(alike), alike and alike.problems) == (str(deny("r1")), ())


def test_row_has_code_status_and_request_as_fields_and_not_in_the_message() -> None:
    shown = make_row(1, deny("r1")).to_dict()
    picked = [shown[name] for name in ("error_code", "http_status", "request_id", "error_msg")]
    assert picked == ["ModelArts.4999", 403, "r1", "no permission"]


def test_summary_after_a_wait() -> None:
    report = BatchReport(rows=[make_row(1), make_row(2, FailedTaskError("a"))], seconds=41.5, has_waited=True)
    assert report.summarize() == "2 tasks: 1 succeeded, 1 failed in 41s"
    reused = replace(make_row(1), task=replace(TASK, reused=True))
    report = replace(report, rows=[reused, *report.rows])
    assert report.summarize() == "3 tasks: 1 succeeded, 1 reused, 1 failed in 41s"


@pytest.mark.parametrize(
    ("error", "state", "is_told"),
    [
        (TemporaryError("a"), None, True),
        (CertificateError("a"), None, False),
        (UnknownOutcomeError("a"), None, True),
        (AccessError("a"), None, False),
        (RefusedError("a"), None, False),
        (FailedTaskError("a"), "FAILED", True),
        (FailedTaskError("too few samples"), "SUCCESSED", False),
        (NotFinishedError("a"), "RUNNING", False),
        (None, None, True),
        (None, "SUCCESSED", False),
    ],
)
def test_which_exports_may_succeed_later(
    error: ModelArtsExportError | None, state: str | None, *, is_told: bool
) -> None:
    task = ExportTask(task_id="t", dataset_id="d", project_id="p", raw={"status": state}) if state else None
    row = ReportRow(
        spec="a.yaml:1", name=None, dataset_id="d", project_id="p", path="/b/", task=task, error=error
    )
    assert row.may_succeed_later is is_told


def test_row_of_a_task_has_the_fields_of_both() -> None:
    raw = {"status": "FAILED", "path": "/b/1/", "error_code": "ModelArts.4311: no bucket", "name": "other"}
    task = ExportTask(task_id="t1", dataset_id="d1", project_id="p1", raw=raw)
    row = ReportRow(
        spec="dir/a.yaml:12",
        name="cats",
        dataset_id="d1",
        project_id="p1",
        path="/b/1/",
        task=task,
        error=FailedTaskError("export task t1 failed"),
    )
    shown = row.to_dict()
    assert list(shown)[:3] == ["name", "spec", "task_id"]
    picked = {name: shown[name] for name in ("name", "spec", "exit_code", "error_code", "error_msg", "state")}
    assert picked == {
        "name": "cats",
        "spec": "dir/a.yaml:12",
        "exit_code": 7,
        "error_code": "ModelArts.4311",
        "error_msg": "no bucket",
        "state": "failed",
    }
    assert (row.file, row.line, row.title) == ("dir/a.yaml", 12, "dir/a.yaml:12 (cats)")


def test_row_that_was_not_sent_is_null() -> None:
    shown = make_row(1, NOT_SENT).to_dict()
    assert shown.keys() >= make_row(2).to_dict().keys()
    null = ("task_id", "status", "state", "exit_code", "error_code", "error_msg")
    assert [shown[name] for name in null] == [None] * 6
    assert (shown["dataset_id"], shown["path"], shown["location"]) == ("d1", "/b/1/", "obs://b/1/")
