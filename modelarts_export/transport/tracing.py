"""What may be told of an HTTP call: never the value of a header that is not known to be harmless."""

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
    """A request or a reply; `headers` have no value that may not be shown.

    `body` is None when it did not come as a whole: its end may be half a secret, which nobody would find.
    """

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One HTTP call that was made; `status` and `received` are None when no reply came.

    `seconds` is how long it took, and `hidden` has what the headers of the request do not show.
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
    """Return every header, but only the values that are known to be harmless."""
    return tuple((name, _split_header(name, value)[0]) for name, value in headers.items())


def hidden_values(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return what `shown` leaves out; a server may quote it."""
    return tuple(filter(None, (_split_header(name, value)[1] for name, value in headers.items())))


def format_call(call: CallRecord) -> Iterator[str]:
    """Yield a call line by line: > is what was sent, and < what came."""
    redactor = Redactor(call.hidden)
    for mark, message in ((">", call.sent), ("<", call.received)):
        for line in _format_message(message) if message else ():
            yield f"{mark} {redactor.redact(line)}".rstrip(" ")


def without_secrets(call: CallRecord, line: str) -> str:
    """Return a line about a call without what its headers hide."""
    return Redactor(call.hidden).redact(line)


def truncate(line: str) -> str:
    """Return as much of a line as anyone reads. To be called last: half a secret would not be found."""
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[:_LONGEST_LINE]}... (cut; {len(line)} characters in all)"


def _split_header(name: str, value: str) -> tuple[str, str]:
    known, signed = name.lower(), _SIGNED.fullmatch(value)
    if known == "authorization" and signed:
        return signed[1] + REDACTED, signed[2]
    if known == "location":
        return _redact_url(value), ""
    return (value, "") if known in _SHOWN else (REDACTED, value)


def _redact_url(url: str) -> str:
    """Return a URL without a user; what stands in a query may be a signature."""
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
        yield from ("", "(the body did not come as a whole)")
    elif message.body:
        yield from ("", message.body.decode("utf-8", errors="replace"))
