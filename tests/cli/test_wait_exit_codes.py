"""A wait for one task: exit code, result and hint for each outcome."""

import json
import re
import time

import pytest

from tests.conftest import DEAD_PROXY, Answer, Cloud, Outcome, Run, Stub
from tests.support.task_replies import ACCEPTED, OFTEN, create_task, make_error_reply, make_task_reply

DONE = make_task_reply("SUCCESSED", finished_sample_count=20)
RESUME = "modelarts-export wait abc t1"


def run_wait(run: Run, stub: Stub, *answers: Answer, flags: str = "") -> Outcome:
    """Wait for the task t1 with these answers, the last one repeatedly."""
    *stub.first, last = answers
    stub.status, stub.body = last.status, last.body
    return run(f"wait abc t1 {OFTEN} {flags}", **stub.variables)


def test_success_exits_with_0_and_hints_at_the_directory(run: Run, quick: Cloud) -> None:
    task_id = create_task(run, quick)
    outcome = run(f"wait sandbox-images {task_id} -o json {OFTEN}", **quick.variables)
    assert outcome.code == 0
    (shown,) = json.loads(outcome.out)
    assert (shown["task_id"], shown["status"], shown["finished_sample_count"]) == (task_id, "SUCCESSED", 20)
    assert outcome.err.endswith("\nhint: the export is in obs://b/d/\n")


@pytest.mark.parametrize("status", ["SUCCESSED", "SUCCEEDED", "SUCCESS", "COMPLETED", "succeeded"])
def test_every_status_of_success_exits_with_0(run: Run, stub: Stub, status: str) -> None:
    """SUCCESSED is documented for this call, and the others for other calls of the API."""
    assert run_wait(run, stub, make_task_reply("RUNNING"), make_task_reply(status)).code == 0
    assert len(stub.requests) == 2


def test_failure_exits_with_7_and_explains_the_error_code(run: Run, quick: Cloud) -> None:
    task_id = create_task(run, quick, "sandbox-failing")
    outcome = run(f"wait sandbox-failing {task_id} -o json {OFTEN}", **quick.variables)
    error = json.loads(outcome.err.splitlines()[-1])
    assert outcome.code == error["exit_code"] == 7
    assert json.loads(outcome.out)[0]["status"] == "FAILED"
    assert error["error"].startswith(f"export task {task_id} failed: ModelArts.4401: ")
    assert error["error_code"] == "ModelArts.4401"
    assert error["hint"] == "check permission and space in OBS; then submit it again"
    assert "obs://" not in outcome.err


def test_failed_task_is_not_polled_again(run: Run, stub: Stub) -> None:
    outcome = run_wait(
        run, stub, make_task_reply("RUNNING"), make_task_reply("FAILED", error_code="ModelArts.4358")
    )
    assert outcome.code == 7
    assert len(stub.requests) == 2
    assert "error: export task t1 failed: ModelArts.4358 (the export path is invalid)\n" in outcome.err
    assert "; then submit it again\n" in outcome.err


def test_stopped_task_exits_with_7(run: Run, stub: Stub) -> None:
    """STOPPED is final, STOPPING is not (API.md, section 1)."""
    answers = make_task_reply("RUNNING"), make_task_reply("STOPPING"), make_task_reply("STOPPED")
    outcome = run_wait(run, stub, *answers, flags="--timeout 5s -o json")
    error = json.loads(outcome.err.splitlines()[-1])
    assert outcome.code == error["exit_code"] == 7
    assert len(stub.requests) == 3
    assert error["error"] == "export task t1 was stopped before it was finished"
    assert "not documented" not in outcome.err
    assert [task["state"] for task in json.loads(outcome.out)] == ["stopped"]


def test_failure_without_an_error_code_says_so(run: Run, stub: Stub) -> None:
    """The API documents no fields of a failed task."""
    assert (
        "export task t1 failed: the API gives no reason\n"
        in run_wait(run, stub, make_task_reply("FAILED")).err
    )


@pytest.mark.parametrize(
    ("finished", "required", "message"),
    [
        (20, 21, "exported 20 samples; 21 are required"),
        (0, 1, "exported 0 samples; 1 are required"),
        (None, 1, "exported an unknown number of samples; 1 are required"),
    ],
)
def test_too_few_samples_exit_with_7(
    run: Run, stub: Stub, finished: int | None, required: int, message: str
) -> None:
    last = make_task_reply("SUCCESSED", path="/b/c/", finished_sample_count=finished)
    outcome = run_wait(run, stub, last, flags=f"--require-samples {required}")
    assert outcome.code == 7
    assert f"error: export task t1 {message}\n" in outcome.err
    assert "the export is in" not in outcome.err
    assert outcome.out


@pytest.mark.parametrize(("finished", "required"), [(20, 20), (None, 0)])
def test_enough_samples_exit_with_0(run: Run, stub: Stub, finished: int | None, required: int) -> None:
    last = make_task_reply("SUCCESSED", finished_sample_count=finished)
    assert run_wait(run, stub, last, flags=f"--require-samples {required}").code == 0


def test_export_without_samples_warns(run: Run, stub: Stub) -> None:
    outcome = run_wait(run, stub, make_task_reply("SUCCESSED", finished_sample_count=0))
    assert outcome.code == 0
    assert "warning: export task t1 exported no samples; check the request's filters" in outcome.err
    assert "no samples" not in run_wait(run, stub, DONE).err


def test_timeout_shows_state_and_command_to_resume(run: Run, quick: Cloud) -> None:
    task_id = create_task(run, quick, "sandbox-slow")
    line = f"wait sandbox-slow {task_id} --timeout 0.1s {OFTEN}"
    outcome = run(f"{line} -o json", **quick.variables)
    error = json.loads(outcome.err.splitlines()[-1])
    assert outcome.code == error["exit_code"] == 8
    assert json.loads(outcome.out)[0]["status"] in ("INIT", "RUNNING")
    assert re.fullmatch(
        r"timed out after 0.1s \(--timeout\); the task is still \w+ \([0-9]+ %\)", error["error"]
    )
    assert error["hint"].startswith(f"wait with: modelarts-export {line.partition(' --')[0]} ")


def test_timeout_of_several_tasks_is_told_once(run: Run, quick: Cloud) -> None:
    tasks = [create_task(run, quick, "sandbox-slow") for _ in range(2)]
    outcome = run(f"wait sandbox-slow {' '.join(tasks)} --timeout 0.1s {OFTEN}", **quick.variables)
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert outcome.code == 8
    assert errors[-1] == "error: timed out after 0.1s (--timeout); 2 tasks: 2 not finished"
    assert [re.sub(r"(queued|running) \(\d+ %\)", "running", each) for each in errors[:-1]] == [
        f"error: export task {task_id} is still running" for task_id in tasks
    ]


def test_reason_of_a_failure_is_told_once(run: Run, quick: Cloud) -> None:
    """By the error; a table has it for a status, and with -o wide."""
    task_id = create_task(run, quick, "sandbox-failing")
    reason = "ModelArts.4401: Export failed"
    for command, count in (
        (f"wait sandbox-failing {task_id} {OFTEN}", 1),
        (f"to-obs sandbox-failing --path /test-obs/x/ --wait {OFTEN}", 1),
        (f"status sandbox-failing {task_id}", 1),
        (f"status sandbox-failing {task_id} --exit-status", 1),
        (f"wait sandbox-failing {task_id} {OFTEN} -o wide", 2),
    ):
        outcome = run(command, **quick.variables)
        assert f"{outcome.out}{outcome.err}".count(reason) == count, command


def test_timeout_of_0_makes_one_status_check(run: Run, stub: Stub) -> None:
    assert run_wait(run, stub, make_task_reply("RUNNING"), flags="--timeout 0").code == 8
    assert len(stub.requests) == 1
    assert run_wait(run, stub, DONE, flags="--timeout 0").code == 0


def test_timeout_none_polls_until_the_task_is_finished(run: Run, stub: Stub) -> None:
    assert run_wait(run, stub, make_task_reply("RUNNING"), DONE, flags="--timeout none").code == 0


def test_poll_interval_sets_the_pauses(run: Run, stub: Stub) -> None:
    """The default pauses would take more than six seconds."""
    start_time = time.monotonic()
    assert run_wait(run, stub, *[make_task_reply("RUNNING")] * 5, DONE).code == 0
    assert len(stub.requests) == 6
    assert time.monotonic() - start_time < 3.0


def test_transient_errors_do_not_stop_the_wait(run: Run, stub: Stub) -> None:
    """A message reports each."""
    outage = [
        make_error_reply(503, "ModelArts.4302"),
        make_error_reply(500, ""),
        make_error_reply(429, "APIGW.0308"),
    ]
    outcome = run_wait(run, stub, make_task_reply("RUNNING"), *outage, DONE)
    assert outcome.code == 0
    assert "export task t1: not seen: " in outcome.err


def test_outage_beyond_max_outage_shows_the_last_state(run: Run, stub: Stub) -> None:
    outcome = run_wait(
        run, stub, make_task_reply("RUNNING"), make_error_reply(500, "x"), flags="--max-outage 0.1s"
    )
    assert outcome.code == 8
    assert "running (RUNNING)" in outcome.out
    assert f"; then wait with: {RESUME} " in outcome.err


@pytest.mark.parametrize("line", ["wait abc t1", "to-obs --path /b/d/ --wait"])
def test_outage_from_the_first_status_check_on_exits_with_8(run: Run, stub: Stub, line: str) -> None:
    """The task may exist, so the hint does not resubmit it."""
    stub.first, stub.status = [ACCEPTED] if "to-obs" in line else [], 503
    outcome = run(f"{line} {OFTEN} --max-outage 0.05s", **stub.variables)
    assert outcome.code == 8
    assert f"wait with: {RESUME} --poll-interval 0.02s --max-outage 0.05s\n" in outcome.err


def test_unreachable_server_exits_with_8_and_hints_to_wait_again(run: Run, stub: Stub) -> None:
    variables = {**stub.variables, "MODELARTS_EXPORT_ENDPOINT": DEAD_PROXY}
    outcome = run(f"wait abc t1 {OFTEN} --max-outage 0", **variables)
    assert outcome.code == 8
    assert f"hint: check the endpoint, the region and the network; then wait with: {RESUME}" in outcome.err


def test_refused_status_check_of_a_running_task_exits_with_8(run: Run, stub: Stub) -> None:
    outcome = run_wait(run, stub, make_task_reply("RUNNING"), make_error_reply(403, "ModelArts.0112"))
    assert (outcome.code, len(stub.requests)) == (8, 2)
    assert "was running when it was last seen; polling it failed: no (ModelArts.0112" in outcome.err
    assert f"wait with: {RESUME}" in outcome.err
    assert "running (RUNNING)" in outcome.out


def test_refused_status_check_of_an_accepted_task_exits_with_8(run: Run, stub: Stub) -> None:
    """A user may have the permission to export but not to show tasks."""
    stub.first, refused = [ACCEPTED], make_error_reply(403, "ModelArts.0112")
    stub.status, stub.body = refused.status, refused.body
    outcome = run(f"to-obs --path /b/d/ --wait -o json {OFTEN}", **stub.variables)
    assert outcome.code == 8
    assert json.loads(outcome.out)["status"] is None


@pytest.mark.parametrize("command", ["wait --timeout 0", "wait --max-outage 0s", "status"])
@pytest.mark.parametrize(
    ("refused", "exit_code"),
    [
        (make_error_reply(400, "ModelArts.4359"), 3),
        (make_error_reply(400, "ModelArts.4352"), 3),
        (make_error_reply(403, "ModelArts.0112"), 4),
        (make_error_reply(401, "APIGW.0301"), 4),
    ],
)
def test_refused_first_status_check_has_its_own_exit_code(
    run: Run, stub: Stub, command: str, refused: Answer, exit_code: int
) -> None:
    stub.status, stub.body = refused.status, refused.body
    outcome = run(f"{command} abc t1", **stub.variables)
    assert (outcome.code, outcome.out, len(stub.requests)) == (exit_code, "", 1)
    assert "modelarts-export wait" not in outcome.err


def test_undocumented_status_warns_once_and_is_polled(run: Run, stub: Stub) -> None:
    paused = make_task_reply("PAUSED")
    outcome = run_wait(run, stub, paused, paused, paused, DONE)
    assert outcome.code == 0
    assert outcome.err.count("PAUSED', which is not documented") == 1


def test_invalid_progress_does_not_stop_the_wait(run: Run, stub: Stub) -> None:
    """Beyond the total, decreasing, or without counts."""
    replies = [
        make_task_reply("RUNNING", progress=148),
        make_task_reply("RUNNING", progress=0, total_sample_count=20, finished_sample_count=5),
        make_task_reply("RUNNING"),
    ]
    outcome = run_wait(run, stub, *replies, make_task_reply("SUCCESSED"))
    assert outcome.code == 0
    assert "export task t1: running, 100 %\n" in outcome.err
    assert "148" not in outcome.err


@pytest.mark.parametrize("variables", [{"GITHUB_ACTIONS": "true"}, {"CI": "true", "TTY_COMPATIBLE": "1"}])
def test_ci_system_gets_plain_lines(run: Run, stub: Stub, variables: dict[str, str]) -> None:
    """Bars need a terminal, whatever the variables say."""
    stub.first, stub.body = [make_task_reply("RUNNING", progress=5)], DONE.body
    outcome = run(f"wait abc t1 {OFTEN}", **stub.variables, **variables)
    assert outcome.err.splitlines()[:2] == [
        "export task t1: running, 5 %",
        "export task t1: succeeded (20 samples)",
    ]
    assert "\x1b" not in outcome.err + outcome.out
    assert "\r" not in outcome.err


def test_heartbeat_writes_lines_off_a_terminal(run: Run, stub: Stub) -> None:
    running = make_task_reply("RUNNING")
    outcome = run_wait(run, stub, *[running] * 9, DONE, flags="--heartbeat 0.05s")
    assert "export task t1: running, 0s so far\n" in outcome.err


def test_success_without_a_path_has_no_hint(run: Run, stub: Stub) -> None:
    assert "obs:" not in run_wait(run, stub, DONE).err
