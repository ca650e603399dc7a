"""The public names: those of the README, of type checkers, and the errors that the library raises."""

import ast
import inspect
import re
from pathlib import Path

import modelarts_export
from modelarts_export import connect, errors, submit, wait


def test_names_of_the_readme_are_public() -> None:
    """Those of the section about Python: imports, classes and keyword arguments."""
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## From Python$(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    (imported,) = re.findall("^from modelarts_export import (.*)$", section, re.MULTILINE)
    classes = re.findall(r"`([A-Z]\w+)`", section)
    assert {*imported.split(", "), *classes} - set(modelarts_export.__all__) == set()
    taken = {name for call in (connect, submit, wait) for name in inspect.signature(call).parameters}
    keywords = re.findall(r"`(\w+)=`|, (\w+)=", section)
    assert len(keywords) > 3
    assert {first or second for first, second in keywords} - taken == set()


def test_public_names_are_typed_and_documented_errors_are_public() -> None:
    """Type checkers see the names that are loaded; the command line alone raises other errors."""
    tree = ast.parse(Path(modelarts_export.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(modelarts_export.__all__)
    found = {name for name in vars(errors) if name.endswith("Error")}
    of_the_command_line = {"OutputError", "ClosedOutputError", "TerminatedError", "MissingCredentialsError"}
    assert found - seen == of_the_command_line
