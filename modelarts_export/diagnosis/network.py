"""Checks of the way to an endpoint: its proxy, name, connection, TLS certificate and clock."""

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from math import ceil
from typing import Any
from urllib.parse import SplitResult, urlsplit

from modelarts_export.auth.credentials import AccessKey, Credentials
from modelarts_export.auth.request_auth import RequestAuth
from modelarts_export.clock import Clock, format_duration
from modelarts_export.config.settings import Settings
from modelarts_export.diagnosis.check import Check, Checks, fail, leave_untested, skip, succeed, warn
from modelarts_export.errors import (
    AccessError,
    CertificateError,
    InvalidInputError,
    ModelArtsExportError,
    TemporaryError,
)
from modelarts_export.quoting import list_first
from modelarts_export.transport.response import Response
from modelarts_export.transport.session import Transport, find_proxy
from modelarts_export.transport.tracing import CallRecord

_PORTS = {"http": 80, "https": 443}
_NOTABLE_SKEW = 5 * 60  # seconds
_MOST_SKEW = 15 * 60  # seconds, beyond which signatures are refused (.github/API.md, section 6.1)
_DATE_STEP = 1.0  # seconds, the resolution of a Date

OnCall = Callable[[CallRecord], None]
Resolve = Callable[[str, int], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """The endpoint was reached; its clock is `skew` seconds ahead, None if it tells no time."""

    skew: float | None


def check_endpoint(
    settings: Settings, *, on_call: OnCall, clock: Clock, resolve: Resolve = socket.getaddrinfo
) -> Checks[Arrival | None]:
    """Check the way to the endpoint of ModelArts by a call without credentials; None if it is not reached."""
    url = str(settings.base_url)
    proxy = find_proxy(url)
    yield succeed("proxy", f"{proxy} (from the environment)" if proxy else "none")
    if proxy:
        yield skip("name", "the proxy resolves it")
    else:
        resolved = _check_name(urlsplit(url), settings.connect_timeout, resolve)
        yield resolved
        if resolved.error:
            yield skip("connection", "the name cannot be resolved")
            return None
    before = clock.time()
    reply = yield from check_connection("connection", url, settings, on_call=on_call, clock=clock)
    if reply is None:
        return None
    yield _check_certificate(url, settings)
    return Arrival(skew=_measure_skew(reply.date, before, clock.time()))


def _check_name(parts: SplitResult, timeout: float, resolve: Resolve) -> Check:
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    if _is_address(host):
        return succeed("name", f"{host} is an address")
    found: list[object] = []

    def look_up() -> None:
        try:
            found.append(list(dict.fromkeys(address[4][0] for address in resolve(host, port))))
        except (OSError, UnicodeError) as error:
            found.append(error)

    # a daemon thread: the look-up has no timeout of its own
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(timeout)
    match found:
        case [list(addresses)]:
            return succeed("name", f"{host} is {list_first(addresses, 1)}")
        case [OSError() as error]:
            reason = error.strerror or str(error)
        case [error]:
            return fail("name", InvalidInputError(f"{host} is not a valid host name: {error}"))
        case _:
            reason = f"no answer within {timeout:g}s"
    hint = "check the region, the endpoint and the name server"
    return fail("name", TemporaryError(f"{host} cannot be resolved: {reason}", hint=hint))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def check_connection(
    name: str, url: str, settings: Settings, *, on_call: OnCall, clock: Clock
) -> Checks[Response | None]:
    """Check by a call without credentials whether a server can be reached, and return its response."""
    transport = Transport(url, RequestAuth(), settings, on_call=on_call)
    before = clock.monotonic()
    try:
        reply = transport.fetch("GET", "/")
    except CertificateError as error:
        yield fail("TLS", error)
        return None
    except ModelArtsExportError as error:
        yield fail(name, error)
        return None
    finally:
        transport.close()
    seconds = clock.monotonic() - before
    yield succeed(name, f"{url} answers ({seconds:.2f}s)")
    return reply


def _check_certificate(url: str, settings: Settings) -> Check:
    if not url.startswith("https:"):
        return skip("TLS", "the endpoint is plain HTTP on this machine")
    if settings.ca_bundle:
        return succeed("TLS", f"the certificate is valid, by {settings.ca_bundle}")
    if settings.insecure:
        return warn("TLS", "certificates are not verified")
    return succeed("TLS", "the certificate is valid")


def _measure_skew(date: float | None, before: float, after: float) -> float | None:
    """Return how far a Date is ahead of this machine's clock, which was read before and after the call."""
    if date is None:
        return None
    return min(date + _DATE_STEP - before, 0.0) or max(date - after, 0.0)


def check_clock(arrival: Arrival, credentials: Credentials | None) -> Check:
    """Check the clock of this machine; a signature is refused if it is 15 minutes off."""
    if arrival.skew is None:
        return leave_untested("clock", "the server tells no time")
    off = ceil(abs(arrival.skew))
    if off < _NOTABLE_SKEW:
        return succeed("clock", f"within {format_duration(max(off, 1))} of the server's")
    message = f"{format_duration(off)} {'behind' if arrival.skew > 0 else 'ahead of'} the server's"
    hint = "set the clock of this machine"
    if off >= _MOST_SKEW and isinstance(credentials, AccessKey):
        return fail("clock", AccessError(f"{message}; signatures are refused from 15m on", hint=hint))
    return warn("clock", message, hint)
