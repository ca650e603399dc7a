"""Specs that Python code loads: their exports, their variables, and their problems."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelarts_export import InvalidInputError, ToNewDataset, ToObs, load_specs

NO_VARIABLES: dict[str, str] = {}


def write(folder: Path, name: str, text: str) -> Path:
    """Write a spec and return its path."""
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_exports_of_a_directory_are_loaded_in_order(tmp_path: Path) -> None:
    """Each document is an export with the dataset and the name beside its request."""
    new = "export_dest: NEW_DATASET, export_new_dataset_name: cats, export_new_dataset_work_path: /b/work/"
    write(tmp_path, "b.yaml", f"path: /b/in/\nexport_params: {{{new}}}\n---\npath: /b/3/\nname: last\n")
    write(tmp_path, "a.yaml", "dataset_id: one\nproject_id: p1\npath: /b/1/\n")
    write(tmp_path / "more", "c.yaml", "path: /b/4/\n")
    first, second, third = load_specs(tmp_path, environ=NO_VARIABLES)
    assert (first.dataset_id, first.project_id, first.name) == ("one", "p1", None)
    assert first.request == ToObs(path="/b/1/")
    assert isinstance(second.request, ToNewDataset)
    assert (third.name, third.dataset_id) == ("last", None)
    assert len(load_specs(str(tmp_path), recursive=True, environ=NO_VARIABLES)) == 4


def test_body_of_a_loaded_request_makes_the_same_request(tmp_path: Path) -> None:
    """A scheduler keeps the body of a request between its processes as JSON."""
    spec = "path: /b/1/\nexport_type: labeled\nexport_params: {samples: [a]}\n"
    [export] = load_specs(write(tmp_path, "a.yaml", spec), environ=NO_VARIABLES)
    assert ToObs(**export.request.to_dict()).to_bytes() == export.request.to_bytes()


def test_variables_are_those_given_and_those_meant_for_specs(tmp_path: Path) -> None:
    spec = write(tmp_path, "a.yaml", "path: /b/${GIVEN}/${MEANT}/${now:%Y-%m-%d}/\n")
    environ = {"MODELARTS_EXPORT_VAR_MEANT": "2", "MODELARTS_EXPORT_VAR_GIVEN": "3"}
    now = datetime(2026, 1, 2, tzinfo=UTC)
    [export] = load_specs(spec, variables={"GIVEN": "1"}, now=now, environ=environ)
    assert export.request.path == "/b/1/2/2026-01-02/"
    with pytest.raises(InvalidInputError, match=r"\$\{MEANT\} is not defined"):
        load_specs(spec, variables={"GIVEN": "1"}, environ={"MEANT": "2"})


def test_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    spec = write(tmp_path, "a.yaml", "path: /b/${X}/\n")
    environ = {"HUAWEICLOUD_SDK_SK": "SKexample0123456789"}
    with pytest.raises(InvalidInputError, match="would put a secret into the request") as caught:
        load_specs(spec, variables={"X": "SKexample0123456789"}, environ=environ)
    assert "SKexample" not in str(caught.value)


def test_problems_of_all_specs_are_one_error(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "path: /b/1/\nexprt_type: all\n")
    write(tmp_path, "b.yaml", "path: /b/1/\n")
    with pytest.raises(InvalidInputError) as caught:
        load_specs(tmp_path, environ=NO_VARIABLES)
    assert [(Path(each.file or "").name, each.line) for each in caught.value.problems] == [
        ("a.yaml", 2),
        ("b.yaml", 1),
    ]


def test_warnings_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_specs(write(tmp_path, "a.yaml", "path: /b/\n"), environ=NO_VARIABLES)
    assert "root" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"variables": {"X": 1}}, r"variables\['X'\]: must be str, not int"),
        ({"variables": ["X=1"]}, "variables: must be Mapping, not list"),
        ({"now": "today"}, "now: must be datetime, not str"),
        ({"recursive": "yes"}, "recursive: must be bool, not str"),
    ],
)
def test_argument_of_another_type_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        load_specs(**arguments)


def test_file_of_another_type_is_named() -> None:
    with pytest.raises(InvalidInputError, match="files: must be str or PathLike, not list"):
        load_specs(["a.yaml"])  # type: ignore[arg-type]
