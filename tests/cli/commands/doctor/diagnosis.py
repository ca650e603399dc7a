"""A run of `doctor`, and the rows of its checks."""

import json
from collections.abc import Mapping
from typing import Any

from tests.conftest import Outcome, Run

KEYS = "HUAWEICLOUD_SDK_AK HUAWEICLOUD_SDK_SK"


def diagnose(run: Run, line: str = "", **variables: str) -> tuple[Outcome, dict[str, list[dict[str, Any]]]]:
    """Return the outcome of `doctor -o json`, and its rows by the name of the check."""
    outcome = run(f"doctor {line} -o json", **variables)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(outcome.out):
        rows.setdefault(row["check"], []).append(row)
    return outcome, rows


def get_statuses(rows: Mapping[str, list[dict[str, Any]]], *names: str) -> list[str]:
    """Return the status of the last row of each check."""
    return [rows[name][-1]["status"] for name in names]
