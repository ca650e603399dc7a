"""The types of credentials; their secrets never show in a repr."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """An access key with its secret; a temporary one also has a security token.

    `expires_at` is in epoch seconds, None if not known. Without `project_name` the project is the region's.
    """

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    project_name: str | None = None

    def secrets(self) -> Iterator[str]:
        """Yield the secrets."""
        yield from filter(None, (self.secret_key, self.security_token))


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token from IAM, scoped to a project; `expires_at` is in epoch seconds, None if not known."""

    token: str = field(repr=False)
    expires_at: float | None = None
    project_name: str | None = None

    def secrets(self) -> Iterator[str]:
        """Yield the secret."""
        yield self.token


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

    def secrets(self) -> Iterator[str]:
        """Yield the secret."""
        yield self.password


Credentials = AccessKey | Token | Password
