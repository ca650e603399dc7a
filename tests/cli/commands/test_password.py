"""Submissions with a password: the token, failures of IAM, and redaction."""

import json
import socket

import pytest

from tests.cli.output.test_debug import SPELLINGS, TOKEN, assert_unseen
from tests.conftest import Cloud, Run, Stub
from tests.support.raw_server import (
    Handler,
    answer_connections,
    answer_in_sequence,
    answer_with,
    make_reply,
    serve,
)
from tests.transport.fault_rows import close_after_all, never_answer

TO_OBS = "to-obs --path /b/d/"
PASSWORD = 'pass"wörd\\<of>user'
PROJECT = {"token": {"project": {"id": "0123", "name": "cn-north-4"}}}


def make_password_variables(iam_url: str, url: str) -> dict[str, str]:
    """Return the variables of a password, with the region as the name of the project."""
    return {
        "HW_USER_NAME": "user",
        "HW_PASSWORD": PASSWORD,
        "HW_DOMAIN_NAME": "domain",
        "HW_REGION_NAME": "cn-north-4",
        "MODELARTS_EXPORT_IAM_ENDPOINT": iam_url,
        "MODELARTS_EXPORT_ENDPOINT": url,
        "MODELARTS_EXPORT_DATASET_ID": "abc",
    }


def make_token_reply(token: str, *headers: str, body: object = PROJECT) -> bytes:
    """Return IAM's reply with a token."""
    return make_reply("201 Created", json.dumps(body).encode(), f"X-Subject-Token: {token}", *headers)


def make_error_reply(status: str, body: object) -> bytes:
    return make_reply(status, json.dumps(body).encode())


def test_submission_and_status_check_use_one_token(run: Run, cloud: Cloud) -> None:
    """The project is that of the token."""
    outcome = run(f"{TO_OBS} -o json", **cloud.with_password)
    assert outcome.code == 0, outcome.err
    task = json.loads(outcome.out)
    assert (task["project_id"], task["status"]) == (cloud.sandbox.project_id, "INIT")
    assert [request.target.partition("?")[0].split("/")[-1] for request, _ in cloud.exchanges] == [
        "tokens",
        "export-tasks",
        task["task_id"],
    ]


@pytest.mark.parametrize("flags", ["--project-id {id}", "--iam-endpoint {url}", "--iam-endpoint {url}/v3/"])
def test_flags_take_precedence_over_variables(run: Run, cloud: Cloud, flags: str) -> None:
    arguments = flags.format(id=cloud.sandbox.project_id, url=cloud.sandbox.url)
    wrong = "HW_PROJECT_NAME" if "project" in flags else "MODELARTS_EXPORT_IAM_ENDPOINT"
    variables = {**cloud.with_password, wrong: "http://127.0.0.1:9"}
    assert run(TO_OBS, **variables).code != 0
    assert run(f"{TO_OBS} {arguments}", **variables).code == 0


def test_wrong_password_exits_with_4(run: Run, cloud: Cloud) -> None:
    """With the message of IAM, without the password, and without a request to ModelArts."""
    variables = {**cloud.with_password, "HW_PASSWORD": PASSWORD}
    for form in ("", "-o json", "--debug"):
        outcome = run(f"{TO_OBS} {form}", **variables)
        assert (outcome.code, outcome.out) == (4, "")
        assert "The username or password is wrong." in outcome.err
        assert_unseen(PASSWORD, outcome.err)
    error = json.loads(run(f"{TO_OBS} -o json", **variables).err.splitlines()[-1])
    assert (error["exit_code"], error["http_status"], error["error_code"]) == (4, 401, "401")
    assert error["request_id"].startswith("token_sandbox_")
    assert error["hint"]
    assert {request.target.partition("?")[0] for request, _ in cloud.exchanges} == {"/v3/auth/tokens"}


def test_unknown_project_is_hinted_at_by_its_name(run: Run, cloud: Cloud) -> None:
    """IAM repeats the status as the code, which is shown once."""
    outcome = run(TO_OBS, **{**cloud.with_password, "HW_PROJECT_NAME": "nope", "HW_PROJECT_ID": ""})
    assert outcome.code == 4
    assert "The user has no such project. (HTTP 401, request " in outcome.err
    assert "hint: check the name of the project, 'nope'" in outcome.err


# fmt: off
FAULTS: dict[str, tuple[Handler, int]] = {
    "locked user": (answer_with("401 Unauthorized", b'{"error_code": "IAM.0061", "error_msg": "locked"}'), 4),
    "second factor": (answer_with("401 Unauthorized", b'{"error": {"code": 401, "message": "MFA"}}'), 4),
    "no permission": (answer_with("403 Forbidden", b'{"error_code": "IAM.0003", "error_msg": "no"}'), 4),
    "malformed": (answer_with("400 Bad Request", b'{"error": {"code": 400, "message": "m"}}'), 6),
    "not there": (answer_with("404 Not Found"), 3),
    "redirect": (answer_with("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/"), 6),
    "throttled": (answer_with("429 Too Many Requests", b'{"error_code": "IAM.0012"}'), 5),
    "internal": (answer_with("500 Internal Server Error", b'{"error_code": "IAM.0006"}'), 5),
    "page of a proxy": (answer_with("502 Bad Gateway", b"<html>Bad Gateway</html>"), 5),
    "down": (answer_with("503 Service Unavailable"), 5),
    "lost reply": (close_after_all, 5),
    "no reply": (never_answer, 5),
    "no token": (answer_with("201 Created", json.dumps(PROJECT).encode()), 5),
    "empty token": (answer_in_sequence(make_token_reply("")), 5),
    "no JSON": (answer_with("201 Created", b"<html>hello</html>", f"X-Subject-Token: {TOKEN}"), 5),
    "token that no header takes": (answer_in_sequence(make_token_reply("\xfc")), 4),
    "no project": (answer_in_sequence(make_token_reply(TOKEN, body={"token": {}})), 2),
    "project that is none": (
        answer_in_sequence(make_token_reply(TOKEN, body={"token": {"project": {"id": "../x"}}})), 2),
    "project that is a number": (
        answer_in_sequence(make_token_reply(TOKEN, body={"token": {"project": {"id": 123}}})), 2),
    "project that is a list": (
        answer_in_sequence(make_token_reply(TOKEN, body={"token": [{"project": 1}]})), 2),
}
# fmt: on


@pytest.mark.parametrize("fault", FAULTS)
def test_failure_of_iam_never_exits_with_10(run: Run, stub: Stub, fault: str) -> None:
    """Nothing was sent to ModelArts."""
    handle, expected = FAULTS[fault]
    with serve(handle) as iam:
        outcome = run(f"{TO_OBS} --read-timeout 0.3s", **make_password_variables(iam.url, stub.url))
        assert iam.connections == 1
    assert (outcome.code, outcome.out, stub.requests) == (expected, "", []), outcome.err
    assert "do not submit it again" not in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("line", ["list abc", TO_OBS])
def test_token_request_is_retried_with_a_message(run: Run, stub: Stub, line: str) -> None:
    stub.body = b'{"task_id": "t1", "total_count": 0, "export_tasks": []}'
    with serve(answer_connections(make_reply("503 Service Unavailable"), make_token_reply(TOKEN))) as iam:
        outcome = run(f"{line} --max-retries 1", **make_password_variables(iam.url, stub.url))
        assert iam.connections == 2
    assert outcome.code == 0, outcome.err
    assert "503" in outcome.err
    assert "trying again in 1 s, for up to 2m (--retry-timeout)\n" in outcome.err


def test_unreachable_iam_exits_with_5(run: Run, stub: Stub) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        iam_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        outcome = run(TO_OBS, **make_password_variables(iam_url, stub.url))
    assert (outcome.code, stub.requests) == (5, [])
    assert iam_url.removeprefix("http://") in outcome.err


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"HW_DOMAIN_NAME": ""}, 4, "HW_DOMAIN_NAME missing"),
        ({"HW_PASSWORD": ""}, 4, "HW_PASSWORD missing"),
        ({"MODELARTS_EXPORT_IAM_ENDPOINT": "", "HW_REGION_NAME": ""}, 2, "--iam-endpoint URL"),
        ({"MODELARTS_EXPORT_ENDPOINT": "", "HW_REGION_NAME": ""}, 2, "--endpoint URL"),
        ({"HW_REGION_NAME": ""}, 2, "--project-id ID (MODELARTS_EXPORT_PROJECT_ID) or --region REGION"),
        ({"MODELARTS_EXPORT_IAM_ENDPOINT": "http://h.test"}, 2, "MODELARTS_EXPORT_IAM_ENDPOINT: plain http"),
    ],
)
def test_missing_setting_is_named_before_any_request(
    run: Run, stub: Stub, changes: dict[str, str], code: int, message: str
) -> None:
    outcome = run(TO_OBS, **{**make_password_variables(stub.url, stub.url), **changes})
    assert (outcome.code, stub.requests) == (code, [])
    assert message in outcome.err


def test_dry_run_requests_no_token(run: Run, stub: Stub) -> None:
    """So the project ID is a placeholder."""
    outcome = run(f"{TO_OBS} --dry-run", **make_password_variables(stub.url, stub.url))
    assert (outcome.code, stub.requests) == (0, [])
    assert "/v2/{project_id}/datasets/abc/" in outcome.out


def test_verbose_has_the_request_id_of_iam(run: Run, cloud: Cloud) -> None:
    """IAM and ModelArts use different headers."""
    outcome = run(f"{TO_OBS} -v", **cloud.with_password)
    assert f"s request {cloud.exchanges[0][1].headers['X-IAM-Trace-Id']}\n" in outcome.err


def test_debug_redacts_the_bodies_of_the_token_request(run: Run, cloud: Cloud) -> None:
    outcome = run(f"{TO_OBS} --debug", **cloud.with_password)
    assert outcome.code == 0
    sent, answer = cloud.exchanges[0]
    assert "\n>\n> ***\n< HTTP 201 Created\n" in outcome.err
    assert "\n< X-Subject-Token: ***\n<\n< ***\nPOST " in outcome.err
    assert "sandbox-user" not in outcome.err
    assert cloud.sandbox.user.password.encode() in sent.body
    for secret in (cloud.sandbox.user.password, answer.headers["X-Subject-Token"]):
        assert_unseen(secret, outcome.err + outcome.out)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_secrets_that_iam_echoes_are_redacted(run: Run, stub: Stub, spelling: str) -> None:
    """In a header, a reason phrase and an error message."""
    spell = SPELLINGS[spelling]
    answers = (
        make_token_reply(TOKEN, f"Server: {spell(TOKEN)}", body={"heard": [TOKEN, spell(PASSWORD)]}),
        make_reply("401 Unauthorized", f'{{"heard": {spell(PASSWORD)}}}'.encode()),
        make_reply("401 Unauthorized", f"<p>{spell(PASSWORD)}</p>".encode()),
        make_reply("201 Created", f"<p>{spell(PASSWORD)}</p>".encode()),
    )
    for answer in answers:
        for flags in ("--debug", "--debug -o json"):
            with serve(answer_connections(answer)) as iam:
                outcome = run(f"{TO_OBS} {flags}", **make_password_variables(iam.url, stub.url))
            assert outcome.code != 0
            assert_unseen(PASSWORD, outcome.err)
            assert_unseen(TOKEN, outcome.err)


@pytest.mark.parametrize("flags", ["", "-o json", "-v", "--debug"])
def test_tokens_that_modelarts_echoes_are_redacted(run: Run, flags: str) -> None:
    """The first token and the refreshed one."""
    first, second = f"FIRST{TOKEN}", f"SECOND{TOKEN[::-1]}"
    expired = make_error_reply(
        "401 Unauthorized", {"error_code": "APIGW.0301", "error_msg": f"token expires {first}"}
    )
    echo = {"error_code": "ModelArts.4352", "error_msg": f"heard {first}, {second} and {PASSWORD}"}
    with (
        serve(answer_connections(make_token_reply(first), make_token_reply(second))) as iam,
        serve(answer_connections(expired, make_error_reply("400 Bad Request", echo))) as server,
    ):
        outcome = run(f"{TO_OBS} {flags}", **make_password_variables(iam.url, server.url))
        sent = [request.partition(b"X-Auth-Token: ")[2] for request in server.requests]
    assert [part[: len(token)].decode() for part, token in zip(sent, (first, second), strict=True)] == [
        first,
        second,
    ]
    assert outcome.code == 3
    assert "heard ***, *** and ***" in outcome.err
    for secret in (first, second, PASSWORD):
        assert_unseen(secret, outcome.err)
