"""The command apply: plans, results and exit codes, and what is refused before anything is sent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.batch.scripted_server import REFUSED, accept, serve
from tests.conftest import Cloud, Outcome, Run, Stub
from tests.support.task_replies import ACCEPTED, make_task_reply

SPECS = """\
name: cats
path: /b/cats/
---
path: /b/dogs/
---
name: birds
path: /b/birds/
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter an empty directory with one file of three specs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SPECS)
    return tmp_path


def get_rows(outcome: Outcome, *names: str) -> list[tuple[Any, ...]]:
    """Return these fields of the rows on stdout."""
    return [tuple(row[name] for name in names) for row in json.loads(outcome.out)]


@pytest.mark.usefixtures("directory")
def test_plan_is_a_table_and_needs_no_credentials(run: Run) -> None:
    outcome = run("apply a.yaml --dry-run -d d1")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "NAME      DATASET  PATH       ACTION",
        "cats      d1       /b/cats/   create",
        "a.yaml:4  d1       /b/dogs/   create",
        "birds     d1       /b/birds/  create",
    ]


@pytest.mark.parametrize(
    ("flags", "action"),
    [
        ("--reuse-running", "create, or reuse if one is running"),
        ("--reuse-within 1h", "create, or reuse if one is running"),
        ("--skip-if-running /b/", "create, or skip if one is running"),
        ("--if-path-used warn", "create"),
    ],
)
@pytest.mark.usefixtures("directory")
def test_plan_says_what_would_be_done(run: Run, flags: str, action: str) -> None:
    outcome = run(f"apply a.yaml --dry-run -d d1 --project-id p1 -o json {flags}")
    rows = json.loads(outcome.out)
    assert [row["action"] for row in rows] == [action] * 3
    assert [row["name"] for row in rows] == ["cats", None, "birds"]  # as in the rows of tasks
    assert rows[1]["url"] == "{endpoint}/v2/p1/datasets/d1/export-tasks"
    assert rows[1]["body"]["path"] == "/b/dogs/"
    assert run("apply a.yaml --dry-run -d d1 -o id").out == ""


@pytest.mark.parametrize(
    ("flags", "variable", "datasets"),
    [("-d flag", "variable", ["flag", "flag"]), ("", "variable", ["spec", "variable"])],
)
def test_flag_wins_over_the_dataset_of_a_spec_and_that_over_the_variable(
    run: Run, directory: Path, flags: str, variable: str, datasets: list[str]
) -> None:
    (directory / "b.yaml").write_text("dataset_id: spec\npath: /b/1/\n---\npath: /b/2/\n")
    outcome = run(f"apply b.yaml --dry-run -o json {flags}", MODELARTS_EXPORT_DATASET_ID=variable)
    assert get_rows(outcome, "dataset_id") == [(each,) for each in datasets]


def test_every_problem_is_told_and_nothing_is_sent(run: Run, directory: Path, stub: Stub) -> None:
    """An unknown key, a path and a name used twice, an unreadable file, and one that is given twice."""
    (directory / "b.yaml").write_text("name: cats\npath: /b/cats/\nwrong: 1\n")
    (directory / "c.yaml").write_text("project_id: other\npath: /b/c/\n")
    (directory / "empty").mkdir()
    configured = "0123 (HUAWEICLOUD_SDK_PROJECT_ID)"
    outcome = run("apply a.yaml b.yaml missing.yaml c.yaml a.yaml empty", **stub.variables)
    assert (outcome.code, outcome.out) == (2, "")
    lines = [line for line in outcome.err.splitlines() if not line.startswith("    ")]
    assert lines == [
        "error: 7 problems; nothing was sent",
        "  empty: no .yaml, .yml or .json file",
        "  a.yaml: given twice",
        "  b.yaml:1:7: name: a.yaml:1 has the name cats too",
        "  b.yaml:2:7: path: a.yaml:1 writes to /b/cats/ too; each export needs its own directory",
        "  b.yaml:3:1: wrong: unknown field",
        "  missing.yaml: no such file or directory",
        f"  c.yaml:1:13: project_id: other is not {configured}; all exports must be of one project",
    ]
    assert stub.requests == []


def test_two_problems_are_told_with_what_was_not_done(run: Run, directory: Path, cloud: Cloud) -> None:
    (directory / "b.yaml").write_text("path: /b/1/\nwrong: 1\nother: 2\n")
    outcome = run("apply b.yaml -d d1", **cloud.variables)
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "error: 2 problems; nothing was sent")


def test_specs_of_two_projects_are_refused(run: Run, directory: Path) -> None:
    (directory / "b.yaml").write_text("project_id: p1\npath: /b/1/\n---\nproject_id: p2\npath: /b/2/\n")
    outcome = run("apply b.yaml --dry-run -d d1")
    assert outcome.code == 2
    assert (
        "b.yaml:4:13: project_id: p2 is not p1 (b.yaml:1); all exports must be of one project" in outcome.err
    )


@pytest.mark.usefixtures("directory")
def test_spec_without_a_dataset_is_refused(run: Run) -> None:
    outcome = run("apply a.yaml --dry-run")
    assert outcome.code == 2
    assert "  a.yaml:4:1: dataset_id is required" in outcome.err.splitlines()
    assert "hint: give dataset_id in each spec, or --dataset ID (MODELARTS_EXPORT_DATASET_ID)" in outcome.err


@pytest.mark.parametrize("names", ["a.yaml .", ". a.yaml", ". ."])
@pytest.mark.usefixtures("directory")
def test_file_that_is_named_and_found_is_applied_once(run: Run, names: str) -> None:
    assert len(json.loads(run(f"apply {names} --dry-run -d d1 -o json").out)) == 3


@pytest.mark.usefixtures("directory")
def test_missing_settings_are_told_together(run: Run) -> None:
    outcome = run("apply a.yaml -d d1")
    assert outcome.code == 4
    assert "no credentials" in outcome.err
    assert "no endpoint" in outcome.err


@pytest.mark.parametrize(
    "flags", ["--concurrency 0", "--concurrency 65", "--timeout 1h", "--dry-run --wait x"]
)
@pytest.mark.usefixtures("directory")
def test_invalid_option_exits_with_2(run: Run, flags: str) -> None:
    assert run(f"apply a.yaml -d d1 {flags}").code == 2


@pytest.mark.usefixtures("directory")
def test_exports_are_created_and_shown_in_order(run: Run, cloud: Cloud) -> None:
    outcome = run("apply a.yaml -o json", **cloud.variables)
    assert outcome.code == 0
    rows = get_rows(outcome, "name", "spec", "path", "status", "exit_code", "error_code", "error_msg")
    assert rows == [
        ("cats", "a.yaml:1", "/b/cats/", "INIT", 0, None, None),
        (None, "a.yaml:4", "/b/dogs/", "INIT", 0, None, None),
        ("birds", "a.yaml:6", "/b/birds/", "INIT", 0, None, None),
    ]
    [task_id] = [row["task_id"] for row in json.loads(outcome.out) if row["name"] == "cats"]
    assert f"a.yaml:1 (cats): Created export task {task_id}" in outcome.err.splitlines()
    assert outcome.err.splitlines()[-1].startswith("3 tasks: 3 created in ")


@pytest.mark.usefixtures("directory")
def test_each_export_is_one_post_and_one_list_call_shows_the_status(run: Run, cloud: Cloud) -> None:
    run("apply a.yaml", **cloud.variables)
    calls = [request.method for request, _ in cloud.exchanges]
    assert calls == ["POST"] * 3 + ["GET"]


@pytest.mark.usefixtures("directory")
def test_ids_need_no_status_check(run: Run, cloud: Cloud) -> None:
    outcome = run("apply a.yaml -o id -q", **cloud.variables)
    assert outcome.out.split() == [
        task.task_id
        for task in sorted(
            cloud.sandbox.gateway.cloud.list_tasks("sandbox-images"),
            key=lambda task: ["/b/cats/", "/b/dogs/", "/b/birds/"].index(str(task.request_fields["path"])),
        )
    ]
    assert outcome.err == ""
    assert [request.method for request, _ in cloud.exchanges] == ["POST"] * 3


@pytest.mark.usefixtures("directory")
def test_failures_come_first_and_the_code_composes(run: Run) -> None:
    with serve(lambda d, path: REFUSED if path == "/b/dogs/" else accept(d, path)) as server:
        outcome = run("apply a.yaml", **Stub(url=server.url).variables)
    assert outcome.code == 9
    assert [line.split()[:3] for line in outcome.out.splitlines()] == [
        ["NAME", "TASK", "STATUS"],
        ["cats", "task-b-cats", "accepted"],
        ["a.yaml:4", "-", "not"],
        ["birds", "task-b-birds", "accepted"],
    ]
    errors = [line for line in outcome.err.splitlines() if line.startswith("error")]
    assert errors[0].startswith("error: a.yaml:4: refused (ModelArts.4999, HTTP 400")
    assert errors[1].startswith("error: 3 exports: 2 created, 1 not created in ")
    assert "to submit what is missing" not in outcome.err  # it would be refused again


@pytest.mark.usefixtures("directory")
def test_fail_fast_leaves_the_rest_null(run: Run) -> None:
    with serve(lambda d, path: REFUSED if path == "/b/dogs/" else accept(d, path)) as server:
        variables = Stub(url=server.url).variables
        outcome = run("apply a.yaml --fail-fast --concurrency 1 -o json", **variables)
        ids = run("apply a.yaml --fail-fast --concurrency 1 -o id -q", **variables)
    assert outcome.code == 9
    names = ("task_id", "status", "exit_code")
    assert get_rows(outcome, *names)[1:] == [(None, None, 6), (None, None, None)]
    assert json.loads(outcome.err.splitlines()[-1])["exit_code"] == 9
    assert ids.out == "task-b-cats\n"


def test_wrong_credentials_cost_one_call(run: Run, directory: Path, cloud: Cloud) -> None:
    (directory / "many.yaml").write_text("".join(f"path: /b/{number}/\n---\n" for number in range(100))[:-4])
    wrong = {**cloud.variables, "HUAWEICLOUD_SDK_SK": "SKwrong0123456789abcdefghijklmnopqrstuvwx"}
    outcome = run("apply many.yaml", **wrong)
    assert outcome.code == 4
    assert len(cloud.exchanges) == 1
    assert sum(line.startswith("error") for line in outcome.err.splitlines()) == 1


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(("flags", "has_hint"), [("-q", True), ("-q -o id", True), ("-q -o json", False)])
def test_hint_has_the_command_that_shows_a_failed_task_unless_stdout_does(
    run: Run, stub: Stub, flags: str, *, has_hint: bool
) -> None:
    Path("b.yaml").write_text("path: /b/x/\n")
    stub.first, stub.body = [ACCEPTED], make_task_reply("FAILED").body
    outcome = run(f"apply b.yaml --wait {flags}", **stub.variables)
    assert outcome.code == 7
    hint = "hint: see the details with: modelarts-export status abc t1\n"
    assert outcome.err.endswith(hint) is has_hint


def test_wait_follows_the_tasks_of_all_datasets(run: Run, directory: Path, quick: Cloud) -> None:
    """One of them fails; the lines on stderr name the specs."""
    (directory / "b.yaml").write_text("dataset_id: sandbox-failing\npath: /b/x/\n")
    outcome = run("apply a.yaml b.yaml --wait --poll-interval 0.1s -o json", **quick.variables)
    assert outcome.code == 9
    assert [code for (code,) in get_rows(outcome, "exit_code")] == [0, 0, 0, 7]
    [failed] = [row for row in json.loads(outcome.out) if row["exit_code"] == 7]
    assert failed["error_code"]
    assert f"b.yaml:1: export task {failed['task_id']}: failed" in outcome.err
    error = json.loads(outcome.err.splitlines()[-1])
    assert error["error"].startswith("4 tasks: 3 succeeded, 1 failed in ")


@pytest.mark.usefixtures("directory")
def test_round_of_a_wait_is_one_list_call_a_dataset(run: Run, cloud: Cloud) -> None:
    Path("b.yaml").write_text(SPECS.replace("/b/", "/c/").replace("name", "dataset_id: sandbox-slow\nname"))
    Path("c.yaml").write_text("".join(f"---\npath: /d/{number}/\n" for number in range(5)))
    outcome = run("apply b.yaml c.yaml --wait --timeout 0", **cloud.variables)
    assert outcome.code == 8
    lists = [request.target.split("?")[0] for request, _ in cloud.exchanges if request.method == "GET"]
    assert sorted(each.split("/")[4] for each in lists) == ["sandbox-images", "sandbox-slow"]


def test_end_of_the_wait_is_8_and_names_the_commands(run: Run, directory: Path, cloud: Cloud) -> None:
    (directory / "b.yaml").write_text("dataset_id: sandbox-slow\npath: /b/x/\n")
    outcome = run("apply a.yaml b.yaml --wait --timeout 0", **cloud.variables)
    assert outcome.code == 8
    hints = [line for line in outcome.err.splitlines() if line.startswith("hint")]
    wait_with = "hint: wait with: modelarts-export wait"
    assert hints[1].startswith(f"{wait_with} sandbox-slow ")
    assert hints[0].startswith(f"{wait_with} sandbox-images ")


def test_second_run_reuses_what_the_first_one_has_created(run: Run, directory: Path, cloud: Cloud) -> None:
    first = run("apply a.yaml -o json", **cloud.variables)
    (directory / "a.yaml").write_text(f"{SPECS}---\npath: /b/new/\n")
    again = run("apply a.yaml -o json --reuse-running --reuse-within 1h", **cloud.variables)
    assert get_rows(again, "task_id")[:3] == get_rows(first, "task_id")
    assert get_rows(again, "reused") == [(True,), (True,), (True,), (False,)]
    assert len(cloud.created) == 4
    assert again.err.splitlines()[-1].startswith("4 tasks: 1 created, 3 reused in ")
    ids = re.search("Reused export tasks (.*); nothing was submitted for them", again.err)
    assert ids
    assert sorted(ids[1].split(", ")) == sorted(task_id for (task_id,) in get_rows(first, "task_id"))


@pytest.mark.usefixtures("directory")
def test_table_and_summary_after_a_wait_tell_what_was_reused(run: Run, quick: Cloud) -> None:
    """The reuse of more than ten is told by their number."""
    Path("a.yaml").write_text("".join(f"---\npath: /b/{number:02}/\n" for number in range(11)))
    assert run("apply a.yaml -q", **quick.variables).code == 0
    again = run("apply a.yaml --reuse-running --reuse-within 1h --wait", **quick.variables)
    assert again.code == 0
    assert again.out.count("succeeded (reused)") == 11
    reused, *_, summary = again.err.splitlines()
    assert reused == "Reused 11 export tasks; nothing was submitted for them"
    assert summary.startswith("11 tasks: 11 reused in ")


@pytest.mark.usefixtures("directory")
def test_command_for_the_rest_is_told_where_it_may_succeed(run: Run, cloud: Cloud) -> None:
    cloud.inject("429:on=create,count=1")
    outcome = run("apply a.yaml", **cloud.variables)
    assert outcome.code == 9
    rerun = "modelarts-export apply --reuse-running --reuse-within 2h a.yaml"
    assert f"hint: to submit what is missing, reusing the tasks that exist: {rerun}\n" in outcome.err


@pytest.mark.usefixtures("directory")
def test_skipped_exports_are_not_waited_for(run: Run, cloud: Cloud) -> None:
    body = {"path": "/b/older/"}
    cloud.sandbox.gateway.cloud.add_task("sandbox-slow", body, age=60)
    outcome = run("apply a.yaml -d sandbox-slow --skip-if-running /b/ --wait -o json", **cloud.variables)
    assert outcome.code == 0
    assert get_rows(outcome, "skipped", "exit_code") == [(True, 0)] * 3
    assert cloud.created == []


@pytest.mark.usefixtures("directory")
def test_lost_reply_of_one_export_is_unknown_and_tells_what_to_do(run: Run, cloud: Cloud) -> None:
    cloud.inject("stall:count=1,for=1s", "502:on=list")
    outcome = run("apply a.yaml --read-timeout 0.3s", **cloud.variables)
    assert outcome.code == 10
    assert "find out whether there is a task for /b/" in outcome.err
    rerun = "modelarts-export apply --reuse-running --reuse-within 2h a.yaml --read-timeout 0.3s"
    assert (
        f"hint: to submit what is missing, reusing the tasks that exist: {rerun}" in outcome.err.splitlines()
    )


@pytest.mark.parametrize("count", [1, 3])
def test_same_unknown_outcome_of_all_tells_what_to_do_about_each(
    run: Run, directory: Path, cloud: Cloud, count: int
) -> None:
    """The words of the server are the same, and the paths are not."""
    (directory / "b.yaml").write_text("---\n".join(f"path: /b/u{number}/\n" for number in range(count)))
    cloud.inject("502:on=create+list")
    outcome = run("apply b.yaml -q", **cloud.variables)
    assert outcome.code == 10
    *searches, rerun = [line for line in outcome.err.splitlines() if line.startswith("hint: ")]
    assert [line.rpartition(" --path ")[2] for line in searches] == [f"/b/u{i}/" for i in range(count)]
    assert "apply --reuse-running --reuse-within 2h b.yaml" in rerun
    assert (f"{count} exports: {count} perhaps created" in outcome.err) is (count > 1)


@pytest.mark.usefixtures("directory")
def test_too_few_samples_are_a_failure(run: Run, quick: Cloud) -> None:
    outcome = run("apply a.yaml --wait --require-samples 1000 -o json", **quick.variables)
    assert outcome.code == 7
    assert "1,000 are required" in get_rows(outcome, "error_msg")[0][0]
    error = json.loads(outcome.err.splitlines()[-1])["error"]
    assert error.startswith("3 tasks: 3 with too few samples in ")
    assert "hint: the export" not in outcome.err


def test_each_unknown_dataset_has_the_command_that_lists_them(
    run: Run, directory: Path, cloud: Cloud
) -> None:
    (directory / "b.yaml").write_text("dataset_id: nope\npath: /b/n/\n")
    mixed = run("apply a.yaml b.yaml", **cloud.variables)
    alone = run("apply b.yaml", **cloud.variables)
    assert (mixed.code, alone.code) == (9, 3)
    assert mixed.err.count("list the datasets with: modelarts-export datasets") == 1
    assert alone.err.count("list the datasets with: modelarts-export datasets") == 1


@pytest.mark.usefixtures("directory")
def test_task_that_was_stopped_at_once_has_not_failed(run: Run, stub: Stub) -> None:
    stub.body = json.dumps({"task_id": "t1", "status": "STOPPED"}).encode()
    outcome = run("apply a.yaml", **stub.variables)
    assert "warning: a.yaml:1 (cats): the task was stopped already" in outcome.err.splitlines()


def test_junit_report_has_a_case_for_each_export(run: Run, directory: Path, cloud: Cloud) -> None:
    run("apply a.yaml --junit report.xml", **cloud.variables)
    assert (directory / "report.xml").read_text().count("<testcase ") == 3


def test_stdin_is_a_file_of_specs(run: Run, cloud: Cloud) -> None:
    outcome = run("apply - -o json", stdin=SPECS.encode(), **cloud.variables)
    assert [spec for (spec,) in get_rows(outcome, "spec")] == ["<stdin>:1", "<stdin>:4", "<stdin>:6"]


def test_new_datasets_are_looked_up_by_one_list(run: Run, directory: Path, quick: Cloud) -> None:
    """Two exports make a dataset each, and one does not."""
    new = (
        "path: /b/in/{0}/\nexport_params:\n  export_dest: NEW_DATASET\n  export_new_dataset_name: new-{0}\n"
        "  export_new_dataset_work_path: /b/work/{0}/\n---\n"
    )
    (directory / "b.yaml").write_text(new.format("a") + new.format("b") + "path: /b/c/\n")
    outcome = run("apply b.yaml --wait --poll-interval 0.1s -o json", **quick.variables)
    made = {each.name: each.dataset_id for each in quick.sandbox.gateway.cloud.list_datasets()}
    ids = [row.get("new_dataset_id") for row in json.loads(outcome.out)]
    assert ids == [made["new-a"], made["new-b"], None]
    assert sum("/datasets?" in request.target for request, _ in quick.exchanges) == 1
