"""The text of a file, and the position of a problem in it."""

from dataclasses import dataclass, replace

from modelarts_export.documents.yaml_positions import Mark
from modelarts_export.errors import Problem

_BEFORE, _AFTER = 60, 40  # characters of a long line that are shown before and after a problem


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """The text of a file, and its name in messages."""

    name: str
    text: str

    def locate(self, problem: Problem, mark: Mark, *, with_excerpt: bool = True) -> Problem:
        """Add the position to a problem and, with `with_excerpt`, the line of the text."""
        problem = replace(
            problem,
            place=f"{self.name}:{mark.line}:{mark.column}",
            file=self.name,
            line=mark.line,
            column=mark.column,
        )
        if not with_excerpt:
            return problem
        begin = self.text.rfind("\n", 0, mark.index) + 1
        end = self.text.find("\n", mark.index)
        first = max(begin, mark.index - _BEFORE)
        last = min(len(self.text) if end < 0 else end, mark.index + _AFTER)
        excerpt = self.text[first:last].rstrip("\r")
        return replace(problem, excerpt=excerpt, caret=mark.index - first)
