"""The output of commands: formats, streams, quiet, color and width."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import yaml

from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.messages import Messages
from modelarts_export.cli.output.printer import ResultPrinter
from modelarts_export.sanitize import Redactor
from tests.conftest import Cloud, Run, Stub

SUBMIT = "to-obs sandbox-images --path /test-obs/daoChu/"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run_on_terminal(line: str, *, columns: int, **variables: str) -> str:
    """Return what a command line writes to a terminal."""
    command = [sys.executable, "-m", "modelarts_export", *line.split()]
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **variables}
    with subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    assert process.returncode == 0
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_json_has_the_names_and_values_of_the_api(run: Run, cloud: Cloud) -> None:
    """An object: the usual fields, whatever else the API returned, and whether the task was reused."""
    outcome = run(f"{SUBMIT} -o json", **cloud.variables)
    task = json.loads(outcome.out)
    answer = json.loads(cloud.exchanges[1][1].body)
    assert {**task, **answer} == task
    assert task["dataset_id"] == "sandbox-images"
    assert task["project_id"] == cloud.sandbox.project_id
    assert task["status"] == "INIT"
    assert task["reused"] is False
    assert task["total_sample_count"] is None
    assert (task["state"], task["skipped"], task["location"]) == ("queued", False, "obs://test-obs/daoChu/")
    for name in ("create", "update"):
        at = datetime.fromtimestamp(task[f"{name}_time"] // 1000, UTC)
        assert task[f"{name}d_at"] == at.isoformat().replace("+00:00", "Z")


def test_yaml_equals_json(run: Run, cloud: Cloud) -> None:
    task = yaml.safe_load(run(f"{SUBMIT} -o yaml", **cloud.variables).out)
    assert task["path"] == "/test-obs/daoChu/"
    assert task["status"] == "INIT"
    assert list(task)[:4] == ["task_id", "dataset_id", "project_id", "status"]


def test_id_format_makes_one_call(run: Run, cloud: Cloud) -> None:
    """One line, and no status check."""
    outcome = run(f"{SUBMIT} -o id", **cloud.variables)
    assert [request.method for request, _ in cloud.exchanges] == ["POST"]
    assert outcome.out == json.loads(cloud.exchanges[0][1].body)["task_id"] + "\n"
    assert outcome.err == f"Created export task {outcome.out}"


def test_table_in_a_pipe_is_plain_and_whole(run: Run, stub: Stub) -> None:
    """Nothing is cut or wrapped, whatever COLUMNS is; no box and no color."""
    path = "/b/" + "long/" * 80
    stub.body = json.dumps({"task_id": "t1", "status": "RUNNING", "progress": 45.0, "path": path}).encode()
    outcome = run("to-obs --path /b/d/", COLUMNS="40", **stub.variables)
    assert f"Path      {path}\n" in outcome.out
    assert "Status    running (RUNNING)\n" in outcome.out
    assert "Progress  45 %\n" in outcome.out
    assert not ANSI.search(outcome.out + outcome.err)
    assert outcome.out.isascii()


COLOR = [
    ({}, False),
    ({"FORCE_COLOR": "1"}, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ({"FORCE_COLOR": "0"}, False),
    ({"GITHUB_ACTIONS": "true"}, False),
]


@pytest.mark.parametrize(("variables", "colored"), COLOR)
def test_pipe_has_color_only_with_force_color(
    run: Run, cloud: Cloud, variables: dict[str, str], *, colored: bool
) -> None:
    """NO_COLOR takes precedence over FORCE_COLOR."""
    outcome = run(SUBMIT, **cloud.variables, **variables)
    assert bool(ANSI.search(outcome.out)) is colored


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_facts_are_whole_on_a_terminal_of_any_width(cloud: Cloud, columns: int) -> None:
    """The terminal wraps them, so that a value is copied whole."""
    written = ANSI.sub("", run_on_terminal(SUBMIT, columns=columns, **cloud.variables))
    assert f"\nProject        {cloud.sandbox.project_id}\n" in written
    assert "\nPath           /test-obs/daoChu/\n" in written


def test_terminal_has_color(cloud: Cloud) -> None:
    """Except with NO_COLOR or TERM=dumb."""
    assert ANSI.search(run_on_terminal(SUBMIT, columns=80, **cloud.variables))
    assert not ANSI.search(run_on_terminal(SUBMIT, columns=80, NO_COLOR="1", **cloud.variables))
    assert not ANSI.search(run_on_terminal(SUBMIT, columns=80, **{**cloud.variables, "TERM": "dumb"}))


def test_quiet_prints_no_messages_and_no_table(run: Run, cloud: Cloud) -> None:
    outcome = run(f"{SUBMIT} -q", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_quiet_prints_a_requested_format(run: Run, cloud: Cloud) -> None:
    outcome = run(f"{SUBMIT} -q -o id", **cloud.variables)
    assert outcome.out.strip().isalnum()
    assert outcome.err == ""


def test_quiet_prints_errors(run: Run, cloud: Cloud) -> None:
    outcome = run("to-obs nope --path /b/d/ -q", **cloud.variables)
    assert (outcome.code, outcome.out) == (3, "")
    assert "ModelArts.4352" in outcome.err


@pytest.mark.parametrize("value", ["json", "JSON"])
def test_output_options_have_variables(run: Run, cloud: Cloud, value: str) -> None:
    """A flag takes precedence over its variable."""
    variables = {**cloud.variables, "MODELARTS_EXPORT_OUTPUT": value, "MODELARTS_EXPORT_QUIET": "true"}
    outcome = run(SUBMIT, **variables)
    assert json.loads(outcome.out)
    assert outcome.err == ""
    assert run(f"{SUBMIT} -o id", **variables).out.strip().isalnum()


def test_verbose_prints_each_call(run: Run, cloud: Cloud) -> None:
    """One line each, with the request ID and the duration."""
    outcome = run(f"{SUBMIT} -v", **cloud.variables)
    calls = re.findall(
        r"^(POST|GET) http://127\.0\.0\.1:\d+/v2/\S+ 200 \d+\.\d\ds request \w+$", outcome.err, re.MULTILINE
    )
    assert calls == ["POST", "GET"]


def test_failed_task_warns_at_the_status_check(run: Run, stub: Stub) -> None:
    """The submission succeeded all the same."""
    stub.body = b'{"task_id":"t1","status":"FAILED","error_code":"ModelArts.4401","error_msg":"no space"}'
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == 0
    assert "warning: the task has failed already: ModelArts.4401: no space" in outcome.err
    assert "failed (FAILED)" in outcome.out


def test_stopped_task_warns_at_the_status_check(run: Run, stub: Stub) -> None:
    stub.body = b'{"task_id":"t1","status":"STOPPED","error_msg":"by a user"}'
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == 0
    assert "warning: the task was stopped already: by a user\n" in outcome.err
    assert "stopped (STOPPED)" in outcome.out


def test_unsafe_id_is_not_printed_by_the_id_format(run: Run, stub: Stub) -> None:
    """A shell could read it as an option or a command; the task was accepted."""
    stub.body = b'{"task_id":"t1; rm -rf /"}'
    outcome = run("to-obs --path /b/d/ -o id", **stub.variables)
    assert (outcome.code, outcome.out) == (8, "")
    assert "t1; rm -rf /" in outcome.err
    assert "do not submit it again" in outcome.err


@pytest.mark.parametrize("task_id", ["--insecure", "-x", ".", "..", "a/b", "x" * 65, "a\nb"])
def test_unsafe_id_is_omitted_from_a_list(run: Run, stub: Stub, task_id: str) -> None:
    """The ID format has the other tasks, and JSON has all."""
    tasks = [{"task_id": each} for each in ("t1", task_id, "_t.2-x")]
    stub.body = json.dumps({"total_count": 3, "export_tasks": tasks}).encode()
    outcome = run("list abc -o id", **stub.variables)
    assert (outcome.code, outcome.out) == (6, "t1\n_t.2-x\n")
    assert "invalid and omitted" in outcome.err
    shown = json.loads(run("list abc -o json", **stub.variables).out)
    assert [task["task_id"] for task in shown] == ["t1", task_id, "_t.2-x"]


def test_insecure_warns_when_quiet(run: Run, cloud: Cloud) -> None:
    outcome = run(f"{SUBMIT} -q --insecure", **cloud.variables)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "warning: TLS certificates are not verified\n"


def print_facts(form: str, encoding: str, facts: dict[str, str]) -> str:
    """Return what stdout gets in a format and an encoding."""
    with io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace") as out:
        console = Console(out, io.StringIO(), environ={}, redactor=Redactor())
        messages = Messages(console)
        messages.options = OutputOptions(output=form)
        ResultPrinter(console, messages, lambda *_, **__: None).facts([facts], ())
        return out.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "UTF8"])
def test_result_in_any_encoding(form: str, encoding: str) -> None:
    """Characters that stdout cannot encode are escaped; JSON is ASCII where it is not UTF-8."""
    facts = {"name": "标注 é \U0001f600"}
    written = print_facts(form, encoding, facts)
    assert (json.loads(written) if form == "json" else yaml.safe_load(written)) == [facts]
    assert ("标注" in written) is encoding.lower().startswith("utf")
    assert written.isascii() or encoding != "latin-1"


def test_json_in_utf8_has_no_control_characters() -> None:
    """Neither those that act on a terminal, nor those that reorder text, nor a lone surrogate."""
    hostile = "标\x00\x1b[2J\x7f\x85\x9b\u061c\u200f\u202e\u2066\u2028\u2029\n##[cmd] \ud800"
    written = print_facts("json", "utf-8", {"name": hostile, hostile: "name"})
    assert json.loads(written) == [{"name": hostile, hostile: "name"}]
    assert set(re.sub(r"[ -~\n]", "", written)) == {"标"}
    assert "##" not in written


def test_error_as_json_is_utf8(run: Run) -> None:
    line = run("to-obs 标注 --path /b/d/ --dry-run -o json").err.splitlines()[-1]
    assert "'标注'" in json.loads(line)["error"]
    assert "标注" in line


@pytest.mark.parametrize("columns", [40, 80])
def test_dry_run_is_indented_on_a_terminal(run: Run, columns: int) -> None:
    """Elsewhere it has the bytes that are sent."""
    line = "to-obs abc --path /b/标注/ --dry-run"
    written = run_on_terminal(line, columns=columns)
    assert '\n  "path": "/b/标注/",\n' in written
    assert '\n{"path":"/b/\\u6807\\u6ce8/",' in run(line).out


def test_yaml_of_many_lines_takes_linear_time(run: Run, stub: Stub) -> None:
    """A hundred thousand line feeds."""
    stub.body = json.dumps({"task_id": "t1", "status": "FAILED", "error_msg": "\n" * 100_000}).encode()
    started = time.monotonic()
    outcome = run("to-obs --path /b/d/ -o yaml", **stub.variables)
    assert time.monotonic() - started < 15
    assert yaml.safe_load(outcome.out)["error_msg"] == "\n" * 100_000


@pytest.mark.parametrize("form", ["table", "id"])
def test_long_server_text_is_cut(run: Run, stub: Stub, form: str) -> None:
    """JSON has all ten megabytes of it."""
    stub.body = json.dumps({"task_id": "t1", "status": "FAILED", "error_msg": "no space " * 10**6}).encode()
    outcome = run(f"wait abc t1 -o {form}", **stub.variables)
    assert outcome.code == 7
    assert "no space no space" in outcome.err
    assert len(outcome.out + outcome.err) < 3000


@pytest.mark.parametrize("form", ["table", "json", "yaml", "id"])
def test_dry_run_needs_no_settings(run: Run, form: str) -> None:
    """Unknown parts of the URL are in braces."""
    outcome = run(f"to-obs abc --path /b/d/ --dry-run -o {form}")
    assert (outcome.code, outcome.err) == (0, "")
    assert "{endpoint}/v2/{project_id}/datasets/abc/export-tasks" in outcome.out
