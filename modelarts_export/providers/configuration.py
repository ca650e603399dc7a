"""Settings and credentials from arguments, variables, profiles and providers, in their order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from modelarts_export.auth.credentials import Credentials, Password
from modelarts_export.config.environment import METADATA, SOURCE, make_environment_layer
from modelarts_export.config.options import NO_SETTINGS, SettingsLayer, resolve_option
from modelarts_export.config.profile_selection import select_profile
from modelarts_export.config.profiles import Profile, ProfileSelection
from modelarts_export.config.settings import Settings, load_settings
from modelarts_export.errors import InvalidInputError
from modelarts_export.providers.chain import CredentialChain, make_chain
from modelarts_export.quoting import describe_invalid_choice

if TYPE_CHECKING:
    from modelarts_export.providers.chain import OnCall


class Configuration:
    """What is configured where a client is made; everything is read when it is first asked for."""

    def __init__(
        self,
        environ: Mapping[str, str],
        arguments: SettingsLayer,
        *,
        credentials: Credentials | None = None,
        on_secret: Callable[[str], object] = lambda _secret: None,
        on_call: "OnCall | None" = None,
    ) -> None:
        """Take the variables and the settings that win over them; `credentials` win over all providers.

        `on_secret` gets the secrets of each provider that is asked, `on_call` each HTTP call of one.
        """
        self._environ = environ
        self._arguments = arguments
        self._credentials = credentials
        self._on_secret = on_secret
        self._on_call = on_call

    @cached_property
    def profiles(self) -> ProfileSelection:
        """The profile in force. Raises InvalidInputError, as select_profile."""
        name = resolve_option(Settings, "profile", self._arguments, make_environment_layer(self._environ))
        return select_profile(self._environ, name)

    @cached_property
    def chain(self) -> CredentialChain:
        """The providers of credentials. Raises InvalidInputError, as `profiles`."""
        if self._credentials:
            return CredentialChain([])
        selected = self._environ.get(SOURCE)
        if selected and selected != METADATA:
            raise InvalidInputError(f"{SOURCE}: {describe_invalid_choice(selected, 'source', [METADATA])}")
        return make_chain(self._environ, self.profiles, on_secret=self._on_secret, on_call=self._on_call)

    @cached_property
    def credentials(self) -> Credentials:
        """The credentials. Raises AccessError, as CredentialChain.load, and what `profiles` raises."""
        return self._credentials or self.chain.load()

    def renew(self) -> Credentials:
        """Return new credentials where the old ones expire. Raises AccessError and TemporaryError."""
        return self._credentials or self.chain.renew()

    def load_settings(self, *more: SettingsLayer) -> Settings:
        """Return the settings; `more` layers come after the arguments. Raises InvalidInputError."""
        source, default = self.chain.make_layer(), _make_layer(self.profiles.default)
        if source.values.get("project_name"):  # a name of the project wins over the ID of another one
            default = replace(default, values={**default.values, "project_id": None})
        return load_settings(
            self._arguments,
            *more,
            make_environment_layer(self._environ),
            _make_layer(self.profiles.named),
            source,
            default,
        )


def is_project_known(settings: Settings, credentials: Credentials | None) -> bool:
    """Return whether the project has an ID, or IAM can be asked for it.

    IAM has that of a password, of the name that comes with credentials, and of the region's name.
    """
    has_name = isinstance(credentials, Password) or bool(credentials and credentials.project_name)
    return bool(settings.project_id or settings.region or has_name)


def _make_layer(profile: Profile | None) -> SettingsLayer:
    return profile.make_layer() if profile else NO_SETTINGS
