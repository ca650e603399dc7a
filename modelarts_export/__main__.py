"""`python -m modelarts_export`, and the console script."""

import gc
import os
import sys

from modelarts_export.cli.supervision import Interruption, supervise

# Imports and specs make many objects and hardly a cycle; the usual thresholds walk over them again and again.
_RARELY = (100_000, 100, 100)


def run() -> None:
    """Run the command line of this process."""
    gc.set_threshold(*_RARELY)
    # Plug-ins of other packages would see every request, and looking for them takes longer than validation.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.exit(supervise(_run_command_line))


def _run_command_line(interruption: Interruption) -> int:
    from modelarts_export.cli.main import main  # noqa: PLC0415 - a signal may come before it is loaded

    return main(interruption=interruption)


if __name__ == "__main__":
    run()
