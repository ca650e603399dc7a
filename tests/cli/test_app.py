"""The table of commands agrees with the commands, and completion builds none of them."""

import subprocess
import sys

import pytest

from modelarts_export.cli.app import COMMANDS, build_command
from tests.conftest import Run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_in_the_table_is_the_first_line_of_the_command(name: str) -> None:
    assert build_command(name).help.splitlines()[0] == COMMANDS[name].help


def test_every_command_is_listed(run: Run) -> None:
    listed = run("--help").out
    assert [name for name in COMMANDS if f"  {name} " not in listed] == []


def test_unknown_command_suggests_the_closest_name(run: Run) -> None:
    outcome = run("to-osb")
    assert (outcome.code, outcome.out) == (2, "")
    assert "to-obs" in outcome.err


def test_completion_of_a_name_builds_no_command() -> None:
    code = (
        "import os, sys; from modelarts_export.cli.main import main; main([]);"
        "print(*sys.modules, file=sys.stderr)"
    )
    variables = {
        "_MODELARTS_EXPORT_COMPLETE": "complete_bash",
        "COMP_LINE": "modelarts-export to-",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=variables
    )
    assert done.stdout.split() == ["to-obs", "to-new-dataset"]
    assert "modelarts_export.cli.commands.export" not in done.stderr.split()
