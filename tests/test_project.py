"""The project's metadata: its dependencies, and the actions of its workflows."""

import ast
import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
# Distributions with another name than their module; pydantic pins the version of its core.
DISTRIBUTIONS = {"yaml": "pyyaml", "pydantic_core": "pydantic"}


def imported(file: Path) -> set[str]:
    """Return the top-level modules that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = (alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names)
    from_ = (str(node.module) for node in nodes if isinstance(node, ast.ImportFrom))
    return {name.partition(".")[0] for name in chain(plain, from_)}


def test_imported_libraries_are_declared() -> None:
    """A transitive dependency may disappear with a release of the library that requires it."""
    used = set[str]().union(*map(imported, (ROOT / "modelarts_export").rglob("*.py")))
    foreign = used - sys.stdlib_module_names - {"modelarts_export", "None"}
    declared = {re.split(r"[>=<\[ ]", each)[0] for each in DEPENDENCIES}
    assert {DISTRIBUTIONS.get(name, name) for name in foreign} == declared


def test_lower_bounds_are_those_that_contributing_tests() -> None:
    """CONTRIBUTING's command installs these versions."""
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    tried = re.findall(r"(\w+)==([0-9.]+)", text)
    bounds = [each.split(">=") for each in DEPENDENCIES]
    assert {name: release(version) for name, version in tried} == {
        name: release(version) for name, version in bounds
    }


def release(version: str) -> str:
    """Return a version without trailing zeros."""
    return re.sub(r"(\.0)+$", "", version)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    """Checkouts keep no token that later steps could read."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    steps = [step for job in jobs for step in job["steps"] if "uses" in step]
    assert [step["uses"] for step in steps if not re.search("@[0-9a-f]{40}$", step["uses"])] == []
    checkouts = [step["with"] for step in steps if step["uses"].startswith("actions/checkout@")]
    assert [each["persist-credentials"] for each in checkouts] == [False]
