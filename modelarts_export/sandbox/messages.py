"""HTTP requests and replies of the sandbox, without sockets."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelarts_export.sandbox.faults.catalog import Delivery


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request; `target` is the raw request target with its query, header names keep their case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    def get_header(self, name: str) -> str | None:
        """Return the value of a header or None; the name is case-insensitive."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """One HTTP reply with all of its headers, and how it is delivered.

    It is sent after `delay` seconds. Unless the delivery is DELIVERED, the connection is closed afterward,
    by a reset if `reset` is set; of a CUT reply the first `cut_at` bytes of the body are sent. The status is
    0 where the request was not executed and no reply exists.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay: float = 0.0
    delivery: Delivery = Delivery.DELIVERED
    cut_at: int = 0
    reset: bool = False
