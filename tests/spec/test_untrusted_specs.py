"""Untrusted specs: what they can read, what their errors show, and how much memory and time they take."""

import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.spec.untrusted_spec_rows import FIELDS, LISTS, NON_MAPPINGS, TWO_FIELDS

VARIABLE = "MODELARTS_EXPORT_VAR_X"
OF_FILE = "made-up-secret-of-a-file"
LEAK = "leak9 é/\\'\"leak9"  # invalid everywhere, and with characters that quoting changes
SECRETS = {
    name: f"secret-of-{name}"
    for name in (
        *("HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
        *("HW_SECRET_KEY", "HW_SECURITY_TOKEN", "HW_AUTH_TOKEN", "HW_PASSWORD"),
        *("OS_SECRET_KEY", "OS_SECURITY_TOKEN", "OS_TOKEN", "OS_PASSWORD"),
    )
}


@pytest.mark.parametrize("field", FIELDS)
def test_error_does_not_show_the_value_of_a_variable(run: Run, field: str) -> None:
    """It shows the source text."""
    for value in (LEAK, "leak9", "/b//leak9", "/leak9", "/b/leak9😀"):
        outcome = run("validate - -o json", stdin=field.replace("V", "'${X}'").encode(), **{VARIABLE: value})
        assert not outcome.code or not re.search(r"leak9|\\ud83d", outcome.err + outcome.out)
        assert value != LEAK or outcome.code == 2


@pytest.mark.parametrize("text", TWO_FIELDS)
def test_rule_between_fields_does_not_show_the_value_of_a_variable(run: Run, text: str) -> None:
    """Neither warnings nor errors show a character of it."""
    err = run("validate - -q", stdin=text.encode(), **{VARIABLE: "/leak9ж"}).err
    err += run("validate -", stdin=text.encode(), **{VARIABLE: "/leak9ж"}).err
    assert "${X}" in err
    assert not re.search("leak9|ж", err)


@pytest.mark.parametrize(
    ("written", "value", "hinted"),
    [("unlabele$", "", True), ("${X}", "unlabele", False), ("${X}", "all", False)],
)
def test_suggestion_does_not_depend_on_the_value_of_a_variable(
    run: Run, written: str, value: str, *, hinted: bool
) -> None:
    """It depends on the source text only."""
    spec = f"path: /b/d/\nexport_params: {{sample_state: '{written}'}}"
    err = run("validate -", stdin=spec.encode(), **{VARIABLE: value}).err
    assert f"{written if value else repr(written)} is not a valid sample state" in err
    assert ("; did you mean 'unlabeled'?" in err) is hinted


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_not_put_into_a_request(run: Run, name: str) -> None:
    """The name of the variable does not matter; a value may end with a line feed."""
    spec = b"dataset_id: abc\npath: /b/d/\nname: ${KEY}"
    line = ["to-obs", "-f", "-", "--dry-run", "--var", f"KEY=a{SECRETS[name]}b"]
    environ = {each: f"{secret}\n" for each, secret in SECRETS.items()}
    outcome = run(line, stdin=spec, **environ, HUAWEICLOUD_SDK_AK="AK")
    assert (outcome.code, outcome.out) == (2, "")
    assert "<stdin>:3:7: ${KEY} would put a secret into the request" in outcome.err
    assert SECRETS[name] not in outcome.err


FILES = {
    ".huaweicloud/credentials": f"[basic]\nak=AK\nsk={OF_FILE}\n",
    ".hcloud/config.json": '{"authEncrypt": "false", "current": "c", "profiles": '
    f'[{{"name": "c", "accessKeyId": "AK", "secretAccessKey": "{OF_FILE}"}}]}}',
    ".config/openstack/clouds.yaml": f"clouds: {{otc: {{auth: {{username: u, password: {OF_FILE}}}}}}}",
}


@pytest.mark.parametrize("name", FILES)
def test_secret_of_a_file_is_not_put_into_a_request(run: Run, tmp_path: Path, name: str) -> None:
    """Also of one that is not in use, as a variable wins."""
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(FILES[name])
    (tmp_path / name).chmod(0o600)
    spec = b"dataset_id: abc\npath: /b/d/\nname: ${KEY}"
    line = ["to-obs", "-f", "-", "--dry-run", "--var", f"KEY=a{OF_FILE}b"]
    outcome = run(line, stdin=spec, OS_CLOUD="otc", HW_AUTH_TOKEN="made-up-token")
    assert (outcome.code, outcome.out) == (2, "")
    assert "<stdin>:3:7: ${KEY} would put a secret into the request" in outcome.err
    assert OF_FILE not in outcome.err


@pytest.mark.parametrize("value", ["pass%2Dof-proxy", "pass-of-proxy"])
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "all_proxy"])
def test_proxy_password_is_not_put_into_a_request(run: Run, name: str, value: str) -> None:
    """Neither in its form in the URL nor decoded."""
    proxy = "http://me:pass%2Dof-proxy@127.0.0.1:1"
    spec = b"dataset_id: abc\npath: /b/d/\nname: ${KEY}"
    outcome = run(["to-obs", "-f", "-", "--dry-run", "--var", f"KEY={value}"], stdin=spec, **{name: proxy})
    assert (outcome.code, outcome.out) == (2, "")
    assert "<stdin>:3:7: ${KEY} would put a secret into the request" in outcome.err
    assert "of-proxy" not in outcome.err


def test_variable_must_be_passed_by_name(run: Run) -> None:
    """Only --var and MODELARTS_EXPORT_VAR_NAME pass one."""
    spec = b"dataset_id: abc\npath: /b/${X}/"
    refused = run("to-obs -f - --dry-run", stdin=spec, X="x")
    assert "<stdin>:2:7: ${X} is not defined; pass it with --var X" in refused.err
    for line, variables in (
        ("--var X", {"X": "x"}),
        ("", {VARIABLE: "x"}),
        ("--var X=x", {VARIABLE: "y"}),
    ):
        outcome = run(f"to-obs -f - --dry-run -o json {line}", stdin=spec, **variables)
        assert json.loads(outcome.out)["body"]["path"] == "/b/x/"


@pytest.mark.parametrize("text", NON_MAPPINGS)
def test_excerpt_is_shown_only_for_a_mapping(run: Run, text: str) -> None:
    """Any other file may be one of secrets, named by mistake."""
    err = run("validate -", stdin=text.encode()).err
    assert err.startswith("error: <stdin>:")
    assert ("secret9" in err) == text.startswith(("KEY: ", "{"))


def test_hundred_problems_are_shown_and_the_others_counted(run: Run) -> None:
    """They are the first of the file."""
    text = "path: /b/d/\n" + "".join(f"k{number}: 1\n" for number in range(20_000))
    err = run("validate -", stdin=text.encode()).err.splitlines()
    assert err[0] == "error: 20,000 problems"
    assert [line for line in err if "unknown field" in line][-1] == "  <stdin>:101:1: k99: unknown field"
    assert err[-1] == "  and 19,900 more"
    error = json.loads(run("validate - -o json", stdin=text.encode()).err)
    assert (error["error"], len(error["problems"])) == ("20,000 problems", 100)


@pytest.mark.parametrize(("text", "item"), LISTS)
def test_invalid_items_of_a_long_list_are_counted(run: Run, text: str, item: str) -> None:
    """They follow more valid items than one batch has."""
    good = "{}" if item.startswith("{") or "conditions: [%s" in text else "g"
    items = ", ".join([*[good] * 2_500, *[item] * 1_234])
    error = json.loads(
        run("validate - -o json", stdin=f"path: /b/d/\n{text % items}".encode()).err.splitlines()[-1]
    )
    several = 1 if "op: XOR" in item else 0  # and what the rule about several labels finds
    assert error["error"] == f"{1_234 + several:,} problems"
    assert any(f"[{2_500}]" in problem["message"] for problem in error["problems"])
    assert len(error["problems"]) == 100


def test_hundred_warnings_are_shown_and_the_others_counted(run: Run) -> None:
    text = "".join(f"--- {{path: /b/{number}.x/}}\n" for number in range(300))
    err = run("validate -", stdin=text.encode()).err.splitlines()
    assert (len(err), err[100]) == (102, "warning: and 200 more warnings")
    assert err[-1].startswith("hint: <stdin>:1 has no dataset_id, nor have 299 more;")


def test_long_value_is_shortened(run: Run) -> None:
    """Messages also shorten keys."""
    long = 5_000 * "x"
    for text in (
        f"path: {long}",
        f"path: /b/{long}/",
        f"export_type: {long}",
        f"'{long[:900]}': 1",
        f"path: 1{5_000 * '1'}",
    ):
        err = run("validate -", stdin=f"{text}\n".encode()).err
        assert 61 * text.strip("'")[-9] not in "\n".join(line for line in err.splitlines() if "|" not in line)


@pytest.mark.parametrize("line", ["to-obs x --dry-run -f", "to-obs x --path /b/d/ --dry-run --samples-file"])
def test_pipe_without_a_writer_times_out(run: Run, tmp_path: Path, line: str) -> None:
    """The read timeout is the limit."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    outcome = run(f"{line} {pipe} --read-timeout 0.2s")
    assert outcome.code == 2
    assert f"{pipe}: timed out after 0.2s" in outcome.err


def test_pipe_is_read_to_its_end(run: Run, tmp_path: Path) -> None:
    """Piece by piece, as a shell's <(...) gives it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("w") as file:
            for piece in ("path: /b/", "d/\n"):
                file.write(piece)
                file.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    outcome = run(f"to-obs x --dry-run -o json -f {pipe} --read-timeout 20s")
    writer.join()
    assert json.loads(outcome.out)["body"]["path"] == "/b/d/"


def test_body_of_12_mib_is_sent_and_a_larger_one_is_not(run: Run, tmp_path: Path) -> None:
    """One byte more is too large."""
    empty = len(
        '{"path":"/b/d/","export_type":3,"export_params":{"sample_state":"","export_dest":"DIR","samples":["",""]}}'
    )
    room = 12 * 2**20 - empty
    for extra, code in ((0, 0), (1, 2)):
        samples = [room // 2 * "a", (room - room // 2 + extra) * "b"]
        (tmp_path / "spec.yaml").write_text(f"path: /b/d/\nexport_params: {{samples: {json.dumps(samples)}}}")
        outcome = run(f"to-obs x --dry-run -o json -f {tmp_path / 'spec.yaml'}")
        assert outcome.code == code
        assert code or len(json.dumps(json.loads(outcome.out)["body"], separators=(",", ":"))) == 12 * 2**20
        assert not code or f"would have {12 * 2**20 + 1:,} bytes" in outcome.err


def test_body_with_aliases_is_measured_exactly(run: Run) -> None:
    """It is refused without building it."""
    text = f"path: /b/d/\nexport_params: {{samples: [&x {2**20 * '数'}{20 * ', *x'}]}}"
    size = len(
        '{"path":"/b/d/","export_type":3,"export_params":{"sample_state":"","export_dest":"DIR","samples":[]}}'
    )
    size += 21 * (6 * 2**20 + 2) + 20
    assert f"would have {size:,} bytes" in run("validate -", stdin=text.encode()).err
