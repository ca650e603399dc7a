"""Errors carry facts, which their constructors set."""

import ast

import pytest

from modelarts_export.errors import (
    ErrorFacts,
    MissingSettingError,
    ModelArtsExportError,
    NotFoundError,
    Problem,
    UnknownOutcomeError,
)
from tests.test_architecture import MODULES

FACTS = {*ErrorFacts.__annotations__, "task_ids", "server_gave_up", "since", "omitted"}


def test_facts_of_an_error_are_set_by_its_constructor_only() -> None:
    """Who knows more makes a copy: an error that two tasks share must not get the hint of one of them."""
    found = [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in FACTS
        if ast.unparse(node.value) != "self"
    ]
    assert found == []


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError(
            "no task", error_code="ModelArts.4352", http_status=404, problems=[Problem(message="x")]
        ),
        MissingSettingError("no endpoint", setting="endpoint"),
        UnknownOutcomeError("lost", since=5.0, task_ids=["task"], tasks=["task"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_copy_of_an_error_differs_in_its_hint_only(error: ModelArtsExportError) -> None:
    before = dict(vars(error))
    copied = error.copy_with(hint="do this")
    assert (type(copied), str(copied)) == (type(error), str(error))
    assert vars(copied) == {**before, "hint": "do this"}
    assert vars(error) == before
