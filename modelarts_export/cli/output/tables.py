"""The layout of tables: facts beside their names, and rows as wide as the terminal."""

from collections.abc import Mapping, Sequence
from itertools import chain

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Rows = Sequence[Mapping[str, Text]]
_NARROWEST = 16  # cells of a folded column
_FREE_TEXT = ("PATH", "ERROR", "NAME", "SPEC")
_BETWEEN = 3  # cells of a box between two columns


def lay_out_facts(facts: Mapping[str, Text], box: Box | None) -> RenderableType:
    """Return each fact beside its name, in a box or aligned."""
    if box is None:
        width = max(map(len, facts))
        lines = (Text.assemble(name.ljust(width + 2), fact) for name, fact in facts.items())
        return Text("\n").join(lines)
    table = Table(box=box, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, fact)
    return table


def lay_out_rows(rows: Rows, box: Box | None, width: int) -> RenderableType:
    """Return a table of rows under the keys of the first; a box for each row if one box is too wide.

    Only the widest column of free text is folded, because an ID must stay whole.
    """
    sizes = {name: max(map(cell_len, chain([name], (row[name].plain for row in rows)))) for name in rows[0]}
    widest = max(sizes, key=lambda name: (name in _FREE_TEXT, sizes[name]))
    others = sum(sizes.values()) - sizes[widest] + _BETWEEN * len(sizes) + 1
    if box and others + min(sizes[widest], _NARROWEST) > width:
        present = ({name: fact for name, fact in row.items() if fact.plain} for row in rows)
        return Group(*(lay_out_facts(facts, box) for facts in present if facts))
    table = Table(box=box, pad_edge=box is not None, header_style="bold")
    for name in sizes:
        table.add_column(name, overflow="fold", no_wrap=box is None or name != widest)
    for row in rows:
        table.add_row(*row.values())
    return table
