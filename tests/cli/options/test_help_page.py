"""The help pages: groups, widths, defaults, variables, examples and exit codes."""

import re
import shlex

import pytest

from modelarts_export.cli.app import COMMANDS, build_command
from modelarts_export.cli.options.help_page import GROUPS
from tests.conftest import Cloud, Run, Stub

PAGES = ["", *COMMANDS]
PYTHON_TYPES = re.compile(r"<(str|int|float|bool|list)|TEXT|INTEGER|BOOLEAN")


@pytest.fixture(params=[60, 80, 120])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    columns: int = request.param
    monkeypatch.setenv("COLUMNS", str(columns))
    return columns


@pytest.mark.parametrize("command", PAGES)
def test_page_fits_the_terminal(run: Run, command: str, width: int) -> None:
    page = run(f"{command} --help").out
    lines = [line for line in page.splitlines() if not line.startswith("  modelarts-export ")]  # examples
    assert [line for line in lines if len(line) > width] == []
    assert not PYTHON_TYPES.search(page.replace("--name TEXT", ""))  # of `datasets`


@pytest.mark.parametrize(("columns", "longest"), [("20", 40), ("500", 120)])
def test_page_has_40_to_120_columns(
    run: Run, monkeypatch: pytest.MonkeyPatch, columns: str, longest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    page = run("to-obs --help").out.partition("Examples:")[0]
    lines = re.sub(r"\[env: \w+\]", "", page).splitlines()  # the name of a variable is not broken
    assert longest - 15 < max(map(len, lines)) <= longest


@pytest.mark.parametrize("command", ["to-obs", "to-new-dataset"])
def test_options_are_in_groups_in_order(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    page = run(f"{command} -h").out
    titles = re.findall(r"^(\w[\w ]*):$", page, re.MULTILINE)
    wanted = ["Arguments", *(title for title in GROUPS if title != "Filter"), "Examples"]
    assert titles == wanted
    assert len(page.splitlines()) <= 95
    for flag in ("--dry-run", "-f, --file FILE", "--var NAME[=VALUE]"):
        assert page.index("Request:") < page.index(f"  {flag}") < page.index("Samples:")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_on_the_page(run: Run, command: str) -> None:
    page = run(f"{command} --help").out
    flags = [
        flag for option in build_command(command).params for flag in option.opts if flag.startswith("--")
    ]
    shown = page.replace("--[no-]", "--")
    assert [flag for flag in flags if f"{flag} " not in shown and f"{flag}\n" not in shown] == []


@pytest.mark.parametrize("flag", ["--reuse-running", "--skip-if-running", "--if-path-used"])
def test_options_about_older_tasks_name_the_dataset(run: Run, flag: str) -> None:
    """A running task of another dataset does not count."""
    assert "task of this dataset" in " ".join(run(f"explain {flag}").out.split())


def test_defaults_and_variables_are_shown(run: Run, width: int) -> None:
    page = run("to-obs -h").out
    for text in (
        "[default: 2h]",
        "[default: 60s]",
        "[default: 30m]",
        "[default: ignore]",
        "[default: search]",
        "[default: table]",
        "[default: 0.5s, growing to 30s]",
        "[env: MODELARTS_EXPORT_RECONCILE_TIMEOUT]",
        "[env: MODELARTS_EXPORT_DATASET_ID]",
    ):
        assert text in page
    assert width


@pytest.mark.parametrize("command", ["to-obs", "to-new-dataset"])
def test_long_enumerations_point_to_explain(run: Run, command: str) -> None:
    text = " ".join(run(f"{command} -h").out.split())
    assert "labeled, unlabeled, pending-acceptance, ...; see: explain sample-state" in text
    assert "labeled, unlabeled, all, search" in text
    assert run("explain sample-state").code == 0


@pytest.mark.parametrize(
    ("line", "topics"),
    [
        ("to-obs d --path /b/d/ --sample-state x --dry-run", ["sample-state"]),
        (
            "to-obs d --path /b/d/ --sample-state x --dataset-type x --dry-run",
            ["dataset-type", "sample-state"],
        ),
        ("list d --status x", ["status"]),
        ("datasets --type x", ["dataset-type"]),
        ("list d --export-type x", []),
    ],
)
def test_invalid_value_of_a_long_enumeration_points_to_explain(
    run: Run, line: str, topics: list[str]
) -> None:
    outcome = run(line)
    hint = f"{' and '.join(f'modelarts-export explain {topic}' for topic in topics)} list"
    assert (outcome.code, hint in outcome.err) == (2, topics != [])
    assert all(run(f"explain {topic}").code == 0 for topic in topics)


@pytest.mark.parametrize("line", ["validate a.yaml", "explain 10"])
def test_commands_without_tasks_have_no_options_of_calls_and_no_ids(run: Run, line: str) -> None:
    command = line.split(maxsplit=1)[0]
    page = run(f"{command} --help").out
    assert "table, json or yaml" in page
    assert [flag for flag in ("--verbose", "--debug", "--dotenv", " id") if flag in page] == []
    outcome = run(f"{line} -o id")
    assert (outcome.code, outcome.out) == (2, "")
    assert "this command shows none\nhint: choose from table, json, yaml" in outcome.err
    assert run("explain 10", MODELARTS_EXPORT_OUTPUT="id").code == 0


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("to-obs -h", "Usage: modelarts-export to-obs [OPTIONS] [DATASET]"),
        ("wait -h", "Usage: modelarts-export wait [OPTIONS] [DATASET] TASK..."),
        ("list -h", "Usage: modelarts-export list [OPTIONS] [DATASET]"),
        ("sandbox -h", "Usage: modelarts-export sandbox [OPTIONS] [-- COMMAND...]"),
        ("-h", "Usage: modelarts-export [OPTIONS] COMMAND [ARGUMENTS]..."),
    ],
)
def test_usage_line_is_readable(run: Run, line: str, usage: str) -> None:
    assert run(line).out.splitlines()[0] == usage


@pytest.mark.parametrize("command", COMMANDS)
def test_page_ends_with_examples_and_exit_codes(run: Run, command: str) -> None:
    """The examples use options that exist."""
    page = run(f"{command} -h").out
    assert "\nExamples:\n  modelarts-export" in page
    assert re.search(r"^Exit codes: ", page, re.MULTILINE)
    flags = {flag for option in build_command(command).params for flag in option.opts}
    for example in COMMANDS[command].examples:
        (own,) = (part for part in example.partition(" -- ")[0].split(" | ") if f"export {command}" in part)
        used = {word for word in shlex.split(own) if word.startswith("-") and word != "-"}
        assert used <= flags | {"--help"}


def test_program_help_groups_the_commands(run: Run) -> None:
    page = run("--help").out
    assert re.findall(r"^(\w+):$", page, re.MULTILINE)[:4] == ["Create", "Follow", "Specs", "Diagnose"]
    assert "\n  help [COMMAND] " in page


@pytest.mark.parametrize(("line", "same"), [("help", "--help"), ("help to-obs", "to-obs --help")])
def test_help_is_a_command_too(run: Run, line: str, same: str) -> None:
    assert run(line).out == run(same).out


def test_help_of_an_unknown_command_is_an_error(run: Run) -> None:
    assert run("help nope").code == 2


def test_help_takes_one_command(run: Run) -> None:
    outcome = run("help to-obs extra")
    assert (outcome.code, outcome.out) == (2, "")
    assert "unexpected argument 'extra'" in outcome.err


def test_version_has_a_short_flag(run: Run) -> None:
    assert run("-V").out == run("--version").out


@pytest.mark.parametrize(
    ("line", "flag"), [("--region eu-de to-obs", "--region"), ("-o json list", "-o"), ("-q wait a b", "-q")]
)
def test_option_before_the_command_is_explained(run: Run, line: str, flag: str) -> None:
    outcome = run(line)
    assert outcome.code == 2
    assert f"{flag} belongs after the command" in outcome.err


def test_missing_settings_are_reported_together(run: Run) -> None:
    """With credentials among them, the exit code is 4."""
    outcome = run("to-obs --path /b/d/")
    assert outcome.code == 4
    for name in ("DATASET", "HUAWEICLOUD_SDK_AK", "--region", "MODELARTS_EXPORT_REGION", "--project-id"):
        assert name in outcome.err
    assert outcome.err.startswith("error: 4 settings are missing\n  no dataset; ")


@pytest.mark.parametrize(
    ("line", "code", "missing"),
    [
        ("to-obs", 4, ["--path is required", "no dataset", "no credentials", "no endpoint", "no project ID"]),
        ("to-obs d1 --region cn-north-4", 4, ["--path is required", "no credentials"]),
        (
            "to-obs d1 --endpoint https://127.0.0.1",
            4,
            ["--path is required", "no credentials", "no project ID"],
        ),
        ("to-obs --dry-run", 2, ["--path is required", "no dataset"]),
        # the spec may have the dataset and the project
        ("to-obs -f -", 4, ["<stdin>:1:1: path is required", "no credentials", "no endpoint"]),
    ],
)
def test_invalid_request_is_reported_with_missing_settings(
    run: Run, line: str, code: int, missing: list[str]
) -> None:
    outcome = run(line, stdin=b"name: nightly\n")
    headline, *problems = outcome.err.splitlines()
    assert outcome.code == code
    assert headline == f"error: {len(missing)} problems; nothing was sent"
    assert [problem.split(";")[0].removesuffix(" found") for problem in problems] == [
        f"  {each}" for each in missing
    ]


@pytest.mark.parametrize("command", ["wait", "status"])
def test_missing_task_is_reported_with_missing_settings(run: Run, command: str) -> None:
    for line, missing in (("", "TASK dataset credentials endpoint"), ("t1", "TASK credentials endpoint")):
        outcome = run(f"{command} {line} --project-id p")
        headline, *problems = outcome.err.splitlines()
        assert (outcome.code, len(problems)) == (4, len(missing.split()))
        assert headline == f"error: {len(problems)} arguments and settings are missing"
        assert [word in each for word, each in zip(missing.split(), problems, strict=True)] == [True] * len(
            problems
        )


def test_missing_settings_beside_credentials_exit_with_2(run: Run) -> None:
    keys = {"HUAWEICLOUD_SDK_AK": "AK", "HUAWEICLOUD_SDK_SK": "SK0123456789"}
    outcome = run("list", **keys)
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "error: 3 settings are missing")


def test_dataset_comes_from_the_option_on_every_command(run: Run, stub: Stub) -> None:
    """All arguments of `status` and `wait` are tasks then; so is a single one if the variable is set."""
    stub.body = b'{"task_id": "t1", "status": "SUCCESSED", "export_tasks": []}'
    variables = {**stub.variables, "MODELARTS_EXPORT_DATASET_ID": "from-variable"}
    for line, dataset in (
        ("to-obs -d given --path /b/d/ -o id", "given"),
        ("status -d given t1", "given"),
        ("wait --dataset given t1", "given"),
        ("list -d given", "given"),
        ("status t1", "from-variable"),
        ("wait t1", "from-variable"),
        ("list", "from-variable"),
        ("status argument t1", "argument"),
        ("to-obs argument -d given --path /b/d/ -o id", "argument"),
    ):
        stub.requests.clear()
        assert run(line, **variables).code == 0, line
        assert f"/datasets/{dataset}/" in stub.requests[0][1], line


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (
            "cn-nort-4",
            "warning: region cn-nort-4 is not a known region of ModelArts; did you mean 'cn-north-4'?",
        ),
        ("xx-1", "warning: region xx-1 is not a known region of ModelArts\n"),
    ],
)
def test_unknown_region_is_warned_of_with_the_nearest(
    run: Run, monkeypatch: pytest.MonkeyPatch, region: str, words: str
) -> None:
    """The host does not exist, and a proxy that refuses keeps the test on this machine."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    keys = {
        "HUAWEICLOUD_SDK_AK": "AK",
        "HUAWEICLOUD_SDK_SK": "SK0123456789",
        "HUAWEICLOUD_SDK_PROJECT_ID": "p",
    }
    outcome = run(f"list d --region {region} --retry-timeout 0", **keys)
    assert outcome.code == 5
    assert words in outcome.err


@pytest.mark.parametrize(
    ("line", "has_endpoint"),
    [
        ("to-obs d --path /b/d/ --dry-run", False),
        ("to-obs d --path /b/d/ --dry-run", True),
        ("list sandbox-images -o id", True),
    ],
)
def test_unknown_region_is_warned_of_once_beside_an_endpoint_and_in_a_dry_run(
    run: Run,
    cloud: Cloud,
    line: str,
    has_endpoint: bool,  # noqa: FBT001 - a row
) -> None:
    variables = cloud.variables if has_endpoint else {}
    outcome = run(f"{line} --region cn-nroth-4", **variables)
    assert outcome.code == 0, outcome.err
    words = "warning: region cn-nroth-4 is not a known region of ModelArts; did you mean 'cn-north-4'?"
    assert outcome.err.count(words) == 1


def test_region_without_modelarts_is_refused(run: Run) -> None:
    outcome = run("list d --region eu-nl")
    assert (outcome.code, "eu-nl has no ModelArts" in outcome.err) == (2, True)


@pytest.mark.parametrize("line", ["status task-1 task-2", "wait task-1 task-2 --max-outage 0"])
def test_task_that_was_taken_for_the_dataset_is_named(run: Run, cloud: Cloud, line: str) -> None:
    outcome = run(line, **cloud.variables)
    assert outcome.code == 3
    assert "the dataset was task-1; with --dataset ID all arguments are tasks" in outcome.err


@pytest.mark.parametrize("line", ["status -d sandbox-images x", "status x", "status name:cats-and-dogs x"])
def test_dataset_that_is_no_task_needs_no_option(run: Run, cloud: Cloud, line: str) -> None:
    outcome = run(f"{line} -q", **{**cloud.variables, "MODELARTS_EXPORT_DATASET_ID": "sandbox-images"})
    assert outcome.code == 3
    assert outcome.err.endswith("; the dataset was sandbox-images\n")


def read_exit_codes(page: str) -> set[int]:
    """Return the codes of the line on a help page."""
    (line,) = re.findall(r"^Exit codes: (.*?); modelarts-export", page, re.MULTILINE)
    codes: set[int] = set()
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", line):
        codes.update(range(int(first), int(last or first) + 1))
    return codes


@pytest.mark.parametrize(
    ("line", "never"),
    [("list", {7, 8, 9}), ("datasets", {7, 8, 9}), ("status t1", {10}), ("wait t1 --max-outage 0s", {10})],
)
def test_page_has_the_exit_codes_that_the_command_ends_with(
    run: Run, stub: Stub, monkeypatch: pytest.MonkeyPatch, line: str, never: set[int]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    command, _, _ = line.partition(" ")
    codes = read_exit_codes(run(f"{command} -h").out)
    assert not never & codes
    ended = {run(f"{line} --nope").code}
    for status in (400, 401, 404, 503):
        stub.status = status
        ended.add(run(line, **stub.variables).code)
    assert {2, 4, 6} <= ended <= codes
