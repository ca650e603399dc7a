"""The providers of credentials in their order; the first one that has a secret wins."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from modelarts_export.auth.credentials import Credentials
from modelarts_export.config.options import SettingsLayer
from modelarts_export.errors import AccessError
from modelarts_export.providers.environment import FAMILIES, EnvironmentProvider, join_names
from modelarts_export.providers.provider import CredentialProvider, Finding, Status


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

    def describe(self) -> list[tuple[CredentialProvider, Finding]]:
        """Return every provider, and what it found."""
        return list(self._iter_findings())

    def make_layer(self) -> SettingsLayer:
        """Return the settings of the provider that wins; an empty layer without one."""
        return self.provider.make_layer() if self.provider else SettingsLayer(values={}, origin=str)

    def load(self) -> Credentials:
        """Return the credentials of the provider that wins.

        Raises AccessError if they are incomplete or cannot be loaded, and for no credentials, with what was
        tried.
        """
        if self.provider:
            return self.provider.load()
        findings = self.describe()
        tried = ", ".join(f"{provider.name} ({finding.reason})" for provider, finding in findings)
        hints = [finding.hint for _, finding in findings if finding.hint]
        raise AccessError(
            f"no credentials found; tried {tried}",
            hint="; or ".join([f"set {join_names(FAMILIES[0].keys[:2])}", *hints]),
        )

    def _iter_findings(self) -> Iterator[tuple[CredentialProvider, Finding]]:
        yield from self._findings
        for provider in self._remaining:
            for secret in provider.secrets():
                self._on_secret(secret)
            self._findings.append((provider, provider.describe()))
            yield self._findings[-1]


def make_chain(
    environ: Mapping[str, str], *, on_secret: Callable[[str], object] = lambda _secret: None
) -> CredentialChain:
    """Return the chain of all providers; a module that is not asked is not imported.

    `on_secret` gets the secrets of each provider when it is asked.
    """
    return CredentialChain(_iter_providers(environ), on_secret=on_secret)


def _iter_providers(environ: Mapping[str, str]) -> Iterator[CredentialProvider]:
    for family in FAMILIES:
        yield EnvironmentProvider(family=family, environ=environ)
    from modelarts_export.providers.clouds_yaml import make_clouds_provider  # noqa: PLC0415 - see make_chain

    yield make_clouds_provider(environ.get("OS_CLOUD", ""), environ)
    from modelarts_export.providers.sdk_file import make_sdk_provider  # noqa: PLC0415 - see make_chain

    yield make_sdk_provider(environ)
    from modelarts_export.providers.koocli import make_koocli_provider  # noqa: PLC0415 - see make_chain

    yield make_koocli_provider(environ)
