"""The reports of `apply`: --ci github, --dotenv and --junit together, on success, failure and a signal."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.ci.test_dotenv import read_report
from tests.cli.ci.test_github import Files, parse_annotation
from tests.cli.ci.test_junit import parse
from tests.conftest import Cloud, Run, Stub
from tests.support.interruption import interrupt

LINE = "apply a.yaml --ci github --dotenv tasks.env --junit report.xml"
SPECS = "".join(f"---\ndataset_id: sandbox-images\npath: /b/{name}/\n" for name in "abc")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, which has three specs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SPECS)
    return tmp_path


def read_cases(folder: Path) -> list[tuple[str, str, str]]:
    """Return the cases of the JUnit report."""
    return parse((folder / "report.xml").read_text(encoding="utf-8"))[1]


def test_reports_of_a_batch_agree(run: Run, quick: Cloud, folder: Path) -> None:
    files = Files(folder)
    outcome = run(f"{LINE} --wait -o id", **quick.variables, **files)
    assert outcome.code == 0, outcome.err
    assert files.outputs["task_id"] == outcome.out.strip()
    assert read_report(folder / "tasks.env")["TASK_ID"] == ",".join(outcome.out.split())
    assert files.outputs["path"] == "/b/a/\n/b/b/\n/b/c/"
    assert [outcome for _, outcome, _ in read_cases(folder)] == ["passed"] * 3
    assert [task_id for task_id in outcome.out.split() if task_id not in files.summary] == []


def test_exports_of_a_dry_run_are_not_sent_in_each_report(run: Run, folder: Path) -> None:
    """A dry run without a problem is no error of a pipeline."""
    files = Files(folder)
    assert run(f"{LINE} --dry-run", **files).code == 0
    assert read_cases(folder) == [(f"a.yaml:{line}", "skipped", "not sent") for line in (2, 5, 8)]
    assert (files.outputs, read_report(folder / "tasks.env")["EXIT_CODE"]) == ({}, "0")
    assert files.summary.count("<td><code>sandbox-images</code></td>") == 3


def test_invalid_spec_is_in_each_report_and_nothing_is_sent(run: Run, cloud: Cloud, folder: Path) -> None:
    files = Files(folder)
    (folder / "a.yaml").write_text(SPECS + "exprt_type: all\n")
    outcome = run(LINE, **cloud.variables, **files)
    assert (outcome.code, cloud.exchanges, files.outputs) == (2, [], {})
    properties, _ = parse_annotation(outcome.err.splitlines()[0])
    assert (properties["file"], properties["line"]) == (str(folder / "a.yaml"), "10")
    assert read_report(folder / "tasks.env")["EXIT_CODE"] == "2"
    [(name, outcome_tag, message)] = read_cases(folder)
    assert (name, outcome_tag) == ("a.yaml", "error")
    assert (outcome_tag, message.startswith("a.yaml:10:1: exprt_type")) == ("error", True)


def test_refused_exports_are_errors_and_annotations(run: Run, cloud: Cloud, folder: Path) -> None:
    files = Files(folder)
    (folder / "a.yaml").write_text(SPECS.replace("sandbox-images", "nope", 1))
    outcome = run(LINE, **cloud.variables, **files)
    assert outcome.code == 9
    assert [tag for _, tag, _ in read_cases(folder)] == ["error", "passed", "passed"]
    annotations = [line for line in outcome.err.splitlines() if line.startswith("::error")]
    assert parse_annotation(annotations[0])[0]["file"] == str(folder / "a.yaml")
    assert len(files.outputs["task_id"].split()) == 2
    assert "<code>nope</code>" in files.summary


def test_interrupted_batch_writes_its_reports(cloud: Cloud, folder: Path) -> None:
    """Also of exports that have no task."""
    files = Files(folder)
    variables = {**os.environ, **cloud.variables, **files}
    line = f"{LINE} -q --wait --poll-interval 60s"
    outcome = interrupt(line, variables, lambda: len(cloud.created) == 3, signal.SIGTERM)
    assert outcome.code == 143
    assert len(read_cases(folder)) == 3
    assert read_report(folder / "tasks.env")["EXIT_CODE"] == "143"
    assert len(re.findall(r"\w+", files.outputs["task_id"])) == 3


def test_unwritable_report_is_an_error_before_anything_is_sent(run: Run, stub: Stub, folder: Path) -> None:
    outcome = run("apply a.yaml --junit nowhere/report.xml", **stub.variables)
    assert (outcome.code, stub.requests) == (2, [])
    assert outcome.err == f"error: --junit: nowhere/report.xml: there is no directory {folder / 'nowhere'}\n"


@pytest.mark.parametrize(
    "line",
    [
        "apply a.yaml --junit a.yaml",
        "apply a.yaml --dotenv ./a.yaml",
        "apply . --junit report.json",
        "to-obs -f a.yaml --dotenv a.yaml",
        "to-obs --path /b/ --samples-file a.yaml --dotenv a.yaml",
        "apply a.yaml --junit a.env --dotenv ./a.env",
    ],
)
def test_report_replaces_no_input_and_no_other_report(run: Run, stub: Stub, folder: Path, line: str) -> None:
    outcome = run(line, **stub.variables)
    assert (outcome.code, stub.requests) == (2, [])
    assert re.fullmatch(r"error: --(junit|dotenv).*file.*\n", outcome.err)
    assert (folder / "a.yaml").read_text() == SPECS


def test_report_on_a_pipe_is_refused_before_anything_is_sent(stub: Stub, folder: Path) -> None:
    """The link /dev/stdout leads to a name that no file has."""
    command = [sys.executable, "-m", "modelarts_export", "apply", "a.yaml", "--junit", "/dev/stdout"]
    variables = {**os.environ, **stub.variables}
    done = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, stub.requests) == (2, [])
    assert done.stderr == "error: --junit: /dev/stdout: it is not a regular file\n"
