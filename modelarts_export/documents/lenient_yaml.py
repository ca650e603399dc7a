"""A reader of other programs' YAML, with anchors and merge keys, which takes bounded time and memory.

It reads what PyYAML's safe loader reads: of duplicate keys the last one counts. A scalar that YAML does not
read as text is no str, so that the caller can refuse it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from modelarts_export.documents.private_file import UnusableFileError
from modelarts_export.documents.yaml_scalars import read_plain
from modelarts_export.quoting import shorten

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 50
_MAX_VALUES = 100_000  # with those that merge keys copy
_TAG = "tag:yaml.org,2002:"
_OWN_TAGS = {
    yaml.ScalarEvent: (None, "!", f"{_TAG}str"),
    yaml.MappingStartEvent: (None, "!", f"{_TAG}map"),
    yaml.SequenceStartEvent: (None, "!", f"{_TAG}seq"),
}
_MERGE = "<<"
_OPEN = object()  # the value of an anchor whose end was not read


def load_yaml(text: str) -> Any:  # noqa: ANN401 - dict, list, or what read_plain returns
    """Return the value of a text with one document; None for an empty one. Raises UnusableFileError."""
    try:
        return _Parser(text).parse()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnusableFileError(f"line {line}: {error.problem or 'not valid YAML'}") from None
    except yaml.YAMLError:
        raise UnusableFileError("not valid YAML: a character is not allowed") from None


class _Parser:
    """Builds values from events: a composer of libyaml overflows the stack when values are nested deep."""

    def __init__(self, text: str) -> None:
        self._next: Callable[[], Any] = _LOADER(text).get_event
        self._anchors: dict[str, Any] = {}
        self._values = self._depth = 0

    def parse(self) -> Any:  # noqa: ANN401 - see load_yaml
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._parse_value(self._next())
        self._next()
        if not isinstance(after := self._next(), yaml.StreamEndEvent):
            raise _make_error("a second document begins", after)
        return value

    def _parse_value(self, event: Any) -> Any:  # noqa: ANN401 - see load_yaml
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._resolve(event)
        if event.tag not in _OWN_TAGS[type(event)]:
            raise _make_error(f"the tag {shorten(event.tag.replace(_TAG, '!!'))} is not supported", event)
        if event.anchor is not None:
            self._anchors[event.anchor] = _OPEN
        value = self._parse_content(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _parse_content(self, event: Any) -> Any:  # noqa: ANN401 - see load_yaml
        if isinstance(event, yaml.ScalarEvent):
            return read_plain(event.value) if event.implicit[0] else event.value
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _make_error(f"nested more than {_MAX_DEPTH} deep", event)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        value = self._parse_mapping() if is_mapping else list(self._iter_items())
        self._depth -= 1
        return value

    def _iter_items(self) -> Iterator[Any]:
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            yield self._parse_value(event)

    def _parse_mapping(self) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._parse_key(event)
            value = self._parse_value(self._next())
            if key == _MERGE and getattr(event, "implicit", (False,))[0]:
                self._merge(event, value, merged)
            else:
                own[key] = value
        return merged | own

    def _parse_key(self, event: Any) -> str:  # noqa: ANN401 - an event that begins a value
        """Return the text of a key, whatever YAML reads it as."""
        key = self._parse_value(event)
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        if not isinstance(key, str):
            raise _make_error("a key must be text", event)
        return key

    def _merge(self, event: Any, value: object, merged: dict[str, Any]) -> None:  # noqa: ANN401 - the event of the key
        """Add what the sources have; the first one that has a key wins."""
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise _make_error("a merge key takes a mapping or a list of them", event)
            self._count(event, len(source))
            merged.update((key, inner) for key, inner in source.items() if key not in merged)

    def _resolve(self, event: Any) -> Any:  # noqa: ANN401 - an AliasEvent; see load_yaml
        value = self._anchors.get(event.anchor, _OPEN)
        if value is _OPEN:
            raise _make_error("an alias has no anchor before it", event)
        return value

    def _count(self, event: Any, values: int) -> None:  # noqa: ANN401 - any event
        self._values += values
        if self._values > _MAX_VALUES:
            raise _make_error(f"more than {_MAX_VALUES:,} values, with those that merge keys copy", event)


def _make_error(reason: str, event: Any) -> UnusableFileError:  # noqa: ANN401 - any event
    return UnusableFileError(f"line {event.start_mark.line + 1}: {reason}")
