"""The DAG of Airflow, without Airflow: tests/samples/airflow_run.py runs it."""

import ast
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import modelarts_export
from modelarts_export import BusyError, ModelArtsExportError, TemporaryError, UnknownOutcomeError, errors
from tests.conftest import Cloud
from tests.samples.airflow_stand_in import AirflowFailException, load_dag
from tests.samples.sample_files import ROOT, read_sample

TEXT = read_sample("airflow/export_datasets.py")
TREE = ast.parse(TEXT)
COMMAND = "python -m tests.samples.airflow_run"


def list_imports() -> dict[str, set[str]]:
    """Return the names that the DAG imports from each module."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(TREE):
        if isinstance(node, ast.ImportFrom):
            found.setdefault(str(node.module), set()).update(alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update((alias.name, set[str]()) for alias in node.names)
    return found


def test_dag_uses_only_public_names() -> None:
    """Of this package, and of Airflow, whose public interface for DAGs is airflow.sdk."""
    modules = list_imports()
    assert [name for name in modules if name.startswith("modelarts_export")] == ["modelarts_export"]
    assert modules["modelarts_export"] - set(modelarts_export.__all__) == set()
    airflow = [name for name in modules if name.startswith("airflow")]
    assert airflow == ["airflow.sdk", "airflow.sdk.exceptions"]
    private = [n.attr for n in ast.walk(TREE) if isinstance(n, ast.Attribute) and n.attr.startswith("_")]
    assert private == []


def test_dag_has_no_secret_and_reads_no_variable() -> None:
    """Its credentials are a Connection of Airflow, read where they are used."""
    assert "os" not in list_imports()
    arguments = {node.arg for node in ast.walk(TREE) if isinstance(node, ast.arg)}
    assert arguments & {"credentials", "secret_key", "password", "connection"} == set()


def test_retried_errors_are_those_that_may_run_again() -> None:
    """The table of the DAG has every exit code of a submission and of a wait."""
    [handler] = [
        {name.id for name in node.type.elts if isinstance(name, ast.Name)}
        for node in ast.walk(TREE)
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple)
    ]
    assert handler == {"TemporaryError", "UnknownOutcomeError"}
    retried, *others = [
        {int(word) for word in line.split("|")[2].replace(",", " ").split()}
        for line in TEXT.splitlines()
        if line.startswith("| ") and any(letter.isdigit() for letter in line)
    ]
    assert retried | others[0] == {TemporaryError.exit_code, UnknownOutcomeError.exit_code}
    codes = {each.exit_code for each in vars(errors).values() if is_error(each)}
    assert set[int]().union(*others) | retried == codes - {1, 9, 130, 141, 143}


def is_error(value: object) -> bool:
    """Tell whether a value is a class of our errors."""
    return isinstance(value, type) and issubclass(value, ModelArtsExportError)


Load = Callable[..., Any]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Load the DAG for a sandbox, with one spec."""

    def load_with(cloud: Cloud, spec: str) -> Any:  # noqa: ANN401 - a module
        (tmp_path / "a.yaml").write_text(spec)
        extra = {"endpoint": cloud.sandbox.url, "project_id": cloud.sandbox.project_id}
        key = {"login": cloud.sandbox.access_key, "password": cloud.sandbox.secret_key}
        return load_dag(monkeypatch, {**key, "extra_dejson": extra}, tmp_path)

    return load_with


RUN = SimpleNamespace(run_after=datetime(2026, 11, 24, 23, 30, tzinfo=UTC))


def test_dataset_is_found_by_its_name_and_the_path_has_the_day_of_the_run(instant: Cloud, load: Load) -> None:
    """In the time zone of the schedule."""
    dag = load(instant, "dataset_id: name:cats-and-dogs\npath: /b/${now:%Y-%m-%d}/\n")
    dag.TIME_ZONE = ZoneInfo("Europe/Berlin")
    [export] = dag.find_exports(dag_run=RUN)
    assert (export["dataset_id"], export["body"]["path"]) == ("sandbox-images", "/b/2026-11-25/")
    submitted = [dag.submit_export(export) for _ in range(2)]  # a retry takes the task of the first try
    assert submitted[0] == submitted[1]
    assert len(instant.created) == 1
    end = dag.wait_for_export(submitted[0])
    assert (end.is_done, end.xcom_value) == (True, "obs://b/2026-11-25/")


def test_unknown_name_of_a_dataset_fails_without_a_retry(instant: Cloud, load: Load) -> None:
    dag = load(instant, "dataset_id: name:cats\npath: /b/d/\n")
    with pytest.raises(AirflowFailException, match="cats"):
        dag.find_exports(dag_run=RUN)


def test_busy_dataset_is_left_to_the_retries_of_airflow(cloud: Cloud, load: Load) -> None:
    """One try, so that no worker slot is held while the dataset is busy."""
    dag = load(cloud, "dataset_id: sandbox-busy\npath: /b/d/\n")
    [export] = dag.find_exports(dag_run=RUN)
    with pytest.raises(BusyError):
        dag.submit_export(export)
    assert len(cloud.created) == 1


@pytest.mark.parametrize("required", [0, 1])
def test_export_of_no_samples_fails(instant: Cloud, load: Load, required: int) -> None:
    condition = "export_params: {search_conditions: [{label_list: {labels: [{name: bird}]}}]}"
    dag = load(instant, f"dataset_id: sandbox-images\npath: /b/d/\n{condition}\n")
    assert dag.REQUIRED_SAMPLES == 1
    dag.REQUIRED_SAMPLES = required
    [export] = dag.find_exports(dag_run=RUN)
    submitted = dag.submit_export(export)
    if required:
        with pytest.raises(AirflowFailException, match="exported 0 samples"):
            dag.wait_for_export(submitted)
    else:
        assert dag.wait_for_export(submitted).is_done


def test_command_that_runs_it_is_documented() -> None:
    """And needs the extra of the project and the versions that it was run with."""
    contributing = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert COMMAND in contributing
    assert "'.[airflow]' -c tests/samples/airflow_constraints.txt" in contributing
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [each.partition(">")[0] for each in extras["airflow"]] == ["apache-airflow"]
    constraints = (ROOT / "tests" / "samples" / "airflow_constraints.txt").read_text().splitlines()
    assert any(line.startswith("apache-airflow==3.") for line in constraints)
    assert COMMAND not in (ROOT / ".ci" / "run").read_text()  # it takes minutes
