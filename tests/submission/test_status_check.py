"""The status check after a submission: one call of at most five seconds."""

import pytest

from modelarts_export.submission.events import ExportLabel
from modelarts_export.submission.submit import fetch_status
from tests.submission.simulated_service import SimulatedService, make_client, submit

LABEL = ExportLabel(dataset_id="d", path="/b/d/")


@pytest.mark.parametrize(("late", "status"), [("4s", "INIT"), ("6s", None)])
def test_status_check_takes_five_seconds_at_most(late: str, status: str | None) -> None:
    service = SimulatedService(faults=(f"late:for={late},on=show",))
    task = submit(service).task
    assert task
    started = service.monotonic()
    checked = fetch_status(make_client(service), task, LABEL, service.events)
    assert checked.status == status
    assert service.monotonic() - started <= 5.5
