"""Checks of `doctor` before any call to the API: settings, credentials, the project and the spec."""

import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.commands.doctor.diagnosis import KEYS, diagnose, get_statuses
from tests.conftest import Answer, Cloud, Run, Stub

KEY = "AKEXAMPLE0000000TEST"


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
    assert "endpoint of profile work (config.yaml:4:" in rows["endpoint"][0]["message"]
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


def test_paths_and_hints_are_told_once(run: Run, tmp_path: Path) -> None:
    """Those of an invalid config.yaml, and of a file that two sources read."""
    config, sdk = tmp_path / ".config" / "modelarts-export" / "config.yaml", tmp_path / ".huaweicloud"
    for file in (config, sdk / "credentials"):
        file.parent.mkdir(parents=True)
        file.write_text("profiles:\n  a: {regoin: x, endpoint: 5}\n")
    shown = run("doctor").out
    assert (shown.count(str(config)), shown.count("the keys of a profile are")) == (1, 1)
    assert re.search(r" config\.yaml:2:\d+: profiles\.a\.endpoint: must be text", shown)
    (sdk / "credentials").write_text("[basic]\nak = AK\nsk = made-up-secret\n")
    settings = "endpoint: http://127.0.0.1:9, project_id: p, region: cn-north-4"
    config.write_text(f"default: a\nprofiles:\n  a: {{{settings}, credentials: sdk}}\n")
    for file in (config, sdk / "credentials"):
        file.chmod(0o600 if file == config else 0o644)
    shown = run("doctor --max-retries 0").out
    assert (shown.count(str(config)), shown.count("others can read")) == (1, 1)


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
