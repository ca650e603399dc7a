"""Settings: their parsers, their layers and the endpoints of a region."""

import json
from pathlib import Path

import pytest

from modelarts_export.cli.options.flags import format_flag, make_flag_layer
from modelarts_export.config.environment import make_environment_layer
from modelarts_export.config.parsers import is_loopback, parse_base_url, parse_duration
from modelarts_export.config.profiles import ProfileSelection
from modelarts_export.config.settings import Settings, load_settings
from modelarts_export.errors import InvalidInputError
from modelarts_export.providers.chain import make_chain
from tests.conftest import Run, Stub

HW = {"HW_ACCESS_KEY": "AK2", "HW_SECRET_KEY": "secret-2"}


@pytest.mark.parametrize(
    ("flags", "environ", "region", "origin"),
    [
        ({"region": "a-1"}, {"MODELARTS_EXPORT_REGION": "b-1", "HW_REGION_NAME": "c-1"}, "a-1", "--region"),
        ({}, {"MODELARTS_EXPORT_REGION": "b-1", "HW_REGION_NAME": "c-1"}, "b-1", "MODELARTS_EXPORT_REGION"),
        ({}, {"MODELARTS_EXPORT_REGION": "", "HW_REGION_NAME": "c-1"}, "c-1", "HW_REGION_NAME"),
        ({}, {}, None, None),
    ],
)
def test_setting_comes_from_the_first_layer_that_has_it(
    flags: dict[str, str], environ: dict[str, str], region: str | None, origin: str | None
) -> None:
    """The order is flag, own variable, variable of the credentials; the origin is kept."""
    found = load_settings(
        make_flag_layer(flags),
        make_environment_layer(environ),
        make_chain({**environ, **HW}, ProfileSelection()).make_layer(),
    )
    assert (found.region, found.origins.get("region")) == (region, origin)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("cn-north-4", "cn-north-4.myhuaweicloud.com"),
        ("ap-southeast-1", "ap-southeast-1.myhuaweicloud.com"),
        ("eu-de", "eu-de.otc.t-systems.com"),
        ("eu-west-101", "eu-west-101.myhuaweicloud.eu"),
        ("xy-north-1", "xy-north-1.myhuaweicloud.com"),
    ],
)
def test_endpoints_are_derived_from_the_region(region: str, host: str) -> None:
    """API.md, section 7; a given endpoint replaces one of them only."""
    found = load_settings(make_flag_layer({"region": region}))
    assert (found.base_url, found.iam_url) == (f"https://modelarts.{host}", f"https://iam.{host}")
    found = load_settings(make_flag_layer({"region": region, "endpoint": "https://own.test/"}))
    assert (found.base_url, found.iam_url) == ("https://own.test", f"https://iam.{host}")
    found = load_settings(make_flag_layer({"region": region, "iam_endpoint": "https://own.test/"}))
    assert (found.base_url, found.iam_url) == (f"https://modelarts.{host}", "https://own.test")


def test_endpoints_without_a_region_are_none() -> None:
    assert (Settings().base_url, Settings().iam_url) == (None, None)


@pytest.mark.parametrize("url", ["https://own.test/v3", "https://own.test/v3/", "https://own.test"])
def test_iam_endpoint_may_end_with_the_api_version(url: str) -> None:
    """Other tools append it."""
    assert load_settings(make_flag_layer({"iam_endpoint": url})).iam_url == "https://own.test"
    variables = make_environment_layer({"MODELARTS_EXPORT_IAM_ENDPOINT": url})
    assert load_settings(variables).iam_url == "https://own.test"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("2h", 7200), ("1d", 86400), ("7", 7), ("0.5s", 0.5)]
)
def test_parse_duration_reads_units(text: str, seconds: float) -> None:
    """A bare number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1w", "1 h", "1h30m", "nan", "inf", "1e3", "٣s"])
def test_parse_duration_refuses_other_text(text: str) -> None:
    """The message has examples."""
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
def test_parse_base_url_accepts_https_and_plain_http_to_this_machine(url: str) -> None:
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
def test_endpoint_is_refused(url: str) -> None:
    """Credentials are not sent in plain text, nor to a host with a misleading name."""
    for name in ("endpoint", "iam_endpoint"):
        with pytest.raises(InvalidInputError, match=f"{format_flag(name)}: "):
            load_settings(make_flag_layer({name: url}))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.254", "::1"])
def test_loopback_host_is_recognized(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("text", ["366d", "8784h", "31622400"])
def test_longest_duration_is_a_leap_year(text: str) -> None:
    assert parse_duration(text) == 31_622_400.0
    with pytest.raises(ValueError, match="longer than a year"):
        parse_duration("31622400.1s")


@pytest.mark.parametrize(
    "name", ["project_id", "region", "endpoint", "iam_endpoint", "ca_bundle", "read_timeout"]
)
def test_empty_flag_is_an_error(name: str) -> None:
    """An unset variable of a script may cause it; no other layer is used instead."""
    with pytest.raises(InvalidInputError, match=format_flag(name)):
        load_settings(make_flag_layer({name: ""}))


@pytest.mark.parametrize(
    "variables",
    [
        {"MODELARTS_EXPORT_IAM_ENDPOINT": "{url}"},
        {"OS_AUTH_URL": "{url}/v3", "OS_USERNAME": "u", "OS_PASSWORD": "made-up", "OS_USER_DOMAIN_NAME": "d"},
        {"OS_CLOUD": "otc"},
    ],
)
@pytest.mark.parametrize("line", ["list d", "to-obs d --path /b/d/", "to-obs d --path /b/d/ --dry-run"])
def test_local_iam_does_not_go_with_the_endpoint_of_a_region(
    run: Run, stub: Stub, tmp_path: Path, variables: dict[str, str], line: str
) -> None:
    """Nothing is sent; with an endpoint of its own, ModelArts may be anywhere."""
    directory = tmp_path / ".config" / "openstack"
    directory.mkdir(parents=True)
    auth = {"auth_url": stub.url, "username": "u", "password": "made-up", "user_domain_name": "d"}
    (directory / "clouds.yaml").write_text(json.dumps({"clouds": {"otc": {"auth": auth}}}))
    (directory / "clouds.yaml").chmod(0o600)
    given = {name: value.format(url=stub.url) for name, value in variables.items()}
    outcome = run(f"{line} --region eu-de --project-id p", **given)
    assert outcome.code == 2
    assert f"IAM is on this machine ({stub.url}, " in outcome.err
    assert "the region eu-de (--region) has the endpoint https://modelarts.eu-de.otc.t-sys" in outcome.err
    assert "hint: give the endpoint of ModelArts, or the IAM of the region" in outcome.err
    assert stub.requests == []
    dry_run = run(f"to-obs d --path /b/d/ --region eu-de --endpoint {stub.url} --dry-run", **given)
    assert dry_run.code == 0, dry_run.err
