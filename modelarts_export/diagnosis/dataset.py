"""Checks whether a dataset can be exported, and whether to a directory."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelarts_export.api.client import EXPORT_TASK, Client
from modelarts_export.api.dataset import Dataset, DatasetStatus
from modelarts_export.diagnosis.access import DatasetAccess
from modelarts_export.diagnosis.check import Check, Checks, fail, leave_untested, succeed, warn
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.quoting import list_first
from modelarts_export.submission.matching import find_directories
from modelarts_export.submission.reuse import describe_relation, describe_use_of_path

_MOST_IDS = 5
_OTHER_DIRECTORY = "choose a directory of its own for the export"


def check_dataset(client: Client, dataset_id: str) -> Checks[Dataset | None]:
    """Check whether a dataset exists, is of a type that can be exported, and is idle (API.md, section 1)."""
    try:
        dataset = client.show_dataset(dataset_id, running_task_type=EXPORT_TASK)
    except ModelArtsExportError as error:
        yield fail("dataset", error)
        return None
    yield _check_status(dataset)
    yield _check_type(dataset)
    yield _check_idle(dataset)
    return dataset


def _check_status(dataset: Dataset) -> Check:
    named = f", with the name {dataset.name}" if dataset.name not in (None, dataset.dataset_id) else ""
    facts = [f"{dataset.dataset_id} exists{named}"]
    if dataset.total_samples is not None:
        facts.append(f"{dataset.total_samples:,} samples")
    if dataset.labeled_samples is not None:
        facts.append(f"{dataset.labeled_samples:,} of them labeled")
    message = ", ".join(facts)
    if dataset.status in (None, DatasetStatus.NORMAL):
        return succeed("dataset", message)
    return warn("dataset", f"{message}; its status is {dataset.status.label}", "wait until it is normal")


def _check_type(dataset: Dataset) -> Check:
    """Compare the type with the documents, which disagree; only the server decides (API.md, section 2)."""
    kind = dataset.dataset_type
    if kind is None:
        return leave_untested("type", "the API shows no type that the documents have")
    if dataset.is_exportable:
        return succeed("type", f"{kind.label} datasets can be exported")
    if dataset.is_exportable is None:
        return warn("type", f"the documents disagree whether {kind.label} datasets can be exported")
    return warn(
        "type",
        f"the documents say that {kind.label} datasets cannot be exported",
        "the API would answer 501, ModelArts.4383",
    )


def _check_idle(dataset: Dataset) -> Check:
    if dataset.has_running_task is None:
        return leave_untested("idle", "the API does not show whether an export task is running")
    if not dataset.has_running_task:
        return succeed("idle", "no export task is running")
    ids = list_first(dataset.running_task_ids, _MOST_IDS)
    named = f": {ids}" if ids else ""
    return warn("idle", f"an export task is running{named}", "a further one may have to wait for it")


def check_path(dataset: Dataset, access: DatasetAccess, body: Mapping[str, Any]) -> Iterator[Check]:
    """Check the directories of a request: those of the dataset itself, and those of other tasks."""
    overlaps = list(_find_overlaps(dataset, body))
    for message in overlaps:
        yield warn("path", message, _OTHER_DIRECTORY)
    if not overlaps:
        asked = " and ".join(find_directories(body))
        yield succeed("path", f"{asked}: not among the dataset's own directories")
    try:
        used = describe_use_of_path([task for page in access.task_pages for task in page.tasks], body)
    except ModelArtsExportError as error:
        yield fail("earlier tasks", error)
        return
    if used:
        hint = "what happens to files that are there is not documented; " + _OTHER_DIRECTORY
        yield warn("earlier tasks", used, hint)
    else:
        yield succeed("earlier tasks", "none has used the path, or a directory above or below it")


def _find_overlaps(dataset: Dataset, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each directory of a request that is one of the dataset, or above or below it."""
    owned = [(path, "an input directory") for path in dataset.input_paths]
    owned += [(dataset.work_path, "the output directory")] if dataset.work_path else []
    owned += [(path, "a directory of the service") for path in dataset.inner_paths]
    for asked in find_directories(body):
        for own, noun in owned:
            if asked == own:
                yield f"{asked} is {noun} of the dataset"
            elif relation := describe_relation(asked, own):
                yield f"{asked} is {relation.removesuffix('it')}{noun} of the dataset, {own}"
