"""Temporary keys of the agency of a cloud server, from its metadata service (.github/API.md, section 6.6)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from modelarts_export.auth.credentials import AccessKey
from modelarts_export.config.environment import METADATA, SOURCE, format_variable
from modelarts_export.config.parsers import METADATA_HOST, parse_metadata_url
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, TemporaryError
from modelarts_export.providers.sources.expiring_key import make_expiring_key
from modelarts_export.providers.sources.provider import ChosenProvider

if TYPE_CHECKING:
    from modelarts_export.transport.response import Response
    from modelarts_export.transport.tracing import CallRecord

ENDPOINT = format_variable("metadata_endpoint")
DESCRIPTION = (
    f"the keys of the agency of a cloud server; only with {SOURCE}={METADATA}, or in a profile that says so"
)
VARIABLES = {
    SOURCE: f"{METADATA}: ask the metadata service of a cloud server, after all other sources",
    ENDPOINT: f"the address of the metadata service [default: http://{METADATA_HOST}]",
}
"""The variables that it reads, and what each holds."""
_TOKEN = "/meta-data/latest/api/token"  # noqa: S105 - a path
_KEYS = "/openstack/latest/securitykey"
_TIMEOUT = 3.0  # seconds
_LIFETIME = "21600"  # seconds of a token of the service
_WITHOUT_TOKENS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.SERVICE_UNAVAILABLE)
_NAMES = {
    "access_key": "access",
    "secret_key": "secret",
    "security_token": "securitytoken",
    "expires_at": "expires_at",
}


class MetadataProvider(ChosenProvider):
    """The keys of the agency; only asked when the user says so."""

    name = "metadata service"

    def __init__(
        self, environ: Mapping[str, str], *, on_call: "Callable[[CallRecord], None] | None" = None
    ) -> None:
        """`on_call` gets every call to the service."""
        self._environ = environ
        self._on_call = on_call

    def load(self) -> AccessKey:
        """Return the keys as they are now, with their end.

        Raises AccessError for a server without an agency or a reply without keys, and TemporaryError without
        a reply.
        """
        try:
            endpoint = parse_metadata_url(self._environ.get(ENDPOINT) or f"http://{METADATA_HOST}")
        except ValueError as error:
            raise AccessError(f"{ENDPOINT}: {error}", hint=f"set {ENDPOINT} again, or unset it") from None
        token = self._call(endpoint, "PUT", _TOKEN, {"X-Metadata-Token-Ttl-Seconds": _LIFETIME})
        headers = {}
        if token.status not in _WITHOUT_TOKENS:
            self._check_status(token)
            headers["X-Metadata-Token"] = token.content.decode(errors="replace").strip()
        reply = self._call(endpoint, "GET", _KEYS, headers)
        self._check_status(reply)
        found = reply.fields.get("credential")
        if not isinstance(found, dict):
            raise AccessError(
                "the metadata service returned no keys", hint="configure an agency for the server"
            )
        return make_expiring_key(found, _NAMES, "the metadata service")

    def _call(self, endpoint: str, method: str, path: str, headers: Mapping[str, str]) -> "Response":
        from modelarts_export.auth.request_auth import HeaderAuth  # noqa: PLC0415 - they load requests
        from modelarts_export.transport.session import Transport  # noqa: PLC0415

        settings = Settings(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT)
        transport = Transport(endpoint, HeaderAuth(headers), settings, on_call=self._on_call)
        try:
            return transport.fetch(method, path)
        except TemporaryError as error:
            raise TemporaryError(
                f"no reply of the metadata service at {endpoint}: {error}",
                hint="it answers on cloud servers only; use another source elsewhere",
            ) from error
        finally:
            transport.close()

    def _check_status(self, reply: "Response") -> None:
        if reply.succeeded:
            return
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise AccessError(
                "the metadata service has no keys: the server has no agency",
                hint="configure an agency for the server",
                http_status=reply.status,
            )
        message = f"the metadata service answered HTTP {reply.status}"
        kind = TemporaryError if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR else AccessError
        raise kind(message, hint="try again later, or use another source", http_status=reply.status)
