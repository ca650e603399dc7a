"""Time, sleep and randomness as parameters, so that a test controls them."""

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
