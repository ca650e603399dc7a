"""Credentials that expire, renewed before they do; safe to share between threads."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from modelarts_export.errors import AccessError, ModelArtsExportError

_RENEW_BEFORE = 600.0  # seconds before they expire, as clocks differ
_PAUSE = 60.0  # seconds between two renewals of credentials that are valid


class Expiring(Protocol):
    """Credentials that may expire."""

    @property
    def expires_at(self) -> float | None:
        """When they expire, in epoch seconds; None if that is not known."""


C = TypeVar("C", bound=Expiring)


class Renewal(Generic[C]):
    """The credentials in use, and how to get new ones."""

    def __init__(self, first: C, renew: Callable[[], C], *, now: Callable[[], float]) -> None:
        """`renew` returns new credentials; `now` returns epoch seconds."""
        self._current = first
        self._renew = renew
        self._now = now
        self._not_before = now() + _PAUSE
        self._refusal: AccessError | None = None
        self._lock = Lock()

    def get(self) -> C:
        """Return the credentials, new ones if they are about to expire.

        Raises what `renew` raises once they have expired; until then a failure is tried again later. New ones
        may expire soon, too: a service or a command that gives them is not asked before each request.
        """
        with self._lock:
            expires_at, now = self._current.expires_at, self._now()
            if expires_at is None:
                return self._current
            if now < max(expires_at - _RENEW_BEFORE, min(self._not_before, expires_at)):
                return self._current
            self._not_before = now + _PAUSE
            try:
                self._replace()
            except ModelArtsExportError:
                if now >= expires_at:
                    raise
            return self._current

    def replace(self, rejected: Callable[[C], bool]) -> None:
        """Get new credentials, unless those that were rejected are replaced already.

        Raises what `renew` raises.
        """
        with self._lock:
            if rejected(self._current):
                self._replace()

    def _replace(self) -> None:
        """Raise an AccessError again without a new call: IAM locks a user."""
        if self._refusal:
            raise self._refusal
        try:
            self._current = self._renew()
        except AccessError as error:
            self._refusal = error
            raise
