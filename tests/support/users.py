"""Another user than root, who may read and write every file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_NOBODY = 65534  # the user that owns nothing


@contextmanager
def without_root() -> Iterator[None]:
    """Act as another user if this one is root.

    That user may not read the modules of the program: those that are needed must be loaded before.
    """
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
