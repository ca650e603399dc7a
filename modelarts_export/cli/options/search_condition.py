"""The value of `--search`, as key=value pairs or as YAML, parsed into the mapping that a spec has."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelarts_export.quoting import describe_unknown_field
from modelarts_export.request.fields import iter_fields
from modelarts_export.request.models import SearchCondition


@dataclass(frozen=True, kw_only=True)
class ShortForm:
    """The key of a field that is a mapping, and examples of pairs with their meanings."""

    key: str
    examples: Mapping[str, str]


SHORT_FORMS: Mapping[str, ShortForm] = {
    "label_list": ShortForm(
        key="label",
        examples={"label=cat,dog": "any of these labels", "label=cat+dog": "all of these labels"},
    ),
    "metadata": ShortForm(
        key="meta.KEY", examples={"meta.camera=left,right": "the property camera with any of these values"}
    ),
}
_OPERATORS = {",": "OR", "+": "AND"}
_KEYS = [
    *(form.key for form in SHORT_FORMS.values()),
    *(name for name in SearchCondition.model_fields if name not in SHORT_FORMS),
]


def list_pairs() -> dict[str, Mapping[str, str]]:
    """Return examples of pairs with their meanings for each field of a condition, short forms first."""
    pairs = {name: form.examples for name, form in SHORT_FORMS.items()}
    for each in iter_fields(SearchCondition):
        example = str(each.example).lower() if each.example is True else each.example
        pairs.setdefault(each.name, {f"{each.name}={example}": each.help})
    return pairs


def parse_condition(text: str) -> dict[str, Any]:
    """Return the search condition as a mapping. Raises ValueError for invalid syntax or an unknown field."""
    return _parse_yaml(text) if text.lstrip().startswith("{") else _parse_pairs(text)


def _parse_yaml(text: str) -> Any:  # noqa: ANN401 - the validation reports what is no mapping
    from modelarts_export.documents.yaml_reader import UnreadableError, load_documents  # noqa: PLC0415 - explain loads no yaml

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
    if key in SHORT_FORMS:
        raise ValueError(f"{key} is a mapping; write {SHORT_FORMS[key].key}=..., or the condition as {{...}}")
    if key not in SearchCondition.model_fields:
        raise ValueError(describe_unknown_field(key, _KEYS))
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
