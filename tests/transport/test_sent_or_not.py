"""Whether a POST has left, with real sockets and real TLS: it may be sent again only if it has not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.transport.session import Transport
from tests.conftest import PROXIES
from tests.transport.fault_rows import close_after_all
from tests.transport.scenes import Scene, Sender, Target, authority, everywhere
from tests.transport.sent_or_not_rows import NONE, ROWS, Row

CONTRIBUTING = Path(__file__).parent.parent.parent / ".github" / "CONTRIBUTING.md"
HEADING = "What the network does, and whether the request left"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file of the authority that is trusted."""
    file = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    return str(file)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let the test say what proxy there is."""
    for name in PROXIES:
        monkeypatch.delenv(name)
    return monkeypatch


def post(target: Target, sender: Sender, settings: Settings, size: int) -> ModelArtsExportError | None:
    """Post a body of this size and return the error, if there is one."""
    try:
        Transport(target.url, sender, settings).post("/x", b" " * size)
    except ModelArtsExportError as error:
        return error
    return None


def causes(error: BaseException | None) -> Iterator[str]:
    """Yield the classes that an error was raised from, but for the one that tells of retries."""
    while error is not None:
        if type(error).__name__ != "MaxRetryError":
            yield type(error).__name__
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    ("row", "scene"),
    [
        pytest.param(row, scene, id=f"{name}, {over}")
        for name, row in ROWS.items()
        for over, scene in row.scenes.items()
    ],
)
def test_what_left(row: Row, scene: Scene, trusted: str, no_proxies: pytest.MonkeyPatch) -> None:
    """Each row ends as it says; and what a server could read as a whole is never said not to have left."""
    sender = Sender()
    settings = Settings(connect_timeout=row.connect, read_timeout=row.read, ca_bundle=trusted)
    with scene(sender) as target:
        no_proxies.setenv("HTTPS_PROXY", target.proxy)
        error = post(target, sender, settings, row.size)
        arrived = any(request.startswith(b"POST") for request in target.heard)
    raised = " ← ".join(list(causes(error and error.__cause__))[:2])
    assert (raised or NONE) in row.raised.split(" or ")
    assert ("yes" if sender.left else "no") in row.left.split(" or ")
    assert (type(error).__name__ if error else NONE) in row.error.split(" or ")
    assert sender.left or not arrived
    assert not (sender.left and type(error).__name__ == "TemporaryError")


@pytest.mark.parametrize("over", everywhere(close_after_all))
@pytest.mark.parametrize("size", [1, 2, 16383, 16384, 16385, 32768, 1_000_000])
def test_the_last_byte_decides(size: int, over: str, trusted: str) -> None:
    """However large a body is and however it is cut into pieces, a server that read all of it had it all."""
    sender = Sender()
    with everywhere(close_after_all)[over](sender) as target:
        error = post(target, sender, Settings(ca_bundle=trusted), size)
        assert [len(request.partition(b"\r\n\r\n")[2]) for request in target.heard] == [size]
    assert sender.left
    assert type(error).__name__ == "UnknownOutcomeError"


def test_the_table_says_the_same() -> None:
    """CONTRIBUTING has the rows, and no other."""
    _, _, begun = CONTRIBUTING.read_text(encoding="utf-8").partition(f"## {HEADING}\n")
    section, _, _ = begun.partition("\n## ")
    cells = [(name, ", ".join(row.scenes), row.raised, row.left, row.error) for name, row in ROWS.items()]
    assert re.findall(r"(?m)^\| (.+) \|$", section)[1:] == [" | ".join(row) for row in cells]
