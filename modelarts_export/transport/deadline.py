"""Connections that are not stale, and responses read within a deadline and a size limit, and decompressed."""

import math
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL
from requests.utils import select_proxy
from urllib3.exceptions import DecodeError, HTTPError, ResponseError

MAX_CONNECTIONS = 64  # that are kept; as many threads can send at the same time
_MAX_IDLE = 5.0  # seconds; the server may have closed a connection that was idle for longer
LARGEST = 64 * 1024 * 1024  # bytes of a reply, unpacked
MOST_VALUES = 1_000_000  # JSON values of a reply; each takes a hundred times the memory of its text
_MOST_OF_AN_ERROR = 64 * 1024  # bytes of an incomplete body, which only adds text
_MOST_INFORMATIONAL = 20  # responses before the response
_CHUNK = 64 * 1024
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*+[\[{]")
# What comes before or after a value, beside strings, in which these characters have no meaning.
_TOKEN = re.compile(rb'(?s)"(?:[^"\\]|\\.)*+"?|,|[\[{](?!\s*+[\]}])')
_TOKENS_OF_A_VALUE = 3  # at most: a key, a string and a comma
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib detects which of the two it is


class DeadlineAdapter(HTTPAdapter):
    """Connections on which a timeout limits a whole response, from its status line to its last byte.

    By default it limits each read, so that a server that sends single bytes could delay a caller for ever.
    A POST is not sent on a connection that was idle for more than 5 s: one that is lost on a connection which
    the server has closed would have an unknown outcome.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Disable the retries of urllib3; `clock` returns seconds."""
        super().__init__(max_retries=0, pool_maxsize=MAX_CONNECTIONS)
        self._clock = clock
        self._sending = threading.local()

    def send(self, request: PreparedRequest, *arguments: Any, **named: Any) -> Response:  # noqa: ANN401 - passed on
        """Send a request, a POST on a connection that is new or was used just now."""
        self._sending.needs_fresh_connection = request.method == "POST"
        return super().send(request, *arguments, **named)

    def close(self) -> None:
        """Close the idle connections, which urllib3 leaves to the garbage collector."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - the container cannot be iterated
                manager.pools[key].close()
        super().close()

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - the signature of the base class
        proxies: Mapping[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - a pool, whose class of connections has no type
        """Return the pool for a request, direct or through a proxy, with responses that have a deadline.

        Raises InvalidProxyURL without a quote of the URL when the proxy cannot be used.
        """
        try:
            pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        except (TypeError, ValueError, HTTPError):  # requests fails, or quotes the URL with its password
            if select_proxy(str(request.url), proxies):
                raise InvalidProxyURL from None
            raise
        kind = pool.ConnectionCls
        if kind.response_class is HTTPResponse:
            pool.ConnectionCls = self._extend(kind)
        return pool

    def _extend(self, kind: Any) -> Any:  # noqa: ANN401 - classes of urllib3, which differ by scheme
        """Return a class of connections with a deadline for responses, which know how long they were idle."""
        clock, sending = self._clock, self._sending

        class Connection(kind):  # type: ignore[misc]  # it has no type
            response_class = staticmethod(partial(_TimedResponse, clock=clock))
            used_at = math.inf

            @property
            def is_connected(self) -> bool:
                is_stale = clock() - self.used_at > _MAX_IDLE
                return bool(super().is_connected) and not (is_stale and sending.needs_fresh_connection)

            def getresponse(self) -> Any:  # noqa: ANN401 - the response of urllib3
                try:
                    return super().getresponse()
                finally:
                    self.used_at = clock()

        return Connection


class _TimedResponse(HTTPResponse):
    """A response that must be complete within the timeout of its socket, counted from now."""

    def __init__(self, sock: socket, *, clock: Callable[[], float], **named: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(sock, **named)
        self.fp = BufferedReader(_TimedReader(self.fp.detach(), sock, clock))

    def _read_status(self) -> tuple[str, int, str]:
        """Skip informational responses; http.client skips a 100 only."""
        for _ in range(_MOST_INFORMATIONAL + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # it has no type
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise HTTPException("the server switched to a protocol that was not asked for")
            if status >= HTTPStatus.OK:
                return version, status, reason
            parse_headers(self.fp)
        raise HTTPException(f"more than {_MOST_INFORMATIONAL} informational replies came")


class _TimedReader(RawIOBase):
    """Reads a socket with one timeout for all reads."""

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
        self._socket.settimeout(left)  # urllib3 sets it again for the next request
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def read_body(response: Response, received: bytearray) -> bytes:
    """Return the body of a streamed response; `received` keeps what was read, also of an incomplete body.

    Raises HTTPError, OSError or what requests raises for a body that is incomplete, larger than LARGEST, has
    more than MOST_VALUES or cannot be decompressed.
    """
    return _read_into(received, response)


def read_error_body(response: Response, received: bytearray) -> bytes:
    """Return as much of the body as can be read: the status line alone is conclusive."""
    try:
        return _read_into(received, response)
    except (HTTPError, OSError):
        return b"" if _encoding(response) else bytes(received[:_MOST_OF_AN_ERROR])


def _read_into(body: bytearray, response: Response) -> bytes:
    for piece in _iter_chunks(response.raw):
        body += piece
        _check_size(body)
    encoding = _encoding(response)
    whole = _decompress(bytes(body), encoding) if body and encoding else bytes(body)
    _check_values(whole)
    return whole


def _iter_chunks(raw: Any) -> Iterator[bytes]:  # noqa: ANN401 - urllib3's response, which requests gives no type
    """Yield a body as it arrives; stream() withholds a chunk until it is full, and drops it on an error."""
    if raw.chunked:
        yield from raw.stream(_CHUNK, decode_content=False)
        return
    while piece := raw.read1(_CHUNK, decode_content=False):
        yield piece


def _encoding(response: Response) -> str:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _decompress(packed: bytes, encoding: str) -> bytes:
    """Decompress a body that a proxy compressed unasked, up to the size limit."""
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


def _check_values(body: bytes) -> None:
    """Raise ResponseError for JSON of too many values, before it is parsed.

    Commas and brackets, also in strings, are counted first; the exact count is made only above the limit.
    """
    if not _JSON.match(body) or sum(map(body.count, (b",", b"[", b"{"))) < MOST_VALUES:
        return
    values = 1
    for tokens, token in enumerate(_TOKEN.finditer(body)):
        values += not token[0].startswith(b'"')
        if values > MOST_VALUES or tokens > _TOKENS_OF_A_VALUE * MOST_VALUES:
            raise ResponseError(f"the reply has more than {MOST_VALUES:,} JSON values")
