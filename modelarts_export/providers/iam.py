"""Tokens of IAM for a password (.github/API.md, section 6.4)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelarts_export.auth.credentials import Password, Token
from modelarts_export.auth.request_auth import RenewableTokenAuth, RequestAuth
from modelarts_export.auth.secret import reveal
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, MissingSettingError, TemporaryError
from modelarts_export.identifiers import check_identifier
from modelarts_export.providers.sources.expiring_key import parse_time
from modelarts_export.quoting import quote
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy
from modelarts_export.transport.session import Transport
from modelarts_export.transport.tracing import CallRecord

_TOKENS = "/v3/auth/tokens?nocatalog=true"
_PROJECT = re.compile(r"\bproject\b", re.IGNORECASE)
_SECOND_FACTOR = re.compile(r"\b(MFA|totp|second factor|verification code)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ProjectToken:
    """A token and the ID of its project, None if IAM does not return it."""

    token: Token
    project_id: str | None


def authenticate(
    password: Password,
    settings: Settings,
    *,
    on_call: Callable[[CallRecord], None] | None = None,
    on_token: Callable[[str], object] = lambda _token: None,
    retry: RetryPolicy = ONE_TRY,
) -> tuple[RenewableTokenAuth, str | None]:
    """Get a token; return the authentication that sends and renews it, and the project ID if known.

    `on_call` receives every call to IAM and `on_token` every token, a secret. `retry` is for the first token;
    a renewal is a part of another call, which has its own retries. Raises MissingSettingError if the endpoint
    of IAM or the project is unknown, and what request_token raises.
    """
    if not settings.iam_url:
        raise MissingSettingError("no endpoint of IAM", setting="iam_endpoint")
    project = _choose_project(password, settings)
    iam = Transport(settings.iam_url, RequestAuth(), settings, on_call=on_call)

    def renewed() -> ProjectToken:
        granted = request_token(iam, password, project)
        on_token(reveal(granted.token.token))
        return granted

    try:
        first = retry.call(renewed)
    finally:
        iam.close()  # the token is valid for a day
    return RenewableTokenAuth(first.token, lambda: renewed().token), settings.project_id or first.project_id


def request_token(iam: Transport, password: Password, project: Mapping[str, str]) -> ProjectToken:
    """Return a new token for a project, given by `id` or `name`.

    Raises what Transport.post raises, AccessError for a user who needs a second factor, and TemporaryError
    for a success without a token.
    """
    try:
        reply = iam.post(_TOKENS, _make_token_request(password, project), changing=False, secret=True)
    except AccessError as error:
        if _SECOND_FACTOR.search(str(error)):
            raise AccessError(
                f"IAM asks for a second factor (MFA), which cannot be given here: {error}",
                hint="use an access key, or a user without MFA",
                http_status=error.http_status,
                request_id=error.request_id,
            ) from error
        if _PROJECT.search(str(error)):
            [(kind, value)] = project.items()
            raise error.copy_with(hint=f"check the {kind} of the project, {quote(value)}") from error
        raise
    token = reply.headers.get("X-Subject-Token")
    if not token:
        raise TemporaryError(
            f"the reply to POST {reply.url} has no token",
            hint="check the endpoint of IAM",
            http_status=reply.status,
            request_id=reply.request_id,
        )
    expires_at = _get_value(reply.fields, "token", "expires_at")
    return ProjectToken(
        token=Token(token=token, expires_at=_parse_expiry(expires_at)),
        project_id=_get_identifier(_get_value(reply.fields, "token", "project", "id")),
    )


def _choose_project(password: Password, settings: Settings) -> dict[str, str]:
    """Return the project of the token; each region has one of its name (.github/API.md, section 7)."""
    if settings.project_id:
        return {"id": settings.project_id}
    name = password.project_name or settings.region
    if not name:
        raise MissingSettingError("no project ID", setting="project_id")
    return {"name": name}


def _make_token_request(password: Password, project: Mapping[str, str]) -> bytes:
    domain = {"id": password.domain_id} if password.domain_id else {"name": password.domain_name}
    user = {"name": password.user_name, "password": reveal(password.password), "domain": domain}
    identity = {"methods": ["password"], "password": {"user": user}}
    return json.dumps({"auth": {"identity": identity, "scope": {"project": project}}}).encode()


def _get_value(fields: Mapping[str, object], *path: str) -> object:
    found: object = fields
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _get_identifier(found: object) -> str | None:
    try:
        return check_identifier(found) if isinstance(found, str) else None
    except ValueError:
        return None


def _parse_expiry(found: object) -> float | None:
    """Return the end of a token in epoch seconds; None if it is missing or invalid: a 401 tells it, too."""
    try:
        return parse_time(found, "the end of the token") if isinstance(found, str) else None
    except AccessError:
        return None
