"""No command writes a secret, whatever the server answers, with --debug and in every form."""

import html
import json
import re
import socket
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from modelarts_export.cli.app import COMMANDS
from tests.conftest import Run
from tests.support.raw_server import Handler, RawServer, make_reply, serve

SECRET_KEY = "Made+up/secret=key&<0>\"'x"  # each form of it differs
SECURITY_TOKEN = "made-up-security-token/+=="
PASSWORD = "made-up-pass word&%2F"
HANDED_IN = "made-up-handed-in-token=="
ISSUED = "made-up-issued-token/+="
KEY = {"HUAWEICLOUD_SDK_AK": "AKEXAMPLE", "HUAWEICLOUD_SDK_SK": SECRET_KEY, "HUAWEICLOUD_SDK_PROJECT_ID": "p"}
SOURCES = {
    "key": KEY,
    "temporary key": KEY | {"HUAWEICLOUD_SDK_SECURITY_TOKEN": SECURITY_TOKEN},
    "token": {"OS_TOKEN": HANDED_IN, "OS_PROJECT_ID": "p"},
    "password": {"HW_USER_NAME": "u", "HW_PASSWORD": PASSWORD, "HW_DOMAIN_NAME": "d", "HW_PROJECT_ID": "p"},
}
SECRETS = [SECRET_KEY, SECURITY_TOKEN, PASSWORD, HANDED_IN, ISSUED]
LINES = {
    "to-obs": "to-obs ds --path /b/d/ --wait --timeout 0",
    "to-new-dataset": "to-new-dataset ds --path /b/d/ --new-dataset-name n --new-dataset-work-path /b/w/",
    "status": "status ds t1",
    "wait": "wait ds t1 --timeout 0",
    "list": "list ds",
    "datasets": "datasets",
    "doctor": "doctor ds --path /b/d/",
    "apply": "apply {spec} --wait --timeout 0",
}
OFFLINE = {
    "validate": "validate {spec}",
    "init": "init to-obs",
    "schema": "schema",
    "explain": "explain environment",
    "sandbox": "sandbox -- true",
}


def spell(secret: str) -> list[str]:
    """Return the forms in which a secret may come back."""
    coded = b64encode(secret.encode()).decode()
    return [
        *(secret, quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1]),
        *(coded, coded.rstrip("="), secret.encode().hex(), "".join(f"&#{ord(letter)};" for letter in secret)),
    ]


def answer_with_an_echo(status: str, quoted: list[str]) -> Handler:
    """Return a handler whose replies have each secret of the request in each form, in headers and body."""

    def answer(server: RawServer, peer: socket.socket) -> None:
        request = server.read(peer)
        head, _, body = request.partition(b"\r\n\r\n")
        found = [*re.findall(rb"(?mi)^(?:X-Security-Token|X-Auth-Token): (.*?)\r?$", head)]
        found += re.findall(rb"Signature=([0-9a-f]{64})", head)
        values = [value.decode() for value in found] + [
            secret for secret in SECRETS if secret.encode() in body
        ]
        quoted.extend(values)
        forms = [form for value in values for form in spell(value)]
        fields = {
            "task_id": "t1",
            "status": "FAILED",
            "error_code": "ModelArts.4401",
            "error_msg": " ".join(forms),
        }
        listed = [{**fields, "dataset_id": "ds", "dataset_name": forms[0] if forms else "n"}]
        reply = {**fields, "export_tasks": listed, "datasets": listed, "total_count": 1, "total_number": 1}
        headers = [f"X-Echo: {form}" for form in forms if form.isprintable()]
        if request.startswith(b"POST /v3/auth/tokens"):
            quoted.append(ISSUED)
            peer.sendall(
                make_reply("201 Created", json.dumps({"echo": forms}).encode(), f"X-Subject-Token: {ISSUED}")
            )
        else:
            peer.sendall(make_reply(status, json.dumps(reply).encode(), *headers))

    return answer


def test_every_command_has_a_line() -> None:
    assert {*LINES, *OFFLINE} == set(COMMANDS)


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized"])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("command", [*LINES, *OFFLINE])
def test_no_secret_is_written(run: Run, tmp_path: Path, command: str, source: str, status: str) -> None:
    """The server quotes the secrets and signatures that it got."""
    if command in OFFLINE and status != "200 OK":
        return
    spec = tmp_path / "spec.yaml"
    spec.write_text("dataset_id: ds\npath: /b/d/\n")
    quoted = list[str]()
    with serve(answer_with_an_echo(status, quoted)) as server:
        variables = {
            **SOURCES[source],
            "MODELARTS_EXPORT_ENDPOINT": server.url,
            "MODELARTS_EXPORT_IAM_ENDPOINT": server.url,
        }
        line = {**LINES, **OFFLINE}[command].format(spec=spec)
        for options in ("--debug", "--debug -o json") if command in LINES else ("",):
            outcome = run(f"{line} {options}" if options else line, **variables)
            assert outcome.code != 1, outcome.err
            written = outcome.out + outcome.err
            known = {*quoted, *(secret for secret in SECRETS if secret in SOURCES[source].values())}
            assert [each for secret in known for each in spell(secret) if each in written] == []
    assert bool(quoted) == (command in LINES)
