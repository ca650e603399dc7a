"""A spec may come from somebody else: what it can read, what its errors show, and how much it can cost."""

import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.spec.untrusted_spec_rows import FIELDS, LISTS, NO_MAPPINGS, TWO_FIELDS

HANDED_OVER = "MODELARTS_EXPORT_VAR_X"
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
def test_no_error_shows_what_a_variable_holds(run: Run, field: str) -> None:
    """It shows how the value is written in the spec."""
    for value in (LEAK, "leak9", "/b//leak9", "/leak9", "/b/leak9😀"):
        outcome = run(
            "validate - -o json", stdin=field.replace("V", "'${X}'").encode(), **{HANDED_OVER: value}
        )
        assert not outcome.code or not re.search(r"leak9|\\ud83d", outcome.err + outcome.out)
        assert value != LEAK or outcome.code == 2


@pytest.mark.parametrize("text", TWO_FIELDS)
def test_no_rule_between_fields_shows_it_either(run: Run, text: str) -> None:
    """Warnings and errors about two values, too; no character of a value is shown either."""
    err = run("validate - -q -o id", stdin=text.encode(), **{HANDED_OVER: "/leak9ж"}).err
    err += run("validate - -o id", stdin=text.encode(), **{HANDED_OVER: "/leak9ж"}).err
    assert "${X}" in err
    assert not re.search("leak9|ж", err)


@pytest.mark.parametrize(
    ("written", "value", "hinted"),
    [("unlabele$", "", True), ("${X}", "unlabele", False), ("${X}", "all", False)],
)
def test_no_hint_follows_from_what_a_variable_holds(
    run: Run, written: str, value: str, *, hinted: bool
) -> None:
    """Only from what the spec itself says."""
    spec = f"path: /b/d/\nexport_params: {{sample_state: '{written}'}}"
    err = run("validate -", stdin=spec.encode(), **{HANDED_OVER: value}).err
    assert f"{written if value else repr(written)} is not one of" in err
    assert ("; did you mean unlabeled?" in err) is hinted


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_put_into_a_request(run: Run, name: str) -> None:
    """Whoever hands it over, and under whatever name; a variable may end with a line feed."""
    spec = b"dataset_id: abc\npath: /b/d/\nname: ${KEY}"
    line = ["to-obs", "-f", "-", "--dry-run", "--var", f"KEY=a{SECRETS[name]}b"]
    environ = {each: f"{secret}\n" for each, secret in SECRETS.items()}
    outcome = run(line, stdin=spec, **environ, HUAWEICLOUD_SDK_AK="AK")
    assert (outcome.code, outcome.out) == (2, "")
    assert "<stdin>:3:7: ${KEY} would put a secret into the request" in outcome.err
    assert SECRETS[name] not in outcome.err


@pytest.mark.parametrize("value", ["pass%2Dof-proxy", "pass-of-proxy"])
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "all_proxy"])
def test_a_password_of_a_proxy_is_not_put_into_a_request(run: Run, name: str, value: str) -> None:
    """Neither as it is written in the URL nor decoded."""
    proxy = "http://me:pass%2Dof-proxy@127.0.0.1:1"
    spec = b"dataset_id: abc\npath: /b/d/\nname: ${KEY}"
    outcome = run(["to-obs", "-f", "-", "--dry-run", "--var", f"KEY={value}"], stdin=spec, **{name: proxy})
    assert (outcome.code, outcome.out) == (2, "")
    assert "<stdin>:3:7: ${KEY} would put a secret into the request" in outcome.err
    assert "of-proxy" not in outcome.err


def test_a_variable_is_handed_over_by_name(run: Run) -> None:
    """By --var NAME or MODELARTS_EXPORT_VAR_NAME, and by nothing else."""
    spec = b"dataset_id: abc\npath: /b/${X}/"
    refused = run("to-obs -f - --dry-run", stdin=spec, X="x")
    assert "<stdin>:2:7: ${X} is not defined; pass it with --var X" in refused.err
    for line, variables in (
        ("--var X", {"X": "x"}),
        ("", {HANDED_OVER: "x"}),
        ("--var X=x", {HANDED_OVER: "y"}),
    ):
        outcome = run(f"to-obs -f - --dry-run -o json {line}", stdin=spec, **variables)
        assert json.loads(outcome.out)["body"]["path"] == "/b/x/"


@pytest.mark.parametrize("text", NO_MAPPINGS)
def test_a_file_that_is_no_mapping_shows_nothing_of_it(run: Run, text: str) -> None:
    """It may be a file of secrets that was named by mistake; what begins as a mapping is shown."""
    err = run("validate -", stdin=text.encode()).err
    assert err.startswith("error: <stdin>:")
    assert ("secret9" in err) == text.startswith(("KEY: ", "{"))


def test_many_problems_are_counted_and_a_hundred_shown(run: Run) -> None:
    """The first ones of the file, and how many more there are."""
    text = "path: /b/d/\n" + "".join(f"k{number}: 1\n" for number in range(20_000))
    err = run("validate -", stdin=text.encode()).err.splitlines()
    assert err[0] == "error: 20000 problems; nothing was sent"
    assert [line for line in err if "unknown field" in line][-1] == "  <stdin>:101:1: k99: unknown field"
    assert err[-1] == "  and 19,900 more"
    told = json.loads(run("validate - -o json", stdin=text.encode()).err)
    assert (told["error"], len(told["problems"])) == ("20000 problems; nothing was sent", 100)


@pytest.mark.parametrize(("text", "item"), LISTS)
def test_wrong_items_of_a_long_list_are_counted_where_they_stand(run: Run, text: str, item: str) -> None:
    """After more good ones than are checked at a time; conditions are none here."""
    good = "{}" if item.startswith("{") or "conditions: [%s" in text else "g"
    items = ", ".join([*[good] * 2_500, *[item] * 1_234])
    told = json.loads(
        run("validate - -o json", stdin=f"path: /b/d/\n{text % items}".encode()).err.splitlines()[-1]
    )
    several = 1 if "op: XOR" in item else 0  # and what the rule about several labels finds
    assert told["error"] == f"{1_234 + several} problems; nothing was sent"
    assert any(f"[{2_500}]" in problem["message"] for problem in told["problems"])
    assert len(told["problems"]) == 100


def test_warnings_are_counted_too(run: Run) -> None:
    """A hundred are shown."""
    text = "".join(f"--- {{path: /b/{number}.x/}}\n" for number in range(300))
    err = run("validate - -o id", stdin=text.encode()).err.splitlines()
    assert (len(err), err[-1]) == (101, "warning: and 200 more warnings")


def test_long_values_are_cut(run: Run) -> None:
    """Values and keys, in messages of any kind."""
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
def test_a_pipe_to_which_nobody_writes_is_not_waited_for_for_ever(
    run: Run, tmp_path: Path, line: str
) -> None:
    """The read timeout bounds it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    outcome = run(f"{line} {pipe} --read-timeout 0.2s")
    assert outcome.code == 2
    assert f"{pipe}: timed out after 0.2s" in outcome.err


def test_a_pipe_is_read_to_its_end(run: Run, tmp_path: Path) -> None:
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


def test_a_body_that_fits_exactly_is_sent_and_one_byte_more_is_not(run: Run, tmp_path: Path) -> None:
    """The limit is 12 MiB; aliases are counted as what they stand for."""
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


def test_a_body_that_aliases_make_large_is_measured_to_the_byte(run: Run) -> None:
    """It is refused without being built."""
    text = f"path: /b/d/\nexport_params: {{samples: [&x {2**20 * '数'}{20 * ', *x'}]}}"
    size = len(
        '{"path":"/b/d/","export_type":3,"export_params":{"sample_state":"","export_dest":"DIR","samples":[]}}'
    )
    size += 21 * (6 * 2**20 + 2) + 20
    assert f"would have {size:,} bytes" in run("validate -", stdin=text.encode()).err
