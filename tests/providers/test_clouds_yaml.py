"""clouds.yaml: where it is found, which values of a cloud are used, and what a stranger's file cannot do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelarts_export.auth.credentials import AccessKey, Credentials, Password, Token
from modelarts_export.errors import AccessError
from modelarts_export.providers.sources import clouds_yaml
from modelarts_export.providers.sources.clouds_yaml import make_clouds_provider
from modelarts_export.providers.sources.file_provider import FileProvider
from modelarts_export.providers.sources.provider import Finding, Status
from tests.conftest import Cloud, Run, Stub

SECRET = "made-up-secret-of-clouds-yaml"
KEYS = {"ak": "AK1", "sk": SECRET}
KEY = AccessKey(access_key="AK1", secret_key=SECRET)
USER = {"username": "user", "password": SECRET, "user_domain_name": "domain"}
PASSWORD = Password(user_name="user", password=SECRET, domain_name="domain")
Json = dict[str, Any]


def write(file: Path, content: object) -> None:
    """Write a file, YAML unless it is text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    file.chmod(0o600)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's directory of OpenStack's files; the working directory is another one, and empty."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / ".config" / "openstack"


def make_provider(own: Path, cloud: object = None, name: str = "otc", **variables: str) -> FileProvider:
    """Return the provider of a cloud that the user's file has."""
    if cloud is not None:
        write(own / "clouds.yaml", {"clouds": {"otc": cloud}})
    return make_clouds_provider(name, {"HOME": str(own.parent.parent), **variables})


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [
        (KEYS, KEY),
        ({"auth": KEYS}, KEY),
        ({"access_key": "AK1", "auth": {"secret-key": SECRET}}, KEY),
        (
            {**KEYS, "security_token": "t", "auth": USER},
            AccessKey(access_key="AK1", secret_key=SECRET, security_token="t"),
        ),
        ({"auth": {"ak": "AK2", "sk": "x"}, **KEYS, "access_key": ""}, KEY),
        ({**KEYS, "auth_type": "v3oidcpassword"}, KEY),
        ({"auth_type": "token", "auth": {**USER, "token": SECRET}}, Token(token=SECRET)),
        ({"auth": {"auth-token": SECRET}}, Token(token=SECRET)),
        ({"auth": USER}, PASSWORD),
        ({"auth_type": "v3password", "auth": USER}, PASSWORD),
        ({"auth": {"username": "user", "password": SECRET, "domain_name": "domain"}}, PASSWORD),
        (
            {"default_domain_name": "domain", "auth": {"username": "user", "password": SECRET}},
            PASSWORD,
        ),
        (
            {"default_domain_id": "d1", "auth": {"username": "user", "password": SECRET}},
            Password(user_name="user", password=SECRET, domain_id="d1"),
        ),
        (
            {"auth": {"username": "user", "password": f" {SECRET} ", "user_domain_id": "d1"}},
            Password(user_name="user", password=f" {SECRET} ", domain_id="d1"),
        ),
        (
            {"auth": {**USER, "project_name": "eu-de_x", "project_domain_name": "domain"}},
            Password(user_name="user", password=SECRET, domain_name="domain", project_name="eu-de_x"),
        ),
    ],
)
def test_key_token_or_password_of_the_cloud_is_used(own: Path, cloud: Json, expected: Credentials) -> None:
    provider = make_provider(own, cloud)
    assert provider.describe().status is Status.FOUND
    assert provider.load() == expected
    assert SECRET in "".join(provider.secrets())


def test_anchors_and_merge_keys_are_read(own: Path) -> None:
    write(
        own / "clouds.yaml",
        f"x-auth: &auth {{username: user, password: {SECRET}, user_domain_name: other}}\n"
        "clouds:\n  otc: &otc\n    auth: {<<: *auth, user_domain_name: domain}\n    region_name: eu-de\n"
        "  second: {<<: *otc, region_name: eu-nl}\n",
    )
    provider = make_provider(own, name="second")
    assert provider.load() == PASSWORD
    assert provider.make_layer().values == {"region": "eu-nl"}


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [
        (
            {"region_name": "eu-de", "auth": {"auth_url": "https://iam.x/v3", "project_id": "p"}},
            {"region": "eu-de", "iam_endpoint": "https://iam.x/v3", "project_id": "p"},
        ),
        ({"modelartsv2_endpoint_override": "https://ma.x/v2/p1"}, {"endpoint": "https://ma.x"}),
        ({"modelartsv2_endpoint_override": "https://ma.x/v2/%(project_id)s/"}, {"endpoint": "https://ma.x"}),
        ({"modelarts_endpoint_override": "https://x.y/ma/"}, {"endpoint": "https://x.y/ma/"}),
        (
            {"region_name": "eu-de", "auth": {"auth_url": "https://iam.{region_name}.x/v3"}},
            {"region": "eu-de", "iam_endpoint": "https://iam.eu-de.x/v3"},
        ),
        ({"verify": False, "insecure": True, "cacert": "/ca.pem"}, {"ca_bundle": "/ca.pem"}),
        ({"tenant_id": "p", "auth": {"tenant-name": "n"}}, {"project_id": "p", "project_name": "n"}),
    ],
)
def test_settings_of_the_cloud_are_a_layer(own: Path, cloud: Json, expected: Json) -> None:
    """`verify: false` never turns the verification of certificates off."""
    provider = make_provider(own, cloud)
    layer = provider.make_layer()
    assert layer.values == expected
    assert all(f"of cloud otc of {own}/clouds.yaml" in layer.origin(name) for name in expected)


def test_certificates_may_be_in_the_home_directory(own: Path) -> None:
    values = make_provider(own, {"cacert": "~/ca.pem"}).make_layer().values
    assert values == {"ca_bundle": f"{own.parent.parent}/ca.pem"}


VALUES = {"name": "eu-nl", "values": {"auth": {"project_id": "p2"}}}


@pytest.mark.parametrize(
    ("cloud", "chosen", "expected"),
    [
        ({"regions": ["eu-de"]}, "", {"region": "eu-de"}),
        ({"regions": ["eu-de", "eu-nl"]}, "", {}),
        ({"regions": ["eu-de", "eu-nl"]}, "eu-nl\n", {"region": "eu-nl"}),
        ({"region_name": "eu-de,eu-nl"}, "eu-nl", {"region": "eu-nl"}),
        (
            {"regions": ["eu-de", VALUES], "project_id": "p1"},
            "eu-de",
            {"region": "eu-de", "project_id": "p1"},
        ),
        ({"regions": ["eu-de", VALUES]}, "eu-nl", {"region": "eu-nl", "project_id": "p2"}),
        ({}, "eu-nl", {"region": "eu-nl"}),
    ],
)
def test_region_is_the_only_one_or_the_chosen_one(
    own: Path, cloud: Json, chosen: str, expected: Json
) -> None:
    provider = make_provider(own, {**KEYS, **cloud}, OS_REGION_NAME=chosen)
    assert provider.make_layer().values == expected
    assert provider.load() == KEY


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
@pytest.mark.parametrize("place", ["work", "xdg/openstack", ".config/openstack", "etc"])
def test_file_is_found_in_each_directory_with_each_suffix(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, suffix: str
) -> None:
    """The working directory first, then those of the user and of the system; YAML before JSON."""
    assert str(clouds_yaml._SYSTEM_DIRECTORY) == "/etc/openstack"
    monkeypatch.setattr(clouds_yaml, "_SYSTEM_DIRECTORY", tmp_path / "etc")
    order = ["work/clouds", "xdg/openstack/clouds", ".config/openstack/clouds", "etc/clouds"]
    for number, stem in enumerate(order[order.index(f"{place}/clouds") :]):
        cloud = KEYS if number == 0 else {"ak": "AK2", "sk": "x"}
        note = "\N{GRINNING FACE}" if suffix == ".json" else ""  # two escapes in JSON, which YAML refuses
        write(tmp_path / (stem + suffix), json.dumps({"note": note, "clouds": {"otc": cloud}}))
    if suffix == ".yaml":
        write(tmp_path / place / "clouds.json", "broken")
    assert make_provider(own, XDG_CONFIG_HOME=str(tmp_path / "xdg")).load() == KEY


def test_relative_config_directory_is_not_searched(own: Path, tmp_path: Path) -> None:
    write(tmp_path / "work" / "xdg" / "openstack" / "clouds.yaml", {"clouds": {"otc": KEYS}})
    places = f"the working directory, {tmp_path}/.config/openstack, /etc/openstack"
    with pytest.raises(AccessError, match=f"no such file in {places}$"):
        make_provider(own, XDG_CONFIG_HOME="xdg").load()


def test_file_that_a_variable_names_is_the_only_one(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.yaml"
    provider = make_provider(own, {"ak": "AK2", "sk": "x"}, OS_CLIENT_CONFIG_FILE=str(file))
    with pytest.raises(AccessError, match=f"^cloud otc of clouds.yaml: {file}: no such file$"):
        provider.load()
    write(file, {"clouds": {"otc": KEYS}})
    assert make_provider(own, OS_CLIENT_CONFIG_FILE=str(file)).load() == KEY


def test_secure_file_is_merged(own: Path, tmp_path: Path) -> None:
    """Its values win, and a variable can name another one."""
    write(own / "secure.yaml", {"clouds": {"otc": {"auth": {"password": SECRET}}, "hidden": KEYS}})
    cloud = {"auth": {**USER, "password": "old"}, "region_name": "eu-de"}
    assert make_provider(own, cloud).load() == PASSWORD
    assert make_provider(own, name="hidden").load() == KEY
    write(tmp_path / "other.json", json.dumps({"clouds": {"otc": KEYS}}))
    assert make_provider(own, OS_CLIENT_SECURE_FILE=str(tmp_path / "other.json")).load() == KEY


def test_profile_has_the_defaults_of_a_local_file_only(own: Path) -> None:
    defaults = {"auth": {"auth_url": "https://iam.x/v3", "username": "nobody"}, "region_name": "eu-de"}
    cloud = {"profile": "mine", "auth": USER, "region_name": "eu-nl"}
    assert make_provider(own, cloud).make_layer().values == {"region": "eu-nl"}
    write(own / "clouds-public.yaml", {"public-clouds": {"mine": defaults}})
    provider = make_provider(own, cloud)
    assert provider.load() == PASSWORD
    assert provider.make_layer().values == {"region": "eu-nl", "iam_endpoint": "https://iam.x/v3"}
    for other in ({"cloud": "mine", "auth": USER}, {"profile": "mine", "auth": USER, "region_name": None}):
        assert make_provider(own, other).make_layer().values["region"] == "eu-de"


STRANGE = {"auth": {"username": "user", "user_domain_name": "domain", "auth_url": "https://stranger.test"}}


def test_strangers_file_does_not_get_the_password_of_the_users_secure_file(own: Path, tmp_path: Path) -> None:
    """A checkout's clouds.yaml could name its own server; the variable that names the file trusts it."""
    write(own / "secure.yaml", {"clouds": {"otc": {"auth": {"password": SECRET}}}})
    write(tmp_path / "work" / "clouds.yaml", {"clouds": {"otc": STRANGE}})
    provider = make_provider(own)
    with pytest.raises(AccessError, match="incomplete: password missing") as caught:
        provider.load()
    assert "OS_CLIENT_CONFIG_FILE names this clouds.yaml" in caught.value.hint
    assert list(provider.secrets()) == []
    assert make_provider(own, OS_CLIENT_CONFIG_FILE="clouds.yaml").load() == PASSWORD


@pytest.mark.parametrize("name", ["secure.yaml", "clouds-public.yaml"])
@pytest.mark.parametrize("by_variable", [False, True])
def test_strangers_files_do_not_complete_the_users_file(
    own: Path, tmp_path: Path, name: str, *, by_variable: bool
) -> None:
    key = "clouds" if name == "secure.yaml" else "public-clouds"
    write(tmp_path / "work" / name, {key: {"otc": STRANGE}})
    variables = {"OS_CLIENT_CONFIG_FILE": str(own / "clouds.yaml")} if by_variable else {}
    provider = make_provider(own, {"profile": "otc", "auth": USER}, **variables)
    assert provider.load() == PASSWORD
    assert provider.make_layer().values == {}


def test_secure_file_completes_a_file_beside_it(own: Path, tmp_path: Path) -> None:
    write(tmp_path / "work" / "clouds.yaml", {"clouds": {"otc": STRANGE}})
    write(tmp_path / "work" / "secure.yaml", {"clouds": {"otc": {"auth": {"password": SECRET}}}})
    for variables in ({}, {"OS_CLIENT_CONFIG_FILE": "clouds.yaml"}):
        assert make_provider(own, **variables).load() == PASSWORD


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"clouds": {"otc": {}}}, "cloud otc of {file} has no credentials"),
        ({"clouds": {"otc": None}}, "has no credentials"),
        ({"clouds": {"otc": {"ak": "AK1"}}}, "cloud otc of {file} is incomplete: secret_key missing"),
        ({"clouds": {"otc": {"auth": {"secret_key": SECRET}}}}, "incomplete: access_key missing"),
        ({"clouds": {"otc": {"ak": "AK1", "auth": USER}}}, "incomplete: secret_key missing"),
        ({"clouds": {"otc": {"auth": {"password": SECRET}}}}, "username and user_domain_name missing"),
        ({"clouds": {"otc": {"auth": {"username": "user"}}}}, "password and user_domain_name missing"),
        ({"clouds": {"otd": KEYS}}, "{file}: no cloud 'otc'; did you mean 'otd'?"),
        ({"clouds": {}}, "no cloud 'otc'"),
        ({}, "no cloud 'otc'"),
        ("", "no cloud 'otc'"),
        (SECRET, "{file}: clouds is not in a mapping"),
        ({"clouds": [SECRET]}, "{file}: clouds is not a mapping"),
        ({"clouds": {"otc": SECRET}}, "{file}: otc is not a mapping"),
        ({"clouds": {"otc": {"auth": SECRET}}}, "auth is not a mapping"),
        (f"clouds: {{otc: {{ak: AK1, sk: 0123}}}} # {SECRET}", "sk of cloud otc of {file} is not text"),
        (
            f"clouds: {{otc: {{project_id: 0123, sk: {SECRET}}}}}",
            "project_id of cloud otc of {file} is not text",
        ),
        (
            {"clouds": {"otc": {"auth": {**USER, "password": 1234}}}},
            "password of cloud otc of {file} is not text",
        ),
        ({"clouds": {"otc": {**KEYS, "sk": [SECRET]}}}, "sk of cloud otc of {file} is not text"),
        ({"clouds": {"otc": {**KEYS, "region_name": 1}}}, "region_name is not text"),
        ({"clouds": {"otc": {**KEYS, "regions": [1]}}}, "the name of a region is not text"),
        (
            {"clouds": {"otc": {**KEYS, "ak": f"{SECRET}\n1"}}},
            "ak of cloud otc of {file} contains an invalid",
        ),
        (
            {"clouds": {"otc": {"auth_type": "v3applicationcredential", "auth": {"token": ""}}}},
            "the auth_type 'v3applicationcredential' is not supported",
        ),
        (f"clouds: {{otc: {{sk: {SECRET}", "{file}: line 2: "),
        (f"clouds: {{otc: !vault {SECRET}}}", "{file}: line 1: the tag !vault is not supported"),
        ("[" * 100_000, "{file}: line 1: "),
    ],
)
def test_cloud_that_is_incomplete_or_broken_is_an_error(
    run: Run, own: Path, content: object, message: str
) -> None:
    """No other source is used instead, and no part of the file is shown but its keys."""
    write(own / "clouds.yaml", content)
    write(own.parent.parent / ".huaweicloud" / "credentials", "[basic]\nak=AK2\nsk=x\nproject_id=p\n")
    outcome = run("list abc --endpoint http://127.0.0.1:9 --project-id p", OS_CLOUD="otc")
    assert (outcome.code, outcome.out) == (4, "")
    assert message.replace("{file}", str(own / "clouds.yaml")) in outcome.err
    assert SECRET not in outcome.err


def test_region_that_the_cloud_does_not_have_is_an_error(own: Path) -> None:
    provider = make_provider(own, {**KEYS, "regions": ["eu-de", "eu-nl"]}, OS_REGION_NAME="eu-ch")
    assert provider.make_layer().values == {}
    with pytest.raises(AccessError, match="no region 'eu-ch'") as caught:
        provider.load()
    assert caught.value.hint == "it has 'eu-de' and 'eu-nl'"


def test_without_the_name_of_a_cloud_no_file_is_read(own: Path) -> None:
    write(own / "clouds.yaml", "broken: [")
    finding = make_provider(own, name="").describe()
    assert finding == Finding(status=Status.ABSENT, reason="OS_CLOUD is not set")


def test_missing_file_names_the_variable(run: Run) -> None:
    outcome = run("list abc --endpoint http://127.0.0.1:9 --project-id p", OS_CLOUD="otc")
    assert outcome.code == 4
    assert "cloud otc of clouds.yaml: no such file" in outcome.err
    assert "OS_CLIENT_CONFIG_FILE" in outcome.err


@pytest.mark.parametrize("kind", ["keys", "token", "password"])
def test_submission_with_the_file(run: Run, cloud: Cloud, own: Path, kind: str) -> None:
    """All that the command needs is in the file; the override is that of the OpenStack client."""
    sandbox, user = cloud.sandbox, cloud.sandbox.user
    credentials: dict[str, Json] = {
        "keys": {"ak": sandbox.access_key, "sk": sandbox.secret_key, "project_id": sandbox.project_id},
        "token": {"auth": {"token": sandbox.token, "project_id": sandbox.project_id}},
        "password": {
            "auth": {
                "auth_url": f"{sandbox.url}/v3",
                "username": user.user_name,
                "password": user.password,
                "user_domain_name": user.domain_name,
                "project_name": user.project_name,
            }
        },
    }
    override = {"modelartsv2_endpoint_override": f"{sandbox.url}/v2/{sandbox.project_id}"}
    write(own / "clouds.yaml", {"clouds": {"otc": {**credentials[kind], **override}}})
    outcome = run("to-obs sandbox-images --path /b/d/ -o json", OS_CLOUD="otc")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["project_id"] == sandbox.project_id


def test_variables_win_over_the_cloud(run: Run, stub: Stub, own: Path) -> None:
    """Nothing of the cloud is mixed in, not even its region."""
    write(own / "clouds.yaml", {"clouds": {"otc": {**KEYS, "region_name": "eu-de", "project_id": "other"}}})
    variables = {"OS_TOKEN": "made-up-token", "OS_PROJECT_ID": "0123"}
    outcome = run("list abc", OS_CLOUD="otc", MODELARTS_EXPORT_ENDPOINT=stub.url, **variables)
    (request,) = stub.requests
    assert request[1].startswith("/v2/0123/")
    assert request[2]["X-Auth-Token"] == "made-up-token"
    assert "other" not in outcome.err


def test_domain_id_is_sent_to_iam(run: Run, stub: Stub, own: Path) -> None:
    auth = {"username": "user", "password": SECRET, "user_domain_id": "d1", "project_id": "p"}
    write(own / "clouds.yaml", {"clouds": {"otc": {"auth": {**auth, "auth_url": stub.url}}}})
    run("list abc", OS_CLOUD="otc", MODELARTS_EXPORT_ENDPOINT=stub.url)
    user = json.loads(stub.requests[0][3])["auth"]["identity"]["password"]["user"]
    assert user == {"name": "user", "password": SECRET, "domain": {"id": "d1"}}


@pytest.mark.parametrize("line", ["list d", "to-obs d --path /b/d/", "to-obs d"])
def test_unknown_cloud_is_one_problem_without_consequences(run: Run, tmp_path: Path, line: str) -> None:
    """The region, the endpoint and the project of the cloud are not known."""
    file = tmp_path / ".config" / "openstack" / "clouds.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("clouds: {otc: {}}")
    file.chmod(0o600)
    outcome = run(line, OS_CLOUD="nope")
    assert f"{file}: no cloud 'nope'" in outcome.err
    assert "cloud nope of" not in outcome.err
    assert "no project ID" not in outcome.err
    assert "no endpoint" not in outcome.err
