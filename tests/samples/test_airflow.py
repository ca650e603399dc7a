"""The DAG of Airflow, without Airflow: tests/samples/airflow_run.py runs it."""

import ast
import tomllib

import modelarts_export
from modelarts_export import ModelArtsExportError, TemporaryError, UnknownOutcomeError, errors
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
