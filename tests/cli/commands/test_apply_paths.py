"""The command apply with options about older tasks, where its exports write near each other."""

import json
from pathlib import Path

import pytest

from tests.conftest import Cloud, Outcome, Run

NEW_DATASET = """\
path: /d/out/
export_params:
  export_dest: NEW_DATASET
  export_new_dataset_name: new
  export_new_dataset_work_path: /c/work/
"""


def apply(run: Run, cloud: Cloud, flags: str, *specs: str) -> Outcome:
    """Run apply with these specs on stdin."""
    text = "---\n".join(specs)
    return run(f"apply - -o json {flags}", stdin=text.encode(), **cloud.variables)


@pytest.mark.parametrize("flags", ["", "--concurrency 1", "--reuse-running"])
def test_exports_of_one_batch_are_not_skipped_because_of_each_other(
    run: Run, cloud: Cloud, flags: str
) -> None:
    specs = [f"path: /b/{number}/\n" for number in range(3)]
    first = apply(run, cloud, f"--skip-if-running /b/ {flags}", *specs)
    assert (first.code, [row["skipped"] for row in json.loads(first.out)]) == (0, [False] * 3)
    assert len(cloud.created) == 3
    again = apply(run, cloud, "--skip-if-running /b/", *specs)
    assert [row["skipped"] for row in json.loads(again.out)] == [True] * 3


@pytest.mark.parametrize(("policy", "code"), [("fail", 2), ("warn", 0)])
@pytest.mark.parametrize(
    "other", ["path: /b/cats/old/\n", "path: /c/work/\ndataset_id: name:cats-and-dogs\n"]
)
def test_directories_in_each_other_are_told_before_anything_is_sent(
    run: Run, cloud: Cloud, policy: str, code: int, *, other: str
) -> None:
    """Also a work path, and where one spec names the dataset."""
    outcome = apply(run, cloud, f"--if-path-used {policy}", other, "path: /b/cats/\n", NEW_DATASET)
    assert outcome.code == code
    assert len(cloud.created) == (0 if code else 3)
    assert outcome.err.count(" is used already: <stdin>:") == 1 + (code and 1)  # the error and its problem
    plan = apply(run, cloud, f"--if-path-used {policy} --dry-run", other, "path: /b/cats/\n")
    assert plan.code == (code if "cats/old" in other else 0)


def test_directories_of_other_datasets_do_not_matter(run: Run, cloud: Cloud) -> None:
    other = "path: /b/cats/old/\ndataset_id: sandbox-slow\n"
    assert apply(run, cloud, "--if-path-used fail", other, "path: /b/cats/\n").code == 0


def test_path_is_a_directory_name_of_its_own(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    """A name that begins with another one is not below it."""
    (tmp_path / "a.yaml").write_text("path: /b/cat/\n---\npath: /b/cats/\n")
    assert run(f"apply {tmp_path} --if-path-used fail", **cloud.variables).code == 0
