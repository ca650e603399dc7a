"""What an answer of the API says about the request.

Codes are reused with other meanings under other HTTP statuses, so that a row of the table is found by both
(.github/API.md, section 5). A pair that no row names is judged by its status alone.
"""

from http import HTTPStatus

from modelarts_export.transport.error_codes import ROWS, ErrorCode, ErrorKind

__all__ = ["ErrorCode", "ErrorKind", "classify", "find_code", "find_hint"]

_BY_PAIR = {(row.status, row.code): row for row in ROWS}
_BY_STATUS = {
    401: (ErrorKind.PERMISSION, "the credentials are not accepted", "check the credentials"),
    403: (ErrorKind.PERMISSION, "access is denied", "check the permissions of the user"),
    404: (ErrorKind.NOT_FOUND, "not found", "check the IDs, the region and the endpoint"),
    408: (ErrorKind.UNKNOWN, "the service did not answer in time", "try again later"),
    429: (ErrorKind.THROTTLED, "too many requests", "try again later"),
}
_BY_FAMILY = {
    2: (ErrorKind.UNKNOWN, "the reply is none that the API gives", "check the endpoint"),
    3: (ErrorKind.REFUSED, "the endpoint redirects", "check the endpoint"),
    4: (ErrorKind.REFUSED, "the request is refused", "fix the request"),
}

# What the gateway's words after a refused credential mean; .github/API.md, section 4.
_HINTS = {
    "AK access failed to reach the limit": "the key is locked for five minutes; correct the secret key first",
    "signature expired": "set the clock of this machine; a signature is good for 15 minutes",
    "not exist": "the access key is wrong, was deleted or belongs to another cloud",
    "Get secretKey failed": "the access key is wrong, was deleted or belongs to another cloud",
    "verify aksk signature fail": "check the secret key; or a proxy has changed the request",
    "token expires": "the token has expired; get a new one",
    "x-auth-token not found": "the token did not arrive; get a new one, and check the proxies on the way",
    "decrypt token fail": "the token is broken or belongs to another cloud; get a new one",
}


def find_hint(row: ErrorCode, words: str) -> str:
    """Return what to do about an answer: what the API's own words give away, or what its row says."""
    told = (hint for part, hint in _HINTS.items() if part in words)
    return next(told, row.action) if row.kind is ErrorKind.CREDENTIALS else row.action


def classify(status: int, code: str | None) -> ErrorCode:
    """Return what is known of an answer that is no success.

    A 2xx that has a code instead of a task is judged by the code, where all its rows agree.
    """
    code = _normalize_gateway_code(code or "")
    return _BY_PAIR.get((status, code)) or _find_by_code(status, code) or _classify_status(status, code)


def find_code(code: str | None) -> ErrorCode | None:
    """Return what is known of a code that came without an HTTP status, where all its rows agree."""
    return _find_by_code(0, _normalize_gateway_code(code or ""))


def _normalize_gateway_code(code: str) -> str:
    """Older gateways say APIG where newer ones say APIGW; the numbers are the same."""
    return code.replace("APIG.", "APIGW.", 1)


def _find_by_code(status: int, code: str) -> ErrorCode | None:
    rows = [row for row in ROWS if row.code == code]
    alike = len({row.kind for row in rows}) == 1
    return rows[0] if status < HTTPStatus.MULTIPLE_CHOICES and alike else None


def _classify_status(status: int, code: str) -> ErrorCode:
    if status in _BY_STATUS:
        return ErrorCode(status, code, *_BY_STATUS[status])
    trouble = (ErrorKind.UNKNOWN, "the service is in trouble", "try again later")
    return ErrorCode(status, code, *_BY_FAMILY.get(status // 100, trouble))
