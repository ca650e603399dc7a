"""The tables of datasets and faults at the end of the help of `sandbox`."""

from collections.abc import Iterable, Iterator
from textwrap import fill

from modelarts_export.cli.options.help_page import format_rows, get_width
from modelarts_export.sandbox.cloud.datasets import BUILT_IN, MISSING_BUCKET
from modelarts_export.sandbox.cloud.samples import SUMMARY
from modelarts_export.sandbox.faults.catalog import KEYS, KINDS

_ORDER = (
    "The first fault that matches a call and is not used up applies; the faults after it do not count that "
    "call. The faults lag, late, date, no-date and clock apply in addition."
)
_EXAMPLES = (
    ("drop:count=1", "the first create call is executed, and its reply is lost"),
    ("429:retry-after=3s,count=2", "the first two create calls get 429"),
    ("500:on=list+show,probability=0.2", "one status check in five fails"),
    ("403:on=projects", "the user may not list the projects of the account"),
    ("lag:for=3s", "a task is neither listed nor shown in its first 3 seconds"),
    ("date:skew=-14m", "the header Date is 14 minutes behind"),
)


def _format_table(title: str, rows: Iterable[tuple[str, str]], note: str = "") -> str:
    """Return a titled table of two columns, and a note below it."""
    rows, width = list(rows), get_width()
    column = max(len(name) for name, _ in rows) + 4
    return "\n".join(["", title, *format_rows(rows, column, width), *([fill(note, width)] if note else [])])


def _format_kinds() -> Iterator[tuple[str, str]]:
    """Yield the name of each kind of fault, and its description with required and [optional] keys."""
    for name, kind in KINDS.items():
        required = [f"{key}={KEYS[key][0]}" for key in kind.required]
        defaults = {**({"on": kind.on} if kind.when else {}), **kind.defaults}
        optional = [f"[{key}={defaults.get(key, KEYS[key][0])}]" for key in (*defaults, *kind.optional)]
        yield name, " ".join([kind.description, *required, *optional])


def format_fault_help() -> str:
    """Return the tables, each after a blank line."""
    datasets = [(name, behavior.description) for name, behavior in BUILT_IN.items()]
    note = f"A path in the bucket {MISSING_BUCKET} is refused with 400, ModelArts.4311. {SUMMARY}"
    tables = (
        _format_table("Datasets, by ID:", datasets, note),
        _format_table("Kinds of a FAULT, which is KIND[:KEY=VALUE,...]:", _format_kinds(), _ORDER),
        _format_table("Keys:", ((f"{key}={form}", meaning) for key, (form, meaning) in KEYS.items())),
        _format_table("Examples:", _EXAMPLES),
    )
    return "\n".join(tables) + "\n"
