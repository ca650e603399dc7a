"""The options of a wait, each declared once."""

from dataclasses import dataclass

from modelarts_export.config.options import option
from modelarts_export.config.parsers import parse_duration, parse_int, parse_positive_duration


def _parse_timeout(text: str) -> float | None:
    return None if text.strip().lower() == "none" else parse_duration(text)


@dataclass(frozen=True, kw_only=True)
class PollOptions:
    """How long and how often tasks are polled.

    Times are in seconds; a `timeout` of None is for ever, and one of 0 is one poll.
    """

    timeout: float | None = option(
        _parse_timeout,
        "How long to wait: none for ever, 0 for one poll",
        "DURATION",
        default=7200.0,
    )
    poll_interval: float | None = option(
        parse_positive_duration, "Time between polls", "DURATION", default_text="0.5s, growing to 30s"
    )
    max_outage: float = option(parse_duration, "How long polls may fail in a row", "DURATION", default=900.0)
    heartbeat: float = option(
        parse_positive_duration,
        "Off a terminal, time between lines",
        "DURATION",
        default=60.0,
    )
    require_samples: int = option(
        parse_int, "Exit with 7 when fewer samples were exported, or the number is unknown", "N", default=0
    )
