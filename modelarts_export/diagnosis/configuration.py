"""Checks of the program, its settings and its credentials, without a call to the API."""

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from modelarts_export import __version__
from modelarts_export.auth.credentials import AccessKey, Credentials, Password, Token
from modelarts_export.clock import Clock, format_duration
from modelarts_export.config.options import SettingsLayer, option_fields
from modelarts_export.config.regions import describe_unknown
from modelarts_export.config.settings import Settings
from modelarts_export.diagnosis.check import (
    Check,
    Checks,
    CheckStatus,
    fail,
    fail_each,
    leave_untested,
    skip,
    succeed,
    warn,
)
from modelarts_export.documents.private_file import can_others_read
from modelarts_export.errors import AccessError, InvalidInputError, MissingSettingError
from modelarts_export.providers.chain import CredentialChain
from modelarts_export.providers.configuration import Configuration, is_project_known
from modelarts_export.providers.sources.provider import CredentialProvider, Finding, Status

_SOON = 3600.0  # seconds; an export may take longer


def check_program() -> Check:
    """Return which program this is."""
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return succeed("version", f"modelarts-export {__version__}, {python}")


def check_settings(configuration: Configuration, spec: SettingsLayer) -> Checks[Settings | None]:
    """Check the profile and the settings, and return these; `spec` is the layer of a spec."""
    try:
        profiles = configuration.profiles
    except InvalidInputError as error:
        yield from fail_each("profile", error)
        yield skip("settings", "the profile is invalid")
        return None
    for warning in profiles.warnings:
        yield warn("config.yaml", *warning.rsplit("; ", 1))
    if profiles.file and not profiles.warnings:
        yield succeed("config.yaml", profiles.file)
    if profiles.default:
        yield succeed("profile", f"{profiles.default.name}, the default of config.yaml")
    try:
        settings = configuration.load_settings(spec)
    except InvalidInputError as error:
        yield from fail_each("settings", error)
        return None
    yield from _list_settings(settings, profiles.file)
    return settings


def _list_settings(settings: Settings, config: str) -> Iterator[Check]:
    """Yield each setting that is given, with its source, and the endpoint.

    The path of config.yaml, which was told before, is shortened.
    """
    for each in option_fields(Settings):
        if each.name not in settings.origins:
            continue
        value = getattr(settings, each.name)
        is_duration = each.metadata["metavar"] == "DURATION"
        shown = f"{value:g}s" if is_duration else "yes" if value is True else str(value)
        origin = settings.origins[each.name]
        message = f"{shown} ({origin.replace(config, Path(config).name) if config else origin})"
        problem = describe_unknown(value) if each.name == "region" else ""
        yield warn(each.name, f"{message} {problem}") if problem else succeed(each.name, message)
    if not settings.base_url:
        yield fail("endpoint", MissingSettingError("no endpoint", setting="endpoint"))
    elif not settings.endpoint:
        yield succeed("endpoint", f"{settings.base_url} (from the region)")


def check_credentials(
    configuration: Configuration, settings: Settings | None, clock: Clock
) -> Checks[Credentials | None]:
    """Check the sources of credentials in their order, and return the credentials of the one that wins.

    A source may run a command or call the metadata service. Then check whether the project is known, also
    where the credentials cannot be used.
    """
    try:
        chain = configuration.chain
    except InvalidInputError:
        yield skip("credentials", "the settings are invalid")
        return None
    loaded: Credentials | None = None
    try:
        loaded = configuration.credentials
    except (AccessError, InvalidInputError) as error:
        yield fail("credentials", error)
    usable = loaded
    if loaded and chain.provider:
        described = list(_describe_credentials(loaded, chain.provider, clock))
        yield from described
        usable = None if any(each.error for each in described) else loaded
    yield from _check_sources(chain, are_usable=usable is not None)
    if settings and not is_project_known(settings, loaded):
        yield fail("project", MissingSettingError("no project ID", setting="project_id"))
    return usable


def _check_sources(chain: CredentialChain, *, are_usable: bool) -> Iterator[Check]:
    """Yield the sources, with a warning for each that cannot be used, or whose file others can read.

    `are_usable`: the credentials of the source that wins can be used.
    """
    findings = chain.describe()
    if chain.provider:
        use = "used" if are_usable else "cannot be used"
        listed = ", ".join(
            f"{provider.name} ({use if provider is chain.provider else _describe_other(finding)})"
            for provider, finding in findings
        )
        yield succeed("sources", f"in their order: {listed}")
    for provider, finding in findings:
        if finding.status is Status.UNUSABLE and chain.provider:
            yield warn("sources", f"{provider.name} cannot be used: {finding.reason}", finding.hint)
    files = dict.fromkeys(path for _, finding in findings for path in finding.files)
    for path in filter(can_others_read, files):
        yield warn("credential file", f"others can read {path}", f"run chmod 600 {path}")


def _describe_other(finding: Finding) -> str:
    return "not used" if finding.status is Status.FOUND else finding.reason


def _describe_credentials(
    credentials: Credentials, provider: CredentialProvider, clock: Clock
) -> Iterator[Check]:
    """Yield whose credentials they are, where they are from, and when they expire."""
    yield succeed("credentials", f"{_identify(credentials)}, from {provider.name}")
    if isinstance(credentials, Password):
        return
    expires_at = credentials.expires_at
    if expires_at is None:
        if isinstance(credentials, Token) or credentials.security_token:
            yield leave_untested("expiry", "the source does not tell when the credentials expire")
        return
    left = expires_at - clock.time()
    end = f"{datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    if left <= 0:
        yield fail("expiry", AccessError(f"the credentials expired at {end}", hint="get new ones"))
        return
    message = f"the credentials expire at {end}, in {format_duration(left)}"
    yield Check(
        name="expiry", status=CheckStatus.OK if left > _SOON else CheckStatus.WARNING, message=message
    )


def _identify(credentials: Credentials) -> str:
    """Return whose credentials they are, without a secret."""
    if isinstance(credentials, AccessKey):
        kind = "temporary access key" if credentials.security_token else "access key"
        return f"{kind} {credentials.access_key}"
    if isinstance(credentials, Password):
        domain = credentials.domain_name or f"with the ID {credentials.domain_id}"
        return f"user {credentials.user_name} of the domain {domain}, with a password"
    return "a token of IAM"
