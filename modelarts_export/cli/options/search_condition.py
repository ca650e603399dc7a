"""The value of `--search`, as key=value pairs or as YAML, parsed into the mapping that a spec has."""

import shlex
from collections.abc import Mapping
from typing import Any

from modelarts_export.documents.yaml_reader import UnreadableError, load_documents
from modelarts_export.quoting import did_you_mean
from modelarts_export.request.models import SearchCondition

_OPERATORS = {",": "OR", "+": "AND"}
_SHORT_FORMS = {"label_list": "label", "metadata": "meta.KEY"}
_KEYS = [*_SHORT_FORMS.values(), *(name for name in SearchCondition.model_fields if name not in _SHORT_FORMS)]


def parse_condition(text: str) -> dict[str, Any]:
    """Return the search condition as a mapping. Raises ValueError for invalid syntax or an unknown field."""
    return _parse_yaml(text) if text.lstrip().startswith("{") else _parse_pairs(text)


def _parse_yaml(text: str) -> Any:  # noqa: ANN401 - the validation reports what is no mapping
    try:
        documents = list(load_documents(text))
    except UnreadableError as error:
        raise ValueError(f"{text!r} is not valid YAML at column {error.mark.column}: {error}") from None
    problems = [problem.message for document in documents for problem in document.problems]
    if problems or len(documents) != 1:
        raise ValueError(
            "; ".join(problems) or "one --search takes one condition; repeat --search for another"
        )
    return documents[0].value


def _parse_pairs(text: str) -> dict[str, Any]:
    try:
        pairs = shlex.split(text)
    except ValueError:
        raise ValueError(f"{text!r} has an unclosed quote or ends in a backslash") from None
    condition: dict[str, Any] = {}
    for pair in pairs:
        key, _, text_value = pair.partition("=")
        if not key or not text_value:
            raise ValueError(f"{pair!r} is not key=value")
        name, value = _parse_pair(key, text_value)
        if name == "metadata" and name in condition:
            value = _merge_metadata(condition[name], value, key)
        elif name in condition:
            raise ValueError(f"duplicate key {key!r}")
        condition[name] = value
    if not condition:
        raise ValueError("a condition has at least one key=value")
    return condition


def _parse_pair(key: str, value: str) -> tuple[str, Any]:
    """Return the API's name and value for one pair."""
    if key == "label":
        return "label_list", _parse_labels(value)
    if key.startswith("meta.") and key != "meta.":
        return "metadata", {"props": {key.removeprefix("meta."): value.split(",")}}
    if key in _SHORT_FORMS:
        raise ValueError(f"{key} is a mapping; write {_SHORT_FORMS[key]}=..., or the condition as {{...}}")
    if key not in SearchCondition.model_fields:
        raise ValueError(f"unknown field {key!r}{did_you_mean(key, _KEYS)}")
    return key, value


def _parse_labels(value: str) -> dict[str, Any]:
    """Parse `cat,dog` as any of the labels and `cat+dog` as all of them; one label has no operator."""
    separators = [each for each in _OPERATORS if each in value]
    if len(separators) > 1:
        raise ValueError(f"label={value} mixes , and +; write the condition as {{label_list: ...}}")
    names = value.split(separators[0]) if separators else [value]
    if not all(names):
        raise ValueError(f"label={value} has an empty label")
    labels = {"labels": [{"name": name} for name in names]}
    return {**labels, "op": _OPERATORS[separators[0]]} if separators else labels


def _merge_metadata(first: Mapping[str, Any], second: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return both properties with AND, since a sample must match every pair of a condition."""
    if first["props"].keys() & second["props"].keys():
        raise ValueError(f"duplicate key {key!r}")
    return {"op": "AND", "props": {**first["props"], **second["props"]}}
