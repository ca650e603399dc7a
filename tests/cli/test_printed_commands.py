"""Commands in hints: a shell can run them, and no text of a server becomes a command."""

from contextlib import chdir
from pathlib import Path

import pytest

from tests.conftest import Answer, Run, Stub
from tests.support.task_replies import make_task_reply

SECRET = "SK/example0123456789abcdefghijklmnopqrst"
INJECTIONS = [
    r"'\u0027; touch X; echo \u0027 " + SECRET.replace("/", r"\/"),
    "$(touch X)",
    "t1; touch X",
    "--insecure",
    "a'b",
    "..",
]


@pytest.mark.parametrize("task_id", INJECTIONS)
@pytest.mark.parametrize("line", ["to-obs --path /b/d/ --wait --timeout 0", "to-obs --path /b/d/ --wait -q"])
def test_unsafe_task_id_is_in_no_command(run: Run, stub: Stub, line: str, task_id: str) -> None:
    stub.first = [Answer(body=make_task_reply("INIT", task_id=task_id).body)]
    stub.body = make_task_reply("RUNNING", task_id=task_id).body
    outcome = run(f"{line} --timeout 0", **{**stub.variables, "HUAWEICLOUD_SDK_SK": SECRET})
    assert outcome.code == 8
    assert "no command can wait for a task with an invalid ID" in outcome.err
    assert "modelarts-export wait" not in outcome.err
    assert SECRET not in outcome.err


@pytest.mark.parametrize("name", ["certificates", "a\nb", "::error::"])
def test_option_that_is_not_printable_is_replaced_by_a_name(
    run: Run, stub: Stub, tmp_path: Path, name: str
) -> None:
    """A shell would expand `***` as a pattern, and read an escape as text."""
    (tmp_path / name).write_text("not read: the stub has no TLS")
    stub.body = make_task_reply("RUNNING").body
    environ = {**stub.variables, "HUAWEICLOUD_SDK_SECURITY_TOKEN": "certificates"}
    with chdir(tmp_path):
        outcome = run(["wait", "abc", "t1", "--timeout", "0", "--ca-bundle", name], **environ)
    assert outcome.code == 8
    assert "wait with: modelarts-export wait abc t1 --ca-bundle CA_BUNDLE\n" in outcome.err


def test_command_line_with_a_secret_is_not_repeated(run: Run, stub: Stub) -> None:
    """The hint names the flags to add to it."""
    stub.status = 500
    outcome = run("to-obs --path /b/example/", **{**stub.variables, "HW_PASSWORD": "example"})
    assert outcome.code == 10
    assert "the same command with --reuse-running --reuse-within 1h" in outcome.err


def test_id_that_contains_a_secret_is_not_redacted(run: Run, stub: Stub) -> None:
    """A task without its ID is lost; the secret is redacted elsewhere."""
    stub.first = [Answer(body=make_task_reply("INIT", task_id="abc-example-1", path="/b/example/").body)]
    stub.body = make_task_reply("RUNNING", task_id="abc-example-1", path="/b/example/").body
    for output, path in (("table", "/b/***/"), ("json", '"/b/***/"')):
        variables = {**stub.variables, "HW_PASSWORD": "example"}
        outcome = run(f"wait abc abc-example-1 --timeout 0 -o {output}", **variables)
        assert outcome.code == 8
        assert "modelarts-export wait abc abc-example-1" in outcome.err
        assert "abc-example-1" in outcome.out
        assert path in outcome.out
