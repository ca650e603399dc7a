"""HTTP requests and replies of the sandbox, without sockets."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelarts_export.sandbox.faults.catalogue import Delivery


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request; `target` is the raw request target with its query, header names keep their case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of a header, its name in any letter case, or None."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """One HTTP reply, complete with every header that it is sent with, and what becomes of it.

    It is held back for `delay` seconds. With any other fate than DELIVERED the connection is closed after it,
    with a reset if so said; of one that is CUT the first `cut_at` bytes of the body arrive. The status is 0
    where there is no reply that could be lost.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay: float = 0.0
    fate: Delivery = Delivery.DELIVERED
    cut_at: int = 0
    reset: bool = False
