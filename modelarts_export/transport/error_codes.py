"""The error codes of the API, a row for each pair of HTTP status and code, and how a response is classified.

The API reuses codes with other meanings under other statuses, so a row is found by both (.github/API.md,
section 5). A pair without a row is classified by its status alone.
"""

from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus


class ErrorKind(Enum):
    """What an error response says about the request, above all whether it may have been carried out."""

    NOT_FOUND = auto()
    CREDENTIALS = auto()  # rejected; the gateway locks a key after five, so it is not used again
    PERMISSION = auto()
    BUSY = auto()  # the dataset is at work; not accepted, and waiting helps
    THROTTLED = auto()  # too many requests; not accepted, and waiting helps
    UNAVAILABLE = auto()  # the service reports that it is down; not accepted
    REFUSED = auto()
    UNKNOWN = auto()  # says nothing: a request that creates something may have been carried out


UNKNOWN_DATASET_CODES = ("ModelArts.4338", "ModelArts.4352")
"""The codes for an ID that no dataset has (.github/API.md, section 5)."""


@dataclass(frozen=True)
class ErrorCode:
    """What a pair of status and code means, and what the user can do."""

    status: int
    code: str
    kind: ErrorKind
    meaning: str
    action: str
    pause: float = 0.0
    """The shortest time before a retry, in seconds, where waiting helps."""


def classify(status: int, code: str | None) -> ErrorCode:
    """Return the row of an error response.

    A 2xx with a code instead of a task is classified by the code, if all rows of the code are of one kind.
    """
    code = _normalize_gateway_code(code or "")
    return _BY_PAIR.get((status, code)) or _find_by_code(status, code) or _classify_status(status, code)


def find_code(code: str | None) -> ErrorCode | None:
    """Return the row of a code that came without an HTTP status, if all its rows are of one kind."""
    return _find_by_code(0, _normalize_gateway_code(code or ""))


def find_hint(row: ErrorCode, message: str, *, changing: bool) -> str:
    """Return what to do about an error: what the gateway's message gives away, or what the row says.

    A call that creates nothing needs no permission to create (.github/API.md, section 1).
    """
    if row.action == _PERMIT and not changing:
        return _PERMIT_READ
    hints = (hint for part, hint in _CREDENTIAL_HINTS.items() if part in message)
    return next(hints, row.action) if row.kind is ErrorKind.CREDENTIALS else row.action


def _normalize_gateway_code(code: str) -> str:
    """Replace the prefix APIG of older gateways by APIGW; the numbers are the same."""
    return code.replace("APIG.", "APIGW.", 1)


def _find_by_code(status: int, code: str) -> ErrorCode | None:
    rows = [row for row in ROWS if row.code == code]
    is_unambiguous = len({row.kind for row in rows}) == 1
    return rows[0] if status < HTTPStatus.MULTIPLE_CHOICES and is_unambiguous else None


def _classify_status(status: int, code: str) -> ErrorCode:
    if status in _BY_STATUS:
        return ErrorCode(status, code, *_BY_STATUS[status])
    server_error = (ErrorKind.UNKNOWN, "the service failed", "try again later")
    return ErrorCode(status, code, *_BY_STATUS_CLASS.get(status // 100, server_error))


def list_statuses(kind: ErrorKind) -> list[int]:
    """Return the statuses of a kind without a known code, and after them the classes, such as 5 for 5xx."""
    statuses = (*_BY_STATUS, *_BY_STATUS_CLASS, 5)
    return [status for status in statuses if _classify_status(_example(status), "").kind is kind]


def list_statuses_of(code: str) -> list[int]:
    """Return the statuses with which this code has meanings of its own."""
    return [row.status for row in ROWS if row.code == code]


def _example(status: int) -> int:
    """Return a status, or one of a class that has no meaning of its own."""
    return status if status >= HTTPStatus.CONTINUE else status * 100 + 99


_BY_STATUS = {
    401: (ErrorKind.PERMISSION, "the credentials are not accepted", "check the credentials"),
    403: (ErrorKind.PERMISSION, "access is denied", "check the permissions of the user"),
    404: (ErrorKind.NOT_FOUND, "not found", "check the IDs, the region and the endpoint"),
    408: (ErrorKind.UNKNOWN, "the service did not answer in time", "try again later"),
    429: (ErrorKind.THROTTLED, "too many requests", "try again later"),
}
_BY_STATUS_CLASS = {
    2: (ErrorKind.UNKNOWN, "the response is not one of the API", "check the endpoint"),
    3: (ErrorKind.REFUSED, "the endpoint redirects", "check the endpoint"),
    4: (ErrorKind.REFUSED, "the request is refused", "fix the request"),
}

# What the gateway's messages about rejected credentials mean; .github/API.md, section 4.
_CREDENTIAL_HINTS = {
    "AK access failed to reach the limit": "the key is locked for five minutes; correct the secret key first",
    "signature expired": "set the clock of this machine; a signature is valid for 15 minutes",
    "not exist": "the access key is wrong, was deleted or belongs to another cloud",
    "Get secretKey failed": "the access key is wrong, was deleted or belongs to another cloud",
    "verify aksk signature fail": "check the secret key; or a proxy has changed the request",
    "token expires": "the token has expired; get a new one",
    "x-auth-token not found": "the token did not arrive; get a new one, and check the proxies",
    "decrypt token fail": "the token is broken or belongs to another cloud; get a new one",
}

_PATH = "fix the path"
_PERMIT = "ask for the actions modelarts:dataset:createExportTask and modelarts:dataset:getDataset"
_PERMIT_READ = "ask for the action modelarts:dataset:getDataset"
_AGENCY = "authorize ModelArts to use OBS (console: Global Configuration), then submit again"
_IDS = "check the dataset ID, the project ID and the region"
_PROJECT = "use credentials of the project, or its project ID"
_KEYS = "check the access key and the secret key, and that they belong to this cloud"
_TOKEN = "get a new token, scoped to the project"  # noqa: S105 - advice, not a token
_WAIT = "wait for the running task of the dataset to end, then submit again"
_LATER = "try again later"
_SUPPORT = "contact support with the request ID"
_BILLING = "settle the account's bills, then submit again"
_REQUEST = "fix the request"


# One row per line, so that it reads as the table it is.
# fmt: off
_GROUPS = (
    (400, "ModelArts", "4358", ErrorKind.REFUSED, "the export path is invalid", _PATH),
    (400, "ModelArts", "4359", ErrorKind.NOT_FOUND, "no such export task", "check the task ID, dataset ID and region"),
    (400, "ModelArts", "4384", ErrorKind.REFUSED, "a parameter is invalid or missing", _REQUEST),
    (400, "ModelArts", "4401", ErrorKind.REFUSED, "a file could not be copied", "check permission and space in OBS"),
    (400, "ModelArts", "4409", ErrorKind.BUSY, "too many tasks of the dataset are running", _WAIT),
    (400, "ModelArts", "4710", ErrorKind.REFUSED, "the export failed", "review the parameters"),
    (400, "ModelArts", "4711 4342", ErrorKind.REFUSED, "the samples cannot be split by this ratio", "leave the ratio out, or label more samples"),
    (400, "ModelArts", "4712", ErrorKind.REFUSED, "the version could not be published", "try again later"),
    (400, "ModelArts", "4338", ErrorKind.NOT_FOUND, "no such dataset or labeling task", _IDS),
    (400, "ModelArts", "4352", ErrorKind.NOT_FOUND, "no such dataset", _IDS),
    (400, "ModelArts", "4353", ErrorKind.NOT_FOUND, "no such dataset version", "check the version ID"),
    (400, "ModelArts", "4824", ErrorKind.REFUSED, "the version is not in a normal state", "choose another version"),
    (400, "ModelArts", "4825", ErrorKind.REFUSED, "the version is empty", "choose another version"),
    (400, "ModelArts", "4311", ErrorKind.NOT_FOUND, "no such bucket", "create the bucket, in the same region"),
    (400, "ModelArts", "4312", ErrorKind.NOT_FOUND, "no such path", "create the directory, in the same region"),
    (400, "ModelArts", "4313", ErrorKind.REFUSED, "the path has characters that are not allowed", _PATH),
    (400, "ModelArts", "4315", ErrorKind.REFUSED, "the path has //", _PATH),
    (400, "ModelArts", "4374", ErrorKind.REFUSED, "the path is invalid", _PATH),
    (400, "ModelArts", "4314 1002", ErrorKind.REFUSED, "OBS could not be reached", "check permission and health of OBS"),
    (400, "ModelArts", "4316", ErrorKind.REFUSED, "the bucket's type is not supported", "use another bucket"),
    (400, "ModelArts", "4205", ErrorKind.REFUSED, "the path is a bucket alone", "add a directory to the path"),
    (400, "ModelArts", "4350", ErrorKind.REFUSED, "the work path is too long", _PATH),
    (400, "ModelArts", "4364", ErrorKind.REFUSED, "the directory exists already", "choose another work path"),
    (400, "ModelArts", "4351", ErrorKind.REFUSED, "the dataset name is taken", "choose another name"),
    (400, "ModelArts", "4343", ErrorKind.BUSY, "the dataset is being published", _WAIT),
    (400, "ModelArts", "4349", ErrorKind.BUSY, "the dataset is switching its version", _WAIT),
    (400, "ModelArts", "4355", ErrorKind.BUSY, "the dataset is being synchronized", _WAIT),
    (400, "ModelArts", "4356", ErrorKind.BUSY, "the dataset is importing", _WAIT),
    (400, "ModelArts", "4370", ErrorKind.BUSY, "the dataset made a version in this minute", "submit again after a minute"),
    (400, "ModelArts", "4371", ErrorKind.REFUSED, "the version exists already", "choose another version name"),
    (400, "ModelArts", "4714", ErrorKind.REFUSED, "the quota of versions is used up", "delete a version of the dataset"),
    (400, "ModelArts", "4420", ErrorKind.NOT_FOUND, "no such sample", "check the sample IDs"),
    (400, "ModelArts", "4410 4430", ErrorKind.REFUSED, "no such label, or no such attribute of one", "check the labels of the filters"),
    (400, "ModelArts", "4365", ErrorKind.REFUSED, "the dataset has no labels", "define labels, or export without a filter by label"),
    (400, "ModelArts", "4344", ErrorKind.REFUSED, "the dataset is being deleted", "choose another dataset"),
    (400, "ModelArts", "4392", ErrorKind.REFUSED, "the task failed", "check the task"),
    (400, "ModelArts", "4393", ErrorKind.REFUSED, "the task was stopped", "check the task"),
    (400, "ModelArts", "4700", ErrorKind.NOT_FOUND, "no such task", "check the task ID"),
    (400, "ModelArts", "0101 0104 4200 4202 4396", ErrorKind.REFUSED, "an argument is invalid", _REQUEST),
    (400, "ModelArts", "0107", ErrorKind.REFUSED, "the body is invalid or empty", _REQUEST),
    (400, "ModelArts", "0102", ErrorKind.REFUSED, "no such workspace", "check the workspace of the project"),
    (400, "ModelArts", "0118 0116", ErrorKind.REFUSED, "a quota is used up", "free some of it, or request a higher quota"),
    (400, "ModelArts", "0204", ErrorKind.PERMISSION, "the token has no project", _PROJECT),
    (400, "ModelArts", "0210", ErrorKind.PERMISSION, "the project ID is invalid", _PROJECT),
    (400, "ModelArts", "1003", ErrorKind.PERMISSION, "the account is frozen or may not use OBS", _BILLING),
    (400, "ModelArts", "4106", ErrorKind.PERMISSION, "the account is frozen or may not use OBS", _AGENCY),
    (400, "ModelArts", "4105", ErrorKind.REFUSED, "the body is not JSON", "report it: this is a bug of modelarts-export"),
    (400, "ModelArts", "4111", ErrorKind.REFUSED, "the region header is invalid", "check the region and the endpoint"),
    (400, "ModelArts", "4126", ErrorKind.CREDENTIALS, "the account is locked", "wait until it is unlocked, or ask an administrator to unlock it"),
    (400, "ModelArts", "4204", ErrorKind.PERMISSION, "no permission for this API", _PERMIT),
    (400, "ModelArts", "4301", ErrorKind.NOT_FOUND, "no such labeling job", _IDS),
    (401, "ModelArts", "0201", ErrorKind.CREDENTIALS, "the token is missing", _TOKEN),
    (401, "ModelArts", "0202", ErrorKind.CREDENTIALS, "the token has expired", _TOKEN),
    (401, "ModelArts", "0203", ErrorKind.CREDENTIALS, "the token is invalid", _TOKEN),
    (401, "ModelArts", "0204 0212", ErrorKind.CREDENTIALS, "the token has no project", _TOKEN),
    (401, "ModelArts", "0205 0208 0209 0210", ErrorKind.CREDENTIALS, "the gateway requires other headers", "check endpoint and credentials"),
    (401, "ModelArts", "0206", ErrorKind.CREDENTIALS, "the keys are rejected", _KEYS),
    (401, "ModelArts", "0207", ErrorKind.CREDENTIALS, "the region is wrong, or the clock of this machine", "check the region and the clock"),
    (401, "ModelArts", "4119 4127 4201 4504", ErrorKind.CREDENTIALS, "IAM does not recognize the token", _TOKEN),
    (401, "ModelArts", "0112 4203", ErrorKind.PERMISSION, "a role or policy denies it", _PERMIT),
    (401, "ModelArts", "4117", ErrorKind.PERMISSION, "the user is not verified", "complete the real-name verification"),
    (401, "ModelArts", "0428", ErrorKind.PERMISSION, "ModelArts is not authorized for this user", _AGENCY),
    (401, "ModelArts", "4713", ErrorKind.REFUSED, "another task is pending", _LATER),
    (401, "ModelArts", "4826", ErrorKind.REFUSED, "the bucket is encrypted by KMS", "use a bucket without encryption"),
    (403, "ModelArts", "0108 0112 4336", ErrorKind.PERMISSION, "not authorized", _PERMIT),
    (403, "ModelArts", "0203", ErrorKind.CREDENTIALS, "the token is invalid", _TOKEN),
    (403, "ModelArts", "0206", ErrorKind.CREDENTIALS, "the keys are invalid", _KEYS),
    (403, "ModelArts", "0210", ErrorKind.PERMISSION, "the credentials are of another project", _PROJECT),
    (403, "ModelArts", "4116", ErrorKind.PERMISSION, "the account is in arrears", _BILLING),
    (403, "ModelArts", "4118", ErrorKind.PERMISSION, "the account is suspended", _BILLING),
    (403, "ModelArts", "4310", ErrorKind.PERMISSION, "ModelArts may not do this in OBS", _AGENCY),
    (403, "ModelArts", "4335", ErrorKind.PERMISSION, "the agency of ModelArts is invalid", _AGENCY),
    (403, "ModelArts", "4613 4803 4850", ErrorKind.BUSY, "another task of the dataset is not finished", _WAIT),
    (403, "ModelArts", "4821", ErrorKind.BUSY, "the dataset is being published", _WAIT),
    (404, "ModelArts", "4204", ErrorKind.REFUSED, "the API does not exist there", "check the endpoint"),
    (408, "ModelArts", "4205", ErrorKind.UNKNOWN, "the gateway did not reach the service in time", _LATER),
    (413, "ModelArts", "4104", ErrorKind.REFUSED, "the body is larger than 12 MB", "name fewer samples in one export"),
    (429, "ModelArts", "4206", ErrorKind.THROTTLED, "too many requests", _LATER),
    (429, "ModelArts", "4395", ErrorKind.THROTTLED, "too many datasets or labeling tasks were created at once", _LATER),
    (500, "ModelArts", "0010", ErrorKind.UNKNOWN, "an internal error", _SUPPORT),
    (500, "ModelArts", "0012", ErrorKind.UNKNOWN, "an internal timeout", _SUPPORT),
    (500, "ModelArts", "0013", ErrorKind.UNKNOWN, "an internal connection failed", _SUPPORT),
    (500, "ModelArts", "4105", ErrorKind.UNKNOWN, "no temporary keys were available", _SUPPORT),
    (500, "ModelArts", "4106", ErrorKind.UNKNOWN, "ModelArts may not use OBS", _AGENCY),
    (500, "ModelArts", "0109", ErrorKind.PERMISSION, "the account is not authorized", _PERMIT),
    (500, "ModelArts", "4302", ErrorKind.UNKNOWN, "the backend service rejected the call", _LATER),
    (500, "ModelArts", "4301", ErrorKind.UNKNOWN, "no token was available", _SUPPORT),
    (500, "ModelArts", "4503 4505", ErrorKind.UNKNOWN, "the backend service failed", _SUPPORT),
    (500, "ModelArts", "4354", ErrorKind.REFUSED, "the quota of datasets is used up", "delete a dataset, or request a higher quota"),
    (500, "ModelArts", "4360", ErrorKind.UNKNOWN, "the dataset could not be synchronized", _SUPPORT),
    (500, "ModelArts", "4367", ErrorKind.UNKNOWN, "the dataset's state could not be changed", _SUPPORT),
    (501, "ModelArts", "4383", ErrorKind.REFUSED, "datasets of this type cannot be exported", "choose another dataset"),
    (501, "ModelArts", "4385 4386 4387 4394", ErrorKind.BUSY, "an automatic task of the dataset is running", _WAIT),
    (503, "ModelArts", "4302", ErrorKind.UNAVAILABLE, "the service is down", _LATER),
    (503, "ModelArts", "4700", ErrorKind.UNAVAILABLE, "the gateway is being upgraded", _LATER),
    (504, "ModelArts", "4503", ErrorKind.UNKNOWN, "the service did not answer in time", _LATER),
    (404, "APIGW", "0101", ErrorKind.REFUSED, "the API does not exist there", "check the endpoint"),
    (404, "APIGW", "0103 0104 0105", ErrorKind.REFUSED, "the gateway has no backend for this API", "check the endpoint"),
    (400, "APIGW", "0106", ErrorKind.REFUSED, "the gateway cannot route the request", "check the endpoint"),
    (400, "APIGW", "0201 0602", ErrorKind.REFUSED, "the gateway cannot read the request", _REQUEST),
    (413, "APIGW", "0201", ErrorKind.REFUSED, "the body is larger than 12 MB", "name fewer samples in one export"),
    (414, "APIGW", "0201", ErrorKind.REFUSED, "the URL is too long", _REQUEST),
    (494, "APIGW", "0201", ErrorKind.REFUSED, "the headers are too long", _REQUEST),
    (500, "APIGW", "0201 0601 0605 0606 0608 0609 0611 0612", ErrorKind.UNKNOWN, "the gateway failed", _SUPPORT),
    (502, "APIGW", "0201 0610", ErrorKind.UNKNOWN, "the gateway did not reach the service", _LATER),
    (504, "APIGW", "0201 0203", ErrorKind.UNKNOWN, "the service did not answer in time", _LATER),
    (401, "APIGW", "0301 0305", ErrorKind.CREDENTIALS, "the credentials are rejected", _KEYS),
    (403, "APIGW", "0302", ErrorKind.PERMISSION, "the user may not call this API", _PERMIT),
    (401, "APIGW", "0303", ErrorKind.CREDENTIALS, "the app signature is rejected", "use keys of IAM, not of an app"),
    (403, "APIGW", "0304", ErrorKind.PERMISSION, "the app may not call this API", "use keys of IAM, not of an app"),
    (403, "APIGW", "0306", ErrorKind.PERMISSION, "access to the API is denied", _PERMIT),
    (401, "APIGW", "0307", ErrorKind.CREDENTIALS, "the token must be renewed", _TOKEN),
    (429, "APIGW", "0308", ErrorKind.THROTTLED, "too many requests", _LATER),
    (403, "APIGW", "0310", ErrorKind.PERMISSION, "the project is not available", _PROJECT),
    (403, "APIGW", "0401 0402 0404", ErrorKind.PERMISSION, "this IP address is denied", "call from an allowed address"),
    (405, "APIGW", "0501", ErrorKind.REFUSED, "the quota of the API is used up", "request a higher quota"),
    (405, "APIGW", "0502", ErrorKind.REFUSED, "the app is frozen", "use keys of IAM, not of an app"),
    (503, "APIGW", "0613", ErrorKind.UNAVAILABLE, "IAM is down", _LATER),
    (403, "APIGW", "0802", ErrorKind.PERMISSION, "the user is forbidden in this region", "check the region"),
    (401, "IAM", "0001", ErrorKind.CREDENTIALS, "IAM rejects the credentials", _KEYS),
    (401, "IAM", "0061", ErrorKind.CREDENTIALS, "the user is locked", "wait until it is unlocked"),
    (401, "IAM", "0062", ErrorKind.CREDENTIALS, "the password is wrong", "check the password"),
    (401, "IAM", "0066", ErrorKind.CREDENTIALS, "the token has expired", _TOKEN),
    (401, "IAM", "0067", ErrorKind.CREDENTIALS, "the token is invalid", _TOKEN),
    (401, "IAM", "0080 0081 0082", ErrorKind.CREDENTIALS, "the user or its key is disabled", "enable it"),
    (401, "IAM", "0083", ErrorKind.CREDENTIALS, "the user may only use the console", "use another user"),
    (403, "IAM", "0002 0003", ErrorKind.PERMISSION, "IAM does not permit it", "ask for the permission"),
    (404, "IAM", "0004", ErrorKind.NOT_FOUND, "IAM does not find this", "check the IDs and names"),
    (429, "IAM", "0012", ErrorKind.THROTTLED, "too many requests to IAM", _LATER),
    (500, "IAM", "0006", ErrorKind.UNKNOWN, "IAM failed", _LATER),
)
# fmt: on

# One dataset version per minute (.github/API.md, section 5).
_PAUSES = {(400, "4370"): 60.0}

ROWS = tuple(
    ErrorCode(status, f"{family}.{number}", kind, meaning, action, _PAUSES.get((status, number), 0.0))
    for status, family, numbers, kind, meaning, action in _GROUPS
    for number in numbers.split()
)

_BY_PAIR = {(row.status, row.code): row for row in ROWS}
