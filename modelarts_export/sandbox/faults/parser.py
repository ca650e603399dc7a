"""Parser of faults in the form `KIND[:KEY=VALUE,...]`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from modelarts_export.sandbox.faults.catalog import KEYS, KINDS, RETRY, Fault, FaultKind

DescribeInvalid = Callable[[str, str, Sequence[str]], str]


def _describe_invalid(word: str, noun: str, _known: Sequence[str]) -> str:
    return f"{word!r} is not a valid {noun}"


def parse_fault(
    text: str, duration: Callable[[str], float], describe_invalid: DescribeInvalid = _describe_invalid
) -> Fault:
    """Parse a fault; `duration` parses a time into seconds.

    Raises ValueError, which names the wrong part; of a word that is not one of the known ones it says what
    `describe_invalid` returns for the word, what it should be, and the known words.
    """
    first, colon, rest = text.partition(":")
    require = partial(_require_one_of, describe_invalid)
    name = require(KINDS, first.strip().lower(), "fault")
    try:
        given = _split_pairs(rest) if colon else {}
        return _make_fault(name, given, duration, require)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _require_one_of(describe_invalid: DescribeInvalid, words: Iterable[str], word: str, noun: str) -> str:
    known = list(words)
    if word not in known:
        raise ValueError(describe_invalid(word, noun, known))
    return word


def _make_fault(
    name: str, given: Mapping[str, str], duration: Callable[[str], float], require: Callable[..., str]
) -> Fault:
    kind = KINDS[name]
    for key in given:
        require(kind.keys, key, "key")
    for key in kind.required:
        if key not in given:
            raise ValueError(f"{key} is missing; write {name}:{key}={KEYS[key][0]}")
    if given.keys() >= {*RETRY}:
        raise ValueError(f"{' and '.join(RETRY)} are one header; write one of them")
    words = {"on": kind.on, **kind.defaults, **kind.fixed, **given}
    return Fault(
        kind=name, **dict(_parse_field(kind, key, word, duration, require) for key, word in words.items())
    )


def _split_pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in text.split(","):
        key, _, value = (word.strip() for word in part.partition("="))
        key = key.lower()
        if not key or not value:
            raise ValueError(f"{part!r} is not KEY=VALUE")
        if key in pairs:
            raise ValueError(f"{key} is given twice")
        pairs[key] = value
    return pairs


def _parse_field(
    kind: FaultKind, key: str, word: str, duration: Callable[[str], float], require: Callable[..., str]
) -> tuple[str, Any]:
    """Return the field of a Fault that a key sets, and its value."""
    fields: Mapping[str, tuple[str, Callable[[str], object]]] = {
        "for": ("duration", duration),
        "skew": ("skew", lambda text: -duration(text[1:]) if text.startswith("-") else duration(text)),
        "accepted": ("accepted", lambda text: require(("yes", "no"), text.lower(), "value") == "yes"),
        "by": ("reset", lambda text: require(("fin", "rst"), text.lower(), "value") == "rst"),
        "at": ("at", _parse_number),
        "code": ("code", _parse_code),
        "retry-after": ("retry_after", duration),
        "retry-at": ("retry_at", duration),
        "on": (
            "on",
            lambda text: frozenset(require(kind.calls, call, "call") for call in text.lower().split("+")),
        ),
        "count": ("count", _parse_count),
        "after": ("after", _parse_number),
        "probability": ("probability", _parse_probability),
    }
    name, value_of = fields[key]
    try:
        return name, value_of(word)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _parse_number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _parse_count(text: str) -> int:
    if not _parse_number(text):
        raise ValueError("must be 1 or more")
    return int(text)


def _parse_probability(text: str) -> float:
    if not re.fullmatch(r"[01]|[01]?\.[0-9]{1,9}", text) or not 0 < float(text) <= 1:
        raise ValueError(f"{text!r} is not a number above 0 and up to 1, such as 0.2")
    return float(text)


def _parse_code(text: str) -> str | None:
    if text.lower() == "none":
        return None
    if not re.fullmatch(r"[A-Za-z]+\.[0-9]+", text):
        raise ValueError(f"{text!r} is neither an error code, such as ModelArts.0010, nor none")
    return text
