"""The time that passes and the chance that spreads load, as parameters: a test waits for nothing."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Where time comes from. `clock` tells seconds of a clock that never goes back, `wall` epoch seconds.

    `sleep` lets seconds pass.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.Random)


TIMING = Timing()
"""The time of this machine."""
