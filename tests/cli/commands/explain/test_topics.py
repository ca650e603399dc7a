"""What `explain` prints for a topic: every meaning, the closest topics, and the formats."""

import json
import re
from http import HTTPStatus

import pytest
import yaml

from modelarts_export.cli.options.search_condition import parse_condition
from modelarts_export.request.models import SearchCondition
from modelarts_export.transport.error_codes import ROWS
from tests.conftest import Run

STATUSES_5XX = sorted(
    {*(each.value for each in HTTPStatus if each >= 500), *(r.status for r in ROWS if r.status >= 500)}
)


CONDITIONS = "export_params.search_conditions"
# A topic, the name and kind of each of its meanings, and parts of the text.
TOPICS = [
    ("path", ["Field path:"], "--path to-obs, to-new-dataset /bucket/"),
    ("PATH", ["Field path:"], ""),
    ("train_sample_ratio", ["Field export_params.train_sample_ratio:"], "--train-sample-ratio 0.8"),
    ("train-sample-ratio", ["Field export_params.train_sample_ratio:"], ""),
    ("--train-sample-ratio", ["Field export_params.train_sample_ratio:"], ""),
    ("export_params.train_sample_ratio", ["Field export_params.train_sample_ratio:"], ""),
    ("export_params.samples[3]", ["Field export_params.samples:"], ""),
    ("--new-dataset-name", ["Field export_params.export_new_dataset_name:"], "required by to-new-dataset"),
    ("--no-with-column-header", ["Field with_column_header:"], "true --with-column-header"),
    ("sample_state", ["Field sample_state:", "Field export_params.sample_state:"], "labeled (__ALL__)"),
    ("labels.name", ["Field export_params.search_conditions.label_list.labels.name:"], "cat --search"),
    ("name", ["Field name:", "Field export_params.search_conditions.label_list.labels.name:"], ""),
    ("pending-review", ["Value pending-review:"], "__UNREVIEWED__ export_params.sample_state"),
    ("pending_review", ["Value pending-review:"], ""),
    ("__ALL__", ["Value labeled:"], "does not mean all samples"),
    ("all", ["Value all:", "Value labeled:"], "every sample does not mean all samples"),
    ("unlabeled", ["Value unlabeled:", "Value unlabeled:"], ""),
    ("CarbonData", ["Value CarbonData:"], "version_format"),
    ("''", ['Value "":'], "samples in any state"),
    ("to-obs", ["Value DIR:"], "an OBS directory to-obs --help"),
    ("9", ["Exit code 9:"], "list DATASET --status failed apply --reuse-within"),
    ("5xx", [f"HTTP status {each}:" for each in STATUSES_5XX], ""),
    ("NEW_DATASET", ["Value NEW_DATASET:"], "a new dataset"),
    ("900", ["Value custom:"], "dataset_type"),
    ("exit 10", ["Exit code 10:"], "list DATASET --path DIR --reuse-running --reuse-within 1h"),
    ("exit:8", ["Exit code 8:"], "wait DATASET TASK"),
    ("HTTP 504", ["HTTP status 504:"], ""),
    ("pending review", ["Value pending-review:"], ""),
    ("sample state", ["Field sample_state:", "Field export_params.sample_state:"], ""),
    (
        "0",
        ["Exit code 0:", "Value labeled:", "Value image-classification:", "Value image-classification:"],
        "continue",
    ),
    ("10", ["Exit code 10:"], "list, then decide"),
    ("130", ["Exit code 130:"], "Ctrl-C"),
    ("SUCCESSED", ["Task status SUCCESSED:"], "succeeded continue"),
    ("stopped", ["Task status STOPPED:"], "not complete submit"),
    ("queued", ["Task status INIT:"], "has not begun"),
    (
        "ModelArts.4409",
        ["API error ModelArts.4409:"],
        "400 exit code 5 --queue-timeout wait for the running task",
    ),
    ("modelarts.4409", ["API error ModelArts.4409:"], ""),
    ("4409", ["API error ModelArts.4409:"], ""),
    ("ModelArts.4105", [f"API error ModelArts.4105 with HTTP {status}:" for status in (400, 500)], "6 10"),
    ("APIG.0301", ["API error APIGW.0301:"], ""),
    (
        "APIG.0201",
        [f"API error APIGW.0201 with HTTP {each}:" for each in (400, 413, 414, 494, 500, 502, 504)],
        "",
    ),
    ("IAM.0062", ["API error IAM.0062:"], "the password is wrong"),
    ("label", [f"Field {CONDITIONS}.label_list:"], "--search label=cat,dog label=cat+dog"),
    ("meta", [f"Field {CONDITIONS}.metadata:"], "--search meta.camera=left,right"),
    ("hard", [f"Field {CONDITIONS}.hard:"], "--search hard=true"),
    ("labelled", ["Value labeled:", "Value labeled:"], "__ALL__ export_type"),
    ("--wait", ["Option --wait:"], "--no-wait to-obs, to-new-dataset"),
    ("timeout", ["Option --timeout:"], "2h DURATION to-obs, to-new-dataset, wait"),
    ("--samples-file", ["Option --samples-file:"], "FILE one per line"),
    ("-f", ["Option --file:"], "--file, -f"),
    ("ModelArts.4401", ["API error ModelArts.4401:"], "exit code 6 of a failed task 7"),
    ("429", ["HTTP status 429:"], "5 APIGW.0308"),
    ("400", ["Value table:", "HTTP status 400:"], "dataset_type Bad Request 6"),
    ("http:400", ["HTTP status 400:"], ""),
    ("value:400", ["Value table:"], ""),
    ("exit:2", ["Exit code 2:"], ""),
    ("EXIT:2", ["Exit code 2:"], ""),
    ("field:path", ["Field path:"], ""),
    ("option:timeout", ["Option --timeout:"], ""),
    ("state:stopped", ["Task status STOPPED:"], ""),
    ("code:4409", ["API error ModelArts.4409:"], ""),
    ("obs://", ["Value obs://:"], ""),
    ("0112", [f"API error ModelArts.0112 with HTTP {status}:" for status in (401, 403)], ""),
]


def find_headings(text: str) -> list[str]:
    """Return the first line of each explanation."""
    return [line for line in text.splitlines() if line and not line.startswith(" ")]


@pytest.mark.parametrize(("topic", "meanings", "parts"), TOPICS)
def test_topic_is_explained_with_all_meanings(run: Run, topic: str, meanings: list[str], parts: str) -> None:
    outcome = run(f"explain {topic}")
    assert outcome.code == 0
    kinds = {re.sub(r" \S+:$", "", meaning) for meaning in meanings}
    assert outcome.err.startswith("hint: select one meaning with " if len(kinds) > 1 else "")
    assert (outcome.err == "") is (len(kinds) == 1)
    assert sorted(find_headings(outcome.out)) == sorted(meanings)
    assert [part for part in parts.split() if part not in outcome.out] == []


def test_search_lists_pairs_that_it_takes(run: Run) -> None:
    """Short forms, and an example of every other field."""
    (explained,) = json.loads(run("explain --search -o json").out)
    (pairs,) = explained["sections"].values()
    conditions = [parse_condition(pair) for pair in pairs]
    assert {name for condition in conditions for name in condition} == SearchCondition.model_fields.keys()
    shown = run("explain search_conditions").out
    assert [pair for pair in pairs if pair not in shown] == []


def test_name_of_a_command_points_to_its_help(run: Run) -> None:
    assert "modelarts-export doctor --help shows the command" in run("explain doctor").err


UNKNOWN = [
    ("sampels", "samples"),
    ("--train-sample-rate", "--train-sample-ratio"),
    ("pending-revue", "pending-review"),
    ("slice_thicknes", "slice_thickness"),
    ("ModelArts.44O9", "ModelArts.4409"),
    ("SUCCEEDS", "succeeded"),
    ("exprot", "export_type"),
    ("exit-cods", "exit-codes"),
    ("--json", "-o json"),
]


@pytest.mark.parametrize(("topic", "suggestion"), UNKNOWN)
def test_unknown_topic_suggests_the_closest(run: Run, topic: str, suggestion: str) -> None:
    outcome = run(f"explain {topic}")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"unknown topic '{topic}'; did you mean {suggestion!r}?" in outcome.err
    assert json.loads(run(f"explain {topic} -o json").err)["exit_code"] == 2


def test_unknown_topic_without_a_close_match_has_no_suggestion(run: Run) -> None:
    for topic in ("Ω≈ç√", "wide", "exit:path", "http:599", "ModelArts.9999", "now", "4999"):
        outcome = run(f"explain {topic}")
        assert outcome.code == 2
        assert "did you mean" not in outcome.err
        assert "modelarts-export explain lists the topics" in outcome.err
        assert ("is handled by its HTTP status" in outcome.err) is (topic == "ModelArts.9999")


def test_json_and_yaml_are_arrays_also_for_one_meaning(run: Run) -> None:
    expected = {
        "kind": "API error",
        "name": "ModelArts.4352",
        "meaning": "no such dataset",
        "http_status": 400,
        "exit_code": 3,
        "exit_code_of_a_failed_task": 7,
        "action": "check the dataset ID, the project ID and the region",
    }
    assert json.loads(run("explain 4352 -o json").out) == [expected]
    assert yaml.safe_load(run("explain 4352 -o yaml").out) == [expected]
    (field,) = json.loads(run("explain export_format -o json").out)
    assert field["values"] == {"tree": 1, "flat": 2}
    assert field["flags"] == ["--export-format"]


@pytest.mark.parametrize(
    ("topic", "selectors"), [("0", "exit:0 or value:0"), ("400", "value:400 or http:400")]
)
def test_ambiguous_topic_names_what_selects_one_kind(run: Run, topic: str, selectors: str) -> None:
    assert run(f"explain {topic}").err == f"hint: select one meaning with {selectors}\n"


# A longer topic, and what it has of the declarations.
LONG_TOPICS = [
    ("exit-codes", ["  10   sent, but", "  143  SIGTERM"]),
    ("environment", ["MODELARTS_EXPORT_REGION", "MODELARTS_EXPORT_DATASET_ID", "HW_PASSWORD", "NO_COLOR"]),
    ("retries", ["1s, doubled up to 30s", "5s, doubled up to 60s", "ModelArts.4409", "--queue-timeout"]),
    ("spec", ["${NAME:-default}", "16 MiB", "train_sample_ratio", "label_list.labels.name"]),
    (
        "credentials",
        [
            *("2. HUAWEICLOUD_SDK_*", "HW_AUTH_TOKEN", "MODELARTS_EXPORT_PROFILE", "--profile"),
            *(
                "command: [PROGRAM, ARGUMENT...]",
                "explain config",
                "modelarts_endpoint_override",
                "clouds: NAME",
                "koocli: NAME",
                "MODELARTS_EXPORT_CREDENTIALS=metadata",
            ),
        ],
    ),
    (
        "config",
        [
            *("~/.config/modelarts-export/config.yaml", "$XDG_CONFIG_HOME/", "the name of the default"),
            *("[default: 10s]", "command: [PROGRAM, ARGUMENT...]", "the number 1", "2026-01-31T12:00:00Z"),
        ],
    ),
]


@pytest.mark.parametrize(("topic", "parts"), LONG_TOPICS)
def test_long_topic_is_made_of_the_declarations(run: Run, topic: str, parts: list[str]) -> None:
    outcome = run(f"explain {topic}")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Topic {topic}:\n")
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert [part for part in parts if part not in outcome.out] == []
    (explained,) = json.loads(run(f"explain {topic} -o json").out)
    assert (explained["kind"], explained["name"]) == ("topic", topic)
    assert all(text for rows in explained["sections"].values() for text in rows.values())


def test_explain_without_a_topic_lists_the_topics(run: Run) -> None:
    outcome = run("explain")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    for topic in ("train_sample_ratio", "pending-review", "141", "SUCCESSED", "ModelArts."):
        assert topic in outcome.out


def test_quiet_omits_the_text_but_not_json(run: Run) -> None:
    assert run("explain 5 -q").out == ""
    assert json.loads(run("explain 5 -q -o json").out)[0]["name"] == "5"


def test_long_name_of_a_fact_leaves_room_on_a_narrow_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = run("explain ModelArts.4311").out.splitlines()
    assert lines[4:6] == ["  exit code of a failed task", "               7"]
    assert len(lines) < 12
