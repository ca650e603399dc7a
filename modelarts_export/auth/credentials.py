"""The types of credentials; each holds its secrets as Secret."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelarts_export.auth.secret import Secret, reveal


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """An access key with its secret; a temporary one also has a security token.

    `expires_at` is in epoch seconds, None if not known. Without `project_name` the project is the region's.
    """

    access_key: str
    secret_key: str
    security_token: str | None = None
    expires_at: float | None = None
    project_name: str | None = None

    def __post_init__(self) -> None:
        """Hide the secrets."""
        _hide(self, "secret_key", "security_token")

    def secrets(self) -> Iterator[str]:
        """Yield the secrets as plain text."""
        yield from map(reveal, filter(None, (self.secret_key, self.security_token)))


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token from IAM, scoped to a project; `expires_at` is in epoch seconds, None if not known."""

    token: str
    expires_at: float | None = None
    project_name: str | None = None

    def __post_init__(self) -> None:
        """Hide the secret."""
        _hide(self, "token")

    def secrets(self) -> Iterator[str]:
        """Yield the secret as plain text."""
        yield reveal(self.token)


@dataclass(frozen=True, kw_only=True)
class Password:
    """An IAM user with a password, in a domain that a name or an ID says.

    Without `project_name` the project is the region's.
    """

    user_name: str
    password: str
    domain_name: str = ""
    domain_id: str | None = None
    project_name: str | None = None

    def __post_init__(self) -> None:
        """Hide the secret."""
        _hide(self, "password")

    def secrets(self) -> Iterator[str]:
        """Yield the secret as plain text."""
        yield reveal(self.password)


Credentials = AccessKey | Token | Password


def _hide(credentials: Credentials, *names: str) -> None:
    for name in names:
        value: str | None = getattr(credentials, name)
        if value is not None:
            object.__setattr__(credentials, name, Secret(value))  # the dataclass is frozen
