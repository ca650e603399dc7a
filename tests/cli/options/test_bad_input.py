"""Invalid flags, variables and specs: exit code 2, a message with the place of each problem, no request."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.options.bad_flag_rows import BAD_LINES, NEW, OBS, SILENT, WARNINGS, WORK, BadLine
from tests.conftest import Cloud, Outcome, Run
from tests.spec.bad_spec_rows import BAD_SPECS, BadSpec
from tests.support.users import without_root


@dataclass(frozen=True, kw_only=True)
class SilentEndpoint:
    """A listening socket that never replies, and the variables that make it the endpoint."""

    listener: socket.socket

    @property
    def variables(self) -> dict[str, str]:
        """The settings that a request needs, with keys that are not checked."""
        return {
            "HUAWEICLOUD_SDK_AK": "AKEXAMPLE0000000TEST",
            "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
            "HUAWEICLOUD_SDK_PROJECT_ID": "0123",
            "MODELARTS_EXPORT_ENDPOINT": f"http://127.0.0.1:{self.listener.getsockname()[1]}",
            "MODELARTS_EXPORT_DATASET_ID": "abc",
            "MODELARTS_EXPORT_READ_TIMEOUT": "1s",
        }

    @property
    def has_connection(self) -> bool:
        """Whether a client connected."""
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True


@pytest.fixture
def endpoint() -> Iterator[SilentEndpoint]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the socket module has no other name for it
        yield SilentEndpoint(listener=listener)


def assert_refused(outcome: Outcome, endpoint: SilentEndpoint) -> str:
    """Assert exit code 2 without output, traceback or connection, and return stderr."""
    assert outcome.code == 2, outcome
    assert not outcome.out
    assert not endpoint.has_connection
    assert "Traceback" not in outcome.err
    assert " object at 0x" not in outcome.err
    return outcome.err


def parse_problems(err: str) -> list[dict[str, Any]]:
    """Return the problems of the JSON error on the last line of stderr."""
    error = json.loads(err.splitlines()[-1])
    assert list(error) == [
        "error",
        "hint",
        "error_code",
        "http_status",
        "request_id",
        "exit_code",
        "problems",
    ]
    assert error["exit_code"] == 2
    problems: list[dict[str, Any]] = error["problems"]
    assert all(list(problem) == ["file", "line", "column", "message"] for problem in problems)
    return problems


def find_command(text: str) -> str:
    return "to-new-dataset" if "NEW_DATASET\n" in text else "to-obs"


@pytest.mark.parametrize("row", BAD_LINES, ids=lambda row: f"{row.line} {row.variables}"[:80])
def test_invalid_command_line_is_refused(run: Run, endpoint: SilentEndpoint, row: BadLine) -> None:
    variables = dict(pair.split("=", 1) for pair in row.variables.split())
    err = assert_refused(run(row.line, stdin=row.stdin, **{**endpoint.variables, **variables}), endpoint)
    assert err.startswith("error: ")
    assert all(part in err for part in row.message.split("…")), err


@pytest.mark.parametrize("row", BAD_SPECS, ids=lambda row: row.text[:80])
def test_invalid_spec_is_refused_with_its_position(
    run: Run, endpoint: SilentEndpoint, tmp_path: Path, row: BadSpec
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(row.text, newline="")
    err = assert_refused(run(f"{find_command(row.text)} -f {file} -o json", **endpoint.variables), endpoint)
    found = parse_problems(err)
    assert [(p["file"], f"{p['line']}:{p['column']}") for p in found] == [(str(file), row.place)], found
    assert row.words in found[0]["message"]


def test_problem_of_a_spec_is_printed_with_position_excerpt_and_caret(
    run: Run, endpoint: SilentEndpoint, tmp_path: Path
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("path: /b/d/\nexport_typ: 3\n")
    err = assert_refused(run(f"to-obs -f {file}", **endpoint.variables), endpoint)
    message = f"error: {file}:2:1: export_typ: unknown field; did you mean 'export_type'?"
    assert err.splitlines() == [message, "    2 | export_typ: 3", "        ^"]


MANY = """\
paht: /b/d/
export_type: serch
version_id: 0123
export_params:
  samples: [a, no]
  samples: [b]
  search_conditions:
  - {label_list: {labels: [{name: a}, {name: b}]}, sample_dir: d}
  - sample_time: 20261301-20261302
  train_sample_ratio: 2
"""


def test_all_problems_of_flags_and_spec_are_reported_together(run: Run, endpoint: SilentEndpoint) -> None:
    line = "to-obs -f - --version-format CVS --dataset-type tabel --search x=1 a/b"
    found = parse_problems(
        assert_refused(run(f"{line} -o json", stdin=MANY.encode(), **endpoint.variables), endpoint)
    )
    assert {p["message"].split(":")[0] for p in found if not p["file"]} == {
        "--version-format",
        "--dataset-type",
        "--search",
        "DATASET",
    }
    places = [(p["line"], p["column"]) for p in found if p["file"]]
    assert places == [(1, 1), (1, 1), (2, 14), (3, 13), (5, 16), (6, 3), (10, 23)]
    lines = assert_refused(run(line, stdin=MANY.encode(), **endpoint.variables), endpoint).splitlines()
    assert lines[0] == "error: 11 problems; nothing was sent"
    printed = [line for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert len(printed) == len(found) == 11


def test_conditions_of_the_spec_are_validated_without_search_flag(run: Run, endpoint: SilentEndpoint) -> None:
    found = parse_problems(
        assert_refused(run("to-obs -f - -o json", stdin=MANY.encode(), **endpoint.variables), endpoint)
    )
    places = [(p["line"], p["column"]) for p in found]
    assert places == [(1, 1), (1, 1), (2, 14), (3, 13), (5, 16), (6, 3), (8, 6), (8, 64), (9, 18), (10, 23)]


def test_value_replaced_by_a_flag_is_not_validated(run: Run, cloud: Cloud) -> None:
    line = "to-obs -f - --path /b/d/ --export-type all --sample a -o id"
    spec = b"path: b\nexport_type: serch\nexport_params: {samples: no}"
    assert run(line, stdin=spec, **cloud.variables).code == 0


def test_usage_error_is_a_json_object_with_any_form_of_output_flag(
    run: Run, endpoint: SilentEndpoint
) -> None:
    for form in ("-o json", "-ojson", "--output json", "--output=json"):
        assert (
            parse_problems(assert_refused(run(f"to-obs {form} --pth x", **endpoint.variables), endpoint))
            == []
        )
    variables = {**endpoint.variables, "MODELARTS_EXPORT_OUTPUT": "json"}
    assert parse_problems(assert_refused(run("to-ob", **variables), endpoint)) == []


@pytest.mark.parametrize("flag", ["-f", "--samples-file"])
def test_unreadable_file_is_named(run: Run, endpoint: SilentEndpoint, tmp_path: Path, flag: str) -> None:
    file = tmp_path / "secret"
    file.write_text("- path: /b/d/")
    line = f"{OBS} {flag} {file}"
    assert run(line, **endpoint.variables).code == 2  # all modules are loaded: another user may not read them
    file.chmod(0)
    with without_root():
        outcome = run(line, **endpoint.variables)
    assert f"{file}: permission denied" in assert_refused(outcome, endpoint)


@pytest.mark.parametrize("row", WARNINGS, ids=lambda row: f"{row.line} {row.stdin!r}"[:80])
def test_undocumented_value_prints_one_warning(run: Run, row: BadLine) -> None:
    outcome = run(f"{row.line} x --dry-run", stdin=row.stdin)
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("warning: ")
    assert row.message in outcome.err
    assert outcome.err.count("\n") == 1


def test_quiet_omits_warnings_but_not_errors(run: Run) -> None:
    warned, refused = (run(f"to-obs x --dry-run -q --path {path}") for path in ("/b/v1.2/", "b"))
    assert (warned.code, warned.err) == (0, "")
    assert (refused.code, refused.err.count("error: --path")) == (2, 1)


@pytest.mark.parametrize("line", SILENT)
def test_documented_request_prints_no_warning(run: Run, line: str) -> None:
    outcome = run(f"{line} x --dry-run")
    assert (outcome.code, outcome.err) == (0, "")


def test_project_that_only_a_spec_names_prints_no_warning(run: Run) -> None:
    outcome = run("to-obs x -f - --dry-run", stdin=b"path: /b/d/\nproject_id: p2\n")
    assert (outcome.code, outcome.err) == (0, "")


def run_process(
    line: list[str], variables: dict[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run the program in a subprocess."""
    return subprocess.run(
        [sys.executable, "-m", "modelarts_export", *line],
        input=stdin,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **variables},
        capture_output=True,
        check=False,
        timeout=20,
    )


DEEP = 100_000
HOSTILE = {
    "brackets": b"path: " + DEEP * b"[",
    "closed brackets": b"path: " + DEEP * b"[" + DEEP * b"]",
    "braces": DEEP * b"{a: " + DEEP * b"}",
    "dashes": DEEP * b"- ",
    "question marks": DEEP * b"? ",
    "indents": b"".join(i * b" " + b"a:\n" for i in range(1500)),
    "comments after an anchor": b"path: &a " + 40 * b"# " + b"\n  b",
    "JSON with a key too long for YAML": json.dumps({"a": 20_000 * ["b"], 1100 * "c": 1}).encode(),
    "laughs": b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (c, c, b", ".join(9 * [b"*%c" % (c - 1)])) for c in range(98, 108)),
}


def test_hostile_specs_are_refused_without_a_crash(tmp_path: Path) -> None:
    """Deep nesting and nested aliases must not exhaust the time or the stack."""
    for name, text in HOSTILE.items():
        (tmp_path / f"{name}.yaml").write_bytes(text)
    done = run_process(["validate", str(tmp_path)], {})
    assert done.returncode == 2
    errors = done.stderr.decode().splitlines()
    assert [name for name in HOSTILE if not any(f"{name}.yaml:" in each for each in errors)] == []
    assert b"Traceback" not in done.stderr


LOCALES = [
    {"LANG": "C", "LC_ALL": "C"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_chinese_names_and_paths_work_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    spec, ids = tmp_path / "导出.yaml", tmp_path / "样本.txt"
    spec.write_text("path: /桶/数据/\nname: 每晚\n", encoding="utf-8")
    ids.write_text("样本\n", encoding="utf-8")
    line = [*NEW.split(), *WORK.split(), "x", "--dry-run"]
    from_flags = run_process([*line, "--path", "/桶/数据/", "--new-dataset-name", "数据集"], locale)
    from_files = run_process(
        ["to-obs", "x", "-f", str(spec), "--samples-file", str(ids), "--dry-run"], locale
    )
    refused = run_process(["to-obs", "x", "--path", "桶", "--dry-run"], locale)
    assert (from_flags.returncode, from_files.returncode, refused.returncode) == (0, 0, 2)
    flags, files = (json.loads(done.stdout.splitlines()[-1]) for done in (from_flags, from_files))
    assert (flags["path"], flags["export_params"]["export_new_dataset_name"]) == ("/桶/数据/", "数据集")
    assert (files["path"], files["export_params"]["samples"]) == ("/桶/数据/", ["样本"])
    assert refused.stderr.startswith(b"error: --path: '")
    assert b"Traceback" not in refused.stderr
