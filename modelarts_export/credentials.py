"""The sources of credentials, in their order: environment variables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from modelarts_export.errors import AccessError


@dataclass(frozen=True, kw_only=True)
class AkSk:
    """An access key with its secret; a temporary one has a security token too."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token from IAM, scoped to a project."""

    token: str = field(repr=False)


Credentials = AkSk | Token


@dataclass(frozen=True, kw_only=True)
class Source:
    """The variables of one family of tools; a name is empty where the family has none.

    `keys` are access key, secret key and security token, in this order.
    """

    name: str
    keys: tuple[str, str, str]
    token: str = ""
    region: str = ""
    project_id: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that hold secrets."""
        return (*self.keys[1:], *filter(None, [self.token]))


SOURCES = (
    Source(
        name="HUAWEICLOUD_SDK_* variables",
        keys=("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
        project_id="HUAWEICLOUD_SDK_PROJECT_ID",
    ),
    Source(
        name="HW_* variables",
        keys=("HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"),
        token="HW_AUTH_TOKEN",  # noqa: S106 - the name of a variable
        region="HW_REGION_NAME",
        project_id="HW_PROJECT_ID",
    ),
)


# Every variable of these families may be read by a source, of one that is yet to come too.
FAMILIES = ("HUAWEICLOUD_", "HW_", "OS_", "HC_CONTAINER_")


def is_read_by_a_source(variable: str) -> bool:
    """Tell whether a variable belongs to a family of tools that keeps credentials in variables."""
    return variable.startswith(FAMILIES)


def winning(environ: Mapping[str, str]) -> Source | None:
    """Return the first source that has any part of a secret, complete or not."""
    return next((s for s in SOURCES if any(_value(environ, name) for name in (*s.keys, s.token))), None)


def read(source: Source | None, environ: Mapping[str, str]) -> Credentials:
    """Return the credentials of the winning source. Raises AccessError that names what is missing."""
    if source is None:
        raise AccessError("no credentials found", hint=_what_to_set())
    access_key, secret_key, security_token = (_value(environ, name) for name in source.keys)
    if access_key and secret_key:
        return AkSk(access_key=access_key, secret_key=secret_key, security_token=security_token or None)
    if access_key or secret_key or security_token:
        missing = [name for name in source.keys[:2] if not _value(environ, name)]
        raise AccessError(
            f"the {source.name} are incomplete: {' and '.join(missing)} missing",
            hint=f"set {' and '.join(missing)}, or unset the others to use another source",
        )
    return Token(token=_value(environ, source.token))


def variable_of(source: Source | None, name: str) -> str:
    """Return the variable in which the source has this setting."""
    return str(getattr(source, name))


def region_and_project(source: Source | None, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the winning source says beside its secrets, under the names of the settings."""
    if source is None:
        return {}
    return {"region": environ.get(source.region, ""), "project_id": environ.get(source.project_id, "")}


def secrets_in(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield every secret of every source, of those that did not win too."""
    names = chain.from_iterable(source.secrets for source in SOURCES)
    return (environ[name].strip() for name in names if environ.get(name))


def _value(environ: Mapping[str, str], name: str) -> str:
    """Return a variable without blanks around it: one that is filled from a file ends with a line feed."""
    return environ.get(name, "").strip()


def _what_to_set() -> str:
    keys = (" and ".join(source.keys[:2]) for source in SOURCES)
    tokens = (source.token for source in SOURCES if source.token)
    return f"set {', or '.join(chain(keys, tokens))}"
