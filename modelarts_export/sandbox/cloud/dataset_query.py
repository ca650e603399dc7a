"""The query of the calls that list and show datasets, from API.md only."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from modelarts_export.sandbox.cloud.contract import ApiError, JsonObject, make_parameter_error
from modelarts_export.sandbox.cloud.datasets import Dataset

_BOOLEANS = {"true": True, "false": False}
_TYPES = (0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900)
_EXPORT = 2  # the only type of task that the sandbox has
_TASK_TYPES = (0, 1, _EXPORT, 3, 4, 5, 6, 7, 10)
_SORT_KEYS: Mapping[str, Callable[[Dataset], float | str]] = {
    "create_time": lambda dataset: dataset.created,
    "dataset_name": lambda dataset: dataset.name,
}
_ALLOWED: Mapping[str, Mapping[str, object]] = {
    "support_export": _BOOLEANS,
    "check_running_task": _BOOLEANS,
    "dataset_type": {str(each): each for each in _TYPES},
    "running_task_type": {str(each): each for each in _TASK_TYPES},
    "sort_by": {name: name for name in _SORT_KEYS},
    "order": {"asc": "asc", "desc": "desc"},
}


@dataclass(frozen=True, kw_only=True)
class DatasetQuery:
    """What a query asks for (API.md, section 1); `search_content` is a part of a name, in any letter case."""

    support_export: bool = False
    dataset_type: int | None = None
    search_content: str = ""
    sort_by: str = "create_time"
    order: str = "desc"
    check_running_task: bool = False
    running_task_type: int | None = None

    def select(self, datasets: Iterable[Dataset]) -> list[Dataset]:
        """Return the datasets that match, in the order that is asked for."""
        matching = [dataset for dataset in datasets if self._matches(dataset)]
        return sorted(matching, key=_SORT_KEYS[self.sort_by], reverse=self.order == "desc")

    def _matches(self, dataset: Dataset) -> bool:
        return (
            (dataset.is_exportable or not self.support_export)
            and self.dataset_type in (None, dataset.behavior.dataset_type)
            and self.search_content.lower() in dataset.name.lower()
        )

    def describe_running_tasks(self, list_running: Callable[[], list[str]]) -> JsonObject:
        """Return the fields about running tasks, if they are asked for; `list_running` returns their IDs."""
        if not self.check_running_task:
            return {}
        running = list_running() if self.running_task_type in (None, _EXPORT) else []
        return {"exist_running_task": bool(running), "running_tasks_id": running}


def parse_query(query: Mapping[str, str]) -> DatasetQuery | ApiError:
    """Return what a query asks for, or the error of its first invalid parameter."""
    values: JsonObject = {"search_content": query.get("search_content", "")}
    for name, allowed in _ALLOWED.items():
        text = query.get(name)
        if text is not None and text not in allowed:
            return make_parameter_error(name, " or ".join(allowed))
        values |= {} if text is None else {name: allowed[text]}
    return DatasetQuery(**values)
