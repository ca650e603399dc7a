"""The simulated connection behaves like a real socket."""

import pytest

from modelarts_export.config.settings import Settings
from modelarts_export.errors import ModelArtsExportError, TemporaryError, UnknownOutcomeError
from tests.submission.simulated_service import EXPORT, LATENCY, SimulatedService, make_client
from tests.transport.sent_or_not_rows import ROWS
from tests.transport.test_sent_or_not import iter_causes

ALIKE = {
    "refuse": "closed port",
    "drop": "FIN after reading",
    "drop:by=rst": "RST after reading",
    "stall:for=2m": "no reply",
    "cut": "cut with a length",
    "cut:by=rst": "cut with a reset",
    "cut:at=0": "cut with a length",
}


@pytest.mark.parametrize(("fault", "name"), ALIKE.items(), ids=ALIKE)
def test_faults_raise_the_errors_of_a_socket(fault: str, name: str) -> None:
    """The exception, its cause and the error of the client are the same."""
    row = ROWS[name]
    with pytest.raises((TemporaryError, UnknownOutcomeError)) as caught:
        make_client(SimulatedService(faults=(fault,))).create("sandbox-images", EXPORT)
    assert " ← ".join(list(iter_causes(caught.value.__cause__))[:2]) in row.raised.split(" or ")
    assert type(caught.value).__name__ == row.error


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [("refuse", 0), ("drop", 2 * LATENCY), ("stall:for=7s", 7 + 2 * LATENCY), ("late:for=99", 20)],
)
def test_faults_take_simulated_time(fault: str, seconds: float) -> None:
    """At most the read timeout."""
    service = SimulatedService(faults=(fault,))
    with pytest.raises(ModelArtsExportError):
        make_client(service, Settings(read_timeout=20.0)).create("sandbox-images", EXPORT)
    assert service.monotonic() == pytest.approx(seconds, abs=2 * LATENCY)


def test_request_and_reply_arrive_unchanged() -> None:
    """The request is signed."""
    service = SimulatedService()
    client = make_client(service)
    task = client.create("sandbox-images", EXPORT)
    assert [made.task_id for made in service.our_tasks] == [task.task_id]
    assert client.show("sandbox-images", task.task_id).raw["path"] == EXPORT.path
    (page,) = client.iter_task_pages("sandbox-images")
    assert page.tasks[0].task_id == task.task_id
    assert page.date == int(service.now)
