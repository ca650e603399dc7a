"""The program as a command line of the interpreter that runs the tests."""

import sys

PROGRAM = [sys.executable, "-m", "modelarts_export"]
