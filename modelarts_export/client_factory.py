"""A client made of settings and credentials."""

import os
from collections.abc import Callable, Mapping
from functools import partial

from modelarts_export.api.client import Client
from modelarts_export.arguments import check_setting, check_type
from modelarts_export.auth.credentials import AccessKey, Credentials, Password
from modelarts_export.auth.request_auth import RequestAuth, make_auth
from modelarts_export.config.options import SettingsLayer, option_fields
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, InvalidInputError, MissingSettingError
from modelarts_export.providers.configuration import Configuration
from modelarts_export.quoting import did_you_mean
from modelarts_export.transport.retry import ONE_TRY, RetryPolicy
from modelarts_export.transport.session import Transport
from modelarts_export.transport.tracing import CallRecord


def connect(
    *,
    region: str | None = None,
    project_id: str | None = None,
    credentials: Credentials | None = None,
    environ: Mapping[str, str] | None = None,
    **settings: object,
) -> Client:
    """Return a client, which is a context manager, with the settings and credentials of the command line.

    An argument wins over the environment; with `credentials`, no other source of them is asked.
    `environ` is that of the process unless given. `settings` are the other fields of Settings, such as
    endpoint or read_timeout: text as in a variable, or a number of seconds. Nothing is called, except IAM for
    a token or a project, and the source of the credentials. Raises InvalidInputError for a setting that is
    unknown, invalid or missing, and AccessError without credentials.
    """
    environ = os.environ if environ is None else environ
    given = {"region": region, "project_id": project_id, **settings}
    known = {each.name: each for each in option_fields(Settings)}
    for name, value in given.items():
        if name not in known:
            raise InvalidInputError(f"{name!r} is not a setting{did_you_mean(name, known)}")
        check_setting(known[name], value)
    check_type("credentials", credentials, Credentials, optional=True)
    check_type("environ", environ, Mapping)
    arguments = {name: None if value is None else str(value) for name, value in given.items()}
    layer = SettingsLayer(values=arguments, origin=lambda name: name, empty=(None,))
    configuration = Configuration(environ, layer, credentials=credentials)
    loaded = configuration.load_settings()
    retry = RetryPolicy.from_settings(loaded)
    return make_client(loaded, configuration.credentials, renew=configuration.renew, retry=retry)


def make_client(  # noqa: PLR0913 - what makes a client, and its callbacks
    settings: Settings,
    credentials: Credentials,
    *,
    renew: Callable[[], Credentials] | None = None,
    on_call: Callable[[CallRecord], None] | None = None,
    on_token: Callable[[str], object] = lambda _token: None,
    retry: RetryPolicy = ONE_TRY,
) -> Client:
    """Return the client of one project; a password is exchanged for a token first.

    A project that is not known is looked up in IAM by its name. `renew` returns new credentials before they
    expire, `on_call` gets every HTTP call, `on_token` every token, which is a secret; `retry` is for calls
    to IAM. Raises MissingSettingError when an endpoint or the project is unknown, and what `authenticate` and
    `find_project_id` raise.
    """
    if not settings.base_url:
        raise MissingSettingError("no endpoint", setting="endpoint")
    auth: RequestAuth
    if isinstance(credentials, Password):
        from modelarts_export.providers.iam import authenticate  # noqa: PLC0415 - a key needs no token

        auth, project_id = authenticate(
            credentials, settings, on_call=on_call, on_token=on_token, retry=retry
        )
        if not project_id:
            raise MissingSettingError("no project ID", setting="project_id")
    else:
        project_id = settings.project_id
        if not project_id:
            from modelarts_export.providers.projects import find_project_id  # noqa: PLC0415 - most give the ID

            project_id = find_project_id(credentials, settings, on_call=on_call, retry=retry)
        auth = make_auth(credentials, project_id, renew=renew and partial(_renew_key, renew))
    return Client(Transport(settings.base_url, auth, settings, on_call=on_call), project_id)


def _renew_key(renew: Callable[[], Credentials]) -> AccessKey:
    credentials = renew()
    if not isinstance(credentials, AccessKey):
        raise AccessError("the source of the access key has none any more", hint="start the program again")
    return credentials
