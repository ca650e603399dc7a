"""The error of a text that is not valid YAML, at the position that helps to mend it."""

import re

import yaml

from modelarts_export.documents.yaml_positions import Mark, convert_mark, locate_index

MAX_DEPTH = 200
TOO_DEEP = f"nested more than {MAX_DEPTH} deep"
_LIMIT_OF_LIBYAML = "exceeded maximum nesting depth"  # from 0.2.6 on, which scans ahead
_SIMPLE_KEY = "while scanning a simple key"  # its colon is missing, which libyaml finds on the next line
_NO_TOKEN, _TAB = "that cannot start any token", "found a tab character"
_NO_MAPPING, _NO_KEY = "mapping values are not allowed", "did not find expected key"
_PAIR = re.compile(r":\s")
_QUOTED = re.compile(r"[\"']\s*$")
_INDENTED = "the key is indented differently from the keys above it"


class UnreadableError(ValueError):
    """The text is not valid YAML, or exceeds a limit."""

    def __init__(self, message: str, mark: Mark, *, in_mapping: bool = False) -> None:
        """`in_mapping` tells whether the position is in a document that is a mapping, as every spec is."""
        super().__init__(message)
        self.mark = mark
        self.in_mapping = in_mapping


def make_syntax_error(error: yaml.MarkedYAMLError, text: str, *, in_mapping: bool) -> UnreadableError:
    """Return the error at its position, or at the start of what is open if that is after the last word."""
    mark, reason = convert_mark(error.problem_mark), error.problem or "invalid YAML"
    if reason == _LIMIT_OF_LIBYAML:
        return UnreadableError(TOO_DEEP, mark, in_mapping=in_mapping)
    end = len(text.rstrip())
    if error.context_mark and (mark.index >= end or error.context == _SIMPLE_KEY):
        begin = convert_mark(error.context_mark)
        mark = begin if begin.index < end else locate_index(text, end)
        reason = f"{reason} {error.context}"
    begin_of_line = text.rfind("\n", 0, mark.index) + 1
    reason = _explain(reason, text[begin_of_line : mark.index], text[mark.index : mark.index + 2])
    return UnreadableError(reason, mark, in_mapping=in_mapping)


def _explain(reason: str, before: str, after: str) -> str:
    """Return the words of libyaml in plain ones, by what is before and after the position in its line."""
    if _TAB in reason or (_NO_TOKEN in reason and after[:1] == "\t"):
        return "this is a tab; YAML is indented with spaces"
    if _NO_TOKEN in reason:
        return f"a value that begins with {after[:1]} needs quotes"
    if _NO_MAPPING in reason and _PAIR.search(before):
        return "a value with a colon and a space needs quotes"
    if reason == _NO_KEY and _QUOTED.search(before):
        return "there is text after a quoted value"
    if reason == _NO_KEY and after in ("-", "- ", "-\n"):
        return "there is a list item where a key is expected"
    # a key that is indented too far continues the value above it
    is_misplaced = not before.strip() if reason == _NO_KEY else before[:1].isspace() and _NO_MAPPING in reason
    return _INDENTED if is_misplaced else reason
