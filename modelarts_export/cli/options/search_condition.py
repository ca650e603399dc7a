"""A `--search` condition, as words or as YAML, read into the mapping that a spec would have."""

import shlex
from collections.abc import Mapping
from typing import Any

from modelarts_export.documents.yaml_reader import UnreadableError, load_documents
from modelarts_export.request.enums import did_you_mean
from modelarts_export.request.models import SearchCondition

_OPERATORS = {",": "OR", "+": "AND"}
_SHORT_FORMS = {"label_list": "label", "metadata": "meta.KEY"}
_KEYS = [*_SHORT_FORMS.values(), *(name for name in SearchCondition.model_fields if name not in _SHORT_FORMS)]


def parse_condition(text: str) -> dict[str, Any]:
    """Return the condition that the text writes. Raises ValueError that says what is wrong with it."""
    return _parse_yaml(text) if text.lstrip().startswith("{") else _parse_words(text)


def _parse_yaml(text: str) -> Any:  # noqa: ANN401 - a mapping, or what the validation will refuse
    try:
        documents = list(load_documents(text))
    except UnreadableError as error:
        raise ValueError(f"{text!r} is no YAML at column {error.mark.column}: {error}") from None
    faults = [fault.message for document in documents for fault in document.problems]
    if faults or len(documents) != 1:
        raise ValueError("; ".join(faults) or "write one condition, and --search again for the next")
    return documents[0].value


def _parse_words(text: str) -> dict[str, Any]:
    condition: dict[str, Any] = {}
    for word in _split_words(text):
        key, _, value = word.partition("=")
        if not key or not value:
            raise ValueError(f"{word!r} is not key=value")
        name, part = _parse_word(key, value)
        if name == "metadata" and name in condition:
            part = _merge(condition[name], part, key)
        elif name in condition:
            raise ValueError(f"the key {key!r} stands in the condition a second time")
        condition[name] = part
    if not condition:
        raise ValueError("a condition has at least one key=value")
    return condition


def _split_words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError(f"{text!r} has a quote or a backslash without its end") from None


def _parse_word(key: str, value: str) -> tuple[str, Any]:
    """Return the API's field and value for one word."""
    if key == "label":
        return "label_list", _parse_labels(value)
    if key.startswith("meta.") and key != "meta.":
        return "metadata", {"props": {key.removeprefix("meta."): value.split(",")}}
    if key in _SHORT_FORMS:
        raise ValueError(f"{key} has parts; write {_SHORT_FORMS[key]}=..., or the whole condition as {{...}}")
    if key not in SearchCondition.model_fields:
        raise ValueError(f"unknown key {key!r}{did_you_mean(key, _KEYS)}")
    return key, value


def _parse_labels(value: str) -> dict[str, Any]:
    """Read `cat,dog` as any of the labels and `cat+dog` as all of them; one label has no operator."""
    found = [sign for sign in _OPERATORS if sign in value]
    if len(found) > 1:
        raise ValueError(f"label={value} mixes , and +; write the whole condition as {{label_list: ...}}")
    names = value.split(found[0]) if found else [value]
    if not all(names):
        raise ValueError(f"label={value} has an empty label")
    labels = {"labels": [{"name": name} for name in names]}
    return {**labels, "op": _OPERATORS[found[0]]} if found else labels


def _merge(earlier: Mapping[str, Any], later: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Ask for all the metadata of a condition, as all of its words must fit."""
    if earlier["props"].keys() & later["props"].keys():
        raise ValueError(f"the key {key!r} stands in the condition a second time")
    return {"op": "AND", "props": {**earlier["props"], **later["props"]}}
