"""Measure the redaction of debug output: CPU seconds for text of 1 to 64 MiB with 20 secrets.

Usage: python tests/bench/redaction.py. Linear means that four times the text takes four times as long.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from modelarts_export.sanitize import Redactor

_MIB = 1024 * 1024
_SECRETS = [f"SK{number:02}example/0123456789+abcdefghijklmn" for number in range(20)]
_SIZES = (1, 4, 16, 64)  # MiB
_REQUEST = json.dumps(
    {"path": "/bucket/dir/", "url": "https://h/?a=%2Fb%20c", "quoted": json.dumps({"k": "v\n"})}
)


def make_debug_text(size: int, secrets: list[str]) -> str:
    """Return about `size` bytes of headers and JSON bodies, with one of the secrets in each KiB."""
    lines, length = list[str](), 0
    while length < size:
        secret = secrets[len(lines) % len(secrets)]
        block = f"< X-Auth: {secret}\n" + f"< {_REQUEST}\n" * (1024 // len(_REQUEST))
        lines.append(block)
        length += len(block)
    return "".join(lines)


def main() -> None:
    """Print a row for each size, without a secret in the text and with one in each KiB."""
    print("| MiB | no secret found | a secret in each KiB |")
    print("|---|---|---|")
    for size in _SIZES:
        seconds = []
        for found in (["nothing to redact"], _SECRETS):
            text, redactor = make_debug_text(size * _MIB, found), Redactor(_SECRETS)
            start = time.process_time()
            redacted = redactor.redact(text)
            seconds.append(time.process_time() - start)
            if any(secret in redacted for secret in _SECRETS):
                sys.exit("a secret was not redacted")
        print(f"| {size} | {seconds[0]:.2f} s | {seconds[1]:.2f} s |")


if __name__ == "__main__":
    main()
