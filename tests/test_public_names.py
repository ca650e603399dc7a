"""The public names: what is loaded when, those of the README and of type checkers, and what they say."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelarts_export
from modelarts_export import (
    ReusePolicy,
    ToNewDataset,
    ToObs,
    connect,
    errors,
    submit,
    wait,
)
from modelarts_export.cli.app import COMMANDS
from modelarts_export.config.options import option_fields
from modelarts_export.config.settings import Settings
from modelarts_export.polling.options import PollOptions
from modelarts_export.request.fields import iter_all_fields
from modelarts_export.request.models import SpecMetadata


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


def test_import_loads_nothing() -> None:
    """A fresh interpreter imports the package, and none of its modules or dependencies."""
    code = "import sys; before = set(sys.modules); import modelarts_export; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()} - {"modelarts_export"}
    assert loaded & {"pydantic", "requests", "rich", "typer", "urllib3", "yaml"} == set()
    assert [name for name in done.stdout.split() if name.startswith("modelarts_export.")] == []


@pytest.mark.parametrize("name", modelarts_export.__all__)
def test_public_name_has_a_docstring(name: str) -> None:
    assert getattr(modelarts_export, name).__doc__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        modelarts_export.no_such_name  # noqa: B018 - the access is what is tested


def test_no_error_of_the_library_names_a_flag_or_a_command() -> None:
    """The command line adds those; a command of another program is a fact."""
    package = Path(modelarts_export.__file__).parent
    named = re.compile(r"[\"' (]--[a-z]|modelarts-export [a-z]|\bto-(obs|new-dataset)\b")
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    library = {name: path for name, path in files.items() if not name.startswith(("cli/", "sandbox/"))}
    texts = {name: path.read_text(encoding="utf-8") for name, path in library.items()}
    found = [
        name for name, text in texts.items() if named.search(re.sub("hcloud configure set .*", "", text))
    ]
    assert found == []


def iter_descriptions() -> Iterator[str]:
    """Yield the description of each request field, enumeration value and setting of the library."""
    for model in (ToObs, ToNewDataset, SpecMetadata):
        for each in iter_all_fields(model):
            yield from (each.help, each.flag_help)
            yield from (member.meaning for member in each.enum or ())
    for group in (Settings, PollOptions, ReusePolicy):
        yield from (each.metadata["help"] for each in option_fields(group))


def test_descriptions_of_fields_and_settings_name_no_flag_and_no_command() -> None:
    """A description is a part of the declaration; the command line adds its names to it."""
    commands = "|".join(COMMANDS)
    named = re.compile(
        rf"(^|\W)--?[a-zA-Z]|modelarts-export|\bto-(obs|new-dataset)\b|[`'\"]({commands})[`'\"]"
    )
    descriptions = list(iter_descriptions())
    assert len(descriptions) > 50
    assert [each for each in descriptions if named.search(each)] == []


@pytest.mark.parametrize("name", modelarts_export.__all__)
def test_signature_shows_no_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default is shown by help() and by notebooks, with every secret in it."""
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "made-up-secret")
    public = getattr(modelarts_export, name)
    if callable(public):
        assert "made-up-secret" not in str(inspect.signature(public))
        assert "environ(" not in str(inspect.signature(public))
