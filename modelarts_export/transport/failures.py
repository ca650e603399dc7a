"""Errors without a usable response: the only translation of the HTTP libraries' exceptions."""

import re
import ssl
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import LocationParseError

from modelarts_export.errors import (
    CertificateError,
    InvalidInputError,
    ModelArtsExportError,
    TemporaryError,
    UnknownOutcomeError,
)
from modelarts_export.sanitize import Redactor, truncate
from modelarts_export.transport.attempt import Attempt
from modelarts_export.transport.response import LOOK_FIRST, task_ids_in
from modelarts_export.transport.tracing import hidden_values

_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")


def error_from_exception(error: Exception, attempt: Attempt) -> ModelArtsExportError:
    """Return our error for an exception, by whether the request may have arrived."""
    sent = {} if attempt.request is None else attempt.request.headers
    reason = truncate(Redactor(hidden_values(sent)).redact(_describe(error)))  # it may quote the server
    if attempt.may_have_arrived:
        return UnknownOutcomeError(
            f"the request was sent, but no usable reply came: {reason}",
            hint=LOOK_FIRST,
            server_gave_up=attempt.response is None and _is_closed_by_peer(error),
            task_ids=_find_task_ids(attempt),
        )
    host = urlsplit(attempt.url).netloc
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return InvalidInputError(
            "the proxy in the environment cannot be used",
            hint="correct HTTPS_PROXY: a URL such as http://proxy.example:3128; socks5:// needs PySocks",
        )
    if isinstance(error, requests.exceptions.InvalidURL | LocationParseError):
        return InvalidInputError(
            f"{host} is not a valid host name", hint="correct the endpoint or the region"
        )
    if _is_bad_bundle(error):
        return InvalidInputError(
            "the file of certificate authorities cannot be used",
            hint="correct the CA bundle: the one that was given, or that of REQUESTS_CA_BUNDLE",
        )
    kind = CertificateError if _has_cause(error, ssl.SSLCertVerificationError) else TemporaryError
    return kind(f"no usable answer from {host}: {reason}", hint=_find_hint(error, changing=attempt.changing))


def _is_bad_bundle(error: BaseException | None) -> bool:
    """Tell whether the certificate file is invalid or missing, for which requests raises a bare OSError."""
    while error is not None:
        if type(error) is OSError and error.errno is None and "certificate" in str(error):
            return True
        if isinstance(error, ssl.SSLError) and error.library in {"X509", "PEM"}:
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_closed_by_peer(error: BaseException) -> bool:
    """Tell whether the server closed the connection, so that it is not processing the request any more."""
    return _has_cause(error, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


def _has_cause(error: BaseException | None, *kinds: type[BaseException]) -> bool:
    """Tell whether an error, or a cause of it, is of one of these kinds."""
    return error is not None and (
        isinstance(error, kinds) or _has_cause(error.__cause__ or error.__context__, *kinds)
    )


def _find_task_ids(attempt: Attempt) -> tuple[str, ...]:
    """Return the task IDs in a successful response that broke off."""
    response = attempt.response
    if response is None or not response.ok:
        return ()
    return task_ids_in(response.headers, bytes(attempt.received))


def _describe(error: BaseException) -> str:
    """Return the text of the innermost cause; the outer ones repeat addresses and class names.

    A proxy's own text is left out: it may quote the rejected password.
    """
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if inner:
        return _describe(inner)
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "the server does not speak TLS on that port"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    refused = _REFUSED_TUNNEL.match(said)
    return f"the proxy refused to connect (HTTP {refused[1]})" if refused else said


def _find_hint(error: Exception, *, changing: bool) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "check the endpoint"
    if isinstance(error, requests.exceptions.ProxyError):
        return "check the proxy in HTTPS_PROXY, and NO_PROXY"
    check = "check the endpoint, the region and the network"
    # a status check may be about an accepted task: to run its command again could create another one
    return f"{check}, then run it again; nothing was accepted" if changing else check
