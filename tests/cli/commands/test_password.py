"""Submissions by a user with a password: what works, what each failure of IAM ends in, and what is shown."""

import json
import socket

import pytest

from tests.cli.output.test_debug import SPELLINGS, TOKEN, assert_unseen
from tests.conftest import Cloud, Run, Stub
from tests.support.raw_server import Handler, in_turn, replies, reply, serving, turns
from tests.transport.fault_rows import close_after_all, never_answer

TO_OBS = "to-obs --path /b/d/"
PASSWORD = 'pass"wörd\\<of>user'
PROJECT = {"token": {"project": {"id": "0123", "name": "r-1"}}}


def with_password(iam_url: str, url: str) -> dict[str, str]:
    """Return variables of a user with a password, whose project has the name of the region."""
    return {
        "HW_USER_NAME": "user",
        "HW_PASSWORD": PASSWORD,
        "HW_DOMAIN_NAME": "domain",
        "HW_REGION_NAME": "r-1",
        "MODELARTS_EXPORT_IAM_ENDPOINT": iam_url,
        "MODELARTS_EXPORT_ENDPOINT": url,
        "MODELARTS_EXPORT_DATASET_ID": "abc",
    }


def granted(token: str, *headers: str, body: object = PROJECT) -> bytes:
    """Return IAM's reply with a token."""
    return reply("201 Created", json.dumps(body).encode(), f"X-Subject-Token: {token}", *headers)


def refused(status: str, body: object) -> bytes:
    """Return the reply of an error."""
    return reply(status, json.dumps(body).encode())


def test_submission(run: Run, cloud: Cloud) -> None:
    """A task is created and looked at, with one token; the project is that of the token."""
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
def test_flags_win(run: Run, cloud: Cloud, flags: str) -> None:
    """The project by its ID, and another IAM."""
    words = flags.format(id=cloud.sandbox.project_id, url=cloud.sandbox.url)
    wrong = "HW_PROJECT_NAME" if "project" in flags else "MODELARTS_EXPORT_IAM_ENDPOINT"
    variables = {**cloud.with_password, wrong: "http://127.0.0.1:9"}
    assert run(TO_OBS, **variables).code != 0
    assert run(f"{TO_OBS} {words}", **variables).code == 0


def test_wrong_password(run: Run, cloud: Cloud) -> None:
    """Exit 4 with IAM's words and without the password; nothing was sent to ModelArts."""
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


# fmt: off
FAULTS: dict[str, tuple[Handler, int]] = {
    "locked user": (replies("401 Unauthorized", b'{"error_code": "IAM.0061", "error_msg": "locked"}'), 4),
    "no permission": (replies("403 Forbidden", b'{"error_code": "IAM.0003", "error_msg": "no"}'), 4),
    "malformed": (replies("400 Bad Request", b'{"error": {"code": 400, "message": "m"}}'), 6),
    "not there": (replies("404 Not Found"), 3),
    "redirect": (replies("307 Temporary Redirect", b"", "Location: http://127.0.0.1:9/"), 6),
    "throttled": (replies("429 Too Many Requests", b'{"error_code": "IAM.0012"}'), 5),
    "internal": (replies("500 Internal Server Error", b'{"error_code": "IAM.0006"}'), 5),
    "page of a proxy": (replies("502 Bad Gateway", b"<html>Bad Gateway</html>"), 5),
    "down": (replies("503 Service Unavailable"), 5),
    "lost reply": (close_after_all, 5),
    "no reply": (never_answer, 5),
    "no token": (replies("201 Created", json.dumps(PROJECT).encode()), 5),
    "empty token": (turns(granted("")), 5),
    "no JSON": (replies("201 Created", b"<html>hello</html>", f"X-Subject-Token: {TOKEN}"), 5),
    "token that no header takes": (turns(granted("\xfc")), 4),
    "no project": (turns(granted(TOKEN, body={"token": {}})), 2),
    "project that is none": (turns(granted(TOKEN, body={"token": {"project": {"id": "../x"}}})), 2),
    "project that is a number": (turns(granted(TOKEN, body={"token": {"project": {"id": 123}}})), 2),
    "project that is a list": (turns(granted(TOKEN, body={"token": [{"project": 1}]})), 2),
}
# fmt: on


@pytest.mark.parametrize("fault", FAULTS)
def test_no_first_token(run: Run, stub: Stub, fault: str) -> None:
    """ModelArts was sent nothing, so that no exit code says that it may have been."""
    handle, expected = FAULTS[fault]
    with serving(handle) as iam:
        outcome = run(f"{TO_OBS} --read-timeout 0.3s", **with_password(iam.url, stub.url))
        assert iam.connections == 1
    assert (outcome.code, outcome.out, stub.heard) == (expected, "", []), outcome.err
    assert "do not submit it again" not in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("line", ["list abc", TO_OBS])
def test_iam_that_is_down_for_a_moment(run: Run, stub: Stub, line: str) -> None:
    """It is asked again, as often as --max-retries says, and each retry is told."""
    stub.body = b'{"task_id": "t1", "total_count": 0, "export_tasks": []}'
    with serving(in_turn(reply("503 Service Unavailable"), granted(TOKEN))) as iam:
        outcome = run(f"{line} --max-retries 1", **with_password(iam.url, stub.url))
        assert iam.connections == 2
    assert outcome.code == 0, outcome.err
    assert "503" in outcome.err
    assert "trying again in 1 s" in outcome.err


def test_no_connection(run: Run, stub: Stub) -> None:
    """Trouble with the network is temporary."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        iam_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        outcome = run(TO_OBS, **with_password(iam_url, stub.url))
    assert (outcome.code, stub.heard) == (5, [])
    assert iam_url.removeprefix("http://") in outcome.err


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"HW_DOMAIN_NAME": ""}, 4, "HW_DOMAIN_NAME missing"),
        ({"HW_PASSWORD": ""}, 4, "HW_PASSWORD missing"),
        ({"MODELARTS_EXPORT_IAM_ENDPOINT": "", "HW_REGION_NAME": ""}, 2, "--iam-endpoint URL"),
        ({"MODELARTS_EXPORT_ENDPOINT": "", "HW_REGION_NAME": ""}, 2, "--endpoint URL"),
        ({"HW_REGION_NAME": ""}, 2, "--project-id ID or --region REGION"),
        ({"MODELARTS_EXPORT_IAM_ENDPOINT": "http://h.test"}, 2, "MODELARTS_EXPORT_IAM_ENDPOINT: plain http"),
    ],
)
def test_what_is_missing(run: Run, stub: Stub, changes: dict[str, str], code: int, words: str) -> None:
    """It is named, and nobody is asked anything."""
    outcome = run(TO_OBS, **{**with_password(stub.url, stub.url), **changes})
    assert (outcome.code, stub.heard) == (code, [])
    assert words in outcome.err


def test_dry_run(run: Run, stub: Stub) -> None:
    """It asks IAM nothing, so that the project's ID stands in braces."""
    outcome = run(f"{TO_OBS} --dry-run", **with_password(stub.url, stub.url))
    assert (outcome.code, stub.heard) == (0, [])
    assert "/v2/{project_id}/datasets/abc/" in outcome.out


def test_verbose_has_the_request_id_of_iam(run: Run, cloud: Cloud) -> None:
    """It stands in another header than that of ModelArts."""
    outcome = run(f"{TO_OBS} -v", **cloud.with_password)
    assert f"s request {cloud.exchanges[0][1].headers['X-IAM-Trace-Id']}\n" in outcome.err


def test_debug_shows_no_secret(run: Run, cloud: Cloud) -> None:
    """The bodies of the call for a token are not shown at all; that there was one is."""
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
def test_secrets_that_iam_echoes(run: Run, stub: Stub, spelling: str) -> None:
    """In a header that is shown, in a reason, and in the words of an error."""
    as_spelled = SPELLINGS[spelling]
    answers = (
        granted(TOKEN, f"Server: {as_spelled(TOKEN)}", body={"heard": [TOKEN, as_spelled(PASSWORD)]}),
        reply("401 Unauthorized", f'{{"heard": {as_spelled(PASSWORD)}}}'.encode()),
        reply("401 Unauthorized", f"<p>{as_spelled(PASSWORD)}</p>".encode()),
        reply("201 Created", f"<p>{as_spelled(PASSWORD)}</p>".encode()),
    )
    for answer in answers:
        for flags in ("--debug", "--debug -o json"):
            with serving(in_turn(answer)) as iam:
                outcome = run(f"{TO_OBS} {flags}", **with_password(iam.url, stub.url))
            assert outcome.code != 0
            assert_unseen(PASSWORD, outcome.err)
            assert_unseen(TOKEN, outcome.err)


@pytest.mark.parametrize("flags", ["", "-o json", "-v", "--debug"])
def test_tokens_that_modelarts_echoes(run: Run, flags: str) -> None:
    """Neither the first token nor the one that took its place is shown, as each is known once it is there."""
    first, second = f"FIRST{TOKEN}", f"SECOND{TOKEN[::-1]}"
    expired = refused("401 Unauthorized", {"error_code": "APIGW.0301", "error_msg": f"token expires {first}"})
    words = {"error_code": "ModelArts.4352", "error_msg": f"heard {first}, {second} and {PASSWORD}"}
    with (
        serving(in_turn(granted(first), granted(second))) as iam,
        serving(in_turn(expired, refused("400 Bad Request", words))) as server,
    ):
        outcome = run(f"{TO_OBS} {flags}", **with_password(iam.url, server.url))
        sent = [request.partition(b"X-Auth-Token: ")[2] for request in server.heard]
    assert [part[: len(token)].decode() for part, token in zip(sent, (first, second), strict=True)] == [
        first,
        second,
    ]
    assert outcome.code == 3
    assert "heard ***, *** and ***" in outcome.err
    for secret in (first, second, PASSWORD):
        assert_unseen(secret, outcome.err)
