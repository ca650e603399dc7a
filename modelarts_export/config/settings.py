"""Settings of the connection and of submissions, each declared once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from modelarts_export.config.options import SettingsLayer, option, resolve_options
from modelarts_export.config.parsers import (
    is_loopback,
    parse_base_url,
    parse_bool,
    parse_duration,
    parse_file,
    parse_iam_url,
    parse_int,
    parse_positive_duration,
    parse_region,
)
from modelarts_export.config.profile_selection import list_profile_names
from modelarts_export.config.regions import REGIONS, get_domain
from modelarts_export.errors import InvalidInputError
from modelarts_export.identifiers import check_identifier
from modelarts_export.quoting import describe_invalid_choice

_LOST_REPLY_ACTIONS = ["resend", "stop"]


def _parse_on_lost_reply(text: str) -> str:
    if text.lower() not in _LOST_REPLY_ACTIONS:
        raise ValueError(describe_invalid_choice(text, "action", _LOST_REPLY_ACTIONS))
    return text.lower()


def _parse_profile(text: str) -> str:
    if not text:
        raise ValueError("'' is not the name of a profile")
    return text


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the connection and of submissions. Durations are in seconds.

    `origins` has the name of each given value's source, such as a variable.
    """

    region: str | None = option(
        parse_region, "Region of the project, such as cn-north-4", "REGION", words=list(REGIONS)
    )
    project_id: str | None = option(check_identifier, "ID of the project", "ID")
    endpoint: str | None = option(parse_base_url, "URL of ModelArts", "URL", default_text="from the region")
    iam_endpoint: str | None = option(parse_iam_url, "URL of IAM", "URL", default_text="from the region")
    profile: str | None = option(_parse_profile, "Profile of config.yaml", "NAME", words=list_profile_names)
    connect_timeout: float = option(
        parse_positive_duration, "How long a connection may take", "DURATION", default=10.0
    )
    read_timeout: float = option(
        parse_positive_duration, "How long a reply may take", "DURATION", default=90.0
    )
    retry_timeout: float = option(
        parse_duration,
        "How long to retry a call after a transient error; 0 for no retry",
        "DURATION",
        default=120.0,
    )
    max_retries: int | None = option(
        parse_int, "How often to retry a call at most", "N", default_text="no limit"
    )
    reconcile_timeout: float = option(
        parse_duration,
        "How long to reconcile a lost reply",
        "DURATION",
        default=60.0,
        group="Duplicates",
        submits=True,
    )
    on_lost_reply: str = option(
        _parse_on_lost_reply,
        "What to do when the reply is lost and no task is listed: resend or stop",
        "VALUE",
        group="Duplicates",
        default="resend",
        words=_LOST_REPLY_ACTIONS,
        submits=True,
    )
    queue_timeout: float = option(
        parse_duration,
        "How long to wait for a busy dataset; 0 not at all",
        "DURATION",
        group="Waiting",
        default=1800.0,
        submits=True,
    )
    ca_bundle: str | None = option(parse_file, "File of certificate authorities to trust", "FILE")
    insecure: bool = option(parse_bool, "Do not verify TLS certificates", default=False)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str | None:
        """The endpoint of ModelArts: the given one, or the region's; None without both."""
        return self.endpoint or self._derive_url("modelarts")

    @property
    def iam_url(self) -> str | None:
        """The endpoint of IAM: the given one, or the region's; None without both."""
        return self.iam_endpoint or self._derive_url("iam")

    def _derive_url(self, service: str) -> str | None:
        region = self.region
        return region and f"https://{service}.{get_domain(region)}"


def load_settings(*layers: SettingsLayer) -> Settings:
    """Return the settings; the first layer that has one wins.

    Raises InvalidInputError, as resolve_options, and for endpoints that do not go together.
    """
    found = resolve_options(Settings, *layers)
    settings = Settings(
        **{name: value for name, (value, _) in found.items()},
        origins={name: origin for name, (_, origin) in found.items()},
    )
    _check_endpoints(settings)
    return settings


def _check_endpoints(settings: Settings) -> None:
    """Raise InvalidInputError for an IAM on this machine with the public endpoint of a region.

    Its tokens would be sent to a cloud that did not issue them, as with an emulator and a forgotten endpoint.
    """
    iam_endpoint, endpoint = settings.iam_endpoint, settings.base_url
    if settings.endpoint or not (iam_endpoint and endpoint and _is_local(iam_endpoint)):
        return
    raise InvalidInputError(
        f"IAM is on this machine ({iam_endpoint}, {settings.origins['iam_endpoint']}), but ModelArts is not:"
        f" the region {settings.region} ({settings.origins['region']}) has the endpoint {endpoint}",
        hint="give the endpoint of ModelArts, or the IAM of the region",
    )


def _is_local(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")
