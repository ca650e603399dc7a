"""A strict reader of YAML and JSON, which returns plain values and the position of each.

Keys must be strings and unique; merge keys and explicit tags are refused; a number keeps its source text.
Values, depth and characters are counted while the text is parsed, before values are built, and aliases count
as what they repeat. So time and memory are bounded for any text.
"""

import json
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from modelarts_export.documents.files import MAX_CHARACTERS, MAX_VALUES
from modelarts_export.documents.yaml_errors import MAX_DEPTH, TOO_DEEP, UnreadableError, make_syntax_error
from modelarts_export.documents.yaml_positions import START, Mark, Positions, convert_mark, locate_index
from modelarts_export.documents.yaml_scalars import Scalar, read_plain
from modelarts_export.errors import MAX_PROBLEMS, Location
from modelarts_export.quoting import InterpolatedString, quote, shorten

__all__ = ["START", "Document", "Mark", "UnreadableError", "YamlProblem", "load_documents"]

_MAX_DOCUMENTS = 20_000  # more take too long to check
_MAX_KNOWN_KEYS = 1_000
_MAX_ANCHORS = 10_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_ANCHOR = re.compile(r"&\S++(?:\s++|#[^\n]*+\n)*+")
_SURROGATE_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class YamlProblem:
    """A refused part of the text, and its position."""

    message: str
    mark: Mark


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document: its value without the refused parts, and a problem for each of them.

    The value consists of dict, list, str, bool, None, int and SourceNumber; a string in which `${…}` was
    replaced is an InterpolatedString. Aliases share one object. `omitted_problems` counts problems beyond the
    limit.
    """

    value: Any
    problems: list[YamlProblem]
    omitted_problems: int
    text: str
    positions: Positions

    def find_mark(self, location: Location = (), *, key: bool = False) -> Mark:
        """Return the position of a value or its key.

        If it does not exist, return that of the key of its nearest parent, or the start of a parent without
        a key: a block mapping begins at its first key, a neighbor of the one that is missing.
        """
        path = self._find_path(location, key=key)
        depth = len(path) - 1
        is_missing = depth < len(location)
        has_key = depth > 0 and isinstance(location[depth - 1], str)
        is_parent = is_missing and has_key and self.positions.is_collection(path[-1])
        return self.positions.get_mark(path[-1] - 1 if is_parent else path[-1])

    def get_plain_scalar(self, location: Location) -> str | None:
        """Return the source text of a scalar without quotes, or None for any other value."""
        path = self._find_path(location)
        if len(path) <= len(location) or self.positions.is_collection(path[-1]):
            return None
        source = _ANCHOR.sub("", self.text[self.positions.get_span(path[-1])], count=1).strip()
        return None if source[:1] in ("", *"\"'|>*") else source

    def _find_path(self, location: Location, *, key: bool = False) -> list[int]:
        """Return the numbers of the values on the path to a location, as far as they exist."""
        path, value = [0], self.value
        for depth, step in enumerate(location, 1):
            if isinstance(value, dict) and isinstance(step, str):
                number = self.positions.find_key(path[-1], step, value)
                if number is not None and not (key and depth == len(location)):
                    number += 1  # from the key to its value
            elif isinstance(value, list) and isinstance(step, int):
                number = self.positions.find_item(path[-1], step)
            else:
                number = None
            if number is None:
                break
            path.append(number)
            value = value[step]
        return path


def load_documents(text: str, interpolate: Callable[[str], str] = str) -> Iterator[Document]:
    """Yield the documents of a text.

    `interpolate` is applied to each string with a dollar; its ValueError becomes a problem at that position.
    Raises UnreadableError for text that is not valid YAML or exceeds a limit.
    """
    parser = _Parser(text, interpolate)
    try:
        yield from parser.parse_documents()
    except yaml.MarkedYAMLError as error:
        rewritten = _rewrite_json(text) if _is_json(text) else text
        if rewritten == text:
            raise make_syntax_error(error, text, in_mapping=parser.is_in_mapping) from None
        yield from load_documents(rewritten, interpolate)
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        bad = yaml.reader.Reader.NON_PRINTABLE.search(text)  # its own position may count bytes
        at = bad.start() if bad else 0
        reason = f"the character U+{ord(text[at]):04X} is not allowed"
        raise UnreadableError(reason, locate_index(text, at), in_mapping=parser.is_in_mapping) from None


@dataclass(frozen=True, kw_only=True)
class _Anchored:
    """The value of an anchor, and its size, which each alias adds to the counts."""

    value: Any
    number: int
    values: int = 0
    characters: int = 0
    height: int = 0
    is_open: bool = False


class _Parser:
    """Builds values from the events of libyaml and collects problems."""

    def __init__(self, text: str, interpolate: Callable[[str], str]) -> None:
        self.is_in_mapping = False
        self._text = text
        self._interpolate = interpolate
        self._values = self._characters = self._described = 0
        self._known_keys: set[str] = set()  # accepted without quotes, in any document

    def parse_documents(self) -> Iterator[Document]:
        self._next: Callable[[], Any] = _LOADER(self._text).get_event
        self._next()
        count = 0
        while isinstance(start := self._next(), yaml.DocumentStartEvent):
            count += 1
            if count > _MAX_DOCUMENTS:
                raise self._make_error(f"more than {_MAX_DOCUMENTS:,} documents; split the file", start)
            yield self._parse_document()

    def _parse_document(self) -> Document:
        self.is_in_mapping = False
        self._problems: list[YamlProblem] = []
        self._omitted = self._silenced = self._depth = self._max_depth = 0
        self._anchors: dict[str, _Anchored] = {}
        self._positions = Positions()
        root = self._next()
        self.is_in_mapping = isinstance(root, yaml.MappingStartEvent)
        value = self._parse_value(root)
        self._next()
        return Document(
            value=value,
            problems=self._problems,
            omitted_problems=self._omitted,
            text=self._text,
            positions=self._positions,
        )

    def _parse_value(self, event: Any) -> Any:  # noqa: ANN401 - an event that begins a value; see Document.value
        if type(event) is yaml.AliasEvent:
            return self._resolve_alias(event)
        if event.tag is not None:
            self._add_problem(
                event, f"explicit tags are refused; remove {shorten(event.tag.replace(_TAG, '!!'))}"
            )
        if event.anchor is not None:
            return self._parse_anchored(event)
        return self._parse_unanchored(event)

    def _parse_unanchored(self, event: Any) -> Any:  # noqa: ANN401 - see _parse_value
        if type(event) is yaml.ScalarEvent:
            return self._parse_scalar(event)
        number = self._positions.add(event)
        self._values += 1
        self._depth += 1
        self._max_depth = max(self._max_depth, self._depth)
        if self._values > MAX_VALUES or self._depth > MAX_DEPTH:
            self._check_limits(event)
        value = (
            self._parse_mapping(number) if type(event) is yaml.MappingStartEvent else self._parse_list(number)
        )
        self._depth -= 1
        return value

    def _parse_list(self, number: int) -> list[Any]:
        items: list[Any] = []
        numbers, positions, next_event = array("I"), self._positions, self._next
        while (kind := type(event := next_event())) is not yaml.SequenceEndEvent:
            numbers.append(positions.count)
            # most items are plain scalars, so they take a short path
            is_plain = kind is yaml.ScalarEvent and event.anchor is None and event.tag is None
            items.append(self._parse_scalar(event) if is_plain else self._parse_value(event))
        if items:
            positions.set_children(number, numbers)
        return items

    def _parse_mapping(self, number: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        numbers: list[int] = []
        positions, next_event = self._positions, self._next
        while type(event := next_event()) is not yaml.MappingEndEvent:
            key_number = positions.count
            key = self._parse_key(event, value, numbers)
            inner = next_event()
            if key is None:
                self._silenced += 1
                self._parse_value(inner)
                self._silenced -= 1
            else:
                numbers.append(key_number)
                is_plain = type(inner) is yaml.ScalarEvent and inner.anchor is None and inner.tag is None
                value[key] = self._parse_scalar(inner) if is_plain else self._parse_value(inner)
        if numbers:
            positions.set_children(number, numbers)
        return value

    def _parse_key(self, event: Any, earlier: dict[str, Any], numbers: list[int]) -> str | None:  # noqa: ANN401 - see _parse_value
        """Return a key, or None for a refused one. `numbers` are those of the earlier keys, in order."""
        is_scalar = type(event) is yaml.ScalarEvent
        is_known = is_scalar and event.tag is None and event.value in self._known_keys  # as in many documents
        problem = "" if is_known else _find_key_problem(event)
        if not is_scalar:
            self._add_problem(event, problem)
            self._silenced += 1
            self._parse_value(event)
            self._silenced -= 1
            return None
        key: str = event.value
        if not problem and key in earlier:
            problem = f"duplicate key {quote(key)}"
            if self._describes_problems:
                first = self._positions.get_mark(numbers[list(earlier).index(key)])
                problem += f" (first at line {first.line})"
        self._positions.add(event)
        self._values += 1
        self._characters += len(key)
        if self._values > MAX_VALUES or self._characters > MAX_CHARACTERS:
            self._check_limits(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value=key, number=self._positions.count - 1, values=1)
        if problem:
            self._add_problem(event, problem)
            return None
        if not is_known and event.implicit[0] and len(self._known_keys) < _MAX_KNOWN_KEYS:
            self._known_keys.add(key)
        return key

    def _parse_scalar(self, event: yaml.ScalarEvent) -> Scalar:
        self._positions.add(event)
        self._values += 1
        if self._values > MAX_VALUES:
            self._check_limits(event)
        text: str = event.value
        value = read_plain(text) if event.implicit[0] else text
        if not isinstance(value, str):
            return value
        if "$" in value:
            value = self._interpolate_scalar(event, value)
        self._characters += len(value)
        if self._characters > MAX_CHARACTERS:
            self._check_limits(event)
        return value

    def _interpolate_scalar(self, event: yaml.ScalarEvent, text: str) -> str:
        self._add_size(event, text.count("$"), 0)  # each may take as long as a value
        try:
            value = self._interpolate(text)
        except ValueError as error:
            self._add_problem(event, str(error))
            return text
        return text if value == text else InterpolatedString(value, text)

    def _parse_anchored(self, event: Any) -> Any:  # noqa: ANN401 - see _parse_value
        """Parse a value with an anchor, and keep the value and its size for aliases."""
        if len(self._anchors) >= _MAX_ANCHORS:
            raise self._make_error(f"more than {_MAX_ANCHORS:,} anchors", event)
        number, max_depth_before = self._positions.count, self._max_depth
        values, characters, self._max_depth = self._values, self._characters, self._depth
        self._anchors[event.anchor] = _Anchored(value=None, number=number, is_open=True)
        value = self._parse_unanchored(event)
        self._anchors[event.anchor] = _Anchored(
            value=value,
            number=number,
            values=self._values - values,
            characters=self._characters - characters,
            height=self._max_depth - self._depth,
        )
        self._max_depth = max(self._max_depth, max_depth_before)
        return value

    def _resolve_alias(self, event: Any) -> Any:  # noqa: ANN401 - see _parse_value
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            raise self._make_error(f"undefined alias *{shorten(event.anchor)}", event)
        if anchored.is_open:
            mark = self._positions.get_mark(anchored.number)
            raise UnreadableError("an alias refers to its own parent", mark, in_mapping=self.is_in_mapping)
        self._positions.copy_children(self._positions.add(event), anchored.number)
        self._depth += anchored.height
        self._max_depth = max(self._max_depth, self._depth)
        self._add_size(event, anchored.values, anchored.characters)
        self._depth -= anchored.height
        return anchored.value

    def _add_size(self, event: yaml.Event, values: int, characters: int) -> None:
        self._values += values
        self._characters += characters
        self._check_limits(event)

    def _check_limits(self, event: yaml.Event) -> None:
        if self._values > MAX_VALUES:
            raise self._make_error(f"more than {MAX_VALUES:,} values, with those that aliases repeat", event)
        if self._characters > MAX_CHARACTERS:
            size = f"{MAX_CHARACTERS // 2**20} MiB"
            raise self._make_error(f"more than {size} of text, with what aliases and variables add", event)
        if self._depth > MAX_DEPTH:
            raise self._make_error(TOO_DEEP, event)

    def _make_error(self, message: str, event: yaml.Event) -> UnreadableError:
        return UnreadableError(message, convert_mark(event.start_mark), in_mapping=self.is_in_mapping)

    @property
    def _describes_problems(self) -> bool:
        """Whether the next problem gets a message, or is only counted."""
        return not self._silenced and self._described < MAX_PROBLEMS

    def _add_problem(self, event: yaml.Event, message: str) -> None:
        if self._describes_problems:
            self._described += 1
            self._problems.append(YamlProblem(message=message, mark=convert_mark(event.start_mark)))
        elif not self._silenced:
            self._omitted += 1


def _find_key_problem(event: Any) -> str:  # noqa: ANN401 - any event that begins a value
    """Return why an event cannot be a key, or an empty string."""
    if type(event) is not yaml.ScalarEvent:
        is_alias = type(event) is yaml.AliasEvent
        return f"a key must be a string, not {'an alias' if is_alias else 'a list or a mapping'}"
    if event.tag is not None:
        return f"explicit tags are refused; remove {shorten(event.tag.replace(_TAG, '!!'))}"
    key: str = event.value
    if not event.implicit[0] or isinstance(read_plain(key), str):
        return ""
    if key == "<<":
        return "merge keys (<<) are refused; write the keys out"
    return f'YAML does not read the key {shorten(key)} as a string; write "{shorten(key)}"'


def _is_json(text: str) -> bool:
    """Return whether the text is JSON, without building its values."""
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        return False
    try:
        json.loads(text, object_pairs_hook=len)
    except (ValueError, RecursionError):
        return False
    return True


def _rewrite_json(text: str) -> str:
    """Replace what JSON allows and YAML does not: tabs between tokens, and escaped surrogate pairs."""
    return _SURROGATE_PAIR.sub(_join_pair, text.replace("\t", " "))


def _join_pair(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
