"""The architecture: which package imports which, where libraries are used, sizes, and what a start loads."""

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import Cloud

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "modelarts_export"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}

# Who may import whom, a row for each package, the highest layer first. Modules of the top level stand for
# themselves; what everything may import has no arrow of its own.
EVERYWHERE = {
    *("__init__", "errors", "sanitize", "secret_search", "quoting", "identifiers", "arguments"),
    *("clock", "cancellation"),
}
MAY_IMPORT = {
    "__main__": "cli",
    "cli": (
        "cli/ci cli/options cli/output cli/progress cli/reference "
        "api auth client_factory config polling providers providers/sources request spec submission transport"
    ),
    "cli/commands": (
        "api batch cli cli/ci cli/diagnosis cli/options cli/output cli/progress cli/reference config "
        "diagnosis documents polling providers/sources request sandbox sandbox/faults spec submission"
    ),
    "cli/diagnosis": "cli cli/output config diagnosis request spec transport",
    "cli/reference": (
        "cli cli/options config documents polling providers/sources request sandbox/cloud sandbox/faults "
        "spec submission transport"
    ),
    "cli/options": "api config documents request sandbox/faults spec",
    "cli/output": "batch cli/ci cli/options api request spec submission transport",
    "cli/ci": "cli/options api batch spec",
    "cli/progress": "batch cli/output api polling",
    "batch": "api config polling providers providers/sources request spec submission",
    "diagnosis": "api auth client_factory config documents providers providers/sources submission transport",
    "submission": "api config request transport",
    "polling": "api config transport",
    "client_factory": "api auth config providers transport",
    "providers": "auth config providers/sources transport",
    "providers/sources": "auth config documents transport",
    "spec": "documents request",
    "api": "config request transport",
    "transport": "auth config",
    "auth": "",
    "config": "documents",
    "documents": "",
    "request": "",
    "sandbox": "auth sandbox/cloud sandbox/faults",
    "sandbox/faults": "",
    "sandbox/cloud": "",
}
# Which modules may use a library; a package stands for all of its modules.
LIBRARIES = {
    "typer": ["cli"],
    "rich": ["cli.output", "cli.progress"],
    "requests": ["auth.request_auth", "transport"],
    "urllib3": ["transport"],
    "yaml": ["documents", "cli.output.serializers"],
}
COMMANDS = "modelarts_export.cli.commands"
UNUSED_BY_A_DRY_RUN = " ".join(
    f"modelarts_export.{name}"
    for name in (
        *("polling.poller", "polling.fetch", "submission.reuse", "submission.matching", "transport.retry"),
        *("transport.tracing", "cli.follow", "cli.exit_status", "cli.options.task_filter"),
        *("cli.options.parse_errors", "cli.output.serializers", "cli.output.task_view", "documents.files"),
        *("request.body_size", "request.problems", "spec.loader"),
    )
)
LONGEST_FILE, LONGEST_FUNCTION, LARGEST_FOLDER = 400, 50, 10  # lines, lines, files


def iter_imports(tree: ast.AST) -> Iterator[str]:
    """Yield what a tree imports anywhere, for type checkers too: modules, and names in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def list_imports(name: str) -> list[str]:
    """Return what a module of the package imports."""
    return list(iter_imports(ast.parse(MODULES[name].read_text())))


def own_imports(name: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    used = [each.removeprefix("modelarts_export").lstrip(".") for each in list_imports(name)]
    return {next((m for m in (each, each.rpartition(".")[0]) if m in MODULES), "") for each in used} - {
        "",
        name,
    }


def package_of(name: str) -> str:
    """Return the package of a module; a module of the top level is its own."""
    folder = MODULES[name].parent.relative_to(PACKAGE).as_posix()
    return (name or "__init__") if folder == "." else folder


def imported_packages(package: str) -> set[str]:
    """Return the packages that the modules of a package import."""
    names = [name for name in MODULES if package_of(name) == package]
    return {package_of(used) for name in names for used in own_imports(name)} - {package} - EVERYWHERE


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_package_imports_what_its_row_says(package: str) -> None:
    assert imported_packages(package) == set(MAY_IMPORT[package].split())


def test_every_package_has_a_row() -> None:
    assert {package_of(name) for name in MODULES} - EVERYWHERE == set(MAY_IMPORT)


def test_modules_import_without_a_circle() -> None:
    sorter = TopologicalSorter({name: own_imports(name) for name in MODULES})
    assert list(sorter.static_order())


def test_what_everything_imports_stands_alone() -> None:
    imports = {name: own_imports(name) - EVERYWHERE for name in EVERYWHERE - {"__init__"}}
    assert {name: used for name, used in imports.items() if used} == {}


def test_sandbox_shares_only_the_signature_with_the_client() -> None:
    """Two readings of the API facts are worth something only while they are independent."""
    used = {each for name in MODULES if name.startswith("sandbox") for each in own_imports(name)}
    assert {each for each in used if not each.startswith("sandbox")} == {"auth.signing"}


def test_only_its_command_imports_the_sandbox() -> None:
    assert {name for name in MODULES if "sandbox.server" in own_imports(name)} == {"cli.commands.sandbox"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_is_used_where_its_row_says(library: str) -> None:
    users = {name for name in MODULES if any(used.split(".")[0] == library for used in list_imports(name))}
    allowed = LIBRARIES[library]
    assert [name for name in users if not any(f"{name}.".startswith(f"{each}.") for each in allowed)] == []


@pytest.mark.parametrize(
    ("line", "unloaded"),
    [
        ("--help", f"requests urllib3 rich yaml {COMMANDS}.export {COMMANDS}.tasks {COMMANDS}.sandbox"),
        (
            "--version",
            f"pydantic requests urllib3 rich yaml {COMMANDS}.export {COMMANDS}.tasks {COMMANDS}.sandbox",
        ),
        ("to-obs --help", f"requests urllib3 rich yaml {COMMANDS}.tasks {COMMANDS}.sandbox"),
        (
            "to-obs abc --path /b/d/ --dry-run",
            (
                f"importlib.metadata email requests urllib3 rich yaml {COMMANDS}.tasks {COMMANDS}.sandbox "
                f"{UNUSED_BY_A_DRY_RUN}"
            ),
        ),
        ("to-obs abc --path /b/d/ --dry-run --debug", "requests urllib3 rich yaml"),
        ("schema", "requests urllib3 rich yaml"),
        ("init to-new-dataset", "requests urllib3 rich yaml"),
        ("explain", "requests urllib3 rich yaml"),
        ("explain 4409 -o json", "requests urllib3 rich yaml"),
        ("to-obs -f sample-configs/to-obs.yaml --dry-run -o json", "requests urllib3 rich"),
    ],
)
def test_start_loads_only_what_it_needs(line: str, unloaded: str) -> None:
    """A fresh interpreter runs the command line and does not load these."""
    assert set(unloaded.split()) & run_and_list_modules(line) == set()


def test_submit_in_a_script_loads_no_rich_and_nothing_of_a_wait(cloud: Cloud) -> None:
    loaded = run_and_list_modules("to-obs --path /b/d/", **cloud.variables)
    others = "polling.poller cli.follow cli.progress.display documents.files spec.loader request.body_size"
    others += " config.config_file documents.private_file providers.iam providers.projects"
    sources = {name for name in loaded if name.startswith("modelarts_export.providers.sources.")}
    assert {name.rpartition(".")[2] for name in sources} == {"environment", "provider"}
    assert {
        "rich",
        "yaml",
        "html",
        *(f"modelarts_export.{name}" for name in others.split()),
    } & loaded == set()
    assert {"requests", "modelarts_export.submission.submission"} <= loaded


def run_and_list_modules(line: str, **variables: str) -> set[str]:
    """Run a command line in a fresh interpreter, and return the modules that it has loaded at its end.

    Those that were there before are of the interpreter, or of the measurement of coverage.
    """
    code = (
        "import os, sys; before = {*sys.modules}; from modelarts_export.__main__ import run;"
        "os._exit = lambda code: print(code, *(sys.modules.keys() - before), file=sys.stderr); run()"
    )
    command = [sys.executable, "-c", code, *line.split()]
    environ = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environ)
    exit_code, *modules = done.stderr.splitlines()[-1].split()
    assert exit_code == "0"
    return set(modules)


def complete(shell: str, line: str) -> tuple[str, set[str]]:
    """Return what the program tells a shell at TAB after a line, and the modules that it loaded for that."""
    code = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
    code += "from modelarts_export.cli.main import main; main([])"
    environ = {
        **os.environ,
        "_MODELARTS_EXPORT_COMPLETE": f"complete_{shell}",
        "COMP_LINE": line,
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environ
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_a_command_loads_no_command_and_no_pydantic(shell: str) -> None:
    out, loaded = complete(shell, "modelarts-export to")
    assert out.index("to-obs") < out.index("to-new-dataset")
    assert {"pydantic", "requests", "rich", "yaml", f"{COMMANDS}.export"} & loaded == set()


@pytest.mark.parametrize(
    ("line", "candidate"),
    [
        ("to-obs --sample-state pending-a", "pending-acceptance"),
        ("list --status running,f", "running,failed"),
        ("wait --region cn-north-4", "cn-north-4"),
        ("datasets --type image-s", "image-segmentation"),
        ("sandbox --fault dr", "drop"),
        ("explain exit-c", "exit-codes"),
        ("to-obs --max-r", "--max-retries"),
    ],
)
def test_completion_of_a_value_loads_no_network_and_no_rich(line: str, candidate: str) -> None:
    """Whatever the shell is, which only formats the candidates."""
    out, loaded = complete("bash", f"modelarts-export {line}")
    assert candidate in out
    assert {"requests", "urllib3", "rich", "yaml"} & loaded == set()


def test_files_and_functions_are_short() -> None:
    texts = {path: path.read_text() for path in FILES}
    assert [path for path, text in texts.items() if len(text.splitlines()) > LONGEST_FILE] == []
    functions = [
        (path, node)
        for path, text in texts.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    ]
    assert [
        (path, node.name)
        for path, node in functions
        if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ] == []


def test_folders_are_small() -> None:
    sizes = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert [folder for folder, size in sizes.items() if size > LARGEST_FOLDER] == []


def test_every_module_is_in_contributing() -> None:
    """CONTRIBUTING has a line for each file, so that a newcomer knows where to look."""
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    files = [path.relative_to(PACKAGE).as_posix() for path in FILES if path.name != "__init__.py"]
    assert [file for file in files if f"`{file}`" not in text] == []
