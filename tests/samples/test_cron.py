"""The crontab and its script, and the program as cron runs it: silent, or one block of text."""

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
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


STATUS = "see the details with: modelarts-export status abc t1"


@pytest.mark.parametrize(
    ("line", "status", "code", "lines"),
    [
        (
            "to-obs -q --path /桶/d/ --wait",
            "FAILED",
            7,
            ["error: export task t1 failed: the API gives no reason", "hint: check ", f"hint: {STATUS}"],
        ),
        (
            "to-obs -q --path /b/d/ --wait --timeout 0",
            "RUNNING",
            8,
            ["error: ", "hint: wait with: mod"],
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


def list_commands() -> list[str]:
    """Return the commands of the comment that says how to install the crontab."""
    return re.findall(r"^#   (.+)", read_sample("cron/crontab"), re.MULTILINE)


def test_comment_adds_the_crontab_to_that_of_the_user(tmp_path: Path) -> None:
    """`crontab FILE` alone would replace the jobs of the user."""
    program = tmp_path / "crontab"
    program.write_text('#!/bin/sh\n[ "$1" = -l ] && cat "$0.jobs" || cat > "$0.new"\n')
    program.chmod(0o755)
    (tmp_path / "crontab.jobs").write_text("0 1 * * * backup\n")
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-ec", list_commands()[-1]], cwd=ROOT, env=environ, check=True)
    assert (tmp_path / "crontab.new").read_text() == "0 1 * * * backup\n" + read_sample("cron/crontab")


def test_crontab_runs_once_a_night() -> None:
    """Cron takes an unescaped % for the end of the command."""
    [(schedule, command)] = parse_crontab()
    times = list(islice(CronSim(schedule, datetime(2026, 11, 24, tzinfo=UTC)), 5))
    assert {after - before for before, after in pairwise(times)} == {timedelta(days=1)}
    assert {(time.hour, time.minute) for time in times} == {(2, 15)}
    assert not re.search(r"(?<!\\)%", command)


def install(folder: Path, variables: dict[str, str]) -> str:
    """Install the files below a folder as the crontab says, and return the command of cron.

    The environment of the program is the one that runs the tests.
    """
    places = {"/opt/": f"{folder}/opt/", "/etc/": f"{folder}/etc/", "-o USER": f"-o {os.geteuid()}"}

    def adapt(text: str) -> str:
        for place, actual in places.items():
            text = text.replace(place, actual)
        return text

    (folder / "opt" / "modelarts-export").mkdir(parents=True)
    make_environment, *copy_files, _ = list_commands()
    assert make_environment.endswith("/opt/modelarts-export/bin/pip install .")
    subprocess.run(["/bin/sh", "-ec", adapt("\n".join(copy_files))], cwd=ROOT, check=True)
    script = folder / "opt" / "modelarts-export" / "nightly-export.sh"
    text = script.read_text().replace("/opt/modelarts-export/bin", str(PROGRAMS))
    script.write_text(adapt(text))
    env = folder / "etc" / "modelarts-export" / "export.env"
    names = {line.partition("=")[0] for line in env.read_text().splitlines() if not line.startswith("#")}
    assert {name for name in variables if name.startswith("HUAWEICLOUD")} < names
    env.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()))
    [(_, command)] = parse_crontab()
    return adapt(command)


def start_nightly(command: str) -> subprocess.Popen[str]:
    """Start a command of the crontab as cron does."""
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        env={**CRON, "EXPORT_PAUSE": "0"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_nightly(process: subprocess.Popen[str]) -> Outcome:
    """Return the outcome of a started command."""
    out, err = process.communicate(timeout=_LIMIT)
    return Outcome(code=process.returncode, out=out, err=err)


def run_nightly(folder: Path, variables: dict[str, str]) -> Outcome:
    """Install the files, and run the command of the crontab as cron does."""
    return end_nightly(start_nightly(install(folder, variables)))


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


def test_starts_at_the_same_moment_make_one_task(instant: Cloud, tmp_path: Path) -> None:
    """All are silent, nothing is written for it, and only the one that exports outlasts the others."""
    command = install(tmp_path, instant.variables)
    env = tmp_path / "etc" / "modelarts-export" / "export.env"
    variables = env.read_text()
    env.unlink()
    os.mkfifo(env)  # who exports waits here
    files = sorted(tmp_path.rglob("*"))
    started = [start_nightly(command) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        try:
            ends = as_completed([pool.submit(end_nightly, each) for each in started], timeout=_LIMIT / 3)
            outcomes = [next(ends).result(), next(ends).result()]
            assert instant.exchanges == []
            env.write_text(variables)
            outcomes.append(next(ends).result())
        finally:
            for process in started:
                process.kill()
    assert outcomes == [Outcome(code=0, out="", err="")] * 3
    assert len(instant.created) == 1
    assert sorted(tmp_path.rglob("*")) == files


def test_start_of_another_spec_is_not_held_up(instant: Cloud, tmp_path: Path) -> None:
    """Only a process with the same spec is, for as long as it lives."""
    command = install(tmp_path, instant.variables)
    spec = tmp_path / "etc" / "modelarts-export" / "nightly.yaml"
    (other := spec.with_name("other.yaml")).write_text(spec.read_text())
    with spec.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert end_nightly(start_nightly(command)) == Outcome(code=0, out="", err="")
        assert instant.exchanges == []
        assert end_nightly(start_nightly(command.replace(str(spec), str(other)))).code == 0
    assert len(instant.created) == 1


def test_start_by_hand_on_the_same_day_takes_the_task_of_the_night(instant: Cloud, tmp_path: Path) -> None:
    path = f"/bucket/nightly/{datetime.now().astimezone():%Y-%m-%d}/"
    body = {"path": path, "export_type": 0, "export_params": {"export_dest": "DIR"}}
    instant.sandbox.gateway.cloud.add_task("sandbox-images", body, age=19.5 * 3600, duration=1)
    assert run_nightly(tmp_path, instant.variables).code == 0
    assert instant.created == []


@pytest.mark.parametrize("arguments", [[], ["nightly.yaml"]])
def test_script_without_its_arguments_prints_its_usage(arguments: list[str]) -> None:
    script = SAMPLES / "cron" / "nightly-export.sh"
    done = subprocess.run([script, *arguments], env=CRON, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "usage: nightly-export.sh SPEC DIR\n")


def test_variables_are_the_same_for_every_reader() -> None:
    """A shell, systemd and kubectl read quotes, spaces and `$` of such a file differently."""
    lines = [line for line in read_sample("cron/export.env").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Z_]+=[A-Za-z0-9.-]+", line)] == []
    prefixes = ("HUAWEICLOUD_SDK_", "MODELARTS_EXPORT_")
    assert [line for line in lines if not line.startswith(prefixes)] == []
