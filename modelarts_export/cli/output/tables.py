"""The layout of tables: facts beside their names, and rows that fit a terminal."""

import re
from collections.abc import Mapping, Sequence

Styled = tuple[str, str]
"""Text, and its style of rich or nothing."""
Line = Sequence[Styled]
NOTHING = "-"
"""An unknown value in a row, so that a script can count its columns; a block of facts leaves it out."""
Rows = Sequence[Mapping[str, Styled]]
Paragraphs = tuple[Styled, Styled, Sequence[Line]]
"""A mark, a name, and paragraphs."""
_GAP = 2  # cells between two columns
_WORD = re.compile(r"\s*\S+\s*")
_NARROWEST = 60  # columns of a terminal that shows rows
# Columns that are shortened in their middle where a terminal is narrow, in this order, and to how many cells.
_SHORTENED = {"PATH": 10, "TYPE": 14, "NAME": 8, "SPEC": 12, "STATUS": 9}
_DROPPED = ("PROJECT", "LABELED", "TYPE", "AGE", "SAMPLES")  # in this order, when that is not enough


def measure_cells(text: str) -> int:
    """Return how many cells of a terminal a text without control characters takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - for wide characters alone

    return cell_len(text)


def lay_out_facts(facts: Sequence[tuple[str, Styled]]) -> list[Line]:
    """Return a line for each fact, beside its name."""
    width = max(measure_cells(name) for name, _ in facts) + _GAP
    return [((name, "bold"), (_fill(name, width), ""), fact) for name, fact in facts]


def lay_out_rows(
    rows: Rows, width: int, ellipsis: str, *, whole: bool = False, uncut: str = ""
) -> list[Line]:
    """Return a line for each row, under the keys of the first.

    On a very narrow terminal each row is a block of facts. On others some columns are shortened or dropped
    until a row fits, unless rows must be `whole`: first the type beside a path and the action, if it is the
    same in all; the action is then below the rows. The column `uncut` is not shortened; where a row does
    not fit then, each is a block, too.
    """
    sizes = {
        name: max(measure_cells(text) for text in (name, *(row[name][0] for row in rows))) for name in rows[0]
    }
    below: list[Line] = []
    if not whole and _measure_row(sizes) > width:
        if "PATH" in sizes and _is_same_in_all("TYPE", rows):
            sizes.pop("TYPE", None)
        if "ACTION" in sizes and _is_same_in_all("ACTION", rows):
            del sizes["ACTION"]
            below = [(), *lay_out_facts([("Action", rows[0]["ACTION"])])]
        sizes = _fit(sizes, width, uncut)
    if width < _NARROWEST or (uncut and not whole and _measure_row(sizes) > width):
        blocks = [_lay_out_block(row, is_first=index == 0) for index, row in enumerate(rows)]
        return [line for block in blocks for line in block]
    heading = {name: (name, "bold") for name in sizes}
    return [*(_lay_out_row(row, sizes, ellipsis) for row in (heading, *rows)), *below]


def lay_out_paragraphs(rows: Sequence[Paragraphs], width: int) -> list[Line]:
    """Return the lines of some rows: a mark, a name, and paragraphs, which are wrapped at words.

    Words are kept whole, as a path is copied. On a very narrow terminal the paragraphs are below the name.
    """
    is_narrow = width < _NARROWEST
    indent = _GAP if is_narrow else 2 * _GAP + max(measure_cells(name) for _, (name, _), _ in rows)
    lines: list[Line] = []
    for mark, name, paragraphs in rows:
        head = [mark, (" ", ""), name]
        body = [line for each in paragraphs for line in _wrap(each, width - indent)]
        if is_narrow:
            lines.append(head)
        else:
            lines.append([*head, (_fill(name[0], indent - _GAP), ""), *body.pop(0)])
        lines += [[(" " * indent, ""), *line] for line in body]
    return lines


def _wrap(cells: Line, width: int) -> list[Line]:
    """Return a text in lines of at most `width` cells, except for longer words, which are kept whole."""
    lines: list[list[Styled]] = [[]]
    used = 0
    for text, style in cells:
        for word in _WORD.findall(text):
            if used and used + measure_cells(word.rstrip()) > width:
                last, last_style = lines[-1][-1]
                lines[-1][-1] = last.rstrip(), last_style
                lines.append([])
                used = 0
            lines[-1].append((word, style))
            used += measure_cells(word)
    return list(lines)


def shorten_middle(text: str, width: int, ellipsis: str) -> str:
    """Return text of at most `width` cells, with an ellipsis in place of its middle where it is longer."""
    if measure_cells(text) <= width:
        return text
    left = max(width - measure_cells(ellipsis), 0)
    tail = _take_cells(text[::-1], left - left // 3)[::-1]  # most of it: a path often ends with its date
    return _take_cells(text, left - measure_cells(tail)) + ellipsis + tail


def _take_cells(text: str, width: int) -> str:
    """Return the beginning of a text that is at most `width` cells wide."""
    count = 0
    for index, character in enumerate(text):
        count += measure_cells(character)
        if count > width:
            return text[:index]
    return text


def _is_same_in_all(name: str, rows: Rows) -> bool:
    """Return whether all rows that have a value in a column have the same one; false for a single row."""
    texts = {row[name][0] for row in rows if name in row}
    return len(rows) > 1 and len(texts - {NOTHING}) <= 1


def _measure_row(sizes: Mapping[str, int]) -> int:
    return sum(sizes.values()) + _GAP * (len(sizes) - 1)


def _fit(sizes: Mapping[str, int], width: int, uncut: str) -> dict[str, int]:
    """Return the columns that a terminal shows, and the width of each in cells."""
    kept = dict(sizes)
    for count in range(len(_DROPPED) + 1):
        kept = {name: size for name, size in sizes.items() if name not in _DROPPED[:count]}
        excess = _measure_row(kept) - width
        for name, least in _SHORTENED.items():
            cut = 0 if name == uncut else min(max(excess, 0), max(kept.get(name, 0) - least, 0))
            kept.update({name: kept[name] - cut} if cut else {})
            excess -= cut
        if excess <= 0:
            break
    return kept


def _lay_out_row(row: Mapping[str, Styled], sizes: Mapping[str, int], ellipsis: str) -> Line:
    line: list[Styled] = []
    for name, size in sizes.items():
        text, style = row[name]
        shown = shorten_middle(text, size, ellipsis)
        line += (shown, style), (_fill(shown, size + _GAP), "")
    while line and not line[-1][0].strip(" "):
        line.pop()
    return line


def _lay_out_block(row: Mapping[str, Styled], *, is_first: bool) -> list[Line]:
    facts = lay_out_facts(
        [
            (name if name == "ID" else name.capitalize(), cell)
            for name, cell in row.items()
            if cell[0] not in ("", NOTHING)
        ]
    )
    return facts if is_first else [(), *facts]


def _fill(text: str, width: int) -> str:
    """Return the blanks that make a text this wide."""
    return " " * (width - measure_cells(text))
