"""Credentials from environment variables of other tools, and the secrets that variables hold."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from modelarts_export.auth.credentials import AccessKey, Credentials, Password, Token
from modelarts_export.config.options import SettingsLayer
from modelarts_export.errors import AccessError
from modelarts_export.providers.sources.provider import Finding, Status


@dataclass(frozen=True, kw_only=True)
class VariableFamily:
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
    iam_endpoint: str = ""

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The variables that hold secrets."""
        return tuple(filter(None, (*self.keys[1:], self.token, self.password[1])))

    @property
    def marker_variables(self) -> tuple[str, ...]:
        """The variables of which any one selects the family; a domain name alone does not."""
        return tuple(filter(None, (*self.keys, self.token, *self.password[:2])))

    @property
    def setting_variables(self) -> dict[str, str]:
        """The variable of each setting that comes with the credentials."""
        variables = {
            "region": self.region,
            "project_id": self.project_id,
            "project_name": self.project_name,
            "iam_endpoint": self.iam_endpoint,
        }
        return {setting: variable for setting, variable in variables.items() if variable}


SDK = VariableFamily(
    name="HUAWEICLOUD_SDK_* variables",
    keys=("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
    project_id="HUAWEICLOUD_SDK_PROJECT_ID",
)
TERRAFORM = VariableFamily(
    name="HW_* variables",
    keys=("HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"),
    token="HW_AUTH_TOKEN",  # noqa: S106 - the name of a variable
    password=("HW_USER_NAME", "HW_PASSWORD", "HW_DOMAIN_NAME"),
    region="HW_REGION_NAME",
    project_id="HW_PROJECT_ID",
    project_name="HW_PROJECT_NAME",
)
OPENSTACK = VariableFamily(
    name="OS_* variables",
    keys=("OS_ACCESS_KEY", "OS_SECRET_KEY", "OS_SECURITY_TOKEN"),
    token="OS_TOKEN",  # noqa: S106 - the name of a variable
    password=("OS_USERNAME", "OS_PASSWORD", "OS_USER_DOMAIN_NAME"),
    region="OS_REGION_NAME",
    project_id="OS_PROJECT_ID",
    project_name="OS_PROJECT_NAME",
    iam_endpoint="OS_AUTH_URL",
)
FAMILIES = (SDK, TERRAFORM, OPENSTACK)
"""The families, in the order in which they are asked."""

# The sandbox runs its command without the variables with these prefixes, also those that no provider reads.
PREFIXES = ("HUAWEICLOUD_", "HW_", "OS_", "HC_CONTAINER_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, kw_only=True)
class EnvironmentProvider:
    """The credentials in the variables of one family: a key, a token or a password, in this order."""

    family: VariableFamily
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the family."""
        return self.family.name

    def describe(self) -> Finding:
        """Return whether any part of a credential is set, complete or not."""
        if any(self._get_value(name) for name in self.family.marker_variables):
            return Finding(status=Status.FOUND)
        return Finding(status=Status.ABSENT, reason="not set")

    def make_layer(self) -> SettingsLayer:
        """Return the layer of the settings that the family has variables for."""
        variables = self.family.setting_variables
        values = {setting: self.environ.get(variable, "") for setting, variable in variables.items()}
        return SettingsLayer(values=values, origin=variables.__getitem__)

    def load(self) -> Credentials:
        """Return the credentials. Raises AccessError for what is missing or is not valid UTF-8."""
        family = self.family
        self._check_encoding((*family.keys, family.token, *family.password, family.project_name))
        project_name = self._get_value(family.project_name) or None
        access_key, secret_key, security_token = (self._get_value(name) for name in family.keys)
        if access_key or secret_key or security_token:
            self._require(family.keys[:2])
            return AccessKey(
                access_key=access_key,
                secret_key=secret_key,
                security_token=security_token or None,
                project_name=project_name,
            )
        if token := self._get_value(family.token):
            return Token(token=token, project_name=project_name)
        self._require(family.password)
        user_name, password, domain_name = family.password
        return Password(
            user_name=self._get_value(user_name),
            password=self.environ[password].strip("\r\n"),  # a password may begin or end with a space
            domain_name=self._get_value(domain_name),
            project_name=project_name,
        )

    def secrets(self) -> Iterator[str]:
        """Yield the values of the secret variables."""
        names = self.family.secret_variables
        yield from (self.environ[name].strip() for name in names if self.environ.get(name))

    def _require(self, names: Iterable[str]) -> None:
        missing = join_names([name for name in names if not self._get_value(name)])
        if missing:
            raise AccessError(
                f"the {self.name} are incomplete: {missing} missing",
                hint=f"set {missing}, or unset the others to use another source",
            )

    def _check_encoding(self, names: Iterable[str]) -> None:
        """Raise AccessError for a variable that is not UTF-8, which Python decodes with surrogates."""
        for name in names:
            try:
                self._get_value(name).encode()
            except UnicodeEncodeError:
                raise AccessError(f"{name} is not valid UTF-8", hint=f"set {name} again") from None

    def _get_value(self, name: str) -> str:
        """Return a variable without surrounding blanks: a value read from a file ends with a line feed."""
        return self.environ.get(name, "").strip()


def iter_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets of all families and of proxies, in use or not."""
    for family in FAMILIES:
        yield from EnvironmentProvider(family=family, environ=environ).secrets()
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


def join_names(names: Sequence[str]) -> str:
    """Return names as a list in a sentence: A, B and C."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
