"""The settings and credentials of a command, and the client that is made of them when first asked for."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from modelarts_export.cli.options.flags import format_flag, make_flag_layer
from modelarts_export.cli.output.messages import Messages
from modelarts_export.config.environment import format_variable
from modelarts_export.config.options import SettingsLayer
from modelarts_export.config.regions import describe_unknown
from modelarts_export.config.settings import Settings
from modelarts_export.errors import (
    AccessError,
    InvalidInputError,
    MissingCredentialsError,
    MissingSettingError,
    ModelArtsExportError,
    Problem,
    RefusedError,
    UnusableSourceError,
)
from modelarts_export.identifiers import check_dataset
from modelarts_export.providers.configuration import Configuration, is_project_known

if TYPE_CHECKING:
    from modelarts_export.api.client import Client
    from modelarts_export.api.dataset import DatasetPage
    from modelarts_export.auth.credentials import Credentials
    from modelarts_export.transport.retry import RetryPolicy
    from modelarts_export.transport.tracing import CallRecord


def _give(*flags: tuple[str, str]) -> str:
    """Return a hint that names flags with their metavars, and their variables."""
    named = (f"{format_flag(name)} {metavar} ({format_variable(name)})" for name, metavar in flags)
    return f"give {' or '.join(named)}"


HOW_TO_GIVE: Mapping[str, str] = {
    "endpoint": _give(("region", "REGION"), ("endpoint", "URL")),
    "iam_endpoint": _give(("region", "REGION"), ("iam_endpoint", "URL")),
    "project_id": (
        f"{_give(('project_id', 'ID'), ('region', 'REGION'))}; the console shows the ID under My Credentials"
    ),
}
"""How each setting is given that MissingSettingError names."""


_DATASET_VARIABLE = format_variable("dataset_id")
_HOW_TO_GIVE_DATASET = f"give DATASET or --dataset ID ({_DATASET_VARIABLE})"


def combine_missing(errors: Sequence[ModelArtsExportError], what: str = "settings") -> ModelArtsExportError:
    """Return one error for an invalid request, if it is the first, and for all settings that are missing.

    `what` says what they are if arguments are among them.
    """
    if len(errors) == 1:
        return errors[0]
    problems = [problem for error in errors for problem in error.problems or (_to_problem(error),)]
    omitted = sum(error.omitted for error in errors if isinstance(error, InvalidInputError))
    words = "problems; nothing was sent" if errors[0].problems else f"{what} are missing"
    message = f"{len(problems) + omitted:,} {words}"
    if any(isinstance(error, AccessError) for error in errors):
        return MissingCredentialsError(message, problems=problems, omitted=omitted)
    return InvalidInputError(message, problems=problems, omitted=omitted)


def _to_problem(error: ModelArtsExportError) -> Problem:
    return Problem(message="; ".join(filter(None, [str(error), error.hint])))


def make_no_dataset_error(*, takes_spec: bool = True) -> InvalidInputError:
    """Return the error of a missing dataset, which a spec may have where the command takes one."""
    in_spec = ", or dataset_id in a spec" if takes_spec else ""
    return InvalidInputError("no dataset", hint=_HOW_TO_GIVE_DATASET + in_spec)


class Connection:
    """The settings and credentials of one command, and its clients."""

    def __init__(self, messages: Messages, environ: Mapping[str, str], flags: Mapping[str, Any]) -> None:
        """Keep the flags as given; `messages` prints every call."""
        self._messages = messages
        self._environ = environ
        self.configuration = Configuration(
            environ,
            make_flag_layer(flags),
            on_secret=messages.add_secret,
            on_call=partial(print_call, messages),
        )
        self._clients: dict[str | None, Client] = {}
        self._used_settings: Settings | None = None
        self._warned_regions = set[str]()
        self._dataset_pages: dict[str, Sequence[DatasetPage]] = {}  # by the project

    @cached_property
    def settings(self) -> Settings:
        """The settings when no spec names a project. Raises InvalidInputError."""
        return self.load_settings(None)

    def load_settings(self, project_id: str | None) -> Settings:
        """Return the settings for a spec that names a project, or none. Raises InvalidInputError."""
        spec = SettingsLayer(values={"project_id": project_id}, origin=lambda name: f"{name} of the spec")
        settings = self.configuration.load_settings(spec)
        self._warn_of_region(settings.region)
        return settings

    def _warn_of_region(self, region: str | None) -> None:
        """Warn of a region that is in no table, once, also where nothing is sent."""
        problem = describe_unknown(region) if region else ""
        if region and problem and region not in self._warned_regions:
            self._warned_regions.add(region)
            self._messages.warn(f"region {region} {problem}")

    @property
    def used_settings(self) -> Settings:
        """The settings of the last client, or those without a spec."""
        return self._used_settings or self.settings

    def client(self, settings: Settings) -> "Client":
        """Return the client for these settings. Raises AccessError or InvalidInputError."""
        self._used_settings = settings
        if settings.project_id not in self._clients:
            self._clients[settings.project_id] = self._new_client(settings)
        return self._clients[settings.project_id]

    @property
    def default_dataset(self) -> str | None:
        """The dataset of the variable, unchecked."""
        return self._environ.get(_DATASET_VARIABLE) or None

    def choose_dataset(
        self,
        given: str | None,
        origin: str = "DATASET",
        *,
        needed_for: Settings | None,
        missing: Sequence[ModelArtsExportError] = (),
        takes_spec: bool = True,
    ) -> str:
        """Return the dataset that is given, or that of the variable: an ID, or name:NAME.

        `takes_spec` says whether the command takes a spec, which may have the dataset. Raises
        InvalidInputError for an invalid one, and one error for the arguments that are `missing` and all
        settings that are missing for a call with the settings `needed_for`.
        """
        if given is None:
            given, origin = self.default_dataset, _DATASET_VARIABLE
        try:
            dataset = None if given is None else check_dataset(given)
        except ValueError as error:
            raise InvalidInputError(f"{origin}: {error}") from None
        if dataset is not None and not missing:
            return dataset
        no_dataset = [make_no_dataset_error(takes_spec=takes_spec)] if dataset is None else []
        settings = self.find_missing(needed_for) if needed_for else []
        what = "arguments and settings" if missing else "settings"
        raise combine_missing([*missing, *no_dataset, *settings], what)

    def find_dataset_id(self, name: str, settings: Settings) -> str:
        """Return the ID of the one dataset with this name; a project's datasets are listed once.

        Raises DatasetNameError, RefusedError for an ID that no command accepts, and what `client` and
        Client.iter_dataset_pages raise.
        """
        from modelarts_export.api.dataset import select_id  # noqa: PLC0415 - for a name alone

        client = self.client(settings)
        if client.project_id not in self._dataset_pages:
            pages = client.iter_dataset_pages(retry=self.retry_policy(settings))
            self._dataset_pages[client.project_id] = list(pages)
        try:
            dataset_id = select_id(self._dataset_pages[client.project_id], name)
        except RefusedError as error:
            raise error.copy_with(hint="modelarts-export datasets -o json shows it") from None
        self._messages.keep(dataset_id)
        return dataset_id

    def retry_policy(self, settings: Settings) -> "RetryPolicy":
        """Return how calls are retried that change nothing."""
        from modelarts_export.transport.retry import RetryPolicy  # noqa: PLC0415 - a dry run makes no call

        return RetryPolicy.from_settings(settings, on_retry=self._messages.retry)

    def find_missing(self, settings: Settings, *, in_spec: bool = False) -> list[ModelArtsExportError]:
        """Return an error for each setting that a call needs and that is missing.

        With `in_spec` the project ID may be in a spec that cannot be read.
        """
        errors: list[ModelArtsExportError] = []
        credentials: Credentials | None = None
        try:
            credentials = self.configuration.credentials
        except UnusableSourceError as error:  # its settings are unknown, too
            return [error]
        except AccessError as error:
            errors.append(error)
        if not settings.base_url:
            errors.append(InvalidInputError("no endpoint", hint=HOW_TO_GIVE["endpoint"]))
        if not in_spec and not is_project_known(settings, credentials):
            errors.append(InvalidInputError("no project ID", hint=HOW_TO_GIVE["project_id"]))
        return errors

    def _describe_sources(self) -> str:
        """Return which profile and which source of credentials are in force, without a secret."""
        profiles, provider = self.configuration.profiles, self.configuration.chain.provider
        profile = "no profile"
        if profiles.named:
            profile = f"profile {profiles.named.name}"
        elif profiles.default:
            profile = f"profile {profiles.default.name}, the default of config.yaml"
        return f"{profile}; credentials: {provider.name if provider else 'none'}"

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _new_client(self, settings: Settings) -> "Client":
        from modelarts_export.client_factory import make_client  # noqa: PLC0415 - it loads requests

        shows_calls = self._messages.options.verbose or self._messages.options.debug
        if shows_calls and not self._clients:
            self._messages.info(self._describe_sources())
        missing = self.find_missing(settings)
        if missing:
            raise combine_missing(missing)
        for warning in self.configuration.profiles.warnings:
            self._messages.warn(warning)
        if settings.insecure and not settings.ca_bundle:
            self._messages.warn("TLS certificates are not verified", always=True)
        try:
            client = make_client(
                settings,
                self.configuration.credentials,
                renew=self.configuration.renew,
                on_call=partial(print_call, self._messages) if shows_calls else None,
                on_token=self._messages.add_secret,
                retry=self.retry_policy(settings),
            )
        except MissingSettingError as error:
            raise InvalidInputError(str(error), hint=HOW_TO_GIVE[error.setting]) from None
        self._messages.keep(client.project_id)
        return client


def print_call(messages: Messages, call: "CallRecord") -> None:
    """Print a call; no method of Connection, whose clients and sockets a reference to it would keep open."""
    from modelarts_export.transport.tracing import format_call, without_secrets  # noqa: PLC0415 - as above

    request = f" request {call.request_id}" if call.request_id else ""
    line = f"{call.method} {call.url} {call.status or 'no reply'} {call.seconds:.2f}s{request}"
    messages.http_call(without_secrets(call, line), format_call(call))
