"""The error of a text that is not valid YAML, at the position that helps to mend it."""

import yaml

from modelarts_export.documents.yaml_positions import Mark, convert_mark, locate_index

MAX_DEPTH = 200
TOO_DEEP = f"nested more than {MAX_DEPTH} deep"
_LIMIT_OF_LIBYAML = "exceeded maximum nesting depth"  # from 0.2.6 on, which scans ahead
_SIMPLE_KEY = "while scanning a simple key"  # its colon is missing, which libyaml finds on the next line


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
    return UnreadableError(reason, mark, in_mapping=in_mapping)
