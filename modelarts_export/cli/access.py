"""The settings and credentials in force, and the client that is made of them when first asked for."""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from modelarts_export.cli.options.flags import make_flag_layer
from modelarts_export.cli.output.messages import Messages
from modelarts_export.config.environment import make_environment_layer
from modelarts_export.config.options import SettingsLayer
from modelarts_export.config.settings import Settings
from modelarts_export.config.settings import load_settings as in_force
from modelarts_export.errors import InvalidInputError, MissingSettingError
from modelarts_export.providers import environment
from modelarts_export.transport import tracing as trace
from modelarts_export.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from modelarts_export.api.client import Client

_HOW_TO_GIVE = {
    "endpoint": "give --region REGION or --endpoint URL",
    "iam_endpoint": "give --region REGION or --iam-endpoint URL",
    "project": "give --project-id ID or --region REGION",
    "project_id": "give --project-id ID",
}


class Access:
    """How one command reaches the API."""

    def __init__(self, messages: Messages, environ: Mapping[str, str], flags: Mapping[str, Any]) -> None:
        """Take the flags of the connection as they were given; `messages` prints every call."""
        self._messages = messages
        self._environ = environ
        self._flags = flags
        self._clients: dict[str | None, Client] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings in force where no spec says anything. Raises InvalidInputError."""
        return self.with_project_of_a_spec(None)

    def with_project_of_a_spec(self, project_id: str | None) -> Settings:
        """Return the settings in force for a spec that names a project, or none. Raises InvalidInputError."""
        spec = SettingsLayer(values={"project_id": project_id}, origin=lambda name: f"{name} of the spec")
        source = SettingsLayer(
            values=environment.get_region_and_project(self._source, self._environ),
            origin=lambda name: environment.get_variable(self._source, name),
        )
        return in_force(make_flag_layer(self._flags), spec, make_environment_layer(self._environ), source)

    def client(self, settings: Settings) -> "Client":
        """Return the client for these settings. Raises AccessError or InvalidInputError."""
        if settings.project_id not in self._clients:
            self._clients[settings.project_id] = self._new_client(settings)
        return self._clients[settings.project_id]

    def retry_policy(self, settings: Settings) -> RetryPolicy:
        """Return how calls are retried that change nothing."""
        return RetryPolicy(
            timeout=settings.retry_timeout, max_retries=settings.max_retries, on_retry=self._messages.retry
        )

    def close(self) -> None:
        """Hang up, rather than leave that to the end of the process."""
        for client in self._clients.values():
            client.close()

    def _new_client(self, settings: Settings) -> "Client":
        from modelarts_export.client_factory import make_client  # noqa: PLC0415 - it loads requests

        keys = environment.load_credentials(self._source, self._environ)
        if settings.insecure and not settings.ca_bundle:
            self._messages.warn("TLS certificates are not verified", always=True)
        try:
            client = make_client(
                settings,
                keys,
                on_call=partial(_print_call, self._messages),
                on_token=self._messages.add_secret,
                retry=self.retry_policy(settings),
            )
        except MissingSettingError as error:
            raise InvalidInputError(str(error), hint=_HOW_TO_GIVE[error.setting]) from None
        self._messages.keep(client.project_id)
        return client

    @cached_property
    def _source(self) -> environment.EnvironmentProvider | None:
        return environment.first_configured(self._environ)


def _print_call(messages: Messages, call: trace.CallRecord) -> None:
    """Print a call; no method of Access, whose clients and sockets a reference to it would keep open."""
    request = f" request {call.request_id}" if call.request_id else ""
    line = f"{call.method} {call.url} {call.status or 'no reply'} {call.seconds:.2f}s{request}"
    messages.http_call(trace.without_secrets(call, line), trace.format_call(call))
