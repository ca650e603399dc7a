"""YAML (and so JSON) as plain values that remember their place, refusing what YAML reads by surprise.

Keys must be strings and stand once; merge keys and explicit tags are refused; a number keeps its spelling.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from modelarts_export.errors import Location
from modelarts_export.field_types import Spelled, SpelledFloat, SpelledInt

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_EXPLICIT_TAG = re.compile(r"(&\S+(\s|#[^\n]*\n)+)?!")
_DEEPEST = 200  # the composer recurses in C: without a bound, a hostile file ends the process
_GLANCE = _DEEPEST // 2
_DEEP_INDENT = re.compile(rf"^[ ?:-]{{{_GLANCE}}}", re.MULTILINE)
_MOST_NODES = 1_000_000  # after aliases, or a page of text stands for billions of values
_CONSTRUCT = SafeConstructor()
_SURROGATE_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A place in the text; line and column begin at 1, `index` counts characters from 0."""

    line: int
    column: int
    index: int


START = Mark(line=1, column=1, index=0)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something in the text that is refused, and where."""

    message: str
    mark: Mark


class UnreadableError(ValueError):
    """The text is no YAML at all, so that nothing in it can be judged."""

    def __init__(self, message: str, mark: Mark) -> None:
        """Keep the place beside the message."""
        super().__init__(message)
        self.mark = mark


class Unquoted(Spelled):
    """A date, which YAML makes of plain text that looks like one."""

    def __init__(self, spelling: str) -> None:
        """Keep the text; nothing in a request is a date."""
        self.spelling = spelling

    def __repr__(self) -> str:
        """Show it as the text that it looks like."""
        return repr(self.spelling)


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document: its value, what was refused in it and left out, and the nodes that know the places.

    The value is made of dict, list, str, bool, None and numbers that are Spelled.
    """

    value: Any
    faults: list[Fault]
    root: yaml.Node

    def mark(self, location: Location = (), *, key: bool = False) -> Mark:
        """Return the place of the value there (or of its key), or of the innermost one that exists."""
        return _mark(self._nodes(location, key=key)[-1])

    def plain_text(self, location: Location) -> str | None:
        """Return how the value there is written, when it is a scalar without quotes."""
        nodes = self._nodes(location)
        found = len(nodes) == len(location) + 1
        last = nodes[-1]
        return last.value if found and isinstance(last, yaml.ScalarNode) and not last.style else None

    def _nodes(self, location: Location, *, key: bool = False) -> list[yaml.Node]:
        """Return the nodes on the way to a location, as far as they exist."""
        nodes = [self.root]
        for depth, step in enumerate(location, 1):
            inner = _child(nodes[-1], step, key=key and depth == len(location))
            if inner is None:
                break
            nodes.append(inner)
        return nodes


def read(text: str, expand: Callable[[str], str] = str) -> Iterator[Document]:
    """Yield the documents of a text.

    `expand` makes of each string what it stands for; its ValueError becomes a fault at that place. Raises
    UnreadableError where the text is no YAML, nests too deeply or has too many values.
    """
    try:
        _refuse_deep_nesting(text)
        for root in yaml.compose_all(text, Loader=_LOADER):
            reader = _Reader(text, expand)
            yield Document(value=reader.read(root), faults=reader.faults, root=root)
    except yaml.MarkedYAMLError as error:
        rewritten = _json_as_yaml(text) if _is_json(text) else text
        if rewritten == text:
            mark = _counted_from_one(error.problem_mark)
            raise UnreadableError(error.problem or "this is no YAML", mark) from None
        yield from read(rewritten, expand)
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        bad = yaml.reader.Reader.NON_PRINTABLE.search(text)  # its own position may count bytes
        at = bad.start() if bad else 0
        reason = f"the character U+{ord(text[at]):04X} is not allowed"
        raise UnreadableError(reason, _place(text, at)) from None


Scalar = str | bool | Spelled | None


class _Reader:
    """Makes values of nodes, and collects what it refuses."""

    def __init__(self, text: str, expand: Callable[[str], str]) -> None:
        self.faults: list[Fault] = []
        self._text = text
        self._expand = expand
        self._seen = 0
        self._open: set[int] = set()

    def read(self, node: yaml.Node) -> Any:  # noqa: ANN401 - see Document.value
        self._seen += 1
        if self._seen > _MOST_NODES:
            raise UnreadableError(f"more than {_MOST_NODES:,} values, aliases followed", _mark(node))
        if _EXPLICIT_TAG.match(self._text, node.start_mark.index) and not _begins_with_its_key(node):
            self._refuse(node, f"explicit tags are refused; remove {_short(node.tag)}")
        if isinstance(node, yaml.ScalarNode):
            return self._expanded(node, _scalar(node))
        return self._read_collection(node)

    def _expanded(self, node: yaml.Node, value: Scalar) -> Scalar:
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            return self._expand(value)
        except ValueError as error:
            self._refuse(node, str(error))
            return value

    def _read_collection(self, node: yaml.Node) -> dict[str, Any] | list[Any]:
        if id(node) in self._open:
            raise UnreadableError("the alias stands for something that contains it", _mark(node))
        self._open.add(id(node))
        value = (
            self._read_mapping(node)
            if isinstance(node, yaml.MappingNode)
            else [self.read(n) for n in node.value]
        )
        self._open.remove(id(node))
        return value

    def _read_mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, inner in node.value:
            if self._is_fit(key, value):
                value[key.value] = self.read(inner)
        return value

    def _is_fit(self, key: yaml.Node, earlier: dict[str, Any]) -> bool:
        if key.tag == _TAG + "merge":
            return self._refuse(key, "merge keys (<<) are refused; write the keys out")
        if _EXPLICIT_TAG.match(self._text, key.start_mark.index):
            return self._refuse(key, f"explicit tags are refused; remove {_short(key.tag)}")
        if key.tag != _TAG + "str":
            return self._refuse(key, _key_refusal(key))
        if key.value in earlier:
            return self._refuse(key, f"the key {key.value!r} stands here a second time")
        return True

    def _refuse(self, node: yaml.Node, message: str) -> bool:
        self.faults.append(Fault(message=message, mark=_mark(node)))
        return False


def _begins_with_its_key(node: yaml.Node) -> bool:
    """Tell whether a tag at the node's start is that of its first key, which has the same place."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return False
    first: yaml.Node = node.value[0][0]
    return bool(first.start_mark.index == node.start_mark.index)


def _key_refusal(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        return "a key must be a string, not a list or a mapping"
    return f'YAML does not read the key {key.value} as a string; write "{key.value}"'


def _scalar(node: yaml.ScalarNode) -> Scalar:
    """Return the value; a number keeps its spelling, and what only looks like a string is an Unquoted."""
    kind = node.tag.removeprefix(_TAG)
    if kind == "str":
        return str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return _CONSTRUCT.construct_yaml_bool(node)
    number = _number(node, kind)
    return Unquoted(node.value) if number is None else number


def _number(node: yaml.ScalarNode, kind: str) -> Spelled | None:
    number: SpelledInt | SpelledFloat
    try:
        if kind == "int":
            number = SpelledInt(_CONSTRUCT.construct_yaml_int(node))
        elif kind == "float":
            number = SpelledFloat(_CONSTRUCT.construct_yaml_float(node))
        else:
            return None
    except ValueError:  # such as the octal number 09, or more digits than Python reads
        return None
    number.spelling = node.value
    return number


def _child(node: yaml.Node, step: str | int, *, key: bool) -> yaml.Node | None:
    children: list[tuple[Any, yaml.Node, yaml.Node]] = []
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        children = [(step, inner, inner) for inner in node.value[step : step + 1]]
    elif isinstance(node, yaml.MappingNode):
        children = [(name.value, name, inner) for name, inner in node.value]
    return next((name if key else inner for at, name, inner in children if at == step), None)


def _refuse_deep_nesting(text: str) -> None:
    """Bound the depth: at a glance where brackets and indents are few, else by the events, one by one."""
    if text.count("[") + text.count("{") + _GLANCE < _DEEPEST and not _DEEP_INDENT.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise UnreadableError(f"nested more than {_DEEPEST} deep", _mark(event))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_as_yaml(text: str) -> str:
    """Write what is JSON but not YAML in a way that YAML reads: tabs between tokens, escaped pairs."""
    return _SURROGATE_PAIR.sub(lambda pair: json.loads(f'"{pair[0]}"'), text.replace("\t", " "))


def _mark(node: yaml.Node | yaml.Event) -> Mark:
    return _counted_from_one(node.start_mark)


def _counted_from_one(mark: Any) -> Mark:  # noqa: ANN401 - libyaml's and PyYAML's own marks share no class
    return Mark(line=mark.line + 1, column=mark.column + 1, index=mark.index) if mark else START


def _place(text: str, index: int) -> Mark:
    line = text.count("\n", 0, index) + 1
    return Mark(line=line, column=index - text.rfind("\n", 0, index), index=index)


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!")
