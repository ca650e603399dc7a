"""The command `datasets`: filters, order, output, pages and errors."""

import json
import time
from typing import Any

import pytest
from rich.cells import cell_len

from modelarts_export.api.dataset import Dataset
from modelarts_export.cli.output.renderers import TableRenderer
from tests.cli.output.test_tables import NOW, show_on_terminal
from tests.conftest import Answer, Cloud, Outcome, Run, Stub
from tests.support.task_replies import make_error_reply

NEW = "to-new-dataset sandbox-images --path /b/in/ --new-dataset-work-path /b/work/ --wait -o json"


def list_datasets(*datasets: dict[str, Any], total: int | None = None) -> bytes:
    """Return the reply of the list of datasets."""
    return json.dumps({"total_number": total or len(datasets), "datasets": datasets}).encode()


def get_ids(outcome: Outcome) -> str:
    """Return the output of `-o id`, on one line."""
    assert outcome.code == 0, outcome.err
    return " ".join(outcome.out.split())


def test_dataset_of_an_export_is_listed_first(run: Run, instant: Cloud) -> None:
    made = run(f"{NEW} --new-dataset-name 猫", **instant.variables)
    dataset_id = json.loads(made.out)["new_dataset_id"]
    heading, first, *others = run("datasets", **instant.variables).out.splitlines()
    assert heading.split() == ["ID", "NAME", "TYPE", "SAMPLES", "LABELED", "AGE"]
    assert first.split()[:5] == [dataset_id, "猫", "object-detection", "20", "16"]
    assert len(others) == 7
    assert get_ids(run("datasets --name 猫 -o id", **instant.variables)) == dataset_id
    assert run("datasets -q", **instant.variables).out == ""


@pytest.mark.parametrize(
    ("flags", "expected", "query"),
    [
        ("--type text-classification", "sandbox-text", "?dataset_type=100&limit"),
        ("--type 100", "sandbox-text", "?dataset_type=100&limit"),
        ("--type Object-Detection --name TEXT", "", "?dataset_type=1&limit"),
        ("--name CAT --exportable", "sandbox-images", "?support_export=true&limit"),
        ("--name BUS", "sandbox-busy", "?limit"),
        ("--name sandbox-s", "sandbox-stopped sandbox-slow", "?limit"),
        (
            "--exportable --name e",
            "sandbox-stopped sandbox-denied",
            "?support_export=true&limit",
        ),
        ("--limit 2", "sandbox-images sandbox-failing", "?limit"),
        ("--limit 1 --name slow", "sandbox-slow", "?limit"),
    ],
)
def test_datasets_are_filtered(run: Run, cloud: Cloud, flags: str, expected: str, query: str) -> None:
    """The API filters by type; the name is compared here, as a part in any letter case."""
    assert get_ids(run(f"datasets -o id {flags}", **cloud.variables)) == expected
    assert f"/datasets{query}=100&offset=0" in cloud.exchanges[-1][0].target


def test_name_matches_in_any_letter_case(run: Run, stub: Stub) -> None:
    stub.body = list_datasets({"dataset_id": "a", "dataset_name": "My-CATS"}, {"dataset_id": "b"})
    assert get_ids(run("datasets -o id --name cAts", **stub.variables)) == "a"


def test_result_is_an_array_with_words_beside_the_codes(run: Run, stub: Stub) -> None:
    """Under the API's names; what is unknown of a dataset is null or unknown."""
    old = {
        "dataset_id": "a",
        "dataset_name": "cats",
        "dataset_type": 0,
        "status": 6,
        "create_time": 1606103424662,
    }
    stub.body = list_datasets({"dataset_id": "b", "x": [1]}, old)
    first, second = json.loads(run("datasets -o json", **stub.variables).out)
    assert first.items() >= {**old, "type": "image-classification", "state": "publishing"}.items()
    assert (first["created_at"], first["project_id"]) == ("2020-11-23T03:50:24Z", "0123")
    assert second.items() >= {"dataset_id": "b", "dataset_name": None, "type": "unknown", "x": [1]}.items()
    assert run("datasets -o yaml", **stub.variables).out.startswith("- dataset_id: a\n  dataset_name: cats\n")
    row = run("datasets", **stub.variables).out.splitlines()[2]
    assert row.split() == ["b", "-", "-", "-", "-", "-"]
    wide = run("datasets -o wide", **stub.variables).out
    assert ("publishing" in wide, "x=[1]" in wide, "2020-11-23" in wide) == (True, True, True)


@pytest.mark.parametrize(("form", "out"), [("json", "[]\n"), ("yaml", "[]\n"), ("id", ""), ("table", "")])
def test_empty_list_is_no_error(run: Run, cloud: Cloud, form: str, out: str) -> None:
    outcome = run(f"datasets --name nothing -o {form}", **cloud.variables)
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        out,
        "the project has no datasets that match --name\n",
    )


def test_hostile_names_are_escaped_and_hostile_ids_are_no_ids(run: Run, stub: Stub) -> None:
    stub.body = list_datasets(
        {"dataset_id": "good", "dataset_name": "[bold]\x1b[2J\n::error::x\u202e"},
        {"dataset_id": "$(touch x)\n", "dataset_name": "猫"},
    )
    table = run("datasets", **stub.variables).out
    assert len(table.splitlines()) == 3
    assert r"[bold]\x1b[2J\n" in table
    assert r"\u202e" in table
    assert "\x1b" not in table + run("datasets -o json", **stub.variables).out
    outcome = run("datasets -o id", **stub.variables)
    assert (outcome.code, outcome.out) == (6, "good\n")
    assert "'$(touch x)\\n'" in outcome.err
    assert "submit" not in outcome.err


def test_all_pages_are_read_and_a_page_is_retried(run: Run, stub: Stub) -> None:
    pages = [
        [{"dataset_id": f"d{page}-{number}", "dataset_name": "x"} for number in range(100)] for page in (0, 1)
    ]
    answers = [list_datasets(*page, total=200) for page in pages]
    stub.first = [Answer(body=answers[0]), Answer(status=503), Answer(body=answers[1])]
    outcome = run(
        "datasets -o id --max-retries 1", **stub.variables | {"MODELARTS_EXPORT_RETRY_TIMEOUT": "1s"}
    )
    assert len(get_ids(outcome).split()) == 200
    assert [path.rpartition("offset=")[2] for _, path, _, _ in stub.requests] == ["0", "1", "1"]
    assert "trying again" in outcome.err


@pytest.mark.parametrize(
    ("refused", "code"),
    [(make_error_reply(403, "ModelArts.0112"), 4), (Answer(status=503), 5), (Answer(status=400), 6)],
)
def test_refused_list_shows_nothing(run: Run, stub: Stub, refused: Answer, code: int) -> None:
    stub.status, stub.body = refused.status, refused.body
    outcome = run("datasets -o json", **stub.variables)
    assert (outcome.code, outcome.out) == (code, "")
    assert json.loads(outcome.err.splitlines()[-1])["exit_code"] == code


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--type imag", "did you mean 'image-classification'?"),
        ("--type ''", "--type: '' is not a valid dataset type"),
        ("--name ''", "--name: must not be empty"),
        ("--limit 0", "--limit: must be 1 or more"),
        ("cats", "cats"),
    ],
)
def test_invalid_values_are_refused_before_any_call(run: Run, cloud: Cloud, flags: str, words: str) -> None:
    outcome = run(f"datasets {flags}", **cloud.variables)
    assert outcome.code == 2
    assert words in outcome.err
    assert cloud.exchanges == []


def make_dataset(dataset_id: str, name: str, kind: int, age: float) -> Dataset:
    raw = {
        "dataset_name": name,
        "dataset_type": kind,
        "total_sample_count": 176_244,
        "annotated_sample_count": 1_000,
        "create_time": (NOW - age) * 1000,
    }
    return Dataset(dataset_id=dataset_id, project_id="p", raw=raw)


DATASETS = [
    make_dataset("gfghHSokody6AJigS5A_7", "street-scenes-of-2026-without-rain", 1, 45.0),
    make_dataset("WxCREuCkBSAlQr9xrde", "数据集的名称很长很长很长很长很长很长", 101, 86_400.0),
]
LAYOUTS = {
    59: [
        "ID       gfghHSokody6AJigS5A_7",
        "Name     street-scenes-of-2026-without-rain",
        "Type     object-detection",
        "Samples  176,244",
    ],
    60: [
        "ID                     NAME                     SAMPLES  AGE",
        "gfghHSokody6AJigS5A_7  street-…26-without-rain  176,244  45s",
        "WxCREuCkBSAlQr9xrde    数据集的…长很长很长很长  176,244  1d",
    ],
    80: [
        "ID                     NAME                TYPE            SAMPLES  LABELED  AGE",
        "gfghHSokody6AJigS5A_7  stree…without-rain  obje…detection  176,244  1,000    45s",
        "WxCREuCkBSAlQr9xrde    数据…很长很长很长   name…cognition  176,244  1,000    1d",
    ],
}


@pytest.mark.parametrize("columns", LAYOUTS)
def test_rows_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """IDs are never cut; a very narrow terminal has a block for each dataset."""

    def show(renderer: TableRenderer) -> None:
        renderer.datasets(DATASETS)

    lines = show_on_terminal(monkeypatch, show, columns=columns)
    assert lines[: len(LAYOUTS[columns])] == LAYOUTS[columns]
    assert max(map(cell_len, lines)) <= columns


def test_ages_are_those_of_now(run: Run, stub: Stub) -> None:
    stub.body = list_datasets({"dataset_id": "a", "create_time": int((time.time() - 7_300) * 1000)})
    assert run("datasets", **stub.variables).out.split()[-1] == "2h"
