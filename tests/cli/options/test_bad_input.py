"""What is refused before anything is sent: exit 2, one clear message for each problem, and where it is."""

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


@dataclass(frozen=True, kw_only=True)
class Ear:
    """An endpoint where nobody answers, and the variables that point a client at it."""

    listener: socket.socket

    @property
    def variables(self) -> dict[str, str]:
        """What is needed to send a request, with keys that nobody checks."""
        return {
            "HUAWEICLOUD_SDK_AK": "AKEXAMPLE0000000TEST",
            "HUAWEICLOUD_SDK_SK": "SKexample0123456789abcdefghijklmnopqrstuv",
            "HUAWEICLOUD_SDK_PROJECT_ID": "0123",
            "MODELARTS_EXPORT_ENDPOINT": f"http://127.0.0.1:{self.listener.getsockname()[1]}",
            "MODELARTS_EXPORT_DATASET_ID": "abc",
            "MODELARTS_EXPORT_READ_TIMEOUT": "1s",
        }

    @property
    def heard(self) -> bool:
        """Whether anybody connected."""
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Listen for one test."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the socket module has no other name for it
        yield Ear(listener=listener)


def refused(outcome: Outcome, ear: Ear) -> str:
    """Check that a command line was refused as it should be, and return what it said."""
    assert outcome.code == 2, outcome
    assert not outcome.out
    assert not ear.heard
    assert "Traceback" not in outcome.err
    assert " object at 0x" not in outcome.err
    return outcome.err


def problems_in(err: str) -> list[dict[str, Any]]:
    """Return the problems of an error with -o json, which is one object on the last line of stderr."""
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


def command_for(text: str) -> str:
    """Return the command that a spec is meant for."""
    return "to-new-dataset" if "NEW_DATASET\n" in text else "to-obs"


@pytest.mark.parametrize("row", BAD_LINES, ids=lambda row: f"{row.line} {row.variables}"[:80])
def test_a_wrong_command_line_is_refused(run: Run, ear: Ear, row: BadLine) -> None:
    """Whatever is wrong with flags, variables or files, the message names it, and nothing is sent."""
    variables = dict(pair.split("=", 1) for pair in row.variables.split())
    err = refused(run(row.line, stdin=row.stdin, **{**ear.variables, **variables}), ear)
    assert err.startswith("error: ")
    assert all(words in err for words in row.words.split("…")), err


@pytest.mark.parametrize("row", BAD_SPECS, ids=lambda row: row.text[:80])
def test_a_wrong_spec_is_refused_at_its_place(run: Run, ear: Ear, tmp_path: Path, row: BadSpec) -> None:
    """Each rule on specs gives one problem, with file, line and column."""
    file = tmp_path / "spec.yaml"
    file.write_text(row.text, newline="")
    err = refused(run(f"{command_for(row.text)} -f {file} -o json", **ear.variables), ear)
    found = problems_in(err)
    assert [(p["file"], f"{p['line']}:{p['column']}") for p in found] == [(str(file), row.place)], found
    assert row.words in found[0]["message"]


def test_for_people_a_problem_begins_with_its_place(run: Run, ear: Ear, tmp_path: Path) -> None:
    """One problem is said as compilers say it: the place, the message, and the line with a caret."""
    file = tmp_path / "spec.yaml"
    file.write_text("path: /b/d/\nexport_typ: 3\n")
    err = refused(run(f"to-obs -f {file}", **ear.variables), ear)
    said = f"error: {file}:2:1: export_typ: unknown key; did you mean export_type?"
    assert err.splitlines() == [said, "    2 | export_typ: 3", "        ^"]


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


def test_all_problems_of_flags_and_spec_are_told_in_one_go(run: Run, ear: Ear) -> None:
    """The spec from top to bottom, duplicate keys and rules between fields among them; and the flags."""
    line = "to-obs -f - --version-format CVS --dataset-type tabel --search x=1 a/b"
    found = problems_in(refused(run(f"{line} -o json", stdin=MANY.encode(), **ear.variables), ear))
    assert {p["message"].split(":")[0] for p in found if not p["file"]} == {
        "--version-format",
        "--dataset-type",
        "--search",
        "DATASET",
    }
    places = [(p["line"], p["column"]) for p in found if p["file"]]
    assert places == [(1, 1), (1, 1), (2, 14), (3, 13), (5, 16), (6, 3), (10, 23)]
    people = refused(run(line, stdin=MANY.encode(), **ear.variables), ear).splitlines()
    assert people[0] == "error: 11 problems; nothing was sent"
    told = [line for line in people if line.startswith("  ") and not line.startswith("   ")]
    assert len(told) == len(found) == 11


def test_problems_inside_conditions_are_told_in_one_go(run: Run, ear: Ear) -> None:
    """Without a --search in their place, the conditions of the spec are judged too."""
    found = problems_in(refused(run("to-obs -f - -o json", stdin=MANY.encode(), **ear.variables), ear))
    places = [(p["line"], p["column"]) for p in found]
    assert places == [(1, 1), (1, 1), (2, 14), (3, 13), (5, 16), (6, 3), (8, 18), (8, 64), (9, 18), (10, 23)]


def test_a_flag_repairs_what_is_wrong_in_the_spec(run: Run, cloud: Cloud) -> None:
    """A value of the spec that a flag replaces is not judged."""
    line = "to-obs -f - --path /b/d/ --export-type all --sample a -o id"
    spec = b"path: b\nexport_type: serch\nexport_params: {samples: no}"
    assert run(line, stdin=spec, **cloud.variables).code == 0


def test_an_error_of_parsing_is_one_json_object_too(run: Run, ear: Ear) -> None:
    """Also where no command has begun; the forms of -o are all heard."""
    for form in ("-o json", "-ojson", "--output json", "--output=json"):
        assert problems_in(refused(run(f"to-obs {form} --pth x", **ear.variables), ear)) == []
    variables = {**ear.variables, "MODELARTS_EXPORT_OUTPUT": "json"}
    assert problems_in(refused(run("to-ob", **variables), ear)) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("flag", ["-f", "--samples-file"])
def test_a_file_that_may_not_be_read_is_named(run: Run, ear: Ear, tmp_path: Path, flag: str) -> None:
    """The message says why."""
    file = tmp_path / "secret"
    file.write_text("path: /b/d/")
    file.chmod(0)
    assert f"{file}: permission denied" in refused(run(f"{OBS} {flag} {file}", **ear.variables), ear)


@pytest.mark.parametrize("row", WARNINGS, ids=lambda row: f"{row.line} {row.stdin!r}"[:80])
def test_what_the_documents_leave_open_warns_and_goes_on(run: Run, row: BadLine) -> None:
    """A warning on stderr names the flag or the place in the spec."""
    outcome = run(f"{row.line} x --dry-run", stdin=row.stdin)
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("warning: ")
    assert row.words in outcome.err
    assert outcome.err.count("\n") == 1


def test_quiet_silences_warnings_but_no_errors(run: Run) -> None:
    """-q is for scripts that look at the exit code alone."""
    warned, refused_too = (run(f"to-obs x --dry-run -q --path {path}") for path in ("/b/v1.2/", "b"))
    assert (warned.code, warned.err) == (0, "")
    assert (refused_too.code, refused_too.err.count("error: --path")) == (2, 1)


@pytest.mark.parametrize("line", SILENT)
def test_what_is_documented_does_not_warn(run: Run, line: str) -> None:
    """No talk about a request that every document allows."""
    outcome = run(f"{line} x --dry-run")
    assert (outcome.code, outcome.err) == (0, "")


def real(
    line: list[str], variables: dict[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a process of its own."""
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


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_spec_does_not_end_the_process(text: bytes) -> None:
    """Nesting without end and aliases of aliases are refused within the time and the stack there is."""
    ended = real(["to-obs", "x", "-f", "-", "--dry-run"], {}, text)
    assert ended.returncode == 2
    assert not ended.stdout
    assert ended.stderr.startswith(b"error: <stdin>:")
    assert b"Traceback" not in ended.stderr


LOCALES = [
    {"LANG": "C", "LC_ALL": "C"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_chinese_names_and_paths_work_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    """By flags, by files whose names are Chinese too, and in the message of an error."""
    spec, ids = tmp_path / "导出.yaml", tmp_path / "样本.txt"
    spec.write_text("path: /桶/数据/\nname: 每晚\n", encoding="utf-8")
    ids.write_text("样本\n", encoding="utf-8")
    line = [*NEW.split(), *WORK.split(), "x", "--dry-run"]
    by_flags = real([*line, "--path", "/桶/数据/", "--new-dataset-name", "数据集"], locale)
    by_files = real(["to-obs", "x", "-f", str(spec), "--samples-file", str(ids), "--dry-run"], locale)
    wrong = real(["to-obs", "x", "--path", "桶"], locale)
    assert (by_flags.returncode, by_files.returncode, wrong.returncode) == (0, 0, 2)
    flags, files = (json.loads(ended.stdout.splitlines()[-1]) for ended in (by_flags, by_files))
    assert (flags["path"], flags["export_params"]["export_new_dataset_name"]) == ("/桶/数据/", "数据集")
    assert (files["path"], files["export_params"]["samples"]) == ("/桶/数据/", ["样本"])
    assert wrong.stderr.startswith(b"error: --path: '")
    assert b"Traceback" not in wrong.stderr
