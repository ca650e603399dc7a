"""The option --dotenv: a report by GitLab's rules, written whole, and also on failure."""

import os
import re
import stat
from pathlib import Path

import pytest

from tests.conftest import Cloud, Run, Stub
from tests.support.hostile_text import HOSTILE
from tests.support.task_replies import ACCEPTED, make_list_reply, make_task_reply

FAILURES = [
    ("to-obs nope --path /b/d/", 3),
    ("to-obs --path x", 2),
    ("to-obs --timeout 1h --path /b/d/", 2),
    ("to-obs --pth /b/d/", 2),
    ("to-obs --ci gitlab --path /b/d/", 2),
    ("status sandbox-images nope", 3),
]


def read_report(file: Path) -> dict[str, str]:
    """Return the variables of a report as GitLab reads them: one line that is invalid refuses them all."""
    content = file.read_bytes()
    assert len(content) < 5 * 1024
    found: dict[str, str] = {}
    for line in content.decode().splitlines():
        match = re.fullmatch(r"([A-Za-z0-9_]+)=(.*)", line)
        assert match, line
        assert match[2] == match[2].strip()
        assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", match[2])  # GitLab would expand it
        found[match[1]] = match[2].replace("$$", "$")
    assert sorted(found) == [
        f"MODELARTS_{each}" for each in ("EXIT_CODE", "LOCATION", "PATH", "STATUS", "TASK_ID")
    ]
    return {name.removeprefix("MODELARTS_"): value for name, value in found.items()}


def test_report_of_a_submission(run: Run, quick: Cloud, tmp_path: Path) -> None:
    """The old file is replaced as a whole, a link is followed, and only the owner may write the new one."""
    target, link = tmp_path / "task.env", tmp_path / "link.env"
    target.write_text("OLD=1\n" * 100)
    link.symlink_to(target)
    umask = os.umask(0)
    with target.open(encoding="utf-8") as old:
        outcome = run(f"to-obs --path /b/d/ --wait -o id --dotenv {link}", **quick.variables)
        assert old.read() == "OLD=1\n" * 100
    os.umask(umask)
    assert read_report(target) == {
        "TASK_ID": outcome.out.strip(),
        "STATUS": "SUCCESSED",
        "PATH": "/b/d/",
        "LOCATION": "obs://b/d/",
        "EXIT_CODE": "0",
    }
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) & 0o022 == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.env", "task.env"]


@pytest.mark.parametrize(("line", "code"), FAILURES)
def test_report_of_a_failure(run: Run, cloud: Cloud, tmp_path: Path, line: str, code: int) -> None:
    """Before anything was sent, and after."""
    file = tmp_path / "task.env"
    file.write_text("TASK_ID=old")
    outcome = run(f"{line} --dotenv {file}", **cloud.variables)
    assert outcome.code == code
    assert read_report(file) == {
        **dict.fromkeys(("TASK_ID", "STATUS", "PATH", "LOCATION"), ""),
        "EXIT_CODE": str(code),
    }


def test_failed_task_is_in_the_report(run: Run, stub: Stub, tmp_path: Path) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply("FAILED").body
    file = tmp_path / "task.env"
    outcome = run("to-obs --path /b/d/ --wait", MODELARTS_EXPORT_DOTENV=str(file), **stub.variables)
    assert outcome.code == 7
    assert read_report(file) == {
        "TASK_ID": "t1",
        "STATUS": "FAILED",
        "PATH": "/b/d/",
        "LOCATION": "obs://b/d/",
        "EXIT_CODE": "7",
    }


def test_command_without_tasks_writes_no_report(run: Run, tmp_path: Path) -> None:
    """The variable is for the whole job, and only tasks are reported."""
    file = tmp_path / "task.env"
    assert run("explain exit-codes", MODELARTS_EXPORT_DOTENV=str(file)).code == 0
    assert run("validate --pth", MODELARTS_EXPORT_DOTENV=str(file)).code == 2
    assert run("datasets --nope", MODELARTS_EXPORT_DOTENV=str(file)).code == 2
    assert run(f"datasets --dotenv {file}").err.startswith("error: unknown option '--dotenv'")
    assert not file.exists()


@pytest.mark.parametrize(
    ("text", "shown"), [*HOSTILE, ("$CI_JOB_TOKEN ${X}", "$CI_JOB_TOKEN ${X}"), (" 'a' # b ", "'a' # b")]
)
def test_hostile_text_forges_no_variable(run: Run, stub: Stub, tmp_path: Path, text: str, shown: str) -> None:
    file = tmp_path / "task.env"
    stub.first, stub.body = [ACCEPTED], make_task_reply(text, path=f"{text}\nEVIL=1").body
    assert run(f"to-obs --path /b/d/ --dotenv {file}", **stub.variables).code == 0
    report = read_report(file)
    assert report["STATUS"] == shown.strip()
    assert report["PATH"].endswith(r"\nEVIL=1")


def test_list_beyond_the_limit_of_gitlab_is_left_empty(run: Run, stub: Stub, tmp_path: Path) -> None:
    """GitLab would refuse the whole file."""
    file = tmp_path / "task.env"
    ids = [f"task-{number:050}" for number in range(100)]
    stub.body = make_list_reply(**dict.fromkeys(ids, "SUCCESSED")).body
    outcome = run(f"wait abc {' '.join(ids)} --dotenv {file}", **stub.variables)
    assert outcome.code == 0
    assert "warning: --dotenv: MODELARTS_TASK_ID is too long and left empty" in outcome.err
    report = read_report(file)
    assert (report["TASK_ID"], report["STATUS"].count("SUCCESSED")) == ("", 100)


@pytest.mark.parametrize(
    "name_and_reason",
    [
        ("nowhere/task.env", "there is no directory"),
        (".", "it is not a regular file"),
        ("/dev/null", "it is not a regular file"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null"),
    ],
)
def test_file_that_cannot_be_written_is_an_error_before_anything_is_sent(
    run: Run,
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name_and_reason: tuple[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    name, reason = name_and_reason
    outcome = run(["to-obs", "--path", "/b/d/", "--dotenv", name], **cloud.variables)
    assert (outcome.code, cloud.exchanges) == (2, [])
    assert re.match(f"error: --dotenv: .*{reason}", outcome.err)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - only names


def test_variable_of_a_file_that_cannot_be_written_is_named(run: Run, stub: Stub, tmp_path: Path) -> None:
    variables = {**stub.variables, "MODELARTS_EXPORT_DOTENV": str(tmp_path / "nowhere" / "task.env")}
    assert run("list abc", **variables).err.startswith("error: MODELARTS_EXPORT_DOTENV: ")
    outcome = run("list abc", **stub.variables, MODELARTS_EXPORT_CI="github")
    assert outcome.err.startswith("::error::MODELARTS_EXPORT_CI github: GITHUB_OUTPUT is not set")
