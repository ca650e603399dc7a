"""What replies cost that are as large as a reply may be: seconds, and memory beyond the reply's own.

Usage: python tests/bench/replies.py. Each reply is read by a process of its own.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from modelarts_export.errors import ModelArtsExportError
from tests.support.raw_server import answer_in_sequence, make_reply, make_transport, serve

_MIB = 1024 * 1024
_FORMS: Mapping[str, bytes] = {
    "a million values": b'{"a":[' + b'{"k":"v"},' * 499_990 + b"1]}",
    "empty lists": b"[" + b"[]," * (21 * _MIB) + b"[]]",
    "numbers": b"[" + b"1," * (31 * _MIB) + b"1]",
    "texts": b"[" + b'"",' * (21 * _MIB) + b'""]',
    "brackets": b"[" * (63 * _MIB),
    "one text of commas": b'{"a":"' + b"x," * (31 * _MIB) + b'"}',
    "a text without an end": b'["' + b'\\"' * (31 * _MIB),
}


def read(url: str, form: str) -> None:
    """Read one reply, and print what that cost."""
    before, started = _peak(), time.perf_counter()
    try:
        make_transport(url).get("/x")
        error_name = "read"
    except ModelArtsExportError:
        error_name = "refused"
    print(f"| {form} | {error_name} | {time.perf_counter() - started:.1f} s | {_peak() - before:,} MiB |")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Serve each form to a process that reads it."""
    for form, body in _FORMS.items():
        with serve(answer_in_sequence(make_reply("200 OK", body))) as server:
            subprocess.run([sys.executable, __file__, server.url, form], check=True)


if __name__ == "__main__":
    read(*sys.argv[1:]) if sys.argv[1:] else main()
