"""`python -m modelarts_export`, and the console script."""

import gc
import os
import signal
import sys

# Imports and specs make many objects and hardly a cycle; the usual thresholds walk over them again and again.
_RARELY = (100_000, 100, 100)
_INTERRUPTED = 130


def run() -> None:
    """Run the command line of this process; SIGTERM ends it as Ctrl-C does, with a code of its own."""
    gc.set_threshold(*_RARELY)
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        from modelarts_export.cli import main  # noqa: PLC0415 - an interruption may come before it is there

        code = main()
    except KeyboardInterrupt:  # at once: Python would end by SIGINT, if this came out of an exec of its own
        os._exit(128 + (received or [signal.SIGINT])[0])
    sys.exit(128 + received[0] if received and code == _INTERRUPTED else code)


if __name__ == "__main__":
    run()
