"""The providers of credentials in their order; the first one that has a secret wins."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelarts_export.auth.credentials import Credentials
from modelarts_export.config.environment import METADATA, SOURCE
from modelarts_export.config.options import NO_SETTINGS, SettingsLayer
from modelarts_export.config.profiles import CredentialChoice, Profile, ProfileSelection
from modelarts_export.errors import AccessError, TemporaryError
from modelarts_export.providers.sources.environment import (
    FAMILIES,
    OPENSTACK,
    SDK,
    TERRAFORM,
    EnvironmentProvider,
    join_names,
)
from modelarts_export.providers.sources.provider import CredentialProvider, Finding, Status

if TYPE_CHECKING:
    from modelarts_export.transport.tracing import CallRecord

    OnCall = Callable[[CallRecord], None]


class CredentialChain:
    """Asks providers one after another, and never mixes them; a later one is not even made before."""

    def __init__(
        self,
        providers: Iterable[CredentialProvider],
        *,
        on_secret: Callable[[str], object] = lambda _secret: None,
    ) -> None:
        """Take the providers in their order; an iterator is read as far as needed.

        `on_secret` gets the secrets of each provider when it is asked.
        """
        self._remaining = iter(providers)
        self._on_secret = on_secret
        self._findings: list[tuple[CredentialProvider, Finding]] = []

    @cached_property
    def provider(self) -> CredentialProvider | None:
        """The first provider that has a secret, complete or not."""
        return next((each for each, finding in self._iter_findings() if finding.status is Status.FOUND), None)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the provider that wins."""
        found = (finding.files for _, finding in self._iter_findings() if finding.status is Status.FOUND)
        return next(found, ())

    def describe(self) -> list[tuple[CredentialProvider, Finding]]:
        """Return every provider, and what it found."""
        return list(self._iter_findings())

    def make_layer(self) -> SettingsLayer:
        """Return the settings of the provider that wins; an empty layer without one."""
        return self.provider.make_layer() if self.provider else NO_SETTINGS

    def load(self) -> Credentials:
        """Return the credentials of the provider that wins.

        Raises AccessError if they are incomplete or cannot be loaded, and for no credentials, with what was
        tried.
        """
        if self.provider:
            try:
                return self.renew()
            except TemporaryError as error:  # there is no earlier key with which to go on
                raise AccessError(str(error), hint=error.hint, http_status=error.http_status) from error
        raise self.make_missing_error("", f"set {join_names(FAMILIES[0].keys[:2])}")

    def renew(self) -> Credentials:
        """Return new credentials of the provider that wins. Raises AccessError, and TemporaryError."""
        if not self.provider:
            raise AccessError("no credentials found", hint="set them again")
        credentials = self.provider.load()
        for secret in credentials.secrets():
            self._on_secret(secret)
        return credentials

    def make_missing_error(self, prefix: str, hint: str) -> AccessError:
        """Return the error that no provider has credentials, with the reason and the hint of each."""
        tried = ", ".join(f"{provider.name} ({finding.reason})" for provider, finding in self.describe())
        hints = [hint, *(finding.hint for _, finding in self.describe() if finding.hint)]
        return AccessError(f"{prefix}no credentials found; tried {tried}", hint="; or ".join(hints))

    def secrets(self) -> Iterator[str]:
        """Yield the secrets of all providers that are known without a command or a call."""
        for provider, _ in self.describe():
            yield from provider.secrets()

    def _iter_findings(self) -> Iterator[tuple[CredentialProvider, Finding]]:
        yield from self._findings
        for provider in self._remaining:
            for secret in provider.secrets():
                self._on_secret(secret)
            self._findings.append((provider, provider.describe()))
            yield self._findings[-1]


@dataclass(frozen=True, kw_only=True)
class ProfileProvider:
    """The source of credentials that a profile names; no other one is asked then."""

    profile: Profile
    chain: CredentialChain

    @property
    def name(self) -> str:
        """The name of the profile, and of the source that has its credentials."""
        source = f" ({self.chain.provider.name})" if self.chain.provider else ""
        return f"profile {self.profile.name}{source}"

    def describe(self) -> Finding:
        """Return that there are credentials: the profile says so."""
        return Finding(status=Status.FOUND, files=self.chain.files)

    def make_layer(self) -> SettingsLayer:
        """Return the settings of the profile, and for others those that come with the credentials."""
        own, source = self.profile.make_layer(), self.chain.make_layer()
        given = {name: value for name, value in own.values.items() if value}
        return SettingsLayer(
            values={**source.values, **given},
            origin=lambda name: (own if name in given else source).origin(name),
        )

    def load(self) -> Credentials:
        """Return the credentials. Raises what CredentialChain.load raises, with the name of the profile."""
        if self.chain.provider:
            return self.chain.provider.load()
        raise self.chain.make_missing_error(
            f"profile {self.profile.name}: ", "set them, or change credentials in the profile"
        )

    def secrets(self) -> Iterator[str]:
        """Yield the secrets of the source."""
        return self.chain.secrets()


def make_chain(
    environ: Mapping[str, str],
    profiles: ProfileSelection,
    *,
    on_secret: Callable[[str], object] = lambda _secret: None,
    on_call: "OnCall | None" = None,
) -> CredentialChain:
    """Return the chain of all providers; a module that is not asked is not imported.

    `on_secret` gets the secrets of each provider when it is asked, `on_call` each HTTP call of one.
    """
    return CredentialChain(_iter_providers(environ, profiles, on_call), on_secret=on_secret)


def make_secret_check(
    environ: Mapping[str, str],
    add_secret: Callable[[str], object],
    contains_secret: Callable[[str], bool],
) -> Callable[[str], bool]:
    """Return `contains_secret` for which the secrets of all sources are known.

    Every source is read once, and only when a text is checked: for a spec with a variable.
    """
    chain = make_chain(environ, ProfileSelection(), on_secret=add_secret)

    def check(text: str) -> bool:
        chain.describe()
        return contains_secret(text)

    return check


def _iter_providers(
    environ: Mapping[str, str], profiles: ProfileSelection, on_call: "OnCall | None"
) -> Iterator[CredentialProvider]:
    yield from _iter_of_profile(environ, profiles.named, on_call)
    yield from _iter_variables(environ)
    yield from _iter_of_profile(environ, profiles.default, on_call)
    yield from _iter_sdk_file(environ)
    yield from _iter_koocli(environ)
    if environ.get(SOURCE) == METADATA:
        yield from _iter_metadata(environ, on_call)


def _iter_of_profile(
    environ: Mapping[str, str], profile: Profile | None, on_call: "OnCall | None"
) -> Iterator[CredentialProvider]:
    if profile and profile.credentials:
        chain = CredentialChain(_iter_chosen(environ, profile.credentials, on_call))
        yield ProfileProvider(profile=profile, chain=chain)


def _iter_chosen(
    environ: Mapping[str, str], choice: CredentialChoice, on_call: "OnCall | None"
) -> Iterator[CredentialProvider]:
    """Yield the providers of the source that a profile names."""
    match choice.kind:
        case "sdk":
            yield EnvironmentProvider(family=SDK, environ=environ)
            yield from _iter_sdk_file(environ)
        case "terraform":
            yield EnvironmentProvider(family=TERRAFORM, environ=environ)
        case "openstack":
            yield EnvironmentProvider(family=OPENSTACK, environ=environ)
            yield from _iter_clouds(environ, environ.get("OS_CLOUD", ""))
        case "clouds":
            yield from _iter_clouds(environ, *choice.arguments)
        case "koocli":
            yield from _iter_koocli(environ, *choice.arguments)
        case "metadata":
            yield from _iter_metadata(environ, on_call)
        case "command":
            from modelarts_export.providers.sources.command import CommandProvider  # noqa: PLC0415 - as below

            yield CommandProvider(choice.arguments, environ)


def _iter_variables(environ: Mapping[str, str]) -> Iterator[CredentialProvider]:
    for family in FAMILIES:
        yield EnvironmentProvider(family=family, environ=environ)
    yield from _iter_clouds(environ, environ.get("OS_CLOUD", ""))


# These providers are imported when they are asked: most processes have their credentials in variables.
def _iter_metadata(environ: Mapping[str, str], on_call: "OnCall | None") -> Iterator[CredentialProvider]:
    from modelarts_export.providers.sources.metadata_service import MetadataProvider  # noqa: PLC0415

    yield MetadataProvider(environ, on_call=on_call)


def _iter_clouds(environ: Mapping[str, str], cloud: str) -> Iterator[CredentialProvider]:
    from modelarts_export.providers.sources.clouds_yaml import make_clouds_provider  # noqa: PLC0415

    yield make_clouds_provider(cloud, environ)


def _iter_sdk_file(environ: Mapping[str, str]) -> Iterator[CredentialProvider]:
    from modelarts_export.providers.sources.sdk_file import make_sdk_provider  # noqa: PLC0415

    yield make_sdk_provider(environ)


def _iter_koocli(environ: Mapping[str, str], profile: str = "") -> Iterator[CredentialProvider]:
    from modelarts_export.providers.sources.koocli import make_koocli_provider  # noqa: PLC0415

    yield make_koocli_provider(environ, profile)
