"""The spec files that a user names: a file is itself, and a directory is the spec files in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from modelarts_export.documents.files import STDIN, format_name, to_path
from modelarts_export.errors import InvalidInputError, Problem, make_invalid_input_error

SUFFIXES = (".yaml", ".yml", ".json")


def find_spec_files(names: Sequence[str], *, recursive: bool) -> tuple[list[str], list[Problem]]:
    """Return the files of all names, and a problem for each directory that cannot be read or has none.

    With `recursive`, directories in directories are searched too. A file that is named and also found in a
    directory is returned once, and one that is named twice is a problem.
    """
    files: dict[str, str] = {}  # by what tells that two names are of one file
    problems: list[Problem] = []
    named: set[str] = set()
    for name in names:
        is_directory = name not in ("", STDIN) and os.path.isdir(to_path(name))  # noqa: PTH112 - it raises nothing
        try:
            found = _search(name, recursive=recursive) if is_directory else [name]
        except InvalidInputError as error:
            problems += error.problems or [Problem(message=str(error), file=name)]
            continue
        by_file = {_identify(file): file for file in found}
        if not is_directory and by_file.keys() & named:
            problems.append(Problem(message=f"{format_name(name)}: given twice", file=name))
        named |= set() if is_directory else by_file.keys()
        for key, file in by_file.items():
            files.setdefault(key, file)
    return list(files.values()), problems


def _identify(name: str) -> str:
    """Return what is the same for all names of a file; for stdin and an empty name, the name itself."""
    try:
        return name if name in ("", STDIN) else os.path.realpath(to_path(name))
    except ValueError:  # a NUL in the name
        return name


def _search(name: str, *, recursive: bool) -> list[str]:
    """Return the spec files of a directory, in the order of their names. Raises InvalidInputError.

    Hidden files and directories, such as .git, are omitted, and links to directories are not followed.
    """
    found: list[str] = []
    has_unsearched = False
    for folder, directories, names in os.walk(to_path(name), onerror=_refuse):
        specs = sorted(each for each in names if each.lower().endswith(SUFFIXES) and each[0] != ".")
        found += [str(Path(folder) / each) for each in specs]
        directories[:] = sorted(each for each in directories if each[0] != ".")
        if not recursive:
            has_unsearched = bool(directories)
            break
    if not found:
        not_searched = "; the directories in it were not searched" if has_unsearched else ""
        message = f"{name}: no {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file{not_searched}"
        raise make_invalid_input_error([Problem(message=message, file=name, has_unsearched=has_unsearched)])
    return found


def _refuse(error: OSError) -> None:
    raise InvalidInputError(f"{error.filename}: {(error.strerror or str(error)).lower()}")
