"""The loading of specs with values that win over theirs."""

from pathlib import Path
from typing import Any

import pytest

from modelarts_export.errors import InvalidInputError, Location
from modelarts_export.spec.loader import SpecSet, load_specs
from modelarts_export.spec.overrides import Overrides

NAMES: dict[Location, str] = {("path",): "--path", ("export_type",): "--export-type"}


def load(folder: Path, text: str, values: dict[Location, Any]) -> SpecSet:
    """Load a spec file of this text with overrides."""
    file = folder / "specs.yaml"
    file.write_text(text)
    overrides = Overrides(values=values, names=NAMES)
    return load_specs([str(file)], lambda each: each, 5, overrides=overrides)


def test_override_wins_in_each_document(tmp_path: Path) -> None:
    text = "path: /b/one/\nexport_type: all\n---\npath: /b/two/\n"
    specs = load(tmp_path, text, {("export_type",): "labeled", ("export_params", "sample_state"): "accepted"})
    bodies = [each.export.request.to_dict() for each in specs.exports]
    assert [(body["path"], body["export_type"]) for body in bodies] == [("/b/one/", 0), ("/b/two/", 0)]
    assert [body["export_params"]["sample_state"] for body in bodies] == ["__ACCEPTED__"] * 2


def test_problem_is_located_at_the_override_that_has_it_and_else_in_the_spec(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(tmp_path, "path: b\nexport_type: all\nversion_format: x\n", {("export_type",): "serch"})
    places = [problem.place.rpartition("/")[2] for problem in caught.value.problems]
    assert places == ["--export-type", "specs.yaml:1:7", "specs.yaml:3:17"]


def test_override_of_the_path_gives_two_specs_the_same_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(tmp_path, "path: /b/one/\n---\npath: /b/two/\n", {("path",): "/b/three/"})
    (problem,) = caught.value.problems
    assert problem.place == "--path"
    assert "specs.yaml:1 writes to /b/three/ too" in problem.message
