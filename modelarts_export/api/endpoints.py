"""The paths of the API (.github/API.md, section 1)."""

from urllib.parse import quote


def datasets_path(project_id: str) -> str:
    """Return the path of a project's datasets."""
    return f"/v2/{quote(project_id, safe='')}/datasets"


def dataset_path(project_id: str, dataset_id: str) -> str:
    """Return the path of one dataset."""
    return f"{datasets_path(project_id)}/{quote(dataset_id, safe='')}"


def tasks_path(project_id: str, dataset_id: str) -> str:
    """Return the path of a dataset's export tasks, to create and list them."""
    return f"{dataset_path(project_id, dataset_id)}/export-tasks"


def task_path(project_id: str, dataset_id: str, task_id: str) -> str:
    """Return the path of one export task; its ID comes from the API and may be any text."""
    return f"{tasks_path(project_id, dataset_id)}/{quote(task_id, safe='', errors='replace')}"
