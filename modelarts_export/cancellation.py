"""Canceling a submission or a wait from another thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakSet

from modelarts_export.clock import Clock
from modelarts_export.errors import CanceledError


class CancelToken:
    """Cancels whatever was given this token: it starts nothing new, and its sleeps end.

    A request that was sent is not interrupted; its reply is awaited, so that no task ID is lost.
    """

    def __init__(self) -> None:
        """Begin without a cancellation."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._children: WeakSet[CancelToken] = WeakSet()

    @property
    def is_canceled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Cancel; from any thread, and as often as one likes."""
        with self._lock:
            self._event.set()
            children = list(self._children)
        for child in children:
            child.cancel()

    def make_child(self) -> "CancelToken":
        """Return a token that is canceled together with this one, and can be canceled alone."""
        child = CancelToken()
        with self._lock:
            self._children.add(child)
            if self.is_canceled:
                child.cancel()
        return child

    def raise_if_canceled(self) -> None:
        """Raise CanceledError after `cancel`."""
        if self.is_canceled:
            raise CanceledError("canceled")

    def sleep(self, seconds: float | None) -> None:
        """Sleep for some seconds, or without an end. Raises CanceledError as soon as it is canceled."""
        self._event.wait(seconds)
        self.raise_if_canceled()

    def guard(self, clock: Clock) -> Clock:
        """Return the clock with a sleep that this token ends; one that a test injected ends by itself."""
        if clock.sleep is time.sleep:
            return replace(clock, sleep=self.sleep)
        return replace(clock, sleep=_check_after(clock.sleep, self))


def _check_after(sleep: Callable[[float], None], token: CancelToken) -> Callable[[float], None]:
    def sleep_and_check(seconds: float) -> None:
        sleep(seconds)
        token.raise_if_canceled()

    return sleep_and_check
