"""JUnit reports of a batch: a test case for each of its exports, as GitLab, GitHub and Jenkins read them.

An export that failed is a failure. One without a task, or whose end is unknown, is an error, and one that
was not sent or was skipped is skipped.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from xml.etree import ElementTree as ET

from modelarts_export.api.task import ExportTask
from modelarts_export.batch.report import ReportRow
from modelarts_export.cli.ci.result import Clean, RunResult
from modelarts_export.errors import FailedTaskError, Problem

_SUITE = "modelarts-export"
_OUTCOMES = ("failure", "error", "skipped")
# What XML 1.0 forbids beside control characters and surrogates, which `clean` escapes.
_FORBIDDEN = re.compile("[\ufffe\uffff]")
_ATTACHMENT = "[[ATTACHMENT|"  # GitLab links to the file that follows it


def format_junit(result: RunResult, clean: Clean) -> tuple[str, Sequence[str]]:
    """Return the text of a report: its batch, or the problems because of which there is none.

    No value is left empty.
    """

    def to_text(text: str) -> str:
        escaped = _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", clean(text))
        return escaped.replace(_ATTACHMENT, "[\\x5b" + _ATTACHMENT[2:])

    cases = (
        _make_row_cases(result.batch.rows, to_text) if result.batch else _make_problem_cases(result, to_text)
    )
    suite = ET.Element("testsuite", {"name": _SUITE, **_count(cases)})
    suite.extend(cases)
    root = ET.Element("testsuites", dict(suite.attrib))
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n', ()


def _count(cases: Sequence[ET.Element]) -> dict[str, str]:
    """Return how many test cases there are with each outcome, and the seconds of all together."""
    failed, wrong, skipped = (str(sum(case.find(name) is not None for case in cases)) for name in _OUTCOMES)
    seconds = sum(float(case.get("time", 0)) for case in cases)
    return {
        "tests": str(len(cases)),
        "failures": failed,
        "errors": wrong,
        "skipped": skipped,
        "time": f"{seconds:.3f}",
    }


def _make_row_cases(rows: Iterable[ReportRow], to_text: Callable[[str], str]) -> list[ET.Element]:
    cases = []
    for row in rows:
        case = _make_case(to_text(row.title), to_text(row.file), row.line, _measure(row.task))
        if row.error:
            name = "failure" if isinstance(row.error, FailedTaskError) else "error"
            kind = f"exit code {row.error.exit_code}"
            _add_outcome(
                case, name, to_text(row.error_msg if row.task and row.error_msg else str(row.error)), kind
            )
        elif row.task is None:
            _add_outcome(case, "skipped", "not sent")
        elif row.task.skipped:
            _add_outcome(case, "skipped", to_text(f"export task {row.task.task_id} is unfinished"))
        if row.task:
            ET.SubElement(case, "system-out").text = to_text(_describe(row.task))
        cases.append(case)
    return cases


def _make_problem_cases(result: RunResult, to_text: Callable[[str], str]) -> list[ET.Element]:
    """Return a test case for each file with problems, or one for the error: none would look like success."""
    problems = result.problems or (Problem(message=result.error or "there are no exports"),)
    files: dict[str, list[Problem]] = {}
    for problem in problems:
        files.setdefault(problem.file or _SUITE, []).append(problem)
    cases = []
    for file, found in files.items():
        message = found[0].message if len(found) == 1 else f"{len(found):,} problems"
        case = _make_case(to_text(file), to_text(file), found[0].line, 0.0)
        details = "\n".join(to_text(str(problem)) for problem in found)
        _add_outcome(case, "error", to_text(message), f"exit code {result.exit_code}", details)
        cases.append(case)
    if result.omitted:
        cases[-1][0].text = f"{cases[-1][0].text}\nand {result.omitted:,} more"
    return cases


def _make_case(name: str, file: str, line: int | None, seconds: float) -> ET.Element:
    places = {"file": file} | ({"line": str(line)} if line else {})
    return ET.Element("testcase", {"classname": file, "name": name, **places, "time": f"{seconds:.3f}"})


def _add_outcome(case: ET.Element, name: str, message: str, kind: str = "", details: str = "") -> None:
    """Add an outcome; some readers show its text, which is the message without details, and others that."""
    attributes = {"message": message, **({"type": kind} if kind else {})}
    ET.SubElement(case, name, attributes).text = details or message


def _measure(task: ExportTask | None) -> float:
    """Return how long a task took, in seconds, by the server's clock; 0 where that is not known."""
    if task is None or not task.is_finished or task.created is None or task.updated is None:
        return 0.0
    return max(task.updated - task.created, 0.0)


def _describe(task: ExportTask) -> str:
    parts = [f"export task {task.task_id}", task.status, task.location, "reused" if task.reused else None]
    return ", ".join(filter(None, parts))
