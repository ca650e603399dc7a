"""The report of `doctor`: healthy or with one fault, its exit code, and its formats."""

import os
import pty

import pytest
import yaml
from rich.cells import cell_len

from modelarts_export.cli.main import main
from modelarts_export.diagnosis.check import Check, fail, find_worst
from modelarts_export.errors import (
    AccessError,
    InvalidInputError,
    ModelArtsExportError,
    NotFoundError,
    RefusedError,
    TemporaryError,
)
from tests.cli.commands.doctor.diagnosis import KEYS, diagnose, get_statuses
from tests.conftest import Cloud, Run
from tests.support.terminal import read_terminal


def test_everything_is_well_and_nothing_is_changed(run: Run, cloud: Cloud) -> None:
    outcome, rows = diagnose(run, "--path /b/d/", **cloud.variables)
    assert outcome.code == 0
    assert outcome.err.endswith(" ok, 2 untested, 1 skipped\n")
    doubtful = {name for name, each in rows.items() if each[0]["status"] != "ok"}
    assert doubtful == {"TLS", "export", "API"}
    assert list(rows["access"][0]) == ["check", "status", "message", "hint", "exit_code"]
    assert rows["endpoint"][0]["message"] == f"{cloud.sandbox.url} (MODELARTS_EXPORT_ENDPOINT)"
    assert rows["sources"][0]["message"].startswith("in their order: HUAWEICLOUD_SDK_* variables (used), HW_")
    assert "20 samples" in rows["dataset"][0]["message"]
    assert {request.method for request, _ in cloud.exchanges} == {"GET"}
    assert cloud.variables["HUAWEICLOUD_SDK_SK"] not in outcome.out


@pytest.mark.parametrize(
    ("line", "variables", "code", "failed", "skipped", "words"),
    [
        ("", {"HUAWEICLOUD_SDK_SK": "wrong"}, 4, "access", "dataset", "check the secret key"),
        ("", {"HUAWEICLOUD_SDK_AK": ""}, 4, "credentials", "access dataset", "HUAWEICLOUD_SDK_AK missing"),
        ("", {"HUAWEICLOUD_SDK_PROJECT_ID": "p2"}, 4, "access", "dataset", "ModelArts.0210"),
        ("none-such", {}, 3, "dataset", "", "modelarts-export datasets"),
        ("name:cats-and-dog", {}, 3, "dataset", "", "similar names: 'cats-and-dogs'"),
        ("..", {}, 2, "dataset", "", "DATASET"),
        ("--path /b", {}, 0, "", "", ""),
        ("--path x", {}, 2, "request", "", "write /bucket/dir/"),
        ("--read-timeout x", {}, 2, "settings", "clock access dataset", "--read-timeout"),
        ("--profile x", {}, 2, "profile", "settings credentials clock access", "no profile 'x'"),
        ("", {"MODELARTS_EXPORT_ENDPOINT": ""}, 2, "endpoint", "clock access", "--region REGION"),
        (
            "",
            {"MODELARTS_EXPORT_CREDENTIALS": "x"},
            2,
            "settings",
            "credentials",
            "MODELARTS_EXPORT_CREDENTIALS",
        ),
    ],
)
def test_one_fault_is_one_error_with_its_exit_code(  # noqa: PLR0913, PLR0917 - the columns of the table
    run: Run,
    cloud: Cloud,
    line: str,
    variables: dict[str, str],
    code: int,
    failed: str,
    skipped: str,
    words: str,
) -> None:
    """What depends on it is skipped, and all else is checked."""
    outcome, rows = diagnose(run, line, **{**cloud.variables, **variables})
    assert outcome.code == code, outcome.out
    errors = [row for each in rows.values() for row in each if row["status"] == "error"]
    assert " ".join(row["check"] for row in errors) == failed
    assert [row["exit_code"] for row in errors] == [code] * bool(failed)
    assert words in "".join(row["message"] + row["hint"] for row in errors)
    assert get_statuses(rows, *skipped.split()) == ["skipped"] * len(skipped.split())
    if code != 2:
        assert get_statuses(rows, "connection", "clock") == ["ok", "ok"]
    assert sum(reply.status == 401 for _, reply in cloud.exchanges) <= 1
    assert {request.method for request, _ in cloud.exchanges} <= {"GET"}


@pytest.mark.parametrize("missing", [f"{KEYS} MODELARTS_EXPORT_ENDPOINT", KEYS, "MODELARTS_EXPORT_ENDPOINT"])
def test_each_failed_check_is_one_annotation(run: Run, cloud: Cloud, missing: str) -> None:
    """The errors of all kinds: another annotation would count them again."""
    outcome = run("doctor --ci github", **{**cloud.variables, **dict.fromkeys(missing.split(), "")})
    names = [line.split(":")[4] for line in outcome.err.splitlines() if line.startswith("::error::")]
    assert names == [
        *(["endpoint"] if "ENDPOINT" in missing else []),
        *(["credentials", "project"] if KEYS in missing else []),
    ]


def test_report_is_data_or_a_table_and_never_ids(run: Run, cloud: Cloud) -> None:
    rows = yaml.safe_load(run("doctor -o yaml", **cloud.variables).out)
    assert rows[0]["check"] == "version"
    refused = run("doctor -o id", **cloud.variables)
    assert (refused.code, refused.out) == (2, "")
    assert "choose from table, json, yaml" in refused.err
    table = run("doctor none-such", **cloud.variables)
    assert "\n\u2717 dataset" in table.out
    assert "\n                hint: " not in table.out
    assert table.err == "error: 1 check failed: dataset\n"
    quiet = run("doctor none-such -q", **cloud.variables)
    assert (quiet.code, quiet.out, quiet.err.count("\n")) == (3, "", 3)
    assert "error: dataset: Dataset does not exist" in quiet.err
    assert (run("doctor -q", **cloud.variables).out, run("doctor -f a -f b", **cloud.variables).code) == (
        "",
        2,
    )
    verbose = run("doctor -v", **cloud.variables)
    assert verbose.err.count("GET http://") == 3


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_report_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, cloud: Cloud, columns: int, encoding: str
) -> None:
    """Only a word that is longer than the line is not wrapped."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding=encoding) as out:
        monkeypatch.setattr("sys.stdout", out)
        assert main(["doctor", "none-such"], {**os.environ, **cloud.variables, "NO_COLOR": "1"}) == 3
    lines = read_terminal(ours).decode(encoding).replace("\r\n", "\n").splitlines()
    os.close(ours)
    too_long = [line for line in lines if cell_len(line) > columns]
    assert [line for line in too_long if " " in line.strip()] == []
    marks = {line[0] for line in lines}
    assert marks == ({*"+x?- "} if encoding == "ascii" else {*"\u2713\u2717?- "})


def test_worst_check_decides() -> None:
    """What only the user can repair comes first, and what may pass comes last."""
    order: list[type[ModelArtsExportError]] = [
        *(ModelArtsExportError, AccessError, InvalidInputError, NotFoundError, RefusedError, TemporaryError)
    ]
    checks: list[Check] = []
    for kind in reversed(order):
        checks.append(fail("x", kind("no")))
        worst = find_worst(checks)
        assert worst
        assert worst.exit_code == kind.exit_code
    assert find_worst([]) is None
