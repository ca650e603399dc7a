"""`python -m modelarts_export`, and the console script."""

import gc
import os
import sys
from types import ModuleType
from typing import NoReturn

from modelarts_export.cli.supervision import Interruption, supervise

# Imports and specs make many objects and hardly a cycle; the usual thresholds walk over them again and again.
_RARELY = (100_000, 100, 100)


def run() -> None:
    """Run the command line of this process."""
    gc.set_threshold(*_RARELY)
    _disable_plugins()
    _exit(supervise(_run_command_line))


def _disable_plugins() -> None:
    """Make pydantic load no plug-ins of other packages, which would see every request.

    The module that finds them would still load `importlib.metadata` with email, csv and zipfile. So it is
    replaced; if another release of pydantic has it elsewhere, a start takes longer.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    finder = ModuleType("pydantic.plugin._loader")
    vars(finder)["get_plugins"] = tuple  # there are none
    sys.modules[finder.__name__] = finder


def _run_command_line(interruption: Interruption) -> int:
    from modelarts_export.cli.main import main  # noqa: PLC0415 - a signal may come before it is loaded

    return main(interruption=interruption)


def _exit(code: int) -> NoReturn:
    """Exit without taking the interpreter apart: freeing all objects takes a fifth of a short command."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # a closed one
                stream.flush()
    except (OSError, ValueError):
        sys.exit(code)  # Python reports what cannot be written
    os._exit(code)


if __name__ == "__main__":
    run()
