"""Streams that are closed, full or interrupted; dry runs, help and errors of parsing."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.cli.output.test_output import SUBMIT, in_bash
from tests.conftest import Cloud, Run, Stub


def test_a_dry_run_shows_the_bytes_that_would_be_sent(run: Run, cloud: Cloud) -> None:
    """Letter for letter, Chinese included; nothing is sent meanwhile."""
    line = "to-obs sandbox-images --path /桶/导出/ --sample a1 --search label=猫"
    shown = run(f"{line} --dry-run", **cloud.variables).out
    assert cloud.exchanges == []
    run(line, **cloud.variables)
    assert shown.splitlines()[0].startswith(f"POST {cloud.sandbox.url}/v2/{cloud.sandbox.project_id}/")
    assert [shown.splitlines()[2].encode()] == cloud.created


def test_half_a_key_does_not_disturb_a_dry_run(run: Run) -> None:
    """It needs no credentials, so it does not judge them."""
    assert run("to-obs abc --path /b/d/ --dry-run", HW_SECRET_KEY="half-a-key").code == 0


def test_a_closed_pipe_ends_quietly() -> None:
    """`| head` is no error."""
    line = f"{sys.executable} -m modelarts_export to-obs a --path /b/d/ --dry-run; echo $? >&2"
    done = subprocess.run(["/bin/bash", "-c", f"(sleep 0.3; {line}) | true"], capture_output=True, check=True)
    assert done.stderr == b"141\n"


@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("form", ["", "-q -o id", "-q -o json"])
def test_a_result_that_cannot_be_written_does_not_lose_the_id(
    cloud: Cloud, form: str, redirection: str
) -> None:
    """The task was accepted, and must not be submitted again; its ID is in the error, however quiet."""
    command = f"{sys.executable} -m modelarts_export {SUBMIT} {form} {redirection}"
    done = in_bash(command, **cloud.variables)
    task_id = json.loads(cloud.exchanges[0][1].body)["task_id"]
    assert done.returncode == 8
    assert task_id in done.stderr
    assert "was accepted, but the result cannot be written" in done.stderr.replace('\\"', '"')


@pytest.mark.parametrize(
    ("line", "code"), [("to-obs --pth", 2), ("to-obs nope --path /b/d/", 3), (SUBMIT, 0)]
)
def test_a_full_stderr_does_not_change_the_exit_code(cloud: Cloud, line: str, code: int) -> None:
    """Talk that cannot be written is talk that nobody reads."""
    command = f"{sys.executable} -m modelarts_export {line} 2> /dev/full"
    assert in_bash(command, **cloud.variables).returncode == code


def test_a_closed_stderr_does_not_hide_the_result(cloud: Cloud) -> None:
    """The task was accepted; whether anybody listens to talk does not matter."""
    command = f"exec 2>&-; {sys.executable} -m modelarts_export {SUBMIT} -o id"
    done = subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, check=True, env={**os.environ, **cloud.variables}
    )
    assert done.stdout.strip().isalnum()


def test_version_and_bare_call(run: Run) -> None:
    """The version on one line; without a command, the help."""
    assert re.fullmatch(r"modelarts-export \d+\.\d+\.\d+\n", run("--version").out)
    bare = run("")
    assert bare.code == 0
    assert "to-new-dataset" in bare.out


@pytest.mark.parametrize("command", ["to-obs", "to-new-dataset"])
def test_help_shows_every_word_of_every_enumeration(run: Run, command: str) -> None:
    """Whole, so that they can be searched for and copied."""
    words = (
        "unlabeled search tree flat VOC COCO image-classification named-entity-recognition obs:// CarbonData"
    )
    states = "pending-acceptance sampled-unchecked sampled-accepted auto-annotated"
    shown = run(f"{command} --help").out
    assert [word for word in f"{words} {states}".split() if word not in shown] == []


def test_completion_knows_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real bash, the word that was begun is completed."""
    monkeypatch.setenv("_MODELARTS_EXPORT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "modelarts-export to-obs --sample-state sampled-a")
    monkeypatch.setenv("COMP_CWORD", "3")
    command = [sys.executable, "-m", "modelarts_export"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["sampled-accepted"]


@pytest.mark.parametrize(
    "asked", ["-o json", "-ojson", "-qo json", "-o JSON", "--output=json", "--output json"]
)
def test_an_error_of_parsing_in_json(run: Run, asked: str) -> None:
    """For whoever asked for it, however that was spelled."""
    assert json.loads(run(f"to-obs --nope {asked}").err)["exit_code"] == 2


def test_a_progress_that_no_float_can_hold(run: Run, stub: Stub) -> None:
    """It is shown as it is."""
    stub.body = b'{"task_id":"t1","status":"RUNNING","progress":' + b"9" * 400 + b"}"
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == 0
    assert "9" * 400 in outcome.out


REDIRECTIONS = ["> /dev/full", ">&-"]


@pytest.mark.parametrize("redirection", REDIRECTIONS)
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--help", 5),
        ("--version", 5),
        ("to-obs --help", 5),
        ("", 5),
        ("to-obs abc --path /b/d/ --dry-run", 5),
        ("init to-obs", 5),
        ("status abc t1", 5),
        ("list abc", 5),
        ("wait abc t1 -q -o json", 8),
        ("to-obs --path /b/d/ -q -o id", 8),
    ],
)
def test_stdout_that_takes_nothing_is_one_line_and_a_known_code(
    stub: Stub, line: str, code: int, redirection: str
) -> None:
    """Never 1 and never a traceback; a task that was accepted or waited for is named."""
    stub.body = json.dumps(
        {"task_id": "t1", "status": "SUCCESSED", "export_tasks": [{"task_id": "t1"}], "total_count": 1}
    ).encode()
    done = in_bash(f"{sys.executable} -m modelarts_export {line} {redirection}", **stub.variables)
    assert done.returncode == code, done.stderr
    told = [each for each in done.stderr.splitlines() if "cannot be written" in each]
    assert len(told) == 1
    assert ("t1" in told[0]) == (code == 8)
    assert "Traceback" not in done.stderr


def test_help_on_an_unbuffered_stdout_that_is_full_exits_with_5() -> None:
    line = f"PYTHONUNBUFFERED=1 {sys.executable} -m modelarts_export --help > /dev/full"
    done = in_bash(line)
    assert (done.returncode, done.stderr.count("cannot be written")) == (5, 1)


@pytest.mark.parametrize("line", ["--help", "--version", "to-obs --help", "status abc t1", "wait abc t1"])
def test_a_closed_pipe_is_141_for_every_command(stub: Stub, line: str) -> None:
    stub.body = b'{"task_id": "t1", "status": "SUCCESSED"}'
    command = f"(sleep 0.3; {sys.executable} -m modelarts_export {line}; echo $? >&2) | true"
    done = in_bash(command, **stub.variables)
    assert done.stderr.splitlines()[-1] == "141"
    assert "Traceback" not in done.stderr
