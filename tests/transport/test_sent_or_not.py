"""Whether a POST was sent, with real sockets and real TLS: it may be sent again only if it was not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.transport.session import Transport
from tests.conftest import PROXIES
from tests.transport.endpoints import Endpoint, RecordingAuth, Target, make_authority, serve_http_and_tls
from tests.transport.fault_rows import close_after_all
from tests.transport.sent_or_not_rows import NONE, ROWS, Row

CONTRIBUTING = Path(__file__).parent.parent.parent / ".github" / "CONTRIBUTING.md"
HEADING = "What the network does, and whether the request left"


@pytest.fixture(scope="module")
def ca_bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file with the certificate of the trusted authority."""
    file = tmp_path_factory.mktemp("trust") / "ca.pem"
    make_authority().cert_pem.write_to_path(str(file))
    return str(file)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove the proxies of the environment."""
    for name in PROXIES:
        monkeypatch.delenv(name)
    return monkeypatch


def post(target: Target, sender: RecordingAuth, settings: Settings, size: int) -> ModelArtsExportError | None:
    """Post a body of this size and return the error, if there is one."""
    try:
        Transport(target.url, sender, settings).post("/x", b" " * size)
    except ModelArtsExportError as error:
        return error
    return None


def iter_causes(error: BaseException | None) -> Iterator[str]:
    """Yield the names of the classes that an error was raised from, without urllib3's wrapper for retries."""
    while error is not None:
        if type(error).__name__ != "MaxRetryError":
            yield type(error).__name__
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    ("row", "endpoint"),
    [
        pytest.param(row, endpoint, id=f"{name}, {over}")
        for name, row in ROWS.items()
        for over, endpoint in row.endpoints.items()
    ],
)
def test_error_follows_from_what_was_sent(
    row: Row, endpoint: Endpoint, ca_bundle: str, no_proxies: pytest.MonkeyPatch
) -> None:
    """A request that a server could read completely never counts as not sent."""
    sender = RecordingAuth()
    settings = Settings(connect_timeout=row.connect, read_timeout=row.read, ca_bundle=ca_bundle)
    with endpoint(sender) as target:
        no_proxies.setenv("HTTPS_PROXY", target.proxy)
        error = post(target, sender, settings, row.size)
        arrived = any(request.startswith(b"POST") for request in target.requests)
    raised = " ← ".join(list(iter_causes(error and error.__cause__))[:2])
    assert (raised or NONE) in row.raised.split(" or ")
    assert ("yes" if sender.fully_sent else "no") in row.sent.split(" or ")
    assert (type(error).__name__ if error else NONE) in row.error.split(" or ")
    assert sender.fully_sent or not arrived
    assert not (sender.fully_sent and type(error).__name__ == "TemporaryError")


@pytest.mark.parametrize("over", serve_http_and_tls(close_after_all))
@pytest.mark.parametrize("size", [1, 2, 16383, 16384, 16385, 32768, 1_000_000])
def test_request_counts_as_sent_with_its_last_byte(size: int, over: str, ca_bundle: str) -> None:
    """At every size, and however TLS cuts the body into records."""
    sender = RecordingAuth()
    with serve_http_and_tls(close_after_all)[over](sender) as target:
        error = post(target, sender, Settings(ca_bundle=ca_bundle), size)
        assert [len(request.partition(b"\r\n\r\n")[2]) for request in target.requests] == [size]
    assert sender.fully_sent
    assert type(error).__name__ == "UnknownOutcomeError"


def test_contributing_has_the_same_table() -> None:
    """It has no other rows."""
    _, _, rest = CONTRIBUTING.read_text(encoding="utf-8").partition(f"## {HEADING}\n")
    section, _, _ = rest.partition("\n## ")
    cells = [(name, ", ".join(row.endpoints), row.raised, row.sent, row.error) for name, row in ROWS.items()]
    assert re.findall(r"(?m)^\| (.+) \|$", section)[1:] == [" | ".join(row) for row in cells]
