"""Foreign text is escaped and secrets are redacted, in every format and on both streams."""

import json
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run, Stub
from tests.support.hostile_text import HARMFUL, HOSTILE, SECRETS, find_ci_commands, is_shown

FORMATS = ["table", "json", "yaml"]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
@pytest.mark.parametrize("output", FORMATS)
def test_hostile_text_of_a_task_is_escaped(run: Run, stub: Stub, output: str, text: str, shown: str) -> None:
    """Neither stream has a control character or a command, and JSON and YAML parse to the same text."""
    task = {"task_id": "t1", "status": text, "path": text, "error_msg": text, text: text}
    stub.body = json.dumps(task).encode()
    outcome = run(f"to-obs --path /b/d/ -o {output}", **stub.variables)
    assert outcome.code == 0
    assert not HARMFUL.search(outcome.out + outcome.err)
    assert find_ci_commands(outcome.out + outcome.err) == []
    if output == "table":
        assert f"Path     {shown}\n" in outcome.out
    else:
        parsed = (json.loads if output == "json" else yaml.safe_load)(outcome.out)
        assert parsed["path"] == parsed[text] == text


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
@pytest.mark.parametrize("output", FORMATS)
def test_hostile_text_of_an_error_is_escaped(
    run: Run, stub: Stub, output: str, text: str, shown: str
) -> None:
    """The error is one line with -o json."""
    stub.status, stub.body = 400, json.dumps({"error_code": text, "error_msg": text}).encode()
    stub.headers = {"X-Request-Id": "r1"}
    outcome = run(f"to-obs --path /b/d/ -o {output}", **stub.variables)
    assert outcome.code == 6
    assert not HARMFUL.search(outcome.out + outcome.err)
    assert find_ci_commands(outcome.out + outcome.err) == []
    if output == "json":
        assert json.loads(outcome.err)["error_code"] == text
    else:
        assert is_shown(text, shown, outcome.err)


def test_ci_commands_in_a_spec_are_escaped(run: Run, tmp_path: Path) -> None:
    """No command is run from an excerpt, a value or a file name, on either stream of `validate`."""
    (tmp_path / "::error::f.yaml").write_text("path: /b/d/\n::error title=x::y: 1\n'##[add-mask]b': 2\n")
    (tmp_path / "good.yaml").write_text('path: /b/c/\nname: "a\\n::add-mask::b ##[c]"\n')
    (tmp_path / "##vso[task.f].yaml").write_text("path: /b/c/\nname: '##vso[task.x]y ##teamcity[z]'\n")
    with chdir(tmp_path):
        for line in (
            "validate ::error::f.yaml",
            "validate ::error::f.yaml none",
            "validate good.yaml",
            "validate '##vso[task.f].yaml'",
        ):
            for output in FORMATS:
                outcome = run(f"{line} -o {output}")
                assert find_ci_commands(outcome.out) == find_ci_commands(outcome.err) == []
                assert any(
                    word in outcome.out + outcome.err
                    for word in ("error", "add-mask", "vso", "good.yaml: valid")
                )


@pytest.mark.parametrize("command", ["::error::x", "##vso[task.x]y", "##teamcity[z]"])
@pytest.mark.parametrize("output", [*FORMATS, "id"])
def test_ci_commands_in_debug_output_are_escaped(run: Run, stub: Stub, output: str, command: str) -> None:
    """Headers and bodies of a server are printed to stderr, here with a line feed before the command."""
    stub.headers = {"X-Request-Id": command}
    stub.body = json.dumps({"task_id": "t1", "status": f"a\n{command}"}).encode() + b"\n" + command.encode()
    outcome = run(f"to-obs --path /b/d/ --debug -o {output}", **stub.variables)
    assert command.strip("#:")[:5] in outcome.err
    assert find_ci_commands(outcome.out) == find_ci_commands(outcome.err) == []


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_hostile_task_id_is_escaped(run: Run, stub: Stub, text: str, shown: str) -> None:
    """It is escaped in the messages, and percent-encoded in the path of a status check."""
    stub.body = json.dumps({"task_id": text}).encode()
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == 0
    assert is_shown(text, shown, outcome.err)
    assert all(path.isascii() and path.isprintable() for _, path, _, _ in stub.requests)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("output", [*FORMATS, "id"])
@pytest.mark.parametrize("status", [200, 400, 401, 502])
def test_secret_that_a_server_echoes_is_redacted(
    run: Run, stub: Stub, name: str, output: str, status: int
) -> None:
    """A server may quote the signed headers; -v and an HTML page are redacted too."""
    secret = SECRETS[name]
    message = f"verify aksk signature fail, got GET|/|x-security-token:{secret}|"
    answer = {
        "task_id": "t1",
        "status": message,
        "error_code": "APIGW.0301",
        "error_msg": message,
        secret: [message],
    }
    stub.status = status
    page = f"<html><title>{message}</title></html>"
    stub.body = (page if status == 502 else json.dumps(answer)).encode()
    outcome = run(f"to-obs --path /b/d/ -v -o {output}", **{**SECRETS, **stub.variables})
    written = outcome.out + outcome.err
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written
    if output != "id" or status != 200:
        assert "***" in written


@pytest.mark.parametrize("output", FORMATS)
def test_secret_in_json_escapes_is_redacted(run: Run, stub: Stub, output: str) -> None:
    """A gateway quotes a request inside its JSON message."""
    secret = SECRETS["HUAWEICLOUD_SDK_SECURITY_TOKEN"]
    spelled = "".join(f"\\u{ord(c):04x}" if c in '"\\/+=' else c for c in secret)
    stub.status, stub.body = 400, json.dumps({"error_code": "x", "error_msg": f"got {spelled}"}).encode()
    outcome = run(f"to-obs --path /b/d/ -o {output}", **{**SECRETS, **stub.variables})
    assert outcome.code == 6
    assert spelled not in outcome.err
    assert "***" in outcome.err


def test_secret_in_an_argument_is_redacted(run: Run) -> None:
    """A key that was pasted into the wrong option is not printed."""
    secret = SECRETS["HW_SECRET_KEY"]
    outcome = run(["to-obs", "abc", "--path", secret, f"--{secret}"], **SECRETS)
    assert outcome.code == 2
    assert secret not in outcome.err
    outcome = run(["to-obs", secret + "!", "--path", f"/b/{secret}/", "--dry-run"], **SECRETS)
    assert secret not in outcome.out + outcome.err


def test_secret_in_the_body_of_a_dry_run_is_redacted(run: Run) -> None:
    """A sample ID that equals a key is redacted too."""
    secret = SECRETS["HW_SECRET_KEY"]
    for output in ("table", "json", "yaml"):
        assert (
            secret
            not in run(f"to-obs abc --path /b/d/ --sample {secret} --dry-run -o {output}", **SECRETS).out
        )


def test_secret_in_a_traceback_is_redacted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error exits with 1 and prints its traceback to stderr."""
    secret = SECRETS["HW_SECRET_KEY"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"\x1b[31m{secret}")

    monkeypatch.setattr("modelarts_export.cli.context.CommandContext.resolve", broken)
    outcome = run("to-obs abc --path /b/d/", **SECRETS)
    assert outcome.code == 1
    assert secret not in outcome.err
    assert r"\x1b[31m***" in outcome.err
    assert "please report it" in outcome.err
