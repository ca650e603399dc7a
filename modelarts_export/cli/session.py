"""What a command needs, built when first asked for: the lazy seam that keeps requests out of a start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelarts_export import config, credentials, trace
from modelarts_export.cli.draft import Draft
from modelarts_export.cli.output import Output
from modelarts_export.errors import InvalidInputError
from modelarts_export.field_types import identifier
from modelarts_export.request import ExportRequest, tasks_path
from modelarts_export.substitution import Variables, read_assignments
from modelarts_export.task import ExportTask

if TYPE_CHECKING:
    from modelarts_export.auth import Auth
    from modelarts_export.client import Client
    from modelarts_export.plan import Plan

_DATASET_VARIABLE = config.variable("dataset_id")


@dataclass(frozen=True, kw_only=True)
class Shell:
    """What the process has: its output, its environment, and the one instant at which it was started."""

    output: Output
    environ: Mapping[str, str]
    now: datetime

    def expand(self, assignments: Sequence[str]) -> Callable[[str], str]:
        """Return what fills in the `${...}` of specs; `assignments` are the texts of --var."""
        try:
            return Variables(read_assignments(assignments), self.environ, now=self.now).expand
        except ValueError as error:
            raise InvalidInputError(f"--var: {error}") from None

    def plan(self, files: Sequence[str], assignments: Sequence[str]) -> "Plan":
        """Return what spec files ask for, and warn of what may be wrong with it.

        Raises InvalidInputError for everything that is wrong.
        """
        from modelarts_export.plan import read_plan  # noqa: PLC0415 - yaml is loaded here

        plan = read_plan(files, self.expand(assignments))
        for warning in plan.warnings:
            self.output.warn(str(warning))
        return plan


@dataclass(frozen=True, kw_only=True)
class Order:
    """An export that is right and complete, and the settings by which it is sent."""

    dataset_id: str
    request: ExportRequest
    settings: config.Settings

    @property
    def url(self) -> str:
        """Where it is sent to; what is not known stands in braces."""
        project_id = self.settings.project_id
        path = tasks_path(project_id or "PROJECT", self.dataset_id)
        if not project_id:
            path = path.replace("PROJECT", "{project_id}", 1)
        return (self.settings.base_url or "{endpoint}") + path


class Session:
    """One run of one command: its settings, its credentials and its client."""

    def __init__(self, shell: Shell, flags: Mapping[str, Any]) -> None:
        """Take the flags of the connection as they were given."""
        self.output = shell.output
        self._shell = shell
        self._environ = shell.environ
        self._flags = flags

    def order(self, draft: Draft[Any]) -> Order:
        """Return what is to be sent, and warn of what may be wrong with it.

        Raises InvalidInputError for everything that is wrong.
        """
        export, warnings = draft.read(self._shell.expand(draft.assignments))
        for warning in warnings:
            self.output.warn(str(warning))
        spec = config.Layer(
            values={"project_id": export.project_id}, origin=lambda name: f"{name} of the spec"
        )
        return Order(
            dataset_id=export.dataset_id or self._usual_dataset(),
            request=export.request,
            settings=self._settings(spec),
        )

    def submit(self, order: Order) -> ExportTask:
        """Create the task. Raises what submission.submit raises, and what is missing for a client."""
        from modelarts_export.submission import submit  # noqa: PLC0415 - requests is loaded from here on

        client, look = self._client(order.settings), self.output.style.output != "id"
        return submit(client, order.dataset_id, order.request, listener=self.output, look=look)

    def _client(self, settings: config.Settings) -> "Client":
        """Return the client for these settings. Raises AccessError or InvalidInputError."""
        from modelarts_export.client import Client  # noqa: PLC0415 - see submit
        from modelarts_export.transport import Transport  # noqa: PLC0415

        keys = credentials.read(self._source, self._environ)
        if not settings.base_url:
            raise InvalidInputError("no endpoint", hint="give --region REGION or --endpoint URL")
        if settings.insecure and not settings.ca_bundle:
            self.output.warn("TLS certificates are not verified")
        auth, project_id = self._identified(keys, settings)
        transport = Transport(settings.base_url, auth, settings, on_call=self._on_call)
        return Client(transport, project_id)

    def _identified(self, keys: credentials.Credentials, settings: config.Settings) -> "tuple[Auth, str]":
        """Return what shows who sends a request, and the project that it is for."""
        from modelarts_export.auth import auth_for  # noqa: PLC0415 - see submit
        from modelarts_export.iam import sign_in  # noqa: PLC0415

        if isinstance(keys, credentials.Password):
            auth, project_id = sign_in(keys, settings, on_call=self._on_call, on_token=self.output.learn)
            return auth, _known(project_id)
        project_id = _known(settings.project_id)
        return auth_for(keys, project_id), project_id

    @cached_property
    def _source(self) -> credentials.Source | None:
        return credentials.winning(self._environ)

    def _settings(self, spec: config.Layer) -> config.Settings:
        source = config.Layer(
            values=credentials.region_and_project(self._source, self._environ),
            origin=lambda name: credentials.variable_of(self._source, name),
        )
        return config.settings(
            config.from_flags(self._flags), spec, config.from_variables(self._environ), source
        )

    def _usual_dataset(self) -> str:
        usual = self._environ.get(_DATASET_VARIABLE)
        if not usual:
            raise InvalidInputError(
                "no dataset", hint=f"give DATASET, dataset_id in the spec, or {_DATASET_VARIABLE}"
            )
        try:
            return identifier(usual)
        except ValueError as error:
            raise InvalidInputError(f"{_DATASET_VARIABLE}: {error}") from None

    def _on_call(self, call: trace.Call) -> None:
        self.output.debug(trace.lines(call))
        request = f" request {call.request_id}" if call.request_id else ""
        self.output.call(f"{call.method} {call.url} {call.status or 'no reply'} {call.seconds:.2f}s{request}")


def _known(project_id: str | None) -> str:
    if not project_id:
        raise InvalidInputError("no project ID", hint="give --project-id ID")
    return project_id
