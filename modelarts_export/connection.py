"""How a reply is read from its connection: in so much time, of such a size, and unpacked."""

import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL
from requests.utils import select_proxy
from urllib3.exceptions import DecodeError, HTTPError, ResponseError

LARGEST = 64 * 1024 * 1024  # bytes of a reply, unpacked
_CHUNK = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib finds out by itself which of the two it is


class DeadlineAdapter(HTTPAdapter):
    """Connections on which a timeout bounds a reply as a whole, from its status line to its last byte.

    By itself it bounds each read, so that a byte now and then would keep a caller waiting for ever.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Retry nothing; `clock` tells seconds."""
        super().__init__(max_retries=0)
        self._response = partial(_TimedResponse, clock=clock)

    def close(self) -> None:
        """Close what nobody uses now; urllib3 leaves that to the garbage collector, which may come late."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - the container refuses to be iterated
                manager.pools[key].close()
        super().close()

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - as the class above has it
        proxies: Mapping[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - a pool, whose class of connections has no type
        """Return the pool for a request, direct or through a proxy, its connections made such.

        Raises InvalidProxyURL, which quotes nothing, when the proxy cannot be used.
        """
        try:
            pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        except (TypeError, ValueError, HTTPError):  # requests stumbles, or quotes the URL with its password
            if select_proxy(str(request.url), proxies):
                raise InvalidProxyURL from None
            raise
        kind = pool.ConnectionCls
        if kind.response_class is HTTPResponse:
            timed = {"response_class": staticmethod(self._response)}
            pool.ConnectionCls = type(kind.__name__, (kind,), timed)
        return pool


class _TimedResponse(HTTPResponse):
    """A reply that must come before the timeout of its socket is over, counted from now."""

    def __init__(self, sock: socket, *, clock: Callable[[], float], **named: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(sock, **named)
        self.fp = BufferedReader(_TimedReader(self.fp.detach(), sock, clock))


class _TimedReader(RawIOBase):
    """Reads a socket until its timeout is over, however many reads that takes."""

    def __init__(self, stream: RawIOBase, sock: socket, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._socket = sock
        self._seconds = sock.gettimeout() or 0.0
        self._clock = clock
        self._end = clock() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer of any kind
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError(f"the reply was not complete after {self._seconds:g} s")
        self._socket.settimeout(left)  # urllib3 sets it anew for the next request
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def content(response: Response) -> bytes:
    """Return the body of a streamed reply.

    Raises HTTPError, OSError or what requests raises when it does not come as a whole, when it is larger than
    LARGEST, and when it is packed in a way that cannot be undone.
    """
    body = _whole(response.raw.stream(_CHUNK, decode_content=False))
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return _unpacked(body, encoding) if body and encoding not in ("", "identity") else body


def _whole(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        _check_size(body)
    return bytes(body)


def _unpacked(packed: bytes, encoding: str) -> bytes:
    """Undo what a proxy may do although nobody asked for it; a little may hide a lot, so it is bounded."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise DecodeError(f"the reply is encoded as {encoding}, which was not asked for")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        body = unpacker.decompress(packed, LARGEST + 1)
    except zlib.error:
        raise DecodeError(f"the reply is not the {encoding} that it says it is") from None
    _check_size(body)
    if not unpacker.eof:
        raise DecodeError(f"the reply's {encoding} is cut")
    return body


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > LARGEST:
        raise ResponseError(f"the reply is larger than {LARGEST // 1024**2} MiB")
