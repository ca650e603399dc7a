"""The command that resumes a wait has the options of the first one, and that of a batch reuses its tasks."""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Cloud, Run, Stub
from tests.support.task_replies import ACCEPTED, make_task_reply

SPECS = "path: /b/1/\n---\npath: /b/2/\n"


def get_resume_command(run: Run, stub: Stub, line: str | list[str], **variables: str) -> str:
    """Run a wait that times out, and return the command of its hint."""
    words = shlex.split(line) if isinstance(line, str) else line
    stub.first = [ACCEPTED] if words[0].startswith("to-") else []
    stub.body = make_task_reply("RUNNING").body
    outcome = run([*words, "--timeout", "0"], **{**stub.variables, **variables})
    assert outcome.code == 8, outcome
    (command,) = re.findall(r"wait with: (.*)\n", outcome.err)
    return str(command)


FLAGS = [
    "--project-id 0123",
    "--region cn-north-4",
    "--connect-timeout 5s --read-timeout 1m",
    "--insecure",
    "--poll-interval 10s --max-outage 1h --heartbeat 2m --require-samples 3",
    "--max-outage 0",
]


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("line", ["wait abc t1", "to-obs --path /b/d/ --wait"])
def test_given_flags_are_repeated(run: Run, stub: Stub, line: str, flags: str) -> None:
    command = get_resume_command(run, stub, f"{line} {flags}")
    assert command.startswith("modelarts-export wait abc t1 --")
    words, given = shlex.split(command)[4:], shlex.split(flags)
    assert sorted(words) == sorted(given)


def test_flags_of_a_submission_are_omitted(run: Run, stub: Stub) -> None:
    command = get_resume_command(
        run, stub, "to-obs --path /b/d/ --wait --queue-timeout 5m --reconcile-timeout 9s"
    )
    assert command == "modelarts-export wait abc t1"


def test_endpoint_is_repeated(run: Run, stub: Stub) -> None:
    environ = {"MODELARTS_EXPORT_ENDPOINT": "http://127.0.0.1:9"}
    command = get_resume_command(run, stub, f"wait abc t1 --endpoint {stub.url}", **environ)
    assert command == f"modelarts-export wait abc t1 --endpoint {stub.url}"


def test_command_is_runnable(run: Run, stub: Stub) -> None:
    command = get_resume_command(
        run, stub, f"to-obs --path /b/d/ --wait --insecure --endpoint {stub.url} --heartbeat 5m"
    )
    stub.body = make_task_reply("SUCCESSED").body
    assert run(shlex.split(command)[1:], **stub.variables).code == 0


def test_arguments_are_quoted_for_a_shell(run: Run, stub: Stub, tmp_path: Path) -> None:
    bundle = tmp_path / "authorities; of 'ours' $(date).pem"
    bundle.write_text("not read: the stub has no TLS")
    command = get_resume_command(run, stub, ["wait", "abc", "t1", "--ca-bundle", str(bundle)])
    assert str(bundle) not in command
    assert shlex.split(command)[4:6] == ["--ca-bundle", str(bundle)]


@pytest.mark.parametrize(
    ("flags", "shown"), [("", " --project-id from-spec"), ("--project-id flag", " --project-id flag")]
)
def test_project_of_spec_becomes_a_flag(run: Run, stub: Stub, tmp_path: Path, flags: str, shown: str) -> None:
    """A flag takes precedence, as in the first command."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("project_id: from-spec\ndataset_id: in-spec\npath: /b/d/\n")
    command = get_resume_command(run, stub, f"to-obs -f {spec} --wait {flags}")
    assert command == f"modelarts-export wait in-spec t1{shown}"


def test_project_that_the_environment_has_is_omitted(run: Run, stub: Stub, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("project_id: '0123'\npath: /b/d/\n")
    command = get_resume_command(run, stub, f"to-obs -f {spec} --wait")
    assert command == "modelarts-export wait abc t1"


def test_command_has_no_secret(run: Run, stub: Stub) -> None:
    secrets = {"HUAWEICLOUD_SDK_SECURITY_TOKEN": "STEXAMPLETOKEN0123456789"}
    command = get_resume_command(run, stub, "wait abc t1 --debug", **secrets)
    hidden = [*secrets.values(), stub.variables["HUAWEICLOUD_SDK_SK"], stub.variables["HUAWEICLOUD_SDK_AK"]]
    assert [secret for secret in hidden if secret in command] == []
    assert command == "modelarts-export wait abc t1"


@pytest.mark.parametrize(
    ("arguments", "rerun"),
    [
        ("--reuse-within 5m a.yaml", "modelarts-export apply --reuse-running --reuse-within 2h a.yaml"),
        ("--reuse-within=5m -- a.yaml", "modelarts-export apply --reuse-running --reuse-within 2h -- a.yaml"),
        ("a.yaml --reuse-within 3h", "modelarts-export apply --reuse-running a.yaml --reuse-within 3h"),
        ("-", "the same command with --reuse-running --reuse-within 2h"),
    ],
)
def test_command_for_the_rest_of_a_batch_reuses_all_tasks_and_can_be_run(
    run: Run, cloud: Cloud, tmp_path: Path, *, arguments: str, rerun: str
) -> None:
    """A task of this run may be older than the given limit by then, and stdin is used up."""
    file = tmp_path / "a.yaml"
    file.write_text(SPECS)
    cloud.inject("429:on=create,count=1")
    outcome = run(f"apply {arguments}".replace("a.yaml", str(file)), stdin=SPECS.encode(), **cloud.variables)
    assert outcome.code == 9
    assert outcome.err.splitlines()[-1].replace(str(file), "a.yaml").endswith(f": {rerun}")
