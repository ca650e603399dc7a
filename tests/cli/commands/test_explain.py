"""The command `explain`: the meaning of fields, flags, values, exit codes and error codes, offline."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from modelarts_export.cli.glossary import collect_exit_codes, list_explanations
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.transport.error_codes import ROWS
from tests.conftest import Run, Stub
from tests.request.enum_rows import CHOICES
from tests.request.field_rows import EVERY_DOCUMENTED_FIELD

README = Path(__file__).parents[3] / "README.md"

# A topic, the name and kind of each of its meanings, and parts of the text.
TOPICS = [
    ("path", ["path (field)"], "--path to-obs, to-new-dataset /bucket/"),
    ("PATH", ["path (field)"], ""),
    ("train_sample_ratio", ["export_params.train_sample_ratio (field)"], "--train-sample-ratio 0.8"),
    ("train-sample-ratio", ["export_params.train_sample_ratio (field)"], ""),
    ("--train-sample-ratio", ["export_params.train_sample_ratio (field)"], ""),
    ("export_params.train_sample_ratio", ["export_params.train_sample_ratio (field)"], ""),
    ("--sample", ["export_params.samples (field)"], "--sample"),
    ("export_params.samples[3]", ["export_params.samples (field)"], ""),
    ("--search", ["search (value)", "export_params.search_conditions (field)"], ""),
    ("--new-dataset-name", ["export_params.export_new_dataset_name (field)"], "required by to-new-dataset"),
    ("--no-with-column-header", ["with_column_header (field)"], "true --with-column-header"),
    ("sample_state", ["sample_state (field)", "export_params.sample_state (field)"], "labeled (__ALL__)"),
    ("labels.name", ["export_params.search_conditions.label_list.labels.name (field)"], "cat --search"),
    ("name", ["name (field)", "export_params.search_conditions.label_list.labels.name (field)"], ""),
    ("pending-review", ["pending-review (value)"], "__UNREVIEWED__ export_params.sample_state"),
    ("pending_review", ["pending-review (value)"], ""),
    ("__ALL__", ["labeled (value)"], "does not mean all samples"),
    ("all", ["all (value)", "labeled (value)"], "every sample does not mean all samples"),
    ("unlabeled", ["unlabeled (value)", "unlabeled (value)"], ""),
    ("CarbonData", ["CarbonData (value)"], "version_format"),
    ("carbondata", ["CarbonData (value)"], ""),
    ("''", ['"" (value)'], "samples in any state"),
    ("to-obs", ["DIR (value)"], "an OBS directory"),
    ("NEW_DATASET", ["NEW_DATASET (value)"], "a new dataset"),
    ("900", ["custom (value)"], "dataset_type"),
    (
        "0",
        ["0 (exit code)", "labeled (value)", "image-classification (value)", "image-classification (value)"],
        "continue",
    ),
    (
        "1",
        [
            "1 (exit code)",
            "unlabeled (value)",
            "tree (value)",
            "object-detection (value)",
            "object-detection (value)",
        ],
        "report it",
    ),
    (
        "3",
        ["3 (exit code)", "search (value)", "image-segmentation (value)", "image-segmentation (value)"],
        "not found",
    ),
    ("5", ["5 (exit code)"], "nothing was accepted run again"),
    ("10", ["10 (exit code)"], "list, then decide"),
    ("130", ["130 (exit code)"], "Ctrl-C"),
    ("SUCCESSED", ["SUCCESSED (task status)"], "succeeded continue"),
    ("stopped", ["STOPPED (task status)"], "not complete submit"),
    ("stopping", ["STOPPING (task status)"], "wait"),
    ("queued", ["INIT (task status)"], "has not begun"),
    ("ModelArts.4409", ["ModelArts.4409 (API error)"], "400 exit code 5 wait for the running task"),
    ("modelarts.4409", ["ModelArts.4409 (API error)"], ""),
    ("4409", ["ModelArts.4409 (API error)"], ""),
    ("ModelArts.4105", 2 * ["ModelArts.4105 (API error)"], "400 6 500 10"),
    ("ModelArts.4351", ["ModelArts.4351 (API error)"], "the dataset name is taken choose another name 6"),
    ("APIGW.0301", ["APIGW.0301 (API error)"], "401 4 the access key"),
    ("APIG.0301", ["APIGW.0301 (API error)"], ""),
    ("APIG.0201", 7 * ["APIGW.0201 (API error)"], "400 413 414 494 500 502 504"),
    ("IAM.0062", ["IAM.0062 (API error)"], "the password is wrong"),
    ("0112", 2 * ["ModelArts.0112 (API error)"], "401 403"),
]


def find_headings(text: str) -> list[str]:
    """Return the first line of each explanation."""
    return [line for line in text.splitlines() if line and not line.startswith(" ")]


@pytest.mark.parametrize(("topic", "meanings", "parts"), TOPICS)
def test_topic_is_explained_with_all_meanings(run: Run, topic: str, meanings: list[str], parts: str) -> None:
    outcome = run(f"explain {topic}")
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(find_headings(outcome.out)) == sorted(meanings)
    assert [part for part in parts.split() if part not in outcome.out] == []


UNKNOWN = [
    ("sampels", "samples"),
    ("--train-sample-rate", "--train-sample-ratio"),
    ("pending-revue", "pending-review"),
    ("slice_thicknes", "slice_thickness"),
    ("ModelArts.44O9", "ModelArts.4409"),
    ("SUCCEEDS", "SUCCESSED or succeeded"),
]


@pytest.mark.parametrize(("topic", "suggestion"), UNKNOWN)
def test_unknown_topic_suggests_the_closest(run: Run, topic: str, suggestion: str) -> None:
    outcome = run(f"explain {topic}")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"unknown topic '{topic}'; did you mean {suggestion}" in outcome.err
    assert json.loads(run(f"explain {topic} -o json").err)["exit_code"] == 2


def test_unknown_topic_without_a_close_match_has_no_suggestion(run: Run) -> None:
    outcome = run("explain Ω≈ç√")
    assert outcome.code == 2
    assert "did you mean" not in outcome.err
    assert "modelarts-export explain lists the topics" in outcome.err


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


def test_json_and_yaml_are_arrays_also_for_one_meaning(run: Run) -> None:
    expected = {
        "kind": "API error",
        "name": "ModelArts.4352",
        "meaning": "no such dataset",
        "http_status": 400,
        "exit_code": 3,
        "action": "check the dataset ID, the project ID and the region",
    }
    assert json.loads(run("explain 4352 -o json").out) == [expected]
    assert yaml.safe_load(run("explain 4352 -o yaml").out) == [expected]
    (field,) = json.loads(run("explain export_format -o json").out)
    assert field["values"] == {"tree": 1, "flat": 2}
    assert field["flags"] == ["--export-format"]


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


@pytest.mark.parametrize(("status", "code"), [(400, "4352"), (401, "0206"), (403, "0112"), (400, "4358")])
def test_submission_exits_as_explained(run: Run, stub: Stub, status: int, code: str) -> None:
    stub.status, stub.body = status, json.dumps({"error_code": f"ModelArts.{code}", "error_msg": ""}).encode()
    explained = json.loads(run(f"explain ModelArts.{code} -o json").out)
    (expected,) = [each for each in explained if each["http_status"] == status]
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == expected["exit_code"]
    assert expected["meaning"] in outcome.err
    assert expected["action"] in outcome.err


def test_explain_without_a_topic_lists_the_topics(run: Run) -> None:
    outcome = run("explain")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    for topic in ("train_sample_ratio", "pending-review", "141", "SUCCESSED", "ModelArts."):
        assert topic in outcome.out


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


def test_quiet_omits_the_text_but_not_json(run: Run) -> None:
    assert run("explain 5 -q").out == ""
    assert json.loads(run("explain 5 -q -o json").out)[0]["name"] == "5"
