"""The layout of tables: facts beside their names, and rows that fit a terminal."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

Rows = Sequence[Mapping[str, Text]]
_GAP = 2  # cells between two columns
_NARROWEST = 60  # columns of a terminal that shows rows
# Columns that are shortened in their middle where a terminal is narrow, in this order, and to how many cells.
_SHORTENED = {"PATH": 10, "TYPE": 14, "NAME": 8, "SPEC": 12, "STATUS": 9}
_DROPPED = ("PROJECT", "LABELED", "TYPE", "AGE", "SAMPLES")  # in this order, when that is not enough


def lay_out_facts(facts: Sequence[tuple[str, Text]], gap: int = _GAP) -> list[Text]:
    """Return a line for each fact, beside its name."""
    width = max(cell_len(name) for name, _ in facts) + gap
    return [Text.assemble((_pad(name, width), "bold"), fact) for name, fact in facts]


def lay_out_rows(rows: Rows, width: int, ellipsis: str, *, whole: bool = False) -> list[Text]:
    """Return a line for each row, under the keys of the first.

    On a very narrow terminal each row is a block of facts. On others some columns are shortened or dropped
    until a row fits, unless rows must be `whole`.
    """
    if width < _NARROWEST:
        blocks = [_lay_out_block(row, is_first=index == 0) for index, row in enumerate(rows)]
        return [line for block in blocks for line in block]
    sizes = {name: max(cell_len(name), *(cell_len(row[name].plain) for row in rows)) for name in rows[0]}
    if not whole:
        sizes = _fit(sizes, width)
    heading = {name: Text.assemble((name, "bold")) for name in sizes}
    return [_lay_out_row(row, sizes, ellipsis) for row in (heading, *rows)]


def shorten_middle(text: str, width: int, ellipsis: str) -> str:
    """Return text of at most `width` cells, with an ellipsis in place of its middle where it is longer."""
    if cell_len(text) <= width:
        return text
    left = max(width - cell_len(ellipsis), 0)
    tail = _take_cells(text[::-1], left - left // 3)[::-1]  # most of it: a path often ends with its date
    return _take_cells(text, left - cell_len(tail)) + ellipsis + tail


def _take_cells(text: str, width: int) -> str:
    """Return the beginning of a text that is at most `width` cells wide."""
    count = 0
    for index, character in enumerate(text):
        count += cell_len(character)
        if count > width:
            return text[:index]
    return text


def _fit(sizes: Mapping[str, int], width: int) -> dict[str, int]:
    """Return the columns that a terminal shows, and the width of each in cells."""
    kept = dict(sizes)
    for count in range(len(_DROPPED) + 1):
        kept = {name: size for name, size in sizes.items() if name not in _DROPPED[:count]}
        excess = sum(kept.values()) + _GAP * (len(kept) - 1) - width
        for name, least in _SHORTENED.items():
            cut = min(max(excess, 0), max(kept.get(name, 0) - least, 0))
            kept.update({name: kept[name] - cut} if cut else {})
            excess -= cut
        if excess <= 0:
            break
    return kept


def _lay_out_row(row: Mapping[str, Text], sizes: Mapping[str, int], ellipsis: str) -> Text:
    line = Text()
    for name, size in sizes.items():
        cell = row[name]
        plain = shorten_middle(cell.plain, size, ellipsis)
        style = cell.spans[0].style if cell.spans else ""
        line.append(plain, style)
        line.append(" " * (size - cell_len(plain) + _GAP))
    line.rstrip()
    return line


def _lay_out_block(row: Mapping[str, Text], *, is_first: bool) -> list[Text]:
    facts = lay_out_facts(
        [(name if name == "ID" else name.capitalize(), cell) for name, cell in row.items() if cell.plain]
    )
    return facts if is_first else [Text(), *facts]


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
