"""Authentication in the sandbox: accepted credentials, and the errors of others."""

import calendar
import time
from collections.abc import Sequence

import pytest

from modelarts_export.auth import signing
from modelarts_export.sandbox.authentication import Credentials, KeyLockout
from modelarts_export.sandbox.messages import Request

SIGNED_AT = "20260102T030405Z"
NOW = calendar.timegm(time.strptime(SIGNED_AT, signing.DATE_FORMAT))
CREDENTIALS = Credentials(
    access_key="AKEXAMPLE0000000TEST",
    secret_key="SKexample0123456789abcdefghijklmnopqrstuv",
    token="token",
    project_id="0123",
)
TARGET = "/v2/0123/datasets/abc/export-tasks"
BODY = (
    b'{"path":"/my-bucket/export/","export_type":2,"export_params":{"export_dest":"DIR","sample_state":""}}'
)
HEADERS = {
    "Content-Type": "application/json",
    "Host": "modelarts.cn-north-4.myhuaweicloud.com",
    "X-Project-Id": "0123",
    "X-Sdk-Date": SIGNED_AT,
}
SIGNED = ("content-type", "host", "x-project-id", "x-sdk-date")
VECTOR = "bc513a81426a3153ccf9729c5f7fb8d44f742c53c980ef6304d6742279034dac"


def sign(
    headers: dict[str, str] = HEADERS,
    *,
    names: Sequence[str] = SIGNED,
    target: str = TARGET,
    secret_key: str = CREDENTIALS.secret_key,
) -> Request:
    canonical = signing.make_canonical_request("POST", target, headers, BODY, signed=names)
    signature = signing.compute_signature(
        canonical, secret_key=secret_key, date=headers.get("X-Sdk-Date", "")
    )
    authorization = signing.format_authorization(CREDENTIALS.access_key, names, signature)
    return make_request({**headers, "Authorization": authorization}, target=target)


def make_request(headers: dict[str, str], *, target: str = TARGET, body: bytes = BODY) -> Request:
    return Request(method="POST", target=target, headers=headers, body=body)


def get_reason(request: Request, *, now: float = NOW) -> str:
    """Return the end of the message of a 401."""
    refusal = CREDENTIALS.check(request, project_id="0123", now=now)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (401, "APIGW.0301")
    start, _, tail = refusal.message.partition(": ")
    assert start == "Incorrect IAM authentication information"
    return tail


def is_accepted(request: Request, *, now: float = NOW) -> bool:
    return CREDENTIALS.check(request, project_id="0123", now=now) is None


def test_documented_signature_is_accepted() -> None:
    """API.md, section 6.2, vector A, its header written out by hand."""
    claim = f"Access={CREDENTIALS.access_key}, SignedHeaders={';'.join(SIGNED)}, Signature={VECTOR}"
    assert is_accepted(make_request({**HEADERS, "authorization": f"SDK-HMAC-SHA256 {claim}"}))


@pytest.mark.parametrize(
    "target", [TARGET, f"{TARGET}?limit=100&offset=0", f"{TARGET}/a%2Fb", f"{TARGET}?b=2&a=%20x&a="]
)
def test_signature_of_any_target_is_accepted(target: str) -> None:
    assert is_accepted(sign(target=target))


def test_signature_of_the_date_alone_is_accepted() -> None:
    assert is_accepted(sign(names=["x-sdk-date"]))


def test_unsigned_date_is_refused() -> None:
    assert "x-sdk-date not found" in get_reason(sign(names=["host"]))


def test_missing_signed_header_is_refused() -> None:
    request = sign()
    headers = {name: value for name, value in request.headers.items() if name != "Content-Type"}
    assert "content-type not found" in get_reason(make_request(headers))


def test_wrong_secret_key_is_refused_with_the_canonical_request() -> None:
    assert get_reason(sign(secret_key="other")) == (
        "verify aksk signature fail, canonicalRequest:POST|/v2/0123/datasets/abc/export-tasks/||"
        "content-type:application/json|host:modelarts.cn-north-4.myhuaweicloud.com|x-project-id:0123|"
        "x-sdk-date:20260102T030405Z||content-type;host;x-project-id;x-sdk-date|"
        "e0859fa4068424bbbdb1c61af286b333d70f4c0e1412accee6d1bb801b1d2b32"
    )


def test_request_changed_after_signing_is_refused() -> None:
    request = sign()
    assert "canonicalRequest" in get_reason(make_request(dict(request.headers), body=BODY + b" "))
    assert "canonicalRequest" in get_reason(make_request(dict(request.headers), target=f"{TARGET}?limit=1"))
    assert "canonicalRequest" in get_reason(make_request({**request.headers, "Host": "elsewhere"}))


def test_unknown_access_key_is_named_in_the_error() -> None:
    authorization = signing.format_authorization("AKUNKNOWN", SIGNED, VECTOR)
    assert get_reason(make_request({**HEADERS, "Authorization": authorization})) == "ak AKUNKNOWN not exist"


@pytest.mark.parametrize("skew", [-900, 900])
def test_fifteen_minutes_of_skew_are_accepted(skew: int) -> None:
    assert is_accepted(sign(), now=NOW + skew)


@pytest.mark.parametrize(("skew", "server_time"), [(-901, "20260102T024904Z"), (901, "20260102T031906Z")])
def test_larger_skew_is_refused_with_both_times(skew: int, server_time: str) -> None:
    expected = f"signature expired, signature time:{SIGNED_AT}, server time:{server_time}"
    assert get_reason(sign(), now=NOW + skew) == expected


@pytest.mark.parametrize("date", ["", "2026-01-02T03:04:05Z", "20261302T030405Z"])
def test_malformed_date_is_refused(date: str) -> None:
    assert "malformed X-Sdk-Date" in get_reason(sign({**HEADERS, "X-Sdk-Date": date}))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic eDp5",
        "SDK-HMAC-SHA256 Access=a",
        f"V11-HMAC-SHA256 Access=a, SignedHeaders=b, Signature={VECTOR}",
    ],
)
def test_malformed_authorization_is_refused(authorization: str) -> None:
    assert "malformed Authorization" in get_reason(make_request({**HEADERS, "Authorization": authorization}))


def test_only_the_token_of_the_sandbox_is_accepted() -> None:
    assert is_accepted(make_request({"X-Auth-Token": "token"}))
    assert is_accepted(make_request({"x-auth-token": "token"}))
    assert get_reason(make_request({"X-Auth-Token": "other"})) == "decrypt token fail"
    assert get_reason(make_request({"X-Auth-Token": "té"})) == "decrypt token fail"
    assert get_reason(make_request({})) == "x-auth-token not found"


@pytest.mark.parametrize(
    ("in_url", "in_header"), [("0124", None), ("0123", "0124"), ("0124", "0124"), ("", None)]
)
def test_other_project_is_forbidden(in_url: str, in_header: str | None) -> None:
    headers = {"X-Auth-Token": "token"} | ({"X-Project-Id": in_header} if in_header else {})
    refusal = CREDENTIALS.check(make_request(headers), project_id=in_url, now=NOW)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (403, "ModelArts.0210")


def test_repr_of_credentials_has_no_secrets() -> None:
    assert CREDENTIALS.secret_key not in repr(CREDENTIALS)
    assert "token='token'" not in repr(CREDENTIALS)


GOOD, WRONG, LOCKED = "good", "wrong", "locked"
WRONG_KEY = sign(secret_key="other")
UNKNOWN_KEY = make_request(
    {**HEADERS, "Authorization": signing.format_authorization("AKUNKNOWN", SIGNED, VECTOR)}
)


def check(lockout: KeyLockout, request: Request, now: float = NOW, *, project_id: str = "0123") -> str:
    """Return whether a request is accepted, refused, or refused because the key is locked."""
    refusal = lockout.check(request, project_id=project_id, now=now)
    if refusal is None:
        return GOOD
    locked = "Incorrect IAM authentication information: AK access failed to reach the limit, forbidden"
    if refusal.message == locked:
        assert (refusal.status, refusal.code) == (401, "APIGW.0301")
        return LOCKED
    return WRONG


@pytest.mark.parametrize(
    ("tries", "then"),
    [
        (5 * [WRONG_KEY], GOOD),
        (6 * [WRONG_KEY], LOCKED),
        ([*5 * [WRONG_KEY], sign(), *5 * [WRONG_KEY]], GOOD),
        ([*5 * [WRONG_KEY], sign(), *6 * [WRONG_KEY]], LOCKED),
        (6 * [sign({**HEADERS, "X-Sdk-Date": "20260102T024904Z"})], LOCKED),
        (6 * [sign(names=["host"])], LOCKED),
        (9 * [UNKNOWN_KEY], GOOD),
        (9 * [make_request({**HEADERS, "X-Auth-Token": "other"})], GOOD),
        (9 * [make_request({**HEADERS, "Authorization": "malformed"})], GOOD),
        ([*5 * [WRONG_KEY], UNKNOWN_KEY, make_request({"X-Auth-Token": "token"}), WRONG_KEY], LOCKED),
    ],
)
def test_sixth_consecutive_failure_locks_the_access_key(tries: list[Request], then: str) -> None:
    """API.md, section 4: calls with other credentials do not count; each failure has its reason."""
    lockout = KeyLockout(CREDENTIALS)
    assert LOCKED not in [check(lockout, request) for request in tries]
    assert check(lockout, sign()) == then


def test_wrong_project_resets_the_failures_of_the_access_key() -> None:
    """The signature was correct, so the count starts again."""
    lockout = KeyLockout(CREDENTIALS)
    for request, project_id in [*5 * [(WRONG_KEY, "0123")], *9 * [(sign(), "0124")], (WRONG_KEY, "0123")]:
        assert check(lockout, request, project_id=project_id) == WRONG
    assert check(lockout, sign()) == GOOD


def test_lock_ends_after_five_minutes_and_resets_the_count() -> None:
    lockout = KeyLockout(CREDENTIALS)
    assert {check(lockout, WRONG_KEY) for _ in range(6)} == {WRONG}
    for seconds in (0, 299.9):
        assert check(lockout, WRONG_KEY, NOW + seconds) == LOCKED
        assert check(lockout, sign(), NOW + seconds) == LOCKED
        assert check(lockout, make_request({"X-Auth-Token": "token"}), NOW + seconds) == GOOD
        assert check(lockout, UNKNOWN_KEY, NOW + seconds) == WRONG
    assert {check(lockout, WRONG_KEY, NOW + 300) for _ in range(5)} == {WRONG}
    assert check(lockout, sign(), NOW + 300) == GOOD
