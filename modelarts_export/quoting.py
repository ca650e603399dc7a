"""Quoting of values in messages: shortened, and without the values of variables."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Self

MOST_CHOICES = 5  # as many as a reader takes in
MAX_LENGTH = 60  # characters of a value or a key in a message
_NAMED = 3  # of more choices
_OMITTED = re.compile(
    r"(?: is not a valid ([^()]+)|unknown (field) [^()]*) \(choose from [^()]* and \d+ more\)"
)
_LETTERS_PER_ERROR = 3
_MAX_ERRORS = 3
_SHORTEST_PART = 5  # letters of a word that may be the first part of a name with one typing error


class InterpolatedString(str):
    """A string in which `${…}` was replaced; messages show its source instead of its value."""

    __slots__ = ("source",)
    source: str

    def __new__(cls, value: str, source: str) -> Self:
        """`source` is the text before the replacement."""
        text = super().__new__(cls, value)
        text.source = source
        return text


class SourceNumber:
    """A number with its source text, so that 0.80 is sent as "0.80"."""

    __slots__ = ()
    source: str


def shorten(text: str) -> str:
    """Return a text of at most MAX_LENGTH characters, or the beginning of a longer one with an ellipsis."""
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"


def quote(value: object) -> str:
    """Format a value for a message."""
    if isinstance(value, InterpolatedString):
        return shorten(value.source)
    if isinstance(value, str):
        return repr(shorten(value))
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return shorten(repr(value))


def list_first(texts: Collection[str], most: int) -> str:
    """Return the first of some texts, and how many more there are: `a, b, c and 7 more`."""
    first = ", ".join(islice(texts, most))
    return f"{first} and {len(texts) - most:,} more" if len(texts) > most else first


def describe_invalid_choice(value: object, noun: str, choices: Sequence[str]) -> str:
    """Return `'serch' is not a valid export type (choose from …); did you mean 'search'?`.

    Of more than MOST_CHOICES, three are named, the nearest first.
    """
    is_text = isinstance(value, str) and not isinstance(value, InterpolatedString)
    nearest = find_nearest(str(value), choices) if is_text else None
    return f"{quote(value)} is not a valid {noun} {_list_choices(choices, nearest)}"


def describe_unknown_field(name: str, known: Sequence[str]) -> str:
    """Return `unknown field 'labl' (choose from …); did you mean 'label'?`, as describe_invalid_choice."""
    return f"unknown field {quote(name)} {_list_choices(known, find_nearest(name, known))}"


def _list_choices(choices: Sequence[str], nearest: str | None) -> str:
    listed = ", ".join(choices)
    if len(choices) > MOST_CHOICES:
        first = sorted(choices, key=lambda choice: choice != nearest)
        listed = list_first(first, _NAMED)
    return f"(choose from {listed}){f'; did you mean {nearest!r}?' if nearest else ''}"


def find_noun_of_omitted(message: str) -> str | None:
    """Return what is chosen if a message omits choices: export type, or field."""
    found = _OMITTED.search(message)
    return found and (found[1] or found[2])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'X'?" for the known word that was probably meant, or an empty string."""
    nearest = find_nearest(word, known)
    return f"; did you mean {nearest!r}?" if nearest else ""


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the first of the most similar words, in any letter case, or None without a similar one.

    The word may be the beginning of the known one, or have one typing error for each three letters, in whole
    or in its first part: `exprot` is export_type. A typing error is a letter that is missing, added, wrong or
    swapped with the next one.
    """
    word = _normalize(word)
    limit = min(len(word) // _LETTERS_PER_ERROR, _MAX_ERRORS)
    nearest, fewest = None, (limit + 1, False)
    for candidate in known if limit and len(word) <= MAX_LENGTH else ():
        for form, is_part in _iter_forms(_normalize(candidate), word):
            if abs(len(form) - len(word)) <= limit:
                errors = (_count_typing_errors(word, form), is_part)
                if is_part and errors[0] > (1 if len(word) >= _SHORTEST_PART else 0):
                    continue
                nearest, fewest = (candidate, errors) if errors < fewest else (nearest, fewest)
    return nearest


def _normalize(word: str) -> str:
    return word.lower().replace("-", "_").lstrip("_")


def _iter_forms(name: str, word: str) -> Iterator[tuple[str, bool]]:
    """Yield a name, each beginning of it that ends before an underscore, and the word if the name has it."""
    yield name, False
    parts = name.split("_")
    yield from (("_".join(parts[:count]), True) for count in range(1, len(parts)))
    if name.startswith(word):
        yield word, True


def _count_typing_errors(word: str, other: str) -> int:
    """Return the Damerau-Levenshtein distance (optimal string alignment)."""
    before, previous = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        current = [i]
        for j, expected in enumerate(other, 1):
            errors = min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (letter != expected))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == expected:
                errors = min(errors, before[j - 2] + 1)
            current.append(errors)
        before, previous = previous, current
    return previous[-1]
