"""Credentials from environment variables of Huawei Cloud's tools, and the secrets that variables hold."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import unquote

from modelarts_export.auth.credentials import AccessKey, Credentials, Password, Token
from modelarts_export.config.options import SettingsLayer
from modelarts_export.errors import AccessError


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
        """The variables of which any one selects the provider; a domain name alone does not."""
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

# The sandbox runs its command without the variables with these prefixes, also those that no provider reads.
FAMILIES = ("HUAWEICLOUD_", "HW_", "OS_", "HC_CONTAINER_")
_OPENSTACK_SECRETS = ("OS_SECRET_KEY", "OS_SECURITY_TOKEN", "OS_TOKEN", "OS_PASSWORD")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def first_configured(environ: Mapping[str, str]) -> EnvironmentProvider | None:
    """Return the first provider with any part of a credential, complete or not."""
    return next((s for s in SOURCES if any(_get_value(environ, name) for name in s.marker_variables)), None)


def load_credentials(source: EnvironmentProvider | None, environ: Mapping[str, str]) -> Credentials:
    """Return the credentials of a provider: a key, a token or a password, in this order.

    Raises AccessError that names what is missing or is not valid UTF-8.
    """
    if source is None:
        raise AccessError("no credentials found", hint=_describe_variables())
    _check_encoding((*source.keys, source.token, *source.password, source.project_name), environ)
    access_key, secret_key, security_token = (_get_value(environ, name) for name in source.keys)
    if access_key or secret_key or security_token:
        _require_variables(source, source.keys[:2], environ)
        return AccessKey(access_key=access_key, secret_key=secret_key, security_token=security_token or None)
    if token := _get_value(environ, source.token):
        return Token(token=token)
    _require_variables(source, source.password, environ)
    user_name, password, domain_name = source.password
    return Password(
        user_name=_get_value(environ, user_name),
        password=environ[password].strip("\r\n"),  # a password may begin or end with a space
        domain_name=_get_value(environ, domain_name),
        project_name=_get_value(environ, source.project_name) or None,
    )


def make_provider_layer(source: EnvironmentProvider | None, environ: Mapping[str, str]) -> SettingsLayer:
    """Return the layer of the provider's region and project ID; an empty one without a provider."""
    variables = {"region": source.region, "project_id": source.project_id} if source else {}
    values = {name: environ.get(variable, "") for name, variable in variables.items()}
    return SettingsLayer(values=values, origin=variables.__getitem__)


def iter_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets of all providers, of OpenStack's variables and of proxies, in use or not."""
    names = (*chain.from_iterable(source.secret_variables for source in SOURCES), *_OPENSTACK_SECRETS)
    yield from (environ[name].strip() for name in names if environ.get(name))
    for name in _PROXIES:
        for variable in (name, name.lower()):
            yield from _iter_proxy_secrets(environ.get(variable, ""))


def _iter_proxy_secrets(url: str) -> Iterator[str]:
    """Yield a proxy's password and the forms in which it is sent; the URL may be invalid."""
    user, colon, password = url.rpartition("@")[0].rpartition("//")[2].partition(":")
    if not colon:
        return
    yield from (password, unquote(password), f"{user}:{password}")
    pair = f"{unquote(user)}:{unquote(password)}"
    for encoding in ("utf-8", "latin-1"):
        yield b64encode(pair.encode(encoding, "replace")).decode()


def _require_variables(source: EnvironmentProvider, names: Iterable[str], environ: Mapping[str, str]) -> None:
    missing = _join_names([name for name in names if not _get_value(environ, name)])
    if missing:
        raise AccessError(
            f"the {source.name} are incomplete: {missing} missing",
            hint=f"set {missing}, or unset the others to use another source",
        )


def _check_encoding(names: Iterable[str], environ: Mapping[str, str]) -> None:
    """Raise AccessError for a variable that is not UTF-8, which Python decodes with surrogates."""
    for name in names:
        try:
            _get_value(environ, name).encode()
        except UnicodeEncodeError:
            raise AccessError(f"{name} is not valid UTF-8", hint=f"set {name} again") from None


def _get_value(environ: Mapping[str, str], name: str) -> str:
    """Return a variable without surrounding blanks: a value read from a file ends with a line feed."""
    return environ.get(name, "").strip()


def _describe_variables() -> str:
    keys = (_join_names(source.keys[:2]) for source in SOURCES)
    tokens = (source.token for source in SOURCES if source.token)
    passwords = (_join_names(source.password) for source in SOURCES if any(source.password))
    return f"set {', or '.join(chain(keys, tokens, passwords))}"


def _join_names(names: Sequence[str]) -> str:
    """Return names as a list in a sentence: A, B and C."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
