"""The systemd service and its timer, checked by systemd itself."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from modelarts_export.errors import ModelArtsExportError, TemporaryError, UnknownOutcomeError
from tests.conftest import Cloud
from tests.samples.sample_files import PROGRAMS, ROOT, SAMPLES, read_sample, run_script

UNITS = ["modelarts-export.service", "modelarts-export.timer"]
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd is not installed; .ci/run installs it"
)


def read_settings(unit: str) -> dict[str, str]:
    """Return the settings of a unit, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", read_sample(f"systemd/{unit}"))
    return dict(line.split("=", 1) for line in text.splitlines() if re.match("[A-Z][A-Za-z]+=", line))


def verify(folder: Path) -> tuple[int, list[str]]:
    """Return the exit code of systemd-analyze, and what it says of our units in a folder."""
    command = ["systemd-analyze", "verify", "--man=no", *(str(folder / unit) for unit in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, [line for line in done.stderr.splitlines() if "modelarts-export" in line]


@needs_systemd
def test_units_are_valid(tmp_path: Path) -> None:
    """The program has to be there, so its path is that of the one under test; so has OnFailure='s unit."""
    (tmp_path / "send-mail@.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true %i\n")
    for unit in UNITS:
        text = read_sample(f"systemd/{unit}").replace("/opt/modelarts-export/bin", str(PROGRAMS))
        (tmp_path / unit).write_text(text)
    assert verify(tmp_path) == (0, [])
    service = tmp_path / UNITS[0]
    service.write_text(service.read_text().replace("#OnFailure", "OnFailure"))
    assert verify(tmp_path) == (0, [])
    service.write_text(service.read_text().replace("OnFailure=", "OnFailing="))
    assert "OnFailing" in verify(tmp_path)[1][0]


def test_comment_installs_what_the_units_name(tmp_path: Path) -> None:
    """Root alone reads the key; the user of DynamicUser= reads the spec."""
    lines = re.findall(r"^#   (.+)", read_sample("systemd/modelarts-export.service"), re.MULTILINE)
    script = "\n".join(line for line in lines if line.startswith("install "))
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    subprocess.run(["/bin/sh", "-ec", script.replace("/etc/", f"{tmp_path}/etc/")], cwd=ROOT, check=True)
    modes = {f"/{p.relative_to(tmp_path)}": p.stat().st_mode & 0o777 for p in tmp_path.rglob("*.*")}
    units = {f"/etc/systemd/system/{unit}": 0o644 for unit in UNITS}
    spec, variables = "/etc/modelarts-export/nightly.yaml", "/etc/modelarts-export/export.env"
    assert modes == {**units, spec: 0o644, variables: 0o600}
    settings = read_settings("modelarts-export.service")
    assert (settings["EnvironmentFile"], settings["DynamicUser"]) == (variables, "yes")
    assert f" -f {spec} " in settings["ExecStart"]
    assert lines[-1] == f"systemctl enable --now {UNITS[1]}"


@needs_systemd
def test_timer_elapses_every_night() -> None:
    calendar = read_settings("modelarts-export.timer")["OnCalendar"]
    command = ["systemd-analyze", "calendar", "--iterations=3", calendar]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(set(re.findall(r"\d{4}-\d\d-\d\d 02:15:00", done.stdout))) == 3


def test_service_exports_and_skips(instant: Cloud, tmp_path: Path) -> None:
    """Its command line, run twice: the second one reuses the task of the first."""
    line = read_settings("modelarts-export.service")["ExecStart"]
    line = line.replace("/etc/modelarts-export", str(SAMPLES)).replace(
        "/opt/modelarts-export/bin", str(PROGRAMS)
    )
    for _ in range(2):
        outcome = run_script(shlex.join(shlex.split(line)), tmp_path, instant)
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert len(instant.created) == 1


def test_service_is_restarted_where_it_may_run_again() -> None:
    """And stopped by the timeout of the command, not by that of systemd."""
    settings = read_settings("modelarts-export.service")
    final = set(map(int, settings["RestartPreventExitStatus"].split()))
    codes = {each.exit_code for each in iter_errors(ModelArtsExportError)} - {9, 130, 141, 143}
    assert codes - final == {TemporaryError.exit_code, UnknownOutcomeError.exit_code}
    assert settings["TimeoutStartSec"] == "7h"
    assert "--timeout 6h" in settings["ExecStart"]
    assert "--reuse-within 20h" in settings["ExecStart"]  # 6h after the start, or by hand in the evening


def iter_errors(kind: type[ModelArtsExportError]) -> set[type[ModelArtsExportError]]:
    """Return a class of errors and all below it."""
    return {kind}.union(*(iter_errors(each) for each in kind.__subclasses__()))
