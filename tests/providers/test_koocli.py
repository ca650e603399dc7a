"""The file of KooCLI: which profile is used, what is incomplete, and what is unusable."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.errors import AccessError
from modelarts_export.providers.sources.koocli import make_koocli_provider
from modelarts_export.providers.sources.provider import Status
from tests.conftest import Cloud, Run

SECRET = "made-up-secret-of-koocli"
PROFILE = {
    "name": "default",
    "mode": "AKSK",
    "accessKeyId": "AK1",
    "secretAccessKey": SECRET,
    "securityToken": "",
    "region": "cn-north-4",
    "projectId": "",
    "readTimeout": 10,
}
ENCRYPTED = "the keys of profile default are encrypted, and only KooCLI can read them"
UNSAID = "does not say that the keys of profile default are not encrypted: it has no authEncrypt"
Json = dict[str, Any]


def make_config(*profiles: Json, **others: object) -> Json:
    return {"authEncrypt": "false", "current": "default", "profiles": list(profiles), **others}


def write(directory: Path, config: object) -> None:
    """Write the file of a home directory; text is written as it is."""
    file = directory / ".hcloud" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    file.chmod(0o600)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (make_config(PROFILE), ""),
        (make_config({**PROFILE, "name": "other", "accessKeyId": "AK2"}, PROFILE), ""),
        (make_config({**PROFILE, "name": "other"}, {"name": "default", "mode": "SSO"}), "other"),
        (make_config({**PROFILE, "mode": "aksk"}, authEncrypt=False), ""),
        (make_config({key: value for key, value in PROFILE.items() if key != "mode"}), "default"),
    ],
)
def test_current_or_named_profile_is_used(tmp_path: Path, config: Json, name: str) -> None:
    write(tmp_path, config)
    provider = make_koocli_provider({"HOME": str(tmp_path)}, name)
    assert provider.describe().status is Status.FOUND
    assert provider.load() == AccessKey(access_key="AK1", secret_key=SECRET)
    assert provider.make_layer().values == {"region": "cn-north-4"}
    assert list(provider.secrets()) == [SECRET]


@pytest.mark.parametrize(
    ("config", "status", "reason"),
    [
        (make_config(PROFILE, authEncrypt="true"), Status.UNUSABLE, ENCRYPTED),
        ({"current": "default", "profiles": [PROFILE]}, Status.UNUSABLE, UNSAID),
        (make_config({"name": "default"}, authEncrypt="true"), Status.ABSENT, "no credentials in it"),
        (make_config(PROFILE, current=""), Status.ABSENT, "has no current profile"),
        (
            make_config(PROFILE, current="defualt"),
            Status.UNUSABLE,
            "no profile 'defualt'; did you mean 'default'?",
        ),
        (make_config(current="x"), Status.UNUSABLE, "no profile 'x'"),
        *(
            (
                make_config({**PROFILE, "mode": mode}),
                Status.UNUSABLE,
                f"profile default is of mode '{mode}', which only KooCLI can use",
            )
            for mode in ("token", "ecsAgency", "SSO", "AssumeRole")
        ),
        (
            make_config({**PROFILE, "secretAccessKey": 12345678}),
            Status.UNUSABLE,
            "secretAccessKey of profile default of ~/.hcloud/config.json is not text",
        ),
        ("", Status.UNUSABLE, "not valid JSON at line 1"),
        (f'{{"profiles":\n {SECRET}', Status.UNUSABLE, "not valid JSON at line 2"),
        ("[" * 100_000, Status.UNUSABLE, "nested too deep"),
        ("9" * 10_000, Status.UNUSABLE, "a number in it is too long"),
        ("[]", Status.UNUSABLE, "has no list of profiles"),
        ({"profiles": {"name": "default"}}, Status.UNUSABLE, "has no list of profiles"),
        (
            {"profiles": [None, 1, {"name": 1}], "current": ["default"]},
            Status.UNUSABLE,
            "no profile \"['default']\"",
        ),
    ],
)
def test_reason_says_why_the_file_is_not_used(
    tmp_path: Path, config: object, status: Status, reason: str
) -> None:
    write(tmp_path, config)
    provider = make_koocli_provider({"HOME": str(tmp_path)})
    finding = provider.describe()
    assert (finding.status, finding.reason) == (status, reason)
    assert provider.make_layer().values.keys() <= {"region"}


def test_named_profile_is_used_or_an_error(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    missing = make_koocli_provider(environ, "prod")
    assert missing.describe().status is Status.FOUND
    with pytest.raises(AccessError, match=r"^profile prod of ~/\.hcloud/config\.json: no such file$"):
        missing.load()
    write(tmp_path, make_config(PROFILE, {**PROFILE, "name": "prod"}, {"name": "bare"}, authEncrypt="true"))
    rows = {"prod": "are encrypted", "prodd": "did you mean 'prod'", "bare": "has no credentials"}
    for name, message in rows.items():
        with pytest.raises(AccessError, match=message) as caught:
            make_koocli_provider(environ, name).load()
        assert caught.value.hint


def only_places(cloud: Cloud) -> dict[str, str]:
    """Return the variables of the sandbox without credentials."""
    return {name: value for name, value in cloud.variables.items() if name.startswith("MODELARTS_")}


def test_submission_with_the_file(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    """Also beside a file of the SDK without keys."""
    sandbox = cloud.sandbox
    keys = {"accessKeyId": sandbox.access_key, "secretAccessKey": sandbox.secret_key}
    write(tmp_path, make_config({**PROFILE, **keys, "projectId": sandbox.project_id}))
    (tmp_path / ".huaweicloud").mkdir()
    (tmp_path / ".huaweicloud" / "credentials").write_text("[global]\nak = x\n")
    outcome = run("to-obs --path /b/d/ -o json", **only_places(cloud))
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["project_id"] == sandbox.project_id


@pytest.mark.parametrize("key", ["accessKeyId", "secretAccessKey"])
def test_incomplete_profile_is_an_error_that_names_the_key(run: Run, tmp_path: Path, key: str) -> None:
    write(tmp_path, make_config({**PROFILE, key: ""}))
    outcome = run("list abc --endpoint http://127.0.0.1:9 --project-id p")
    assert (outcome.code, outcome.out) == (4, "")
    assert f"profile default of ~/.hcloud/config.json is incomplete: {key} missing" in outcome.err
    assert SECRET not in outcome.err


def test_encrypted_file_is_named_with_what_to_do(run: Run, tmp_path: Path) -> None:
    write(tmp_path, make_config(PROFILE, authEncrypt="true"))
    outcome = run("list abc --endpoint http://127.0.0.1:9 --project-id p")
    assert outcome.code == 4
    assert f"~/.hcloud/config.json ({ENCRYPTED})" in outcome.err
    assert "run hcloud configure set --cli-auth-encrypt=false" in outcome.err
