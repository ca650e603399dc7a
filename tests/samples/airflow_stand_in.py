"""What the DAG of the samples imports of Airflow, as far as its functions can be called without it."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.samples.sample_files import SAMPLES

FILE = SAMPLES / "airflow" / "export_datasets.py"


class AirflowFailException(Exception):  # noqa: N818 - the name that Airflow has for it
    """The task fails, and is not retried."""


@dataclass(kw_only=True)
class PokeReturnValue:
    """Whether a sensor is done, and its result."""

    is_done: bool
    xcom_value: object = None


def decorate(function: Any = None, **_options: object) -> Any:  # noqa: ANN401 - with options, or without
    """Return the function itself, or a decorator that does."""
    return function or (lambda decorated: decorated)


def load_dag(monkeypatch: pytest.MonkeyPatch, connection: Mapping[str, Any], specs: Path) -> Any:  # noqa: ANN401
    """Return the module of the DAG with this Connection and these specs; its tasks are plain functions."""
    task: Any = lambda function=None, **options: decorate(function, **options)  # noqa: E731
    task.sensor = decorate

    def dag(**_options: object) -> Callable[[object], object]:
        return lambda _function: lambda: None  # its tasks are called one by one

    found = SimpleNamespace(**connection)
    sdk = ModuleType("airflow.sdk")
    vars(sdk).update(
        Connection=SimpleNamespace(get=lambda _name: found),
        PokeReturnValue=PokeReturnValue,
        dag=dag,
        task=task,
        task_group=decorate,
    )
    exceptions = ModuleType("airflow.sdk.exceptions")
    vars(exceptions).update(AirflowFailException=AirflowFailException)
    for module in (ModuleType("airflow"), sdk, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location("export_datasets", FILE)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    vars(loaded)["SPECS"] = specs
    return loaded
