"""DATASET as name:NAME: the look-up, its errors, and the hint of an unknown dataset."""

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from modelarts_export.cli.connection import Connection
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.messages import Messages
from modelarts_export.sanitize import Redactor
from tests.cli.commands.test_datasets import list_datasets
from tests.conftest import Answer, Cloud, Run, Stub
from tests.support.task_replies import make_error_reply, make_list_reply, make_task_reply

LISTED = "/v2/0123/datasets?limit=100&offset=0"
CATS = Answer(body=list_datasets({"dataset_id": "d1", "dataset_name": "猫"}, {"dataset_id": "d2"}))
ACCEPTED = Answer(body=b'{"task_id":"t1"}')
SHOWN = make_task_reply("SUCCESSED")
TO_OBS = "to-obs --path /b/d/ -o json"
NEW = "--path /b/in/ --new-dataset-name copy --new-dataset-work-path /b/work/ -o json"
LIST_THEM = "list the datasets with: modelarts-export datasets --read-timeout 9s"
UNKNOWN = make_error_reply(400, "ModelArts.4352")
NAMED = {"dataset_id": "d1", "dataset_name": "cats"}


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of b.yaml in the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "b.yaml"


def make_dataset(run: Run, cloud: Cloud, name: str) -> str:
    """Create a dataset of this name in a sandbox and return its ID."""
    line = (
        f"to-new-dataset sandbox-images --path /b/x/ --new-dataset-work-path /b/y/ --new-dataset-name {name}"
    )
    made = run(f"{line} --wait -o json", **cloud.variables)
    return str(json.loads(made.out)["new_dataset_id"])


def list_paths(stub: Stub) -> list[str]:
    return [path for _, path, _, _ in stub.requests]


def test_every_command_finds_a_dataset_by_its_name(run: Run, instant: Cloud) -> None:
    """The result has its ID, and each command lists the datasets once."""
    dataset_id = make_dataset(run, instant, "猫_2026")
    task = json.loads(run(f"{TO_OBS} name:猫_2026", **instant.variables).out)
    for line in (
        f"{TO_OBS} name:猫_2026",
        f"to-new-dataset name:猫_2026 {NEW}",
        f"status name:猫_2026 {task['task_id']} -o json",
        f"wait name:猫_2026 {task['task_id']} -o json",
        "list name:猫_2026 -o json",
    ):
        before = len(instant.exchanges)
        shown = json.loads(run(line, **instant.variables).out)
        assert (shown[0] if isinstance(shown, list) else shown)["dataset_id"] == dataset_id
        targets = [request.target for request, _ in instant.exchanges[before:]]
        assert [target.endswith("/datasets?limit=100&offset=0") for target in targets].count(True) == 1
        assert all("name" not in target for target in targets)


@pytest.mark.parametrize("place", ["argument", "-d", "--dataset", "variable", "spec", "var"])
def test_name_is_taken_wherever_an_id_is(run: Run, stub: Stub, tmp_path: Path, place: str) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "path: /b/d/\ndataset_id: name:${NAME}\n" if place == "var" else "dataset_id: name:猫\npath: /b/d/\n"
    )
    flags = {
        "argument": "name:猫",
        "-d": "-d name:猫",
        "--dataset": "--dataset name:猫",
        "variable": "",
        "spec": f"-f {spec}",
        "var": f"-f {spec} --var NAME=猫",
    }
    variables = {**stub.variables, "MODELARTS_EXPORT_DATASET_ID": "name:猫" if place == "variable" else ""}
    stub.first = [CATS, ACCEPTED, SHOWN]
    outcome = run(f"{TO_OBS} {flags[place]}", **variables)
    assert (outcome.code, json.loads(outcome.out)["dataset_id"]) == (0, "d1"), outcome.err
    path = "/v2/0123/datasets/d1/export-tasks"
    assert list_paths(stub) == [LISTED, path, f"{path}/t1"]


@pytest.mark.parametrize("line", ["status t1", "wait t1", "list"])
def test_variable_may_hold_a_name(run: Run, stub: Stub, line: str) -> None:
    stub.first = [CATS]
    stub.body = make_list_reply(t1="SUCCESSED").body if line == "list" else SHOWN.body
    outcome = run(f"{line} -o json", **{**stub.variables, "MODELARTS_EXPORT_DATASET_ID": "name:猫"})
    assert (outcome.code, json.loads(outcome.out)[0]["dataset_id"]) == (0, "d1")


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        (
            [{"dataset_id": "d1", "dataset_name": "cats-2026"}, {"dataset_id": "d2", "dataset_name": "Cats"}],
            ("no dataset has the name 'cats'; similar names: 'Cats', 'cats-2026'", LIST_THEM),
        ),
        (
            [],
            ("no dataset has the name 'cats'; the project has no datasets", LIST_THEM),
        ),
        (
            [
                {**NAMED, "create_time": (time.time() - 200_000) * 1000},
                {**NAMED, "dataset_id": "d2", "create_time": (time.time() - 7_300) * 1000},
            ],
            (
                "2 datasets have the name 'cats': d2 (age 2h), d1 (age 2d)",
                "give the ID of one of them",
            ),
        ),
    ],
)
@pytest.mark.parametrize("line", ["to-obs name:cats --path /b/d/", "list name:cats", "wait name:cats t1"])
def test_other_than_one_dataset_is_not_found(
    run: Run, stub: Stub, line: str, datasets: list[dict[str, Any]], words: tuple[str, str]
) -> None:
    stub.body = list_datasets(*datasets)
    outcome = run(f"{line} -o json --read-timeout 9s", **stub.variables)
    error = json.loads(outcome.err)
    assert (outcome.code, outcome.out) == (3, "")
    assert (error["error"], error["hint"]) == words
    assert list_paths(stub) == [LISTED]


def test_texts_of_candidates_are_escaped(run: Run, stub: Stub) -> None:
    stub.body = list_datasets({"dataset_id": "d1", "dataset_name": "cats\x1b[2J"})
    assert r"similar names: 'cats\x1b[2J'" in run("list name:cats", **stub.variables).err


def test_id_that_no_command_accepts_is_refused(run: Run, stub: Stub) -> None:
    stub.body = list_datasets({"dataset_id": "; touch x", "dataset_name": "cats"})
    outcome = run("to-obs name:cats --path /b/d/", **stub.variables)
    assert (outcome.code, list_paths(stub)) == (6, [LISTED])
    assert "the dataset 'cats' has an invalid ID: '; touch x'" in outcome.err


@pytest.mark.parametrize("place", ["name:cats", "-f SPEC", "variable"])
def test_dry_run_looks_nothing_up(run: Run, stub: Stub, tmp_path: Path, place: str) -> None:
    (tmp_path / "s.yaml").write_text("dataset_id: name:cats\n")
    variables = {**stub.variables, "MODELARTS_EXPORT_DATASET_ID": "name:cats" if place == "variable" else ""}
    flags = {"variable": "", "-f SPEC": f"-f {tmp_path / 's.yaml'}"}.get(place, place)
    outcome = run(f"to-obs {flags} --path /b/d/ --dry-run", **variables)
    assert outcome.out.startswith(f"POST {stub.url}/v2/0123/datasets/{{dataset_id}}/export-tasks\n")
    as_json = json.loads(run(f"to-obs {flags} --path /b/d/ --dry-run -o json", **variables).out)
    assert as_json["url"] == f"{stub.url}/v2/0123/datasets/{{dataset_id}}/export-tasks"
    bare = run("to-obs name:cats --path /b/d/ --dry-run")
    assert bare.out.startswith("POST {endpoint}/v2/{project_id}/datasets/{dataset_id}/export-tasks\n")
    assert stub.requests == []


def test_validate_looks_nothing_up(run: Run, stub: Stub, tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text("dataset_id: 'name:; touch x'\npath: /b/d/\n---\ndataset_id: d1\npath: /b/e/\n")
    assert run(f"validate {spec}", **stub.variables).code == 0
    rows = json.loads(run(f"validate {spec} -o json", **stub.variables).out)
    assert [row["dataset_id"] for row in rows] == ["name:; touch x", "d1"]
    assert stub.requests == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("to-obs name: --path /b/d/", "DATASET: 'name:' has no name of 1 to 100 characters"),
        (f"to-obs -d name:{'x' * 101} --path /b/d/", "--dataset: 'name:xxx"),
        ("list name:", "DATASET: 'name:' has no name"),
        ("list --dataset name:", "--dataset: 'name:' has no name"),
        ("list Name:cats", "DATASET: 'Name:cats' is not an ID"),
        ("wait name:cats", "TASK is required"),
        ("status name:cats ..", "TASK: '..' is not an ID"),
        ("wait name:cats -", "stdin has no task IDs"),
    ],
)
def test_invalid_line_is_refused_before_any_look_up(run: Run, stub: Stub, line: str, words: str) -> None:
    variables = {**stub.variables, "MODELARTS_EXPORT_DATASET_ID": ""}
    outcome = run(line, **variables)
    assert (outcome.code, stub.requests) == (2, [])
    assert words in outcome.err


def test_missing_settings_are_reported_with_a_name_as_with_an_id(run: Run) -> None:
    outcomes = [run(f"{line} {each} t1") for each in ("name:cats", "cats") for line in ("status", "wait")]
    assert {(each.code, each.err) for each in outcomes} == {(4, outcomes[0].err)}
    assert "HUAWEICLOUD_SDK_AK" in outcomes[0].err


def test_list_of_datasets_is_retried(run: Run, stub: Stub) -> None:
    stub.first = [Answer(status=503), CATS]
    stub.body = make_list_reply().body
    outcome = run("list name:猫 --max-retries 1 --retry-timeout 1s", **stub.variables)
    assert (outcome.code, list_paths(stub)[:2]) == (0, [LISTED, LISTED])
    assert "trying again" in outcome.err


def test_datasets_of_a_project_are_listed_once(stub: Stub) -> None:
    stub.body = list_datasets({**NAMED, "dataset_name": "dogs"}, {**NAMED, "dataset_id": "d2"})
    console = Console(io.StringIO(), io.StringIO(), environ={}, redactor=Redactor())
    connection = Connection(Messages(console), stub.variables, {})
    first, second = (connection.load_settings(project) for project in (None, "other"))
    found = [connection.find_dataset_id(name, first) for name in ("cats", "dogs", "cats")]
    connection.find_dataset_id("cats", second)
    connection.close()
    assert found == ["d2", "d1", "d2"]
    assert list_paths(stub) == [LISTED, LISTED.replace("0123", "other")]


@pytest.mark.parametrize("given", ["name:猫", "-d name:猫", "-dname:猫", "--dataset=name:猫", "-f SPEC"])
def test_hints_show_the_id(run: Run, stub: Stub, tmp_path: Path, given: str) -> None:
    """Of a submission whose outcome is unknown: how to find its task, and how to run it again."""
    spec = tmp_path / "s.yaml"
    spec.write_text("dataset_id: name:猫\n")
    stub.first = [CATS, Answer(status=500)]
    stub.body = make_list_reply().body
    given = given.replace("SPEC", str(spec))
    outcome = run(f"to-obs {given} --path /b/d/", **{**stub.variables, "MODELARTS_EXPORT_DATASET_ID": ""})
    assert outcome.code == 10
    assert "modelarts-export list d1 --path /b/d/" in outcome.err
    assert f"--reuse-within 1h {given.replace('name:猫', 'd1')} --path" in outcome.err
    assert "name:" not in outcome.err


def test_resume_command_shows_the_id(run: Run, stub: Stub) -> None:
    stub.first = [CATS]
    stub.body = make_task_reply("RUNNING").body
    outcome = run("wait name:猫 t1 --timeout 0", **stub.variables)
    assert outcome.code == 8
    assert "modelarts-export wait d1 t1" in outcome.err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (TO_OBS, "ModelArts.4352"),
        (TO_OBS, "ModelArts.4338"),
        ("list -o json", "ModelArts.4352"),
        ("status t1 -o json", "ModelArts.4352"),
    ],
)
def test_unknown_dataset_is_told_how_to_list_them(run: Run, stub: Stub, line: str, code: str) -> None:
    """With the connection options of the command."""
    stub.status, stub.body = 400, make_error_reply(400, code).body
    outcome = run(f"{line} --region cn-north-4", **stub.variables)
    error = json.loads(outcome.err.splitlines()[-1])
    assert (outcome.code, error["error_code"]) == (3, code)
    assert "list the datasets with: modelarts-export datasets --region cn-north-4" in error["hint"]
    assert error["hint"].startswith("check the dataset ID")


def test_hint_names_the_project_of_the_spec(run: Run, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("project_id: other\n")
    stub.status, stub.body = UNKNOWN.status, UNKNOWN.body
    outcome = run(f"to-obs abc -f {tmp_path / 's.yaml'} --path /b/d/", **stub.variables)
    assert "modelarts-export datasets --project-id other\n" in outcome.err


def test_unknown_task_is_not_a_matter_of_datasets(run: Run, stub: Stub) -> None:
    refused = make_error_reply(400, "ModelArts.4359")
    stub.status, stub.body = refused.status, refused.body
    outcome = run("status t1", **stub.variables)
    assert (outcome.code, "modelarts-export datasets" in outcome.err) == (3, False)


def test_apply_finds_the_names_of_all_specs_with_one_list(run: Run, instant: Cloud, tmp_path: Path) -> None:
    names = ["name:猫", "name:cats-and-dogs", "sandbox-images", "name:猫"]
    dataset_id = make_dataset(run, instant, "猫")
    documents = [f"dataset_id: {name}\npath: /b/{number}/\n" for number, name in enumerate(names)]
    (tmp_path / "s.yaml").write_text("---\n".join(documents))
    before = len(instant.exchanges)
    rows = json.loads(run(f"apply {tmp_path / 's.yaml'} -o json", **instant.variables).out)
    assert [row["dataset_id"] for row in rows] == [dataset_id, *["sandbox-images"] * 2, dataset_id]
    targets = [request.target for request, _ in instant.exchanges[before:]]
    assert [target.endswith("/datasets?limit=100&offset=0") for target in targets].count(True) == 1
    rows = json.loads(run(f"apply {tmp_path / 's.yaml'} -o json -d name:猫", **instant.variables).out)
    assert [row["dataset_id"] for row in rows] == [dataset_id] * 4


def test_apply_sends_nothing_when_a_name_is_unknown(run: Run, stub: Stub, tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text("dataset_id: name:cats\npath: /b/1/\n---\ndataset_id: name:dogs\npath: /b/2/\n")
    stub.body = list_datasets(NAMED)
    outcome = run(f"apply {spec} -o json", **stub.variables)
    error = json.loads(outcome.err)
    assert (outcome.code, outcome.out, list_paths(stub)) == (3, "", [LISTED])
    assert error["error"] == f"{spec}:4: no dataset has the name 'dogs'; nothing was sent"
    assert [(each["file"], each["line"]) for each in error["problems"]] == [(str(spec), 4)]
    outcome = run(f"apply {spec} --ci github", **stub.variables, GITHUB_OUTPUT=str(tmp_path / "output"))
    assert outcome.err.startswith(
        f"::error file={spec},line=4::no dataset has the name 'dogs'; nothing was sent%0Ahint: "
    )
    assert error["hint"] == "list the datasets with: modelarts-export datasets"
    outcome = run(f"apply {spec} -d name:dogs", **stub.variables)
    assert outcome.err.startswith("error: no dataset has the name 'dogs'; nothing was sent\n")


def test_dry_run_of_apply_looks_nothing_up(run: Run, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("dataset_id: name:cats\npath: /b/1/\n")
    (row,) = json.loads(run(f"apply {tmp_path / 's.yaml'} --dry-run -o json", **stub.variables).out)
    assert row["url"] == f"{stub.url}/v2/0123/datasets/{{dataset_id}}/export-tasks"
    assert row["dataset_id"] == "name:cats"
    assert stub.requests == []


def test_dataset_of_several_specs_is_looked_up_once(run: Run, specs: Path, cloud: Cloud) -> None:
    """Two specs name one dataset; a plan looks up nothing."""
    specs.write_text(
        "dataset_id: name:cats-and-dogs\npath: /b/1/\n---\ndataset_id: name:cats-and-dogs\npath: /b/2/\n"
    )
    assert run("apply b.yaml --dry-run -o json", **cloud.variables).code == 0
    assert cloud.exchanges == []
    outcome = run("apply b.yaml -o json", **cloud.variables)
    assert [row["dataset_id"] for row in json.loads(outcome.out)] == ["sandbox-images"] * 2
    assert sum("/datasets?" in request.target for request, _ in cloud.exchanges) == 1


def test_every_unknown_name_of_a_dataset_is_told(run: Run, specs: Path, cloud: Cloud) -> None:
    specs.write_text("dataset_id: name:nothing\npath: /b/1/\n---\ndataset_id: name:nowhere\npath: /b/2/\n")
    outcome = run("apply b.yaml", **cloud.variables)
    assert outcome.code == 3
    assert "b.yaml:1: no dataset has the name 'nothing'" in outcome.err
    assert "b.yaml:4: no dataset has the name 'nowhere'" in outcome.err
    assert cloud.created == []


@pytest.mark.parametrize(
    ("flags", "place"), [("", "b.yaml:3: "), ("-d name:nothing", "")], ids=["in a spec", "for all"]
)
def test_unknown_name_of_a_dataset_is_told_with_its_place(
    run: Run, specs: Path, cloud: Cloud, flags: str, place: str
) -> None:
    specs.write_text("path: /b/1/\n---\ndataset_id: name:nothing\npath: /b/2/\n")
    outcome = run(f"apply b.yaml {flags}", **cloud.variables)
    assert outcome.code == 3
    assert f"error: {place}no dataset has the name 'nothing'" in outcome.err
    assert cloud.created == []
