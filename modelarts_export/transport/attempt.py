"""A call on its way: its body, which counts what was taken of it, and what has become of it so far."""

from dataclasses import dataclass, field

import requests
from urllib3 import Timeout

from modelarts_export.sanitize import REDACTED
from modelarts_export.transport.response import find_request_id
from modelarts_export.transport.tracing import CallRecord, HttpMessage, hidden_values, redact_headers


class TrackedBody:
    """A request body that counts what was taken of it.

    The exceptions of requests do not tell whether a request left this machine; a body of which not all was
    taken provably did not.
    """

    def __init__(self, content: bytes) -> None:
        """Hold the bytes to send."""
        self.content = content
        self._taken = 0

    def __len__(self) -> int:
        """Return the length of the whole body, in bytes."""
        return len(self.content)

    def read(self, size: int = -1) -> bytes:
        """Hand over the next bytes."""
        end = len(self.content) if size < 0 else self._taken + size
        chunk = self.content[self._taken : end]
        self._taken += len(chunk)
        return chunk

    @property
    def fully_sent(self) -> bool:
        """Whether all of the body was handed over, so that the request may have arrived."""
        return self._taken >= len(self.content)


@dataclass(kw_only=True, repr=False)
class Attempt:
    """A call, and what has become of it so far; `content` is None until the reply was read as a whole.

    `received` has what was read of its body, also when the rest never came.

    It is `changing` when something may be another way afterwards, and `secret` when its bodies are; a copy
    made by `replace` was not sent yet.
    """

    method: str
    url: str
    timeout: Timeout
    data: bytes | None = None
    is_create: bool = False
    secret: bool = False
    body: TrackedBody | None = field(init=False)
    request: requests.PreparedRequest | None = field(default=None, init=False)
    response: requests.Response | None = field(default=None, init=False)
    content: bytes | None = field(default=None, init=False)
    received: bytearray = field(default_factory=bytearray, init=False)

    def __post_init__(self) -> None:
        """Make a body of which nothing was taken yet."""
        self.body = None if self.data is None else TrackedBody(self.data)

    @property
    def may_have_arrived(self) -> bool:
        """Whether a change may have been made: the body has left, or a reply that is no error has begun."""
        begun = self.response is not None and self.response.ok
        return self.is_create and self.body is not None and (self.body.fully_sent or begun)

    def to_record(self, seconds: float) -> CallRecord:
        """Return what may be told of it."""
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
