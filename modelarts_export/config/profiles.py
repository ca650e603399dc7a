"""Profiles: named settings, each with a source of credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelarts_export.config.options import SettingsLayer


@dataclass(frozen=True, kw_only=True)
class CredentialChoice:
    """The source of credentials that a profile names, such as `clouds`, whose argument is a cloud's name."""

    kind: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A named set of settings, as texts; `places` has the position of each in the file."""

    name: str
    settings: Mapping[str, str]
    places: Mapping[str, str]
    credentials: CredentialChoice | None

    def make_layer(self) -> SettingsLayer:
        """Return the layer of the settings of this profile."""
        return SettingsLayer(
            values=self.settings,
            origin=lambda name: f"{name} of profile {self.name} ({self.places[name]})",
        )


@dataclass(frozen=True, kw_only=True)
class ProfileSelection:
    """The profile that was named, or else the default one, and warnings about the file."""

    named: Profile | None = None
    default: Profile | None = None
    warnings: tuple[str, ...] = ()
