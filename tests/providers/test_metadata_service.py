"""Keys of the metadata service: only when asked for, with and without a token of the service."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelarts_export import ToObs, connect
from modelarts_export.config.parsers import parse_metadata_url
from modelarts_export.errors import AccessError, TemporaryError
from modelarts_export.providers.sources import metadata_service
from modelarts_export.providers.sources.metadata_service import MetadataProvider
from tests.conftest import Answer, Cloud, Run, Stub

TOKEN = Answer(status=200, body=b"made-up-metadata-token\n")
LIST = "list sandbox-images -o id"


def make_keys(cloud: Cloud, seconds: float = 86400.0, **changes: object) -> Answer:
    """Return the service's reply with the keys of a sandbox, which expire in some seconds."""
    keys = {
        "access": cloud.sandbox.access_key,
        "secret": cloud.sandbox.secret_key,
        "securitytoken": "made-up-security-token",
        "expires_at": datetime.fromtimestamp(time.time() + seconds, UTC).isoformat().replace("+00:00", "Z"),
    }
    return Answer(status=200, body=json.dumps({"credential": {**keys, **changes}}).encode())


def make_variables(cloud: Cloud, stub: Stub) -> dict[str, str]:
    """Return the settings of a sandbox, with the keys of a metadata service."""
    return {
        "MODELARTS_EXPORT_ENDPOINT": cloud.sandbox.url,
        "MODELARTS_EXPORT_PROJECT_ID": cloud.sandbox.project_id,
        "MODELARTS_EXPORT_CREDENTIALS": "metadata",
        "MODELARTS_EXPORT_METADATA_ENDPOINT": stub.url,
    }


def test_keys_of_the_agency_sign_requests(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [TOKEN, make_keys(cloud)]
    outcome = run(f"{LIST} --debug", **make_variables(cloud, stub))
    assert outcome.code == 0, outcome.err
    assert [(method, path) for method, path, *_ in stub.requests] == [
        ("PUT", "/meta-data/latest/api/token"),
        ("GET", "/openstack/latest/securitykey"),
    ]
    assert stub.requests[0][2]["X-Metadata-Token-Ttl-Seconds"] == "21600"
    assert stub.requests[1][2]["X-Metadata-Token"] == "made-up-metadata-token"
    request, _ = cloud.exchanges[0]
    assert request.headers["X-Security-Token"] == "made-up-security-token"
    assert f"> PUT {stub.url}/meta-data/latest/api/token" in outcome.err
    assert f"> GET {stub.url}/openstack/latest/securitykey" in outcome.err
    for secret in (cloud.sandbox.secret_key, "made-up-security-token", "made-up-metadata-token"):
        assert secret not in outcome.err


def test_verbose_has_a_line_for_each_call(run: Run, cloud: Cloud, stub: Stub) -> None:
    """Of the service, and of IAM for the project."""
    found = {"projects": [{"id": cloud.sandbox.project_id, "name": "eu-de"}]}
    stub.first = [TOKEN, make_keys(cloud), Answer(body=json.dumps(found).encode())]
    variables = make_variables(cloud, stub) | {
        "MODELARTS_EXPORT_PROJECT_ID": "",
        "MODELARTS_EXPORT_REGION": "eu-de",
    }
    outcome = run(f"{LIST} -v", **variables, MODELARTS_EXPORT_IAM_ENDPOINT=stub.url)
    assert outcome.code == 0, outcome.err
    calls = [line.partition(" 200 ")[0] for line in outcome.err.splitlines()]
    assert calls[0] == "no profile; credentials: metadata service"
    assert calls[1:4] == [
        f"PUT {stub.url}/meta-data/latest/api/token",
        f"GET {stub.url}/openstack/latest/securitykey",
        f"GET {stub.url}/v3/projects?name=eu-de",
    ]


@pytest.mark.parametrize("status", [404, 405, 503])
def test_service_without_tokens_is_asked_without_one(run: Run, cloud: Cloud, stub: Stub, status: int) -> None:
    stub.first = [Answer(status=status, body=b""), make_keys(cloud)]
    assert run(LIST, **make_variables(cloud, stub)).code == 0
    assert "X-Metadata-Token" not in stub.requests[1][2]


def test_other_sources_come_first(run: Run, cloud: Cloud, stub: Stub) -> None:
    assert run(LIST, **make_variables(cloud, stub) | cloud.variables).code == 0
    assert stub.requests == []


def test_service_is_not_called_unless_asked_for(run: Run, cloud: Cloud, stub: Stub) -> None:
    variables = make_variables(cloud, stub) | {"MODELARTS_EXPORT_CREDENTIALS": ""}
    outcome = run(LIST, **variables)
    assert (outcome.code, stub.requests) == (4, [])
    outcome = run(LIST, **variables | {"MODELARTS_EXPORT_CREDENTIALS": "metdata"})
    assert (outcome.code, stub.requests) == (2, [])
    assert "MODELARTS_EXPORT_CREDENTIALS: 'metdata' is not a valid source" in outcome.err


def test_dry_run_does_not_call_the_service(run: Run, cloud: Cloud, stub: Stub) -> None:
    assert run("to-obs d --path /b/d/ --dry-run", **make_variables(cloud, stub)).code == 0
    assert stub.requests == []


def test_profile_asks_for_the_service(run: Run, cloud: Cloud, stub: Stub, tmp_path: Path) -> None:
    """A named profile is asked before the variables."""
    file = tmp_path / ".config" / "modelarts-export" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("profiles: {node: {credentials: metadata}}")
    stub.first = [TOKEN, make_keys(cloud)]
    variables = make_variables(cloud, stub) | {"MODELARTS_EXPORT_CREDENTIALS": ""}
    other = {"HW_ACCESS_KEY": "AKOTHER", "HW_SECRET_KEY": "made-up-secret"}
    assert run(f"{LIST} --profile node", **variables, **other).code == 0


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([TOKEN, Answer(status=401, body=b"configure Cloud Service Agency")], "the server has no agency"),
        ([TOKEN, Answer(status=200, body=b"<html>")], "returned no keys"),
        ([TOKEN, Answer(status=200, body=b'{"credential": []}')], "returned no keys"),
        ([TOKEN, Answer(status=200, body=b'{"credential": {"access": "A"}}')], "incomplete: secret missing"),
        ([TOKEN, Answer(status=200, body=b'{"credential": {"access": 5}}')], "access of the metadata"),
        ([TOKEN, Answer(status=403, body=b"")], "answered HTTP 403"),
        ([Answer(status=500, body=b"")], "answered HTTP 500"),
        ([Answer(status=200, body=b"line\nfeed"), TOKEN], "X-Metadata-Token contains an invalid character"),
    ],
)  # fmt: skip
def test_service_without_keys_exits_with_4(
    run: Run, cloud: Cloud, stub: Stub, answers: list[Answer], message: str
) -> None:
    stub.first = answers
    outcome = run(LIST, **make_variables(cloud, stub))
    assert (outcome.code, cloud.exchanges) == (4, [])
    assert message in outcome.err
    assert "\nhint: " in outcome.err


@pytest.mark.parametrize(("status", "expected"), [(500, TemporaryError), (403, AccessError)])
def test_failed_service_is_asked_again_when_keys_expire(
    stub: Stub, status: int, expected: type[Exception]
) -> None:
    """A refusal is final."""
    stub.first = [TOKEN, Answer(status=status, body=b"")]
    with pytest.raises(expected, match=f"HTTP {status}"):
        MetadataProvider({"MODELARTS_EXPORT_METADATA_ENDPOINT": stub.url}).load()


def test_end_that_is_no_time_exits_with_4(run: Run, cloud: Cloud, stub: Stub) -> None:
    stub.first = [TOKEN, make_keys(cloud, expires_at="soon")]
    outcome = run(LIST, **make_variables(cloud, stub))
    assert outcome.code == 4
    assert "expires_at of the metadata service is not a time" in outcome.err


def test_silent_service_is_given_up_soon(
    run: Run, cloud: Cloud, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API.md, section 6.6: after three seconds; elsewhere than on a cloud server nothing answers."""
    assert metadata_service._TIMEOUT == 3.0
    monkeypatch.setattr(metadata_service, "_TIMEOUT", 0.1)
    stub.slow = "PUT"
    outcome = run(LIST, **make_variables(cloud, stub))
    stub.stalled.clear()
    assert (outcome.code, "no reply of the metadata service" in outcome.err) == (4, True)


@pytest.mark.parametrize("url", ["http://metadata.example", "http://[", "x"])
def test_invalid_address_of_the_service_exits_with_4(run: Run, cloud: Cloud, url: str) -> None:
    outcome = run(LIST, **make_variables(cloud, Stub(url=url)))
    assert (outcome.code, cloud.exchanges) == (4, [])
    assert "error: MODELARTS_EXPORT_METADATA_ENDPOINT: " in outcome.err
    assert "\nhint: set MODELARTS_EXPORT_METADATA_ENDPOINT again" in outcome.err


def test_unreachable_service_exits_with_4(run: Run, cloud: Cloud) -> None:
    variables = make_variables(cloud, Stub(url="http://127.0.0.1:9"))
    outcome = run(LIST, **variables)
    assert outcome.code == 4
    assert "no reply of the metadata service at http://127.0.0.1:9" in outcome.err


def test_keys_that_expire_are_fetched_again(run: Run, cloud: Cloud, stub: Stub) -> None:
    """In a long wait, which is shown by keys that have expired when they come."""
    stub.first = [TOKEN, make_keys(cloud, -1.0), TOKEN, make_keys(cloud)]
    outcome = run("to-obs sandbox-images --path /b/d/ --wait --timeout 0", **make_variables(cloud, stub))
    assert outcome.code == 8, outcome.err
    assert (len(cloud.exchanges), len(stub.requests)) == (2, 4)


def test_library_fetches_keys_again(cloud: Cloud, stub: Stub) -> None:
    stub.first = [TOKEN, make_keys(cloud, -1.0), TOKEN, make_keys(cloud)]
    with connect(environ=make_variables(cloud, stub)) as client:
        client.create("sandbox-images", ToObs(path="/b/d/"))
    assert len(stub.requests) == 4


def test_keys_that_expire_soon_are_not_fetched_before_each_request(
    run: Run, cloud: Cloud, stub: Stub
) -> None:
    """The service may have no newer ones."""
    stub.first = [TOKEN, make_keys(cloud, 300.0)]
    assert (
        run("to-obs sandbox-images --path /b/d/ --wait --timeout 0", **make_variables(cloud, stub)).code == 8
    )
    assert (len(cloud.exchanges), len(stub.requests)) == (2, 2)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://169.254.169.254/", "http://169.254.169.254"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://metadata.example", "https://metadata.example"),
        ("http://169.254.169.254:80", None),
        ("http://user@169.254.169.254", None),
        ("http://169.254.169.254/x", None),
        ("http://metadata.example", None),
    ],
)
def test_plain_http_is_for_the_address_of_the_service(text: str, url: str | None) -> None:
    if url:
        assert parse_metadata_url(text) == url
    else:
        with pytest.raises(ValueError, match=r"http|endpoint"):
            parse_metadata_url(text)
