"""The IDs of projects, datasets, tasks and versions: what they may consist of."""

import re

from modelarts_export.quoting import InterpolatedString, quote

IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NAMED = re.compile("name:(.{1,100})")
DATASET_PATTERN = f"{IDENTIFIER.pattern}|{_NAMED.pattern}"
"""What `check_dataset` accepts, as a regular expression."""


def is_identifier(text: str) -> bool:
    """Return whether commands accept this as an ID: a shell and an option parser take it for a word."""
    return IDENTIFIER.fullmatch(text) is not None


def check_identifier(value: str) -> str:
    """Return a project, dataset, task or version ID. Raises ValueError for anything else."""
    if not value and isinstance(value, InterpolatedString):
        raise ValueError(f"{quote(value)} is empty, and an ID is required")
    if not is_identifier(value):
        raise ValueError(
            f"{quote(value)} is not an ID: 1 to 64 letters, digits, _, . and -, the first no . or -"
        )
    return value


def check_dataset(value: str) -> str:
    """Return a dataset ID, or name:NAME with the name of a dataset. Raises ValueError for anything else.

    The documents disagree on the characters of a name; the list of datasets decides whether one has it.
    """
    if not value.startswith("name:"):
        return check_identifier(value)
    if not _NAMED.fullmatch(value):
        raise ValueError(f"{quote(value)} has no name of 1 to 100 characters after name:")
    return value


def get_dataset_name(value: str) -> str | None:
    """Return the name in name:NAME, and None for an ID."""
    match = _NAMED.fullmatch(value)
    return match[1] if match else None
