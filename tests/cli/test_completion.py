"""Completion: the candidates, and TAB in the real shells."""

import os
import shutil
from pathlib import Path

import pytest

from modelarts_export.cli.options.completion import complete_fault, make_completion
from tests.support.shells import complete, install

SHELLS = [
    pytest.param(
        shell,
        marks=pytest.mark.skipif(
            not shutil.which(shell) and "CI" not in os.environ, reason=f"{shell} is not installed"
        ),
    )
    for shell in ("bash", "zsh", "fish")
]
STATES = ["running", "failed", "FINISHED"]


@pytest.mark.parametrize(
    ("incomplete", "candidates"),
    [
        ("", STATES),
        ("r", ["running"]),
        ("f", ["failed", "finished"]),
        ("F", ["failed", "FINISHED"]),
        ("x", []),
        ("running,", ["running,failed", "running,FINISHED"]),
        ("running,failed,fi", ["running,failed,finished"]),
        ("other,r", ["other,running"]),
    ],
)
def test_word_after_a_comma_is_completed(incomplete: str, candidates: list[str]) -> None:
    """A word that was given before is none of the candidates."""
    found = make_completion(STATES, separator=",")(incomplete)
    assert [each.lower() for each in found] == [each.lower() for each in candidates]


def test_value_without_a_separator_is_one_word() -> None:
    assert make_completion(["a,b", "c"])("a,") == ["a,b"]
    assert make_completion(["a", "b"])("a,") == []


def test_candidate_begins_as_the_value_in_its_letter_case() -> None:
    """Otherwise the shell drops it."""
    assert make_completion(["VOC", "COCO"])("vo") == ["voc"]
    assert make_completion(["VOC", "COCO"])("VO") == ["VOC"]


@pytest.mark.parametrize(
    ("incomplete", "candidates"),
    [
        ("dro", ["drop"]),
        ("drop:", ["drop:accepted=", "drop:by="]),
        ("drop:by=rst,acc", ["drop:by=rst,accepted="]),
        ("drop:by=rst,b", []),
        ("none:", []),
    ],
)
def test_kind_and_keys_of_a_fault_are_completed(incomplete: str, candidates: list[str]) -> None:
    found = complete_fault(incomplete)
    assert [each for each in candidates if each not in found] == []
    assert bool(found) is bool(candidates)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a home with installed completion and a file for each shell that is asked for."""

    class Homes(dict[str, Path]):
        def __missing__(self, shell: str) -> Path:
            self[shell] = tmp_path_factory.mktemp(shell)
            (self[shell] / "spec.yaml").touch()
            assert f"{shell} completion installed in {self[shell]}" in install(shell, self[shell])
            return self[shell]

    return Homes()


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("to-obs --max-ret", "to-obs --max-retries"),
        ("list --status running,fa", "list --status running,failed"),
        ("list --status=fa", "list --status=failed"),
        ("to-obs --annotation-format vo", "to-obs --annotation-format voc"),
        ("to-obs --source-type-header s3", "to-obs --source-type-header s3://"),
        ("sandbox --fault drop:acc", "sandbox --fault drop:accepted="),
        ("validate spe", "validate spec.yaml"),
        ("explain state:run", "explain state:running"),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_the_line(shell: str, line: str, completed: str, homes: dict[str, Path]) -> None:
    """In an interactive bash and zsh, and in fish, which is asked for its candidates."""
    assert complete(shell, line, homes[shell]) == completed
