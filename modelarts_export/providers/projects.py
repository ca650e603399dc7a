"""The ID of a project, looked up by its name in IAM (.github/API.md, section 7)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.request_auth import make_auth
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, InvalidInputError, MissingSettingError
from modelarts_export.identifiers import check_identifier
from modelarts_export.quoting import list_first, quote
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy
from modelarts_export.transport.session import Transport
from modelarts_export.transport.tracing import CallRecord

_PROJECTS = "/v3/projects"
_OWN_PROJECTS = "/v3/auth/projects"  # needs no permission, and has no filter
_HINT = "give the ID of the project; the console shows it under My Credentials"
_MOST_NAMED = 10  # projects in a hint


def get_project_name(credentials: AccessKey | Token, settings: Settings) -> str | None:
    """Return the name of the project: that which comes with the credentials, or the region."""
    return credentials.project_name or settings.region


def find_project_id(
    credentials: AccessKey | Token,
    settings: Settings,
    *,
    on_call: Callable[[CallRecord], None] | None = None,
    retry: RetryPolicy = ONE_TRY,
) -> str:
    """Return the ID of the project that the settings and credentials name.

    Calls IAM once, and once more for a user who may not list projects or where none has the name. Raises
    MissingSettingError if the endpoint of IAM or the name is unknown, InvalidInputError for no project or
    several of the name, and what Transport.get raises.
    """
    name = get_project_name(credentials, settings)
    if not name:
        raise MissingSettingError("no project ID", setting="project_id")
    if not settings.iam_url:
        raise MissingSettingError("no endpoint of IAM", setting="iam_endpoint")
    iam = Transport(settings.iam_url, make_auth(credentials, None), settings, on_call=on_call)
    try:
        return _choose(_list_projects(iam, name, retry), name)
    finally:
        iam.close()


def _list_projects(iam: Transport, name: str, retry: RetryPolicy) -> list[Mapping[str, Any]]:
    """Return the projects of the name, or else all projects of the user, to find it or its sub-projects."""
    try:
        named = _get_projects(iam, f"{_PROJECTS}?{urlencode({'name': name})}", retry)
    except AccessError:  # no permission; a key that was rejected is not used again
        named = []
    return named or _get_projects(iam, _OWN_PROJECTS, retry)


def _get_projects(iam: Transport, path: str, retry: RetryPolicy) -> list[Mapping[str, Any]]:
    projects = retry.call(lambda: iam.get(path)).fields.get("projects")
    return [each for each in projects if isinstance(each, Mapping)] if isinstance(projects, list) else []


def _choose(projects: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return the ID of the only project of the name. Raises InvalidInputError that names what there is."""
    named = [each for each in projects if each.get("name") == name and each.get("enabled") is not False]
    ids = [str(each.get("id")) for each in named]
    if len(ids) > 1:
        listed = list_first(list(map(quote, ids)), _MOST_NAMED)
        raise InvalidInputError(f"{len(ids)} projects have the name {quote(name)}: {listed}", hint=_HINT)
    if not ids:
        names = (str(each.get("name")) for each in projects)
        inner = [quote(each) for each in names if each.startswith(f"{name}_")]
        others = f"; its sub-projects are {list_first(inner, _MOST_NAMED)}" if inner else ""
        raise InvalidInputError(f"IAM has no project of the name {quote(name)}{others}", hint=_HINT)
    try:
        return check_identifier(ids[0])
    except ValueError as error:
        raise InvalidInputError(f"the project {quote(name)} of IAM: {error}", hint=_HINT) from None
