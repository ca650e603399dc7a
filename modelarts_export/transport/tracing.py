"""Records of HTTP calls for traces; header values are redacted unless known to be safe."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from modelarts_export.sanitize import REDACTED, Redactor

_LONGEST_LINE = 4096  # characters
_SHOWN = frozenset(
    (
        "accept",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "host",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "x-iam-trace-id",
        "x-project-id",
        "x-request-id",
        "x-sdk-date",
    )
)
_SIGNED = re.compile(r"(SDK-HMAC-SHA256 Access=[^\s,]+, SignedHeaders=[a-z0-9;-]+, Signature=)([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class HttpMessage:
    """A request or a response; secret values of `headers` are redacted.

    `body` is None when it is incomplete: a secret that is cut in two would not be redacted.
    """

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One HTTP call; `status` and `received` are None without a response.

    `seconds` is its duration, and `hidden` has the redacted values of its headers.
    """

    method: str
    url: str
    status: int | None
    request_id: str | None
    seconds: float
    sent: HttpMessage | None = None
    received: HttpMessage | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)


def redact_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return every header, redacting values that are not known to be safe."""
    return tuple((name, _split_header(name, value)[0]) for name, value in headers.items())


def hidden_values(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that redact_headers redacts; a server may quote them."""
    return tuple(filter(None, (_split_header(name, value)[1] for name, value in headers.items())))


def format_call(call: CallRecord) -> Iterator[str]:
    """Yield a call line by line: > for what was sent, < for what was received."""
    redactor = Redactor(call.hidden)
    for mark, message in ((">", call.sent), ("<", call.received)):
        for line in _format_message(message) if message else ():
            yield f"{mark} {redactor.redact(line)}".rstrip(" ")


def without_secrets(call: CallRecord, line: str) -> str:
    """Return a line about a call without the redacted values of its headers."""
    return Redactor(call.hidden).redact(line)


def truncate_line(line: str) -> str:
    """Return the beginning of a long line. Redact first: a secret that is cut in two would not be found."""
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[:_LONGEST_LINE]}... (cut; {len(line)} characters in all)"


def _split_header(name: str, value: str) -> tuple[str, str]:
    lower_name = name.lower()
    if lower_name in _SHOWN:
        return value, ""
    if lower_name == "location":
        return _redact_url(value), ""
    signed = _SIGNED.fullmatch(value) if lower_name == "authorization" else None
    return (signed[1] + REDACTED, signed[2]) if signed else (REDACTED, value)


def _redact_url(url: str) -> str:
    """Return a URL without its user and its query, which may be a signature."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return REDACTED
    query = f"?{REDACTED}" if parts.query or parts.fragment else ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl() + query


def _format_message(message: HttpMessage) -> Iterator[str]:
    yield message.start
    yield from (f"{name}: {value}" for name, value in message.headers)
    if message.body is None:
        yield from ("", "(the body is incomplete)")
    elif message.body:
        yield from ("", message.body.decode("utf-8", errors="replace"))
