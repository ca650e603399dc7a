"""Create Huawei Cloud ModelArts dataset export tasks, exactly once.

The public names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_export.api.task import ExportTask, TaskState
    from modelarts_export.errors import (
        AccessError,
        BusyError,
        FailedTaskError,
        InvalidInputError,
        MixedOutcomesError,
        ModelArtsExportError,
        NotFinishedError,
        NotFoundError,
        Problem,
        RefusedError,
        StoppedTaskError,
        TemporaryError,
        ThrottledError,
        UnknownOutcomeError,
    )
    from modelarts_export.request.models import SearchCondition, ToNewDataset, ToObs

__version__ = "0.1.0"
__all__ = [
    "AccessError",
    "BusyError",
    "ExportTask",
    "FailedTaskError",
    "InvalidInputError",
    "MixedOutcomesError",
    "ModelArtsExportError",
    "NotFinishedError",
    "NotFoundError",
    "Problem",
    "RefusedError",
    "SearchCondition",
    "StoppedTaskError",
    "TaskState",
    "TemporaryError",
    "ThrottledError",
    "ToNewDataset",
    "ToObs",
    "UnknownOutcomeError",
]
_MODULES = {
    "ExportTask": "api.task",
    "TaskState": "api.task",
    "SearchCondition": "request.models",
    "ToNewDataset": "request.models",
    "ToObs": "request.models",
}


def __getattr__(name: str) -> object:
    """Load a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
