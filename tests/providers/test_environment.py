"""Credentials from variables: which provider is used, what is missing, and which values are secrets."""

from base64 import b64encode
from dataclasses import replace

import pytest

from modelarts_export.auth.credentials import AccessKey, Credentials, Password, Token
from modelarts_export.config.profiles import ProfileSelection
from modelarts_export.errors import AccessError
from modelarts_export.providers.chain import make_chain
from modelarts_export.providers.sources.environment import iter_secrets

SDK = {"HUAWEICLOUD_SDK_AK": "AK1", "HUAWEICLOUD_SDK_SK": "secret-1"}
HW = {"HW_ACCESS_KEY": "AK2", "HW_SECRET_KEY": "secret-2"}
HW_TOKEN = {"HW_AUTH_TOKEN": "token-3"}
HW_USER = {"HW_USER_NAME": "user", "HW_PASSWORD": "secret-4", "HW_DOMAIN_NAME": "domain"}
OS = {"OS_ACCESS_KEY": "AK5", "OS_SECRET_KEY": "secret-5"}
OS_USER = {"OS_USERNAME": "user", "OS_PASSWORD": "secret-4", "OS_USER_DOMAIN_NAME": "domain"}
USER = Password(user_name="user", password="secret-4", domain_name="domain")


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        (SDK, AccessKey(access_key="AK1", secret_key="secret-1")),
        (HW, AccessKey(access_key="AK2", secret_key="secret-2")),
        (HW_TOKEN, Token(token="token-3")),
        ({**HW_TOKEN, **HW, **SDK}, AccessKey(access_key="AK1", secret_key="secret-1")),
        ({**HW_TOKEN, **HW}, AccessKey(access_key="AK2", secret_key="secret-2")),
        ({**SDK, "HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": "", **HW_TOKEN}, Token(token="token-3")),
        (
            {**SDK, "HUAWEICLOUD_SDK_SECURITY_TOKEN": "temporary"},
            AccessKey(access_key="AK1", secret_key="secret-1", security_token="temporary"),
        ),
        (
            {**HW, "HW_SECURITY_TOKEN": "t"},
            AccessKey(access_key="AK2", secret_key="secret-2", security_token="t"),
        ),
        (
            {**SDK, "HW_SECURITY_TOKEN": "of another source"},
            AccessKey(access_key="AK1", secret_key="secret-1"),
        ),
        ({"HUAWEICLOUD_SDK_PROJECT_ID": "p", **HW_TOKEN}, Token(token="token-3")),
        ({"HW_AUTH_TOKEN": "token-3\n"}, Token(token="token-3")),
        ({**HW_TOKEN, "HW_PROJECT_NAME": "p"}, Token(token="token-3", project_name="p")),
        (
            {**HW, "HW_PROJECT_NAME": "p"},
            AccessKey(access_key="AK2", secret_key="secret-2", project_name="p"),
        ),
        (HW_USER, USER),
        ({**HW_USER, **HW_TOKEN}, Token(token="token-3")),
        ({**HW_USER, **HW}, AccessKey(access_key="AK2", secret_key="secret-2")),
        ({**HW_USER, **SDK}, AccessKey(access_key="AK1", secret_key="secret-1")),
        ({**HW_USER, "HW_AUTH_TOKEN": "", "HW_ACCESS_KEY": ""}, USER),
        ({**HW_USER, "HW_PROJECT_NAME": "project"}, replace(USER, project_name="project")),
        ({**HW_USER, "HW_PROJECT_NAME": ""}, USER),
        ({**HW_USER, "HW_USER_NAME": "user\n", "HW_PASSWORD": " a b \r\n"}, replace(USER, password=" a b ")),
        (OS, AccessKey(access_key="AK5", secret_key="secret-5")),
        ({**OS, **OS_USER, **HW_TOKEN}, Token(token="token-3")),
        ({**OS_USER, "OS_TOKEN": "token-6"}, Token(token="token-6")),
        ({**OS_USER, "OS_PROJECT_NAME": "project"}, replace(USER, project_name="project")),
        ({"HW_DOMAIN_NAME": "domain", **SDK}, AccessKey(access_key="AK1", secret_key="secret-1")),
    ],
)
def test_first_provider_with_a_secret_is_used(environ: dict[str, str], found: Credentials) -> None:
    """Providers are never mixed, and an empty variable is an unset one."""
    assert make_chain(environ, ProfileSelection()).load() == found


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"HUAWEICLOUD_SDK_AK": "AK1", **HW}, "HUAWEICLOUD_SDK_SK"),
        ({"HUAWEICLOUD_SDK_SK": "secret", **HW}, "HUAWEICLOUD_SDK_AK"),
        ({"HUAWEICLOUD_SDK_SECURITY_TOKEN": "t"}, "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"),
        ({"HW_SECRET_KEY": "secret", **HW_TOKEN}, "HW_ACCESS_KEY"),
        ({"HW_SECRET_KEY": "secret", **HW_USER}, "incomplete: HW_ACCESS_KEY missing"),
        ({**HW_USER, "HW_DOMAIN_NAME": ""}, "incomplete: HW_DOMAIN_NAME missing"),
        ({**HW_USER, "HW_PASSWORD": "\n"}, "incomplete: HW_PASSWORD missing"),
        ({"HW_PASSWORD": "secret-4"}, "incomplete: HW_USER_NAME and HW_DOMAIN_NAME missing"),
        ({"HW_USER_NAME": "user"}, "incomplete: HW_PASSWORD and HW_DOMAIN_NAME missing"),
        ({"HUAWEICLOUD_SDK_AK": "AK1", **HW_USER}, "HUAWEICLOUD_SDK_SK"),
        ({**OS, "OS_SECRET_KEY": ""}, "incomplete: OS_SECRET_KEY missing"),
        ({**OS_USER, "OS_USER_DOMAIN_NAME": ""}, "incomplete: OS_USER_DOMAIN_NAME missing"),
        ({"OS_AUTH_URL": "https://x/v3", "OS_REGION_NAME": "eu-de"}, "no credentials found"),
        ({"HW_DOMAIN_NAME": "domain", "HW_PROJECT_NAME": "p"}, "no credentials found"),
        ({}, "no credentials found"),
        ({"HW_REGION_NAME": "eu-de", "HW_PROJECT_ID": "p"}, "no credentials found"),
    ],
)
def test_incomplete_provider_is_an_error_that_names_what_is_missing(
    environ: dict[str, str], missing: str
) -> None:
    """The next provider is not used instead: it may belong to another account."""
    with pytest.raises(AccessError, match=missing) as caught:
        make_chain(environ, ProfileSelection()).load()
    assert ("or unset the others to use another source" in caught.value.hint) == (
        missing != "no credentials found"
    )
    assert "secret" not in str(caught.value)


def test_secrets_are_not_in_reprs() -> None:
    keys = AccessKey(access_key="AK", secret_key="hidden", security_token="hidden")
    user = Password(user_name="user", password="hidden", domain_name="domain")
    assert "hidden" not in repr([keys, Token(token="hidden"), user])


def test_iter_secrets_yields_the_secrets_of_all_providers() -> None:
    """Without the line feed of a value that was read from a file."""
    environ = {
        **SDK,
        **HW,
        **HW_TOKEN,
        **HW_USER,
        **OS,
        "HW_PASSWORD": "secret-4\n",
        "HW_SECURITY_TOKEN": "t",
    }
    assert set(iter_secrets(environ)) == {"secret-1", "secret-2", "t", "token-3", "secret-4", "secret-5"}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_iter_secrets_yields_the_password_of_a_proxy(name: str) -> None:
    """Raw, decoded and as sent; also from an invalid URL."""
    basic = b64encode(b"u@c:p/w").decode()
    expected = {"p%2Fw", "p/w", "u%40c:p%2Fw", basic}
    assert set(iter_secrets({name: "http://u%40c:p%2Fw@127.0.0.1:8"})) == expected
    assert set(iter_secrets({name: "u%40c:p%2Fw@[bad"})) == expected
    assert set(iter_secrets({name: "http://user@127.0.0.1:8"})) == set()
    assert set(iter_secrets({name: "http://127.0.0.1:8"})) == set()


def test_missing_credentials_name_what_was_tried() -> None:
    with pytest.raises(AccessError) as caught:
        make_chain({}, ProfileSelection()).load()
    for name in ("HUAWEICLOUD_SDK_*", "HW_*", "OS_*"):
        assert f"{name} variables (not set)" in str(caught.value)
    assert caught.value.hint == "set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_blank_secret_counts_as_missing(blank: str) -> None:
    with pytest.raises(AccessError, match="HUAWEICLOUD_SDK_SK missing"):
        make_chain({**SDK, "HUAWEICLOUD_SDK_SK": blank}, ProfileSelection()).load()
    assert make_chain({"HW_AUTH_TOKEN": blank}, ProfileSelection()).provider is None


@pytest.mark.parametrize("name", ["HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"])
def test_credential_that_is_not_utf8_is_named_but_not_shown(name: str) -> None:
    environ = {"HW_ACCESS_KEY": "ak", "HW_SECRET_KEY": "sk", "HW_SECURITY_TOKEN": "st", name: "made-up\udcff"}
    with pytest.raises(AccessError, match=f"^{name} is not valid UTF-8$"):
        make_chain(environ, ProfileSelection()).load()
