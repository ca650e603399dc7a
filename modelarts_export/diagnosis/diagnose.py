"""All checks in their order: those that depend on a failed one are skipped, and all others are made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelarts_export.api.client import Client
from modelarts_export.auth.credentials import Credentials, Password
from modelarts_export.client_factory import make_client
from modelarts_export.clock import SYSTEM_CLOCK, Clock
from modelarts_export.config.options import SettingsLayer
from modelarts_export.config.settings import Settings
from modelarts_export.diagnosis.access import check_access
from modelarts_export.diagnosis.check import (
    Check,
    Checks,
    fail,
    fail_each,
    leave_untested,
    skip,
    succeed,
    warn,
)
from modelarts_export.diagnosis.configuration import check_credentials, check_program, check_settings
from modelarts_export.diagnosis.dataset import check_dataset, check_path
from modelarts_export.diagnosis.network import OnCall, check_clock, check_endpoint
from modelarts_export.errors import InvalidInputError, ModelArtsExportError, Problem
from modelarts_export.providers.configuration import Configuration, is_project_known
from modelarts_export.submission.matching import find_directories
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy

_UNTESTED = (
    "only an export shows whether a task may be created (modelarts:dataset:createExportTask), whether"
    " ModelArts may write to the bucket (its agency for OBS), whether the bucket exists and is in the region,"
    " and what happens to files that are there"
)
_HISTORICAL = (
    "the vendor lists this API as historical, and neither its catalog of 2026 nor its SDKs have the call"
    " that creates an export task"
)
NO_DATASET = "none was given"
"""Why a dataset is not checked that was not given."""
_INVALID = "the settings are invalid"
_NO_PROJECT = "the project is not known"
_UNREACHED = "the endpoint cannot be reached"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What would be exported, as far as it is given: a dataset, by its ID or as name:NAME, and a request.

    `body` is that of a valid request; otherwise `errors` say what is wrong with the input.
    """

    dataset: str | None = None
    body: Mapping[str, Any] | None = None
    project_id: str | None = None
    errors: Mapping[str, InvalidInputError] = field(default_factory=dict)
    warnings: Sequence[Problem] = ()


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How calls are made: who is told of each, of tokens and of the time, and whether they are retried."""

    on_call: OnCall = lambda _call: None
    on_token: Callable[[str], object] = lambda _token: None
    retry: Callable[[Settings], RetryPolicy] = lambda _settings: ONE_TRY
    clock: Clock = SYSTEM_CLOCK


def diagnose(configuration: Configuration, subject: Subject, probe: Probe) -> Iterator[Check]:
    """Yield all checks. The one POST is for the token of a password; nothing is created or changed."""
    yield check_program()
    spec = SettingsLayer(values={"project_id": subject.project_id}, origin=lambda name: f"{name} of the spec")
    settings = yield from check_settings(configuration, spec)
    credentials = yield from check_credentials(configuration, settings, probe.clock)
    arrival, clock = None, skip("clock", "the endpoint is not known" if settings else _INVALID)
    if settings and settings.base_url:
        arrival = yield from check_endpoint(settings, on_call=probe.on_call, clock=probe.clock)
        clock = check_clock(arrival, credentials) if arrival else skip("clock", _UNREACHED)
    yield clock
    obstacle = _find_obstacle(settings, credentials, clock)
    client: Client | None = None
    if settings and credentials and not obstacle:
        client = yield from _make_client(configuration, settings, credentials, probe)
    if client and arrival:
        yield from _check_subject(client, subject, probe)
        client.close()
    else:
        reason = obstacle or (_NO_PROJECT if arrival else _UNREACHED)
        yield skip("access", reason)
        yield from _skip_dataset(subject, reason)
        yield from _list_problems(subject)
        yield from _skip_path(subject, reason)
    yield leave_untested("export", _UNTESTED)
    yield leave_untested("API", _HISTORICAL)


def _find_obstacle(settings: Settings | None, credentials: Credentials | None, clock: Check) -> str:
    """Return why no call with credentials can be made; nothing if one can."""
    if not settings:
        return _INVALID
    if not settings.base_url:
        return "the endpoint is not known"
    if not credentials:
        return "the credentials cannot be used"
    if not is_project_known(settings, credentials):
        return _NO_PROJECT
    return "the clock is wrong" if clock.error else ""


def _make_client(
    configuration: Configuration, settings: Settings, credentials: Credentials, probe: Probe
) -> Checks[Client | None]:
    """Make a client; IAM is asked for a token, or for the ID of the project, where that is needed."""
    name = "token" if isinstance(credentials, Password) else "project"
    try:
        client = make_client(
            settings,
            credentials,
            renew=configuration.renew,
            on_call=probe.on_call,
            on_token=probe.on_token,
            retry=probe.retry(settings),
        )
    except ModelArtsExportError as error:
        yield fail(name, error)
        return None
    if name == "token":
        yield succeed(name, f"IAM has given one for the project {client.project_id}")
    elif not settings.project_id:
        named = credentials.project_name or settings.region
        yield succeed(name, f"{client.project_id}, which IAM has for the name {named}")
    return client


def _check_subject(client: Client, subject: Subject, probe: Probe) -> Iterator[Check]:
    """Check whether the API accepts the credentials, and then the dataset and the path."""
    access = yield from check_access(client, subject.dataset, probe.retry(client.settings))
    dataset = (yield from check_dataset(client, access.dataset_id)) if access else None
    if not subject.dataset:
        yield from _skip_dataset(subject, "")
    yield from _list_problems(subject)
    if access and dataset and subject.body:
        yield from check_path(dataset, access, subject.body)
    else:
        yield from _skip_path(subject, "the dataset could not be read")


def _skip_dataset(subject: Subject, reason: str) -> Iterator[Check]:
    """Yield why the dataset is not checked, unless its ID is among the problems."""
    if subject.dataset:
        yield skip("dataset", reason)
    elif "dataset" not in subject.errors:
        yield skip("dataset", "the request is invalid" if "request" in subject.errors else NO_DATASET)


def _skip_path(subject: Subject, reason: str) -> Iterator[Check]:
    if subject.body:
        yield skip("path", reason if subject.dataset else "the dataset is not known")


def _list_problems(subject: Subject) -> Iterator[Check]:
    """Yield the problems of the input, and its warnings."""
    for name, error in subject.errors.items():
        yield from fail_each(name, error)
    if subject.body:
        yield succeed("request", f"valid, an export to {' and '.join(find_directories(subject.body))}")
    for warning in subject.warnings:
        yield warn("request", str(warning))
