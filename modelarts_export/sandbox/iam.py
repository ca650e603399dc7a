"""IAM: tokens, temporary keys, the projects of the account, the catalog of services, and its own version."""

import email.utils
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from modelarts_export.sandbox.account import ACCESSIBLE_PROJECTS, PROJECTS, REGION, Project, User
from modelarts_export.sandbox.cloud.contract import ApiError, JsonObject
from modelarts_export.sandbox.messages import HttpReply, Request
from modelarts_export.sandbox.tokens import IssuedToken, Tokens, format_time

_AUTHENTICATED = re.compile("/v3/(?:auth/tokens|auth/projects|projects|users/[^/]+/projects)")
_METHODS = ("password", "totp")
_FILTERS = ("domain_id", "enabled", "is_domain", "name", "parent_id")
_SHORTEST, _LONGEST = 15 * 60, 24 * 60 * 60  # duration of a temporary key, in seconds

Authenticate = Callable[[Request], ApiError | None]


class IamError(Exception):
    """A call that IAM refuses, with the status of the reply and the message in it."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Login:
    """What the body of a call for a token claims: a user, factors and a project."""

    user: Mapping[str, Any]
    methods: tuple[str, ...]
    second_user: Mapping[str, Any]
    project: Mapping[str, Any]


class Iam:
    """The calls of IAM, without sockets (API.md, sections 4, 6.4, 6.5 and 7)."""

    def __init__(self, users: Sequence[User], tokens: Tokens) -> None:
        """Serve the account of these users; the first one owns the access key."""
        self._users = users
        self._tokens = tokens

    def answer(
        self, request: Request, *, now: float, authenticate: Authenticate
    ) -> HttpReply | ApiError | None:
        """Return the reply to a call of IAM, or None for any other; `now` is in epoch seconds.

        `authenticate` returns the gateway's error for wrong credentials. That of a signature is returned: the
        gateway checks it before IAM gets the call.
        """
        try:
            return self._answer(request, now, authenticate)
        except IamError as error:
            return make_error(error.status, str(error), now)

    def _answer(
        self, request: Request, now: float, authenticate: Authenticate
    ) -> HttpReply | ApiError | None:
        path, _, query = request.target.partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        url = f"http://{request.get_header('Host') or '127.0.0.1'}"
        match request.method, path:
            case "GET", "/":
                versions = {"versions": {"values": [_describe_version(url)]}}
                return _make_reply(HTTPStatus.MULTIPLE_CHOICES, versions, now)
            case "GET", "/v3" | "/v3/":
                return _make_reply(HTTPStatus.OK, {"version": _describe_version(url)}, now)
            case "POST", "/v3/auth/tokens":
                issued = self._issue_token(request.body, now)
                described = _describe_token(issued, url, with_catalog="nocatalog" not in parameters)
                return _make_reply(HTTPStatus.CREATED, described, now, token=issued.token)
            case "POST", "/v3.0/OS-CREDENTIAL/securitytokens":
                return _make_reply(HTTPStatus.CREATED, self._issue_key(request, now, authenticate), now)
            case "GET", path if _AUTHENTICATED.fullmatch(path):
                if request.get_header("Authorization") is None:
                    _require_token(request, authenticate)
                return authenticate(request) or self._answer_authenticated(
                    path, parameters, request, url, now
                )
        return None

    def _answer_authenticated(
        self, path: str, parameters: Mapping[str, str], request: Request, url: str, now: float
    ) -> HttpReply:
        if path == "/v3/auth/tokens":
            subject = request.get_header("X-Subject-Token") or ""
            issued = self._tokens.find(subject, now)
            if issued is None:
                raise IamError(HTTPStatus.NOT_FOUND, "The token cannot be found.")
            described = _describe_token(issued, url, with_catalog="nocatalog" not in parameters)
            return _make_reply(HTTPStatus.OK, described, now, token=subject)
        projects = self._list_projects(path, parameters)
        listed = [project.to_dict(url) for project in projects]
        return _make_reply(HTTPStatus.OK, {"projects": listed, "links": _make_links(request, url)}, now)

    def _issue_key(self, request: Request, now: float, authenticate: Authenticate) -> JsonObject:
        """Return a temporary key for a token of a user; there are no agencies (API.md, section 6.5)."""
        try:
            given, duration = _parse_key_request(request.body)
        except (ValueError, RecursionError) as error:
            raise IamError(HTTPStatus.BAD_REQUEST, str(error)) from None
        token = request.get_header("X-Auth-Token") or given
        _require_token(replace(request, headers={"X-Auth-Token": token}), authenticate)
        key = self._tokens.issue_key(now, duration)
        described = {
            "access": key.access_key,
            "secret": key.secret_key,
            "securitytoken": key.security_token,
            "expires_at": format_time(key.expires_at),
        }
        return {"credential": described}

    def _list_projects(self, path: str, parameters: Mapping[str, str]) -> Sequence[Project]:
        """Return projects: those with the values of the query, or those of a user (API.md, section 7).

        All users have the same projects, so that any of them may list those of another one.
        """
        if path == "/v3/projects":
            return _select(PROJECTS, parameters)
        owner = path.removeprefix("/v3/users/").removesuffix("/projects")
        if path == "/v3/auth/projects" or owner in [user.user_id for user in self._users]:
            return ACCESSIBLE_PROJECTS
        raise IamError(HTTPStatus.NOT_FOUND, f"Could not find user: {owner}.")

    def _issue_token(self, body: bytes, now: float) -> IssuedToken:
        """Return a new token.

        Neither the reply for another project nor that for a missing second factor is documented; here both
        are the 401 of a wrong password.
        """
        try:
            login = _parse_login(body)
        except (ValueError, RecursionError) as error:
            raise IamError(HTTPStatus.BAD_REQUEST, str(error)) from None
        user = next((each for each in self._users if _is_user(login.user, each)), None)
        if user is None:
            raise IamError(HTTPStatus.UNAUTHORIZED, "The username or password is wrong.")
        if user.passcode is not None:
            _check_second_factor(login, user, user.passcode)
        if not _is_project_of(user, login.project):
            raise IamError(HTTPStatus.UNAUTHORIZED, "The user has no such project.")
        return self._tokens.issue(user, now, methods=login.methods)


def _require_token(request: Request, authenticate: Authenticate) -> None:
    if authenticate(request):
        raise IamError(HTTPStatus.UNAUTHORIZED, "The request you have made requires authentication.")


def is_iam_call(target: str) -> bool:
    """Tell whether a request target is below the paths of IAM, so that errors have its form."""
    path = target.partition("?")[0]
    return path in ("/", "/v3") or path.startswith(("/v3/", "/v3.0/"))


def make_error(status: HTTPStatus, message: str, now: float) -> HttpReply:
    """Return an error in IAM's format (API.md, section 4)."""
    error = {"code": status.value, "message": message, "title": status.phrase}
    return _make_reply(status, {"error": error}, now)


def _is_user(given: Mapping[str, Any], user: User) -> bool:
    known = {"name": user.user_name, "id": user.user_id, "password": user.password}
    same = [_is_same(str(given[name]), value) for name, value in known.items() if name in given]
    return all(same) and given["domain"].items() <= user.describe_domain().items()


def _is_project_of(user: User, given: Mapping[str, Any]) -> bool:
    """Tell whether a project is that of the user; OpenStack's clients may add the account it is in."""
    known = {"id": user.project_id, "name": user.project_name}
    others = {name: value for name, value in given.items() if name != "domain"}
    return (
        others.items() <= known.items() and given.get("domain", {}).items() <= user.describe_domain().items()
    )


def _check_second_factor(login: Login, user: User, passcode: str) -> None:
    if "totp" not in login.methods:
        raise IamError(
            HTTPStatus.UNAUTHORIZED, "The user has virtual MFA enabled; a verification code is required."
        )
    second = login.second_user
    names = (second.get("id", user.user_id), second.get("name", user.user_name))
    if names != (user.user_id, user.user_name) or not _is_same(str(second.get("passcode")), passcode):
        raise IamError(HTTPStatus.UNAUTHORIZED, "The verification code is wrong.")


def _is_same(given: str, expected: str) -> bool:
    # JSON can have lone surrogates
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def _parse_login(body: bytes) -> Login:
    """Return what a body claims. Raises ValueError for any other body.

    ModelArts needs tokens of a project, so the project is required.
    """
    content = json.loads(body)
    methods = _get_value(content, list, "auth", "identity", "methods")
    if "password" not in methods or not all(method in _METHODS for method in methods):
        raise ValueError("auth.identity.methods must be password, or password and totp.")
    place = ("auth", "identity", "password", "user")
    user = _get_value(content, dict, *place)
    _get_value(content, str, *place, "password")
    _get_value(content, str, *place, "id" if "id" in user else "name")
    # The name of a user is unique within an account only.
    domain = _get_value({"domain": {}} | user, dict, "domain")
    if "id" not in user:
        _get_value(content, str, *place, "domain", "id" if "id" in domain else "name")
    second: Mapping[str, Any] = {}
    if "totp" in methods:
        second = _get_value(content, dict, "auth", "identity", "totp", "user")
    project = _get_value(content, dict, "auth", "scope", "project")
    names = [value for name, value in project.items() if name != "domain"]
    if not names or not all(isinstance(value, str) for value in names):
        raise ValueError("auth.scope.project must have an id or a name.")
    _get_value({"domain": {}} | project, dict, "domain")
    return Login(user=user | {"domain": domain}, methods=tuple(methods), second_user=second, project=project)


def _parse_key_request(body: bytes) -> tuple[str, int]:
    """Return the token in a body, or "", and the duration in seconds. Raises ValueError for another body."""
    content = json.loads(body)
    if _get_value(content, list, "auth", "identity", "methods") != ["token"]:
        raise ValueError("auth.identity.methods must be token.")
    identity = _get_value(content, dict, "auth", "identity")
    given = {"id": "", "duration_seconds": _SHORTEST} | _get_value({"token": {}} | identity, dict, "token")
    duration = _get_value(given, int, "duration_seconds")
    if not _SHORTEST <= duration <= _LONGEST:
        raise ValueError("duration_seconds must be from 15 minutes to 24 hours.")
    return _get_value(given, str, "id"), duration


def _get_value(content: object, kind: type[Any], *path: str) -> Any:  # noqa: ANN401 - of the type `kind`
    """Return the value at a path; raises ValueError if it is missing or of another type."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    if isinstance(content, kind):
        return content
    raise ValueError(f"{'.'.join(path)} is missing or malformed.")


def _select(projects: Iterable[Project], parameters: Mapping[str, str]) -> list[Project]:
    """Return the projects that have exactly the values of the query."""
    wanted = {name: parameters[name] for name in _FILTERS if name in parameters}
    return [project for project in projects if wanted.items() <= _make_texts(project.to_dict("")).items()]


def _make_texts(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def _describe_token(issued: IssuedToken, url: str, *, with_catalog: bool) -> JsonObject:
    user = issued.user
    project = {"id": user.project_id, "name": user.project_name, "domain": user.describe_domain()}
    token = {
        "methods": list(issued.methods),
        "expires_at": format_time(issued.expires_at),
        "issued_at": format_time(issued.issued_at),
        "project": project,
        "user": user.to_dict(),
        "roles": [],
    }
    return {"token": token | ({"catalog": _describe_catalog(url, user)} if with_catalog else {})}


def _describe_catalog(url: str, user: User) -> list[JsonObject]:
    """Return the services as OpenStack's clients find them; each has one endpoint (API.md, section 6.4)."""
    urls = {
        "identity": ("keystone", f"{url}/v3"),
        "modelartsv2": ("modelarts", f"{url}/v2/{user.project_id}"),
    }
    return [
        {"id": kind, "type": kind, "name": name, "endpoints": [_describe_endpoint(kind, endpoint)]}
        for kind, (name, endpoint) in urls.items()
    ]


def _describe_endpoint(kind: str, url: str) -> JsonObject:
    return {"id": f"{kind}-public", "interface": "public", "region": REGION, "region_id": REGION, "url": url}


def _describe_version(url: str) -> JsonObject:
    return {
        "id": "v3.6",
        "status": "stable",
        "updated": "2016-04-04T00:00:00Z",
        "links": [{"rel": "self", "href": f"{url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _make_links(request: Request, url: str) -> JsonObject:
    return {"self": f"{url}{request.target}", "previous": None, "next": None}


def _make_reply(status: HTTPStatus, content: JsonObject, now: float, *, token: str = "") -> HttpReply:
    body = json.dumps(content).encode()
    headers = {
        "Date": email.utils.formatdate(now, usegmt=True),
        "X-IAM-Trace-Id": f"token_sandbox_{secrets.token_hex(16)}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    return HttpReply(
        status=status, headers=headers | ({"X-Subject-Token": token} if token else {}), body=body
    )
