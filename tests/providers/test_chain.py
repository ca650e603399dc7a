"""The order of all sources, each complete and each incomplete, as command lines in a clean environment."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.cli.options.flags import make_flag_layer
from modelarts_export.config.profiles import FORMS
from modelarts_export.providers.configuration import Configuration
from tests.conftest import Answer, Cloud, Run, Stub

SECRET = "made-up-secret"
CONFIG = ".config/modelarts-export/config.yaml"
KOOCLI = ".hcloud/config.json"
SDK_FILE = ".huaweicloud/credentials"
CLOUDS = ".config/openstack/clouds.yaml"


def make_command(**key: str) -> dict[str, list[str]]:
    """Return the source of a profile: a command that prints a key."""
    return {"command": ["echo", json.dumps({"Version": 1, **key})]}


def make_config(default: str) -> str:
    """Return a config.yaml with profiles of complete and incomplete sources."""
    sources = {
        "named": make_command(AccessKeyId="AK-named", SecretAccessKey=SECRET),
        "half": make_command(AccessKeyId="AK-named"),
        "low": {"koocli": "low"},
        "lower": {"koocli": "half"},
    }
    profiles = {name: {"credentials": source} for name, source in sources.items()}
    return json.dumps({"default": default, "profiles": profiles})


def make_koocli(**current: str) -> str:
    """Return a file of KooCLI whose current profile is this one."""
    key = {"accessKeyId": "AK-low", "secretAccessKey": SECRET}
    half = {"name": "half", "accessKeyId": "AK-low"}
    profiles = [{"name": "default", **current}, {"name": "low", **key}, half]
    return json.dumps({"authEncrypt": "false", "current": "default", "profiles": profiles})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source of credentials: its variables and its file, and how these lack a part.

    `user` is what a request shows of it: an access key, a token or the name of a user.
    """

    user: str
    variables: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    text: str = ""
    lacking_text: str = ""
    missing: str


SOURCES = [
    Source(
        user="AK-named",
        variables={"MODELARTS_EXPORT_PROFILE": "named"},
        lacking={"MODELARTS_EXPORT_PROFILE": "half"},
        missing="the output of command echo is incomplete: SecretAccessKey missing",
    ),
    Source(
        user="AK-sdk",
        variables={"HUAWEICLOUD_SDK_AK": "AK-sdk", "HUAWEICLOUD_SDK_SK": SECRET},
        lacking={"HUAWEICLOUD_SDK_SK": ""},
        missing="the HUAWEICLOUD_SDK_* variables are incomplete: HUAWEICLOUD_SDK_SK missing",
    ),
    Source(
        user="AK-hw",
        variables={"HW_ACCESS_KEY": "AK-hw", "HW_SECRET_KEY": SECRET},
        lacking={"HW_ACCESS_KEY": ""},
        missing="the HW_* variables are incomplete: HW_ACCESS_KEY missing",
    ),
    Source(
        user="token-hw",
        variables={"HW_AUTH_TOKEN": "token-hw"},
        lacking={"HW_SECURITY_TOKEN": "t"},  # that of a key, which a token does not complete
        missing="incomplete: HW_ACCESS_KEY and HW_SECRET_KEY missing",
    ),
    Source(
        user="user-hw",
        variables={"HW_USER_NAME": "user-hw", "HW_PASSWORD": SECRET, "HW_DOMAIN_NAME": "d"},
        lacking={"HW_DOMAIN_NAME": ""},
        missing="incomplete: HW_DOMAIN_NAME missing",
    ),
    Source(
        user="AK-os",
        variables={"OS_ACCESS_KEY": "AK-os", "OS_SECRET_KEY": SECRET},
        lacking={"OS_SECRET_KEY": ""},
        missing="the OS_* variables are incomplete: OS_SECRET_KEY missing",
    ),
    Source(
        user="token-os",
        variables={"OS_TOKEN": "token-os"},
        lacking={"OS_SECURITY_TOKEN": "t"},
        missing="incomplete: OS_ACCESS_KEY and OS_SECRET_KEY missing",
    ),
    Source(
        user="user-os",
        variables={"OS_USERNAME": "user-os", "OS_PASSWORD": SECRET, "OS_USER_DOMAIN_NAME": "d"},
        lacking={"OS_USERNAME": ""},
        missing="incomplete: OS_USERNAME missing",
    ),
    Source(
        user="AK-cloud",
        variables={"OS_CLOUD": "otc"},
        file=CLOUDS,
        text=f"clouds: {{otc: {{ak: AK-cloud, sk: {SECRET}}}}}",
        lacking_text="clouds: {otc: {ak: AK-cloud}}",
        missing="clouds.yaml is incomplete: secret_key missing",
    ),
    Source(
        user="AK-low",
        file=CONFIG,
        text=make_config("low"),
        lacking_text=make_config("lower"),
        missing="profile half of ~/.hcloud/config.json is incomplete: secretAccessKey missing",
    ),
    Source(
        user="AK-file",
        file=SDK_FILE,
        text=f"[basic]\nak = AK-file\nsk = {SECRET}\n",
        lacking_text="[basic]\nak = AK-file\n",
        missing="section [basic] of ~/.huaweicloud/credentials is incomplete: sk missing",
    ),
    Source(
        user="AK-koocli",
        file=KOOCLI,
        text=make_koocli(accessKeyId="AK-koocli", secretAccessKey=SECRET),
        lacking_text=make_koocli(secretAccessKey=SECRET),
        missing="profile default of ~/.hcloud/config.json is incomplete: accessKeyId missing",
    ),
    Source(
        user="AK-metadata",
        variables={"MODELARTS_EXPORT_CREDENTIALS": "metadata"},
        lacking={},
        missing="",
    ),
]
"""The sources in their order."""


@pytest.fixture
def served(stub: Stub) -> Stub:
    """Serve ModelArts, IAM and a metadata service at once."""
    key = {"access": "AK-metadata", "secret": SECRET}
    stub.headers = {"X-Subject-Token": "issued-token"}
    stub.body = json.dumps({"total_count": 0, "export_tasks": [], "credential": key}).encode()
    return stub


def set_up(stub: Stub, home: Path, sources: list[Source]) -> dict[str, str]:
    """Write the files of some sources, and return their variables and the settings of a call."""
    for source in sources:
        if source.file:
            write(home / source.file, source.text)
    own = {"ENDPOINT": stub.url, "IAM_ENDPOINT": stub.url, "METADATA_ENDPOINT": stub.url, "PROJECT_ID": "p"}
    variables = {f"MODELARTS_EXPORT_{name}": value for name, value in own.items()}
    return variables | {name: value for each in sources for name, value in each.variables.items()}


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)


def find_user(stub: Stub) -> str:
    """Return the user of the last command: the one of the password, of the key or of the token."""
    for _, path, headers, body in stub.requests:
        if path.startswith("/v3/auth/tokens"):
            return str(json.loads(body)["auth"]["identity"]["password"]["user"]["name"])
        if "X-Auth-Token" in headers:
            return headers["X-Auth-Token"]
        if found := re.search(r"Access=([^,]+)", headers.get("Authorization", "")):
            return found[1]
    return ""


@pytest.mark.parametrize("number", range(len(SOURCES)), ids=[each.user for each in SOURCES])
def test_first_source_of_all_is_used(run: Run, served: Stub, tmp_path: Path, number: int) -> None:
    """Without those before it, and with all those after it."""
    variables = set_up(served, tmp_path, SOURCES[number:])
    if not number:  # the file of the default profile has the named one, too
        assert "named" in (tmp_path / CONFIG).read_text()
    outcome = run("list ds -o id", **variables)
    assert (outcome.code, find_user(served)) == (0, SOURCES[number].user), outcome.err


@pytest.mark.parametrize("number", range(len(SOURCES)), ids=[each.user for each in SOURCES])
def test_source_alone_is_enough(run: Run, served: Stub, tmp_path: Path, number: int) -> None:
    """A named or default profile needs what its source reads."""
    source = SOURCES[number]
    others = {"AK-named": [CONFIG], "AK-low": [KOOCLI]}.get(source.user, [])
    for each in SOURCES:
        if each.file in others:
            write(tmp_path / each.file, each.text)
    outcome = run("list ds -o id", **set_up(served, tmp_path, [source]))
    assert (outcome.code, find_user(served)) == (0, source.user), outcome.err


@pytest.mark.parametrize("number", range(len(SOURCES) - 1), ids=[each.user for each in SOURCES[:-1]])
def test_incomplete_source_is_an_error_whatever_comes_after_it(
    run: Run, served: Stub, tmp_path: Path, number: int
) -> None:
    """The next one may belong to another account."""
    source = SOURCES[number]
    variables = {**set_up(served, tmp_path, SOURCES[number:]), **source.lacking}
    if source.lacking_text:
        write(tmp_path / source.file, source.lacking_text)
    outcome = run("list ds -o id", **variables)
    assert (outcome.code, outcome.out, served.requests) == (4, "", [])
    assert source.missing in outcome.err
    assert "\nhint: " in outcome.err
    assert SECRET not in outcome.err


def test_missing_credentials_name_each_source_and_why_it_is_unusable(
    run: Run, served: Stub, tmp_path: Path
) -> None:
    """Regions, projects, URLs and a domain make no source."""
    write(tmp_path / SDK_FILE, f"[global]\nak = AK\nsk = {SECRET}\n")
    write(tmp_path / KOOCLI, make_koocli(accessKeyId="AK", secretAccessKey=SECRET).replace("false", "true"))
    settings = {
        "HW_REGION_NAME": "r-1",
        "HW_DOMAIN_NAME": "d",
        "OS_PROJECT_NAME": "n",
        "OS_AUTH_URL": "https://x",
    }
    outcome = run("list ds", **set_up(served, tmp_path, []), **settings)
    assert (outcome.code, served.requests) == (4, [])
    assert outcome.err == (
        "error: no credentials found; tried HUAWEICLOUD_SDK_* variables (not set), HW_* variables (not set), "
        "OS_* variables (not set), clouds.yaml (OS_CLOUD is not set), "
        "~/.huaweicloud/credentials (has only [global], which is for other services), "
        "~/.hcloud/config.json (the keys of profile default are encrypted, and only KooCLI can read them)\n"
        "hint: set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK; or add ak and sk in a section [basic] of "
        f"{tmp_path}/.huaweicloud/credentials; or run hcloud configure set --cli-auth-encrypt=false, "
        "or use another source\n"
    )


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        (
            "sdk",
            (
                "profile a: no credentials found; tried HUAWEICLOUD_SDK_* variables (not set),"
                " ~/.huaweicloud/credentials (no such file)\n"
            ),
        ),
        ("terraform", "profile a: no credentials found; tried HW_* variables (not set)\n"),
        (
            "openstack",
            (
                "profile a: no credentials found; tried OS_* variables (not set),"
                " clouds.yaml (OS_CLOUD is not set)\n"
            ),
        ),
        ("{clouds: otc}", "cloud otc of clouds.yaml: no such file in the working directory, "),
        ("{koocli: low}", "profile low of ~/.hcloud/config.json: no such file\n"),
        ("metadata", "no reply of the metadata service at http://127.0.0.1:9"),
        ("{command: [no-such-command]}", "the credential command no-such-command was not found on PATH\n"),
    ],
)
def test_source_of_a_profile_that_has_nothing_is_an_error(
    run: Run, served: Stub, tmp_path: Path, credentials: str, message: str
) -> None:
    """Also where other sources have credentials, in variables and files."""
    others = ["AK-hw", "AK-koocli"] if credentials == "sdk" else ["AK-sdk", "AK-file", "AK-metadata"]
    variables = set_up(served, tmp_path, [each for each in SOURCES if each.user in others])
    write(tmp_path / CONFIG, f"profiles: {{a: {{credentials: {credentials}}}}}")
    variables["MODELARTS_EXPORT_METADATA_ENDPOINT"] = "http://127.0.0.1:9"
    outcome = run("list ds --profile a", **variables)
    assert (outcome.code, served.requests) == (4, [])
    assert message in outcome.err
    assert "\nhint: " in outcome.err


def test_profile_tells_how_its_source_can_be_used(run: Run, tmp_path: Path) -> None:
    write(tmp_path / CONFIG, "profiles: {a: {credentials: sdk}}")
    write(tmp_path / SDK_FILE, "[global]\n")
    outcome = run("list ds --profile a --endpoint http://127.0.0.1:9 --project-id p")
    assert (
        "hint: set them, or change credentials in the profile; or add ak and sk in a section" in outcome.err
    )


def test_secrets_of_the_source_of_a_profile_are_redacted_before_anything_is_printed(
    run: Run, tmp_path: Path
) -> None:
    """Also where a setting beside them is invalid and has the secret in it."""
    write(tmp_path / CONFIG, "profiles: {a: {credentials: {clouds: otc}}}")
    write(tmp_path / CLOUDS, f"clouds: {{otc: {{ak: AK, sk: {SECRET}, region_name: in {SECRET}}}}}")
    outcome = run("list ds --profile a")
    assert (outcome.code, "'in ***' is not a region" in outcome.err) == (2, True)
    assert SECRET not in outcome.err


def test_every_form_of_a_profile_has_a_provider(tmp_path: Path) -> None:
    """The forms are those that config.yaml takes and explain shows."""
    texts = [form.text.replace("[PROGRAM, ARGUMENT...]", "[echo]") for form in FORMS]
    profiles = ", ".join(f"p{number}: {{credentials: {{{text}}}}}" for number, text in enumerate(texts))
    profiles = profiles.replace("{sdk}", "sdk").replace("{terraform}", "terraform")
    profiles = profiles.replace("{openstack}", "openstack").replace("{metadata}", "metadata")
    write(tmp_path / CONFIG, f"profiles: {{{profiles}}}")
    for number in range(len(FORMS)):
        configuration = Configuration({"HOME": str(tmp_path)}, make_flag_layer({"profile": f"p{number}"}))
        ((provider, _),) = configuration.chain.describe()[:1]
        assert list(provider.chain.describe()), texts[number]  # type: ignore[attr-defined]


NO_KEY = {"HW_ACCESS_KEY": "", "HW_SECRET_KEY": ""}


@pytest.mark.parametrize(
    ("default", "variables", "project", "region"),
    [
        # the project name of the source that wins is not replaced by the ID of another project
        ("project_id: other", {"HW_PROJECT_NAME": "r-1_sub", "HW_REGION_NAME": "r-1"}, None, "r-1"),
        ("project_id: other", {"HW_REGION_NAME": "r-1"}, "other", "r-1"),
        ("project_id: other", {"HW_PROJECT_NAME": "n", "HW_PROJECT_ID": "mine"}, "mine", None),
        ("project_id: other", {"HW_PROJECT_NAME": "n", "MODELARTS_EXPORT_PROJECT_ID": "own"}, "own", None),
        # a default profile that is the source wins over the file that it names
        ("{credentials: {clouds: otc}, region: r-2}", NO_KEY, "p-cloud", "r-2"),
        ("{credentials: {clouds: otc}, project_id: p2}", NO_KEY, "p2", "r-3"),
        ("{credentials: {clouds: otc}, region: }", NO_KEY, "p-cloud", "r-3"),
    ],
)  # fmt: skip
def test_settings_that_come_with_credentials(
    tmp_path: Path, default: str, variables: dict[str, str], project: str | None, region: str | None
) -> None:
    profile = default if default.startswith("{") else f"{{{default}}}"
    write(tmp_path / CONFIG, f"default: a\nprofiles: {{a: {profile}}}")
    write(
        tmp_path / CLOUDS, f"clouds: {{otc: {{ak: AK, sk: {SECRET}, project_id: p-cloud, region_name: r-3}}}}"
    )
    environ = {"HOME": str(tmp_path), "HW_ACCESS_KEY": "AK", "HW_SECRET_KEY": SECRET, **variables}
    configuration = Configuration(environ, make_flag_layer({}))
    settings = configuration.load_settings()
    assert (settings.project_id, settings.region) == (project, region)
    assert isinstance(configuration.credentials, AccessKey)
    origins = {"r-1": "HW_REGION_NAME", "r-2": "region of profile a (", "r-3": "region_name of cloud otc of "}
    origin = settings.origins.get("region")
    assert origin is None if region is None else str(origin).startswith(origins[region])


def test_region_is_not_needed_with_endpoint_and_project(run: Run, cloud: Cloud) -> None:
    variables = {name: value for name, value in cloud.variables.items() if "REGION" not in name}
    assert run("list sandbox-images -o id", **variables).code == 0


def test_specs_of_one_project_share_the_look_up_of_it(
    run: Run, cloud: Cloud, tmp_path: Path, stub: Stub
) -> None:
    """One client for all of them: one call to IAM, or one token for a password."""
    for number in range(3):
        write(tmp_path / f"{number}.yaml", f"dataset_id: sandbox-images\npath: /b/{number}/\n")
    found = {"projects": [{"id": cloud.sandbox.project_id, "name": "r-1"}]}
    stub.first = [Answer(body=json.dumps(found).encode())]
    places = {
        "MODELARTS_EXPORT_ENDPOINT": cloud.sandbox.url,
        "MODELARTS_EXPORT_REGION": "r-1",
        "HW_ACCESS_KEY": cloud.sandbox.access_key,
        "HW_SECRET_KEY": cloud.sandbox.secret_key,
    }
    files = " ".join(str(tmp_path / f"{number}.yaml") for number in range(3))
    queue = {"MODELARTS_EXPORT_QUEUE_TIMEOUT": "30"}
    outcome = run(f"apply {files} -o id", **places, **queue, MODELARTS_EXPORT_IAM_ENDPOINT=stub.url)
    assert (outcome.code, len(stub.requests)) == (0, 1), outcome.err
    outcome = run(f"apply {files} -o id", **cloud.with_password, **queue)
    assert outcome.code == 0, outcome.err
    tokens = [request.target for request, _ in cloud.exchanges if "/auth/tokens" in request.target]
    assert len(tokens) == 1
