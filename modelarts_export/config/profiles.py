"""Profiles: named settings, each with a source of credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelarts_export.config.options import SettingsLayer

TOP_KEYS: Mapping[str, str] = {
    "default": "the name of the default profile, which is in force where none is named",
    "profiles": "a mapping of names to profiles; secrets are refused",
}
"""The keys of config.yaml, and what each holds."""
SETTINGS = (
    *("region", "project_id", "endpoint", "iam_endpoint"),
    *("connect_timeout", "read_timeout", "ca_bundle"),
)
"""The settings that a profile may have."""


@dataclass(frozen=True, kw_only=True)
class CredentialForm:
    """A form of the key `credentials`: a word, or a mapping of this word to a name or a list of texts."""

    kind: str
    meaning: str
    argument: str = ""

    @property
    def text(self) -> str:
        """The form as in the file."""
        return f"{self.kind}: {self.argument}" if self.argument else self.kind


NAME, LIST = "NAME", "[PROGRAM, ARGUMENT...]"
FORMS = (
    CredentialForm(kind="sdk", meaning="the variables or the file of Huawei Cloud's SDKs"),
    CredentialForm(kind="terraform", meaning="the variables of Terraform"),
    CredentialForm(kind="openstack", meaning="the variables of OpenStack, or the cloud of OS_CLOUD"),
    CredentialForm(kind="clouds", argument=NAME, meaning="a cloud in clouds.yaml"),
    CredentialForm(kind="koocli", argument=NAME, meaning="a profile of KooCLI"),
    CredentialForm(kind="metadata", meaning="the metadata service of a cloud server"),
    CredentialForm(
        kind="command",
        argument=LIST,
        meaning=(
            "a program that prints a key as JSON, as credential_process of AWS does; run without a shell, by"
            " an absolute path or from PATH, and once until the Expiration that it prints"
        ),
    ),
)
"""The sources of credentials that a profile may name."""


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
    """The profile that was named, or else the default one, the path of its file, and warnings about that."""

    named: Profile | None = None
    default: Profile | None = None
    file: str = ""
    warnings: tuple[str, ...] = ()
