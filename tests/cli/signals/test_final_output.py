"""The final output after a signal, in subprocesses: it may take long, or its reader may be slow."""

import signal
import subprocess
import sys
import time

ROWS = 100_000  # lines, more than a pipe holds
# The output takes longer to make than a blocked stream is waited for.
PROGRAM = """
import sys, time
from modelarts_export.cli.supervision import supervise

def write_rows():
    time.sleep(0.3)
    for number in range(int(sys.argv[1])):
        print(number)
    sys.stdout.flush()

def run(interruption):
    outputs = [write_rows, lambda: print("report", file=sys.stderr), lambda: print("end", file=sys.stderr)]
    interruption.set_final_output(lambda number: outputs)
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)

supervise(run)
"""


def test_final_output_is_written_whole() -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROWS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stderr.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        out = b""
        while chunk := process.stdout.read(65536):
            out += chunk
            time.sleep(0.02)
        err = process.stderr.read()
    assert (process.returncode, err) == (130, b"report\nend\n")
    assert out.splitlines()[-1] == str(ROWS - 1).encode()
