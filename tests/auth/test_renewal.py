"""Credentials that expire: when they are renewed, and what a failed renewal does."""

import threading
from collections.abc import Callable

import pytest

from modelarts_export.auth.credentials import AccessKey, Token
from modelarts_export.auth.renewal import Renewal
from modelarts_export.client_factory import make_client
from modelarts_export.config.settings import Settings
from modelarts_export.errors import AccessError, TemporaryError

FIRST = Token(token="first-token", expires_at=10_000.0)
SECOND = Token(token="second-token", expires_at=20_000.0)


class Clock:
    """A clock that a test sets, and the answers of the source."""

    def __init__(self, *answers: Token | Exception) -> None:
        self.time = 0.0
        self.answers = list(answers)
        self.calls = 0

    def renew(self) -> Token:
        """Return or raise the next answer."""
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def make(self, first: Token = FIRST) -> Renewal[Token]:
        """Return a renewal by this clock."""
        return Renewal(first, self.renew, now=lambda: self.time)


@pytest.mark.parametrize(
    ("time", "token"), [(0.0, FIRST), (9_399.0, FIRST), (9_400.0, SECOND), (1e6, SECOND)]
)
def test_credentials_are_renewed_ten_minutes_before_they_expire(time: float, token: Token) -> None:
    clock = Clock(SECOND)
    tokens = clock.make()
    clock.time = time
    assert tokens.get() == token
    assert clock.calls == (token is SECOND)


def test_credentials_that_expire_soon_are_renewed_once_a_minute() -> None:
    """A command or a service that gives them is not asked before each request."""
    soon = Token(token="soon", expires_at=300.0)
    clock = Clock(soon, SECOND)
    tokens = clock.make(Token(token="first", expires_at=200.0))
    calls = []
    for clock.time in (0.0, 59.0, 60.0, 119.0, 120.0):
        tokens.get()
        calls.append(clock.calls)
    assert calls == [0, 0, 1, 1, 2]


def test_credentials_without_an_end_are_kept() -> None:
    clock = Clock()
    clock.time = 1e9
    assert clock.make(Token(token="endless")).get().token == "endless"


@pytest.mark.parametrize("error", [TemporaryError("no reply"), AccessError("refused")])
def test_failed_renewal_is_tried_again_until_the_end(error: Exception) -> None:
    """At most once a minute; once they have expired, the failure is that of the call. A refusal is final."""
    clock = Clock(error, error, error)
    tokens = clock.make()
    clock.time = 9_500.0
    assert tokens.get() == FIRST
    clock.time = 9_559.0
    assert tokens.get() == FIRST
    assert clock.calls == 1
    clock.time = 10_000.0
    with pytest.raises(type(error)):
        tokens.get()
    assert clock.calls == (1 if isinstance(error, AccessError) else 2)


def test_renewal_after_a_transient_error_succeeds_later() -> None:
    clock = Clock(TemporaryError("no reply"), SECOND)
    tokens = clock.make()
    clock.time = 9_500.0
    assert tokens.get() == FIRST
    clock.time = 9_560.0
    assert tokens.get() == SECOND


def test_key_is_not_renewed_by_anything_else() -> None:
    expired = AccessKey(access_key="AK", secret_key="made-up-secret", expires_at=0.0)
    settings = Settings(endpoint="http://127.0.0.1:9", project_id="p")
    with (
        make_client(settings, expired, renew=lambda: FIRST) as client,
        pytest.raises(AccessError, match="has none any more"),
    ):
        client.show("d", "t")


def test_threads_renew_once() -> None:
    started = threading.Barrier(4)
    clock = Clock(SECOND)
    tokens = clock.make()
    clock.time = 9_500.0
    found = list[Token]()

    def get(use: Callable[[Token], None]) -> None:
        started.wait(5)
        use(tokens.get())

    threads = [threading.Thread(target=get, args=(found.append,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert (found, clock.calls) == ([SECOND] * 4, 1)
