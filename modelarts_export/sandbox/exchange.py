"""What goes into the sandbox and what comes out: requests, replies and refusals, free of sockets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]


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
class Reply:
    """One HTTP reply, complete with every header that it is sent with."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A no: the HTTP status with the error code of ModelArts or the gateway (API.md, section 5)."""

    status: int = 400
    code: str
    message: str
