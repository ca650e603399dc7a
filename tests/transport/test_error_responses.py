"""The exit code for every documented answer of the API."""

import json
import re
from typing import Any

import pytest

from modelarts_export.transport.error_codes import ROWS
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
LIST_COMMAND = "modelarts-export list abc"


def submit(run: Run, stub: Stub, status: int, body: object, flags: str = "", **headers: str) -> Outcome:
    """Submit to a server with one answer for every call; a body that is not bytes is sent as JSON."""
    stub.requests.clear()
    stub.status = status
    stub.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    stub.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return run(f"{TO_OBS} {flags}", **stub.variables)


def assert_failed(outcome: Outcome, stub: Stub, expected: int) -> None:
    """Check for one POST and no result; only an unknown outcome polls the list and names its command."""
    assert outcome.code == expected, outcome.err
    checks = [("GET", f"{TASKS}?limit=100&offset=0")] if expected == 10 else []
    requests = [(method, path) for method, path, *_ in stub.requests if not path.startswith(f"{TASKS}/")]
    assert requests == [("POST", TASKS), *checks]  # without status checks of a task that the reply named
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert len(re.findall("^hint: .+", outcome.err, re.MULTILINE)) == (2 if expected == 10 else 1)
    assert (LIST_COMMAND in outcome.err) == (expected == 10)


def parse_last_line(outcome: Outcome) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON object on the last line of stderr."""
    return json.loads(outcome.err.splitlines()[-1])


@pytest.mark.parametrize(("status", "codes", "expected"), PAIRS)
def test_status_and_code_determine_the_exit_code(
    run: Run, stub: Stub, status: int, codes: str, expected: int
) -> None:
    """The error has the code and the message of the API, and the request ID."""
    for code in codes.split():
        body = {"error_code": code, "error_msg": WORDS}
        outcome = submit(run, stub, status, body, X_Request_Id=REQUEST_ID)
        assert_failed(outcome, stub, expected)
        assert "\nerror: " in f"\n{outcome.err}"
        assert f"{WORDS} ({code}, HTTP {status}, request {REQUEST_ID})" in outcome.err


def test_every_row_of_the_table_has_a_documented_exit_code() -> None:
    """So each row of the program is in the documents."""
    documented = {(status, code) for status, codes, _ in PAIRS for code in codes.split()}
    assert {(row.status, row.code) for row in ROWS} - documented == set()


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_status_determines_the_exit_code_without_a_known_code(
    run: Run, stub: Stub, status: int, expected: int
) -> None:
    """A 503 with an unknown code may have been accepted."""
    unknown = {"error_code": "ModelArts.99999999", "error_msg": WORDS}
    for body, shown in ((b"", ""), (unknown, f"{WORDS} (ModelArts.99999999, ")):
        outcome = submit(run, stub, status, body, X_Request_Id=REQUEST_ID)
        assert_failed(outcome, stub, expected)
        assert shown in outcome.err
        assert f"HTTP {status}, request {REQUEST_ID})" in outcome.err


@pytest.mark.parametrize("shape", SHAPES)
def test_code_and_message_are_found_in_a_body_of_any_shape(run: Run, stub: Stub, shape: str) -> None:
    """The status determines the exit code."""
    body, code = SHAPES[shape]
    for status, expected in ((400, 6), (403, 4), (502, 10)):
        outcome = submit(run, stub, status, body, "-o json", X_Request_Id=REQUEST_ID)
        assert (outcome.code, outcome.out) == (expected, ""), outcome.err
        assert [method for method, *_ in stub.requests].count("POST") == 1
        error = parse_last_line(outcome)
        assert error["error_code"] == code
        assert (error["http_status"], error["exit_code"]) == (status, expected)
        assert (WORDS in error["error"]) == (WORDS.encode() in body)


@pytest.mark.parametrize(("status", "body", "expected"), CODED_SHAPES)
def test_known_code_is_found_in_a_body_of_any_shape(
    run: Run, stub: Stub, status: int, body: object, expected: int
) -> None:
    """Of two codes, the outer one counts."""
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
def test_request_id_is_taken_from_headers_or_body(
    run: Run, stub: Stub, headers: dict[str, str], expected: str
) -> None:
    """The headers of the API or of IAM take precedence over the body of the gateway."""
    body = {"error_code": "APIGW.0301", "error_msg": WORDS, "request_id": "of-body"}
    outcome = submit(run, stub, 401, body, "-o json", **headers)
    assert parse_last_line(outcome)["request_id"] == expected


@pytest.mark.parametrize(("status", "body", "task_id"), ACCEPTED)
def test_2xx_with_a_task_id_is_a_success(
    run: Run, stub: Stub, status: int, body: object, task_id: str
) -> None:
    """Whatever other fields the body has; the ID is a string."""
    outcome = submit(run, stub, status, body, "-o json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["task_id"] == task_id
    assert f"Created export task {task_id}\n" in outcome.err


@pytest.mark.parametrize(("status", "code", "expected"), CODED_SUCCESSES)
def test_2xx_with_a_code_and_no_task_is_classified_by_the_code(
    run: Run, stub: Stub, status: int, code: str, expected: int
) -> None:
    """If the code has one meaning only."""
    outcome = submit(run, stub, status, {"error_code": code, "error_msg": WORDS})
    assert_failed(outcome, stub, expected)
    assert f"{WORDS} ({code}, HTTP {status})" in outcome.err


@pytest.mark.parametrize("body", EMPTY_SUCCESSES, ids=repr)
def test_2xx_without_a_task_id_is_an_unknown_outcome(run: Run, stub: Stub, body: bytes) -> None:
    """A task may have been created."""
    for status in (200, 201):
        assert_failed(submit(run, stub, status, body), stub, 10)


@pytest.mark.parametrize(("tail", "hint"), TAILS)
def test_message_of_a_refused_credential_selects_the_hint(run: Run, stub: Stub, tail: str, hint: str) -> None:
    """The gateway has one code for all errors of credentials."""
    words = f"Incorrect IAM authentication information: {tail}"
    outcome = submit(run, stub, 401, {"error_code": "APIGW.0301", "error_msg": words})
    assert_failed(outcome, stub, 4)
    assert f"error: {words.partition(', canonicalRequest')[0]} (APIGW.0301, HTTP 401)\n" in outcome.err
    assert hint in outcome.err.partition("\nhint: ")[2]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            501,
            {"error_code": "ModelArts.4383", "error_msg": "No such type"},
            "No such type (ModelArts.4383, ",
        ),
        (501, {"error_code": "ModelArts.4383"}, "datasets of this type cannot be exported (ModelArts.4383, "),
        (504, b"<html><title>504 Gateway Time-out</title><hr>nginx</html>", "Gateway Time-out (HTTP 504)"),
        (404, b"not found", "not found (HTTP 404)"),
        (404, b"no route", "not found: no route (HTTP 404)"),
        (200, b"<html><title>Log in</title></html>", "the response is not one of the API: Log in (HTTP 200)"),
    ],
)
def test_fact_is_told_once(run: Run, stub: Stub, status: int, body: object, message: str) -> None:
    """The meaning of a code is shown without a message of the API; a page shows its title and status."""
    outcome = submit(run, stub, status, body, "--on-lost-reply stop")
    assert outcome.err.partition("error: ")[0].count("HTTP") <= 1
    assert f"\n{message}" in f"\n{outcome.err.replace('error: ', '')}"


def test_secret_that_the_gateway_quotes_is_redacted(run: Run, stub: Stub) -> None:
    """It quotes the signed headers, and a security token is one of them."""
    token = "TEMPORARYtoken0123456789"
    words = f"verify aksk signature fail, canonicalRequest:POST|/|x-security-token:{token}|"
    stub.status, stub.body = 401, json.dumps({"error_code": "APIGW.0301", "error_msg": words}).encode()
    for form in ("table", "json"):
        variables = {**stub.variables, "HUAWEICLOUD_SDK_SECURITY_TOKEN": token}
        outcome = run(f"{TO_OBS} --debug -o {form}", **variables)
        assert (outcome.code, outcome.out) == (4, "")
        assert token not in outcome.err
        assert "x-security-token:***" in outcome.err


def test_control_characters_of_a_message_are_escaped(run: Run, stub: Stub) -> None:
    """The message is shown on one line."""
    words = "\x1b[2J\x9b31m\r\n::error::\u202e[bold]"
    outcome = submit(run, stub, 400, {"error_code": "ModelArts.7\x1b", "error_msg": words})
    assert_failed(outcome, stub, 6)
    assert not set("\x1b\x9b\r\u202e") & set(outcome.err)
    assert r"\x1b[2J\x9b31m\r\n::error::\u202e[bold]" in outcome.err


@pytest.mark.parametrize("code", ["ModelArts.4352", "ModelArts.7000"])
def test_json_error_has_all_fields(run: Run, stub: Stub, code: str) -> None:
    """It is one object on the last line of stderr."""
    body = {"error_code": code, "error_msg": WORDS}
    outcome = submit(run, stub, 400, body, "-o json -v", X_Request_Id=REQUEST_ID)
    error = parse_last_line(outcome)
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


def test_json_error_without_a_code_has_nulls(run: Run, stub: Stub) -> None:
    """The hint of an unknown outcome names the list command."""
    outcome = submit(run, stub, 502, b"<html>Bad Gateway</html>", "-o json")
    error = parse_last_line(outcome)
    assert outcome.code == error["exit_code"] == 10
    assert (error["error_code"], error["request_id"], error["http_status"]) == (None, None, 502)
    assert LIST_COMMAND in error["hint"]


def test_quiet_prints_the_error(run: Run, stub: Stub) -> None:
    """-q suppresses messages, but no errors."""
    assert_failed(submit(run, stub, 400, {"error_code": "ModelArts.4352"}, "-q"), stub, 3)
