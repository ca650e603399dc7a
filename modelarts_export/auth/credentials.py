"""The types of credentials; their secrets never show in a repr."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """An access key with its secret; a temporary one also has a security token."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token from IAM, scoped to a project."""

    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Password:
    """An IAM user with a password, in a domain that a name or an ID says.

    Without `project_name` the project is the region's.
    """

    user_name: str
    password: str = field(repr=False)
    domain_name: str = ""
    domain_id: str | None = None
    project_name: str | None = None


Credentials = AccessKey | Token | Password
