"""The spec files that a user names: a file is itself, and a directory is the spec files in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from modelarts_export.documents.files import STDIN, to_path
from modelarts_export.errors import InvalidInputError, Problem

SUFFIXES = (".yaml", ".yml", ".json")
NOT_SEARCHED = "the directories in it were not searched"


def find_spec_files(names: Sequence[str], *, recursive: bool) -> tuple[list[str], list[Problem]]:
    """Return the files of all names, and a problem for each directory that cannot be read or has none.

    With `recursive`, directories in directories are searched too. A file of a directory that was named before
    is not repeated.
    """
    files: list[str] = []
    problems: list[Problem] = []
    for name in names:
        if name in ("", STDIN) or not os.path.isdir(to_path(name)):  # noqa: PTH112 - it raises nothing
            files.append(name)
            continue
        try:
            known = set(map(os.path.realpath, files))
            files += [
                file for file in _search(name, recursive=recursive) if os.path.realpath(file) not in known
            ]
        except InvalidInputError as error:
            problems.append(Problem(message=str(error), file=name))
    return files, problems


def _search(name: str, *, recursive: bool) -> list[str]:
    """Return the spec files of a directory, in the order of their names. Raises InvalidInputError.

    Hidden files and directories, such as .git, are omitted, and links to directories are not followed.
    """
    found: list[str] = []
    not_searched = ""
    for folder, directories, names in os.walk(to_path(name), onerror=_refuse):
        specs = sorted(each for each in names if each.lower().endswith(SUFFIXES) and each[0] != ".")
        found += [str(Path(folder) / each) for each in specs]
        directories[:] = sorted(each for each in directories if each[0] != ".")
        if not recursive:
            not_searched = f"; {NOT_SEARCHED}" if directories else ""
            break
    if not found:
        raise InvalidInputError(f"{name}: no {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file{not_searched}")
    return found


def _refuse(error: OSError) -> None:
    raise InvalidInputError(f"{error.filename}: {(error.strerror or str(error)).lower()}")
