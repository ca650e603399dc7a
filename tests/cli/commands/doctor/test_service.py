"""Checks of `doctor` that call the service: connection, clock, permission, dataset and path."""

import socket
import time
from typing import Any

import pytest

from modelarts_export.clock import SYSTEM_CLOCK
from modelarts_export.config.settings import Settings
from modelarts_export.diagnosis.network import check_endpoint
from modelarts_export.transport.session import find_proxy
from tests.cli.commands.doctor.diagnosis import diagnose, get_statuses
from tests.conftest import Answer, Cloud, Run, Stub
from tests.support.raw_server import make_reply, serve
from tests.support.task_replies import create_task, make_error_reply
from tests.transport.endpoints import make_untrusted_context

IN_HTTPS = "https://modelarts.invalid"  # only a proxy is asked to connect to it


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
    cloud.inject(fault)
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


def test_without_dataset_the_datasets_are_listed(run: Run, cloud: Cloud) -> None:
    outcome, rows = diagnose(run, **{**cloud.variables, "MODELARTS_EXPORT_DATASET_ID": ""})
    assert (outcome.code, rows["access"][0]["message"]) == (
        0,
        "the credentials are accepted, and datasets can be listed",
    )
    assert rows["dataset"][0]["status"] == "skipped"
    assert rows["dataset"][0]["hint"].startswith("give DATASET or --dataset ID")
