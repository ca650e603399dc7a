"""The command `doctor`: healthy and broken in many ways, and that it changes nothing."""

import json
import os
import pty
import socket
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.cells import cell_len

from modelarts_export.cli.main import main
from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.parsers import parse_duration
from modelarts_export.config.settings import Settings
from modelarts_export.diagnosis.check import Check, fail, find_worst
from modelarts_export.diagnosis.network import check_endpoint
from modelarts_export.errors import (
    AccessError,
    InvalidInputError,
    ModelArtsExportError,
    NotFoundError,
    RefusedError,
    TemporaryError,
)
from modelarts_export.sandbox.faults.catalogue import Faults
from modelarts_export.sandbox.faults.parser import parse_fault
from modelarts_export.transport.session import find_proxy
from tests.conftest import Answer, Cloud, Outcome, Run, Stub
from tests.support.raw_server import make_reply, serve
from tests.support.task_replies import create_task, make_error_reply
from tests.transport.endpoints import make_untrusted_context

KEY = "AKEXAMPLE0000000TEST"
KEYS = "HUAWEICLOUD_SDK_AK HUAWEICLOUD_SDK_SK"
IN_HTTPS = "https://modelarts.invalid"  # only a proxy is asked to connect to it


def diagnose(run: Run, line: str = "", **variables: str) -> tuple[Outcome, dict[str, list[dict[str, Any]]]]:
    """Return the outcome of `doctor -o json`, and its rows by the name of the check."""
    outcome = run(f"doctor {line} -o json", **variables)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(outcome.out):
        rows.setdefault(row["check"], []).append(row)
    return outcome, rows


def get_statuses(rows: Mapping[str, list[dict[str, Any]]], *names: str) -> list[str]:
    """Return the status of the last row of each check."""
    return [rows[name][-1]["status"] for name in names]


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


def test_password_is_exchanged_for_a_token_by_the_only_post(run: Run, cloud: Cloud) -> None:
    outcome, rows = diagnose(run, **{**cloud.with_password, "HW_REGION_NAME": "sandbox"})
    assert outcome.code == 0, outcome.out
    assert "user " in rows["credentials"][0]["message"]
    assert get_statuses(rows, "token", "access") == ["ok", "ok"]
    posts = [request.target for request, _ in cloud.exchanges if request.method == "POST"]
    assert posts == ["/v3/auth/tokens?nocatalog=true"]
    assert not [
        value for name, value in cloud.with_password.items() if "PASSWORD" in name and value in outcome.out
    ]


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


@pytest.mark.parametrize(
    ("missing", "given", "failed"),
    [
        (
            f"{KEYS} MODELARTS_EXPORT_ENDPOINT",
            {},
            "endpoint credentials project",
        ),
        (KEYS, {}, "credentials project"),
        ("MODELARTS_EXPORT_ENDPOINT", {}, "endpoint project"),
        ("", {}, "project"),
        (KEYS, {"MODELARTS_EXPORT_REGION": "cn-north-4"}, "credentials"),
        ("MODELARTS_EXPORT_ENDPOINT", {"HUAWEICLOUD_SDK_PROJECT_ID": "p"}, "endpoint"),
        (
            f"{KEYS} MODELARTS_EXPORT_ENDPOINT",
            {"HW_USER_NAME": "u", "HW_PASSWORD": "made-up-pass", "HW_DOMAIN_NAME": "d"},
            "endpoint",
        ),
    ],
)
def test_missing_settings_are_reported_together(
    run: Run, cloud: Cloud, missing: str, given: dict[str, str], failed: str
) -> None:
    """A project whose ID IAM can be asked for is not missing."""
    removed = dict.fromkeys(["HUAWEICLOUD_SDK_PROJECT_ID", *missing.split()], "")
    _, rows = diagnose(run, **{**cloud.variables, **removed, **given})
    errors = [(name, row) for name, each in rows.items() for row in each if row["status"] == "error"]
    assert " ".join(name for name, _ in errors) == failed
    hints = [row["hint"] for name, row in errors if name == "project"]
    assert all("--project-id ID" in hint for hint in hints)


@pytest.mark.parametrize("missing", [f"{KEYS} MODELARTS_EXPORT_ENDPOINT", KEYS, "MODELARTS_EXPORT_ENDPOINT"])
def test_each_failed_check_is_one_annotation(run: Run, cloud: Cloud, missing: str) -> None:
    """The errors of all kinds: another annotation would count them again."""
    outcome = run("doctor --ci github", **{**cloud.variables, **dict.fromkeys(missing.split(), "")})
    names = [line.split(":")[4] for line in outcome.err.splitlines() if line.startswith("::error::")]
    assert names == [
        *(["endpoint"] if "ENDPOINT" in missing else []),
        *(["credentials", "project"] if KEYS in missing else []),
    ]


def test_busy_text_dataset_is_warned_of(run: Run, cloud: Cloud) -> None:
    _, rows = diagnose(run, "sandbox-text", **cloud.variables)
    assert (
        rows["type"][0]["message"] == "the documents say that text-classification datasets cannot be exported"
    )
    assert "ModelArts.4383" in rows["type"][0]["hint"]
    task_id = create_task(run, cloud)
    outcome, rows = diagnose(run, **cloud.variables)
    assert (outcome.code, get_statuses(rows, "type", "idle")) == (0, ["ok", "warning"])
    assert task_id in rows["idle"][0]["message"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/sandbox-bucket/sandbox-images/input/", "is an input directory of the dataset"),
        ("obs://sandbox-bucket/sandbox-images/work/x", "is below the output directory of the dataset, "),
        ("/sandbox-bucket/sandbox-images/", "is above an input directory of the dataset, "),
        ("/b/d/", "writes to /b/d/, the same directory"),
        ("/b/d/e/", "writes to /b/d/, above it"),
        ("/b/", "is the root of a bucket"),
    ],
)
def test_path_in_use_is_warned_of(run: Run, cloud: Cloud, path: str, words: str) -> None:
    create_task(run, cloud)
    outcome, rows = diagnose(run, f"--path {path}", **cloud.variables)
    warned = [
        row["message"]
        for name in ("path", "request", "earlier tasks")
        for row in rows[name]
        if row["status"] == "warning"
    ]
    assert outcome.code == 0
    assert any(words in message for message in warned), warned
    cloud.exchanges.clear()
    _, rows = diagnose(run, "--path /b/other/", **cloud.variables)
    assert get_statuses(rows, "path", "earlier tasks") == ["ok", "ok"]
    assert len(rows["path"]) == 1


@pytest.mark.parametrize(
    ("fault", "variables", "code", "status", "access"),
    [
        ("date:skew=16m", {}, 4, "error", "skipped"),
        ("date:skew=-16m", {}, 4, "error", "skipped"),
        ("date:skew=6m", {}, 0, "warning", "ok"),
        ("date:skew=4m", {}, 0, "ok", "ok"),
        ("date:skew=16m", {"HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": ""}, 0, "warning", "ok"),
        ("no-date", {}, 0, "untested", "ok"),
    ],
)
def test_clock_is_compared_with_the_server(  # noqa: PLR0913, PLR0917 - as above
    run: Run, cloud: Cloud, fault: str, variables: dict[str, str], code: int, status: str, access: str
) -> None:
    """Only signatures depend on it."""
    cloud.sandbox.gateway.faults = Faults([parse_fault(fault, parse_duration)])
    token = {
        "OS_TOKEN": cloud.sandbox.token,
        "OS_PROJECT_ID": cloud.sandbox.project_id,
    }
    outcome, rows = diagnose(run, **{**cloud.variables, **variables, **(token if variables else {})})
    assert (outcome.code, get_statuses(rows, "clock", "access")) == (code, [status, access]), rows["clock"]


def test_refused_permission_is_no_rejected_key(run: Run, stub: Stub) -> None:
    refused = make_error_reply(403, "ModelArts.0112")
    stub.status, stub.body = refused.status, refused.body
    outcome, rows = diagnose(run, **stub.variables)
    assert (outcome.code, get_statuses(rows, "access", "dataset")) == (4, ["error", "skipped"])
    assert "ModelArts.0112" in rows["access"][0]["message"]
    assert rows["access"][0]["hint"] == "ask for the action modelarts:dataset:getDataset"
    hint = run("to-obs --path /b/d/", **stub.variables).err
    assert "hint: ask for the actions modelarts:dataset:createExportTask and modelarts:dataset:getD" in hint


def test_calls_are_retried_only_when_that_is_asked_for(
    run: Run, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODELARTS_EXPORT_MAX_RETRIES")
    listed = Answer(body=b'{"datasets": [], "total_number": 0}')
    variables = {**stub.variables, "MODELARTS_EXPORT_DATASET_ID": ""}
    for flags, status in (("", "error"), ("--retry-timeout 0.01s", "ok")):
        stub.first = [Answer(), Answer(status=503), listed]
        outcome, rows = diagnose(run, flags, **variables)
        assert (outcome.code, get_statuses(rows, "access")) == (5 if status == "error" else 0, [status])
    assert len(stub.requests) == 5


def test_closed_port_skips_what_needs_the_endpoint(run: Run, cloud: Cloud) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        outcome, rows = diagnose(run, f"--path /b/d/ --endpoint {url}", **cloud.variables)
    assert (outcome.code, rows["connection"][0]["status"]) == (5, "error")
    assert get_statuses(rows, "clock", "access", "dataset", "path") == ["skipped"] * 4
    assert get_statuses(rows, "credentials", "request") == ["ok", "ok"]


def test_untrusted_certificate_is_an_error_unless_it_is_not_verified(run: Run) -> None:
    def answer(server: Any, peer: socket.socket) -> None:  # noqa: ANN401 - a RawServer
        with make_untrusted_context("TLS 1.3").wrap_socket(peer, server_side=True) as secure:
            server.read(secure)
            secure.sendall(make_reply("404 Not Found", b"{}", f"Date: {time.strftime('%c')}"))

    with serve(answer) as server:
        variables = Stub(url=server.url.replace("http:", "https:")).variables
        outcome, rows = diagnose(run, **variables)
        assert (outcome.code, rows["TLS"][0]["status"]) == (5, "error")
        assert "--ca-bundle FILE" in rows["TLS"][0]["hint"]
        assert get_statuses(rows, "access") == ["skipped"]
        _, rows = diagnose(run, "--insecure", **variables)
        assert get_statuses(rows, "connection", "TLS", "insecure") == ["ok", "warning", "ok"]


def test_proxy_that_refuses_is_named_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(server: Any, peer: socket.socket) -> None:  # noqa: ANN401 - a RawServer
        server.read(peer)
        peer.sendall(make_reply("407 Proxy Authentication Required"))

    with serve(refuse) as proxy:
        url = proxy.url.replace("//", "//user:made-up-pass@")
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, url)
        assert find_proxy(IN_HTTPS) == proxy.url.replace("//", "//***@")
        outcome, rows = diagnose(run, **Stub(url=IN_HTTPS).variables)
    assert outcome.code == 5
    assert rows["proxy"][0]["message"] == f"{proxy.url.replace('//', '//***@')} (from the environment)"
    assert "HTTP 407" in rows["connection"][0]["message"]
    assert get_statuses(rows, "name", "clock", "access") == ["skipped"] * 3
    assert "made-up" not in outcome.out + outcome.err


def test_name_that_is_not_resolved_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name server is asked."""

    def resolve(host: str, _port: int) -> list[Any]:
        if host == "slow.invalid":
            time.sleep(0.2)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name)
    for host, reason in (
        ("modelarts.invalid", "Name or service"),
        ("slow.invalid", "no answer within 0.05s"),
    ):
        settings = Settings(endpoint=f"https://{host}", connect_timeout=0.05)
        found = check_endpoint(settings, on_call=lambda _call: None, clock=SYSTEM_CLOCK, resolve=resolve)
        looked_up, connection = list(found)[1:]
        assert (looked_up.name, looked_up.exit_code, connection.status.value) == ("name", 5, "skipped")
        assert reason in looked_up.message


def test_sources_are_listed_with_those_that_cannot_be_used(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    """Files that others can read are warned of."""
    config = tmp_path / ".config" / "modelarts-export" / "config.yaml"
    koocli, sdk = tmp_path / ".hcloud" / "config.json", tmp_path / ".huaweicloud" / "credentials"
    profile = {"name": "default", "accessKeyId": KEY, "secretAccessKey": "made-up-secret"}
    for file, text in (
        (config, f"default: work\nprofiles:\n  work:\n    endpoint: {cloud.sandbox.url}\n"),
        (koocli, json.dumps({"authEncrypt": "true", "current": "default", "profiles": [profile]})),
        (sdk, f"[basic]\nak = {cloud.variables['HUAWEICLOUD_SDK_AK']}\nsk = made-up-wrong-secret\n"),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(text)
        file.chmod(0o644)
    outcome, rows = diagnose(run, MODELARTS_EXPORT_PROJECT_ID="p")
    assert outcome.code == 4
    assert rows["profile"][0]["message"] == "work, the default of config.yaml"
    assert f"endpoint of profile work ({config}:4:" in rows["endpoint"][0]["message"]
    assert rows["config.yaml"][0] | {"message": ""} == {
        "check": "config.yaml",
        "status": "warning",
        "message": "",
        "hint": f"run chmod 600 {config}",
        "exit_code": 0,
    }
    assert [row["message"] for row in rows["credential file"]] == [f"others can read {sdk}"]
    assert "from ~/.huaweicloud/credentials" in rows["credentials"][0]["message"]
    assert (
        "~/.huaweicloud/credentials (used), ~/.hcloud/config.json (the keys" in rows["sources"][0]["message"]
    )
    assert rows["sources"][1]["status"] == "warning"
    assert "cli-auth-encrypt=false" in rows["sources"][1]["hint"]
    assert "made-up" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("seconds", "code", "status", "access"),
    [
        (None, 0, "untested", "ok"),
        (7200, 0, "ok", "ok"),
        (1800, 0, "warning", "ok"),
    ],
)
def test_end_of_temporary_credentials_is_shown(  # noqa: PLR0913, PLR0917 - as above
    run: Run, cloud: Cloud, tmp_path: Path, seconds: int | None, code: int, status: str, access: str
) -> None:
    printed = {"Version": 1, "AccessKeyId": cloud.sandbox.access_key, "SessionToken": "made-up-session"}
    printed["SecretAccessKey"] = cloud.sandbox.secret_key
    if seconds is not None:
        printed["Expiration"] = f"{datetime.fromtimestamp(time.time() + seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    config = tmp_path / ".config" / "modelarts-export" / "config.yaml"
    config.parent.mkdir(parents=True)
    command = json.dumps([sys.executable, "-c", f"print({json.dumps(json.dumps(printed))})"])
    config.write_text(f"profiles:\n  work:\n    credentials:\n      command: {command}\n")
    line = f"--profile work --project-id {cloud.sandbox.project_id}"
    outcome, rows = diagnose(run, line, **{**cloud.variables, "HUAWEICLOUD_SDK_AK": ""})
    assert outcome.code == code, outcome.out
    assert rows["credentials"][0]["message"].startswith(
        f"temporary access key {cloud.sandbox.access_key}, from"
    )
    assert get_statuses(rows, "expiry", "access") == [status, access]
    assert "made-up" not in outcome.out


def test_expired_keys_are_not_sent(run: Run, cloud: Cloud, stub: Stub) -> None:
    keys = {"access": "AKEXAMPLE", "secret": "made-up", "securitytoken": "made-up-token"}
    body = json.dumps({"credential": {**keys, "expires_at": "2026-01-31T12:00:00Z"}}).encode()
    stub.first = [Answer(status=200, body=b"t"), Answer(status=200, body=body)]
    variables = {"MODELARTS_EXPORT_CREDENTIALS": "metadata", "MODELARTS_EXPORT_METADATA_ENDPOINT": stub.url}
    given = {**cloud.variables, **variables, "HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": ""}
    outcome, rows = diagnose(run, f"--project-id {cloud.sandbox.project_id}", **given)
    assert (outcome.code, get_statuses(rows, "expiry", "access")) == (4, ["error", "skipped"])
    assert rows["expiry"][0]["message"] == "the credentials expired at 2026-01-31T12:00:00Z"
    assert {request.target for request, _ in cloud.exchanges} <= {"/"}  # of the network check


def test_project_is_looked_up_by_its_name(run: Run, cloud: Cloud) -> None:
    variables = {**cloud.variables, "HUAWEICLOUD_SDK_PROJECT_ID": ""}
    region = cloud.sandbox.user.project_name
    outcome, rows = diagnose(run, f"--region {region}", **variables)
    assert (outcome.code, get_statuses(rows, "project", "access")) == (0, ["ok", "ok"])
    assert rows["project"][0]["message"] == f"{cloud.sandbox.project_id}, which IAM has for the name {region}"
    outcome, rows = diagnose(run, **variables)
    assert (outcome.code, get_statuses(rows, "project", "access")) == (2, ["error", "skipped"])
    assert "--project-id ID" in rows["project"][0]["hint"]


def test_spec_gives_dataset_project_and_path(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("dataset_id: sandbox-text\npath: /sandbox-bucket/${d}/work/\n")
    outcome, rows = diagnose(run, f"-f {spec} --var d=sandbox-text", **cloud.variables)
    assert outcome.code == 0
    assert get_statuses(rows, "type", "request") == ["warning", "ok"]
    assert (
        rows["path"][0]["message"]
        == "/sandbox-bucket/sandbox-text/work/ is the output directory of the dataset"
    )
    outcome, rows = diagnose(run, f"sandbox-images -f {spec} --var d=x --path /b/d/", **cloud.variables)
    assert (outcome.code, get_statuses(rows, "path", "type")) == (0, ["ok", "ok"])
    spec.write_text("dataset_id: sandbox-text\nproject_id: p2\npath: x\nexprt_type: 2\n")
    outcome, rows = diagnose(run, f"-f {spec}", **cloud.variables)
    assert outcome.code == 2
    assert [row["message"].partition(": ")[0] for row in rows["request"]] == [f"{spec}:3:7", f"{spec}:4:1"]
    assert rows["dataset"][0]["message"] == "skipped, because the request is invalid"
    assert get_statuses(rows, "access") == ["ok"]


def test_all_invalid_settings_are_shown(run: Run, cloud: Cloud) -> None:
    outcome, rows = diagnose(run, "--read-timeout x --connect-timeout y", **cloud.variables)
    words = [row["message"].partition(":")[0] for row in rows["settings"]]
    assert (outcome.code, words) == (2, ["--connect-timeout", "--read-timeout"])
    assert run("datasets --read-timeout x --connect-timeout y", **cloud.variables).err.count("is not a") == 2


def test_formats(run: Run, cloud: Cloud) -> None:
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


def test_without_dataset_the_datasets_are_listed(run: Run, cloud: Cloud) -> None:
    outcome, rows = diagnose(run, **{**cloud.variables, "MODELARTS_EXPORT_DATASET_ID": ""})
    assert (outcome.code, rows["access"][0]["message"]) == (
        0,
        "the credentials are accepted, and datasets can be listed",
    )
    assert rows["dataset"][0]["status"] == "skipped"
    assert rows["dataset"][0]["hint"].startswith("give DATASET or --dataset ID")


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
        lines = os.read(ours, 65_536).decode(encoding).replace("\r\n", "\n").splitlines()
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
