"""The IDs of projects, datasets, tasks and versions: what they may consist of."""

import re

from modelarts_export.quoting import InterpolatedString, quote

IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


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
