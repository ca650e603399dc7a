"""The two readings of API.md, that of the client and that of the sandbox, have the same fields."""

import re
from typing import Any

from modelarts_export.errors import format_location
from modelarts_export.request.fields import iter_all_fields
from modelarts_export.request.models import ToNewDataset, ToObs
from modelarts_export.sandbox.cloud import contract
from tests.sandbox.test_contract import FIELDS, NAME, TO_NEW_DATASET, WORK_PATH

NOT_IN_A_REQUEST = {"dataset_id", "export_params.clear_difficult"}
"""Fields of API.md that the client does not send: one is in the URL, one in replies only."""
CLIENT = {
    format_location(field.location) for model in (ToObs, ToNewDataset) for field in iter_all_fields(model)
}


class Recorder(dict[str, Any]):
    """A part of a body that records the fields that the contract looks up in it."""

    def __init__(self, place: str, known: set[str], **values: Any) -> None:  # noqa: ANN401 - as JSON
        """Record the fields in `known`, below `place`."""
        super().__init__(values)
        self._place, self._known = place, known

    def __contains__(self, name: object) -> bool:
        """Record that a field is known."""
        self._known.add(f"{self._place}.{name}".removeprefix("."))
        return super().__contains__(name)


def list_fields_of_the_sandbox() -> set[str]:
    """Return the fields of a body that has every list and mapping."""
    known: set[str] = set()
    place = "export_params.search_conditions"
    label = Recorder(f"{place}.label_list.labels", known)
    labels = Recorder(f"{place}.label_list", known, labels=[label])
    metadata = Recorder(f"{place}.metadata", known)
    condition = Recorder(place, known, label_list=labels, metadata=metadata)
    values = {**TO_NEW_DATASET["export_params"], "search_conditions": [condition]}
    params = Recorder("export_params", known, **values)
    assert contract.find_error(Recorder("", known, **{**TO_NEW_DATASET, "export_params": params})) is None
    return known


def test_client_and_sandbox_know_the_same_fields() -> None:
    assert list_fields_of_the_sandbox() == CLIENT | NOT_IN_A_REQUEST


def test_every_field_of_the_sandbox_is_tested() -> None:
    tested = {re.sub(r"\[\d+\]", "", place) for place, *_ in FIELDS}
    assert tested | {"path", NAME, WORK_PATH} == list_fields_of_the_sandbox()
