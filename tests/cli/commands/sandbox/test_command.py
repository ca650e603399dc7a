"""The command `sandbox` with COMMAND: its environment, its exit code, its signals, and faults."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelarts_export.cli.commands.sandbox import make_environment
from modelarts_export.cli.options.output_style import OutputOptions
from modelarts_export.config.options import option_fields
from modelarts_export.config.settings import Settings
from modelarts_export.sandbox.cloud.datasets import BUILT_IN
from modelarts_export.sandbox.faults.catalog import CALLS, KEYS, KINDS
from tests.cli.commands.sandbox.foreign_environment import FOREIGN
from tests.conftest import NO_RETRIES, Cloud, Run
from tests.support.program import PROGRAM

SAMPLES = Path(__file__).parents[4] / "sample-configs"


# Four create calls without credentials, each on its own connection.
UNAUTHENTICATED_CALLS = """
import http.client, os
for _ in range(4):
    connection = http.client.HTTPConnection(os.environ["MODELARTS_EXPORT_ENDPOINT"].removeprefix("http://"))
    connection.request("POST", "/v2/p/datasets/d/export-tasks", body=b"{}")
    try:
        print(connection.getresponse().status)
    except http.client.RemoteDisconnected:
        print("lost")
"""


DUMP = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]


def run_in_sandbox(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `sandbox -- ARGUMENTS`."""
    command = [*PROGRAM, "sandbox", "--", *arguments]
    environ = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


@pytest.mark.parametrize("command", ["to-obs", "to-new-dataset"])
def test_sample_spec_is_submitted_in_any_environment(command: str) -> None:
    """Other credentials, profiles and proxies have no effect."""
    done = run_in_sandbox(*PROGRAM, command, "-f", str(SAMPLES / f"{command}.yaml"), "-o", "json", **FOREIGN)
    assert done.returncode == 0, done.stderr
    task = json.loads(done.stdout)
    assert task["dataset_id"] == "sandbox-images"
    assert task["status"] in ("INIT", "RUNNING")


def test_environment_of_the_command_has_no_other_cloud(run: Run) -> None:
    """Variables of clouds are replaced or removed; settings of output and time are kept."""
    kept = {"MODELARTS_EXPORT_OUTPUT": "json", "MODELARTS_EXPORT_QUIET": "1", **NO_RETRIES}
    environ = json.loads(run(["sandbox", "--", *DUMP], **FOREIGN, **kept).out)
    untouched = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    assert [name for name in FOREIGN.keys() - untouched if environ.get(name) == FOREIGN[name]] == []
    assert {name: environ[name] for name in kept} == kept
    assert environ["MODELARTS_EXPORT_ENDPOINT"].startswith("http://127.0.0.1:")
    assert environ["MODELARTS_EXPORT_IAM_ENDPOINT"] == environ["MODELARTS_EXPORT_ENDPOINT"]
    assert not Path(environ["XDG_CONFIG_HOME"]).exists()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return HOME as the working directory, with a file of each program that keeps credentials there."""
    monkeypatch.chdir(tmp_path)
    keys = {"accessKeyId": "AK1", "secretAccessKey": "secret-of-somebody-else", "projectId": "foreign"}
    profile = {"name": "default", "mode": "AKSK", "region": "cn-north-4", **keys}
    koocli = {"authEncrypt": "false", "current": "default", "profiles": [profile]}
    cloud = {"ak": "AK1", "sk": "secret-of-somebody-else", "project_id": "foreign", "region_name": "eu-de"}
    contents = {
        ".huaweicloud/credentials": "[basic]\nak=AK1\nsk=secret-of-somebody-else\nproject_id=foreign\n",
        ".hcloud/config.json": json.dumps(koocli),
        ".config/openstack/clouds.yaml": json.dumps({"clouds": {"otc": cloud}}),
        "clouds.yaml": json.dumps({"clouds": {"otc": cloud}}),
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    return tmp_path


NO_KEYS = {"HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": ""}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, ""), (NO_KEYS, "has no section [basic]"), ({**NO_KEYS, "OS_CLOUD": "otc"}, "no cloud 'otc'")],
)
def test_files_of_credentials_in_home_are_not_read_by_the_command(
    run: Run, cloud: Cloud, home: Path, changes: dict[str, str], expected: str
) -> None:
    """Neither their keys nor their settings, even where the sandbox's own keys are unset."""
    (home / "empty").mkdir()
    environ = make_environment(cloud.sandbox, {**os.environ, **FOREIGN}, config_home=str(home / "empty"))
    assert environ["HOME"] == str(home)
    outcome = run("to-obs --path /b/d/ -o json", **{**environ, **changes})
    assert outcome.code == (4 if changes else 0), outcome.err
    assert expected in outcome.err
    assert (cloud.sandbox.project_id in outcome.out) is (not changes)
    assert "foreign" not in outcome.out + outcome.err


def test_settings_of_time_and_output_are_passed_to_the_command(run: Run) -> None:
    """Every such setting, and the variables of specs."""
    names = [each.name for kind in (Settings, OutputOptions) for each in option_fields(kind)]
    passed = {
        "output",
        "quiet",
        "verbose",
        "debug",
        *(n for n in names if n.endswith(("timeout", "retries"))),
    }
    variables = {f"MODELARTS_EXPORT_{name.upper()}": "7" for name in (*passed, "var_bucket")}
    assert len(variables) >= 10
    assert variables.items() <= json.loads(run(["sandbox", "--", *DUMP], **variables).out).items()


def test_command_is_found_beside_the_program() -> None:
    """COMMAND can be modelarts-export without an activated environment."""
    done = run_in_sandbox("modelarts-export", "--version", PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("modelarts-export ")


@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["/etc/passwd"], 126)],
)
def test_exit_code_is_that_of_the_command(run: Run, command: list[str], code: int) -> None:
    assert run(["sandbox", "--", *command]).code == code


def test_missing_command_exits_with_127(run: Run) -> None:
    """The message names the command."""
    outcome = run("sandbox -- no-such-command")
    assert outcome.code == 127
    assert f" {outcome.code} " in run("sandbox -h").out.partition("Exit codes: ")[2].partition("\n")[0]
    assert "no-such-command" in outcome.err


def test_help_lists_datasets_and_faults(run: Run) -> None:
    """Every dataset, kind, key and call is listed."""
    out = run("sandbox --help").out
    rows = [line.strip() for line in out.splitlines()]
    starts = [
        *(f"{name} " for name in (*BUILT_IN, *KINDS)),
        *(f"{key}={form}" for key, (form, _) in KEYS.items()),
    ]
    assert [start for start in starts if not any(row.startswith(start) for row in rows)] == []
    assert [call for call in CALLS if call not in out] == []
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "statuses"),
    [
        ("", "401 401 401 401"),
        ("--fault busy", "400 400 400 400"),
        ("--fault drop:count=1 --fault 502:after=1,count=1", "lost 401 502 401"),
        ("--fault 500:on=list", "401 401 401 401"),
        ("--fault 502:probability=0.5 --fault-seed 2", "401 401 502 502"),
    ],
)
def test_faults_apply_to_calls_of_the_command(run: Run, options: str, statuses: str) -> None:
    """The same seed gives the same faults."""
    assert call_unauthenticated(run, *options.split()) == statuses.split()


def test_latency_delays_every_reply(run: Run) -> None:
    start_time = time.monotonic()
    assert call_unauthenticated(run, "--latency", "0.1") == ["401"] * 4
    assert time.monotonic() - start_time >= 0.4


def call_unauthenticated(run: Run, *options: str) -> list[str]:
    """Return the results of four create calls without credentials, in a sandbox with these options."""
    return run(["sandbox", *options, "--", sys.executable, "-c", UNAUTHENTICATED_CALLS]).out.split()


@pytest.mark.parametrize(
    ("dataset", "code"),
    [("images", 0), ("failing", 0), ("slow", 0), ("denied", 4), ("text", 6), ("busy", 5), ("none", 3)],
)
def test_exit_code_of_an_export_by_dataset(run: Run, cloud: Cloud, dataset: str, code: int) -> None:
    outcome = run(f"to-obs sandbox-{dataset} --path /b/d/ -q", **cloud.variables)
    assert outcome.code == code, outcome.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--port 70000", "error: --port: must be from 0 to 65535\n"),
        ("--port 1.5", "error: --port: must be from 0 to 65535\n"),
        ("--task-duration soon", "--task-duration: 'soon' is not a duration"),
        ("--latency soon", "--latency: 'soon' is not a duration"),
        ("--fault-seed x", "error: --fault-seed: must be a whole number\n"),
        (
            "--fault drip",
            "--fault: 'drip' is not a valid fault (choose from drop, refuse, stall and 15 more)",
        ),
        ("--fault drip", "did you mean 'drop'?\nhint: modelarts-export sandbox --help lists the values\n"),
        ("--fault busy --fault drop:cont=1", "--fault: drop: 'cont' is not a valid key"),
        ("--fault drop:on=lst", "and 5 more); did you mean 'list'?\nhint: modelarts-export sandbox --help "),
        ("--fault lag:for=long", "--fault: lag: for: 'long' is not a duration"),
    ],
)
def test_invalid_option_is_named(run: Run, line: str, message: str) -> None:
    """It exits with 2."""
    outcome = run(f"sandbox {line}")
    assert outcome.code == 2
    assert message in outcome.err


def test_command_writes_no_log() -> None:
    """Its own output would be mixed with it."""
    done = run_in_sandbox("modelarts-export", "list", "sandbox-images", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_signals_are_handled_by_the_command() -> None:
    """After SIGINT the sandbox waits for the command; SIGTERM is forwarded."""
    script = (
        "import signal, time, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9));"
        "print('up', flush=True); time.sleep(30)"
    )
    command = [*PROGRAM, "sandbox", "--", sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 9


def test_arguments_of_the_command_are_utf8_in_any_locale() -> None:
    line = [*PROGRAM, "sandbox", "--", "printf", "%s", "/桶/"]
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(line, capture_output=True, check=False, env={**os.environ, **locale})
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "/桶/", b"")
