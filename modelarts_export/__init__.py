"""Create Huawei Cloud ModelArts dataset export tasks, exactly once.

The public names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_export.api.client import Client
    from modelarts_export.api.dataset import Dataset
    from modelarts_export.api.task import ExportTask, TaskState
    from modelarts_export.auth.credentials import AccessKey, Password, Token
    from modelarts_export.batch.spec_files import load_specs
    from modelarts_export.cancellation import CancelToken
    from modelarts_export.client_factory import connect
    from modelarts_export.errors import (
        AccessError,
        BusyError,
        CanceledError,
        CertificateError,
        ConfigFileError,
        DatasetNameError,
        FailedTaskError,
        InvalidInputError,
        MissingSettingError,
        MixedOutcomesError,
        ModelArtsExportError,
        NotFinishedError,
        NotFoundError,
        PathUsedError,
        Problem,
        RefusedError,
        StoppedTaskError,
        TemporaryError,
        ThrottledError,
        TooFewSamplesError,
        UnknownOutcomeError,
        UnusableSourceError,
    )
    from modelarts_export.polling.wait import wait
    from modelarts_export.request.models import SearchCondition, ToNewDataset, ToObs
    from modelarts_export.request.validation import ValidatedExport
    from modelarts_export.submission.events import SubmissionEvent
    from modelarts_export.submission.reuse_policy import ReusePolicy
    from modelarts_export.submission.submit import submit

__version__ = "0.1.0"
__all__ = [
    "AccessError",
    "AccessKey",
    "BusyError",
    "CancelToken",
    "CanceledError",
    "CertificateError",
    "Client",
    "ConfigFileError",
    "Dataset",
    "DatasetNameError",
    "ExportTask",
    "FailedTaskError",
    "InvalidInputError",
    "MissingSettingError",
    "MixedOutcomesError",
    "ModelArtsExportError",
    "NotFinishedError",
    "NotFoundError",
    "Password",
    "PathUsedError",
    "Problem",
    "RefusedError",
    "ReusePolicy",
    "SearchCondition",
    "StoppedTaskError",
    "SubmissionEvent",
    "TaskState",
    "TemporaryError",
    "ThrottledError",
    "ToNewDataset",
    "ToObs",
    "Token",
    "TooFewSamplesError",
    "UnknownOutcomeError",
    "UnusableSourceError",
    "ValidatedExport",
    "connect",
    "load_specs",
    "submit",
    "wait",
]
_MODULES = {
    "AccessKey": "auth.credentials",
    "CancelToken": "cancellation",
    "Client": "api.client",
    "Dataset": "api.dataset",
    "ExportTask": "api.task",
    "Password": "auth.credentials",
    "ReusePolicy": "submission.reuse_policy",
    "SearchCondition": "request.models",
    "SubmissionEvent": "submission.events",
    "TaskState": "api.task",
    "ToNewDataset": "request.models",
    "ToObs": "request.models",
    "Token": "auth.credentials",
    "ValidatedExport": "request.validation",
    "connect": "client_factory",
    "load_specs": "batch.spec_files",
    "submit": "submission.submit",
    "wait": "polling.wait",
}


def __getattr__(name: str) -> object:
    """Load a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
