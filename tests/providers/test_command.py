"""A credential command: how it is found and run, and what it may print."""

import json
import os
import sys
import time
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import pytest

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.errors import AccessError
from modelarts_export.providers.sources.command import CommandProvider
from modelarts_export.providers.sources.expiring_key import parse_time
from tests.conftest import Cloud, Run, Stub

SECRET = "Made-up-secret-0123456789"
KEY = {"Version": 1, "AccessKeyId": "AKEXAMPLE", "SecretAccessKey": SECRET}
SLEEP = "import time; time.sleep(60)"
PRINT_KEY = f"print({json.dumps(json.dumps(KEY))})"


def make_provider(program: str, *, timeout: float = 10.0) -> CommandProvider:
    """Return a provider whose command is a Python program."""
    return CommandProvider([sys.executable, "-c", program], os.environ, timeout=timeout)


def write_profile(home: Path, program: str) -> None:
    """Write a default profile with a Python program as its command."""
    file = home / ".config" / "modelarts-export" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    profile = {"credentials": {"command": [sys.executable, "-c", program]}}
    file.write_text(json.dumps({"default": "a", "profiles": {"a": profile}}))
    file.chmod(0o600)


def test_key_is_read_with_its_end() -> None:
    found = {**KEY, "SessionToken": "made-up-token", "Expiration": "2026-11-24T12:00:00Z"}
    command = [sys.executable, "-c", f"print({json.dumps(json.dumps(found))})"]
    key = CommandProvider(command, os.environ, now=lambda: 1795521599.0).load()
    assert key == AccessKey(
        access_key="AKEXAMPLE", secret_key=SECRET, security_token="made-up-token", expires_at=1795521600.0
    )


def test_end_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert parse_time("2026-11-24T12:00:00", "it") == 1795521600.0
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize(("seconds", "runs"), [(None, 1), (300.0, 1), (7200.0, 1)])
def test_command_signs_requests_and_runs_once_until_the_expiration(
    run: Run, cloud: Cloud, tmp_path: Path, seconds: float | None, runs: int
) -> None:
    """A submission makes two requests with one key."""
    key = KEY | {"AccessKeyId": cloud.sandbox.access_key, "SecretAccessKey": cloud.sandbox.secret_key}
    if seconds is not None:
        key["Expiration"] = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
    log = tmp_path / "log"
    write_profile(tmp_path, f"open({str(log)!r}, 'a').write('x'); print({json.dumps(json.dumps(key))})")
    variables = {
        "MODELARTS_EXPORT_ENDPOINT": cloud.sandbox.url,
        "MODELARTS_EXPORT_PROJECT_ID": cloud.sandbox.project_id,
    }
    outcome = run("to-obs sandbox-images --path /b/d/ --debug", **variables)
    assert outcome.code == 0, outcome.err
    assert log.read_text() == "x" * runs
    assert cloud.sandbox.secret_key not in outcome.err + outcome.out
    assert run("to-obs sandbox-images --path /b/e/ --dry-run", **variables).code == 0
    assert log.read_text() == "x" * runs


def test_key_that_a_server_echoes_is_redacted(run: Run, stub: Stub, tmp_path: Path) -> None:
    write_profile(tmp_path, PRINT_KEY)
    stub.status = 400
    stub.body = json.dumps({"error_code": "ModelArts.4352", "error_msg": f"heard {SECRET}"}).encode()
    places = {"MODELARTS_EXPORT_ENDPOINT": stub.url, "MODELARTS_EXPORT_PROJECT_ID": "p"}
    outcome = run("list d --debug", **places)
    assert "heard ***" in outcome.err
    assert SECRET not in outcome.err


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit(3)", "failed with exit code 3"),
        ("print('junk')", "printed no JSON"),
        ("pass", "printed no JSON"),
        ("print('[1]')", 'printed no JSON object with "Version": 1'),
        ("print('[' * 60000)", "printed no JSON"),
        (f"print({json.dumps(json.dumps({**KEY, 'Version': 2}))})", '"Version": 1'),
        ("""print('{"Version": 1}')""", "AccessKeyId and SecretAccessKey missing"),
        (f"print({json.dumps(json.dumps({**KEY, 'SecretAccessKey': 5}))})", "SecretAccessKey of the"),
        (f"print({json.dumps(json.dumps({**KEY, 'Expiration': 'soon'}))})", "Expiration of the output"),
        ("print('x' * 70000)", "printed more than 64 KiB"),
        ("import sys; sys.stderr.write('x' * 70000)", "printed more than 64 KiB"),
        ("import os; os.kill(os.getpid(), 9)", "failed with exit code -9"),
    ],
)  # fmt: skip
def test_command_without_a_key_is_an_error(program: str, message: str) -> None:
    with pytest.raises(AccessError) as caught:
        make_provider(program).load()
    assert message in str(caught.value)
    assert caught.value.hint
    assert SECRET not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("program", "expected"),
    [(SLEEP, "timed out after 0.3s"), (f"import os; os.close(1); os.close(2); {SLEEP}", "timed out")],
)  # fmt: skip
def test_command_that_hangs_is_killed(program: str, expected: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AccessError, match=expected):
        make_provider(program, timeout=0.3).load()
    assert time.monotonic() - begun < 20


def test_command_has_the_variables_of_the_program() -> None:
    program = (
        f"import os; print({json.dumps(json.dumps({**KEY, 'AccessKeyId': 'AK%s'}))} % os.environ['SSO'])"
    )
    provider = CommandProvider([sys.executable, "-c", program], {**os.environ, "SSO": "-of-sso"})
    assert provider.load().access_key == "AK-of-sso"


def test_command_has_30_seconds() -> None:
    assert signature(CommandProvider).parameters["timeout"].default == 30.0


def test_command_reads_nothing_of_what_is_typed() -> None:
    """A pipe or a spec on stdin is for the program itself."""
    read, write = os.pipe()
    os.write(write, b"typed")
    os.close(write)
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        key = {**KEY, "AccessKeyId": "AK%s"}
        provider = make_provider(f"import sys; print({json.dumps(json.dumps(key))} % sys.stdin.read())")
        assert provider.load().access_key == "AK"
    finally:
        os.dup2(kept, 0)
        for descriptor in (read, kept):
            os.close(descriptor)


def test_process_that_inherits_the_output_is_not_waited_for() -> None:
    program = f"import subprocess; subprocess.Popen(['sleep', '60']); {PRINT_KEY}"
    begun = time.monotonic()
    assert make_provider(program, timeout=30.0).load().access_key == "AKEXAMPLE"
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("no session, run login first", "no session, run login first"),
        (f"leaked {SECRET} here", "leaked *** here"),
        ("password: hunter", "password: ***"),
        ("secret hunter", "secret ***"),
        ("made-up-secret", "***"),
        ("::error::x \x1b[31m", "*** ***"),
    ],
)
def test_error_output_is_shown_without_what_may_be_a_secret(written: str, shown: str) -> None:
    program = f"import sys; sys.stderr.write({written!r}); sys.exit(1)"
    with pytest.raises(AccessError) as caught:
        make_provider(program).load()
    meaning = " (*** stands for a word that may be a secret)" if "***" in shown else ""
    assert str(caught.value).endswith(f"failed with exit code 1: {shown}{meaning}")


def test_program_is_searched_on_the_path_but_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with a slash is neither a name nor an absolute path."""
    here, other = tmp_path / "here", tmp_path / "other"
    for directory, key in ((here, "AKHERE"), (other, "AKOTHER")):
        directory.mkdir()
        program = directory / "get-key"
        program.write_text(
            f"#!{sys.executable}\nprint({json.dumps(json.dumps({**KEY, 'AccessKeyId': key}))})\n"
        )
        program.chmod(0o700)
    monkeypatch.chdir(here)
    (tmp_path / "link").symlink_to(here)
    for path in (
        f":.:{here}:{other}",
        f"{tmp_path}/missing:{other}",
        f"{here}::{other}",
        f"{tmp_path}/link:{here}/../here:{other}",
    ):
        assert CommandProvider(["get-key"], {"PATH": path}).load().access_key == "AKOTHER"
    with pytest.raises(AccessError, match="was not found on PATH"):
        CommandProvider(["get-key"], {"PATH": f".:{here}"}).load()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AccessError, match="was not found on PATH"):
        CommandProvider(["get-key"], {"PATH": "here:./other"}).load()
    with pytest.raises(AccessError, match=r"is '\./get-key', which is neither an absolute path") as caught:
        CommandProvider(["./get-key"], {"PATH": str(other)}).load()
    assert "such as /usr/local/bin/get-key, or get-key where it is in" in caught.value.hint
    (other / "get-key").chmod(0o600)
    with pytest.raises(AccessError, match="cannot be run: Permission denied"):
        CommandProvider([str(other / "get-key")], {}).load()


def test_program_is_found_from_a_directory_that_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    provider = CommandProvider(["echo", json.dumps(KEY)], os.environ)
    assert provider.load().access_key == "AKEXAMPLE"


def test_argument_with_a_nul_is_an_error() -> None:
    with pytest.raises(AccessError, match="cannot be run: embedded null byte"):
        CommandProvider([sys.executable, "a\0b"], {}).load()


@pytest.mark.parametrize(("left", "is_valid"), [(-7200.0, False), (0.0, False), (1.0, True)])
def test_key_that_has_expired_is_an_error(left: float, is_valid: bool) -> None:  # noqa: FBT001 - a row
    end = 1795521600.0
    found = {**KEY, "Expiration": "2026-11-24T12:00:00Z"}
    provider = CommandProvider(["echo", json.dumps(found)], os.environ, now=lambda: end - left)
    if is_valid:
        assert provider.load().expires_at == end
        return
    with pytest.raises(AccessError, match=r"has expired: its Expiration was (2h|0s) ago") as caught:
        provider.load()
    assert SECRET not in str(caught.value) + caught.value.hint


def test_arguments_of_a_command_that_are_not_text_are_named(run: Run, tmp_path: Path) -> None:
    write_profile(tmp_path, "")
    file = tmp_path / ".config" / "modelarts-export" / "config.yaml"
    file.write_text("profiles: {a: {credentials: {command: [sleep, 100, [x]]}}}")
    outcome = run("to-obs d --path /b/d/ --dry-run")
    assert outcome.code == 2
    assert f'{file}:1:47: profiles.a.credentials.command[1]: must be text; write "100"' in outcome.err
    assert f"{file}:1:52: profiles.a.credentials.command[2]: must be text" in outcome.err


@pytest.mark.parametrize("command", ["[]", "aws", '[""]', "{a: b}"])
def test_profile_refuses_what_is_no_command(run: Run, tmp_path: Path, command: str) -> None:
    write_profile(tmp_path, "")
    file = tmp_path / ".config" / "modelarts-export" / "config.yaml"
    file.write_text(f"profiles: {{a: {{credentials: {{command: {command}}}}}}}")
    outcome = run("to-obs d --path /b/d/ --dry-run")
    assert outcome.code == 2
    assert "profiles.a.credentials: must be one of sdk, terraform, openstack, clouds: NAME" in outcome.err


def test_failing_command_exits_with_4(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    """No other source is asked, and nothing is sent."""
    write_profile(tmp_path, f"import sys; print({SECRET!r}, file=sys.stderr); sys.exit(1)")
    variables = {"MODELARTS_EXPORT_ENDPOINT": cloud.sandbox.url, "MODELARTS_EXPORT_PROJECT_ID": "p"}
    outcome = run("list sandbox-images --debug", **variables)
    assert (outcome.code, cloud.exchanges) == (4, [])
    assert "credential command python" in outcome.err
    assert SECRET not in outcome.err
