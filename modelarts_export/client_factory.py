"""A client made of settings and credentials."""

from collections.abc import Callable

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Credentials, Password
from modelarts_export.auth.request_auth import RequestAuth, make_auth
from modelarts_export.config.settings import Settings
from modelarts_export.errors import MissingSettingError
from modelarts_export.providers.iam import authenticate
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy
from modelarts_export.transport.session import Transport
from modelarts_export.transport.tracing import CallRecord


def make_client(
    settings: Settings,
    credentials: Credentials,
    *,
    on_call: Callable[[CallRecord], None] = lambda _call: None,
    on_token: Callable[[str], object] = lambda _token: None,
    retry: RetryPolicy = ONE_TRY,
) -> Client:
    """Return the client of one project; a password is exchanged for a token first.

    `on_call` gets every HTTP call, `on_token` every token, which is a secret; `retry` is for the token.
    Raises MissingSettingError when an endpoint or the project is unknown, and what `authenticate` raises.
    """
    if not settings.base_url:
        raise MissingSettingError("no endpoint", setting="endpoint")
    auth, project_id = _authenticate(settings, credentials, on_call, on_token, retry)
    return Client(Transport(settings.base_url, auth, settings, on_call=on_call), project_id)


def _authenticate(
    settings: Settings,
    credentials: Credentials,
    on_call: Callable[[CallRecord], None],
    on_token: Callable[[str], object],
    retry: RetryPolicy,
) -> tuple[RequestAuth, str]:
    """Return what authenticates requests, and the ID of the project that they are for."""
    auth: RequestAuth
    project_id = settings.project_id
    if isinstance(credentials, Password):
        auth, project_id = authenticate(
            credentials, settings, on_call=on_call, on_token=on_token, retry=retry
        )
    elif project_id:
        auth = make_auth(credentials, project_id)
    if not project_id:
        raise MissingSettingError("no project ID", setting="project_id")
    return auth, project_id
