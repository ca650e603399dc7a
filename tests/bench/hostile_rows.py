"""Specs of nearly 16 MiB that are designed to take much time or memory, by name."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_SIZE = 16 * 2**20
_MIB = 2**20


def _fill(piece: str, *, before: str = "", after: str = "") -> str:
    """Return a text of nearly 16 MiB that repeats one piece."""
    return before + piece * ((_SIZE - len(before) - len(after)) // len(piece.encode())) + after


def _fill_with_numbers(piece: str, *, before: str = "", width: int = 7) -> str:
    """Return a text of nearly 16 MiB that repeats a piece with a number."""
    count = (_SIZE - len(before)) // (len(piece) - 2 + width)
    return before + "".join(piece.format(f"{number:0{width}d}") for number in range(count))


_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(c)}: &{chr(c)} [{', '.join(9 * [f'*{chr(c - 1)}'])}]\n" for c in range(98, 120)
)
_IN_SAMPLES = "path: /b/d/\nexport_params:\n  samples: ["
_IN_CONDITIONS = "path: /b/d/\nexport_params:\n  search_conditions: ["
HOSTILE: Mapping[str, Callable[[], str]] = {
    "opening brackets": lambda: _fill("["),
    "opening braces": lambda: _fill("{a: "),
    "dashes": lambda: _fill("- "),
    "question marks": lambda: _fill("? "),
    "indents": lambda: "".join(" " * depth + "a:\n" for depth in range(5_700)),
    "[1,1,…]": lambda: _fill("1,", before="[", after="]"),
    "ones as samples": lambda: _fill("1,", before=_IN_SAMPLES, after="]"),
    "half a million numbers as samples": lambda: (
        _fill_with_numbers("{},", before=_IN_SAMPLES)[: 7 * _MIB] + "]"
    ),
    "other numbers as samples": lambda: _fill_with_numbers("0x{},", before=_IN_SAMPLES, width=13) + "]",
    "numbers of base 60": lambda: _fill("1:00:00,", before=_IN_SAMPLES, after="]"),
    "empty samples": lambda: _fill("'',", before=_IN_SAMPLES)[:2_900_000] + "]",
    "samples with a space": lambda: (
        _fill_with_numbers("a {},", before=_IN_SAMPLES, width=13)[:-1_000_000] + "]"
    ),
    "good samples": lambda: _fill_with_numbers("a{},", before=_IN_SAMPLES, width=15)[:-1_000_000] + "]",
    "numbers as conditions": lambda: _fill("1,", before=_IN_CONDITIONS)[:1_900_000] + "]",
    "empty conditions": lambda: _fill("{},", before=_IN_CONDITIONS)[:2_900_000] + "]",
    "conditions with unknown keys": lambda: (
        _fill_with_numbers("{{a{}: 1}},", before=_IN_CONDITIONS)[:4_000_000] + "]"
    ),
    "labels without op": lambda: (
        _fill("{label_list: {labels: [{},{}]}},", before=_IN_CONDITIONS)[:5_000_000] + "]"
    ),
    "unknown keys": lambda: _fill_with_numbers("k{}: 1\n", before="path: /b/d/\n"),
    "20,000 unknown keys": lambda: "".join(f"export_typ{number}: 1\n" for number in range(20_000)),
    "duplicate keys": lambda: _fill("a: 1\n")[:2_490_000],
    "tagged values": lambda: _fill("- !a b\n", before="path:\n")[:6_900_000],
    "keys that are no strings": lambda: _fill("1: a\n")[:2_490_000],
    "one long key": lambda: "k" * (_SIZE - 3) + ": 1",
    "long keys": lambda: "".join(f'? "{"k" * 150_000}{number}"\n: 1\n' for number in range(100)),
    "one long value": lambda: "path: " + "b" * (_SIZE - 6),
    "one long number": lambda: "path: " + "1" * (_SIZE - 6),
    "a long number of base 60": lambda: _fill(":1", before="path: 1"),
    "a long fraction": lambda: "path: 1." + "1" * (_SIZE - 8),
    "blanks after an anchor": lambda: "a: &x" + " " * 15 * _MIB,
    "comments after an anchor": lambda: _fill("# \n", before="path: &a\n", after="  b"),
    "aliases of a long value": lambda: (
        f"path: &x {'b' * _MIB}\nexport_params: {{samples: [{'*x,' * 1_000}]}}"
    ),
    "60 aliases of a long value": lambda: (
        f"name: &x {'数' * (_MIB // 2)}\npath: /b/d/\nexport_params: {{samples: [{'*x,' * 60}]}}"
    ),
    "aliases of a bad value": lambda: (
        f"path: &x {'é' * (_MIB // 4)}\nexport_params: {{samples: [{'*x,' * 200}]}}"
    ),
    "aliases": lambda: _fill("*x,", before="a: &x 1\nb: [", after="]"),
    "aliases of aliases": lambda: _LAUGHS,
    "anchors": lambda: _fill_with_numbers("&a{} 1,", before="[", width=8),
    "documents": lambda: _fill("---\n"),
    "good documents": lambda: _fill_with_numbers("--- {{path: /b/d{}/}}\n"),
    "documents with unknown keys": lambda: "".join(
        f"--- {{path: /b/{number}/{''.join(f',k{key}: 1' for key in range(22))}}}\n"
        for number in range(20_000)
    ),
    "documents that warn": lambda: "".join(f"--- {{path: /b/{number}.x/}}\n" for number in range(20_000)),
    "a million variables": lambda: _fill("${X:-y}", before="name: "),
    "dollars": lambda: _fill("$$", before="name: "),
    "variables that grow": lambda: _fill("'${now:%c%c%c%c%c%c%c%c%c%c%c%c}',", before=_IN_SAMPLES) + "]",
    "a variable without an end": lambda: _fill("${", before="name: "),
    "JSON with tabs": lambda: _fill("[],", before='{"path":\t[', after="[]]}"),
    "JSON with pairs": lambda: _fill("\\ud83d\\ude00", before='{"name":\t"', after='"}'),
    "JSON without an end": lambda: _fill('{"a":\t'),
    "line ends": lambda: _fill("\n"),
    "comments": lambda: _fill("#\n"),
    "colons": lambda: _fill("a:"),
    "a list of words": lambda: _fill("word ", before="PASSWORD=x "),
    "quotes": lambda: _fill("'' "),
    "ideographs": lambda: _fill("数", before="name: "),
    "one emoji": lambda: "name: 😀" + "a" * (_SIZE - 10),
    "a character that is not allowed": lambda: "name: " + "a" * (_SIZE - 7) + "\x01",
}

if __name__ == "__main__":  # write them into a folder
    for index, (name, make) in enumerate(HOSTILE.items()):
        (Path(sys.argv[1]) / f"{index:02} {name}").write_text(make(), encoding="utf-8")
