"""Settings and credentials: which source wins, and what a bad value is told."""

from base64 import b64encode
from dataclasses import replace

import pytest

from modelarts_export.auth import credentials
from modelarts_export.auth.credentials import AccessKey, Password, Token
from modelarts_export.config.environment import flag_name, make_environment_layer, make_flag_layer
from modelarts_export.config.options import SettingsLayer
from modelarts_export.config.parsers import is_loopback, parse_base_url, parse_duration
from modelarts_export.config.settings import Settings, load_settings
from modelarts_export.errors import AccessError, InvalidInputError

SDK = {"HUAWEICLOUD_SDK_AK": "AK1", "HUAWEICLOUD_SDK_SK": "secret-1"}
HW = {"HW_ACCESS_KEY": "AK2", "HW_SECRET_KEY": "secret-2"}
HW_TOKEN = {"HW_AUTH_TOKEN": "token-3"}
HW_USER = {"HW_USER_NAME": "user", "HW_PASSWORD": "secret-4", "HW_DOMAIN_NAME": "domain"}
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
        (HW_USER, USER),
        ({**HW_USER, **HW_TOKEN}, Token(token="token-3")),
        ({**HW_USER, **HW}, AccessKey(access_key="AK2", secret_key="secret-2")),
        ({**HW_USER, **SDK}, AccessKey(access_key="AK1", secret_key="secret-1")),
        ({**HW_USER, "HW_AUTH_TOKEN": "", "HW_ACCESS_KEY": ""}, USER),
        ({**HW_USER, "HW_PROJECT_NAME": "project"}, replace(USER, project_name="project")),
        ({**HW_USER, "HW_PROJECT_NAME": ""}, USER),
        ({**HW_USER, "HW_USER_NAME": "user\n", "HW_PASSWORD": " a b \r\n"}, replace(USER, password=" a b ")),
        ({"HW_DOMAIN_NAME": "domain", **SDK}, AccessKey(access_key="AK1", secret_key="secret-1")),
    ],
)
def test_the_first_source_with_a_secret_wins(environ: dict[str, str], found: credentials.Credentials) -> None:
    """Sources are never mixed, and an empty variable is an unset one."""
    assert credentials.load_credentials(credentials.first_configured(environ), environ) == found


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
        ({"HW_DOMAIN_NAME": "domain", "HW_PROJECT_NAME": "p"}, "no credentials found"),
        ({}, "no credentials found"),
        ({"HW_REGION_NAME": "eu-de", "HW_PROJECT_ID": "p"}, "no credentials found"),
    ],
)
def test_half_a_source_is_an_error_that_names_the_other_half(environ: dict[str, str], missing: str) -> None:
    """It does not fall through to the next source, which may be of another account."""
    with pytest.raises(AccessError, match=missing) as caught:
        credentials.load_credentials(credentials.first_configured(environ), environ)
    assert caught.value.hint
    assert "secret" not in str(caught.value)


def test_secrets_do_not_show_in_reprs() -> None:
    """Not in a log, not in a debugger's list of variables."""
    keys = AccessKey(access_key="AK", secret_key="hidden", security_token="hidden")
    user = Password(user_name="user", password="hidden", domain_name="domain")
    assert "hidden" not in repr([keys, Token(token="hidden"), user])


def test_every_secret_is_known() -> None:
    """Also those of sources that did not win, and without the line feed of a file."""
    environ = {**SDK, **HW, **HW_TOKEN, **HW_USER, "HW_PASSWORD": "secret-4\n", "HW_SECURITY_TOKEN": "t"}
    assert set(credentials.iter_secrets(environ)) == {"secret-1", "secret-2", "t", "token-3", "secret-4"}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_password_of_a_proxy_is_a_secret(name: str) -> None:
    """As it is written, as it is meant, and as the credentials that are sent; a bad URL has one, too."""
    basic = b64encode(b"u@c:p/w").decode()
    expected = {"p%2Fw", "p/w", "u%40c:p%2Fw", basic}
    assert set(credentials.iter_secrets({name: "http://u%40c:p%2Fw@127.0.0.1:8"})) == expected
    assert set(credentials.iter_secrets({name: "u%40c:p%2Fw@[bad"})) == expected
    assert set(credentials.iter_secrets({name: "http://user@127.0.0.1:8"})) == set()
    assert set(credentials.iter_secrets({name: "http://127.0.0.1:8"})) == set()


def test_what_can_be_set_is_named() -> None:
    """Who has no credentials yet is told of each kind."""
    with pytest.raises(AccessError) as caught:
        credentials.load_credentials(None, {})
    others = "HW_AUTH_TOKEN, or HW_USER_NAME, HW_PASSWORD and HW_DOMAIN_NAME"
    assert caught.value.hint.endswith(f"HUAWEICLOUD_SDK_SK, or HW_ACCESS_KEY and HW_SECRET_KEY, or {others}")


@pytest.mark.parametrize(
    ("flags", "environ", "region", "origin"),
    [
        ({"region": "a-1"}, {"MODELARTS_EXPORT_REGION": "b-1", "HW_REGION_NAME": "c-1"}, "a-1", "--region"),
        ({}, {"MODELARTS_EXPORT_REGION": "b-1", "HW_REGION_NAME": "c-1"}, "b-1", "MODELARTS_EXPORT_REGION"),
        ({}, {"MODELARTS_EXPORT_REGION": "", "HW_REGION_NAME": "c-1"}, "c-1", "HW_REGION_NAME"),
        ({}, {}, None, None),
    ],
)
def test_a_setting_comes_from_the_first_that_has_it(
    flags: dict[str, str], environ: dict[str, str], region: str | None, origin: str | None
) -> None:
    """Flag, own variable, then what the winning credential source says; and its origin is known."""
    source = credentials.first_configured({**environ, **HW})
    found = load_settings(
        make_flag_layer(flags),
        make_environment_layer(environ),
        SettingsLayer(
            values=credentials.get_region_and_project(source, environ),
            origin=lambda name: credentials.get_variable(source, name),
        ),
    )
    assert (found.region, found.origins.get("region")) == (region, origin)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("cn-north-4", "cn-north-4.myhuaweicloud.com"),
        ("ap-southeast-1", "ap-southeast-1.myhuaweicloud.com"),
        ("eu-de", "eu-de.otc.t-systems.com"),
    ],
)
def test_the_endpoints_follow_from_the_region(region: str, host: str) -> None:
    """API.md, section 7; one that is given wins, and the other still follows."""
    found = load_settings(make_flag_layer({"region": region}))
    assert (found.base_url, found.iam_url) == (f"https://modelarts.{host}", f"https://iam.{host}")
    found = load_settings(make_flag_layer({"region": region, "endpoint": "https://own.test/"}))
    assert (found.base_url, found.iam_url) == ("https://own.test", f"https://iam.{host}")
    found = load_settings(make_flag_layer({"region": region, "iam_endpoint": "https://own.test/"}))
    assert (found.base_url, found.iam_url) == (f"https://modelarts.{host}", "https://own.test")


def test_without_a_region_there_is_no_endpoint() -> None:
    """Neither is guessed."""
    assert (Settings().base_url, Settings().iam_url) == (None, None)


@pytest.mark.parametrize("url", ["https://own.test/v3", "https://own.test/v3/", "https://own.test"])
def test_the_endpoint_of_iam_as_other_tools_have_it(url: str) -> None:
    """They put the version of the API behind it; and the variable is read like the flag."""
    assert load_settings(make_flag_layer({"iam_endpoint": url})).iam_url == "https://own.test"
    variables = make_environment_layer({"MODELARTS_EXPORT_IAM_ENDPOINT": url})
    assert load_settings(variables).iam_url == "https://own.test"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("2h", 7200), ("1d", 86400), ("7", 7), ("0.5s", 0.5)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    """A bare number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1w", "1 h", "1h30m", "nan", "inf", "1e3", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """With an example of one that is."""
    with pytest.raises(ValueError, match="such as 90s, 20m or 2h"):
        parse_duration(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://modelarts.eu-de.otc.t-systems.com",
        "https://proxy.test:8443/modelarts",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:80",
        "http://localhost:1",
        "HTTPS://own.test",
    ],
)
def test_endpoints_that_are_good(url: str) -> None:
    """Anything over TLS, and this machine without it."""
    assert parse_base_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://own.test",
        "http://127.0.0.1.own.test",
        "http://localhost.own.test",
        "http://2130706433",
        "http://127.1",
        "http://169.254.169.254",
        "http://user@localhost",
        "https://user:word@own.test",
        "https://own.test?a=b",
        "https://own.test#a",
        "own.test",
        "ftp://own.test",
        "https://",
        "https://own.test:port",
        "https://own.test:99999",
        "https://[::1",
        "https://own .test",
        "https://own.test\\@other.test",
        "https://own.test\n",
    ],
)
def test_endpoints_that_are_refused(url: str) -> None:
    """Credentials are not sent in the open, nor to a host that only looks right."""
    for name in ("endpoint", "iam_endpoint"):
        with pytest.raises(InvalidInputError, match=f"{flag_name(name)}: "):
            load_settings(make_flag_layer({name: url}))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.254", "::1"])
def test_this_machine(host: str) -> None:
    """The names under which plain http is allowed, and under which no proxy is asked."""
    assert is_loopback(host)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_secret_is_none(blank: str) -> None:
    """What is missing is named, and an empty token is not sent."""
    with pytest.raises(AccessError, match="HUAWEICLOUD_SDK_SK missing"):
        credentials.load_credentials(credentials.first_configured(SDK), {**SDK, "HUAWEICLOUD_SDK_SK": blank})
    assert credentials.first_configured({"HW_AUTH_TOKEN": blank}) is None


@pytest.mark.parametrize("name", ["HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"])
def test_a_credential_that_is_not_utf8(name: str) -> None:
    """It is named, and its value is not shown."""
    environ = {"HW_ACCESS_KEY": "ak", "HW_SECRET_KEY": "sk", "HW_SECURITY_TOKEN": "st", name: "made-up\udcff"}
    with pytest.raises(AccessError, match=f"^{name} is not valid UTF-8$"):
        credentials.load_credentials(credentials.first_configured(environ), environ)


@pytest.mark.parametrize("text", ["366d", "8784h", "31622400"])
def test_the_longest_duration(text: str) -> None:
    """A leap year and not a second more."""
    assert parse_duration(text) == 31_622_400.0
    with pytest.raises(ValueError, match="longer than a year"):
        parse_duration("31622400.1s")


@pytest.mark.parametrize(
    "name", ["project_id", "region", "endpoint", "iam_endpoint", "ca_bundle", "read_timeout"]
)
def test_an_empty_flag_is_a_mistake(name: str) -> None:
    """As of a variable that was not set in a script; another source must not step in for it."""
    with pytest.raises(InvalidInputError, match=flag_name(name)):
        load_settings(make_flag_layer({name: ""}))
