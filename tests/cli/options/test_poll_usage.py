"""Invalid command lines of wait, status, list and --wait: exit code 2, and no request."""

import json

import pytest

from modelarts_export.cli.options.flags import format_flag
from modelarts_export.config.options import option_fields
from modelarts_export.polling.options import PollOptions
from tests.conftest import Run, Stub

OBS, NEW = (
    "to-obs --path /b/d/",
    "to-new-dataset --path /b/d/ --new-dataset-name n --new-dataset-work-path /b/w/",
)
LONG = "a" * 65
BAD_LINES = [
    ("wait abc t1 --timeout soon", "--timeout: 'soon' is not a duration, such as 90s, 20m or 2h"),
    ("wait abc t1 --timeout -1", "--timeout: '-1' is not a duration"),
    ("wait abc t1 --timeout ''", "--timeout: '' is not a duration"),
    ("wait abc t1 --timeout 367d", "--timeout: '367d' is longer than a year"),
    ("wait abc t1 --poll-interval 0", "--poll-interval: must be longer than zero"),
    ("wait abc t1 --poll-interval none", "--poll-interval: 'none' is not a duration"),
    ("wait abc t1 --max-outage 5x", "--max-outage: '5x' is not a duration"),
    ("wait abc t1 --heartbeat 0s", "--heartbeat: must be longer than zero"),
    ("wait abc t1 --require-samples -1", "--require-samples: '-1' is not a whole number"),
    ("wait abc t1 --require-samples 1.5", "--require-samples: '1.5' is not a whole number"),
    (f"{OBS} --wait --timeout soon", "--timeout: 'soon' is not a duration"),
    ("wait", "error: TASK is required"),
    ("list -d a/c", "--dataset: 'a/c' is not an ID"),
    ("wait -d a/c t1", "--dataset: 'a/c' is not an ID"),
    ("wait a/c t1", "DATASET: 'a/c' is not an ID: 1 to 64 letters, digits, _, . and -, the first no . or -"),
    (f"status {LONG} t1", f"DATASET: '{LONG[:60]}…' is not an ID"),
    ("list ''", "DATASET: '' is not an ID"),
    ("wait abc t1 t/2", "TASK: 't/2' is not an ID"),
    ("status abc ..", "TASK: '..' is not an ID"),
    ("status abc ''", "TASK: '' is not an ID"),
    (f"status abc {LONG}", f"TASK: '{LONG[:60]}…' is not an ID"),
    ("list abc --status runing", "running, queued, stopping and 4 more); did you mean 'running'?"),
    ("list abc --status queued,sucessed", "--status: 'sucessed' is not a valid status"),
    ("list abc --status ''", "--status: '' is not a valid status"),
    ("list abc --status queued,", "--status: '' is not a valid status"),
    ("list abc --export-type serch", "(choose from labeled, unlabeled, all, search); did you mean 'search'?"),
    ("list abc --export-type 4", "--export-type: '4' is not a valid export type"),
    ("list abc --since yesterday", "--since: 'yesterday' is not a duration"),
    ("list abc --limit 0", "--limit: must be 1 or more"),
    ("list abc --limit -3", "--limit: '-3' is not a whole number"),
    ("list abc --limit many", "--limit: 'many' is not a whole number"),
    ("list abc t1", "unexpected argument 't1'"),
    ("wait abc t1 --exit-status", "unknown option '--exit-status'"),
    ("status abc t1 --any", "unknown option '--any'"),
    ("status abc t1 --timeout 1s", "unknown option '--timeout'"),
    *[(f"{line} --{each} 1s", f"unknown option '--{each}")
      for line in ("wait abc t1", "status abc t1", "list abc")
      for each in ("queue-timeout", "reconcile-timeout")],
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_invalid_command_line_is_refused(run: Run, stub: Stub, line: str, message: str) -> None:
    outcome = run(line, **stub.variables)
    assert (outcome.code, outcome.out, stub.requests) == (2, "", [])
    assert message in outcome.err


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("wait abc t1 --nope", "modelarts-export wait --help shows what it takes"),
        ("validate", "modelarts-export validate --help shows what it takes"),
        ("lsit abc", "modelarts-export --help shows the commands"),
        ("--nope wait", "modelarts-export --help shows the commands"),
    ],
)
def test_usage_error_hints_at_the_help_of_the_command(run: Run, line: str, hint: str) -> None:
    assert json.loads(run(f"{line} -o json").err)["hint"] == hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wait abc", "write: modelarts-export wait DATASET TASK...; modelarts-export list DATASET -o id "),
        (
            "status -d abc",
            "write: modelarts-export status --dataset ID TASK...; modelarts-export list --data",
        ),
        ("list", "no dataset"),
        ("wait", "error: 2 arguments and settings are missing\n  TASK is required; write: "),
    ],
)
def test_dataset_or_task_that_nothing_names_is_refused(run: Run, stub: Stub, line: str, message: str) -> None:
    outcome = run(line, **{**stub.variables, "MODELARTS_EXPORT_DATASET_ID": ""})
    assert (outcome.code, outcome.out, stub.requests) == (2, "", [])
    assert message in outcome.err
    assert ("TASK is required" in outcome.err) is (line != "list")
    assert "in a spec" not in outcome.err


@pytest.mark.parametrize("command", [OBS, NEW])
@pytest.mark.parametrize("setting", [each.name for each in option_fields(PollOptions)])
def test_poll_option_without_wait_is_refused(run: Run, stub: Stub, command: str, setting: str) -> None:
    for line in (f"{command} {format_flag(setting)} 1", f"{command} {format_flag(setting)} 1 --no-wait"):
        outcome = run(f"{line} -o json", **stub.variables)
        error = json.loads(outcome.err)
        assert (outcome.code, outcome.out, stub.requests) == (2, "", [])
        assert error["error"] == f"{format_flag(setting)} requires --wait"
        assert error["hint"] == f"add --wait, or omit {format_flag(setting)}"


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"", "stdin has no task IDs"),
        (b" \n\n", "stdin has no task IDs"),
        (b"t1\nt;2\n", "TASK: 't;2' is not an ID"),
        (b"[]\n", "TASK: '[]' is not an ID"),
        (b"t\xff\n", "<stdin>: not UTF-8 at byte 2"),
    ],
)
@pytest.mark.parametrize("command", ["wait", "status"])
def test_invalid_ids_on_stdin_are_refused(
    run: Run, stub: Stub, command: str, stdin: bytes, message: str
) -> None:
    outcome = run(f"{command} abc -", stdin=stdin, **stub.variables)
    assert (outcome.code, outcome.out, stub.requests) == (2, "", [])
    assert message in outcome.err


@pytest.mark.parametrize("line", ["wait abc t1", "status abc t1", "list abc"])
@pytest.mark.parametrize(
    ("missing", "code", "message"),
    [
        ("HUAWEICLOUD_SDK_SK", 4, "HUAWEICLOUD_SDK_SK"),
        ("HUAWEICLOUD_SDK_PROJECT_ID", 2, "no project ID"),
        ("MODELARTS_EXPORT_ENDPOINT", 2, "no endpoint"),
    ],
)
def test_missing_setting_is_named(  # noqa: PLR0913, PLR0917
    run: Run, stub: Stub, line: str, missing: str, code: int, message: str
) -> None:
    variables = {name: value for name, value in stub.variables.items() if name != missing}
    outcome = run(line, **variables)
    assert (outcome.code, outcome.out, stub.requests) == (code, "", [])
    assert message in outcome.err


def test_dry_run_with_wait_sends_nothing(run: Run, stub: Stub) -> None:
    outcome = run(f"{OBS} --dry-run --wait --timeout 1h -o json", **stub.variables)
    assert outcome.code == 0
    assert json.loads(outcome.out)["method"] == "POST"
    assert stub.requests == []
