"""Each output format: a task, several tasks, and an error."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from modelarts_export.api.task import ExportTask
from modelarts_export.cli.options.output_style import FORMATS, OutputOptions
from modelarts_export.cli.output.console import Console
from modelarts_export.cli.output.renderers import Renderer, make_renderer
from modelarts_export.errors import NotFoundError
from modelarts_export.sanitize import Redactor

RAW = {"status": "RUNNING", "path": "/b/d/", "unheard_of": 7}
TASKS = [ExportTask(task_id=name, dataset_id="ds", project_id="p", raw=RAW) for name in ("t1", "t2")]
ERROR = NotFoundError("no such dataset", hint="check the ID", error_code="ModelArts.4352", http_status=404)


def write(output: str, show: Callable[[Renderer], object]) -> tuple[str, str]:
    """Return what a renderer writes to stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, environ={}, redactor=Redactor())
    show(make_renderer(OutputOptions(output=output), console))
    return out.getvalue(), err.getvalue()


def read_table(out: str) -> list[list[str]]:
    """Return the first two words of each line."""
    return [line.split()[:2] for line in out.splitlines()]


def read_names(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the ID of a task that was written as data, or those of several."""
    return [each["task_id"] for each in value] if isinstance(value, list) else value["task_id"]


FACTS = [["Task", "t1"], ["Status", "running"], ["Path", "/b/d/"], ["Dataset", "ds"], ["Project", "p"]]
ROWS = [["TASK", "STATUS"], ["t1", "running"], ["t2", "running"]]
# How the format is read, what one task is, and what two are.
EXPECTED: dict[str, tuple[Callable[[str], Any], Any, Any]] = {
    "table": (read_table, FACTS, ROWS),
    "wide": (read_table, [*FACTS, ["Unheard", "of"]], ROWS),
    "json": (lambda out: read_names(json.loads(out)), "t1", ["t1", "t2"]),
    "yaml": (lambda out: read_names(yaml.safe_load(out)), "t1", ["t1", "t2"]),
    "id": (str.split, ["t1"], ["t1", "t2"]),
}
AS_TEXT = "error: no such dataset\nhint: check the ID\n"


@pytest.mark.parametrize("output", FORMATS)
def test_one_task_and_several(output: str) -> None:
    read, one, several = EXPECTED[output]
    out, err = write(output, lambda renderer: renderer.task(TASKS[0]))
    assert (read(out), err) == (one, "")
    out, err = write(output, lambda renderer: renderer.tasks(TASKS, detailed=False))
    assert (read(out), err) == (several, "")


@pytest.mark.parametrize("output", FORMATS)
def test_error_is_on_stderr(output: str) -> None:
    """As an object with JSON, else as text."""
    out, err = write(output, lambda renderer: renderer.error(ERROR))
    assert out == ""
    if output == "json":
        assert {**json.loads(err), "problems": None} == {
            "error": "no such dataset",
            "hint": "check the ID",
            "error_code": "ModelArts.4352",
            "http_status": 404,
            "request_id": None,
            "exit_code": 3,
            "problems": None,
        }
    else:
        assert err == AS_TEXT


def test_table_is_not_the_format_of_another_name() -> None:
    """A name without a renderer of its own would print a table."""
    written = {
        output: write(output, lambda renderer: renderer.tasks(TASKS, detailed=False)) for output in FORMATS
    }
    assert len(set(written.values())) == len(FORMATS)
