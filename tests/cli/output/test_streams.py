"""Streams that are closed, full or interrupted; dry runs, help and errors of parsing."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.cli.output.test_output import SUBMIT
from tests.conftest import Cloud, Run, Stub
from tests.support.program import run_in_bash


def test_dry_run_shows_the_bytes_to_send(run: Run, cloud: Cloud) -> None:
    """Nothing is sent, and Chinese text is included."""
    line = "to-obs sandbox-images --path /桶/导出/ --sample a1 --search label=猫"
    shown = run(f"{line} --dry-run", **cloud.variables).out
    assert cloud.exchanges == []
    run(line, **cloud.variables)
    assert shown.splitlines()[0].startswith(f"POST {cloud.sandbox.url}/v2/{cloud.sandbox.project_id}/")
    assert [shown.splitlines()[2].encode()] == cloud.created


def test_dry_run_ignores_incomplete_credentials(run: Run) -> None:
    assert run("to-obs abc --path /b/d/ --dry-run", HW_SECRET_KEY="half-a-key").code == 0


def test_closed_pipe_prints_no_error() -> None:
    """`| head` is no error."""
    line = f"{sys.executable} -m modelarts_export to-obs a --path /b/d/ --dry-run; echo $? >&2"
    done = subprocess.run(["/bin/bash", "-c", f"(sleep 0.1; {line}) | true"], capture_output=True, check=True)
    assert done.stderr == b"141\n"


@pytest.mark.parametrize(
    ("form", "redirection"), [("", "> /dev/full"), ("", ">&-"), ("-q -o json", "> /dev/full")]
)
def test_full_stdout_names_the_accepted_task(cloud: Cloud, form: str, redirection: str) -> None:
    """Also when quiet, because the task must not be submitted again."""
    command = f"{sys.executable} -m modelarts_export {SUBMIT} {form} {redirection}"
    done = run_in_bash(command, **cloud.variables)
    task_id = json.loads(cloud.exchanges[0][1].body)["task_id"]
    assert done.returncode == 8
    assert task_id in done.stderr
    assert "was accepted, but the result cannot be written" in done.stderr.replace('\\"', '"')


@pytest.mark.parametrize(
    ("line", "code"), [("to-obs --pth", 2), ("to-obs nope --path /b/d/", 3), (SUBMIT, 0)]
)
def test_full_stderr_keeps_the_exit_code(cloud: Cloud, line: str, code: int) -> None:
    command = f"{sys.executable} -m modelarts_export {line} 2> /dev/full"
    assert run_in_bash(command, **cloud.variables).returncode == code


def test_closed_stderr_keeps_the_result(cloud: Cloud) -> None:
    command = f"exec 2>&-; {sys.executable} -m modelarts_export {SUBMIT} -o id"
    done = subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, check=True, env={**os.environ, **cloud.variables}
    )
    assert done.stdout.strip().isalnum()


def test_version_and_help_without_command(run: Run) -> None:
    """The version is one line."""
    assert re.fullmatch(r"modelarts-export \d+\.\d+\.\d+\n", run("--version").out)
    bare = run("")
    assert bare.code == 0
    assert "to-new-dataset" in bare.out


def test_completion_in_bash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MODELARTS_EXPORT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_LINE", "modelarts-export list -o js")
    command = [sys.executable, "-m", "modelarts_export"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["json"]


@pytest.mark.parametrize(
    "asked", ["-o json", "-ojson", "-qo json", "-o JSON", "--output=json", "--output json"]
)
def test_parsing_error_in_json(run: Run, asked: str) -> None:
    """For every spelling of the option."""
    assert json.loads(run(f"to-obs --nope {asked}").err)["exit_code"] == 2


def test_parsing_error_has_the_output_options_of_the_command(run: Run) -> None:
    """Also those of a CI system, and not those of a command of `sandbox`."""
    assert run("to-obs --nope --ci github").err.startswith("::error")
    assert run("sandbox --nope -- modelarts-export list -o json").err.startswith("error: unknown option")


def test_huge_progress_is_printed_unchanged(run: Run, stub: Stub) -> None:
    stub.body = b'{"task_id":"t1","status":"RUNNING","progress":' + b"9" * 400 + b"}"
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == 0
    assert "9" * 400 in outcome.out


FULL = [
    ("--help", 5),
    ("--version", 5),
    ("to-obs abc --path /b/d/ --dry-run", 5),
    ("init to-obs", 5),
    ("status abc t1", 5),
    ("list abc", 5),
    ("wait abc t1 -q -o json", 8),
    ("to-obs --path /b/d/ -q -o id", 8),
]
CLOSED = [("--help", 5), ("list abc", 5), ("to-obs --path /b/d/ -q -o id", 8)]


@pytest.mark.parametrize(
    ("line", "code", "redirection"),
    [
        *((*row, "> /dev/full") for row in FULL),
        *((*row, ">&-") for row in CLOSED),
    ],
)
def test_full_stdout_is_a_one_line_error(stub: Stub, line: str, code: int, redirection: str) -> None:
    """The exit code is documented, and an accepted task is named."""
    stub.body = json.dumps(
        {"task_id": "t1", "status": "SUCCESSED", "export_tasks": [{"task_id": "t1"}], "total_count": 1}
    ).encode()
    done = run_in_bash(f"{sys.executable} -m modelarts_export {line} {redirection}", **stub.variables)
    assert done.returncode == code, done.stderr
    errors = [each for each in done.stderr.splitlines() if "cannot be written" in each]
    assert len(errors) == 1
    assert ("t1" in errors[0]) == (code == 8)
    assert "Traceback" not in done.stderr


def test_help_on_an_unbuffered_stdout_that_is_full_exits_with_5() -> None:
    line = f"PYTHONUNBUFFERED=1 {sys.executable} -m modelarts_export --help > /dev/full"
    done = run_in_bash(line)
    assert (done.returncode, done.stderr.count("cannot be written")) == (5, 1)


@pytest.mark.parametrize("line", ["--help", "status abc t1", "wait abc t1"])
def test_closed_pipe_exits_with_141(stub: Stub, line: str) -> None:
    stub.body = b'{"task_id": "t1", "status": "SUCCESSED"}'
    command = f"(sleep 0.1; {sys.executable} -m modelarts_export {line}; echo $? >&2) | true"
    done = run_in_bash(command, **stub.variables)
    assert done.stderr.splitlines()[-1] == "141"
    assert "Traceback" not in done.stderr
