"""How facts are laid out: beside their names, or in a row for each of several things, as far as that fits."""

from collections.abc import Mapping, Sequence
from itertools import chain

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Rows = Sequence[Mapping[str, Text]]
_NARROWEST = 16  # cells: a column that is folded into fewer cannot be read
_OF_ANY_LENGTH = ("PATH", "ERROR", "NAME", "SPEC")
_BETWEEN = 3  # cells of a box between two columns


def lay_out_facts(facts: Mapping[str, Text], box: Box | None) -> RenderableType:
    """Return each fact beside its name: in a box, or aligned."""
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
    """Return a line for each row under the keys of the first; in a box that is too wide, a box for each row.

    One column may be folded, the widest of those with text of any length: an ID must stay whole.
    """
    sizes = {name: max(map(cell_len, chain([name], (row[name].plain for row in rows)))) for name in rows[0]}
    widest = max(sizes, key=lambda name: (name in _OF_ANY_LENGTH, sizes[name]))
    others = sum(sizes.values()) - sizes[widest] + _BETWEEN * len(sizes) + 1
    if box and others + min(sizes[widest], _NARROWEST) > width:
        told = ({name: fact for name, fact in row.items() if fact.plain} for row in rows)
        return Group(*(lay_out_facts(facts, box) for facts in told if facts))
    table = Table(box=box, pad_edge=box is not None, header_style="bold")
    for name in sizes:
        table.add_column(name, overflow="fold", no_wrap=box is None or name != widest)
    for row in rows:
        table.add_row(*row.values())
    return table
