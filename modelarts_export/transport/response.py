"""Responses: the JSON of a success, or a typed error from any shape of error body.

Source of the shapes: .github/API.md, section 4, "Error bodies".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from modelarts_export.errors import (
    AccessError,
    BusyError,
    ErrorFacts,
    ModelArtsExportError,
    NotFoundError,
    RefusedError,
    TemporaryError,
    ThrottledError,
    UnknownOutcomeError,
    format_source,
)
from modelarts_export.sanitize import Redactor, to_json, truncate, unescape_json
from modelarts_export.transport.error_codes import ErrorCode, ErrorKind, classify, find_hint

LOOK_FIRST = "check whether the dataset has a task of this export before submitting it again"
"""What to do when a task may have been created."""
# Characters of an error that is not JSON, such as a proxy's page; enough to show when each is an escape of
# six characters.
_MOST_READ = 4096
_DEEPEST = 32  # levels of JSON; the API's own responses have four
_LIMITED = (dict, list, float)  # the types of JSON values that _limit_depth can change
_CUT = "..."
# HTML begins after blanks, an XML declaration and comments; possessive, so that a long text is read once.
_HTML = re.compile(
    r"(?:\s|<\?[^>]*+>|<!--.*?-->)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TITLE = re.compile(r"<title\b[^>]*>([^<]*)<", re.IGNORECASE)
# The gateway ends the message about a wrong signature with all that it signed (.github/API.md, section 4).
_CANONICAL_REQUEST = re.compile(r"[\s,;]*\bcanonicalRequest\s*:")
_SECONDS = re.compile(r"[0-9]+")
_LONGEST_PAUSE = 366 * 86400.0  # seconds; a later Retry-After is cut to this
# The ID of a task in a possibly incomplete body, with its closing quote, and in a URL.
_NAMED = re.compile(rb'"task_id"\s*:\s*"([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})"')
_LOCATED = re.compile(r"/export-tasks/([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})/?$")
_MOST_NAMED = 2
_PAIRS = (("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message"))
# Unlike a 408 or a 504, these say that the server has stopped processing the request.
_GIVEN_UP = (500, 502, 503)
# policy user over ratelimit,limit:5,time:1 minute (.github/API.md, section 5, code 0308)
_LIMIT = re.compile(r"limit:\d+,time:(?P<count>\d{1,6}) (?P<unit>second|minute|hour|day)")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_REQUEST_ID_HEADERS = ("X-Request-Id", "X-IAM-Trace-Id")
_ERRORS: Mapping[ErrorKind, type[ModelArtsExportError]] = {
    ErrorKind.NOT_FOUND: NotFoundError,
    ErrorKind.CREDENTIALS: AccessError,
    ErrorKind.PERMISSION: AccessError,
    ErrorKind.BUSY: BusyError,
    ErrorKind.THROTTLED: ThrottledError,
    ErrorKind.UNAVAILABLE: TemporaryError,
    ErrorKind.REFUSED: RefusedError,
}


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response as received; `changing`: the request may have created something.

    `headers` ignore letter case. `secrets` are the request's, which the server may quote; they are redacted.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    changing: bool
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the status is a 2xx; other calls of the API return 201."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The JSON object of the response, or an empty one; limited in depth, without NaN and infinity.

        An error need not be UTF-8 for its code to be read; a success must be, for its ID to be right.
        """
        try:
            text = self.content.decode("utf-8-sig", errors="strict" if self.succeeded else "replace")
            value = _limit_depth(json.loads(text), _DEEPEST)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(value, dict):
            return {}
        # without escapes, the text as a whole has each string as it is
        is_clean = "\\" not in text and not self.redactor.contains_secret(text)
        return value if is_clean else self.redactor.redact_data(value)

    @cached_property
    def redactor(self) -> Redactor:
        """The redactor of the request's secrets."""
        return Redactor(self.secrets)

    @property
    def date(self) -> float | None:
        """The Date header in epoch seconds, or None."""
        return _parse_date(self.headers.get("Date", ""))

    @property
    def retry_after(self) -> float | None:
        """The Retry-After header in seconds; a date is relative to the Date header."""
        told = self.headers.get("Retry-After", "").strip()
        if _SECONDS.fullmatch(told):
            return min(float(told), _LONGEST_PAUSE)
        until, now = _parse_date(told), self.date
        return None if until is None or now is None else min(max(until - now, 0.0), _LONGEST_PAUSE)

    @property
    def request_id(self) -> str | None:
        """The ID by which support finds the request."""
        found = find_request_id(self.headers) or self.fields.get("request_id")
        return truncate(self.redactor.redact(str(found))) if is_text_or_number(found) else None


def find_request_id(headers: Mapping[str, str]) -> str | None:
    """Return the request ID in the headers, of ModelArts or of IAM."""
    return next(filter(None, (headers.get(name) for name in _REQUEST_ID_HEADERS)), None)


def _parse_date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return (date.replace(tzinfo=UTC) if date.tzinfo is None else date).timestamp()
    except (ValueError, OverflowError):
        return None


def _limit_depth(value: Any, levels: int) -> Any:  # noqa: ANN401 - JSON of any shape comes in
    """Return JSON without NaN and infinity, and without what is nested deeper than so many levels."""
    if isinstance(value, dict | list) and not levels:
        return _CUT
    if isinstance(value, dict):
        return {
            name: _limit_depth(inner, levels - 1) if type(inner) in _LIMITED else inner
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_limit_depth(inner, levels - 1) if type(inner) in _LIMITED else inner for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def error_from_response(reply: Response) -> ModelArtsExportError:
    """Return the error of a response, also of a 2xx with a code instead of a task."""
    code, words = _find_code_and_message(reply)
    row = classify(reply.status, code)
    kind = _choose_error(row.kind, changing=reply.changing)
    source = format_source(code, reply.status, reply.request_id)
    message = f"{_choose_message(row, words, reply)} ({source})"
    asked = reply.retry_after if reply.retry_after is not None else _parse_throttle_window(words)
    facts = ErrorFacts(
        hint=LOOK_FIRST if kind is UnknownOutcomeError else find_hint(row, words, changing=reply.changing),
        error_code=code,
        http_status=reply.status,
        request_id=reply.request_id,
        retry_after=max(row.pause, asked or 0.0) if row.pause else asked,
    )
    if kind is not UnknownOutcomeError:
        return kind(message, **facts)
    task_ids = task_ids_in(reply.headers, reply.content)
    server_gave_up = reply.status in _GIVEN_UP and not task_ids
    return UnknownOutcomeError(message, task_ids=task_ids, server_gave_up=server_gave_up, **facts)


def task_ids_in(headers: Mapping[str, str], content: bytes) -> tuple[str, ...]:
    """Return the task IDs in the body or the Location of a response that is not valid otherwise."""
    named = [match[1].decode() for match in _NAMED.finditer(content[:_MOST_READ])]
    located = _LOCATED.search(headers.get("Location", ""))
    return tuple(dict.fromkeys([*([located[1]] if located else []), *named]))[:_MOST_NAMED]


def _parse_throttle_window(words: str) -> float | None:
    """Return the length of the gateway's throttle window in seconds, from the message of its 429."""
    told = _LIMIT.search(words)
    return min(float(told["count"]) * _UNITS[told["unit"]], _LONGEST_PAUSE) if told else None


def rejects_credentials(reply: Response) -> bool:
    """Tell whether the credentials were rejected, so that the call did nothing and a new token may help.

    A 401 may also be about permissions, for which a new token does not help (.github/API.md, section 5).
    """
    return reply.status == HTTPStatus.UNAUTHORIZED and error_kind_of(reply) is ErrorKind.CREDENTIALS


def shows_authentication(reply: Response) -> bool:
    """Tell whether a response that does not reject the credentials comes from the service itself.

    The gateway before it checks the credentials; what that or a proxy answers says nothing of them.
    """
    if reply.succeeded:
        return True
    code = _find_code_and_message(reply)[0] or ""
    is_refusal = HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_refusal and reply.status != HTTPStatus.UNAUTHORIZED and code.startswith("ModelArts.")


def is_refused_by(status: int) -> bool:
    """Tell whether the status alone says that nothing was accepted, so that the body only adds text."""
    return classify(status, None).kind is not ErrorKind.UNKNOWN


def error_kind_of(reply: Response) -> ErrorKind:
    """Return the kind of an error response."""
    return classify(reply.status, _find_code_and_message(reply)[0]).kind


def _choose_error(kind: ErrorKind, *, changing: bool) -> type[ModelArtsExportError]:
    if kind is ErrorKind.UNKNOWN:
        return UnknownOutcomeError if changing else TemporaryError
    return _ERRORS[kind]


def _choose_message(row: ErrorCode, words: str, reply: Response) -> str:
    """Return the server's message, or else the meaning of its code: both would say the same twice.

    What is no error of the API, such as the text of a proxy, follows the meaning of the status. Raw material,
    an HTML page or the canonical request that the gateway signed, is left to traces.
    """
    message = truncate(_CANONICAL_REQUEST.split(words, maxsplit=1)[0].strip())
    is_html = bool(_HTML.match(_read_beginning(reply.content)))
    if reply.status >= HTTPStatus.BAD_REQUEST and is_html:
        message = message.removeprefix(str(reply.status)).strip()
    is_error = reply.status >= HTTPStatus.MULTIPLE_CHOICES and (is_html or _find_redirect(reply))
    if message and (is_error or next(_iter_errors(reply.fields), None)):
        return message
    return ": ".join(dict.fromkeys(filter(None, [row.meaning, message])))


def _find_code_and_message(reply: Response) -> tuple[str | None, str]:
    target = _find_redirect(reply)
    if target:
        return None, f"the endpoint redirects to {reply.redactor.redact(target)}, which is not followed"
    found = next(_iter_errors(reply.fields), None)
    code, message = found or (None, _unescape_if_json(reply.redactor.redact(_read_beginning(reply.content))))
    return code, _get_title(message) if _HTML.match(message) else message


def _read_beginning(content: bytes) -> str:
    """Return the beginning of a body, cut at a space: a secret that is cut in two would not be redacted."""
    text = content[: 2 * _MOST_READ].decode("utf-8-sig", errors="replace").strip()
    return text if len(content) <= 2 * _MOST_READ else text.rpartition(" ")[0]


def _unescape_if_json(text: str) -> str:
    """Return the beginning of a text, without the escapes of JSON that was cut or has no message."""
    if text.startswith(("{", "[", '"')):
        return unescape_json(text[:_MOST_READ])
    return text


def _get_title(page: str) -> str:
    """Return the title of an HTML page, or nothing; the page itself is a matter of traces."""
    title = _TITLE.search(page)
    if not title:
        return ""
    from html import unescape  # noqa: PLC0415 - two thousand names that a start does not need

    return " ".join(unescape(title[1]).split())


def _find_redirect(reply: Response) -> str:
    """Return the host to which a 3xx redirects, or nothing."""
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST
    return _find_host(reply.headers.get("Location", "")) if is_redirect else ""


def _find_host(url: str) -> str:
    """Return the host of a URL without its user, or nothing for an invalid URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _iter_errors(fields: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """Yield code and message of every error shape in the body, the outermost first."""
    for code_key, words_key in _PAIRS:
        code, words = fields.get(code_key), fields.get(words_key)
        if is_text_or_number(code) or isinstance(words, str):
            yield truncate(str(code)) if is_text_or_number(code) else None, _to_text(words)
    for inner in fields.values():
        if isinstance(inner, dict):
            yield from _iter_errors(inner)


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else to_json(value)


def is_text_or_number(value: object) -> bool:
    """Tell whether a JSON value is a code or an ID: text, or a number in its place."""
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
