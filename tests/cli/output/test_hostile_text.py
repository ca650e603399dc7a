"""Text from outside is shown as text, and no secret leaves, in every form and on both streams."""

import json
import re
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run, Stub

# What would act on a terminal, a log or a CI system, and how it must be shown off JSON.
HOSTILE = [
    ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
    ("a\rb\nc\td", r"a\rb\nc\td"),
    ("\x7f\x00\x08", r"\x7f\x00\x08"),
    ("\x9b31m\x85", r"\x9b31m\x85"),
    ("\u202etxt.exe\u2066\u2069\u200f\u061c", r"\u202etxt.exe\u2066\u2069\u200f\u061c"),
    ("\u2028\u2029", r"\u2028\u2029"),
    ("\ud800", r"\ud800"),
    ("[bold red]markup[/bold red] :smile:", "[bold red]markup[/bold red] :smile:"),
    ("\n::error file=x::injected", r"\n::error file=x::injected"),
    ("::stop-commands::x", r"\x3a:stop-commands::x"),
    ("  ::add-mask::x", r"  \x3a:add-mask::x"),
    ("a ##[add-mask]b", r"a \x23#[add-mask]b"),
    ("###vso[task.setvariable]x", r"#\x23#vso[task.setvariable]x"),
    ("a ##teamcity[buildStop]", r"a \x23#teamcity[buildStop]"),
    ("\u3000::error::x", "\u3000\\x3a:error::x"),
]
HARMFUL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
OBEYED = re.compile(r"^\s*::|##[A-Za-z]*\[")
SECRETS = {
    "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN": 'token"with\\quotes/+==',
    "HW_SECRET_KEY": "another-secret-that-did-not-win",
    "HW_AUTH_TOKEN": "MIIsomething-long-and-secret",
}
FORMS = ["table", "json", "yaml"]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
@pytest.mark.parametrize("form", FORMS)
def test_a_task_with_hostile_text(run: Run, stub: Stub, form: str, text: str, shown: str) -> None:
    """Neither stream has a character that acts; data says the same as before."""
    task = {"task_id": "t1", "status": text, "path": text, "error_msg": text, text: text}
    stub.body = json.dumps(task).encode()
    outcome = run(f"to-obs --path /b/d/ -o {form}", **stub.variables)
    assert outcome.code == 0
    assert not HARMFUL.search(outcome.out + outcome.err)
    assert obeyed(outcome.out + outcome.err) == []
    if form == "table":
        assert f"Path     {shown}\n" in outcome.out
    else:
        parsed = (json.loads if form == "json" else yaml.safe_load)(outcome.out)
        assert parsed["path"] == parsed[text] == text


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
@pytest.mark.parametrize("form", FORMS)
def test_an_error_with_hostile_text(run: Run, stub: Stub, form: str, text: str, shown: str) -> None:
    """The API's words are quoted, not obeyed; with -o json the error stays one line."""
    stub.status, stub.body = 400, json.dumps({"error_code": text, "error_msg": text}).encode()
    stub.headers = {"X-Request-Id": "r1"}
    outcome = run(f"to-obs --path /b/d/ -o {form}", **stub.variables)
    assert outcome.code == 6
    assert not HARMFUL.search(outcome.out + outcome.err)
    assert obeyed(outcome.out + outcome.err) == []
    if form == "json":
        assert json.loads(outcome.err)["error_code"] == text
    else:
        assert is_shown(text, shown, outcome.err)


def is_shown(text: str, shown: str, written: str) -> bool:
    """Tell whether it can be read; what acts at the start of a line alone may stand as it is further on."""
    return shown in written or (text.lstrip().startswith("::") and text in written)


def obeyed(written: str) -> list[str]:
    """Return the lines that a CI system would take for commands."""
    return [line for line in written.splitlines() if OBEYED.search(line)]


def test_a_spec_with_commands_for_a_ci_system(run: Run, tmp_path: Path) -> None:
    """Its lines are quoted, its values and its name are shown; none of them begins a line of ours."""
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
            for form in FORMS:
                outcome = run(f"{line} -o {form}")
                assert obeyed(outcome.out + outcome.err) == []


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_a_task_id_with_hostile_text(run: Run, stub: Stub, text: str, shown: str) -> None:
    """It is told at once, harmlessly, and percent-encoded when it is looked at."""
    stub.body = json.dumps({"task_id": text}).encode()
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == 0
    assert is_shown(text, shown, outcome.err)
    assert all(path.isascii() and path.isprintable() for _, path, _, _ in stub.heard)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("form", [*FORMS, "id"])
@pytest.mark.parametrize("status", [200, 400, 401, 502])
def test_secrets_that_the_server_echoes(run: Run, stub: Stub, name: str, form: str, status: int) -> None:
    """As the gateway's 0301 does, which quotes the signed headers; also in -v, and in a broken page."""
    secret = SECRETS[name]
    said = f"verify aksk signature fail, canonicalRequest:GET|/|x-security-token:{secret}|"
    answer = {"task_id": "t1", "status": said, "error_code": "APIGW.0301", "error_msg": said, secret: [said]}
    stub.status = status
    page = f"<html><title>{said}</title></html>"
    stub.body = (page if status == 502 else json.dumps(answer)).encode()
    outcome = run(f"to-obs --path /b/d/ -v -o {form}", **{**SECRETS, **stub.variables})
    written = outcome.out + outcome.err
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written
    if form != "id" or status != 200:
        assert "***" in written


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_the_escapes_of_json(run: Run, stub: Stub, form: str) -> None:
    """As a gateway quotes a request in its words: the spelling is another, the secret the same."""
    secret = SECRETS["HUAWEICLOUD_SDK_SECURITY_TOKEN"]
    spelled = "".join(f"\\u{ord(c):04x}" if c in '"\\/+=' else c for c in secret)
    stub.status, stub.body = 400, json.dumps({"error_code": "x", "error_msg": f"got {spelled}"}).encode()
    outcome = run(f"to-obs --path /b/d/ -o {form}", **{**SECRETS, **stub.variables})
    assert outcome.code == 6
    assert spelled not in outcome.err
    assert "***" in outcome.err


def test_secrets_in_what_the_user_wrote(run: Run) -> None:
    """A key pasted into the wrong place is not printed back."""
    secret = SECRETS["HW_SECRET_KEY"]
    outcome = run(["to-obs", "abc", "--path", secret, f"--{secret}"], **SECRETS)
    assert outcome.code == 2
    assert secret not in outcome.err
    outcome = run(["to-obs", secret + "!", "--path", f"/b/{secret}/", "--dry-run"], **SECRETS)
    assert secret not in outcome.out + outcome.err


def test_a_dry_run_does_not_show_a_secret_in_the_body(run: Run) -> None:
    """A sample named like a key is more likely a mistake than a sample."""
    secret = SECRETS["HW_SECRET_KEY"]
    for form in ("table", "json", "yaml"):
        assert (
            secret not in run(f"to-obs abc --path /b/d/ --sample {secret} --dry-run -o {form}", **SECRETS).out
        )


def test_a_bug_is_reported_without_secrets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback goes to stderr as text, and the exit code is 1."""
    secret = SECRETS["HW_SECRET_KEY"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"\x1b[31m{secret}")

    monkeypatch.setattr("modelarts_export.cli.context.CommandContext.resolve", broken)
    outcome = run("to-obs abc --path /b/d/", **SECRETS)
    assert outcome.code == 1
    assert secret not in outcome.err
    assert r"\x1b[31m***" in outcome.err
    assert "please report it" in outcome.err
