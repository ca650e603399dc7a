"""YAML (and so JSON) as plain values that remember their place, refusing what YAML reads by surprise.

Keys must be strings and stand once; merge keys and explicit tags are refused; a number keeps its spelling.
Time and memory are bounded whatever a text holds: its values, their depth and their characters are counted
while they are parsed, aliases included, before anything is built of them.
"""

import json
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from modelarts_export.documents.yaml_positions import START, Mark, Places, counted_from_one
from modelarts_export.documents.yaml_scalars import Scalar, read_plain
from modelarts_export.errors import MOST_PROBLEMS, Location
from modelarts_export.quoting import Expanded, cut, quote

__all__ = ["START", "Document", "Mark", "UnreadableError", "YamlProblem", "load_documents"]

MOST_VALUES = 1_000_000  # after aliases, or a page of text stands for billions of values
MOST_CHARACTERS = 64 * 2**20  # after aliases and variables
_MOST_DOCUMENTS = 20_000  # more take longer to check than anybody waits
_DEEPEST = 200
_MOST_KNOWN_KEYS = 1_000
_MOST_ANCHORS = 10_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_ANCHOR = re.compile(r"&\S++(?:\s++|#[^\n]*+\n)*+")
_SURROGATE_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class YamlProblem:
    """Something in the text that is refused, and where."""

    message: str
    mark: Mark


class UnreadableError(ValueError):
    """The text is no YAML at all, or too much of it, so that nothing in it can be judged."""

    def __init__(self, message: str, mark: Mark, *, in_mapping: bool = False) -> None:
        """Keep the place beside the message, and whether it lies in a mapping, as a spec is one."""
        super().__init__(message)
        self.mark = mark
        self.in_mapping = in_mapping


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document: its value, and what was refused in it and left out.

    The value is made of dict, list, str, bool, None, int and what is Spelled; a string made by `${…}` is
    Expanded. What an alias stands for is there once. Beside the faults there are `unshown` more.
    """

    value: Any
    problems: list[YamlProblem]
    unshown: int
    text: str
    places: Places

    def find_mark(self, location: Location = (), *, key: bool = False) -> Mark:
        """Return the place of the value there (or of its key), or of the innermost one that exists."""
        return self.places.mark(self._way(location, key=key)[-1])

    def get_plain_scalar(self, location: Location) -> str | None:
        """Return how the value there is written, when it is a scalar without quotes."""
        way = self._way(location)
        if len(way) <= len(location) or self.places.is_collection(way[-1]):
            return None
        written = _ANCHOR.sub("", self.text[self.places.span(way[-1])], count=1).strip()
        return None if written[:1] in ("", *"\"'|>*") else written

    def _way(self, location: Location, *, key: bool = False) -> list[int]:
        """Return the numbers of the values on the way to a location, as far as they exist."""
        way, value = [0], self.value
        for depth, step in enumerate(location, 1):
            if isinstance(value, dict) and isinstance(step, str):
                inner = self.places.key(way[-1], step, value)
                wanted = inner if inner is None or (key and depth == len(location)) else inner + 1
            else:
                is_item = isinstance(value, list) and isinstance(step, int)
                wanted = self.places.item(way[-1], int(step)) if is_item else None
            if wanted is None:
                break
            way.append(wanted)
            value = value[step]
        return way


def load_documents(text: str, expand: Callable[[str], str] = str) -> Iterator[Document]:
    """Yield the documents of a text.

    `expand` makes of each string what it stands for; its ValueError becomes a fault at that place. Raises
    UnreadableError where the text is no YAML, nests too deeply or has too many values.
    """
    parser = _Parser(text, expand)
    try:
        yield from parser.documents()
    except yaml.MarkedYAMLError as error:
        rewritten = _rewrite_json(text) if _is_json(text) else text
        if rewritten == text:
            mark, reason = counted_from_one(error.problem_mark), error.problem or "this is no YAML"
            raise UnreadableError(reason, mark, in_mapping=parser.is_in_mapping) from None
        yield from load_documents(rewritten, expand)
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        bad = yaml.reader.Reader.NON_PRINTABLE.search(text)  # its own position may count bytes
        at = bad.start() if bad else 0
        reason = f"the character U+{ord(text[at]):04X} is not allowed"
        raise UnreadableError(reason, _locate_index(text, at), in_mapping=parser.is_in_mapping) from None


@dataclass(frozen=True, kw_only=True)
class _Anchored:
    """What an alias stands for, and how much of everything that is."""

    value: Any
    number: int
    values: int = 0
    characters: int = 0
    height: int = 0
    is_open: bool = False


class _Parser:
    """Makes values of the events of libyaml, and collects what it refuses."""

    def __init__(self, text: str, expand: Callable[[str], str]) -> None:
        self.is_in_mapping = False
        self._text = text
        self._expand = expand
        self._values = self._characters = self._worded = 0
        self._known_keys: set[str] = set()  # accepted without quotes, in any document

    def documents(self) -> Iterator[Document]:
        self._next: Callable[[], Any] = _LOADER(self._text).get_event
        self._next()
        count = 0
        while isinstance(start := self._next(), yaml.DocumentStartEvent):
            count += 1
            if count > _MOST_DOCUMENTS:
                raise self._too_much(f"more than {_MOST_DOCUMENTS:,} documents; split the file", start)
            yield self._document()

    def _document(self) -> Document:
        self.is_in_mapping = False
        self._faults: list[YamlProblem] = []
        self._unshown = self._muted = self._depth = self._deepest = 0
        self._anchors: dict[str, _Anchored] = {}
        self._places = Places()
        root = self._next()
        self.is_in_mapping = isinstance(root, yaml.MappingStartEvent)
        value = self._value(root)
        self._next()
        return Document(
            value=value,
            problems=self._faults,
            unshown=self._unshown,
            text=self._text,
            places=self._places,
        )

    def _value(self, event: Any) -> Any:  # noqa: ANN401 - any event that begins a value; see Document.value
        if type(event) is yaml.AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            self._refuse(event, f"explicit tags are refused; remove {cut(event.tag.replace(_TAG, '!!'))}")
        if event.anchor is not None:
            return self._anchored(event)
        return self._unanchored(event)

    def _unanchored(self, event: Any) -> Any:  # noqa: ANN401 - see _value
        if type(event) is yaml.ScalarEvent:
            return self._scalar(event)
        number = self._places.add(event)
        self._values += 1
        self._depth += 1
        self._deepest = max(self._deepest, self._depth)
        if self._values > MOST_VALUES or self._depth > _DEEPEST:
            self._check_limits(event)
        value = self._mapping(number) if type(event) is yaml.MappingStartEvent else self._list(number)
        self._depth -= 1
        return value

    def _list(self, number: int) -> list[Any]:
        """Return the items of a list. Of a plain scalar, nothing but its value and its place is kept."""
        items: list[Any] = []
        numbers, places, next_event = array("I"), self._places, self._next
        while (kind := type(event := next_event())) is not yaml.SequenceEndEvent:
            numbers.append(places.count)
            is_plain = kind is yaml.ScalarEvent and event.anchor is None and event.tag is None
            items.append(self._scalar(event) if is_plain else self._value(event))  # mostly plain, by far
        if items:
            places.enclose(number, numbers)
        return items

    def _mapping(self, number: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        numbers: list[int] = []
        places, next_event = self._places, self._next
        while type(event := next_event()) is not yaml.MappingEndEvent:
            at = places.count
            key = self._key(event, value, numbers)
            inner = next_event()
            if key is None:
                self._muted += 1
                self._value(inner)
                self._muted -= 1
            else:
                numbers.append(at)
                is_plain = type(inner) is yaml.ScalarEvent and inner.anchor is None and inner.tag is None
                value[key] = self._scalar(inner) if is_plain else self._value(inner)
        if numbers:
            places.enclose(number, numbers)
        return value

    def _key(self, event: Any, earlier: dict[str, Any], numbers: list[int]) -> str | None:  # noqa: ANN401 - see _value
        """Return a key, or None for one that is refused."""
        refusal = "" if self._is_known_key(event) else _refusal_of_key(event)
        if type(event) is not yaml.ScalarEvent:
            self._refuse(event, refusal)
            self._muted += 1
            self._value(event)
            self._muted -= 1
            return None
        key: str = event.value
        if not refusal and key in earlier:
            refusal = f"duplicate key {quote(key)}"
            if self._is_worded:
                refusal += (
                    f"; the first is in line {self._places.mark(numbers[list(earlier).index(key)]).line}"
                )
        self._places.add(event)
        self._values += 1
        self._characters += len(key)
        if self._values > MOST_VALUES or self._characters > MOST_CHARACTERS:
            self._check_limits(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value=key, number=self._places.count - 1, values=1)
        if refusal:
            self._refuse(event, refusal)
            return None
        if event.implicit[0] and len(self._known_keys) < _MOST_KNOWN_KEYS:
            self._known_keys.add(key)
        return key

    def _is_known_key(self, event: Any) -> bool:  # noqa: ANN401 - see _value
        """Tell whether an equal key was accepted before: many documents have the same keys."""
        return type(event) is yaml.ScalarEvent and event.tag is None and event.value in self._known_keys

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        self._places.add(event)
        self._values += 1
        if self._values > MOST_VALUES:
            self._check_limits(event)
        text: str = event.value
        value = read_plain(text) if event.implicit[0] else text
        if not isinstance(value, str):
            return value
        if "$" in value:
            value = self._expanded(event, value)
        self._characters += len(value)
        if self._characters > MOST_CHARACTERS:
            self._check_limits(event)
        return value

    def _expanded(self, event: yaml.ScalarEvent, text: str) -> str:
        self._count(event, text.count("$"), 0)  # each may take as long as a value
        try:
            value = self._expand(text)
        except ValueError as error:
            self._refuse(event, str(error))
            return text
        return text if value == text else Expanded(value, text)

    def _anchored(self, event: Any) -> Any:  # noqa: ANN401 - see _value
        """Return a value that has an anchor, and keep it and its size for its aliases."""
        if len(self._anchors) >= _MOST_ANCHORS:
            raise self._too_much(f"more than {_MOST_ANCHORS:,} anchors", event)
        number, outer = self._places.count, self._deepest
        values, characters, self._deepest = self._values, self._characters, self._depth
        self._anchors[event.anchor] = _Anchored(value=None, number=number, is_open=True)
        value = self._unanchored(event)
        self._anchors[event.anchor] = _Anchored(
            value=value,
            number=number,
            values=self._values - values,
            characters=self._characters - characters,
            height=self._deepest - self._depth,
        )
        self._deepest = max(self._deepest, outer)
        return value

    def _alias(self, event: Any) -> Any:  # noqa: ANN401 - see _value
        meant = self._anchors.get(event.anchor)
        if meant is None:
            raise self._too_much("found undefined alias", event)
        if meant.is_open:
            mark = self._places.mark(meant.number)
            reason = "the alias stands for something that contains it"
            raise UnreadableError(reason, mark, in_mapping=self.is_in_mapping)
        self._places.repeat(self._places.add(event), meant.number)
        self._depth += meant.height
        self._deepest = max(self._deepest, self._depth)
        self._count(event, meant.values, meant.characters)
        self._depth -= meant.height
        return meant.value

    def _count(self, event: yaml.Event, values: int, characters: int) -> None:
        self._values += values
        self._characters += characters
        self._check_limits(event)

    def _check_limits(self, event: yaml.Event) -> None:
        if self._values > MOST_VALUES:
            raise self._too_much(f"more than {MOST_VALUES:,} values, aliases followed", event)
        if self._characters > MOST_CHARACTERS:
            size = f"{MOST_CHARACTERS // 2**20} MiB"
            raise self._too_much(f"more than {size} of characters, aliases and variables followed", event)
        if self._depth > _DEEPEST:
            raise self._too_much(f"nested more than {_DEEPEST} deep", event)

    def _too_much(self, message: str, event: yaml.Event) -> UnreadableError:
        return UnreadableError(message, counted_from_one(event.start_mark), in_mapping=self.is_in_mapping)

    @property
    def _is_worded(self) -> bool:
        """Whether the next fault is shown, or only counted."""
        return not self._muted and self._worded < MOST_PROBLEMS

    def _refuse(self, event: yaml.Event, message: str) -> None:
        if self._is_worded:
            self._worded += 1
            self._faults.append(YamlProblem(message=message, mark=counted_from_one(event.start_mark)))
        elif not self._muted:
            self._unshown += 1


def _refusal_of_key(event: Any) -> str:  # noqa: ANN401 - any event that begins a value
    """Return why an event cannot be a key, or nothing."""
    if type(event) is not yaml.ScalarEvent:
        is_alias = type(event) is yaml.AliasEvent
        return f"a key must be a string, not {'an alias' if is_alias else 'a list or a mapping'}"
    if event.tag is not None:
        return f"explicit tags are refused; remove {cut(event.tag.replace(_TAG, '!!'))}"
    key: str = event.value
    if not event.implicit[0] or isinstance(read_plain(key), str):
        return ""
    if key == "<<":
        return "merge keys (<<) are refused; write the keys out"
    return f'YAML does not read the key {cut(key)} as a string; write "{cut(key)}"'


def _is_json(text: str) -> bool:
    """Tell whether the text is JSON, without much of it in memory."""
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        return False
    try:
        json.loads(text, object_pairs_hook=len)
    except (ValueError, RecursionError):
        return False
    return True


def _rewrite_json(text: str) -> str:
    """Write what is JSON but not YAML in a way that YAML reads: tabs between tokens, escaped pairs."""
    return _SURROGATE_PAIR.sub(_joined, text.replace("\t", " "))


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _locate_index(text: str, index: int) -> Mark:
    line = text.count("\n", 0, index) + 1
    return Mark(line=line, column=index - text.rfind("\n", 0, index), index=index)
