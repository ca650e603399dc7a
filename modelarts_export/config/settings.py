"""Settings, each declared once, and where each came from."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelarts_export.errors import InvalidInputError
from modelarts_export.request.field_types import check_identifier

PREFIX = "MODELARTS_EXPORT_"
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 366 * 86400.0  # seconds; no socket can wait for much longer
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")
_ON_LOST_REPLY = ["resend", "stop"]
_MOST_DIGITS = 9
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_HOSTS = {"eu-de": "eu-de.otc.t-systems.com"}  # .github/API.md, section 7; others follow the rule


def parse_duration(text: str) -> float:
    """Return seconds: `90s`, `20m`, `2h`, `1d`, or a bare number; up to a year. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(f"{text!r} is not a duration, such as 90s, 20m or 2h")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than a year")
    return seconds


def parse_positive_duration(text: str) -> float:
    """Return seconds, and more than none of them. Raises ValueError."""
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError("must be more than no time at all")
    return seconds


def parse_int(text: str) -> int:
    """Return a whole number. Raises ValueError."""
    if not text.isdecimal() or not text.isascii() or len(text) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def parse_base_url(text: str) -> str:
    """Return an endpoint without its last slash.

    Raises ValueError for anything but https, save plain http to this very machine, and for a URL with a
    user, a query or a fragment.
    """
    try:
        url = urlsplit(text)
        host, plain, _ = url.hostname or "", url.scheme == "http", url.port
    except ValueError:
        raise ValueError(f"{text!r} is not a URL") from None
    if url.scheme not in ("http", "https") or not host or re.search(r"[\s\\\x00-\x20\x7f]", text):
        raise ValueError(f"{text!r} is not a URL that begins with https://")
    if "@" in url.netloc:
        raise ValueError("an endpoint has no user or password in it")
    if "?" in text or "#" in text:
        raise ValueError(f"{text!r} has a query or a fragment; leave it out")
    if plain and not is_loopback(host):
        raise ValueError(f"plain http:// is for this machine only, not for {host}; use https://")
    return text.rstrip("/")


def _parse_iam_url(text: str) -> str:
    """Return the endpoint of IAM; that of other tools ends with the version of its API."""
    return parse_base_url(text).removesuffix("/v3")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this very machine's."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _parse_region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(f"{text!r} is not a region, such as cn-north-4 or eu-de")
    return text


def _parse_file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError(f"{text!r} is no file")
    return text


def parse_bool(text: str) -> bool:
    """Return what a variable says of a switch. Raises ValueError for an unknown word."""
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in words:
        raise ValueError(f"{text!r} is neither true nor false")
    return words[text.lower()]


def _on_lost_reply(text: str) -> str:
    if text.lower() not in _ON_LOST_REPLY:
        raise ValueError(f"{text!r} is not valid (choose from {', '.join(_ON_LOST_REPLY)})")
    return text.lower()


def option(
    read: Callable[[str], object],
    help_text: str,
    metavar: str = "",
    *,
    default: object = None,
    **told: Any,  # noqa: ANN401 - kept as it is
) -> Any:  # noqa: ANN401 - stands for a value of the field's own type, as dataclasses.field does
    """Declare a setting: how to read its text, and its help.

    Where it has them, `short` is a one-letter flag and `words` are what a shell may complete; what `submits`
    is for commands that create something.
    """
    return field(default=default, metadata={"read": read, "help": help_text, "metavar": metavar, **told})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the API is reached. Times are in seconds; `origins` names where each value came from."""

    region: str | None = option(_parse_region, "Region of the project, such as cn-north-4", "REGION")
    project_id: str | None = option(check_identifier, "ID of the project", "ID")
    endpoint: str | None = option(
        parse_base_url, "URL of ModelArts; follows from the region otherwise", "URL"
    )
    iam_endpoint: str | None = option(_parse_iam_url, "URL of IAM; follows from the region otherwise", "URL")
    connect_timeout: float = option(
        parse_positive_duration, "How long a connection may take", "DURATION", default=10.0
    )
    read_timeout: float = option(
        parse_positive_duration, "How long a reply may take", "DURATION", default=90.0
    )
    retry_timeout: float = option(
        parse_duration,
        "How long a call that did nothing is retried after a transient error: default 2m, 0 for no retry",
        "DURATION",
        default=120.0,
    )
    max_retries: int | None = option(
        parse_int, "How often it is retried at most: by default as often as the time allows", "N"
    )
    reconcile_timeout: float = option(
        parse_duration,
        "How long to look for the task of a lost reply: 60s unless given",
        "DURATION",
        default=60.0,
        submits=True,
    )
    on_lost_reply: str = option(
        _on_lost_reply,
        "What to do when the reply is lost and no task is listed: resend unless given, or stop",
        "VALUE",
        default="resend",
        words=_ON_LOST_REPLY,
        submits=True,
    )
    queue_timeout: float = option(
        parse_duration,
        "How long to wait for a busy dataset: 30m unless given, or 0",
        "DURATION",
        default=1800.0,
        submits=True,
    )
    ca_bundle: str | None = option(_parse_file, "File of certificate authorities to trust", "FILE")
    insecure: bool = option(parse_bool, "Do not verify TLS certificates", default=False)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str | None:
        """The endpoint that was given, or that follows from the region; None when neither is known."""
        return self.endpoint or self._derive_url("modelarts")

    @property
    def iam_url(self) -> str | None:
        """The endpoint of IAM, as base_url."""
        return self.iam_endpoint or self._derive_url("iam")

    def _derive_url(self, service: str) -> str | None:
        region = self.region
        return region and f"https://{service}.{_HOSTS.get(region, f'{region}.myhuaweicloud.com')}"


@dataclass(frozen=True, kw_only=True)
class SettingsLayer:
    """Where values come from: text, or True for a flag that stands alone; `origin` names each.

    What is among `empty` counts as not given: an empty variable is an unset one, an empty flag is not.
    """

    values: Mapping[str, Any]
    origin: Callable[[str], str]
    empty: tuple[object, ...] = (None, "", False)


def make_flag_layer(flags: Mapping[str, Any]) -> SettingsLayer:
    """Return the layer of what stands on the command line."""
    return SettingsLayer(values=flags, origin=flag_name, empty=(None, False))


def make_environment_layer(environ: Mapping[str, str]) -> SettingsLayer:
    """Return the layer of the program's own variables."""
    own = {
        name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)
    }
    return SettingsLayer(values=own, origin=variable_name)


def option_fields(group: type[Any]) -> list[Field[Any]]:
    """Return the settings of a group, a dataclass, as its fields with reader, help and metavar."""
    return [setting for setting in fields(group) if "read" in setting.metadata]


def load_settings(*layers: SettingsLayer) -> Settings:
    """Return the settings in force; the first layer that has one wins. Raises what resolve raises."""
    found = resolve(Settings, *layers)
    return Settings(
        **{name: value for name, (value, _) in found.items()},
        origins={name: origin for name, (_, origin) in found.items()},
    )


def resolve(group: type[Any], *layers: SettingsLayer) -> dict[str, tuple[Any, str]]:
    """Return value and origin of each setting that was given, an empty text counting as none.

    Raises InvalidInputError for a value that cannot be read, naming its origin.
    """
    found = {setting.name: _find_value(setting, layers) for setting in option_fields(group)}
    return {name: pair for name, pair in found.items() if pair}


def value_of(group: type[Any], name: str, *layers: SettingsLayer) -> Any:  # noqa: ANN401 - of the setting's own type
    """Return one setting of a group, whatever is wrong with the others. Raises what resolve raises."""
    setting = next(each for each in option_fields(group) if each.name == name)
    found = _find_value(setting, layers)
    return found[0] if found else setting.default


def flag_name(name: str) -> str:
    """Return the flag of a setting or an output option."""
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """Return the program's own variable for a setting or an output option."""
    return PREFIX + name.upper()


def _find_value(setting: Field[Any], layers: Iterable[SettingsLayer]) -> tuple[Any, str] | None:
    for layer in layers:
        value = layer.values.get(setting.name)
        if value not in layer.empty:
            origin = layer.origin(setting.name)
            return _parse_value(setting, value, origin), origin
    return None


def _parse_value(setting: Field[Any], value: object, origin: str) -> object:
    try:
        return value if value is True else setting.metadata["read"](value)
    except ValueError as error:
        raise InvalidInputError(f"{origin}: {error}") from None
