"""The project's metadata and language: dependencies, the actions of workflows, and spelling."""

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
# `"labelled"` is a word that `explain` finds.
BRITISH = re.compile(
    r"olour|ehaviour|onour|eighbour|atalogue|(?<!\"l)abelled|abelling|ancelled|ancelling"
    r"|(?:thor|chron|cogn|gan|mmar|rmal|nical|rial|nit|tim|tial|til)is(?:e|ing|ation)"
)


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


def test_spelling_is_american() -> None:
    """As in the API's own words, which stand beside ours."""
    files = [
        ROOT / "README.md",
        *(ROOT / ".github").glob("*.md"),
        *(ROOT / "modelarts_export").rglob("*.py"),
        *(each for each in (ROOT / "sample-configs").rglob("*") if each.is_file()),
    ]
    assert {file.name: BRITISH.findall(file.read_text("utf-8")) for file in files} == {
        file.name: [] for file in files
    }
