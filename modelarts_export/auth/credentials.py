"""The sources of credentials, in their order: environment variables."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import unquote

from modelarts_export.errors import AccessError

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """An access key with its secret; a temporary one has a security token too."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token from IAM, scoped to a project."""

    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Password:
    """A user of IAM, whose password gets a token; without a name the project is that of the region."""

    user_name: str
    password: str = field(repr=False)
    domain_name: str
    project_name: str | None = None


Credentials = AccessKey | Token | Password


@dataclass(frozen=True, kw_only=True)
class EnvironmentProvider:
    """The variables of one family of tools; a name is empty where the family has none.

    `keys` are access key, secret key and security token, in this order; `password` is user name, password
    and domain name.
    """

    name: str
    keys: tuple[str, str, str]
    token: str = ""
    password: tuple[str, str, str] = ("", "", "")
    region: str = ""
    project_id: str = ""
    project_name: str = ""

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The variables that hold secrets."""
        return tuple(filter(None, (*self.keys[1:], self.token, self.password[1])))

    @property
    def marker_variables(self) -> tuple[str, ...]:
        """The variables of which one makes it a source; many have a domain without a password."""
        return tuple(filter(None, (*self.keys, self.token, *self.password[:2])))


SOURCES = (
    EnvironmentProvider(
        name="HUAWEICLOUD_SDK_* variables",
        keys=("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
        project_id="HUAWEICLOUD_SDK_PROJECT_ID",
    ),
    EnvironmentProvider(
        name="HW_* variables",
        keys=("HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"),
        token="HW_AUTH_TOKEN",  # noqa: S106 - the name of a variable
        password=("HW_USER_NAME", "HW_PASSWORD", "HW_DOMAIN_NAME"),
        region="HW_REGION_NAME",
        project_id="HW_PROJECT_ID",
        project_name="HW_PROJECT_NAME",
    ),
)


_OPENSTACK_SECRETS = ("OS_SECRET_KEY", "OS_SECURITY_TOKEN", "OS_TOKEN", "OS_PASSWORD")

# Every variable of these families may be read by a source, of one that is yet to come too.
FAMILIES = ("HUAWEICLOUD_", "HW_", "OS_", "HC_CONTAINER_")


def first_configured(environ: Mapping[str, str]) -> EnvironmentProvider | None:
    """Return the first source that has any part of a secret, complete or not."""
    return next((s for s in SOURCES if any(_get_value(environ, name) for name in s.marker_variables)), None)


def load_credentials(source: EnvironmentProvider | None, environ: Mapping[str, str]) -> Credentials:
    """Return the credentials of the winning source: a key, a token or a password, in this order.

    Raises AccessError that names what is missing, or is no text.
    """
    if source is None:
        raise AccessError("no credentials found", hint=_describe_variables())
    _check_encoding((*source.keys, source.token, *source.password, source.project_name), environ)
    access_key, secret_key, security_token = (_get_value(environ, name) for name in source.keys)
    if access_key or secret_key or security_token:
        _require_variables(source, source.keys[:2], environ)
        return AccessKey(access_key=access_key, secret_key=secret_key, security_token=security_token or None)
    if _get_value(environ, source.token):
        return Token(token=_get_value(environ, source.token))
    return _load_password(source, environ)


def _load_password(source: EnvironmentProvider, environ: Mapping[str, str]) -> Password:
    _require_variables(source, source.password, environ)
    user_name, password, domain_name = source.password
    return Password(
        user_name=_get_value(environ, user_name),
        password=environ[password].strip("\r\n"),  # a blank may belong to a password that people chose
        domain_name=_get_value(environ, domain_name),
        project_name=_get_value(environ, source.project_name) or None,
    )


def _require_variables(source: EnvironmentProvider, names: Iterable[str], environ: Mapping[str, str]) -> None:
    """Raise AccessError for the variables that are missing."""
    missing = _join_names([name for name in names if not _get_value(environ, name)])
    if missing:
        raise AccessError(
            f"the {source.name} are incomplete: {missing} missing",
            hint=f"set {missing}, or unset the others to use another source",
        )


def _check_encoding(names: Iterable[str], environ: Mapping[str, str]) -> None:
    """Raise AccessError for a variable whose bytes are no UTF-8, of which Python makes surrogates."""
    for name in names:
        try:
            _get_value(environ, name).encode()
        except UnicodeEncodeError:
            raise AccessError(f"{name} is not valid UTF-8", hint=f"set {name} again") from None


def get_variable(source: EnvironmentProvider | None, name: str) -> str:
    """Return the variable in which the source has this setting."""
    return str(getattr(source, name))


def get_region_and_project(
    source: EnvironmentProvider | None, environ: Mapping[str, str]
) -> Mapping[str, str]:
    """Return what the winning source says beside its secrets, under the names of the settings."""
    if source is None:
        return {}
    return {"region": environ.get(source.region, ""), "project_id": environ.get(source.project_id, "")}


def iter_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield every secret of every source, of those that did not win too, of OpenStack's, and of proxies."""
    names = (*chain.from_iterable(source.secret_variables for source in SOURCES), *_OPENSTACK_SECRETS)
    yield from (environ[name].strip() for name in names if environ.get(name))
    for name in _PROXIES:
        for variable in (name, name.lower()):
            yield from _secrets_of_proxy(environ.get(variable, ""))


def _secrets_of_proxy(url: str) -> Iterator[str]:
    """Yield the password of a proxy, and the credentials that are made of it; the URL may be a bad one."""
    user, colon, password = url.rpartition("@")[0].rpartition("//")[2].partition(":")
    if not colon:
        return
    yield from (password, unquote(password), f"{user}:{password}")
    pair = f"{unquote(user)}:{unquote(password)}"
    for encoding in ("utf-8", "latin-1"):
        yield b64encode(pair.encode(encoding, "replace")).decode()


def _get_value(environ: Mapping[str, str], name: str) -> str:
    """Return a variable without blanks around it: one that is filled from a file ends with a line feed."""
    return environ.get(name, "").strip()


def _describe_variables() -> str:
    keys = (_join_names(source.keys[:2]) for source in SOURCES)
    tokens = (source.token for source in SOURCES if source.token)
    passwords = (_join_names(source.password) for source in SOURCES if any(source.password))
    return f"set {', or '.join(chain(keys, tokens, passwords))}"


def _join_names(names: Sequence[str]) -> str:
    """Return names as in a sentence: A, B and C."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
