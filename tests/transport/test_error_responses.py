"""Every answer that the documents know, driven over HTTP to the exit code that the documents ask for."""

import json
import re
from typing import Any

import pytest

from tests.conftest import Outcome, Run, Stub
from tests.transport.error_rows import (
    ACCEPTED,
    CODED_SHAPES,
    CODED_SUCCESSES,
    EMPTY_SUCCESSES,
    PAIRS,
    SHAPES,
    STATUSES,
    TAILS,
    WORDS,
)

TO_OBS = "to-obs --path /test-obs/daoChu/"
TASKS = "/v2/0123/datasets/abc/export-tasks"
REQUEST_ID = "req-0123456789"
LOOK = "modelarts-export list abc"


def submit(run: Run, stub: Stub, status: int, body: object, flags: str = "", **headers: str) -> Outcome:
    """Submit to a server that answers this to everything; a body that is no bytes becomes JSON."""
    stub.requests.clear()
    stub.status = status
    stub.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    stub.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return run(f"{TO_OBS} {flags}", **stub.variables)


def assert_failed(outcome: Outcome, stub: Stub, expected: int) -> None:
    """One POST, and no result; when the end is unknown, and only then, a look and how to look again."""
    assert outcome.code == expected, outcome.err
    looks = [("GET", f"{TASKS}?limit=100&offset=0")] if expected == 10 else []
    heard = [(method, path) for method, path, *_ in stub.requests if not path.startswith(f"{TASKS}/")]
    assert heard == [("POST", TASKS), *looks]  # beside status checks of a task that the reply named
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert len(re.findall("^hint: .+", outcome.err, re.MULTILINE)) == 1
    assert (LOOK in outcome.err) == (expected == 10)


def last_line(outcome: Outcome) -> Any:  # noqa: ANN401 - JSON
    """Return the last line of stderr as the JSON object that it must be."""
    return json.loads(outcome.err.splitlines()[-1])


@pytest.mark.parametrize(("status", "codes", "expected"), PAIRS)
def test_pairs_of_status_and_code(run: Run, stub: Stub, status: int, codes: str, expected: int) -> None:
    """Status and code together decide, and the error has the API's code, its words and the request ID."""
    for code in codes.split():
        body = {"error_code": code, "error_msg": WORDS}
        outcome = submit(run, stub, status, body, X_Request_Id=REQUEST_ID)
        assert_failed(outcome, stub, expected)
        assert "\nerror: " in f"\n{outcome.err}"
        assert f"{WORDS} ({code}, HTTP {status}, request {REQUEST_ID})" in outcome.err


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_status_without_a_known_code(run: Run, stub: Stub, status: int, expected: int) -> None:
    """Where no code says more, the status decides; a 503 with an unknown code is not known to mean it."""
    unknown = {"error_code": "ModelArts.99999999", "error_msg": WORDS}
    for body, shown in ((b"", ""), (unknown, f"{WORDS} (ModelArts.99999999, ")):
        outcome = submit(run, stub, status, body, X_Request_Id=REQUEST_ID)
        assert_failed(outcome, stub, expected)
        assert shown in outcome.err
        assert f"HTTP {status}, request {REQUEST_ID})" in outcome.err


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_without_a_known_code(run: Run, stub: Stub, shape: str) -> None:
    """A body of any shape, or of none, ends in an error of its status; its words and code are shown."""
    body, code = SHAPES[shape]
    for status, expected in ((400, 6), (403, 4), (502, 10)):
        outcome = submit(run, stub, status, body, "-o json", X_Request_Id=REQUEST_ID)
        assert (outcome.code, outcome.out) == (expected, ""), outcome.err
        assert [method for method, *_ in stub.requests].count("POST") == 1
        error = last_line(outcome)
        assert error["error_code"] == code
        assert (error["http_status"], error["exit_code"]) == (status, expected)
        assert (WORDS in error["error"]) == (WORDS.encode() in body)


@pytest.mark.parametrize(("status", "body", "expected"), CODED_SHAPES)
def test_shape_with_a_known_code(run: Run, stub: Stub, status: int, body: object, expected: int) -> None:
    """The code is found in every shape that errors have; of two, the outer one counts."""
    outcome = submit(run, stub, status, body)
    assert_failed(outcome, stub, expected)
    assert WORDS in outcome.err


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X_Request_Id": "of-header"}, "of-header"),
        ({"x_request_id": "of-header"}, "of-header"),
        ({"X_IAM_Trace_Id": "of-iam"}, "of-iam"),
        ({"X_IAM_Trace_Id": "of-iam", "X_Request_Id": "of-header"}, "of-header"),
        ({}, "of-body"),
    ],
)
def test_request_id(run: Run, stub: Stub, headers: dict[str, str], expected: str) -> None:
    """The request ID comes from the headers of the API or of IAM, else from the gateway's body."""
    body = {"error_code": "APIGW.0301", "error_msg": WORDS, "request_id": "of-body"}
    outcome = submit(run, stub, 401, body, "-o json", **headers)
    assert last_line(outcome)["request_id"] == expected


@pytest.mark.parametrize(("status", "body", "task_id"), ACCEPTED)
def test_success(run: Run, stub: Stub, status: int, body: object, task_id: str) -> None:
    """Any 2xx with a task ID is a success, whatever stands beside it; the ID is text."""
    outcome = submit(run, stub, status, body, "-o json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["task_id"] == task_id
    assert f"Created export task {task_id}\n" in outcome.err


@pytest.mark.parametrize(("status", "code", "expected"), CODED_SUCCESSES)
def test_success_with_a_code_and_no_task(run: Run, stub: Stub, status: int, code: str, expected: int) -> None:
    """A 2xx with a code instead of a task is judged by the code, where it has one meaning only."""
    outcome = submit(run, stub, status, {"error_code": code, "error_msg": WORDS})
    assert_failed(outcome, stub, expected)
    assert f"{WORDS} ({code}, HTTP {status})" in outcome.err


@pytest.mark.parametrize("body", EMPTY_SUCCESSES, ids=repr)
def test_success_that_says_nothing(run: Run, stub: Stub, body: bytes) -> None:
    """A 2xx without a usable task ID may have made a task: nobody knows."""
    for status in (200, 201):
        assert_failed(submit(run, stub, status, body), stub, 10)


@pytest.mark.parametrize(("tail", "hint"), TAILS)
def test_words_of_a_refused_credential(run: Run, stub: Stub, tail: str, hint: str) -> None:
    """The gateway has one code for all that is wrong with credentials: its words choose the hint."""
    words = f"Incorrect IAM authentication information: {tail}"
    outcome = submit(run, stub, 401, {"error_code": "APIGW.0301", "error_msg": words})
    assert_failed(outcome, stub, 4)
    assert words in outcome.err
    assert hint in outcome.err.partition("\nhint: ")[2]


def test_secrets_that_the_gateway_quotes(run: Run, stub: Stub) -> None:
    """The gateway quotes the headers that were signed; a security token among them is not shown."""
    token = "TEMPORARYtoken0123456789"
    words = f"verify aksk signature fail, canonicalRequest:POST|/|x-security-token:{token}|"
    stub.status, stub.body = 401, json.dumps({"error_code": "APIGW.0301", "error_msg": words}).encode()
    for form in ("table", "json"):
        variables = {**stub.variables, "HUAWEICLOUD_SDK_SECURITY_TOKEN": token}
        outcome = run(f"{TO_OBS} -v -o {form}", **variables)
        assert (outcome.code, outcome.out) == (4, "")
        assert token not in outcome.err
        assert "x-security-token:***" in outcome.err


def test_words_that_would_steer_a_terminal(run: Run, stub: Stub) -> None:
    """What an error says is shown as text, on one line."""
    words = "\x1b[2J\x9b31m\r\n::error::\u202e[bold]"
    outcome = submit(run, stub, 400, {"error_code": "ModelArts.7\x1b", "error_msg": words})
    assert_failed(outcome, stub, 6)
    assert not set("\x1b\x9b\r\u202e") & set(outcome.err)
    assert r"\x1b[2J\x9b31m\r\n::error::\u202e[bold]" in outcome.err


@pytest.mark.parametrize("code", ["ModelArts.4352", "ModelArts.7000"])
def test_error_as_json(run: Run, stub: Stub, code: str) -> None:
    """With -o json the error is one object on the last line of stderr."""
    body = {"error_code": code, "error_msg": WORDS}
    outcome = submit(run, stub, 400, body, "-o json -v", X_Request_Id=REQUEST_ID)
    error = last_line(outcome)
    assert outcome.out == ""
    assert WORDS in error.pop("error")
    assert error.pop("hint")
    assert error == {
        "error_code": code,
        "http_status": 400,
        "request_id": REQUEST_ID,
        "exit_code": outcome.code,
        "problems": [],
    }


def test_error_as_json_without_a_code(run: Run, stub: Stub) -> None:
    """What the API did not say is null; the hint of an unknown end names the command."""
    outcome = submit(run, stub, 502, b"<html>Bad Gateway</html>", "-o json")
    error = last_line(outcome)
    assert outcome.code == error["exit_code"] == 10
    assert (error["error_code"], error["request_id"], error["http_status"]) == (None, None, 502)
    assert LOOK in error["hint"]


def test_quiet_still_says_what_failed(run: Run, stub: Stub) -> None:
    """-q silences the talk, not the error."""
    assert_failed(submit(run, stub, 400, {"error_code": "ModelArts.4352"}, "-q"), stub, 3)
