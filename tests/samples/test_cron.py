"""The crontab and its script, and the program as cron runs it: silent, or one block of text."""

import json
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest
from cronsim import CronSim

from tests.conftest import Cloud, Outcome, Run, Stub, sandboxed
from tests.samples.sample_files import PROGRAMS, ROOT, SAMPLES, read_sample
from tests.support.task_replies import ACCEPTED, make_task_reply

CRON = {"PATH": "/usr/bin:/bin", "LANG": "C", "LOGNAME": "nobody", "SHELL": "/bin/sh"}
_LIMIT = 30.0  # seconds until a test fails
CRONTAB_LINE = re.compile(r"((?:\S+\s+){4}\S+)\s+(.+)")
# What a read-only file system, and a user without a home, are for the program.
BARE_MACHINE = """
import errno, os, pwd, sys
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def refuse(event, arguments):
    is_write = event == "open" and arguments[2] & WRITES and arguments[0] != os.devnull
    if is_write or event in ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
def getpwuid(uid):
    raise KeyError(uid)
pwd.getpwuid = getpwuid
sys.addaudithook(refuse)
from modelarts_export.__main__ import run
sys.exit(run())
"""


def run_as_cron(line: str, **variables: str) -> Outcome:
    """Run a command line with the environment of cron, on a machine where nothing can be written.

    Both streams are one, as in the mail that cron sends.
    """
    places = {"TMPDIR": "/proc", "XDG_CONFIG_HOME": "/proc/1/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", BARE_MACHINE, *shlex.split(line)],
        env={**CRON, **places, **variables},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(code=done.returncode, out=done.stdout, err="")


def test_success_is_silent(instant: Cloud) -> None:
    line = f"to-obs -q -f {SAMPLES / 'nightly.yaml'} --skip-if-running /bucket/nightly/ --wait"
    assert run_as_cron(line, **instant.variables) == Outcome(code=0, out="", err="")


@pytest.mark.parametrize(
    ("line", "status", "code", "lines"),
    [
        (
            "to-obs -q --path /桶/d/ --wait",
            "FAILED",
            7,
            ["error: export task t1 failed: the API gives no reason"],
        ),
        (
            "to-obs -q --path /b/d/ --wait --timeout 0",
            "RUNNING",
            8,
            ["error: ", "hint: wait for it with: mod"],
        ),
        ("to-obs -q --path /b/d", None, 6, ["error: "]),
        ("to-obs -q --pth /b/d/", "RUNNING", 2, ["error: ", "hint: "]),
        ("to-obs -q -f /nowhere.yaml", "RUNNING", 2, ["error: "]),
    ],
)
def test_failure_is_one_compact_block(
    stub: Stub, line: str, status: str | None, code: int, lines: list[str]
) -> None:
    stub.first, stub.body = [ACCEPTED], make_task_reply(status).body
    if status is None:
        stub.first, stub.status, stub.body = [], 400, b'{"error_code":"ModelArts.4313","error_msg":"no"}'
    outcome = run_as_cron(line, **stub.variables)
    assert outcome.code == code, outcome.out
    shown = outcome.out.splitlines()
    assert [given[: len(start)] for given, start in zip(shown, lines, strict=False)] == lines
    assert len(shown) <= 3
    assert max(map(len, shown)) < 300
    assert "\x1b" not in outcome.out


def test_unknown_outcome_says_how_to_run_it_again(cloud: Cloud) -> None:
    cloud.inject("drop:count=1", "lag:for=75s")
    line = "to-obs -q --path /b/d/ --on-lost-reply stop --reconcile-timeout 0"
    outcome = run_as_cron(line, **cloud.variables)
    assert outcome.code == 10
    assert [each.partition(": ")[0] for each in outcome.out.splitlines()] == ["error", "hint", "hint"]


def test_home_that_cannot_be_entered_is_as_none(cloud: Cloud) -> None:
    """As under ProtectHome= of systemd; a name that is too long raises an error for every user, too."""
    home = {"HOME": "/" + "x" * 300, "XDG_CONFIG_HOME": ""}
    assert run_as_cron("to-obs -q --path /b/d/", **{**cloud.variables, **home}).out == ""


def test_missing_settings_are_one_block() -> None:
    outcome = run_as_cron("to-obs -q --path /b/d/")
    assert (outcome.code, outcome.out.startswith("error: ")) == (4, True)
    assert "Traceback" not in outcome.out


def parse_crontab() -> list[tuple[str, str]]:
    """Return the schedule and the command of each entry."""
    lines = [line for line in read_sample("cron/crontab").splitlines() if line.strip()]
    entries = [line for line in lines if not re.match(r"\s*#|[A-Z_]+=", line)]
    found = [CRONTAB_LINE.fullmatch(entry) for entry in entries]
    return [(match[1], match[2]) for match in found if match]


def test_comment_adds_the_crontab_to_that_of_the_user(tmp_path: Path) -> None:
    """`crontab FILE` alone would replace the jobs of the user."""
    program = tmp_path / "crontab"
    program.write_text('#!/bin/sh\n[ "$1" = -l ] && cat "$0.jobs" || cat > "$0.new"\n')
    program.chmod(0o755)
    (tmp_path / "crontab.jobs").write_text("0 1 * * * backup\n")
    comment = read_sample("cron/crontab").splitlines()[0]
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-ec", comment.partition("with: ")[2]], cwd=ROOT, env=environ, check=True)
    assert (tmp_path / "crontab.new").read_text() == "0 1 * * * backup\n" + read_sample("cron/crontab")


def test_crontab_runs_once_a_night() -> None:
    """Cron takes an unescaped % for the end of the command."""
    [(schedule, command)] = parse_crontab()
    times = list(islice(CronSim(schedule, datetime(2026, 11, 24, tzinfo=UTC)), 5))
    assert {after - before for before, after in pairwise(times)} == {timedelta(days=1)}
    assert {(time.hour, time.minute) for time in times} == {(2, 15)}
    assert not re.search(r"(?<!\\)%", command)


def install(folder: Path, variables: dict[str, str]) -> str:
    """Install the script, its variables and the spec below a folder, and return the command of cron."""
    [(_, command)] = parse_crontab()
    etc, opt = folder / "etc", folder / "opt"
    etc.mkdir()
    opt.mkdir()
    script = read_sample("cron/nightly-export.sh").replace("/etc/modelarts-export", str(etc))
    (opt / "nightly-export.sh").write_text(script)
    (opt / "nightly-export.sh").chmod(0o755)
    (etc / "nightly.yaml").write_text(read_sample("nightly.yaml"))
    lines = read_sample("cron/export.env").replace("/opt/modelarts-export/bin", str(PROGRAMS)).splitlines()
    names = [line.partition("=")[0] for line in lines]
    assert {name for name in variables if name.startswith("HUAWEICLOUD")} < set(names)
    kept = [line for line in lines if line.startswith("PATH=")]
    given = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    (etc / "export.env").write_text("\n".join([*kept, *given, ""]))
    return command.replace("/opt/modelarts-export", str(opt)).replace("/etc/modelarts-export", str(etc))


def run_nightly(folder: Path, variables: dict[str, str]) -> Outcome:
    """Run the command of the crontab as cron does."""
    command = install(folder, {**variables, "EXPORT_PAUSE": "0"})
    shell = ["/bin/sh", "-c", command]
    done = subprocess.run(
        shell, env=CRON, cwd="/", capture_output=True, text=True, check=False, timeout=_LIMIT
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def test_script_exports_into_the_directory_of_the_day(instant: Cloud, tmp_path: Path) -> None:
    assert run_nightly(tmp_path, instant.variables) == Outcome(code=0, out="", err="")
    [body] = instant.created
    assert json.loads(body)["path"] == f"/bucket/nightly/{datetime.now().astimezone():%Y-%m-%d}/"


def test_script_skips_while_another_night_is_unfinished(run: Run, tmp_path: Path) -> None:
    with sandboxed(task_duration=600) as slow:
        assert run("to-obs --path /bucket/nightly/2026-01-02/", **slow.variables).code == 0
        assert run_nightly(tmp_path, slow.variables) == Outcome(code=0, out="", err="")
        assert len(slow.created) == 1


@pytest.mark.parametrize(("status", "code", "sent"), [(503, 5, 2), (400, 6, 1)])
def test_script_tries_a_transient_error_once_more(
    stub: Stub, tmp_path: Path, status: int, code: int, sent: int
) -> None:
    """The mail has the error of the last try alone."""
    stub.status, stub.body = status, b'{"error_code":"ModelArts.4201","error_msg":"later"}'
    variables = {"MODELARTS_EXPORT_MAX_RETRIES": "0", "MODELARTS_EXPORT_QUEUE_TIMEOUT": "0"}
    outcome = run_nightly(tmp_path, {**stub.variables, **variables})
    assert outcome.code == code, outcome
    assert outcome.out.count("error: ") == 1
    assert len(stub.requests) == sent
