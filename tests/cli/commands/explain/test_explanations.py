"""The explanations of `explain`: complete, and true of what the program does."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from modelarts_export.cli.app import COMMANDS, build_command
from modelarts_export.cli.glossary import list_explanations
from modelarts_export.cli.options.flags import make_flag_layer
from modelarts_export.cli.reference.topics import collect_exit_codes
from modelarts_export.config.profiles import ProfileSelection
from modelarts_export.errors import AccessError, ModelArtsExportError
from modelarts_export.providers.chain import make_chain
from modelarts_export.providers.configuration import Configuration
from modelarts_export.providers.sources.environment import FAMILIES
from modelarts_export.transport.error_codes import ROWS
from tests.conftest import Cloud, Run, Stub
from tests.request.enum_rows import CHOICES
from tests.request.field_rows import EVERY_DOCUMENTED_FIELD
from tests.transport.error_rows import STATUSES

README = Path(__file__).parents[4] / "README.md"


def iter_documented_topics() -> Iterator[str]:
    """Yield every documented field, value and error code."""
    yield from EVERY_DOCUMENTED_FIELD
    for choice in CHOICES:
        for label, wire_value in choice.members:
            yield from (label, str(wire_value))
    for row in ROWS:
        yield from (row.code, row.code.partition(".")[2])


def test_every_documented_topic_is_explained() -> None:
    explanations = list_explanations()
    topics = iter_documented_topics()
    assert [topic for topic in topics if not any(each.matches(topic) for each in explanations)] == []


def test_api_errors_are_explained_for_each_status() -> None:
    errors = [each for each in list_explanations() if each.kind == "API error"]
    assert [(e.facts["http_status"], e.name) for e in errors] == [(row.status, row.code) for row in ROWS]


def test_every_explanation_has_kind_name_meaning_and_action(run: Run) -> None:
    """Only fields and values have no action."""
    explained = json.loads(run("explain -o json").out)
    assert len(explained) == len(list_explanations())
    assert [each for each in explained if not (each["kind"] and each["name"] and each["meaning"])] == []
    with_action = ("exit code", "task status", "API error")
    assert [each for each in explained if each["kind"] in with_action and not each["action"]] == []


API_ERRORS = [
    ("ModelArts.4105", [(400, 6), (500, 10)]),
    ("ModelArts.4409", [(400, 5)]),
    ("ModelArts.4302", [(500, 10), (503, 5)]),
    ("ModelArts.4370", [(400, 5)]),
    ("ModelArts.0206", [(401, 4), (403, 4)]),
    ("4353", [(400, 3)]),
    ("APIG.0203", [(504, 10)]),
]


@pytest.mark.parametrize(("code", "expected"), API_ERRORS)
def test_api_error_has_each_status_with_its_exit_code(
    run: Run, code: str, expected: list[tuple[int, int]]
) -> None:
    """After a 500 or 504 the task may exist, and the action says to check that first."""
    explained = json.loads(run(f"explain {code} -o json").out)
    assert [(each["http_status"], each["exit_code"]) for each in explained] == expected
    assert all(
        ("before submitting it again" in each["action"]) is (each["exit_code"] == 10) for each in explained
    )


def test_environment_and_credentials_name_every_variable_of_a_source(run: Run) -> None:
    written = {topic: run(f"explain {topic}").out for topic in ("environment", "credentials")}
    for source in FAMILIES:
        for variable in source.marker_variables:
            assert variable in written["environment"]
            assert variable in written["credentials"]


class RecordingEnviron(dict[str, str]):
    """An environment that records the names that are asked for."""

    def __init__(self, **variables: str) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        """Record the name."""
        self.asked.add(name)
        return super().get(name, default)


@pytest.fixture
def every_source(tmp_path: Path) -> RecordingEnviron:
    """Return an environment that asks for every source, with a named and a default profile."""
    openstack, own = tmp_path / ".config" / "openstack", tmp_path / ".config" / "modelarts-export"
    for directory in (openstack, own):
        directory.mkdir(parents=True)
    (openstack / "clouds.yaml").write_text("clouds: {otc: {}}")
    (own / "config.yaml").write_text("profiles: {a: {credentials: {command: [no-such-command]}}}")
    return RecordingEnviron(
        HOME=str(tmp_path),
        OS_CLOUD="otc",
        MODELARTS_EXPORT_PROFILE="a",
        MODELARTS_EXPORT_CREDENTIALS="metadata",
        MODELARTS_EXPORT_METADATA_ENDPOINT="not a URL",
    )


def test_environment_names_every_variable_that_a_source_reads(
    run: Run, every_source: RecordingEnviron
) -> None:
    """With files that lead to further variables."""
    written = run("explain environment").out
    configuration = Configuration(every_source, make_flag_layer({}))
    for provider, _ in configuration.chain.describe():
        with suppress(AccessError):
            provider.load()
    assert {"PATH", "MODELARTS_EXPORT_METADATA_ENDPOINT"} <= every_source.asked
    assert len(every_source.asked) > 20
    assert [name for name in every_source.asked if name and name not in written] == []


def test_credentials_has_the_sources_in_the_order_of_the_chain(
    run: Run, every_source: RecordingEnviron
) -> None:
    """Each of them, and each once."""
    profiles = Configuration(every_source, make_flag_layer({})).profiles
    both = ProfileSelection(named=profiles.named, default=profiles.named)
    names = [provider.name for provider, _ in make_chain(every_source, both).describe()]
    profile = "profile a (command no-such-command)"
    assert names.count(profile) == 2
    names[names.index(profile)] = "named profile"
    names[names.index(profile)] = "default profile"
    (explained,) = json.loads(run("explain credentials -o json").out)
    order = [name.partition(". ")[2] for name in explained["sections"]["Sources, in order"]]
    assert order == [name.removeprefix("cloud otc of ") for name in names]


def test_environment_has_the_variable_of_every_option(run: Run) -> None:
    """As the help of each command shows it."""
    written = run("explain environment").out
    shown = {
        variable
        for command in COMMANDS
        for variable in re.findall(r"MODELARTS_EXPORT_\w+", run([command, "--help"]).out)
    }
    assert len(shown) > 15
    assert [variable for variable in shown if variable not in written] == []


def test_every_option_of_every_command_is_explained() -> None:
    explanations = list_explanations()
    flags = {
        flag
        for name in COMMANDS
        for option in build_command(name).params
        if option.param_type_name == "option"
        for flag in (*option.opts, *option.secondary_opts)
    } - {"--help", "-h"}
    assert len(flags) > 60
    assert [flag for flag in flags if not any(each.matches(flag) for each in explanations)] == []


def test_http_statuses_are_explained_with_the_exit_code_of_a_submission() -> None:
    explained = {
        each.name: each.facts["exit_code"] for each in list_explanations() if each.kind == "HTTP status"
    }
    known = {str(status): code for status, code in STATUSES if status in {each.value for each in HTTPStatus}}
    assert len(known) > 30
    assert {name: explained[name] for name in known} == known


def test_failed_task_exits_as_explained(run: Run, quick: Cloud) -> None:
    (explained,) = json.loads(run("explain ModelArts.4401 -o json").out)
    outcome = run(
        "to-obs sandbox-failing --path /test-obs/x/ --wait --poll-interval 0.02s", **quick.variables
    )
    assert outcome.code == explained["exit_code_of_a_failed_task"]


@pytest.mark.parametrize(("status", "code"), [(400, "4352"), (401, "0206"), (403, "0112"), (400, "4358")])
def test_submission_exits_as_explained(run: Run, stub: Stub, status: int, code: str) -> None:
    stub.status, stub.body = status, json.dumps({"error_code": f"ModelArts.{code}", "error_msg": ""}).encode()
    explained = json.loads(run(f"explain ModelArts.{code} -o json").out)
    (expected,) = [each for each in explained if each["http_status"] == status]
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == expected["exit_code"]
    assert expected["meaning"] in outcome.err
    assert expected["action"] in outcome.err


def iter_exit_codes(error: type[ModelArtsExportError]) -> Iterator[int]:
    """Yield the exit codes of the error tree."""
    yield error.exit_code
    for subclass in error.__subclasses__():
        yield from iter_exit_codes(subclass)


def test_exit_codes_are_explained_as_in_the_readme() -> None:
    assert {*iter_exit_codes(ModelArtsExportError)} <= collect_exit_codes().keys()
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    expected = {
        int(code): (meaning.replace("`", "").replace("\\", ""), action) for code, meaning, action in rows
    }
    assert len(expected) >= 12
    assert {code: collect_exit_codes()[code] for code in expected} == expected
