"""The command `explain`: what any word means that a user meets, without a network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from modelarts_export.cli.glossary import collect_exit_codes, everything
from modelarts_export.errors import ModelArtsExportError
from modelarts_export.transport.error_codes import ROWS
from tests.conftest import Run, Stub
from tests.request.enum_rows import CHOICES
from tests.request.field_rows import EVERY_DOCUMENTED_FIELD

README = Path(__file__).parents[3] / "README.md"

# A word, and what is explained: the name and the kind of each meaning, and words of the text.
WORDS = [
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
        "go on",
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
    ("SUCCESSED", ["SUCCESSED (task status)"], "succeeded go on"),
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


def headings(text: str) -> list[str]:
    """Return the first line of every explanation."""
    return [line for line in text.splitlines() if line and not line.startswith(" ")]


@pytest.mark.parametrize(("word", "found", "words"), WORDS)
def test_a_word_has_every_meaning(run: Run, word: str, found: list[str], words: str) -> None:
    """Fields, flags, values, codes: in any letter case, and an ambiguous word with all its meanings."""
    outcome = run(f"explain {word}")
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(headings(outcome.out)) == sorted(found)
    assert [part for part in words.split() if part not in outcome.out] == []


UNKNOWN = [
    ("sampels", "samples"),
    ("--train-sample-rate", "--train-sample-ratio"),
    ("pending-revue", "pending-review"),
    ("slice_thicknes", "slice_thickness"),
    ("ModelArts.44O9", "ModelArts.4409"),
    ("SUCCEEDS", "SUCCESSED or succeeded"),
]


@pytest.mark.parametrize(("word", "nearest"), UNKNOWN)
def test_an_unknown_word_names_the_nearest(run: Run, word: str, nearest: str) -> None:
    """As any mistake on the command line; in JSON too."""
    outcome = run(f"explain {word}")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"'{word}' is no word of this program or of the API; did you mean {nearest}" in outcome.err
    assert json.loads(run(f"explain {word} -o json").err)["exit_code"] == 2


def test_a_word_like_no_other_names_none(run: Run) -> None:
    outcome = run("explain Ω≈ç√")
    assert outcome.code == 2
    assert "did you mean" not in outcome.err
    assert "modelarts-export explain lists what can be explained" in outcome.err


def known_words() -> Iterator[str]:
    """Yield every word that the documents have for a request, and every code of the API."""
    yield from EVERY_DOCUMENTED_FIELD
    for choice in CHOICES:
        for word, code in choice.members:
            yield from (word, str(code))
    for row in ROWS:
        yield from (row.code, row.code.partition(".")[2])


def test_every_word_can_be_explained() -> None:
    """Each field, value, code and documented error; an API error with all the statuses it comes under."""
    known = everything()
    assert [word for word in known_words() if not any(each.is_found_by(word) for each in known)] == []
    told = [(each.facts["http_status"], each.name) for each in known if each.kind == "API error"]
    assert told == [(row.status, row.code) for row in ROWS]


def test_every_explanation_is_whole(run: Run) -> None:
    """In JSON each has kind, name and meaning; what can be acted upon says how."""
    told = json.loads(run("explain -o json").out)
    assert len(told) == len(everything())
    assert [each for each in told if not (each["kind"] and each["name"] and each["meaning"])] == []
    acted_upon = ("exit code", "task status", "API error")
    assert [each for each in told if each["kind"] in acted_upon and not each["action"]] == []


def test_json_and_yaml_are_arrays(run: Run) -> None:
    """Also of one meaning; the keys are the same."""
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


@pytest.mark.parametrize(("code", "ends"), API_ERRORS)
def test_an_api_error_has_each_status_with_its_exit_code(
    run: Run, code: str, ends: list[tuple[int, int]]
) -> None:
    """Under a 500 or 504 the task may exist, and the action says to check that first."""
    told = json.loads(run(f"explain {code} -o json").out)
    assert [(each["http_status"], each["exit_code"]) for each in told] == ends
    assert all(("before submitting it again" in each["action"]) is (each["exit_code"] == 10) for each in told)


@pytest.mark.parametrize(("status", "code"), [(400, "4352"), (401, "0206"), (403, "0112"), (400, "4358")])
def test_the_exit_code_is_the_one_of_a_submission(run: Run, stub: Stub, status: int, code: str) -> None:
    """What is explained is what happens."""
    stub.status, stub.body = status, json.dumps({"error_code": f"ModelArts.{code}", "error_msg": ""}).encode()
    explained = json.loads(run(f"explain ModelArts.{code} -o json").out)
    (meant,) = [each for each in explained if each["http_status"] == status]
    outcome = run("to-obs --path /b/d/", **stub.variables)
    assert outcome.code == meant["exit_code"]
    assert meant["meaning"] in outcome.err
    assert meant["action"] in outcome.err


def test_without_a_word_it_lists_them(run: Run) -> None:
    """Short, and no line is long."""
    outcome = run("explain")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    for word in ("train_sample_ratio", "pending-review", "141", "SUCCESSED", "ModelArts."):
        assert word in outcome.out


def exit_codes(error: type[ModelArtsExportError]) -> Iterator[int]:
    """Yield the exit codes of the tree of errors."""
    yield error.exit_code
    for kind in error.__subclasses__():
        yield from exit_codes(kind)


def test_every_exit_code_is_explained_as_in_the_readme() -> None:
    """The two tables say the same."""
    assert {*exit_codes(ModelArtsExportError)} <= collect_exit_codes().keys()
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    told = {int(code): (meaning.replace("`", "").replace("\\", ""), action) for code, meaning, action in rows}
    assert len(told) >= 12
    assert {code: collect_exit_codes()[code] for code in told} == told


def test_quiet_says_only_what_was_asked_for(run: Run) -> None:
    """As everywhere, -q leaves a result out unless its form was named."""
    assert run("explain 5 -q").out == ""
    assert json.loads(run("explain 5 -q -o json").out)[0]["name"] == "5"
