"""JUnit reports of a batch, read as the reporters of GitLab and GitHub read them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from modelarts_export.api.task import ExportTask
from modelarts_export.batch.report import BatchReport, ReportRow
from modelarts_export.cli.ci.files import ReportFile
from modelarts_export.cli.ci.github import format_summary
from modelarts_export.cli.ci.junit import format_junit
from modelarts_export.cli.ci.report import RunReport
from modelarts_export.cli.ci.result import RunResult
from modelarts_export.errors import (
    AccessError,
    FailedTaskError,
    NotFinishedError,
    Problem,
    UnknownOutcomeError,
)
from modelarts_export.sanitize import Redactor, escape_controls
from tests.support.hostile_text import HARMFUL, HOSTILE

SECRET = "SKexample0123456789abcdefghijklmnopqrstuv"


def clean(text: str) -> str:
    """Return text as the console cleans it."""
    return escape_controls(Redactor([SECRET]).redact(text))


def make_task(task_id: str, **raw: Any) -> ExportTask:  # noqa: ANN401 - as JSON
    """Return a task that took 2.5 s, if it is finished."""
    times = {"create_time": 1_606_103_424_000, "update_time": 1_606_103_426_500}
    return ExportTask(task_id=task_id, dataset_id="d1", project_id="p1", raw={**times, **raw})


ROW = ReportRow(spec="exports/a.yaml:1", name="cats", dataset_id="d1", project_id="p1", path="/b/d/")
FAILED = FailedTaskError("export task t2 failed: disk full")
ROWS = [
    replace(ROW, task=make_task("t1", status="SUCCESSED", path="/b/1/")),
    replace(ROW, spec="exports/a.yaml:9", task=make_task("t2", status="FAILED"), error=FAILED),
    replace(ROW, spec="exports/b.yaml:1", name=None, error=AccessError("credentials rejected")),
    replace(
        ROW, spec="c.yaml:1", task=make_task("t3", status="RUNNING"), error=NotFinishedError("timed out")
    ),
    replace(ROW, spec="d.yaml:1", error=UnknownOutcomeError("no reply")),
    replace(ROW, spec="e.yaml:1", task=replace(make_task("t4", status="RUNNING"), skipped=True)),
    replace(ROW, spec="f.yaml:1"),
]


def make_result(rows: Sequence[ReportRow], **fields: Any) -> RunResult:  # noqa: ANN401 - of the result
    """Return the result of a batch with these rows."""
    return RunResult(tasks=(), exit_code=9, batch=BatchReport(rows=rows), **fields)


def parse(text: str) -> tuple[ET.Element, list[tuple[str, str, str]]]:
    """Return the suite, and of each case its name, its outcome and the text that GitLab shows."""
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.tag == "testsuites"
    [suite] = root
    found = []
    for case in suite:
        outcomes = [each for each in case if each.tag in ("failure", "error", "skipped")]
        [outcome] = outcomes or [ET.Element("passed")]
        found.append((case.attrib["name"], outcome.tag, outcome.text or ""))
    return suite, found


def test_each_export_is_a_case_with_its_outcome() -> None:
    suite, cases = parse(format_junit(make_result(ROWS), clean)[0])
    assert cases == [
        ("exports/a.yaml:1 (cats)", "passed", ""),
        ("exports/a.yaml:9 (cats)", "failure", "export task t2 failed: disk full"),
        ("exports/b.yaml:1", "error", "credentials rejected"),
        ("c.yaml:1 (cats)", "error", "timed out"),
        ("d.yaml:1 (cats)", "error", "no reply"),
        ("e.yaml:1 (cats)", "skipped", "export task t4 is unfinished"),
        ("f.yaml:1 (cats)", "skipped", "not sent"),
    ]
    expected = {"tests": "7", "failures": "1", "errors": "3", "skipped": "2", "time": "5.000"}
    assert {name: suite.get(name) for name in expected} == expected
    first, second, *_ = suite
    place = {"classname": "exports/a.yaml", "file": "exports/a.yaml", "line": "1", "time": "2.500"}
    assert {name: first.get(name) for name in place} == place
    assert first.findtext("system-out") == "export task t1, SUCCESSED, obs://b/1/"
    assert second.find("failure").get("type") == "exit code 7"  # type: ignore[union-attr]


def test_invalid_specs_are_errors_at_their_places() -> None:
    """An empty report would look like success."""
    places = {"a.yaml": (2, 7), "b.yaml": (3,)}
    problems = [
        Problem(message=f"path: wrong {line}", place=f"{file}:{line}:1", file=file, line=line, column=1)
        for file, lines in places.items()
        for line in lines
    ]
    result = RunResult(tasks=(), exit_code=2, error="3 problems", problems=problems, omitted=1)
    suite, cases = parse(format_junit(result, clean)[0])
    assert cases == [
        ("a.yaml", "error", "a.yaml:2:1: path: wrong 2\na.yaml:7:1: path: wrong 7"),
        ("b.yaml", "error", "b.yaml:3:1: path: wrong 3\nand 1 more"),
    ]
    assert [case[0].get("message") for case in suite] == ["2 problems", "path: wrong 3"]
    assert (suite[0].get("file"), suite[0].get("line")) == ("a.yaml", "2")
    result = replace(result, error="path is required", problems=(), omitted=0)
    _, cases = parse(format_junit(result, clean)[0])
    assert cases == [("modelarts-export", "error", "path is required")]


@pytest.mark.parametrize(
    "text",
    [
        *(text for text, _ in HOSTILE),
        "\ufffe\uffff\x00",
        "]]><failure/>&amp;",
        '"/><testcase name="forged"/>',
        f"key {SECRET}",
    ],
)
def test_hostile_text_keeps_the_report_well_formed(text: str) -> None:
    task = make_task(text, status=text, path=f"/{text}")
    row = replace(ROW, spec=f"{text}:1", name=text, task=task, error=FailedTaskError(text))
    written, _ = format_junit(make_result([row]), clean)
    _, cases = parse(written)
    assert [tag for _, tag, _ in cases] == ["failure"]
    assert not HARMFUL.search(written)
    assert SECRET not in written


def test_server_text_names_no_attachment() -> None:
    """GitLab links to a file that the output of a failed test names."""
    task = make_task("t1", status="[[ATTACHMENT|/etc/passwd]]")
    suite, _ = parse(format_junit(make_result([replace(ROW, task=task, error=FAILED)]), clean)[0])
    assert "[[ATTACHMENT|" not in (suite[0].findtext("system-out") or "")


def test_report_is_written_as_a_file_and_counts_as_accepted(tmp_path: Path) -> None:
    report = RunReport({}, clean)
    report.add(ReportFile(origin="--junit", name=str(tmp_path / "report.xml"), format=format_junit))
    report.record_batch(BatchReport(rows=ROWS))
    assert report.write(9) == ([], [])
    _, cases = parse((tmp_path / "report.xml").read_text(encoding="utf-8"))
    assert len(cases) == len(ROWS)
    assert str(report.make_error("x")) == "x; it is about t1, t2, t3, t4"


def test_summary_of_a_batch_has_a_row_for_each_export() -> None:
    text, _ = format_summary(make_result(ROWS, error="7 tasks: 1 created"), clean)
    assert text.count("<tr>") == 1 + len(ROWS)
    assert "<td><code>exports/a.yaml:9</code></td><td><code>cats</code></td><td><code>t2</code></td>" in text
    assert "<td><code>4</code></td><td><code>credentials rejected</code></td></tr>" in text
