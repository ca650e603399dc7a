"""The house keeps its shape: directions, lazy imports and sizes, read from the code itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "modelarts_export"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in FILES}

# Who may use a library; the patterns are those of a shell.
ONLY_IN = {
    "typer": ["cli.*"],
    "rich": ["cli.bars", "cli.screen", "cli.tables"],
    "requests": ["auth", "connection", "exchange", "silence", "transport"],
    "urllib3": ["connection", "exchange", "silence", "transport"],
    "yaml": ["strict_yaml", "cli.forms"],
    "http": ["api_errors", "connection", "replies", "transport", "sandbox.*"],
}
# Who stands on whom, the top first: a module may import from the floors below its own, and no other.
FLOORS = [
    ["__main__"],
    ["cli.__init__"],
    ["cli.explain", "cli.export", "cli.sandbox", "cli.specs", "cli.tasks", "cli.validate"],
    ["cli.binding", "cli.ending", "cli.following"],
    ["cli.session"],
    ["cli.access"],
    ["cli.draft", "cli.output", "cli.sandbox_help", "cli.selection"],
    ["cli.watch"],
    ["cli.bars"],
    ["cli.progress"],
    ["cli.conditions", "cli.cells", "cli.forms"],
    ["cli.screen"],
    ["cli.tables", "outcomes"],
    ["submission", "waiting"],
    ["patience", "reconciliation", "reuse"],
    ["rounds"],
    ["client", "iam"],
    ["paging", "plan"],
    ["explanations", "template", "traffic", "transport", "validation"],
    ["silence"],
    ["exchange", "matching"],
    [
        "auth",
        "connection",
        "declarations",
        "pace",
        "replies",
        "retry",
        "rules",
        "schema",
        "specfile",
        "substitution",
    ],
    [
        "api_errors",
        "credentials",
        "traffic",
        "request",
        "strict_yaml",
        "config",
        "files",
        "sandbox.server",
        "trace",
    ],
    ["sandbox.fault_words", "sandbox.gateway"],
    ["sandbox.faults", "sandbox.service"],
    ["sandbox.access", "sandbox.state"],
    ["sandbox.contract", "sandbox.datasets", "sandbox.identity"],
    ["sandbox.samples"],
    ["sandbox.exchange"],
    ["yaml_scalars", "bounded"],
    [
        "api_error_table",
        "field_types",
        "vocabulary",
        "task",
        "errors",
        "signing",
        "supervision",
        "timing",
    ],
    ["text"],
    ["quoting", "secret_search", "yaml_places"],
    ["__init__", "sandbox.__init__"],
]
LAZY = {
    *("cli.access", "cli.draft", "cli.explain", "cli.output", "cli.sandbox", "cli.screen", "cli.session"),
    *("__main__", "cli.ending", "cli.forms", "cli.watch", "secret_search"),
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 50  # lines


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported anywhere in a tree, for the types alone too: modules, and names in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    used = (each.removeprefix("modelarts_export.") for each in imports(ast.parse(MODULES[name].read_text())))
    return {module for each in used for module in (each, each.rpartition(".")[0]) if module in MODULES}


def floor(name: str) -> int:
    """Return how far down a module stands."""
    return next(depth for depth, names in enumerate(FLOORS) if name in names)


@pytest.mark.parametrize("name", MODULES)
def test_nobody_imports_from_a_floor_above(name: str) -> None:
    """Every arrow of the house runs down, so that there are no circles."""
    assert [used for used in own_imports(name) - {name} if floor(used) <= floor(name)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("sandbox.")])
def test_the_sandbox_shares_only_the_signature_with_the_client(name: str) -> None:
    """Two readings of the API facts are worth something only while they are independent."""
    assert {used for used in own_imports(name) if not used.startswith("sandbox.")} <= {"signing"}


def test_nothing_in_the_client_knows_the_sandbox() -> None:
    """Only its own command does."""
    assert {name for name in MODULES if "sandbox.server" in own_imports(name)} == {"cli.sandbox"}


def test_the_library_does_not_know_the_command_line() -> None:
    """Everything outside cli/ can be used from a notebook."""
    outside = [name for name in MODULES if not name.startswith(("cli.", "__main__"))]
    assert [name for name in outside if any(used.startswith("cli.") for used in own_imports(name))] == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_each_library_has_its_rooms(library: str) -> None:
    """What a library is used for is found in one place."""
    users = {
        name
        for name, path in MODULES.items()
        if any(used.split(".")[0] == library for used in imports(ast.parse(path.read_text())))
    }
    strangers = {name for name in users if not any(fnmatch(name, room) for room in ONLY_IN[library])}
    assert strangers == set()


@pytest.mark.parametrize("name", sorted(set(MODULES) - LAZY))
def test_imports_stand_at_the_top(name: str) -> None:
    """Only the seams that keep a start short import inside a function."""
    functions = [n for n in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if any(imports(f))] == []


@pytest.mark.parametrize(
    ("line", "unloaded"),
    [
        ("--help", "requests urllib3 rich yaml"),
        ("--version", "requests urllib3 rich yaml"),
        ("to-obs --help", "requests urllib3 rich yaml"),
        ("to-obs abc --path /b/d/ --dry-run", "requests urllib3 rich yaml"),
        ("to-obs abc --path /b/d/ --dry-run --debug", "requests urllib3 rich yaml"),
        ("schema", "requests urllib3 rich yaml"),
        ("init to-new-dataset", "requests urllib3 rich yaml"),
        ("explain", "requests urllib3 rich yaml"),
        ("explain 4409 -o json", "requests urllib3 rich yaml"),
        ("to-obs -f sample-configs/to-obs.yaml --dry-run -o json", "requests urllib3 rich"),
    ],
)
def test_a_start_loads_only_what_it_needs(line: str, unloaded: str) -> None:
    """A fresh interpreter runs the command line and does not load these."""
    code = (
        "import sys; from modelarts_export.cli import main; code = main(sys.argv[1:]);"
        "print(code, *sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    exit_code, *modules = done.stderr.split()
    assert exit_code == "0"
    assert set(unloaded.split()) & set(modules) == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_is_long(path: Path) -> None:
    """A file that outgrows the budget holds two things."""
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_functions_are_short() -> None:
    """None is over the budget; the median has none, which would pay for cutting a thought in two."""
    sizes = {
        f"{path.name}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def test_every_module_is_in_the_picture_of_the_house() -> None:
    """CONTRIBUTING has a line for each file, so that a newcomer knows where to look."""
    told = (PACKAGE.parent / ".github" / "CONTRIBUTING.md").read_text()
    files = [str(path.relative_to(PACKAGE)) for path in FILES if path.read_text().count("\n") > 1]
    assert [file for file in files if f"`{file}`" not in told and file != "__init__.py"] == []
