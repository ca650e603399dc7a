"""One attempt of an HTTP call: its body, which records how much was sent, and its outcome so far."""

from dataclasses import dataclass, field

import requests
from urllib3 import Timeout

from modelarts_export.sanitize import REDACTED
from modelarts_export.transport.response import find_request_id
from modelarts_export.transport.tracing import CallRecord, HttpMessage, hidden_values, redact_headers


class TrackedBody:
    """A request body that counts the bytes read from it.

    The exceptions of requests do not show whether a request was sent; one whose body was not read to its end
    was not.
    """

    def __init__(self, content: bytes) -> None:
        """Start with no bytes read."""
        self.content = content
        self._position = 0

    def __len__(self) -> int:
        """Return the length of the whole body, in bytes."""
        return len(self.content)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        end = len(self.content) if size < 0 else self._position + size
        chunk = self.content[self._position : end]
        self._position += len(chunk)
        return chunk

    @property
    def fully_sent(self) -> bool:
        """Whether the body was read to its end, so that the request may have arrived."""
        return self._position >= len(self.content)


@dataclass(kw_only=True, repr=False)
class Attempt:
    """An HTTP call and its outcome so far; a copy made by `replace` was not sent yet.

    `content` is None until the response was read to its end; `received` has what was read of it until then.
    `changing`: the request may create something; `secret` marks one whose bodies are redacted in traces.
    """

    method: str
    url: str
    timeout: Timeout
    data: bytes | None = None
    changing: bool = False
    secret: bool = False
    body: TrackedBody | None = field(init=False)
    request: requests.PreparedRequest | None = field(default=None, init=False)
    response: requests.Response | None = field(default=None, init=False)
    content: bytes | None = field(default=None, init=False)
    received: bytearray = field(default_factory=bytearray, init=False)

    def __post_init__(self) -> None:
        """Make a body that was not sent yet."""
        self.body = None if self.data is None else TrackedBody(self.data)

    @property
    def may_have_arrived(self) -> bool:
        """Whether something may have been created: the body was sent, or a successful response has begun."""
        begun = self.response is not None and self.response.ok
        return self.changing and self.body is not None and (self.body.fully_sent or begun)

    def to_record(self, seconds: float) -> CallRecord:
        """Return the record of the call, without secrets."""
        headers = {} if self.request is None else self.request.headers
        sent = HttpMessage(
            start=f"{self.method} {self.url}",
            headers=redact_headers(headers),
            body=self._redact_body(self.data or b""),
        )
        response = self.response
        answered = response.headers if self.secret and response is not None else {}
        return CallRecord(
            method=self.method,
            url=self.url,
            status=None if response is None else response.status_code,
            request_id=None if response is None else find_request_id(response.headers),
            seconds=seconds,
            sent=sent,
            received=None if response is None else self._received_message(response),
            hidden=(*hidden_values(headers), *hidden_values(answered)),
        )

    def _received_message(self, response: requests.Response) -> HttpMessage:
        start = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
        return HttpMessage(
            start=start, headers=redact_headers(response.headers), body=self._redact_body(self.content)
        )

    def _redact_body(self, body: bytes | None) -> bytes | None:
        return REDACTED.encode() if body and self.secret else body
