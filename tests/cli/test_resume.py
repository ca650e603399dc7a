"""The command to resume: the wait that was interrupted or given up, as it was asked for."""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Run, Stub
from tests.support.tracked import ACCEPTED, saying


def resumed(run: Run, stub: Stub, line: str | list[str], **variables: str) -> str:
    """Run out of patience and return the command to resume."""
    words = shlex.split(line) if isinstance(line, str) else line
    stub.first = [ACCEPTED] if words[0].startswith("to-") else []
    stub.body = saying("RUNNING").body
    outcome = run([*words, "--timeout", "0"], **{**stub.variables, **variables})
    assert outcome.code == 8, outcome
    (told,) = re.findall(r"wait for it with: (.*)\n", outcome.err)
    return str(told)


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
def test_the_flags_that_were_given(run: Run, stub: Stub, line: str, flags: str) -> None:
    """As they were written, all of them and no others."""
    told = resumed(run, stub, f"{line} {flags}")
    assert told.startswith("modelarts-export wait abc t1 --")
    words, given = shlex.split(told)[4:], shlex.split(flags)
    assert sorted(words) == sorted(given)


def test_flags_that_only_a_submission_has(run: Run, stub: Stub) -> None:
    """A wait does not take them."""
    told = resumed(run, stub, "to-obs --path /b/d/ --wait --queue-timeout 5m --reconcile-timeout 9s")
    assert told == "modelarts-export wait abc t1"


def test_the_endpoint(run: Run, stub: Stub) -> None:
    """Without it, the command would go elsewhere."""
    elsewhere = {"MODELARTS_EXPORT_ENDPOINT": "http://127.0.0.1:9"}
    told = resumed(run, stub, f"wait abc t1 --endpoint {stub.url}", **elsewhere)
    assert told == f"modelarts-export wait abc t1 --endpoint {stub.url}"


def test_the_command_is_one_that_works(run: Run, stub: Stub) -> None:
    """Read by a shell, it ends with the task."""
    told = resumed(run, stub, f"to-obs --path /b/d/ --wait --insecure --endpoint {stub.url} --heartbeat 5m")
    stub.body = saying("SUCCESSED").body
    assert run(shlex.split(told)[1:], **stub.variables).code == 0


def test_words_that_a_shell_would_split(run: Run, stub: Stub, tmp_path: Path) -> None:
    """They are quoted."""
    bundle = tmp_path / "authorities; of 'ours' $(date).pem"
    bundle.write_text("nobody reads it: the stub speaks no TLS")
    told = resumed(run, stub, ["wait", "abc", "t1", "--ca-bundle", str(bundle)])
    assert str(bundle) not in told
    assert shlex.split(told)[4:6] == ["--ca-bundle", str(bundle)]


@pytest.mark.parametrize(
    ("flags", "shown"), [("", " --project-id from-spec"), ("--project-id flag", " --project-id flag")]
)
def test_the_project_of_a_spec(run: Run, stub: Stub, tmp_path: Path, flags: str, shown: str) -> None:
    """The command has no spec, and the task is in that project; a flag wins, as it did before."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("project_id: from-spec\ndataset_id: in-spec\npath: /b/d/\n")
    told = resumed(run, stub, f"to-obs -f {spec} --wait {flags}")
    assert told == f"modelarts-export wait in-spec t1{shown}"


def test_a_project_that_everybody_knows_is_not_said(run: Run, stub: Stub, tmp_path: Path) -> None:
    """The environment has it already."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("project_id: '0123'\npath: /b/d/\n")
    told = resumed(run, stub, f"to-obs -f {spec} --wait")
    assert told == "modelarts-export wait abc t1"


def test_nothing_secret_is_in_it(run: Run, stub: Stub) -> None:
    """Secrets come from the environment, and stay there."""
    secrets = {"HUAWEICLOUD_SDK_SECURITY_TOKEN": "STEXAMPLETOKEN0123456789"}
    told = resumed(run, stub, "wait abc t1 --debug", **secrets)
    hidden = [*secrets.values(), stub.variables["HUAWEICLOUD_SDK_SK"], stub.variables["HUAWEICLOUD_SDK_AK"]]
    assert [secret for secret in hidden if secret in told] == []
    assert told == "modelarts-export wait abc t1"
