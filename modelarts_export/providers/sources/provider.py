"""What a provider of credentials is, and what it says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from modelarts_export.auth.credentials import Credentials
from modelarts_export.config.options import NO_SETTINGS, SettingsLayer


class Status(Enum):
    """Whether a provider has credentials."""

    ABSENT = "absent"
    """It has no part of a secret."""
    FOUND = "found"
    """It has a secret, perhaps without its partner; no later provider is asked."""
    UNUSABLE = "unusable"
    """It has something that cannot be used, such as an encrypted file; the next provider is asked."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a provider found; `reason` says why it is absent or unusable, and `hint` how to go on.

    `files` have the credentials, where they are in files.
    """

    status: Status
    reason: str = ""
    hint: str = ""
    files: tuple[Path, ...] = ()


class CredentialProvider(Protocol):
    """One place where credentials may be. All but `load` are offline and raise nothing."""

    @property
    def name(self) -> str:
        """The name of the place, such as `HW_* variables` or a file."""

    def describe(self) -> Finding:
        """Return whether there are credentials; runs no command and makes no call."""

    def make_layer(self) -> SettingsLayer:
        """Return the settings that come with the credentials: region, project and endpoints."""

    def load(self) -> Credentials:
        """Return the credentials. Raises AccessError that names what is missing or invalid."""

    def secrets(self) -> Iterator[str]:
        """Yield the secrets that are known without a command or a call, in use or not."""


class ChosenProvider:
    """A provider that is asked only where the user says so; it knows nothing before it has loaded."""

    def describe(self) -> Finding:
        """Return that there are credentials; no command is run, and no call is made."""
        return Finding(status=Status.FOUND)

    def make_layer(self) -> SettingsLayer:
        """Return an empty layer."""
        return NO_SETTINGS

    def secrets(self) -> Iterator[str]:
        """Yield nothing."""
        yield from ()
