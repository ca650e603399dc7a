"""Credential files that cannot be read: a clear reason, exit code 4, and never a part of the file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from modelarts_export.documents.private_file import MAX_BYTES
from tests.conftest import Run
from tests.support.users import without_root

SECRET = "made-up-secret-of-a-bad-file"
FILES = {
    ".huaweicloud/credentials": {},
    ".hcloud/config.json": {},
    "sdk": {"HUAWEICLOUD_SDK_CREDENTIALS_FILE": "sdk"},
}


def make_fifo(file: Path) -> None:
    os.mkfifo(file)


def make_shared(file: Path) -> None:
    file.write_text(f'{{"{SECRET}": 1}}')
    file.chmod(0o602)


BAD: list[tuple[Callable[[Path], object], str]] = [
    (lambda file: file.write_bytes(b"[basic]\nak = \xff"), "not UTF-8 at byte 14"),
    (lambda file: file.write_bytes(b" " * (MAX_BYTES + 1)), "larger than 1 MiB"),
    (lambda file: file.mkdir(), "is a directory"),
    (make_fifo, "not a regular file"),
    (make_shared, "others can change this file"),
    (lambda file: file.symlink_to("missing"), "no such file"),
    (lambda file: file.symlink_to(file.name), "too many levels of symbolic links"),
    (lambda file: file.symlink_to("/dev/null"), "not a regular file"),
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("make", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_file_that_cannot_be_read_is_named_with_its_reason(
    run: Run, tmp_path: Path, name: str, make: Callable[[Path], object], reason: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    make(file)
    file_variables = {variable: str(tmp_path / value) for variable, value in FILES[name].items()}
    outcome = run("list abc --endpoint http://127.0.0.1:9", **file_variables)
    assert (outcome.code, outcome.out) == (4, "")
    assert reason in outcome.err
    assert (name if name != "sdk" else str(file)) in outcome.err
    assert SECRET not in outcome.err


def test_file_without_permission_to_read(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".huaweicloud" / "credentials"
    file.parent.mkdir()
    file.write_text("[basic]\n")
    line = "list abc --endpoint http://127.0.0.1:9"
    assert run(line).code == 4  # loads all modules
    file.chmod(0)
    with without_root():
        outcome = run(line)
    assert outcome.code == 4
    assert "~/.huaweicloud/credentials (permission denied)" in outcome.err


def test_group_may_change_a_file_only_if_it_is_the_users_own(run: Run, tmp_path: Path) -> None:
    """By a umask of 002 every file is like that."""
    file = tmp_path / ".huaweicloud" / "credentials"
    file.parent.mkdir()
    file.write_text("[basic]\nak=AK1\n")
    file.chmod(0o660)
    is_own = file.stat().st_uid == file.stat().st_gid
    reasons = {"sk missing": is_own, "others can change this file": not is_own}
    outcome = run("list abc --endpoint http://127.0.0.1:9")
    assert {reason: reason in outcome.err for reason in reasons} == reasons
    if os.geteuid() == 0:
        os.chown(file, 0, 12345)
        assert "others can change this file" in run("list abc --endpoint http://127.0.0.1:9").err
