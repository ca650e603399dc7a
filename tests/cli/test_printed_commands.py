"""Commands in hints: a shell can run them, and no text of a server becomes a command."""

import re

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
    assert "no command can wait for it: an ID is invalid" in outcome.err
    assert "modelarts-export wait" not in outcome.err
    assert SECRET not in outcome.err


def test_secret_in_an_option_is_replaced_by_a_name(run: Run, stub: Stub) -> None:
    """A shell would expand `***` as a pattern."""
    stub.body = make_task_reply("RUNNING").body
    secrets = {"HUAWEICLOUD_SDK_SECURITY_TOKEN": "certificates"}
    line = f"wait abc t1 --timeout 0 --ca-bundle /dev/certificates/x --endpoint {stub.url}"
    outcome = run(line, **{**stub.variables, **secrets})
    assert outcome.code in (2, 8)
    assert "certificates/" not in outcome.err
    if outcome.code == 8:
        (command,) = re.findall(r"wait for it with: (.*)\n", outcome.err)
        assert "--ca-bundle CA_BUNDLE" in command
        assert "***" not in command


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
