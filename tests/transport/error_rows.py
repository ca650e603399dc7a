"""The documented meaning of each error answer to a POST, written by hand beside the table of the program.

From .github/API.md, sections 4 and 5, and the exit codes of the README; never from the program's own table.
"""

import json
from collections.abc import Mapping

WORDS = "as the API puts it"

# fmt: off
# HTTP status, codes of ModelArts, exit code.
_MODELARTS = (
    (400, "4358", 6),                       # export path invalid
    (400, "4359", 3),                       # export task unknown
    (400, "4384", 6),                       # parameters invalid or missing
    (400, "4401", 6),                       # file could not be copied
    (400, "4409", 5),                       # too many running tasks
    (400, "4710 4711 4342 4712", 6),        # publishing failed, ratio not satisfiable
    (400, "4338 4352 4353", 3),             # dataset, label task or version unknown
    (400, "4824 4825", 6),                  # version not normal, empty
    (400, "4311 4312", 3),                  # bucket, path missing
    (400, "4313 4315 4374", 6),             # bad characters, //, invalid path
    (400, "4314 1002", 6),                  # OBS access error
    (400, "4316 4205", 6),                  # bucket type, bare bucket
    (400, "4350 4364 4351", 6),             # too long, exists, name taken
    (400, "4343 4349 4355 4356", 5),        # publishing, switching, syncing, importing
    (400, "4370", 5),                       # one version a minute
    (400, "4371 4714", 6),                  # version exists, quota of versions
    (400, "4420", 3),                       # sample unknown
    (400, "4410 4430 4365 4111", 6),        # label, attribute unknown, no labels, region header
    (400, "4126 4204", 4),                  # account locked, no permission for the API
    (400, "4344 4392 4393", 6),             # being deleted; task failed, stopped
    (400, "4700 4301", 3),                  # task, labeling job unknown
    (400, "0101 0104 0107 4200 4202 4396", 6),
    (400, "0102 0118 0116", 6),             # workspace missing, quota
    (400, "0204 0210", 4),                  # token lacks a project, project invalid
    (400, "1003 4106", 4),                  # frozen, no OBS right
    (400, "4105", 6),                       # malformed JSON
    (401, "0201 0202 0203 0204 0212", 4),   # token missing, expired, unparsable
    (401, "4119 4127 4201 4504", 4),        # IAM error
    (401, "0205 0206 0207 0208 0209 0210", 4),
    (401, "0112 4117 4203 0428", 4),        # role denies, user unverified, no agency
    (401, "4713 4826", 6),                  # asynchronous task pending, KMS bucket
    (403, "0108 0112 4336", 4),             # not authorized
    (403, "0203 0206 0210", 4),             # token, keys, other project
    (403, "4116 4118", 4),                  # arrears, suspended
    (403, "4310 4335", 4),                  # OBS forbidden, agency invalid
    (403, "4613 4803 4821 4850", 5),        # other task unfinished
    (404, "4204", 6),                       # the API does not exist
    (408, "4205", 10),                      # backend connect timeout
    (413, "4104", 6),                       # body over 12 MB
    (429, "4206 4395", 5),                  # too many requests
    (500, "0010 0012 0013", 10),            # internal
    (500, "4105 4106 4301 4503 4505", 10),  # temporary keys, agency, admin token, backend
    (500, "4302", 10),                      # rejected behind the gateway
    (500, "0109", 4),                       # account not authorized
    (500, "4354", 6),                       # quota of datasets, despite the 500
    (500, "4360 4367", 10),                 # sync, state failure
    (501, "4383", 6),                       # type cannot be exported, despite the 501
    (501, "4385 4386 4387 4394", 5),        # automatic tasks running
    (503, "4302 4700", 5),                  # backend down, gateway upgrading
    (504, "4503", 10),                      # backend timeout
)
# HTTP status, codes of the gateway (each with both prefixes), exit code.
_GATEWAY = (
    (404, "0101", 6),                       # unpublished, wrong method or host
    (404, "0103 0104 0105", 6),             # backend, plugin missing
    (400, "0103 0104 0105", 6),
    (500, "0103 0104 0105", 10),            # the same before
    (400, "0106 0201 0204 0602", 6),        # bad request, TLS too old
    (413, "0201", 6),
    (414, "0201", 6),
    (494, "0201", 6),
    (500, "0201", 10),
    (502, "0201 0610", 10),
    (504, "0201 0203", 10),
    (401, "0301 0303 0305 0307", 4),        # credentials, token to be renewed
    (403, "0302 0304 0306 0310", 4),        # not allowed, project unavailable
    (403, "0401 0402 0404", 4),             # IP address
    (405, "0501 0502", 6),                  # quota, frozen
    (429, "0308", 5),                       # throttled
    (500, "0601 0605 0606 0608 0609 0611 0612", 10),
    (503, "0613", 5),                       # IAM unavailable
    (403, "0802", 4),                       # user forbidden in region
)
_IAM = (
    (401, "0001 0061 0062 0066 0067", 4),   # credentials, locked, password, expired, invalid
    (401, "0080 0081 0082 0083", 4),        # user or key disabled, console only
    (403, "0002 0003 0080 0081 0082 0083", 4),
    (404, "0004", 3),
    (429, "0012", 5),
    (500, "0006", 10),
)
# Statuses without a known code: HTTP status, exit code.
STATUSES = (
    (400, 6), (401, 4), (402, 6), (403, 4), (404, 3), (405, 6), (406, 6), (408, 10), (409, 6), (410, 6),
    (413, 6), (415, 6), (418, 6), (422, 6), (423, 6), (429, 5), (431, 6), (451, 6), (499, 6),
    (500, 10), (501, 10), (502, 10), (503, 10), (504, 10), (505, 10), (507, 10), (511, 10), (599, 10),
    (300, 6), (301, 6), (302, 6), (303, 6), (305, 6), (307, 6), (308, 6),
)
# fmt: on

_FAMILIES = (("ModelArts", _MODELARTS), ("APIGW", _GATEWAY), ("APIG", _GATEWAY), ("IAM", _IAM))
PAIRS = [
    (status, " ".join(f"{family}.{number}" for number in numbers.split()), exit_code)
    for family, rows in _FAMILIES
    for status, numbers, exit_code in rows
]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


# fmt: off
_UNKNOWN = {"error_code": "ModelArts.7000", "error_msg": WORDS}
_PAGE = f"<html><head><title>{WORDS}</title></head><body>nginx</body></html>".encode()

# Bodies without a known code, so that the status alone decides; the code that is shown.
SHAPES: Mapping[str, tuple[bytes, str | None]] = {
    "ModelArts": (_json(_UNKNOWN), "ModelArts.7000"),
    "gateway": (_json({"error_msg": WORDS, "error_code": "APIGW.9999", "request_id": "r-7"}), "APIGW.9999"),
    "IAM keystone": (_json({"error": {"code": 499, "message": WORDS, "title": "Oh"}}), "499"),
    "IAM new": (_json({"error_code": "IAM.9999", "error_msg": WORDS, "encoded_authorization_message": "x"}), "IAM.9999"),
    "MaaS": (_json({"error": {"code": "inner", "message": "m", "type": "t"}, **_UNKNOWN}), "ModelArts.7000"),
    "camel case": (_json({"errorCode": "ModelArts.7000", "errorMsg": WORDS}), "ModelArts.7000"),
    "code and message": (_json({"code": "ModelArts.7000", "message": WORDS}), "ModelArts.7000"),
    "nested": (_json({"data": {"more": {"error_code": "ModelArts.7000", "error_msg": WORDS}}}), "ModelArts.7000"),
    "byte order mark": (b"\xef\xbb\xbf" + _json(_UNKNOWN), "ModelArts.7000"),
    "page": (_PAGE, None),
    "empty": (b"", None),
    "white space": (b" \r\n", None),
    "cut JSON": (_json(_UNKNOWN)[:-3], None),
    "list": (_json([_UNKNOWN]), None),
    "string": (_json(WORDS), None),
    "number": (b"12", None),
    "null": (b"null", None),
    "true": (b"true", None),
    "no object's key": (b"{}", None),
    "number as code": (_json({"error_code": 4352, "error_msg": WORDS}), "4352"),
    "null as code": (_json({"error_code": None, "error_msg": WORDS}), None),
    "list as code": (_json({"error_code": ["ModelArts.4352"], "error_msg": WORDS}), None),
    "true as code": (_json({"error_code": True, "error_msg": WORDS}), None),
    "empty code": (_json({"error_code": "", "error_msg": WORDS}), None),
    "object as words": (_json({"error_code": "ModelArts.7000", "error_msg": {"en": "a"}}), "ModelArts.7000"),
    "no words": (_json({"error_code": "ModelArts.7000"}), "ModelArts.7000"),
    "list as error": (_json({"error": [WORDS]}), None),
    "not UTF-8": (b'{"error_code": "ModelArts.7000", "error_msg": "\xff\xfe\xe9"}', "ModelArts.7000"),
    "Latin-1 page": ("<p>Accès refusé</p>".encode("latin-1"), None),
    "null bytes": (bytes(64), None),
    "lone surrogate": (b'{"error_code": "ModelArts.7000", "error_msg": "\\ud800"}', "ModelArts.7000"),
    "endless number": (b'{"error_code": ' + b"9" * 5000 + b"}", None),
    "deep objects": (b'{"a":' * 800 + b"1" + b"}" * 800, None),
    "deeper than a stack": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, None),
    "deeper objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None),
    "deep lists": (b"[" * 100_000, None),
}
# Bodies of unusual shape with a known code: status, body, exit code.
CODED_SHAPES = (
    (401, {"error_code": "APIGW.0301", "error_msg": WORDS, "request_id": "r-7"}, 4),
    (401, {"error": {"code": 401, "message": WORDS, "title": "Unauthorized"}}, 4),
    (404, {"error": {"code": 404, "message": WORDS, "title": "Not Found"}}, 3),
    (403, {"error_code": "IAM.0003", "error_msg": WORDS, "encoded_authorization_message": "x"}, 4),
    (400, {"error": {"code": "inner", "message": "m"}, "error_code": "ModelArts.4409", "error_msg": WORDS}, 5),
    (400, {"errorCode": "ModelArts.4352", "errorMsg": WORDS}, 3),
    (500, {"code": "ModelArts.4354", "message": WORDS}, 6),
    (400, {"error": {"error_code": "ModelArts.4352", "error_msg": WORDS}}, 3),
    (400, {"error_code": None, "error_msg": None, "e": {"code": "ModelArts.4352", "message": WORDS}}, 3),
)
# A 2xx with a task, and the ID that is shown.
ACCEPTED = (
    (200, {"task_id": "t1"}, "t1"),
    (201, {"task_id": "t1"}, "t1"),
    (202, {"task_id": "t1"}, "t1"),
    (200, {"task_id": "t1", "error_code": "ModelArts.4902", "error_msg": WORDS}, "t1"),
    (200, {"task_id": "t1", "error_code": "ModelArts.4352", "error_msg": WORDS}, "t1"),
    (200, {"task_id": "t1", "error_code": None, "unheard_of": [1, {}]}, "t1"),
    (200, {"task_id": 12345}, "12345"),
    (200, {"task_id": 0}, "0"),
)
# A 2xx without a task but with a code: status, code, exit code.
CODED_SUCCESSES = (
    (200, "ModelArts.4352", 3),
    (201, "ModelArts.4352", 3),
    (200, "ModelArts.4353", 3),
    (200, "ModelArts.4409", 5),
    (200, "ModelArts.4356", 5),
    (200, "ModelArts.4395", 5),
    (200, "ModelArts.4351", 6),
    (200, "ModelArts.4354", 6),
    (200, "ModelArts.4383", 6),
    (200, "ModelArts.4116", 4),
    (200, "APIGW.0301", 4),
    (200, "APIG.0308", 5),
    (200, "ModelArts.4205", 10),            # a bare bucket under 400, a timeout under 408
    (200, "ModelArts.4301", 10),            # no such job under 400, no token under 500
    (200, "ModelArts.4700", 10),            # no such task under 400, upgrading under 503
    (200, "ModelArts.4902", 10),            # informational
    (200, "ModelArts.4503", 10),
    (200, "ModelArts.0010", 10),
    (200, "ModelArts.99999999", 10),
)
# A 2xx without a task and without a code.
EMPTY_SUCCESSES = (
    b"", b"{}", b"[]", b"null", b"true", b"7", b'"t1"', b'["t1"]', b'[{"task_id": "t1"}]', b"<html>hello</html>",
    b'{"task_id": {}}', b'{"task_id": []}', b'{"task_id": null}', b'{"task_id": true}', b'{"task_id": ""}',
    b'{"task_id": 1.5}', b'{"task_id": "t1"', b'{"task_id": "\xff"}', b'{"data": {"task_id": "t1"}}', b'{"status": "INIT"}',
)
# End of the message of the gateway for a refused credential, and a word of the hint.
TAILS = (
    ("verify aksk signature fail", "secret key"),
    ("verify aksk signature fail, canonicalRequest:POST|/v2/0123/|||host|e3b0", "secret key"),
    ("verify ak sk signature expired, signature time:20260101T000000Z, server time:20260101T002000Z", "clock"),
    ("ak AKEXAMPLE0000000TEST not exist", "access key"),
    ("Get secretKey failed", "access key"),
    ("AK access failed to reach the limit, forbidden", "five minutes"),
    ("decrypt token fail", "token"),
    ("token expires, expires_at:2026-01-01T00:00:00Z", "token"),
    ("x-auth-token not found", "token"),
)
# fmt: on
