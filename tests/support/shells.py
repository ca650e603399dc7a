"""Completion in the real shells, as installed by the program: a line is typed and TAB is pressed."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

from modelarts_export.cli.app import NAME

_MOST_SECONDS = 60.0
_START = {"bash": ["bash", "--noprofile", "-i"], "zsh": ["zsh", "-d", "-i"]}
_KEYS = {"bash": "set -o emacs", "zsh": "bindkey -e"}
_TAB, _BEGIN_OF_LINE = "\t", "\x01"  # Ctrl-A in the bindings of Emacs
_READY, _COMPLETED = "READY", "COMPLETED"  # begin lines that the shell prints
_CONTROL = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\x1b[=>]|\r")


def install(shell: str, home: Path) -> str:
    """Install the completion as a user does, and return what the program says."""
    command = [shell, "-c", f"{NAME} --install-completion; exit"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=_make_environment(home)
    ).stdout


def complete(shell: str, line: str, home: Path) -> str:
    """Return the line after TAB, without the name of the program; completion is installed in `home`."""
    return _ask_fish(line, home) if shell == "fish" else _type(shell, line, home)


def _ask_fish(line: str, home: Path) -> str:
    """Return the line with the one candidate that fish has for it in place of the last word."""
    command = ["fish", "-c", "complete -C $argv[1]", "--", f"{NAME} {line}"]
    environ = _make_environment(home)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ, cwd=home)
    [candidate] = [each.partition("\t")[0] for each in done.stdout.splitlines()]
    return " ".join([*line.split(" ")[:-1], candidate])


def _type(shell: str, line: str, home: Path) -> str:
    """Type the line and TAB into an interactive shell, let it print the line, and return that."""
    terminal, shell_side = pty.openpty()
    with subprocess.Popen(
        _START[shell],
        stdin=shell_side,
        stdout=shell_side,
        stderr=shell_side,
        env=_make_environment(home),
        cwd=home,
        start_new_session=True,
    ) as process:
        try:
            os.close(shell_side)
            _send(terminal, f"{_KEYS[shell]}; echo {_READY[:2]}''{_READY[2:]}\n")
            _read_line(terminal, _READY)
            _send(terminal, f"{NAME} {line}{_TAB}{_BEGIN_OF_LINE}echo {_COMPLETED} \n")
            return _read_line(terminal, f"{_COMPLETED} {NAME} ").rstrip()
        finally:
            process.kill()
            os.close(terminal)


def _send(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def _read_line(terminal: int, begin: str) -> str:
    """Return the rest of the first line that begins so."""
    shown, end = "", time.monotonic() + _MOST_SECONDS
    while time.monotonic() < end:
        if select.select([terminal], [], [], 1.0)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
            found = re.search(f"^{re.escape(begin)}(.*)\n", _CONTROL.sub("", shown), re.MULTILINE)
            if found:
                return found[1]
    raise TimeoutError(shown)


def _make_environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in os.environ.items() if name.startswith(("LANG", "LC_", "COV"))}
    return {**kept, "PATH": path, "HOME": str(home), "TERM": "xterm"}
