"""Time, sleep and randomness as parameters, so that a test controls them; durations as text."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Where time comes from, in seconds: `monotonic` never goes back, `time` counts from the epoch."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Random = field(default_factory=Random)
    time: Callable[[], float] = time.time  # the last one: from here on the name is no module


SYSTEM_CLOCK = Clock()
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def format_duration(seconds: float, *, units: int = 2) -> str:
    """Return a duration in its largest unit and the next ones, rounded down: 45s, 2m 5s, 1h 3m."""
    rest, counts = int(max(seconds, 0.0)), []
    for letter, size in _UNITS:
        count, rest = divmod(rest, size)
        counts.append((count, letter))
    first = next((index for index, (count, _) in enumerate(counts) if count), len(counts) - 1)
    return " ".join(f"{count}{letter}" for count, letter in counts[first : first + units] if count) or "0s"
